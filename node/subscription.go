package node

import (
	"context"
	"errors"
	"fmt"
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
	Shares  []SplitView   `json:"shares"` // of the price that go to others; the rest is the creator's
}

// An OwnTierView is a subscription that this node's person offers, and what it brings.
type OwnTierView struct {
	TierView
	Open   uint32 `json:"open"`   // subscribers who may come in now
	Income string `json:"income"` // ever, without what went back
}

// A SubscriptionView is one that this node's person has paid for.
type SubscriptionView struct {
	Offer   string        `json:"offer"`
	Creator doc.PublicKey `json:"creator"`
	Name    string        `json:"name"`    // of the creator; "" if this node does not know
	Price   string        `json:"price"`   // paid last, of all periods
	Through int64         `json:"through"` // unix ms: so far it is paid
	Until   int64         `json:"until"`   // so long it opens rooms: that and, unless it was ended, the grace
	Ended   bool          `json:"ended"`   // no renewal is expected
}

// A SubscriberView is somebody who has subscribed to what this node's person offers.
type SubscriberView struct {
	Offer   string        `json:"offer"`
	Tier    string        `json:"tier"` // its name
	Device  doc.PublicKey `json:"device"`
	Name    string        `json:"name"` // of its person, while they are in a room of this node; else ""
	Through int64         `json:"through"`
	Until   int64         `json:"until"`
	Ended   bool          `json:"ended"`
}

// SubscriptionsView is all that this node knows of subscriptions.
type SubscriptionsView struct {
	Mine        []SubscriptionView `json:"mine"`
	Offers      []OwnTierView      `json:"offers"` // of this person, that are on sale
	Subscribers []SubscriberView   `json:"subscribers"`
}

func (n *Node) tierView(l ledger.Listed) TierView {
	return TierView{ID: l.ID.String(), Name: l.Offer.Name, Price: l.Offer.Price.String(), Period: l.Offer.Period, Creator: l.Host, Shares: n.splitViews(l.Offer.Split)}
}

// until is how long a subscription opens rooms.
func until(s ledger.Subscription) int64 {
	if s.Ended {
		return s.Through.UnixMilli()
	}
	return s.Through.Add(ledger.Grace).UnixMilli()
}

const longestPeriod = 366 * 24 * time.Hour

// OfferSubscription puts a subscription on sale.
func (n *Node) OfferSubscription(name string, price ledger.Money, period time.Duration, shares ...SplitView) (TierView, error) {
	clean, err := doc.CleanText(name, 64)
	if err != nil || clean == "" || price.Amount <= 0 || period < time.Hour || period > longestPeriod {
		return TierView{}, &UserError{Code: "bad_sale", Text: "A subscription has a name, a price such as 3 EUR, and a period of an hour to a year."}
	}
	split, err := n.Split(shares, true)
	if err != nil {
		return TierView{}, err
	}
	m, err := n.Market()
	if err != nil {
		return TierView{}, err
	}
	now, err := m.Offered(ledger.Room{})
	if err != nil {
		return TierView{}, err
	}
	for _, l := range now {
		if l.Offer.Name == clean {
			return TierView{}, &UserError{Code: "tier_taken", Text: fmt.Sprintf("You offer a subscription %q already. End it first, or choose another name.", clean)}
		}
	}
	o := ledger.Offer{Version: 1, Name: clean, Price: price, Period: int64(period / time.Second), Split: split}
	id, err := m.Offer(o)
	return n.tierView(ledger.Listed{ID: id, Offer: o, Host: n.Person()}), err
}

// Tiers lists what subscriptions somebody offers: a person, or the host of a room.
func (n *Node) Tiers(ctx context.Context, ref string) ([]TierView, error) {
	to, m, err := n.creator(ref)
	if err != nil {
		return nil, err
	}
	list, err := m.Tiers(ctx, to.device, to.person)
	if err != nil {
		return nil, sellerError(err)
	}
	views := make([]TierView, 0, len(list))
	for _, l := range list {
		views = append(views, n.tierView(l.Listed))
	}
	return views, nil
}

// creator finds somebody who may be reached, or was paid for a subscription before.
func (n *Node) creator(ref string) (tippee, *market.Market, error) {
	m, err := n.Market()
	if err != nil {
		return tippee{}, nil, err
	}
	to, err := n.tipTo(ref)
	if errors.Is(err, errTipNobody) {
		list, listErr := m.Subscriptions()
		if listErr != nil {
			return to, nil, listErr
		}
		person, _ := doc.ParsePublicKey(ref)
		for _, s := range list {
			if s.Creator == person {
				to, err = tippee{person: person, device: s.Seller}, nil
			}
		}
	}
	if err == nil && to.person == n.Person() {
		err = &UserError{Code: "yourself", Text: "That is you."}
	}
	return to, m, err
}

