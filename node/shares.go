package node

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"salon/ledger"
	"salon/ledger/doc"
	"salon/node/market"
	"salon/node/pool"
	"salon/room"
)

// A SplitView is somebody's part of each price, as the host has signed it. What no part takes is the host's.
type SplitView struct {
	To          string        `json:"to"` // co-host, relays, charity or fund
	Key         doc.PublicKey `json:"key,omitzero"`
	Name        string        `json:"name,omitempty"` // of them, where it is known here
	BasisPoints int           `json:"basis_points"`
}

// usualSplit is what the shares of a ticket are unless the host says otherwise.
var usualSplit = []ledger.Share{{Cut: ledger.CutRelays, BasisPoints: 200}}

var errBadShares = &UserError{Code: "bad_shares", Text: "Shares are of co-hosts, relays, charities and funds, each once, in hundredths of a percent, and all of them are 100 % at most. Relays carry rooms, not subscriptions."}

// Split is what a host means by shares. None at all are the usual ones; an empty list is none.
func (n *Node) Split(shares []SplitView, subscription bool) ([]ledger.Share, error) {
	if shares == nil && subscription {
		return nil, nil
	}
	if shares == nil {
		return usualSplit, nil
	}
	split, sum := []ledger.Share{}, 0
	for _, s := range shares {
		one := ledger.Share{To: s.Key, BasisPoints: uint16(min(max(s.BasisPoints, 0), ledger.Whole))}
		for cut, name := range cutNames {
			if name == s.To {
				one.Cut = cut
			}
		}
		sum += s.BasisPoints
		twice := slices.ContainsFunc(split, func(o ledger.Share) bool { return o.Cut == one.Cut && o.To == one.To })
		if one.Cut == 0 || s.BasisPoints <= 0 || s.BasisPoints > ledger.Whole || sum > ledger.Whole || twice ||
			(one.Cut == ledger.CutRelays) != s.Key.IsZero() || subscription && one.Cut == ledger.CutRelays {
			return nil, errBadShares
		}
		if s.Key == n.Person() {
			return nil, &UserError{Code: "own_share", Text: "What no share takes is yours: leave yourself out."}
		}
		if one.Cut == ledger.CutFund && n.home.charity(s.Key) == nil {
			return nil, &UserError{Code: "fund_unknown", Text: "A creator fund needs an operator who has signed where it is paid: ask them for their word, and keep it with 'salon ledger charity'."}
		}
		split = append(split, one)
	}
	return split, nil
}

// splitViews are shares for people.
func (n *Node) splitViews(split []ledger.Share) []SplitView {
	views := []SplitView{}
	for _, s := range split {
		views = append(views, SplitView{To: cutNames[s.Cut], Key: s.To, Name: n.nameOf(s.To), BasisPoints: int(s.BasisPoints)})
	}
	return views
}

// nameOf is what somebody is called, as far as is known here.
func (n *Node) nameOf(who doc.PublicKey) string {
	if who.IsZero() {
		return ""
	}
	if who == n.Person() {
		return n.displayName()
	}
	if name := n.people.of(who).Name; name != "" {
		return name
	}
	for _, r := range n.Rooms() {
		r.mu.Lock()
		name := r.names.of[who]
		r.mu.Unlock()
		if name != "" {
			return name
		}
	}
	return ""
}

// devicesOf are the devices at which somebody may be told what they are owed.
func (n *Node) devicesOf(person ledger.Key) (list []ledger.Key) {
	add := func(device doc.PublicKey) {
		if !device.IsZero() && device != n.author().Device && !slices.Contains(list, device) {
			list = append(list, device)
		}
	}
	add(n.relayOf(person))
	for _, r := range n.Rooms() {
		r.mu.Lock()
		if r.state != nil {
			for _, s := range r.state.Seats {
				if s.Person == person {
					add(s.Device)
				}
			}
		}
		r.mu.Unlock()
	}
	if device, err := ledger.PlaceDevice(n.home.charity(person), time.Now()); err == nil {
		add(device)
	}
	return list
}

