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

// A SubscriptionView is one that this node's person has paid for.
type SubscriptionView struct {
	Offer   string        `json:"offer"`
	Creator doc.PublicKey `json:"creator"`
	Name    string        `json:"name"`    // of the creator; "" if this node does not know
	Price   string        `json:"price"`   // paid last, of all periods
	Owed    bool          `json:"owed"`    // that was an IOU, and what is owed to the creator was not settled since
	Through int64         `json:"through"` // unix ms: so far it is paid
	Until   int64         `json:"until"`   // so long it opens rooms: that and, unless it was ended, the grace
	Ended   bool          `json:"ended"`   // no renewal is expected
	Periods uint32        `json:"periods"` // that were paid last
	Period  int64         `json:"period"`  // how long each is, seconds
	Renew   bool          `json:"renew"`   // it ends soon, or is in its days of grace: now is the time. Nothing is paid by itself

	First string `json:"first"` // names it, whatever the version of the offer
	Tier  string `json:"tier"`  // what it is called; "" if that was not kept
	Perks string `json:"perks"` // what it brings, as it was paid for
	Gone  bool   `json:"gone"`  // it is offered no more, as far as the creator has said

	Now     *TierView    `json:"now,omitempty"`     // what a renewal costs and brings, if the creator has changed that since
	Pending *PendingView `json:"pending,omitempty"` // by hand: what this person is to pay now. It is longer once they have
}

// A SubscribeWish is what to subscribe to, or to renew.
type SubscribeWish struct {
	To      string // a person's ID, or a room by ID, prefix or share link: its host
	Tier    string // by name
	Periods uint32
	Price   ledger.Money // of all of them, as the buyer has seen it
	Rail    string
	ByHand  bool      // this person pays
	Nonce   [16]byte  // the same again has the same one, and is paid once; zero for none
	Offer   ledger.ID // the version that the buyer has seen: another is refused; zero for any of that price
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
	// Disputed is whether a payment of theirs is disputed and that is not decided: its period does not count meanwhile, nor do days of grace.
	Disputed bool `json:"disputed,omitempty"`
}

// SubscriptionsView is all that this node knows of subscriptions.
type SubscriptionsView struct {
	Mine        []SubscriptionView `json:"mine"`
	Offers      []OwnTierView      `json:"offers"` // of this person, that are on sale
	Subscribers []SubscriberView   `json:"subscribers"`
}

// until is how long a subscription opens rooms.
func until(s ledger.Subscription) int64 { return s.Until().UnixMilli() }

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

// Subscribe pays for periods of a subscription. It answers when the receipt is in the ledger; a payment that was begun goes on without.
func (n *Node) Subscribe(ctx context.Context, w SubscribeWish) (SubscriptionView, error) {
	to, m, err := n.creator(w.To)
	if err != nil {
		return SubscriptionView{}, err
	}
	b, err := m.Subscribe(ctx, market.Want{Seller: to.device, Host: to.person, Tier: w.Tier, Count: w.Periods, Price: w.Price, Rail: w.Rail, ByHand: w.ByHand, Nonce: w.Nonce, Offer: w.Offer})
	if !b.Order.IsZero() {
		n.keysMatter()
	}
	byHand := w.ByHand && !b.Order.IsZero() && errors.Is(err, market.ErrPending)
	switch {
	case byHand || err == nil:
	case errors.Is(err, ledger.ErrNotOnSale):
		return SubscriptionView{}, &UserError{Code: "not_on_sale", Text: "They offer no such subscription now."}
	default:
		return SubscriptionView{}, tipError(unlessBegun(b.Order, err))
	}
	all, err := n.Subscriptions()
	if err != nil {
		return SubscriptionView{}, err
	}
	v := SubscriptionView{Offer: b.Offer.String(), Creator: to.person, Name: n.hostName(to.person), Price: w.Price.String(), Periods: w.Periods, Ended: true}
	known := false
	for _, s := range all.Mine {
		if s.Offer == v.Offer || byHand && s.Creator == to.person && s.Tier == w.Tier {
			v, known = s, true
		}
	}
	if byHand {
		v.Pending, err = n.pendingOf(b.Order.String())
		return v, err
	}
	if !known {
		return SubscriptionView{}, ledger.ErrUnknown
	}
	return v, nil
}

// renewWithin is how long before its end a subscription is offered again, though no more than the last third of a period.
const renewWithin = 5 * 24 * time.Hour

// renews reports whether it is time to renew a subscription.
func renews(s market.Subscribed, now time.Time) bool {
	soon := renewWithin
	if s.Period > 0 {
		soon = min(soon, s.Period/3)
	}
	return !s.Ended && now.After(s.Through.Add(-soon)) && now.Before(s.Through.Add(ledger.Grace))
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
	now := time.Now()
	for _, s := range mine {
		one := SubscriptionView{Offer: s.Offer.String(), Creator: s.Creator, Name: n.hostName(s.Creator), Price: s.Price.String(), Through: s.Through.UnixMilli(),
			Until: until(ledger.Subscription{Through: s.Through, Ended: s.Ended}), Ended: s.Ended, Periods: s.Count, Period: int64(s.Period / time.Second), Renew: renews(s, now),
			First: s.First.String(), Tier: s.Tier, Perks: s.Perks, Gone: s.Now.Gone, Owed: s.Owed}
		if s.Changed() {
			tier := n.tierView(market.OnSale{Listed: s.Now.Listed})
			one.Now = &tier
		}
		v.Mine = append(v.Mine, one)
	}
	offers, err := m.Offered(ledger.Room{})
	if err != nil {
		return v, err
	}
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
		v.Subscribers = append(v.Subscribers, SubscriberView{Offer: s.Offer.String(), Tier: tier, Device: s.Buyer, Name: n.guestName(s.Buyer), Through: s.Through.UnixMilli(), Until: until(s.Subscription), Ended: s.Ended, Disputed: s.Disputed})
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
		if named(s.Offer, ref) || named(s.First, ref) || ref == s.Creator.String() {
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
		if named(l.ID, ref) || named(l.First(), ref) || ref == l.Offer.Name {
			found = append(found, func() error { return m.EndOffer(l.First()) })
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
