package node

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// To save the keys is offered once there is something to lose, until it is done or put off; what is saved makes the same person.
func TestKeysAreOfferedOnce(t *testing.T) {
	ana := startNode(t, "Ana", nil)
	if v := ana.KeysKept(); v.Due || v.Saved != 0 {
		t.Errorf("before anything happened: %+v", v)
	}
	s := byTicket
	s.Title = "Evening"
	if _, err := ana.StartRoom(s); err != nil {
		t.Fatal(err)
	}
	if v := ana.KeysKept(); !v.Due {
		t.Errorf("after the first room: %+v", v)
	}
	for _, later := range []bool{true, false} {
		if err := ana.KeepKeysLater(later); err != nil || ana.KeysKept().Due == later {
			t.Errorf("later %t: %+v, %v", later, ana.KeysKept(), err)
		}
	}
	var no *UserError
	if _, err := ana.ExportKeys("too short", time.Now()); !errors.As(err, &no) || no.Code != "bad_passphrase" || !ana.KeysKept().Due {
		t.Errorf("a short passphrase: %v, %+v", err, ana.KeysKept())
	}
	const word = "correct horse battery staple"
	sealed, err := ana.ExportKeys(word, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if v := ana.KeysKept(); v.Due || v.Saved == 0 {
		t.Errorf("after it was saved: %+v", v)
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "safe")
	if err := os.WriteFile(path, sealed, 0o600); err != nil {
		t.Fatal(err)
	}
	safe, err := OpenSafe(filepath.Join(dir, "home"), path, word, time.Now())
	if err != nil || safe.Person != ana.Person() || safe.Entries == 0 {
		t.Errorf("from the file: %+v, %v", safe, err)
	}
}