// A SharesView is what others get of what this node's person sells, and what this person gets of what others sell.
type SharesView struct {
	Owed   []OwedView   `json:"owed"`
	From   []SourceView `json:"from"`  // what the shares are of, by room
	Going  []GoingView  `json:"going"` // payments that whom they are for has not confirmed
	Earned []EarnedView `json:"earned"`
}

// OwedView is what somebody is owed in one currency.
type OwedView struct {
	PersonView
	Waits []CutView `json:"waits"` // for the next payout; below zero if refunds have taken more than was left
	Owed  string    `json:"owed"`  // by payouts, in all
	Going string    `json:"going"` // of it, said to be paid and not confirmed
	Paid  string    `json:"paid"`  // of it, and confirmed
	Left  string    `json:"left"`  // of it, still to be paid
	Least string    `json:"least"` // less than this waits until it has added up
}

// A CutView is a kind of share with an amount.
type CutView struct {
	To    string `json:"to"`
	Money string `json:"money"`
}

// A SourceView is a room that shares come from.
type SourceView struct {
	Room   room.ID      `json:"room"`
	Title  string       `json:"title"` // "" if it is not known here any more
	Gross  string       `json:"gross"` // taken, without what went back
	Shares []ShareView  `json:"shares"`
	Pool   string       `json:"pool"`   // of it, for relays
	Open   string       `json:"open"`   // of that, not divided yet
	Relays []WeightView `json:"relays"` // who is to have it, by what they have shown
}

// A WeightView is what the relays of somebody have carried.
type WeightView struct {
	PersonView
	Seconds   uint64 `json:"seconds"`   // of sound, for all listeners together
	Listeners int    `json:"listeners"` // whose tickets count
}

// A GoingView is a payment on its way.
type GoingView struct {
	Payment string     `json:"payment"`
	To      PersonView `json:"to"`
	Money   string     `json:"money"`
	Means   string     `json:"means"`
	Time    int64      `json:"time"`              // unix ms
	Wallet  bool       `json:"wallet,omitempty"`  // this node's wallet sends it: nobody has to say whether it was sent
	Arrived bool       `json:"arrived,omitempty"` // so the wallet says
	Away    bool       `json:"away,omitempty"`    // that wallet is not set up any more: it is asked once it is again
}

func (n *Node) goingView(g market.Going) GoingView {
	return GoingView{Payment: g.ID.String(), To: n.personView(g.To), Money: g.Money.String(), Means: g.Means, Time: g.Time.UnixMilli(), Wallet: g.Rail, Arrived: g.Sent, Away: g.Away}
}

// An EarnedView is what somebody shares with this node's person.
type EarnedView struct {
	From  PersonView `json:"from"`
	To    string     `json:"to"`    // co-host, relays, charity or fund: what it is for
	Total string     `json:"total"` // earned so far
	Owed  string     `json:"owed"`  // by this device of theirs, of all such shares of the currency: still to come
}

func (n *Node) personView(who doc.PublicKey) PersonView { return PersonView{who, n.nameOf(who)} }

// Shares lists what others are owed, and what this node's person is. A room may be named by its ID, prefix, title or share link, and
// then only what comes from it is in the list of sources.
func (n *Node) Shares(ref string) (SharesView, error) {
	v := SharesView{Owed: []OwedView{}, From: []SourceView{}, Going: []GoingView{}, Earned: []EarnedView{}}
	m := n.shop.market.Load()
	if m == nil {
		return v, nil
	}
	only := ledger.Room{}
	if ref != "" {
		var err error
		if only, _, err = n.ownRoom(ref); err != nil {
			return v, err
		}
	}
	list, err := m.Shares()
	if err != nil {
		return v, err
	}
	for _, s := range list {
		money := func(a ledger.Amount) string { return ledger.Money{Amount: a, Cur: s.Cur}.String() }
		o := OwedView{PersonView: n.personView(s.To), Waits: []CutView{}, Owed: money(s.Due.Owed), Going: money(s.Due.Going), Paid: money(s.Due.Cleared),
			Left: money(s.Due.Left()), Least: money(ledger.Least(s.Cur))}
		for cut := ledger.CutCoHost; cut <= ledger.CutFund; cut++ {
			if a := s.Waiting[cut]; a != 0 {
				o.Waits = append(o.Waits, CutView{cutNames[cut], money(a)})
			}
		}
		v.Owed = append(v.Owed, o)
	}
	if v.From, err = n.sources(m, only); err != nil {
		return v, err
	}
	going, err := m.Going()
	if err != nil {
		return v, err
	}
	for _, g := range going {
		v.Going = append(v.Going, n.goingView(g))
	}
	incomes, err := m.Incomes()
	for _, i := range incomes {
		v.Earned = append(v.Earned, EarnedView{From: n.personView(i.From), To: cutNames[i.Cut], Total: i.Total.String(), Owed: i.Owed.String()})
	}
	return v, err
}

