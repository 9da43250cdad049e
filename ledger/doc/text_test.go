package doc

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestCleanText(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"plain", "Ana", "Ana"},
		{"empty", "", ""},
		{"only space", " \t\n ", ""},
		{"space around and within", "  Ana \t\n  Lima ", "Ana Lima"},
		{"no-break and ideographic space", "Ana\u00a0\u3000Lima", "Ana Lima"},
		{"letters and marks come together", "Rene\u0301", "Ren\u00e9"},
		{"zero width space", "A\u200bna", "Ana"},
		{"zero width around a space", "A \u200b na", "A na"},
		{"byte order mark", "\ufeffAna", "Ana"},
		{"bidi override", "Ana\u202egnp", "Anagnp"},
		{"bidi isolate", "\u2066Ana\u2069", "Ana"},
		{"soft hyphen", "A\u00adna", "Ana"},
		{"Hangul filler", "\u3164Ana", "Ana"},
		{"blank Braille", "A\u2800na", "Ana"},
		{"combining grapheme joiner", "A\u034fna", "Ana"},
		{"variation selector", "\u2764\ufe0f", "\u2764"},
		{"tag characters", "A\U000e0041na", "Ana"},
		{"a family falls apart", "👩\u200d👧", "👩👧"},
		{"Persian non-joiner stays", "می\u200cخواهم", "می\u200cخواهم"},
		{"non-joiner that shows nothing goes", "دا\u200cم", "دام"},
		{"non-joiner in Latin goes", "A\u200cna", "Ana"},
		{"non-joiner at the end goes", "می\u200c", "می"},
		{"two non-joiners are one too many", "می\u200c\u200cخ", "میخ"},
		{"Persian", "گفت\u200cوگو با دوستان", "گفت\u200cوگو با دوستان"},
		{"marks in a tower", "a" + strings.Repeat("\u0324", 9), "a" + strings.Repeat("\u0324", 4)},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := CleanText(c.in, 40)
			if err != nil || got != c.want {
				t.Errorf("CleanText(%q) = %q, %v, want %q", c.in, got, err, c.want)
			}
		})
	}
	for _, c := range []struct {
		name, in string
		want     error
	}{
		{"zero byte", "a\x00b", ErrText},
		{"escape", "a\x1b[31m", ErrText},
		{"delete", "a\x7f", ErrText},
		{"not UTF-8", "a\xff", ErrText},
		{"private use", "a\ue000", ErrText},
		{"noncharacter", "a\ufdd0", ErrText},
		{"too long", strings.Repeat("a", 41), ErrTextLong},
		{"much too long", strings.Repeat(" ", 10_000), ErrTextLong},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, err := CleanText(c.in, 40); !errors.Is(err, c.want) {
				t.Errorf("CleanText(%q) = %q, %v, want %v", c.in, got, err, c.want)
			}
		})
	}
}

func FuzzCleanText(f *testing.F) {
	for _, s := range []string{"Ana", " می\u200cخواهم ", "e\u0301\u200b\u0301", "\u1100\u200b\u1161", "a\u034f\u0324\u0301",
		"\u0958\u0958", "ب\u200c\u0654ب"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		once, err := CleanText(s, 40)
		if err != nil {
			return
		}
		if twice, err := CleanText(once, 40); err != nil || twice != once {
			t.Errorf("%q becomes %q, then %q, %v", s, once, twice, err)
		}
		if utf8.RuneCountInString(once) > 40 || strings.TrimSpace(once) != once {
			t.Errorf("%q becomes %q", s, once)
		}
	})
}
