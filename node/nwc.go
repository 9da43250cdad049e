package node

import (
	"context"
	"errors"
	"os"

	"salon/ledger"
	"salon/node/market"
	"salon/node/market/lnd"
	"salon/node/market/nwc"
)

// A wallet elsewhere (nwc) and an lnd of one's own are the same rail to others, that of invoices which name the order. A home has one
// of the two.

// oneWallet refuses a second wallet of that kind.
func oneWallet(home, other string) error {
	if _, err := os.Stat(railPath(home, other)); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return &UserError{Code: "bad_rail", Text: "Invoices come from " + other + " here already. Take that away first (salon ledger rail remove " + other + ")."}
}

// AddNWC asks a wallet elsewhere whether it can be used so, and stores the connection.
func AddNWC(ctx context.Context, home string, c nwc.Config) error {
	if err := oneWallet(home, lnd.Name); err != nil {
		return err
	}
	if err := nwc.Try(ctx, c); err != nil {
		return railError(err)
	}
	return writeRail(home, nwc.Name, c)
}

// AddNWC is the function of that name, and uses the wallet from now on.
func (n *Node) AddNWC(ctx context.Context, c nwc.Config) error {
	if err := nwc.Try(ctx, c); err != nil {
		return railError(err)
	}
	return n.changeRails(func(home string) error {
		if err := oneWallet(home, lnd.Name); err != nil {
			return err
		}
		return writeRail(home, nwc.Name, c)
	})
}

func readNWC(home string) (nwc.Config, error) {
	raw, err := readSecret(railPath(home, nwc.Name))
	if err != nil {
		return nwc.Config{}, err
	}
	return nwc.ParseConfig(raw)
}

func viewNWC(home string) (RailView, error) {
	c, err := readNWC(home)
	v := RailView{Address: c.Address(), Currency: string(ledger.Bitcoin), Receives: true, Pays: c.Pays}
	if c.Pays {
		v.MaxPayment, v.MaxDay = c.MaxPayment.String(), c.MaxDay.String()
	}
	return v, err
}

// openNWC opens the wallet elsewhere. What an lnd of this home has spent today counts.
func (n *Node) openNWC(before market.Rail) (market.Rail, error) {
	c, err := readNWC(n.home.Dir)
	if err == nil {
		err = oneWallet(n.home.Dir, lnd.Name) // somebody put both files there
	}
	if err != nil {
		return market.Rail{}, err
	}
	return nwc.New(c, nwc.Options{Issued: n.home.memory("nwc-invoices.json"), Spent: n.home.memory("lnd-spent.json"), Log: n.o.Log, Before: before})
}