// sources are the rooms of this node's person that shares come from; the zero Room is all of them.
func (n *Node) sources(m *market.Market, only ledger.Room) ([]SourceView, error) {
	views := []SourceView{}
	now := time.Now()
	offerings, err := m.Offerings(only, now)
	if err != nil {
		return views, err
	}
	notes := n.home.roomNotes()
	seen := map[ledger.Room]bool{}
	for _, s := range offerings {
		of := s.Listed.Offer.Room
		if of.IsZero() || seen[of] {
			continue
		}
		seen[of] = true
		list, err := m.Takings(of, now)
		if err != nil {
			return views, err
		}
		v := SourceView{Room: room.ID(of), Shares: []ShareView{}, Relays: []WeightView{}}
		if r := n.Room(v.Room); r != nil {
			v.Title = r.View().Title
		} else {
			v.Title = n.knownRoom(v.Room, notes, now).Title
		}
		cur := s.Listed.Offer.Price.Cur
		money := func(a ledger.Amount) string { return ledger.Money{Amount: a, Cur: cur}.String() }
		var gross ledger.Amount
		for _, t := range list {
			gross += t.Gross
			for i, share := range t.Offer.Split {
				v.Shares = append(v.Shares, ShareView{To: cutNames[share.Cut], Key: share.To, Name: n.nameOf(share.To), BasisPoints: int(share.BasisPoints), Money: money(t.Parts[i])})
			}
		}
		came, divided, err := m.Pooled(of, cur)
		if err != nil {
			return views, err
		}
		weights, err := n.weights(v.Room)
		if err != nil {
			return views, err
		}
		for _, w := range weights {
			v.Relays = append(v.Relays, WeightView{n.personView(doc.PublicKey(w.Relay)), w.Frames / 50, w.Seats})
		}
		v.Gross, v.Pool, v.Open = money(gross), money(came), money(came-divided)
		views = append(views, v)
	}
	return views, nil
}

// divide divides the pools of rooms that are over by what relays have shown. What nobody has carried stays the host's, until somebody
// shows that they did.
func (n *Node) divide(m *market.Market) error {
	now := time.Now()
	offerings, err := m.Offerings(ledger.Room{}, now)
	if err != nil {
		return err
	}
	for _, s := range offerings {
		of, cur := s.Listed.Offer.Room, s.Listed.Offer.Price.Cur
		if state := n.saleView(s, now).State; of.IsZero() || state == saleRuns || state == saleWaits {
			continue
		}
		weights, err := n.weights(room.ID(of))
		if err != nil {
			return err
		}
		slices.SortFunc(weights, func(a, b pool.Weight) int { return cmp.Compare(b.Frames, a.Frames) })
		parts := []ledger.Part{}
		for _, w := range weights[:min(len(weights), ledger.MaxParts)] {
			parts = append(parts, ledger.Part{To: ledger.Key(w.Relay), Weight: w.Frames})
		}
		if len(parts) == 0 {
			parts = append(parts, ledger.Part{To: n.Person(), Weight: 1})
		}
		slices.SortFunc(parts, func(a, b ledger.Part) int { return slices.Compare(a.To[:], b.To[:]) })
		if err := m.Divide(of, cur, parts); err != nil {
			return err
		}
	}
	return nil
}

// A PayoutView is what a payout has done.
type PayoutView struct {
	Done []PaidOutView `json:"done"`
}

