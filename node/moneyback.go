package node

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"salon/ledger"
	"salon/ledger/doc"
	"salon/node/market"
	"salon/room"
)

// Why money that is to go back has not gone yet.
const (
	dueTried  = "tried"      // it is tried again until it has
	dueOnWay  = "on_its_way" // the rail has sent it
	dueByHand = "by_hand"    // a person here has to send it
	dueSeller = "seller"     // another device has the money, and is asked again until it says that it went back
)

// A DueView is money that is to go back to a buyer.
type DueView struct {
	Receipt string        `json:"receipt"`
	Room    room.ID       `json:"room"`
	Buyer   doc.PublicKey `json:"buyer"`           // who paid
	Seller  doc.PublicKey `json:"seller,omitzero"` // the device that has the money; not there if that is this one
	Rail    string        `json:"rail"`
	Money   string        `json:"money"`
	Surplus bool          `json:"surplus,omitempty"` // it came beyond what was asked for; what else is due for the receipt is another one
	To      string        `json:"to,omitempty"`      // where the buyer wants it
	Since   int64         `json:"since"`             // unix ms
	State   string        `json:"state"`
	Problem string        `json:"problem,omitempty"` // in words
}

// Dues lists money that is still to go back, what is due longest first.
func (n *Node) Dues() ([]DueView, error) {
	views := []DueView{}
	m := n.shop.market.Load()
	if m == nil {
		return views, nil
	}
	list, err := m.Dues(ledger.Room{})
	for _, d := range list {
		v := DueView{Receipt: d.Receipt.String(), Room: room.ID(d.Room), Buyer: d.Buyer, Seller: d.Seller, Rail: d.Rail, Money: d.Money.String(), Surplus: d.Surplus,
			To: d.To, Since: d.Since.UnixMilli(), State: dueTried}
		switch {
		case !d.Seller.IsZero():
			v.State = dueSeller
		case d.ByHand:
			v.State = dueByHand
		case errors.Is(d.Err, market.ErrOnItsWay):
			v.State = dueOnWay
		}
		if errors.Is(d.Err, market.ErrServed) || errors.Is(d.Err, market.ErrSentAnew) {
			v.To = "" // nobody is to pay that once more
		}
		if d.Err != nil {
			v.Problem = explain(sellerError(d.Err)).Text
		}
		if !d.Until.IsZero() {
			v.Problem = "Who sold it says that the payment is disputed with the bank, which has not decided. From " + d.Until.UTC().Format(time.DateOnly) + " on they are asked for the money all the same."
		}
		views = append(views, v)
	}
	return views, err
}

// SentBack takes a person's word that they have sent by hand what is due for a receipt, which the beginning of its ID names; or, of a
// surplus, what came beyond it. With an invoice, which the buyer has given since, this node's wallet sends it there.
func (n *Node) SentBack(ctx context.Context, receipt string, surplus bool, invoice string) error {
	none := &UserError{Code: "nothing_due", Text: "Nothing is to go back for such a receipt. 'salon ticket due' lists what is."}
	m := n.shop.market.Load()
	receipt = strings.ToLower(strings.TrimSpace(receipt))
	if m == nil || len(receipt) < leastID {
		return none
	}
	list, err := m.Dues(ledger.Room{})
	if err != nil {
		return err
	}
	var found []ledger.ID
	beyond := false
	for _, d := range list {
		if !strings.HasPrefix(d.Receipt.String(), receipt) {
			continue
		}
		if d.Surplus == surplus {
			found = append(found, d.Receipt)
		}
		beyond = beyond || d.Surplus
	}
	if beyond && !surplus {
		none = &UserError{Code: "nothing_due", Text: "What is due for this receipt came beyond what was asked for. Say 'salon ticket sent RECEIPT --surplus' once it is sent."}
	}
	if raw, err := hex.DecodeString(receipt); err == nil && len(raw) == len(ledger.ID{}) && len(found) == 0 {
		found = []ledger.ID{ledger.ID(raw)} // it may have been said before
	}
	switch len(found) {
	case 0:
		return none
	case 1:
		sent := m.SentBack
		switch {
		case invoice != "":
			sent = func(ctx context.Context, of ledger.ID) error { return m.SendAnew(ctx, of, surplus, invoice) }
		case surplus:
			sent = m.SentSurplus
		}
		if err := sent(ctx, found[0]); !errors.Is(err, ledger.ErrUnknown) {
			return err
		}
		return none
	}
	return &UserError{Code: "ambiguous", Text: fmt.Sprintf("%d receipts match %q. Give more of the ID.", len(found), receipt)}
}

// toSendByHand is a sentence about money that a person has to send back, if there is any.
func (n *Node) toSendByHand() (texts []string) {
	list, err := n.Dues()
	if err != nil {
		return nil // the ledger says so elsewhere
	}
	count, oldest := 0, time.Now()
	for _, d := range list {
		if d.State == dueByHand {
			count++
			if at := time.UnixMilli(d.Since); at.Before(oldest) {
				oldest = at
			}
		}
	}
	if count == 0 {
		return nil
	}
	return []string{fmt.Sprintf("Money is to be sent back by hand, since %s: payments: %d. 'salon ticket due' says how much and to whom; once it is sent, say so with 'salon ticket sent'.",
		oldest.Format("2006-01-02 15:04"), count)}
}
