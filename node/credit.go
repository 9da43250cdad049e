package node

import (
	"slices"

	"salon/ledger"
)

// CreditLimits are how much one person may owe this node's in all, one for each currency; a currency that is not there means nothing.
func (n *Node) CreditLimits() []string {
	list := []string{}
	for cur, a := range n.home.settings().Credit {
		if a > 0 {
			list = append(list, ledger.Money{Amount: a, Cur: cur}.String())
		}
	}
	slices.Sort(list)
	return list
}

// SetCredit stores that. Who gives credit can be given tips by it, and so gets a ledger.
func (n *Node) SetCredit(limit ledger.Money) error {
	if err := n.home.SetCredit(limit.Cur, limit.Amount); err != nil {
		return err
	}
	if limit.Amount == 0 {
		return nil
	}
	_, err := n.Market()
	return err
}
