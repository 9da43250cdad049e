package node

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"salon/ledger"
)

// homeWithLedger is a home whose ledger has an entry for each payment address; the caller closes it.
func homeWithLedger(t *testing.T, addresses int) *Home {
	t.Helper()
	h := openHome(t, t.TempDir(), noon)
	s, err := ledger.Open(h.LedgerOptions(noon))
	if err != nil {
		t.Fatal(err)
	}
	for range addresses {
		if _, err := s.Append(noon, func(*ledger.Books) ([]ledger.Draft, error) {
			return []ledger.Draft{{Body: &ledger.RailKey{Rail: "lnd", Address: "node", To: 1}}}, nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Checkpoint(noon); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return h
}

func TestNoLedgerIsEmpty(t *testing.T) {
	h := openHome(t, t.TempDir(), noon)
	defer h.Close()
	l, err := OpenLedger(h, noon)
	if l != nil || err != nil {
		t.Fatalf("%v, %v", l, err)
	}
	if v, err := l.View(); err != nil || v.Entries != 0 || v.Balances == nil {
		t.Errorf("%+v, %v", v, err)
	}
	if v, err := l.Audit(h.Identity().Author().Person); err != nil || !v.Good || v.Entries == nil {
		t.Errorf("%+v, %v", v, err)
	}
	if err := l.Entries(func(EntryView) error { return errors.New("an entry") }); err != nil {
		t.Error(err)
	}
	if v, err := CheckLedger(h, true); err != nil || !v.Good || !l.Verify().Good {
		t.Errorf("%+v, %v", v, err)
	}
	if err := l.Backup(nil); !errors.Is(err, errNoLedger) {
		t.Errorf("a backup of nothing: %v", err)
	}
}

// A ledger that was copied from another device is refused: two devices would sign in one log.
func TestLedgerOfAnotherDevice(t *testing.T) {
	one := homeWithLedger(t, 1)
	defer one.Close()
	two := openHome(t, t.TempDir(), noon)
	defer two.Close()
	if err := os.CopyFS(two.path(ledgerFolder), os.DirFS(one.path(ledgerFolder))); err != nil {
		t.Fatal(err)
	}
	var u *UserError
	if _, err := OpenLedger(two, noon); !errors.As(err, &u) || u.Code != "ledger_of_another" {
		t.Errorf("%v", err)
	}
}

// A restore that is refused leaves the home as it was; one that is done keeps what was there.
func TestRestoreLedger(t *testing.T) {
	h := homeWithLedger(t, 2)
	defer h.Close()
	segment := h.path(filepath.Join(ledgerFolder, "ledger.segment"))
	backup := filepath.Join(t.TempDir(), "backup")
	whole, err := os.ReadFile(segment)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(backup, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	bad := filepath.Join(t.TempDir(), "bad")
	if err := os.WriteFile(bad, whole[:len(whole)-1], 0o600); err != nil {
		t.Fatal(err)
	}
	checkpoint := func() []byte {
		l, err := OpenLedger(h, noon)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		raw, err := l.store.Newest()
		if err != nil || raw == nil {
			t.Fatalf("%q, %v", raw, err)
		}
		return raw
	}()
	stranger := homeWithLedger(t, 1)
	defer stranger.Close()
	for _, row := range []struct {
		name   string
		home   *Home
		backup string
		newest []byte
		aside  bool
		want   error
	}{
		{"over a ledger", h, backup, nil, false, os.ErrExist},
		{"of a damaged backup", h, bad, nil, true, ledger.ErrCorrupt},
		{"of a backup that is not there", h, bad + "?", nil, true, os.ErrNotExist},
		{"of another person's backup", stranger, backup, nil, true, ledger.ErrSigner},
	} {
		if l, aside, err := RestoreLedger(row.home, row.backup, row.newest, row.aside, noon); !errors.Is(err, row.want) || l != nil || aside != "" {
			t.Errorf("%s: %v, %q, want %v", row.name, err, aside, row.want)
		}
		if v, err := CheckLedger(row.home, false); err != nil || !v.Good || v.Epoch != 0 {
			t.Errorf("%s: the ledger is now %+v, %v", row.name, v, err)
		}
	}
	l, aside, err := RestoreLedger(h, backup, checkpoint, true, noon.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	v, err := l.View()
	if err = errors.Join(err, l.Close()); err != nil || v.Epoch != 1 || v.Height != 1 || v.Entries != 4 {
		t.Errorf("%+v, %v", v, err)
	}
	if kept, err := os.ReadFile(filepath.Join(aside, "ledger.segment")); err != nil || string(kept) != string(whole) {
		t.Errorf("what was there: %v", err)
	}
	if _, _, err := RestoreLedger(h, backup, nil, true, noon.Add(2*time.Hour)); err == nil || !strings.Contains(err.Error(), "epoch 0") {
		t.Errorf("a backup from before the restore: %v", err)
	}
	if left, err := filepath.Glob(h.path("*.new")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

// A node opens the ledger of its home, and gives it back.
func TestNodeHasItsLedger(t *testing.T) {
	h := homeWithLedger(t, 1)
	h.Close()
	n, err := New(Options{Home: h.Dir, Hidden: true, NoMDNS: true, Listen: []string{"/ip4/127.0.0.1/udp/0/quic-v1"}})
	if err != nil {
		t.Fatal(err)
	}
	l, err := n.Ledger()
	if err != nil || l == nil || !l.Verify().Good {
		t.Errorf("%v, %v", l, err)
	}
	if _, err := ledger.Fsck(h.path(ledgerFolder), false); !errors.Is(err, ledger.ErrInUse) {
		t.Errorf("checked while the node has it open: %v", err)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	if found, err := ledger.Fsck(h.path(ledgerFolder), false); err != nil || len(found.Problems) > 0 || found.Entries != 2 {
		t.Errorf("%+v, %v", found, err)
	}
	if strings.Contains(strings.Join(n.Notices(), ""), "ledger") {
		t.Errorf("it says %q", n.Notices())
	}
}
