package ledger

import (
	"errors"
	"slices"
	"testing"
)

// An entry, its receipt and its ticket lead to all signatures that it rests on, and to those who saw it, if anybody did.
func TestEvidence(t *testing.T) {
	s := openStore(t, options(t.TempDir(), 1))
	offer := s.add(t, noon, Draft{Body: evening(5, eur(500))})[0]
	buyer := seed(7)
	sold, err := s.sellTo(noon, buyer, offer, 1)
	if err != nil {
		t.Fatal(err)
	}
	receipt := receiptID(sold.Receipt)
	_, ticket, err := OpenDocument[Ticket](sold.Tickets[0])
	if err != nil {
		t.Fatal(err)
	}
	device := s.key.Public()
	ev, err := s.Evidence(receipt)
	if err != nil || ev.Entry.Kind != KindSale || ev.Device != device || len(ev.Seen) != 0 {
		t.Fatalf("%+v, %v", ev, err)
	}
	var said []string
	for _, one := range ev.Signed {
		want := device
		if one.What == "order" {
			want = buyer.Public()
		}
		if one.By != want {
			t.Errorf("%s by %s", one.What, one.By)
		}
		said = append(said, one.What)
	}
	if !slices.Equal(said, []string{"entry", "receipt", "ticket", "order", "quote"}) {
		t.Errorf("signed: %q", said)
	}
	for _, id := range []ID{ticket, ev.Entry.ID} {
		if again, err := s.Evidence(id); err != nil || again.Entry.ID != ev.Entry.ID || !slices.Equal(again.Signed, ev.Signed) {
			t.Errorf("by %s: %+v, %v", id.Short(), again, err)
		}
	}
	if _, err := s.Evidence(ID{1}); !errors.Is(err, ErrUnknown) {
		t.Errorf("of nothing: %v", err)
	}

	// Somebody sees the log, and signs that. What comes later they have not seen.
	raw, _ := s.checkpointed(t)
	witness := seed(9)
	cosigned, err := Cosign(witness, raw, noon)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Cosigned(cosigned, witness.Public()); err != nil {
		t.Fatal(err)
	}
	later := s.add(t, noon, railKey(1))[0]
	if ev, err := s.Evidence(receipt); err != nil || !slices.Equal(ev.Seen, []Cosigner{{witness.Public(), noon.Unix()}}) || ev.Size == 0 {
		t.Errorf("seen by %v, %v", ev.Seen, err)
	}
	if ev, err := s.Evidence(later.ID); err != nil || len(ev.Seen) != 0 {
		t.Errorf("the later one: seen by %v, %v", ev.Seen, err)
	}
}

// The payer's receipt leads to the order, the IOU and the certificate of who took it; a byte that was changed is told.
func TestEvidenceOfPayer(t *testing.T) {
	ana := newNode(t, 1)
	offer := ana.must(evening(5, eur(500)))
	bo := newNode(t, 2)
	order, orderID := bo.order(bo.key, ana.person.Public(), offer, 1)
	p := deal(t, bo, ana, order, orderID)
	s := openStore(t, options(t.TempDir(), 2))
	s.add(t, noon,
		Draft{Body: &Pay{Order: orderID, Quote: p.quoteID, IOU: p.iouID, Cert: ana.cert()}, Docs: [][]byte{order, p.quote, p.iou}},
		Draft{Body: &Got{Receipt: receiptID(p.sold.Receipt), Tickets: ticketIDs(p.sold.Tickets)}, Docs: docs(p.sold.Receipt, p.sold.Tickets...)})
	ev, err := s.Evidence(receiptID(p.sold.Receipt))
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(ev.Signed, func(one Signature) bool { return one.What == "certificate" })
	if i < 0 || ev.Signed[i].By != ana.person.Public() || ev.Signed[i].For != ana.key.Public() {
		t.Errorf("%+v", ev.Signed)
	}
	ev.Entry.Docs = slices.Clone(ev.Entry.Docs)
	ev.Entry.Docs[0] = slices.Clone(ev.Entry.Docs[0])
	ev.Entry.Docs[0][len(ev.Entry.Docs[0])-1] ^= 1 // of the signature
	if err := ev.add(ev.Entry); !errors.Is(err, ErrCorrupt) {
		t.Errorf("a changed receipt: %v", err)
	}
}
