package node

import (
	"errors"
	"fmt"
	"testing"

	"salon/node/market"
)

// A purchase says why it is open. Nobody is asked to pay by hand what they have paid too late.
func TestWhyAPurchaseIsOpen(t *testing.T) {
	late := fmt.Errorf("%w: %w", market.ErrLate, market.ErrOnItsWay)
	for _, c := range []struct {
		p    market.Unfinished
		want string
	}{
		{market.Unfinished{}, "asked"},
		{market.Unfinished{Err: market.ErrPending}, "on_its_way"},
		{market.Unfinished{Err: errors.New("nobody there")}, "unreachable"},
		{market.Unfinished{Err: late}, "too_late"},
		{market.Unfinished{ByHand: true}, "by_hand"},
		{market.Unfinished{ByHand: true, Err: market.ErrPending}, "by_hand"},
		{market.Unfinished{ByHand: true, Err: late}, "too_late"},
	} {
		if got := whyOpen(c.p); got != c.want {
			t.Errorf("by hand %t, %v: %s, want %s", c.p.ByHand, c.p.Err, got, c.want)
		}
	}
}
