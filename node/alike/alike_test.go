package alike

import (
	"testing"
	"unicode/utf8"

	"salon/ledger/doc"
)

func key(n byte) doc.PublicKey { return doc.PublicKey{n} }

// Names that are to be taken for that of somebody who is known, and names that are not.
func TestLike(t *testing.T) {
	var known Known
	for i, name := range []string{"Ana", "William", "Ian", "Иван", "Zoë", "Ян"} {
		known.Add(key(byte(i+1)), name)
	}
	for _, c := range []struct{ what, name, like string }{
		{"the same", "Ana", "Ana"},
		{"a Cyrillic a", "An\u0430", "Ana"},
		{"all Cyrillic but for the n", "\u0410n\u0430", "Ana"},
		{"Greek", "\u0391n\u03b1", "Ana"},
		{"in capitals", "ANA", "Ana"},
		{"of full width", "Ａｎａ", "Ana"},
		{"of mathematics", "𝐀𝐧𝐚", "Ana"},
		{"with what cannot be seen", "A\u200bn\u00ada", "Ana"},
		{"turned round by a bidi override", "\u202eAna", "Ana"},
		{"two spaces", "  Ana ", "Ana"},
		{"a one for an l", "Wi1liam", "William"},
		{"an I for an l", "WilIiam", "William"},
		{"r and n for an m", "Williarn", "William"},
		{"two v for a w", "vvilliam", ""}, // no capital has that shape
		{"an l for an I", "lan", "Ian"},
		{"Cyrillic in another case", "ИВАН", "Иван"},
		{"a letter of Latin in a Cyrillic name", "Ив\u0061н", "Иван"},
		{"an accent of its own", "Zoe\u0308", "Zoë"},
		{"a Cyrillic e below the accent", "Zo\u0435\u0308", "Zoë"},
		{"another name", "Anna", ""},
		{"another name, that begins with L", "Lan", ""},
		{"without the accent", "Zoe", ""},
		{"none", "", ""},
	} {
		if got, _ := known.Like(key(99), c.name); got != c.like {
			t.Errorf("%s: %q is like %q, want %q", c.what, c.name, got, c.like)
		}
	}
	if got, like := known.Like(key(1), "An\u0430"); like {
		t.Errorf("one's own name is like %q", got)
	}
	var nobody *Known
	if _, like := nobody.Like(key(1), "Ana"); like {
		t.Error("nobody is known")
	}
}

// Who is known by a name may bear it, whoever else does.
func TestTwoOfOneName(t *testing.T) {
	var known Known
	known.Add(key(1), "Ana")
	known.Add(key(2), "Ana")
	known.Add(key(2), "Anja")
	known.Add(doc.PublicKey{}, "Bo")
	for n, want := range map[byte]bool{1: false, 2: false, 3: true} {
		if _, like := known.Like(key(n), "Ana"); like != want {
			t.Errorf("number %d: %t", n, like)
		}
	}
	if _, like := known.Like(key(3), "Bo"); like {
		t.Error("like nobody")
	}
}

func TestMixed(t *testing.T) {
	for name, want := range map[string]bool{
		"Ana": false, "Анна": false, "An\u0430": true, "\u0391na": true, "Ana Иванова": false, "Zoë-Луна": false, "田中Taro": false, "さくら桜": false,
		"Ana 2": false, "O'Brien": false, "": false, "Ａna": false, "мир\u202ea": true, "علی": false, "Ali علی": false, "Aliعلی": true, "e\u0301": false, "김Kim": false,
	} {
		if got := Mixed(name); got != want {
			t.Errorf("%q: %t", name, got)
		}
	}
}

// Each letter of the table stands for one of ASCII, and is in it once.
func TestLetters(t *testing.T) {
	seen := map[rune]bool{}
	for _, p := range pairs {
		if a, b := utf8.RuneCountInString(p[0]), utf8.RuneCountInString(p[1]); a != b {
			t.Errorf("%d letters look like %d: %s", a, b, p[0])
			continue
		}
		for _, r := range p[0] {
			if seen[r] {
				t.Errorf("%c %U is there twice", r, r)
			}
			seen[r] = true
		}
		for _, r := range p[1] {
			if r > 127 {
				t.Errorf("%c %U is not of ASCII", r, r)
			}
		}
		for _, r := range p[0] {
			if r < 128 || visible(string(r)) != string(r) {
				t.Errorf("%c %U is folded before", r, r)
			}
		}
	}
}

func FuzzLike(f *testing.F) {
	f.Add("An\u0430", "\u202eAna")
	f.Add("\xff", "ﷺ")
	f.Fuzz(func(t *testing.T, a, b string) {
		if len(a) > 1<<10 || len(b) > 1<<10 {
			return
		}
		var known Known
		known.Add(key(1), a)
		_, like := known.Like(key(2), b)
		known = Known{}
		known.Add(key(1), b)
		if _, other := known.Like(key(2), a); like != other {
			t.Errorf("%q and %q: %t one way, %t the other", a, b, like, other)
		}
		Mixed(a)
	})
}
