// Package alike says of a name whether it may be taken for another, as of somebody who wants to be paid in that one's place.
//
// A name is whatever its bearer likes; who somebody is, their key says. Always:
//
//   - A name is never refused here: people are called what they are called. It is shown with a word of warning.
//   - What is compared is what is seen: letters of other alphabets count as those that they look like, what is invisible does not count.
//   - Only the names of those whom a person knows are protected. Of two strangers with one name neither is the right one.
//
// The package is pure: it knows names and keys, and no rooms.
package alike

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"salon/ledger/doc"
)

// visible folds a name to what is seen of it: compatible letters are one, and what has no shape is gone.
func visible(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.In(r, unicode.Cf, unicode.Cc, unicode.Variation_Selector) || r == '\u034f' {
			return -1
		}
		return r
	}, norm.NFKC.String(name))
}

// shape is a name as it is seen at a glance: small and capital letters differ, as their shapes do.
func shape(name string) string {
	return pairsAsOne.Replace(by(ascii, by(foreign, visible(name))))
}

// sound is a name as it is read: in small letters, whatever they are written in.
func sound(name string) string { return by(foreign, strings.ToLower(visible(name))) }

// by puts other letters for those of a name. Marks stay on theirs: the Cyrillic letter below an accent looks like the Latin one below it.
func by(letters map[rune]rune, name string) string {
	mapped := strings.Map(func(r rune) rune {
		if to, ok := letters[r]; ok {
			return to
		}
		return r
	}, norm.NFD.String(name))
	return strings.Join(strings.Fields(norm.NFC.String(mapped)), " ")
}

var pairsAsOne = strings.NewReplacer("rn", "m", "vv", "w", "VV", "W")

// east are the scripts that are written beside each other, and beside Latin, in one word.
var east = []*unicode.RangeTable{unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Bopomofo}

// Mixed reports whether a word of a name has letters of several scripts, which words of no language have but those of the Far East.
func Mixed(name string) bool {
	for _, word := range strings.FieldsFunc(visible(name), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsMark(r) }) {
		var first *unicode.RangeTable
		for _, r := range word {
			s := script(r)
			switch {
			case s == nil:
			case first == nil:
				first = s
			case first != s:
				return true
			}
		}
	}
	return false
}

// script is that of a letter; nil for what belongs to every script, or to those that are mixed.
func script(r rune) *unicode.RangeTable {
	if r < unicode.MaxASCII && unicode.IsLetter(r) {
		return unicode.Latin
	}
	if !unicode.IsLetter(r) || unicode.In(r, east...) || unicode.In(r, unicode.Common, unicode.Inherited) {
		return nil
	}
	for _, s := range unicode.Scripts {
		if unicode.Is(s, r) {
			return s
		}
	}
	return nil
}

// Known are the people whom a person knows, by the shapes of their names. The zero value knows nobody. Its caller serialises Add.
type Known struct {
	by map[string][]bearer
}

type bearer struct {
	who  doc.PublicKey
	name string
}

// Add has a name protected. Somebody may have several.
func (k *Known) Add(who doc.PublicKey, name string) {
	if name == "" || who.IsZero() {
		return
	}
	if k.by == nil {
		k.by = map[string][]bearer{}
	}
	for _, key := range keys(name) {
		k.by[key] = append(k.by[key], bearer{who, name})
	}
}

// Like finds somebody else who is known by such a name, unless who bears it is known by it too.
func (k *Known) Like(who doc.PublicKey, name string) (other string, found bool) {
	if k == nil || len(k.by) == 0 || name == "" {
		return "", false
	}
	for _, key := range keys(name) {
		for _, b := range k.by[key] {
			if b.who == who {
				return "", false
			}
			if !found {
				other, found = b.name, true
			}
		}
	}
	return other, found
}

// keys are what a name is found by.
func keys(name string) [2]string { return [2]string{"shape " + shape(name), "sound " + sound(name)} }
