package ledger

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"salon/ledger/doc"
)

// A note is free text beside an order. The log holds only its hash: the text is a file of its own, so that it can be
// erased, and no backup has it. The salt keeps a short text from being guessed from the hash.
//
//	offset  size  field
//	0       16    salt
//	16      n     text

const (
	noteKind = "note"
	noteSalt = 16
	MaxNote  = 64 // runes
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

// notesName is the folder of a ledger's notes, each named by its ID.
const notesName = "notes"

// takeNotes takes the notes out of an entry's documents, and returns them.
func (e *Entry) takeNotes() map[ID][]byte {
	var notes map[ID][]byte
	for i, n := range e.names() {
		if n.kind == noteKind && len(e.Docs[i]) > 0 {
			if notes == nil {
				notes, e.Docs = map[ID][]byte{}, slices.Clone(e.Docs)
			}
			notes[n.id], e.Docs[i] = e.Docs[i], nil
		}
	}
	return notes
}

// writeNotes makes notes durable. It comes before the entries that name them: a crash in between leaves a file that
// nothing names, and never an entry whose note was acknowledged and lost.
func writeNotes(fs files, dir string, notes map[ID][]byte) error {
	for id, raw := range notes {
		if err := writeFile(fs, filepath.Join(dir, notesName, id.String()), raw); err != nil {
			return fmt.Errorf("note: %w", err)
		}
	}
	if len(notes) == 0 {
		return nil
	}
	return fs.syncDir(filepath.Join(dir, notesName))
}

func writeFile(fs files, path string, b []byte) error {
	f, err := fs.open(path+".new", os.O_RDWR|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(b, 0)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return fs.rename(path+".new", path)
}

// Note returns the text of a note, empty if it was erased or never came.
func (s *Store) Note(id ID) (string, error) {
	raw, err := s.RawNote(id)
	return NoteText(raw), err
}

// RawNote returns a note with its salt, to show it to others; nil if it was erased or never came.
func (s *Store) RawNote(id ID) ([]byte, error) {
	raw, err := os.ReadFile(filepath.Join(s.dir, notesName, id.String()))
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, err
	case noteID(raw) != id:
		return nil, fmt.Errorf("%w: note %s", ErrCorrupt, id.Short())
	}
	return raw, nil
}

// EraseNote takes a note's text off the disk. The log stays as it is, and verifies as before.
func (s *Store) EraseNote(id ID) error {
	err := s.fs.remove(filepath.Join(s.dir, notesName, id.String()))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return s.fs.syncDir(filepath.Join(s.dir, notesName))
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
