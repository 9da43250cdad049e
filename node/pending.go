package node

import (
	"errors"
	"slices"

	"salon/ledger/doc"
	"salon/node/market"
)

// A PendingView is a purchase that is not ended: its payment was begun, and neither receipt nor refusal has come.
type PendingView struct {
	Order   string     `json:"order"`
	Seller  PersonView `json:"seller"` // who is paid; the name is "" if this node does not know it
	Count   uint32     `json:"count"`
	Sum     string     `json:"sum"`
	Rail    string     `json:"rail"`
	Since   int64      `json:"since"`   // unix ms
	Expires int64      `json:"expires"` // until when the seats are held for it, unix ms
	Why     string     `json:"why"`     // asked, on_its_way, too_late or unreachable
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
			Since: p.Since.UnixMilli(), Expires: p.Expires.UnixMilli()}
		switch {
		case p.Err == nil:
			v.Why = "asked"
		case errors.Is(p.Err, market.ErrLate):
			v.Why = "too_late"
		case errors.Is(p.Err, market.ErrPending):
			v.Why = "on_its_way"
		default:
			v.Why = "unreachable"
		}
		views = append(views, v)
	}
	return views, err
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
