package node

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"time"

	"salon/ledger"
	"salon/ledger/doc"
	"salon/node/market"
	"salon/room"
)

// An OfferView is what the host of a room sells.
type OfferView struct {
	ID       string        `json:"id"`
	Name     string        `json:"name"`
	Class    uint8         `json:"class"`
	Price    string        `json:"price"` // of one, such as "5 EUR"
	Seats    uint32        `json:"seats"` // in all, sold or not
	PerBuyer uint32        `json:"per_buyer"`
	Host     doc.PublicKey `json:"host"`
	Payee    doc.PublicKey `json:"payee"`     // who is paid
	SaleFrom int64         `json:"sale_from"` // unix ms; 0 means no limit, here and below
	SaleTo   int64         `json:"sale_to"`
	Starts   int64         `json:"starts"` // tickets are good from here
	Ends     int64         `json:"ends"`
	Rails    []string      `json:"rails"`          // by which it can be paid
	RefundTo int64         `json:"refund_to"`      // until when a buyer may have the money back by asking; 0 means not at all
	Tax      string        `json:"tax"`            // what the seller states of tax; "" for nothing
	Shares   []SplitView   `json:"shares"`         // of the price that go to others; the rest is the host's
	Fork     *ForkView     `json:"fork,omitempty"` // whoever sells has signed two different ledgers, which is proven
}

func (n *Node) offerView(l market.OnSale) OfferView {
	o := l.Offer
	return OfferView{ID: l.ID.String(), Name: o.Name, Class: o.Class, Price: o.Price.String(), Seats: o.Seats, PerBuyer: o.PerBuyer,
		Host: l.Host, Payee: l.Payee, Rails: append([]string{}, l.Rails...), SaleFrom: o.SaleFrom, SaleTo: o.SaleTo, Starts: o.Starts, Ends: o.Ends, RefundTo: o.RefundTo, Tax: o.Tax, Shares: n.splitViews(o.Split)}
}

// A TicketView is a ticket that this node's person has bought or was given.
type TicketView struct {
	ID     string        `json:"id"`
	Room   room.ID       `json:"room"`
	Class  uint8         `json:"class"`
	Serial uint32        `json:"serial"`
	Holder doc.PublicKey `json:"holder"` // the key that holds it: fresh, or this device's
	Seller doc.PublicKey `json:"seller"` // the device that signed it
	Starts int64         `json:"starts"` // unix ms, as far as is known here
	Ends   int64         `json:"ends"`
	Void   bool          `json:"void"`  // so its seller has said
	Text   string        `json:"text"`  // what others read it as; only its holder comes in with it
	Title  string        `json:"title"` // of the room; "" if this node does not know
	Host   PersonView    `json:"host"`  // likewise
	Link   string        `json:"link"`  // to the room; "" if this node has none
}

// A BoughtView is what a purchase has brought.
type BoughtView struct {
	Order    string   `json:"order"`
	Receipt  string   `json:"receipt"`
	Tickets  []string `json:"tickets"`
	Refunded bool     `json:"refunded"` // the seats were gone, and the money went back

	Pending *PendingView `json:"pending,omitempty"` // by hand: what this person is to pay now. The tickets come once they have
}

// OnSale lists what the host of a room sells of it. The room is named by its ID, prefix or share link.
func (n *Node) OnSale(ctx context.Context, ref string) ([]OfferView, error) {
	link, err := n.seller(ref)
	if err != nil {
		return nil, err
	}
	m, err := n.Market()
	if err != nil {
		return nil, err
	}
	fork := n.catching(ctx, link.Host)
	list, err := m.Shelf(ctx, link.Device, link.Host, ledger.Room(link.Room))
	caught := <-fork
	if err == nil {
		n.learnSellers(ctx, m, link)
	}
	for _, other := range n.otherSellers(link) {
		if err == nil && len(list) > 0 {
			break
		}
		if more, one := m.Shelf(ctx, other, link.Host, ledger.Room(link.Room)); one == nil {
			list, err = more, nil
		}
	}
	if err != nil {
		return nil, sellerError(err)
	}
	views := make([]OfferView, 0, len(list))
	for _, l := range list {
		v := n.offerView(l)
		v.Fork = caught
		views = append(views, v)
	}
	return views, nil
}

// BuyTickets buys tickets to a room at a price, of all of them, that the buyer has seen, with a key made for this.
func (n *Node) BuyTickets(ctx context.Context, ref string, count uint32, price ledger.Money, rail string) (BoughtView, error) {
	return n.BuyTicketsAs(ctx, ref, count, price, rail, false)
}

// BuyTicketsAs is BuyTickets which, if known, shows the host who buys: what the host lends to that person, it lends.
func (n *Node) BuyTicketsAs(ctx context.Context, ref string, count uint32, price ledger.Money, rail string, known bool) (BoughtView, error) {
	link, err := n.seller(ref)
	if err != nil {
		return BoughtView{}, err
	}
	m, err := n.Market()
	if err != nil {
		return BoughtView{}, err
	}
	return n.buy(ctx, m, link, n.wantOf(link, count, price, rail, known))
}

