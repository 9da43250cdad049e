package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"salon/ledger"
	"salon/ledger/doc"
	"salon/node/market"
	"salon/room"
)

// What a host does with tickets that are sold: change the terms, give some away, take them back.

// An IssuedView is a ticket to a room of this node's person.
type IssuedView struct {
	Ticket  string        `json:"ticket"`
	Class   uint8         `json:"class"`
	Serial  uint32        `json:"serial"`
	Holder  doc.PublicKey `json:"holder"`
	Buyer   doc.PublicKey `json:"buyer,omitzero"`    // who paid; not there if it was given
	Receipt string        `json:"receipt,omitempty"` // likewise
	Rail    string        `json:"rail,omitempty"`
	State   string        `json:"state"` // good, void, or moved: somebody else has the seat
}

// A BackView is how much went back for one receipt.
type BackView struct {
	Receipt string        `json:"receipt,omitempty"` // empty for tickets that nobody paid
	Buyer   doc.PublicKey `json:"buyer,omitzero"`
	Rail    string        `json:"rail,omitempty"`
	Money   string        `json:"money,omitempty"` // in all
	Seats   uint32        `json:"seats"`           // that are void
}

// A RefundView is what went back, and what did not: the seats are void all the same, and it is tried again.
type RefundView struct {
	Backs   []BackView `json:"backs"`
	Problem string     `json:"problem,omitempty"`
}

func refundView(backs []market.Back, err error) (RefundView, error) {
	v := RefundView{Backs: make([]BackView, 0, len(backs))}
	for _, b := range backs {
		one := BackView{Buyer: b.Buyer, Rail: b.Rail, Seats: b.Seats}
		if !b.Receipt.IsZero() {
			one.Receipt, one.Money = b.Receipt.String(), b.Money.String()
		}
		v.Backs = append(v.Backs, one)
	}
	if err != nil && len(backs) > 0 {
		v.Problem, err = explain(err).Text, nil
	}
	return v, err
}

var errNotSold = &UserError{Code: "nothing_sold", Text: "There is no such room of yours with tickets."}

// ownRoom finds a room whose tickets are this node's person's, by share link, ID, or the beginning of ID or title: the title if it is live.
func (n *Node) ownRoom(ref string) (ledger.Room, *market.Market, error) {
	m := n.shop.market.Load()
	if m == nil {
		return ledger.Room{}, nil, errNotSold
	}
	all, err := m.Offerings(ledger.Room{}, time.Now())
	if err != nil {
		return ledger.Room{}, nil, err
	}
	var found []ledger.Room
	add := func(r ledger.Room) {
		if !slices.Contains(found, r) {
			found = append(found, r)
		}
	}
	ref = strings.TrimSpace(ref)
	link, err := room.ParseLink(ref)
	for _, s := range all {
		r := s.Listed.Offer.Room
		if err == nil && ledger.Room(link.Room) == r || err != nil && strings.HasPrefix(r.String(), strings.ToLower(ref)) || n.isTitled(room.ID(r), ref) {
			add(r)
		}
	}
	switch {
	case len(found) == 0 || ref == "":
		return ledger.Room{}, nil, errNotSold
	case len(found) > 1:
		return ledger.Room{}, nil, &UserError{Code: "ambiguous", Text: fmt.Sprintf("%d rooms of yours match %q. Give more of the ID.", len(found), ref)}
	}
	return found[0], m, nil
}

// isTitled reports whether a room that this node is in has a title that begins so.
func (n *Node) isTitled(id room.ID, ref string) bool {
	r := n.Room(id)
	return r != nil && strings.HasPrefix(strings.ToLower(r.View().Title), strings.ToLower(ref))
}

// SoldTickets lists the tickets to a room of this node's person, by seat.
func (n *Node) SoldTickets(ref string) ([]IssuedView, error) {
	of, m, err := n.ownRoom(ref)
	if err != nil {
		return nil, err
	}
	list, err := m.Seats(of)
	views := make([]IssuedView, 0, len(list))
	for _, s := range list {
		v := IssuedView{Ticket: s.Ticket.String(), Serial: s.Serial, Holder: s.Holder, Buyer: s.Buyer, Rail: s.Rail, State: "good"}
		if !s.Receipt.IsZero() {
			v.Receipt = s.Receipt.String()
		}
		switch {
		case s.Moved:
			v.State = "moved"
		case s.Void:
			v.State = "void"
		}
		views = append(views, v)
	}
	return views, err
}

// leastID is how much of an ID has to be said.
const leastID = 4

var errPaidFor = &UserError{Code: "paid_for", Text: "It was paid for: a seat is not taken back without its money. 'salon ticket refund ROOM TICKET' takes back both; 'salon room remove ROOM PERSON' keeps somebody out."}

