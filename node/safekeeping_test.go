package node

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"salon/ledger"
)

const passphrase = "correct horse battery staple"

// cheap is a cost for safes whose passphrase nobody tries: with the race detector, newSafeCost is two seconds each.
var cheap = safeCost{passes: 1, memory: 8, lanes: 1}

// Keys, name and ledger come back on another computer, as the same device, in the next epoch.
func TestSafe(t *testing.T) {
	computes(t)
	h := homeWithLedger(t, 3)
	if _, err := h.SetName("Ana"); err != nil {
		t.Fatal(err)
	}
	who := h.Identity().Author()
	l, err := OpenLedger(h, noon)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "safe")
	s, err := SafeKeys(h.Dir, path, passphrase, l.Backup, noon)
	if err = errors.Join(err, l.Close()); err != nil || s != (Safe{Person: who.Person, Name: "Ana", Made: noon.UnixMilli(), Entries: 4}) {
		t.Fatalf("%+v, %v", s, err)
	}
	if st, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && st.Mode().Perm() != 0o600 {
		t.Errorf("mode %o, %v", st.Mode(), err)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"person.key", "device.key"} {
		text, err := os.ReadFile(h.path(name))
		if err != nil || bytes.Contains(raw, text[:8]) {
			t.Errorf("%s can be read in it: %v", name, err)
		}
	}
	h.Close()

	dir := filepath.Join(t.TempDir(), "new")
	later := noon.Add(24 * time.Hour)
	if _, err := OpenSafe(dir, path, "correct horse battery stable", later); !errors.Is(err, ErrPassphrase) {
		t.Errorf("another passphrase: %v", err)
	}
	if got, err := OpenSafe(dir, path, passphrase, later); err != nil || got != s {
		t.Fatalf("%+v, %v", got, err)
	}
	again := openHome(t, dir, later)
	if again.Identity().Author() != who || again.Name() != "Ana" {
		t.Errorf("it is %+v, %s now", again.Identity().Author(), again.Name())
	}
	l, err = OpenLedger(again, later)
	if err != nil {
		t.Fatal(err)
	}
	v, err := l.View()
	if err = errors.Join(err, l.Close()); err != nil || v.Epoch != 1 || v.Entries != 5 {
		t.Errorf("the ledger is %+v, %v", v, err)
	}
	again.Close()
	if left, err := filepath.Glob(filepath.Join(dir, "safe.*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}

	// It is not done twice, nor over somebody else.
	if _, err := OpenSafe(dir, path, passphrase, later); !errors.Is(err, ErrHasKeys) {
		t.Errorf("over itself: %v", err)
	}
	other := openHome(t, t.TempDir(), noon)
	other.Close()
	if _, err := OpenSafe(other.Dir, path, passphrase, later); !errors.Is(err, ErrHasKeys) {
		t.Errorf("over somebody else: %v", err)
	}
	// What broke off after the keys can be done again.
	if err := os.RemoveAll(filepath.Join(dir, ledgerFolder)); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenSafe(dir, path, passphrase, later); err != nil {
		t.Errorf("again: %v", err)
	}
}

// A file of version 1 opens for ever: testdata/keys-1.safe was written when there was no other.
func TestSafeOfVersion1(t *testing.T) {
	computes(t)
	dir := t.TempDir()
	s, err := OpenSafe(dir, filepath.Join("testdata", "keys-1.safe"), passphrase, noon)
	if err != nil || s.Person.Short() != "hsy4gu" || s.Name != "Ana" || s.Made != noon.UnixMilli() || s.Entries != 2 {
		t.Fatalf("%+v, %v", s, err)
	}
	h := openHome(t, dir, noon)
	defer h.Close()
	if v, err := CheckLedger(h, false); err != nil || !v.Good || v.Entries != 3 || h.Identity().Author().Person != s.Person {
		t.Errorf("%+v, %v", v, err)
	}
}

// Whatever byte of a safe is changed or missing, it does not open, and says that it is damaged and not that the
// passphrase is wrong.
func TestDamagedSafe(t *testing.T) {
	t.Parallel()
	h := openHome(t, t.TempDir(), noon)
	defer h.Close()
	path := filepath.Join(t.TempDir(), "safe")
	if s, err := SafeKeys(h.Dir, path, passphrase, nil, noon); err != nil || s.Entries != 0 {
		t.Fatalf("%+v, %v", s, err)
	}
	dear, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	content, err := unsealSafe(dear, passphrase)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := sealSafe(content, passphrase, cheap)
	if err != nil || len(raw) != len(dear) {
		t.Fatalf("%d bytes, %v", len(raw), err)
	}
	for at := range raw {
		want := ErrSafe
		if at < len(safeMagic) {
			want = ErrNoSafe
		}
		if _, err := unsealSafe(flipped(raw, at), passphrase); !errors.Is(err, want) {
			t.Errorf("byte %d: %v, want %v", at, err, want)
		}
	}
	for _, n := range []int{len(safeMagic), safeHead - 1, safeHead, safeHead + 1, len(raw) - 1} {
		if _, err := unsealSafe(raw[:n], passphrase); !errors.Is(err, ErrSafe) {
			t.Errorf("its first %d bytes: %v", n, err)
		}
	}
	if _, err := unsealSafe(append(bytes.Clone(raw), 0), passphrase); !errors.Is(err, ErrSafe) {
		t.Errorf("a byte more: %v", err)
	}
	if _, err := unsealSafe(nil, passphrase); !errors.Is(err, ErrNoSafe) {
		t.Errorf("nothing: %v", err)
	}
}

func flipped(b []byte, at int) []byte {
	c := bytes.Clone(b)
	c[at] ^= 0x10
	return c
}

// Chunks are told apart: a content that ends where one does, and chunks that are left out or moved.
func TestSafeOfSeveralChunks(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 1, safeChunk - 1, safeChunk, safeChunk + 1, 2 * safeChunk} {
		content := bytes.Repeat([]byte{7}, size)
		raw, err := sealSafe(content, passphrase, cheap)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := unsealSafe(raw, passphrase); err != nil || !bytes.Equal(got, content) {
			t.Errorf("%d bytes came back as %d, %v", size, len(got), err)
		}
		if size != 2*safeChunk {
			continue
		}
		const sealed = safeChunk + safeTag
		one, two, rest := raw[safeHead:safeHead+sealed], raw[safeHead+sealed:safeHead+2*sealed], raw[safeHead+2*sealed:]
		for name, chunks := range map[string][][]byte{"cut at a chunk": {one, two}, "one is left out": {one, rest}, "two change places": {two, one, rest}, "one comes twice": {one, one, two, rest}} {
			if _, err := unsealSafe(append(bytes.Clone(raw[:safeHead]), bytes.Join(chunks, nil)...), passphrase); !errors.Is(err, ErrSafe) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

func TestSafeIsRefused(t *testing.T) {
	computes(t)
	h := openHome(t, t.TempDir(), noon)
	defer h.Close()
	dir := t.TempDir()
	path := filepath.Join(dir, "safe")
	if _, err := SafeKeys(h.Dir, path, "too short", nil, noon); !errors.Is(err, ErrOption) {
		t.Errorf("a short passphrase: %v", err)
	}
	if _, err := SafeKeys(t.TempDir(), path, passphrase, nil, noon); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a home without keys: %v", err)
	}
	broken := errors.New("broken")
	if _, err := SafeKeys(h.Dir, path, passphrase, func(io.Writer) error { return broken }, noon); !errors.Is(err, broken) {
		t.Errorf("a ledger that cannot be read: %v", err)
	}
	junk := func(w io.Writer) error { _, err := w.Write([]byte("no segment at all")); return err }
	if _, err := SafeKeys(h.Dir, path, passphrase, junk, noon); !errors.Is(err, ledger.ErrCorrupt) {
		t.Errorf("a ledger that is none: %v", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("something was written: %v, %v", left, err)
	}
	if err := os.WriteFile(path, []byte("Dear Ana"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := SafeKeys(h.Dir, path, passphrase, nil, noon); !errors.Is(err, os.ErrExist) {
		t.Errorf("over a letter: %v", err)
	}
	// A safe is replaced by a newer one of the same person and passphrase, and by no other.
	other := openHome(t, t.TempDir(), noon)
	defer other.Close()
	safe := filepath.Join(dir, "mine")
	for i, row := range []struct {
		home       *Home
		passphrase string
		want       error
	}{{h, passphrase, nil}, {h, passphrase, nil}, {h, passphrase + "!", ErrPassphrase}, {other, passphrase, os.ErrExist}} {
		if _, err := SafeKeys(row.home.Dir, safe, row.passphrase, nil, noon); !errors.Is(err, row.want) {
			t.Errorf("safe %d: %v, want %v", i, err, row.want)
		}
	}
	if o, err := OpenSafe(t.TempDir(), safe, passphrase, noon); err != nil || o.Person != h.Identity().Author().Person {
		t.Errorf("it is now of %s, %v", o.Person.Short(), err)
	}
	if _, err := OpenSafe(h.Dir, path, passphrase, noon); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("into a home that is open: %v", err)
	}
}
