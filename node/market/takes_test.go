package market_test

import (
	"slices"
	"testing"

	"salon/ledger"
)

// Before a tip it is known how it can be paid: by what takes such money, and by word from whoever may owe something.
func TestTakes(t *testing.T) {
	w, ctx := newTown(t), within(t)
	ana, bo := w.settle(1), w.settle(2)
	for _, c := range []struct {
		cur    ledger.Currency
		credit ledger.Amount
		want   []string
	}{
		{"EUR", 100, []string{"bank", ledger.IOURail}},
		{"EUR", 0, []string{"bank"}},
		{ledger.Bitcoin, 100, []string{ledger.IOURail}},
		{ledger.Bitcoin, 0, nil},
		{"XXX", 100, nil},
	} {
		ana.credit = c.credit
		if got, err := bo.Takes(ctx, ana.device(), c.cur); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s, with a credit of %d: %v, %v, want %v", c.cur, c.credit, got, err, c.want)
		}
	}
	if n := len(bo.kinds()) + len(ana.kinds()); n != 0 {
		t.Errorf("asking wrote %d kinds of entries", n)
	}
}
