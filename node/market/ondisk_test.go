package market_test

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"salon/ledger"
	"salon/ledger/doc"
)

// told are the documents and entries of its sender that a message reveals, by its kind (wire.go).
func told(kind byte, body []byte) (list [][]byte, err error) {
	read := func(v any) { err = doc.Unmarshal(body, v) }
	switch kind {
	case 2: // a shelf: each offer, and who may sell it
		var m struct {
			_    struct{} `cbor:",toarray"`
			List []struct {
				_                  struct{} `cbor:",toarray"`
				Cert, Offer, Allot []byte
			}
			Rails [][]string
		}
		read(&m)
		for _, l := range m.List {
			list = append(list, l.Offer)
		}
	case 4: // a quote
		var m struct {
			_     struct{} `cbor:",toarray"`
			Quote []byte
		}
		read(&m)
		list = append(list, m.Quote)
	case 5: // a payment, which is an IOU here
		var m struct {
			_     struct{} `cbor:",toarray"`
			Quote ledger.ID
			Proof []byte
		}
		read(&m)
		list = append(list, m.Proof)
	case 6: // what was paid for
		var m struct {
			_       struct{} `cbor:",toarray"`
			Receipt []byte
			Tickets [][]byte
			Offer   []byte
			Refunds [][]byte
		}
		read(&m)
		list = slices.Concat([][]byte{m.Receipt}, m.Tickets, m.Refunds)
	case 11: // what became of a ticket
		var m struct {
			_            struct{} `cbor:",toarray"`
			Refunds      [][]byte
			Void         []ledger.ID
			Starts, Ends int64
		}
		read(&m)
		list = m.Refunds
	case 13: // a ticket that was given away
		var m struct {
			_      struct{} `cbor:",toarray"`
			Ticket []byte
		}
		read(&m)
		list = append(list, m.Ticket)
	case 15: // debts that are settled
		var m struct {
			_    struct{} `cbor:",toarray"`
			List []struct {
				_               struct{} `cbor:",toarray"`
				Settle, Settled []byte
			}
		}
		read(&m)
		for _, c := range m.List {
			list = append(list, c.Settle, c.Settled)
		}
	case 21: // what a tip is to be paid by
		var m struct {
			_                  struct{} `cbor:",toarray"`
			Quote, Cert, Place []byte
		}
		read(&m)
		list = append(list, m.Quote)
	}
	return list, err
}

// hasOnDisk is what a copy of somebody's disk, made now, has: entries and documents.
func (p *party) hasOnDisk() (map[string]bool, error) {
	dir := filepath.Join(p.town.t.TempDir(), "copy")
	defer os.RemoveAll(dir) // 16 MB each
	copyFolder(p.town.t, p.dir, dir)
	s, err := ledger.Open(ledger.Options{Dir: dir, Key: p.id.Device(), Cert: p.id.Cert(), Now: time.Now()})
	if err != nil {
		return nil, err
	}
	defer s.Close()
	has := map[string]bool{}
	err = s.Entries(0, func(_ uint64, e ledger.Entry) bool {
		has[string(e.Raw())] = true
		for _, raw := range e.Docs {
			has[string(raw)] = true
		}
		return true
	})
	return has, err
}

// Invariant I14: whatever a node tells of its ledger, a quote, a receipt, a ticket, a refund, an IOU, is in a copy of its disk that is
// made at that moment. Where a node could tell more than its disk has, a crash would let it say something else in the same place.
func TestNothingIsToldBeforeItIsOnDisk(t *testing.T) {
	w, ctx := newTown(t), within(t)
	ana, bo, cy := w.settle(1), w.settle(2), w.settle(3)
	ana.evening(9, eur(500))
	ana.tier("Friends", eur(300))
	seen := map[byte]int{}
	w.heard = func(from *party, message []byte) {
		_, n := binary.Uvarint(message)
		kind, body := message[n], message[n+1:]
		list, err := told(kind, body)
		if err != nil {
			t.Errorf("a message of kind %d: %v", kind, err)
		}
		if len(list) == 0 {
			return
		}
		has, err := from.hasOnDisk()
		if err != nil {
			t.Errorf("the disk of %s: %v", from.name, err)
		}
		for i, raw := range list {
			if seen[kind]++; !has[string(raw)] {
				t.Errorf("%s tells number %d of a message of kind %d, which is not on its disk", from.name, i, kind)
			}
		}
	}
	got := bo.buys(ctx, ana, ledger.IOURail, 2)
	if _, err := bo.Tip(ctx, bo.gift(ana, ledger.IOURail)); err != nil {
		t.Fatal(err)
	}
	if _, err := bo.Buy(ctx, bo.subscribes(ana, "Friends", ledger.IOURail, 1, eur(300))); err != nil {
		t.Fatal(err)
	}
	if _, err := bo.Transfer(ctx, got.Tickets[0], cy.person, nobodysKey); err != nil {
		t.Fatal(err)
	}
	if _, err := ana.Refund(ctx, []ledger.ID{got.Tickets[1]}, byHost); err != nil {
		t.Fatal(err)
	}
	if err := bo.Settle(ctx, ana.person, eur(100), "cash"); err != nil {
		t.Fatal(err)
	}
	for _, c := range ana.Claims() {
		if err := ana.Received(c); err != nil {
			t.Fatal(err)
		}
	}
	if err := bo.News(ctx); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []byte{2, 4, 5, 6, 11, 13, 15, 21} {
		if seen[kind] == 0 {
			t.Errorf("no message of kind %d: %v", kind, seen)
		}
	}
}
