package ledger

import (
	"errors"
	"strings"
	"testing"

	"go.etcd.io/bbolt"
	"golang.org/x/mod/sumdb/tlog"
)

// An audit shows the dealings with one person and no other, and finds a balance that does not follow from them.
func TestAudit(t *testing.T) {
	s, _ := filled(t)
	a, err := s.Audit(seed(2).Public())
	if err != nil {
		t.Fatal(err)
	}
	if len(a.Lines) != 3 || a.Proven != 4 || len(a.Balances) != 0 || len(a.Devices) != 0 {
		t.Errorf("%d lines, %d documents, %v, %v", len(a.Lines), a.Proven, a.Balances, a.Devices)
	}
	if a, err := s.Audit(seed(3).Public()); err != nil || len(a.Lines) != 0 || a.Proven != 0 {
		t.Errorf("of a stranger: %+v, %v", a, err)
	}
	// That a device was caught is part of it: the log of device 1003 grew to 5 entries, and then it showed another of that size.
	device := seed(1003)
	shown := func(root byte) []byte {
		return ok(SignCheckpoint(device, Checkpoint{Log: ID{1}, Size: 5, Root: tlog.Hash{root}, Time: noon.UnixMilli()}))
	}
	kept := shown(1)
	s.add(t, noon, Draft{Body: &Freeze{Fork: ForkCheckpoints, By: device.Public(), A: identify(checkpointKind, kept), B: identify(checkpointKind, shown(2))}, Docs: [][]byte{kept, shown(2)}})
	a, err = s.Audit(device.Public())
	if err != nil || len(a.Devices) != 1 || !a.Devices[0].Frozen {
		t.Errorf("of a device that was caught: %+v, %v", a.Devices, err)
	}

	// A line of the books is changed behind the ledger's back.
	forge := func(account Account, amount Amount) {
		t.Helper()
		if err := s.update(func(tx *bbolt.Tx) error {
			b, err := newBooks(txIndex{tx})
			if err != nil {
				return err
			}
			b.save(keyBalance+"EUR"+string(account), amount)
			return b.err
		}); err != nil {
			t.Fatal(err)
		}
	}
	forge(Receivable(seed(2).Public()), 1)
	if _, err := s.Audit(seed(2).Public()); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "0.01 EUR") {
		t.Errorf("a debt that no entry made: %v", err)
	}
	if _, err := s.Audit(seed(3).Public()); err != nil {
		t.Errorf("of somebody else: %v", err)
	}
}
