package node

import (
	"context"
	"fmt"
	"slices"
	"time"

	"salon/ledger"
	"salon/ledger/doc"
	"salon/node/market"
)

// A TierView is a subscription that somebody offers.
type TierView struct {
	ID      string        `json:"id"`
	Name    string        `json:"name"`
	Price   string        `json:"price"`  // of one period, such as "3 EUR"
	Period  int64         `json:"period"` // seconds
	Creator doc.PublicKey `json:"creator"`
	Shares  []SplitView   `json:"shares"`         // of the price that go to others; the rest is the creator's
	Rails   []string      `json:"rails"`          // by which it can be paid
	Tax     string        `json:"tax"`            // what the creator states of tax; "" for nothing
	Perks   string        `json:"perks"`          // what it brings, in the creator's words; "" for none
	First   string        `json:"first"`          // names it, whatever the version: id is of this one
	Fork    *ForkView     `json:"fork,omitempty"` // the creator has signed two different ledgers, which is proven
}

// An OwnTierView is a subscription that this node's person offers, and what it brings.
type OwnTierView struct {
	TierView
	Open   uint32 `json:"open"`   // subscribers who may come in now
	Income string `json:"income"` // ever, without what went back
}

func (n *Node) tierView(l market.OnSale) TierView {
	o := l.Offer
	return TierView{ID: l.ID.String(), Name: o.Name, Price: o.Price.String(), Period: o.Period, Creator: l.Host, Shares: n.splitViews(o.Split),
		Rails: append([]string{}, l.Rails...), Tax: o.Tax, Perks: o.Perks, First: l.First().String()}
}

// A TierWish is a subscription to offer.
type TierWish struct {
	Name   string
	Price  ledger.Money // of a period
	Period time.Duration
	Tax    string      // what the creator states of tax; empty for nothing
	Perks  string      // what it brings; likewise
	Shares []SplitView // of the price that go to others
}

const longestPeriod = 366 * 24 * time.Hour

// OfferSubscription puts a subscription on sale.
func (n *Node) OfferSubscription(w TierWish) (TierView, error) {
	clean, err := doc.CleanText(w.Name, 64)
	if err != nil || clean == "" || w.Price.Amount <= 0 || w.Period < time.Hour || w.Period > longestPeriod {
		return TierView{}, &UserError{Code: "bad_sale", Text: "A subscription has a name, a price such as 3 EUR, and a period of an hour to a year."}
	}
	tax, err := taxLine(w.Tax)
	if err != nil {
		return TierView{}, err
	}
	perks, err := perksLine(w.Perks)
	if err != nil {
		return TierView{}, err
	}
	split, err := n.Split(w.Shares, true)
	if err != nil {
		return TierView{}, err
	}
	m, err := n.Market()
	if err != nil {
		return TierView{}, err
	}
	if err := enough(m, w.Price); err != nil {
		return TierView{}, err
	}
	now, err := m.Offered(ledger.Room{})
	if err != nil {
		return TierView{}, err
	}
	if slices.ContainsFunc(now, func(l market.OnSale) bool { return l.Offer.Name == clean }) {
		return TierView{}, &UserError{Code: "tier_taken", Text: fmt.Sprintf("You offer a subscription %q already. End it first, or choose another name.", clean)}
	}
	id, err := m.Offer(ledger.Offer{Version: 1, Name: clean, Price: w.Price, Period: int64(w.Period / time.Second), Split: split, Tax: tax, Perks: perks})
	if err != nil {
		return TierView{}, err
	}
	l, err := n.ownTier(m, id, "")
	return n.tierView(l), err
}

// perksLine is what a subscription brings as the ledger takes it.
func perksLine(line string) (string, error) {
	clean, err := doc.CleanText(line, ledger.MaxPerks)
	if err != nil {
		return "", &UserError{Code: "bad_perks", Text: fmt.Sprintf("What a subscription brings is said in one line of at most %d visible characters.", ledger.MaxPerks)}
	}
	return clean, nil
}

// ownTier is what this person offers by that version, or by that name or the beginning of an ID.
func (n *Node) ownTier(m *market.Market, id ledger.ID, ref string) (market.OnSale, error) {
	list, err := m.Offered(ledger.Room{})
	if err != nil {
		return market.OnSale{}, err
	}
	found := slices.DeleteFunc(list, func(l market.OnSale) bool {
		return l.ID != id && l.Offer.Name != ref && !named(l.ID, ref) && !named(l.First(), ref)
	})
	if len(found) != 1 {
		return market.OnSale{}, &UserError{Code: "no_subscription", Text: fmt.Sprintf("%d subscriptions that you offer are called that.", len(found))}
	}
	return found[0], nil
}

// A TierChange is what is to be other of a subscription that this person offers; nil leaves it.
type TierChange struct {
	Price *ledger.Money // of the same currency
	Tax   *string
	Perks *string
}

// ChangeTier makes a new version of a subscription, for new subscribers and renewals. Who has paid keeps what they paid for, is told of
// what is other, and pays it only if they say so.
func (n *Node) ChangeTier(ref string, c TierChange) (TierView, error) {
	m, err := n.Market()
	if err != nil {
		return TierView{}, err
	}
	l, err := n.ownTier(m, ledger.ID{}, ref)
	if err != nil {
		return TierView{}, err
	}
	o := l.Offer
	if c.Price != nil {
		if c.Price.Cur != o.Price.Cur || c.Price.Amount <= 0 {
			return TierView{}, &UserError{Code: "bad_price", Text: fmt.Sprintf("Its price stays in %s. For another currency, offer another subscription.", o.Price.Cur)}
		}
		if err := enough(m, *c.Price); err != nil {
			return TierView{}, err
		}
		o.Price = *c.Price
	}
	if c.Tax != nil {
		if o.Tax, err = taxLine(*c.Tax); err != nil {
			return TierView{}, err
		}
	}
	if c.Perks != nil {
		if o.Perks, err = perksLine(*c.Perks); err != nil {
			return TierView{}, err
		}
	}
	if o.Price == l.Offer.Price && o.Tax == l.Offer.Tax && o.Perks == l.Offer.Perks {
		return n.tierView(l), nil
	}
	l, err = m.ReviseTier(l.First(), func(next *ledger.Offer) { next.Price, next.Tax, next.Perks = o.Price, o.Tax, o.Perks })
	return n.tierView(l), err
}

// Tiers lists what subscriptions somebody offers: a person, or the host of a room. Meanwhile others are asked whether they know the
// creator to keep two ledgers.
func (n *Node) Tiers(ctx context.Context, ref string) ([]TierView, error) {
	to, m, err := n.creator(ref)
	if err != nil {
		return nil, err
	}
	caught := n.catching(ctx, to.person)
	list, err := m.Tiers(ctx, to.device, to.person)
	if err != nil {
		return nil, sellerError(err)
	}
	fork := <-caught
	views := make([]TierView, 0, len(list))
	for _, l := range list {
		v := n.tierView(l)
		v.Fork = fork
		views = append(views, v)
	}
	return views, nil
}
