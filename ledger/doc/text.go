package doc

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

const maxMarks = 4 // combining marks on one letter; more climb over the lines above

// CleanText returns s as it may be shown beside other people's text: NFC, trimmed, every run of white space one
// plain space, without the invisible characters that make two names look alike or turn text around. An empty
// result is not an error; the caller knows whether something is required. Control and private characters,
// broken UTF-8 and more than maxRunes runes are refused.
//
// What CleanText returns, it returns again unchanged, so a received text is checked by comparing.
func CleanText(s string, maxRunes int) (string, error) {
	// Bound the work before doing it: no rune is longer than 4 bytes, and NFC shortens at most threefold
	// what people type.
	if len(s) > 16*maxRunes {
		return "", fmt.Errorf("%w: at most %d characters", ErrTextLong, maxRunes)
	}
	if !utf8.ValidString(s) {
		return "", fmt.Errorf("%w: not UTF-8", ErrText)
	}
	runes := []rune(norm.NFC.String(s))
	var b strings.Builder
	marks, space := 0, false
	for i, r := range runes {
		switch {
		case unicode.IsSpace(r):
			space = b.Len() > 0
			continue
		case unicode.In(r, unicode.Cc, unicode.Co, unicode.Noncharacter_Code_Point):
			return "", fmt.Errorf("%w: %U", ErrText, r)
		case r == zwnj && i > 0 && i+1 < len(runes) && joinsForward(runes[i-1]) && isArabicLetter(runes[i+1]):
			// Persian spelling needs it, and there it can be seen: it parts two letters that would join.
		case invisible(r):
			continue
		}
		if unicode.Is(unicode.M, r) {
			if marks++; marks > maxMarks {
				continue
			}
		} else {
			marks = 0
		}
		if space {
			b.WriteByte(' ')
			space = false
		}
		b.WriteRune(r)
	}
	// What stood apart may have come together.
	out := norm.NFC.String(b.String())
	if n := utf8.RuneCountInString(out); n > maxRunes {
		return "", fmt.Errorf("%w: at most %d characters, have %d", ErrTextLong, maxRunes, n)
	}
	return out, nil
}

const zwnj = '\u200c' // zero width non-joiner

// invisible covers format characters (zero width, bidi controls, tags), variation selectors, fillers and the
// blank Braille cell. Emoji held together by joiners fall apart into their members, which still can be read.
func invisible(r rune) bool {
	return r == '\u2800' ||
		unicode.In(r, unicode.Cf, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point)
}

func isArabicLetter(r rune) bool { return unicode.Is(unicode.Arabic, r) && unicode.Is(unicode.Lo, r) }

// joinsForward reports whether an Arabic letter connects to the one after it. Most do; those that never do
// (alef, dal, reh, waw and their kin; Unicode's ArabicShaping.txt, joining type R or U) are listed here for the basic block.
// Elsewhere the answer is no: a lost non-joiner is a small harm, an unseen one in a name is not.
func joinsForward(r rune) bool {
	if r < 0x0620 || r > 0x06d3 || !isArabicLetter(r) {
		return false
	}
	switch {
	case r == 0x0621, r == 0x0674, r >= 0x0622 && r <= 0x0625, r == 0x0627, r == 0x0629,
		r >= 0x062f && r <= 0x0632, r == 0x0648,
		r >= 0x0671 && r <= 0x0673, r >= 0x0675 && r <= 0x0677,
		r >= 0x0688 && r <= 0x0699, r == 0x06c0, r >= 0x06c3 && r <= 0x06cb,
		r == 0x06cd, r == 0x06cf, r == 0x06d2, r == 0x06d3:
		return false
	}
	return true
}
