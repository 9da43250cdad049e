package ledger

import (
	"crypto/rand"
	"fmt"

	"salon/ledger/doc"
)

// A note is free text beside an order. It is stored beside the log, which holds only its hash, so that it can be erased.
// The salt keeps a short text from being guessed from the hash.
//
//	offset  size  field
//	0       16    salt
//	16      n     text

const (
	noteKind = "note"
	noteSalt = 16
	MaxNote  = 280 // runes
)

// NewNote salts a text.
func NewNote(text string) ([]byte, ID, error) {
	salt := make([]byte, noteSalt)
	rand.Read(salt)
	raw := append(salt, text...)
	return raw, noteID(raw), checkNote(raw)
}

// NoteText returns the text of a note, empty if it was erased.
func NoteText(raw []byte) string {
	if len(raw) < noteSalt {
		return ""
	}
	return string(raw[noteSalt:])
}

func noteID(raw []byte) ID { return identify(noteKind, raw) }

func checkNote(raw []byte) error {
	if len(raw) == 0 { // erased
		return nil
	}
	if len(raw) <= noteSalt {
		return fmt.Errorf("note: %w: %d bytes", doc.ErrText, len(raw))
	}
	return checkText("note", string(raw[noteSalt:]), MaxNote)
}
