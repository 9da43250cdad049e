package node

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"salon/ledger"
	"salon/node/market"
	"salon/room"
)

// How the sale of a room stands.
const (
	saleRuns      = "runs"      // the room is open here, or waits for its doors
	saleBrokeOff  = "broke_off" // the room is not open any more, and its tickets are still good
	saleWaits     = "waits"     // likewise, and it can be taken up again as it was
	saleCancelled = "cancelled"
	saleOver      = "over" // no ticket is good any more
)

// A SaleView is how tickets to a room of this node's person sell.
type SaleView struct {
	Room   room.ID   `json:"room"`
	Title  string    `json:"title,omitempty"` // if it is known here still
	Offer  OfferView `json:"offer"`
	State  string    `json:"state"`
	Asks   bool      `json:"asks"` // who has tickets waits for the host to take the room up again, to put it off, to refund all, or to say that it is over
	Issued uint32    `json:"issued"`
	Held   uint32    `json:"held"` // while somebody pays
	Left   uint32    `json:"left"`
	Due    []string  `json:"due"` // money that is still to go back
}

// Sales lists what this node's person sells and has sold, what ends first before the rest.
func (n *Node) Sales() ([]SaleView, error) {
	views := []SaleView{}
	m := n.shop.market.Load()
	if m == nil {
		return views, nil
	}
	now := time.Now()
	list, err := m.Offerings(ledger.Room{}, now)
	for _, s := range list {
		views = append(views, n.saleView(s, now))
	}
	return views, err
}

func (n *Node) saleView(s market.Offering, now time.Time) SaleView {
	v := SaleView{Room: room.ID(s.Listed.Offer.Room), Offer: n.offerView(s.Listed), Issued: s.Seats.Issued, Held: s.Seats.Held, Left: s.Seats.Left, Due: []string{}}
	for rail, money := range s.Due {
		v.Due = append(v.Due, money.String()+" by "+rail)
	}
	slices.Sort(v.Due)
	r := n.Room(v.Room)
	if r != nil {
		v.Title = r.View().Title
	}
	switch {
	case s.Cancelled:
		v.State = saleCancelled
	case now.UnixMilli() >= s.Listed.Offer.Ends:
		v.State = saleOver
	case r != nil && !r.Phase().Over():
		v.State = saleRuns
	case n.resumes(v.Room):
		v.State = saleWaits
	default:
		v.State = saleBrokeOff
	}
	// One that was put off asks again when its doors would open.
	putOff := v.State == saleWaits && now.UnixMilli() < s.Listed.Offer.Ends-ticketsFor.Milliseconds()
	v.Asks = s.Seats.Issued > 0 && (v.State == saleBrokeOff || v.State == saleWaits) && !putOff
	return v
}

// brokenOff are sentences about rooms that broke off, whose host is asked what is to become of the tickets.
func (n *Node) brokenOff() (texts []string) {
	list, err := n.Sales()
	if err != nil {
		return nil // the ledger says so elsewhere
	}
	for _, s := range list {
		until := time.UnixMilli(s.Offer.Ends).Format("2006-01-02 15:04")
		if id := s.Room.String()[:10]; s.Asks && s.State == saleWaits {
			texts = append(texts, fmt.Sprintf("Your room %s broke off, and tickets to it are good until %s: %d. Open it again (salon host --again %s), put it off (salon ticket reschedule), refund all (salon ticket cancel), or say that it is over (salon ticket close).",
				id, until, s.Issued, id))
		}
		if s.Asks && s.State == saleBrokeOff {
			texts = append(texts, fmt.Sprintf("Your room %s does not run, and tickets to it are good until %s: %d. Refund all (salon ticket cancel), or say that it is over (salon ticket close).",
				s.Room.String()[:10], until, s.Issued))
		}
	}
	return texts
}

// endSale sells no more tickets to a room that has ended. Those that are good stay good, until the host decides.
func (n *Node) endSale(id room.ID) {
	m := n.shop.market.Load()
	if m == nil {
		return
	}
	now := time.Now()
	list, err := m.Offerings(ledger.Room(id), now)
	for _, s := range list {
		o := &s.Listed.Offer
		if s.Cancelled || o.SaleFrom >= now.UnixMilli() || o.SaleTo != 0 && o.SaleTo <= now.UnixMilli() {
			continue
		}
		_, one := m.Revise(o.Room, o.Class, func(o *ledger.Offer) { o.SaleTo = now.UnixMilli() })
		err = errors.Join(err, one)
	}
	if err != nil {
		n.o.Log.Error("sale not ended", "room", id.String(), "err", err)
	}
}

// CloseSale says that a room of this node's person is over: nothing more is sold, and its tickets have been good.
func (n *Node) CloseSale(ref string) (OfferView, error) {
	of, m, err := n.ownRoom(ref)
	if err != nil {
		return OfferView{}, err
	}
	if r := n.Room(room.ID(of)); r != nil && !r.Phase().Over() {
		return OfferView{}, &UserError{Code: "still_open", Text: "The room is open. End it first."}
	}
	now := time.Now().UnixMilli()
	l, err := m.Revise(of, 0, func(o *ledger.Offer) {
		if o.Ends = min(o.Ends, now); o.SaleFrom < now {
			o.SaleTo = now
		}
	})
	if err != nil {
		return OfferView{}, err
	}
	return n.offerView(l), nil
}