// OrderTickets is BuyTicketsAs where this person pays by hand: nothing is paid by this node, and what is to be paid is in the answer.
func (n *Node) OrderTickets(ctx context.Context, ref string, count uint32, price ledger.Money, rail string, known bool) (BoughtView, error) {
	link, err := n.seller(ref)
	if err != nil {
		return BoughtView{}, err
	}
	m, err := n.Market()
	if err != nil {
		return BoughtView{}, err
	}
	w := n.wantOf(link, count, price, rail, known)
	w.ByHand = true
	return n.buy(ctx, m, link, w)
}

func (n *Node) buy(ctx context.Context, m *market.Market, link room.Link, w market.Want) (BoughtView, error) {
	b, err := m.Buy(ctx, w)
	if err == nil || begun(err) {
		n.keysMatter()
		n.noteRoom(ctx, link, err == nil)
	}
	if w.ByHand && !b.Order.IsZero() && errors.Is(err, market.ErrPending) {
		v := BoughtView{Order: b.Order.String(), Tickets: []string{}}
		v.Pending, err = n.pendingOf(v.Order)
		return v, err
	}
	if err = sellerErrorOf(b, err); err != nil {
		return BoughtView{}, err
	}
	v := BoughtView{Order: b.Order.String(), Receipt: b.Receipt.String(), Tickets: make([]string, 0, len(b.Tickets)), Refunded: b.Back}
	for _, id := range b.Tickets {
		v.Tickets = append(v.Tickets, id.String())
	}
	return v, nil
}

var errUnreachable = &UserError{Code: "unreachable", Text: "The seller cannot be reached just now. If a payment was begun, it goes on by itself."}

// sellerErrorOf is sellerError of a purchase: one that was begun goes on by itself, and must not be begun anew.
func sellerErrorOf(b market.Bought, err error) error {
	if err == nil {
		return nil
	}
	return sellerError(unlessBegun(b.Order, err))
}

// unlessBegun is why a purchase has not ended: one that was begun goes on by itself, also when the seller is away.
func unlessBegun(order ledger.ID, err error) error {
	if !order.IsZero() && sellerError(err) == errUnreachable {
		return market.ErrPending
	}
	return err
}

// sellerError tells a seller's refusal, which is explained as it is, from one that cannot be reached.
func sellerError(err error) error {
	for i := range explained {
		if errors.Is(err, explained[i].err) {
			return err
		}
	}
	return errUnreachable
}

// Tickets lists those that this node's person has bought or was given and that have not run out, by when they do.
func (n *Node) Tickets() ([]TicketView, error) {
	views := []TicketView{}
	m := n.shop.market.Load()
	if m == nil {
		return views, nil
	}
	now := time.Now()
	list, err := m.Tickets(now)
	notes := n.home.roomNotes()
	for _, h := range list {
		t := h.Ticket
		v := TicketView{ID: h.ID.String(), Room: room.ID(t.Room), Class: t.Class, Serial: t.Serial, Holder: t.Holder, Seller: t.By,
			Starts: h.Starts, Ends: h.Ends, Void: h.Void, Text: market.Text(h.Raw)}
		note := n.knownRoom(v.Room, notes, now)
		v.Title, v.Host, v.Link = note.Title, note.Host, note.Link
		views = append(views, v)
	}
	return views, err
}

// seller finds who sells tickets to a room, and where.
func (n *Node) seller(ref string) (room.Link, error) {
	link, err := n.resolve(ref)
	if err != nil {
		return link, err
	}
	if link.Device == n.author().Device {
		return link, &UserError{Code: "own_room", Text: "This is a room of your own."}
	}
	to, err := addrInfo(link.Device, link.Addrs)
	if err != nil {
		return link, &UserError{Code: "bad_link", Text: "This link is damaged."}
	}
	n.host.Peerstore().AddAddrs(to.ID, to.Addrs, sellerAddrs)
	return link, nil
}

// sellerAddrs is how long a seller's addresses are kept: until a purchase has been resumed, if need be.
const sellerAddrs = time.Hour

// ticketScheme is what a ticket as text begins with.
const ticketScheme = "salon-ticket:"

var errNoTicketHere = &UserError{Code: "no_ticket_here", Text: "You have no such ticket."}

// TicketText is a ticket as text, for a code that somebody can scan. It shows what was bought; to go in takes its key, too.
func (n *Node) TicketText(id string) (string, error) {
	raw, err := hex.DecodeString(id)
	m := n.shop.market.Load()
	if m == nil || err != nil || len(raw) != len(ledger.ID{}) {
		return "", errNoTicketHere
	}
	ticket, err := m.Raw(ledger.ID(raw))
	if err != nil {
		return "", err
	}
	if ticket == nil {
		return "", errNoTicketHere
	}
	return ticketScheme + base64.RawURLEncoding.EncodeToString(ticket), nil
}
