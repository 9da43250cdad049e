package node

import (
	"errors"
	"slices"
	"strings"

	"salon/ledger/doc"
	"salon/node/market"
	"salon/node/market/lnd"
)

// handsFile of a home names the orders that its person pays by hand.
const handsFile = "byhand.json"

// A PendingView is a purchase that is not ended: its payment was begun, and neither receipt nor refusal has come.
type PendingView struct {
	Order   string     `json:"order"`
	Seller  PersonView `json:"seller"` // who is paid; the name is "" if this node does not know it
	Count   uint32     `json:"count"`
	Sum     string     `json:"sum"`
	Rail    string     `json:"rail"`
	Since   int64      `json:"since"`   // unix ms
	Expires int64      `json:"expires"` // until when the seats are held for it, unix ms
	Why     string     `json:"why"`     // asked, on_its_way, too_late, unreachable, or by_hand: this person pays it themselves
	Purpose string     `json:"purpose"` // ticket, tip, charity or subscription
	Request string     `json:"request"` // by hand: what to pay, an invoice or the address of a page
	Proof   bool       `json:"proof"`   // once it is paid, that can be shown to others (Remittance)
}

// Pending lists the purchases that are not ended, the oldest first.
func (n *Node) Pending() ([]PendingView, error) {
	views := []PendingView{}
	m := n.shop.market.Load()
	if m == nil {
		return views, nil
	}
	list, err := m.Unfinished()
	notes := n.home.roomNotes()
	for _, p := range list {
		v := PendingView{Order: p.Order.String(), Seller: PersonView{Person: p.Payee, Name: nameOf(p.Payee, notes)}, Count: p.Count, Sum: p.Total.String(), Rail: p.Rail,
			Since: p.Since.UnixMilli(), Expires: p.Expires.UnixMilli(), Purpose: p.Purpose.String(), Request: p.Request, Why: whyOpen(p)}
		_, v.Proof = provable[p.Rail]
		views = append(views, v)
	}
	return views, err
}

// whyOpen is why a purchase is not ended. What was paid by hand and came too late is not to be paid any more.
func whyOpen(p market.Unfinished) string {
	switch {
	case errors.Is(p.Err, market.ErrLate):
		return "too_late"
	case p.ByHand:
		return "by_hand"
	case p.Err == nil:
		return "asked"
	case errors.Is(p.Err, market.ErrPending):
		return "on_its_way"
	}
	return "unreachable"
}

// pendingOf is what is not ended of an order; nil if it has.
func (n *Node) pendingOf(order string) (*PendingView, error) {
	list, err := n.Pending()
	for i := range list {
		if list[i].Order == order {
			return &list[i], nil
		}
	}
	return nil, err
}

// PendingRequest is what to pay by hand for an order, as a code that a wallet or a phone can read.
func (n *Node) PendingRequest(order string) (string, error) {
	v, err := n.pendingOf(order)
	switch {
	case err != nil:
		return "", err
	case v == nil || v.Request == "":
		return "", &UserError{Code: "not_pending", Text: "Nothing is to be paid by hand for this order, or not any more."}
	case v.Rail == lnd.Name:
		return "LIGHTNING:" + strings.ToUpper(v.Request), nil // in capitals a code is smaller
	}
	return v.Request, nil
}

// nameOf is what a host was called when one bought from them last.
func nameOf(who doc.PublicKey, notes []roomNote) string {
	for _, note := range slices.Backward(notes) {
		if note.Host.Person == who {
			return note.Host.Name
		}
	}
	return ""
}