// Subscribe pays for so many periods of a subscription, at a price of all of them that the buyer has seen.
func (n *Node) Subscribe(ctx context.Context, ref, tier string, periods uint32, price ledger.Money, rail string) (SubscriptionView, error) {
	to, m, err := n.creator(ref)
	if err != nil {
		return SubscriptionView{}, err
	}
	b, err := m.Buy(ctx, market.Want{Seller: to.device, Host: to.person, Tier: tier, Count: periods, Price: price, Rail: rail})
	switch {
	case errors.Is(err, ledger.ErrNotOnSale):
		return SubscriptionView{}, &UserError{Code: "not_on_sale", Text: "They offer no such subscription now."}
	case err != nil:
		return SubscriptionView{}, tipError(err)
	}
	n.keysMatter()
	all, err := n.Subscriptions()
	if err != nil {
		return SubscriptionView{}, err
	}
	for _, s := range all.Mine {
		if s.Offer == b.Offer.String() {
			return s, nil
		}
	}
	return SubscriptionView{}, ledger.ErrUnknown
}

// Subscriptions lists those of this person, and to this person.
func (n *Node) Subscriptions() (SubscriptionsView, error) {
	v := SubscriptionsView{Mine: []SubscriptionView{}, Offers: []OwnTierView{}, Subscribers: []SubscriberView{}}
	m := n.shop.market.Load()
	if m == nil {
		return v, nil
	}
	mine, err := m.Subscriptions()
	if err != nil {
		return v, err
	}
	for _, s := range mine {
		v.Mine = append(v.Mine, SubscriptionView{Offer: s.Offer.String(), Creator: s.Creator, Name: n.hostName(s.Creator), Price: s.Price.String(), Through: s.Through.UnixMilli(),
			Until: until(ledger.Subscription{Through: s.Through, Ended: s.Ended}), Ended: s.Ended})
	}
	offers, err := m.Offered(ledger.Room{})
	if err != nil {
		return v, err
	}
	now := time.Now()
	subscribers, err := m.Subscribers()
	if err != nil {
		return v, err
	}
	takings, err := m.Takings(ledger.Room{}, now)
	if err != nil {
		return v, err
	}
	of := map[ledger.ID]*market.Takings{}
	for i := range takings {
		of[takings[i].First()] = &takings[i]
	}
	for _, l := range offers {
		own := OwnTierView{TierView: n.tierView(l)}
		if s := of[l.First()]; s != nil {
			own.Income = ledger.Money{Amount: s.Gross, Cur: s.Offer.Price.Cur}.String()
		}
		for _, s := range subscribers {
			if s.Offer == l.First() && s.Open(now) {
				own.Open++
			}
		}
		v.Offers = append(v.Offers, own)
	}
	for _, s := range subscribers {
		tier := ""
		if s := of[s.Offer]; s != nil {
			tier = s.Offer.Name
		}
		v.Subscribers = append(v.Subscribers, SubscriberView{Offer: s.Offer.String(), Tier: tier, Device: s.Buyer, Name: n.guestName(s.Buyer), Through: s.Through.UnixMilli(), Until: until(s.Subscription), Ended: s.Ended})
	}
	return v, nil
}

// hostName is what somebody is called who has a room that this node knows, or a ticket was bought from; "" for nobody known.
func (n *Node) hostName(p doc.PublicKey) string {
	for _, r := range n.Rooms() {
		if v := r.View(); v.Host.Person == p {
			return v.Host.Name
		}
	}
	for _, c := range n.Directory() {
		if c.Host.Person == p {
			return c.Host.Name
		}
	}
	for _, note := range n.home.roomNotes() {
		if note.Host.Person == p && note.Host.Name != "" {
			return note.Host.Name
		}
	}
	return ""
}

// guestName is what the person of a device is called that is in a room of this node now; "" if it is in none.
func (n *Node) guestName(device doc.PublicKey) string {
	for _, r := range n.Rooms() {
		if name := r.guestName(device); name != "" {
			return name
		}
	}
	return ""
}

func (r *Room) guestName(device doc.PublicKey) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.host == nil {
		return ""
	}
	m, here := r.host.keyholder.members[device]
	if !here {
		return ""
	}
	return r.names.view(m.author.Person).Name
}

// EndSubscription ends what is named by its offer, or the beginning of that: a subscription of this person's, or an offer of theirs, which
// is then sold no more.
func (n *Node) EndSubscription(ctx context.Context, ref string) error {
	m, err := n.Market()
	if err != nil {
		return err
	}
	mine, err := m.Subscriptions()
	if err != nil {
		return err
	}
	offers, err := m.Offered(ledger.Room{})
	if err != nil {
		return err
	}
	var found []func() error
	for _, s := range mine {
		if named(s.Offer, ref) || ref == s.Creator.String() {
			found = append(found, func() error {
				if s.Ended {
					return nil
				}
				if err := m.Leave(ctx, s); err != nil {
					return sellerError(err)
				}
				return nil
			})
		}
	}
	for _, l := range offers {
		if named(l.ID, ref) || ref == l.Offer.Name {
			found = append(found, func() error { return m.EndOffer(l.ID) })
		}
	}
	if len(found) != 1 {
		return &UserError{Code: "no_subscription", Text: fmt.Sprintf("%d subscriptions or offers are called that.", len(found))}
	}
	return found[0]()
}

// named reports whether a word is the beginning of an offer's ID, and long enough to be meant.
func named(id ledger.ID, ref string) bool {
	return len(ref) >= 6 && len(ref) <= len(id.String()) && id.String()[:len(ref)] == ref
}