// A PaidOutView is what a payout has done for one person.
type PaidOutView struct {
	PersonView
	Money string `json:"money"` // that was made a debt; below zero if refunds lowered one
	Paid  string `json:"paid"`  // that is said to be paid now
	Told  bool   `json:"told"`  // they know; otherwise they hear of it when they can be reached, or ask

	Problem string `json:"problem,omitempty"` // why it is not paid, or not known to be
}

// PayOut pays out what others are owed: by iou they are told, by hand this node's person has sent it, by lightning its wallet does. least is the smallest share that
// is worth it, the zero Money the usual one.
func (n *Node) PayOut(ctx context.Context, rail, means string, least ledger.Money) (PayoutView, error) {
	v := PayoutView{Done: []PaidOutView{}}
	if rail != ledger.IOURail && rail != "hand" && rail != market.ByLightning {
		return v, &UserError{Code: "no_payout_rail", Text: "Shares are paid out by iou, which tells everybody what they are owed, by hand, when you have sent it, or by lightning, from your wallet."}
	}
	m := n.shop.market.Load()
	if m == nil {
		return v, errNoLedger
	}
	if err := n.divide(m); err != nil {
		return v, err
	}
	if rail == market.ByLightning && !m.SendsShares() {
		return v, &UserError{Code: "no_payout_rail", Text: "This node pays nothing by Lightning. Connect a wallet that may pay first ('salon ledger rail add lnd --pays' or 'nwc'), or pay out by hand."}
	}
	done, err := m.PayOut(ctx, market.Payout{Rail: rail, Means: means, Least: func(cur ledger.Currency) ledger.Amount {
		if least.Cur == cur {
			return least.Amount
		}
		return ledger.Least(cur)
	}})
	for _, d := range done {
		one := PaidOutView{PersonView: n.personView(d.To), Money: d.Money.String(), Paid: d.Paid.String(), Told: d.Told}
		if d.Fails != nil {
			one.Problem = shareProblem(d.Fails)
		}
		v.Done = append(v.Done, one)
	}
	return v, err
}

// shareProblem says why a share is not paid.
func shareProblem(err error) string {
	switch {
	case errors.Is(err, market.ErrPending):
		return "It is on its way: your wallet has not said yet how it ended. It is asked until it does, and nothing is sent twice."
	case errors.Is(err, market.ErrNoPlace):
		return "They have not said where they are paid by Lightning: they set a lightning address in salon, and are asked when they can be reached."
	case errors.Is(err, market.ErrNoInvoice):
		return "Their wallet gives no invoice: " + strings.TrimPrefix(err.Error(), market.ErrNoInvoice.Error()+": ") + "."
	}
	return explain(err).Text
}

// NotSent takes back that a payment by hand was made, named by the beginning of its number; or, where gone says that its wallet will never be
// set up again, one that this had to send.
func (n *Node) NotSent(payment string, gone bool) (GoingView, error) {
	m := n.shop.market.Load()
	if m == nil {
		return GoingView{}, errNoLedger
	}
	going, err := m.Going()
	if err != nil {
		return GoingView{}, err
	}
	payment = strings.ToLower(strings.TrimSpace(payment))
	var found []market.Going
	for _, g := range going {
		if len(payment) >= leastID && strings.HasPrefix(hex.EncodeToString(g.ID[:]), payment) {
			found = append(found, g)
		}
	}
	switch len(found) {
	case 0:
		return GoingView{}, &UserError{Code: "no_such_payment", Text: "No such payment is on its way, or not any more."}
	case 1:
	default:
		return GoingView{}, &UserError{Code: "ambiguous", Text: fmt.Sprintf("%d payments match %q. Give more of the number.", len(found), payment)}
	}
	g := found[0]
	return n.goingView(g), m.NotSent(g.ID, gone)
}

// AskShares asks all who may owe this node's person shares.
func (n *Node) AskShares(ctx context.Context) error {
	n.meetPayers()
	m := n.shop.market.Load()
	if m == nil {
		return nil
	}
	return m.Earn(ctx)
}
