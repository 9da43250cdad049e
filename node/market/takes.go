package market

import (
	"context"
	"slices"

	"salon/ledger"
)

// takes asks by which ways its person can be given a currency: a tip has no offer that would say so.
type takes struct {
	_   struct{} `cbor:",toarray"`
	Cur ledger.Currency
}

// taken answers takes.
type taken struct {
	_     struct{} `cbor:",toarray"`
	Rails []string
}

func (takes) kind() byte { return 25 }
func (taken) kind() byte { return 26 }

// Takes asks a device by which ways its person takes a currency. A person whom they let owe something of their own accord may owe it
// though IOUs are not among them.
func (m *Market) Takes(ctx context.Context, device ledger.Key, cur ledger.Currency) ([]string, error) {
	c, done, err := m.call(ctx, device)
	if err != nil {
		return nil, err
	}
	defer done()
	answer, err := asked[taken](c, takes{Cur: cur})
	if err != nil {
		return nil, err
	}
	c.end()
	rails := answer.Rails[:min(len(answer.Rails), maxRails)]
	return slices.DeleteFunc(rails, func(name string) bool { return !isRail(name) }), nil
}

// waysToGive answers by which rails a currency is taken. What is no currency is taken by none.
func (m *Market) waysToGive(q takes) taken {
	if _, known := q.Cur.Exponent(); !known {
		return taken{Rails: []string{}}
	}
	// The sum is the giver's choice, and not known yet.
	return taken{Rails: m.railsFor(ledger.Money{Amount: ledger.MaxAmount, Cur: q.Cur})}
}
