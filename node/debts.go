package node

import (
	"context"
	"encoding/hex"
	"fmt"
	"strings"

	"salon/ledger"
	"salon/ledger/doc"
	"salon/node/market"
)

// A ClaimView is a debtor's word that a debt was paid outside of salon. It counts once this node's person has confirmed it.
type ClaimView struct {
	Claim   string          `json:"claim"`
	Debtors []doc.PublicKey `json:"debtors"` // keys of one person, who may have made one for each purchase
	Money   string          `json:"money"`
	Means   string          `json:"means"` // how it was paid, such as cash
	Time    int64           `json:"time"`  // unix ms
}

// SettleDebt tells somebody that a debt to them was paid outside of salon. They confirm it, or not, in their time.
func (n *Node) SettleDebt(ctx context.Context, creditor doc.PublicKey, money ledger.Money, means string) error {
	m := n.shop.market.Load()
	if m == nil {
		return errNoLedger
	}
	if err := m.Settle(ctx, creditor, money, means); err != nil {
		return sellerError(err)
	}
	return nil
}

// Claims lists what debtors say that they have paid, the oldest first.
func (n *Node) Claims() []ClaimView {
	views := []ClaimView{}
	m := n.shop.market.Load()
	if m == nil {
		return views
	}
	for _, c := range m.Claims() {
		views = append(views, ClaimView{Claim: hex.EncodeToString(c.Number[:]), Debtors: c.Debtors, Money: c.Money.String(), Means: c.Means, Time: c.Time.UnixMilli()})
	}
	return views
}

// MoneyReceived confirms that the money of a claim came, named by the beginning of its number.
func (n *Node) MoneyReceived(claim string) (ClaimView, error) {
	m := n.shop.market.Load()
	if m == nil {
		return ClaimView{}, errNoLedger
	}
	claim = strings.ToLower(strings.TrimSpace(claim))
	var found []market.Claim
	for _, c := range m.Claims() {
		if len(claim) >= leastID && strings.HasPrefix(hex.EncodeToString(c.Number[:]), claim) {
			found = append(found, c)
		}
	}
	switch len(found) {
	case 0:
		return ClaimView{}, &UserError{Code: "no_such_claim", Text: "Nobody says that they have paid this, or not any more."}
	case 1:
	default:
		return ClaimView{}, &UserError{Code: "ambiguous", Text: fmt.Sprintf("%d claims match %q. Give more of the number.", len(found), claim)}
	}
	c := found[0]
	v := ClaimView{Claim: hex.EncodeToString(c.Number[:]), Debtors: c.Debtors, Money: c.Money.String(), Means: c.Means, Time: c.Time.UnixMilli()}
	err := m.Received(c)
	n.handOverSoon() // a share that has come is confirmed to whom it came from
	return v, err
}

// A CreditView is how much somebody may owe this node's person.
type CreditView struct {
	Person doc.PublicKey `json:"person,omitzero"` // not there: anybody who has no limit of their own
	Money  string        `json:"money"`
}

// Credits lists what people may owe: first anybody, by currency, then those who have a limit of their own.
func (n *Node) Credits() []CreditView {
	views := []CreditView{}
	for _, l := range n.home.limits() {
		views = append(views, CreditView{l.person, l.money.String()})
	}
	return views
}

// SetCredit says how much a person may owe, or with the zero key anybody who has no limit of their own. Only who shows who they are is
// known to be that person: with a key made for one purchase everybody is anybody. Who gives credit can be given tips by it, and so gets
// a ledger.
func (n *Node) SetCredit(person doc.PublicKey, money ledger.Money) error {
	var err error
	if person.IsZero() {
		err = n.home.SetCredit(money.Cur, money.Amount)
	} else {
		err = n.home.setLimit(person, money)
	}
	if err == nil && money.Amount > 0 {
		_, err = n.Market()
	}
	return err
}

// credit is how much the key of an order may owe. All devices of a person owe together.
func (n *Node) credit(store *ledger.Store) func(ledger.Key, ledger.Currency) ledger.Amount {
	return func(buyer ledger.Key, cur ledger.Currency) ledger.Amount {
		limit, others, known := n.home.limitOf(buyer, cur)
		if !known {
			return n.home.Credit(cur)
		}
		err := store.View(func(b *ledger.Books) error {
			for _, other := range others {
				limit -= b.Balance(cur, ledger.Receivable(other))
			}
			return nil
		})
		if err != nil {
			return 0
		}
		return max(0, limit)
	}
}

// vouched takes in that a device is a person's, if the person has a limit.
func (n *Node) vouched(who doc.Author) error { return n.home.addDebtor(who) }