// RefundTickets takes tickets to a room back, and sends what they were paid with to who paid. what is the beginning of a ticket's ID, or
// of a buyer's or holder's key; all of them with all. With unpaid it takes back none that somebody has paid for.
func (n *Node) RefundTickets(ctx context.Context, ref, what string, all, byHand, unpaid bool) (RefundView, error) {
	of, m, err := n.ownRoom(ref)
	if err != nil {
		return RefundView{}, err
	}
	list, err := m.Seats(of)
	if err != nil {
		return RefundView{}, err
	}
	what = strings.ToLower(strings.TrimSpace(what))
	if all == (what != "") || what != "" && len(what) < leastID {
		return RefundView{}, &UserError{Code: "bad_ticket", Text: "Say which ticket, or whose, by at least four characters; or that all of them are meant."}
	}
	var tickets []ledger.ID
	owners := map[doc.PublicKey]bool{}
	exact := 0
	for _, s := range list {
		if s.Moved {
			continue
		}
		byID := !all && strings.HasPrefix(s.Ticket.String(), what)
		byKey := !all && (strings.HasPrefix(s.Buyer.String(), what) && !s.Buyer.IsZero() || strings.HasPrefix(s.Holder.String(), what))
		if byID {
			exact++
		}
		if byKey {
			owners[s.Holder] = true
		}
		if all || byID || byKey {
			tickets = append(tickets, s.Ticket)
		}
	}
	switch {
	case len(tickets) == 0 && !all:
		return RefundView{}, &UserError{Code: "no_such_ticket", Text: "Nobody has such a ticket to this room."}
	case exact > 1 || exact == 1 && len(owners) > 0:
		return RefundView{}, &UserError{Code: "ambiguous", Text: fmt.Sprintf("%d tickets match %q. Give more of the ID.", len(tickets), what)}
	}
	paid := func(s market.Seat) bool { return slices.Contains(tickets, s.Ticket) && !s.Receipt.IsZero() }
	if unpaid && slices.ContainsFunc(list, paid) {
		return RefundView{}, errPaidFor
	}
	return refundView(m.Refund(ctx, tickets, market.Takeback{Why: ledger.ReasonHost, ByHand: byHand}))
}

// CancelTickets ends the sale of a room, voids every ticket, and sends all of the money back. What is left goes on by itself, or with
// the next call.
func (n *Node) CancelTickets(ctx context.Context, ref string, byHand bool) (RefundView, error) {
	of, m, err := n.ownRoom(ref)
	if err != nil {
		return RefundView{}, err
	}
	return refundView(m.Cancel(ctx, of, byHand))
}

// Terms are what may change of what is on sale; what is nil stays. Times are unix ms.
type Terms struct {
	Price    *ledger.Money
	Seats    *uint32
	PerBuyer *uint32
	SaleFrom *int64
	SaleTo   *int64
	RefundTo *int64
	Starts   *int64 // puts the room off, or earlier: when its doors open. Every ticket stays good
	Tax      *string
}

// OfferTickets changes what is on sale of a room of this node's person.
func (n *Node) OfferTickets(ref string, t Terms) (OfferView, error) {
	of, m, err := n.ownRoom(ref)
	if err != nil {
		return OfferView{}, err
	}
	if t.Tax != nil {
		line, err := taxLine(*t.Tax)
		if err != nil {
			return OfferView{}, err
		}
		t.Tax = &line
	}
	if t.Price != nil {
		if err := enough(m, *t.Price); err != nil {
			return OfferView{}, err
		}
	}
	var cur ledger.Currency
	l, err := m.Revise(of, 0, func(o *ledger.Offer) {
		cur = o.Price.Cur
		t.change(o)
	})
	if errors.Is(err, ledger.ErrField) || errors.Is(err, ledger.ErrAmount) || t.Price != nil && t.Price.Cur != cur {
		return OfferView{}, &UserError{Code: "bad_sale", Text: fmt.Sprintf("Tickets have a price in %s, as before, and 1 to %d seats; what ends, ends after it begins.", cur, ledger.MaxSeats)}
	}
	if err != nil {
		return OfferView{}, err
	}
	return n.offerView(l), nil
}

// change puts the terms into an offer.
func (t Terms) change(o *ledger.Offer) {
	if t.Price != nil {
		o.Price = *t.Price
	}
	for _, one := range []struct{ from, to *uint32 }{{t.Seats, &o.Seats}, {t.PerBuyer, &o.PerBuyer}} {
		if one.from != nil {
			*one.to = *one.from
		}
	}
	if t.Tax != nil {
		o.Tax = *t.Tax
	}
	if t.Starts != nil {
		o.Ends = *t.Starts + ticketsFor.Milliseconds()
		if o.RefundTo != 0 {
			o.RefundTo = *t.Starts
		}
	}
	for _, one := range []struct{ from, to *int64 }{{t.SaleFrom, &o.SaleFrom}, {t.SaleTo, &o.SaleTo}, {t.RefundTo, &o.RefundTo}} {
		if one.from != nil {
			*one.to = *one.from
		}
	}
}

// GiveTicket makes a complimentary ticket for a person's or device's key, as text that its holder accepts.
func (n *Node) GiveTicket(ref string, to doc.PublicKey) (string, error) {
	of, m, err := n.ownRoom(ref)
	if err != nil {
		return "", err
	}
	tickets, err := m.Give(of, 0, to)
	if err != nil {
		return "", err
	}
	return market.Text(tickets[0]), nil
}
