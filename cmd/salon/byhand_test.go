package main

import (
	"testing"

	"salon/ledger/doc"
	"salon/node"
)

// The receipt of another purchase from the same seller does not say that this one was paid.
func TestBroughtByHand(t *testing.T) {
	seller := doc.PublicKey{7}
	p := node.PendingView{Seller: node.PersonView{Person: seller}, Rail: "lnd", Sum: "100 sat", Purpose: "tip", Since: 10}
	got := node.EntryView{Kind: "got", With: seller, Rail: "lnd", Sum: "100 sat", Purpose: "tip", Time: 11}
	for name, change := range map[string]func(*node.EntryView){
		"a payment":       func(e *node.EntryView) { e.Kind = "pay" },
		"before":          func(e *node.EntryView) { e.Time = 9 },
		"a ticket":        func(e *node.EntryView) { e.Purpose = "ticket" },
		"another sum":     func(e *node.EntryView) { e.Sum = "1000 sat" },
		"of another rail": func(e *node.EntryView) { e.Rail = "stripe" },
		"somebody else's": func(e *node.EntryView) { e.With = doc.PublicKey{8} },
	} {
		other := got
		if change(&other); isBrought(other, p) {
			t.Errorf("%s counts as the receipt", name)
		}
	}
	if !isBrought(got, p) {
		t.Error("its receipt does not count")
	}
}
