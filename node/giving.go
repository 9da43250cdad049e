package node

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"salon/ledger"
	"salon/ledger/doc"
	"salon/node/market"
	"salon/room"
)

// A GivenView is a ticket that changed hands.
type GivenView struct {
	Text string `json:"text"` // for whoever it is for: they accept it
}

// TransferTicket gives a ticket, named by the beginning of its ID, to a person's or device's key.
func (n *Node) TransferTicket(ctx context.Context, ticket string, to doc.PublicKey) (GivenView, error) {
	m := n.shop.market.Load()
	if m == nil {
		return GivenView{}, ledger.ErrUnknown
	}
	id, err := n.ownTicket(m, ticket)
	if err != nil {
		return GivenView{}, err
	}
	raw, err := m.Transfer(ctx, id, to, n.home.person)
	if err != nil {
		return GivenView{}, sellerError(err)
	}
	return GivenView{Text: market.Text(raw)}, nil
}

// ownTicket finds a ticket of this node by the beginning of its ID. A whole ID may be of one that was given away.
func (n *Node) ownTicket(m *market.Market, ref string) (ledger.ID, error) {
	ref = strings.ToLower(strings.TrimSpace(ref))
	if id, err := ledger.ParseID(ref); err == nil {
		return id, nil
	}
	list, err := m.Tickets(time.Now())
	if err != nil {
		return ledger.ID{}, err
	}
	var found []ledger.ID
	for _, h := range list {
		if len(ref) >= leastID && strings.HasPrefix(h.ID.String(), ref) {
			found = append(found, h.ID)
		}
	}
	switch len(found) {
	case 0:
		return ledger.ID{}, &UserError{Code: "no_such_ticket", Text: "You have no such ticket."}
	case 1:
		return found[0], nil
	}
	return ledger.ID{}, &UserError{Code: "ambiguous", Text: fmt.Sprintf("%d of your tickets match %q. Give more of the ID.", len(found), ref)}
}

// AcceptTicket takes in a ticket that somebody gave to this node's person.
func (n *Node) AcceptTicket(text string) (CheckView, error) {
	raw, err := market.ParseText(text)
	if err != nil {
		return CheckView{}, err
	}
	v := n.check(raw, time.Now())
	if !v.Good {
		return v, &UserError{Code: "not_good", Text: v.Text}
	}
	m, err := n.Market()
	if err != nil {
		return CheckView{}, err
	}
	_, err = m.Accept(raw)
	return v, err
}

// NewsOfTickets asks the sellers what became of the tickets.
func (n *Node) NewsOfTickets(ctx context.Context) error {
	m := n.shop.market.Load()
	if m == nil {
		return nil
	}
	if err := m.News(ctx); err != nil {
		return sellerError(err)
	}
	return nil
}

// A CheckView says what can be seen of a ticket without asking anybody.
type CheckView struct {
	Good   bool          `json:"good"`
	Why    string        `json:"why,omitempty"` // it is not good: bad_ticket, forged, void, not_host, too_early or too_late
	Text   string        `json:"text"`          // the same, for people
	Known  string        `json:"known"`         // how much: all, at the host; host, who signed it is known to; or signature
	Room   room.ID       `json:"room,omitzero"`
	Title  string        `json:"title,omitempty"` // if the room is known here
	Class  uint8         `json:"class"`
	Serial uint32        `json:"serial"`
	Gen    uint32        `json:"generation"`
	Holder doc.PublicKey `json:"holder,omitzero"`
	Yours  bool          `json:"yours"` // this node's person or device holds it, or a key that this node made
	Seller doc.PublicKey `json:"seller,omitzero"`
	Starts int64         `json:"starts"` // unix ms
	Ends   int64         `json:"ends"`
}

// CheckTicket reads a ticket, and asks nobody. What cannot be seen here, such as that the host has taken it back, the door says.
func (n *Node) CheckTicket(text string) CheckView {
	raw, err := market.ParseText(text)
	if err != nil {
		return CheckView{Why: "bad_ticket", Known: "signature", Text: explain(err).Text}
	}
	return n.check(raw, time.Now())
}

// whyNot are the reasons for which a ticket is not good.
var whyNot = []struct {
	err       error
	why, text string
}{
	{ledger.ErrRevoked, "void", "It is void: it was taken back, refunded or given to somebody else."},
	{ledger.ErrSigner, "not_host", "Neither the host of its room nor who may sell for the host has signed it."},
	{ledger.ErrTooEarly, "too_early", "It is not good yet."},
	{ledger.ErrTooLate, "too_late", "It is not good any more: its time is over."},
	{doc.ErrSignature, "forged", "It is forged: who it says has signed it has not."},
}

func (n *Node) check(raw []byte, now time.Time) CheckView {
	t, id, err := ledger.OpenDocument[ledger.Ticket](raw)
	v := CheckView{Known: "signature", Room: room.ID(t.Room), Class: t.Class, Serial: t.Serial, Gen: t.Gen, Holder: t.Holder, Seller: t.By,
		Starts: t.NotBefore * 1000, Ends: t.NotAfter * 1000}
	if err != nil && !errors.Is(err, doc.ErrSignature) {
		return CheckView{Why: "bad_ticket", Known: "signature", Text: explain(market.ErrText).Text}
	}
	l, live := n.dir.Get(v.Room, now)
	if live {
		v.Title = l.ann.Title
	}
	me := n.author()
	v.Yours = t.Holder == me.Person || t.Holder == me.Device
	if m := n.shop.market.Load(); m != nil && err == nil {
		if list, other := m.Tickets(now); other == nil {
			for _, h := range list {
				if h.ID == id {
					v.Yours, v.Starts, v.Ends = true, h.Starts, h.Ends
					if h.Void {
						err = ledger.ErrRevoked
					}
				}
			}
		}
		if own, other := m.Offerings(t.Room, now); other == nil && len(own) > 0 {
			gate, other := m.Gate(t.Room, now)
			if other == nil {
				_, other = gate.Check(raw, now)
			}
			v.Known, err = "all", other
			v.Starts, v.Ends = own[0].Listed.Offer.Starts, own[0].Listed.Offer.Ends
		}
	}
	if v.Known != "all" && err == nil {
		switch {
		case now.UnixMilli() >= v.Ends:
			err = ledger.ErrTooLate
		case live && l.device == t.By:
			v.Known = "host"
		}
	}
	for _, w := range whyNot {
		if errors.Is(err, w.err) {
			v.Why, v.Text = w.why, w.text
			return v
		}
	}
	if err != nil {
		v.Why, v.Text = "bad_ticket", explain(err).Text
		return v
	}
	v.Good = true
	switch v.Known {
	case "all":
		v.Text = "It is good: it is in your ledger."
	case "host":
		v.Text = "It is good as far as can be seen here: the host has signed it. Whether it was taken back only the host knows."
	default:
		v.Text = "It is whole. Whether the host signed it cannot be seen here, for the room is not known: compare the seller's key."
	}
	return v
}
