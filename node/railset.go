package node

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"time"

	"salon/ledger"
	"salon/node/market"
	"salon/node/market/lightning"
	"salon/node/market/lnaddress"
	"salon/node/market/lnd"
	"salon/node/market/nwc"
	"salon/node/market/stripe"
)

// A railSet is how the ways of paying of a home are open in a node. shop.mu guards its fields.
type railSet struct {
	changing sync.Mutex // held while one is changed, its file too; before shop.mu

	open  map[string]market.Rail
	wrong map[string]string // why one is not open

	// What was open last, perhaps not any more: payments may be under way by it.
	lnd   market.Rail
	payee market.Payee // of lnaddress
	card  market.Payee // of stripe
}

// openRails opens the ways of paying of this home. One that cannot be used keeps nobody from the others. shop.mu is held.
func (n *Node) openRails(store *ledger.Store) map[string]market.Rail {
	s := &n.shop.rails
	s.open, s.wrong = map[string]market.Rail{}, map[string]string{}
	open := func(name string, how func() (market.Rail, error)) {
		switch rail, err := how(); {
		case err == nil:
			s.open[name] = rail
		case !errors.Is(err, os.ErrNotExist):
			s.wrong[name] = err.Error()
			n.o.Log.Error("rail not opened", "rail", name, "err", err)
			n.notice(name + " cannot be used for payments: " + err.Error() + ".")
		}
	}
	open(lnd.Name, func() (market.Rail, error) {
		c, err := readLnd(n.home.Dir)
		if err != nil {
			return market.Rail{}, err
		}
		return lnd.New(c, lnd.Options{Key: n.id().Device(), Spent: n.home.memory("lnd-spent.json"), Log: n.o.Log, Before: s.lnd})
	})
	open(nwc.Name, func() (market.Rail, error) { return n.openNWC(s.lnd) })
	if rail, is := s.open[nwc.Name]; is {
		delete(s.open, nwc.Name)
		s.open[lnd.Name] = rail
	}
	if rail, is := s.open[lnd.Name]; is && (rail.Payer != nil || s.lnd.Payer == nil) {
		s.lnd = rail
	}
	open(lnaddress.Name, func() (market.Rail, error) {
		rail := market.Rail{Payer: lightning.Plain(s.open[lnd.Name]), Cur: ledger.Bitcoin}
		address, err := readAddress(n.home.Dir)
		if errors.Is(err, os.ErrNotExist) && rail.Payer != nil {
			return rail, nil
		}
		if err != nil {
			return rail, err
		}
		payee, err := lnaddress.New(lnaddress.Options{Address: address, Store: store, Kept: n.home.memory("lnaddress-invoices.json"), Before: s.payee})
		if err != nil {
			return rail, err
		}
		rail.Payee, s.payee = payee, payee
		return rail, nil
	})
	open(stripe.Name, func() (market.Rail, error) {
		c, err := readStripe(n.home.Dir)
		if err != nil {
			return market.Rail{}, err
		}
		rail, err := stripe.New(c, stripe.Options{Kept: n.home.memory("stripe-sessions.json"), Before: s.card})
		if err == nil {
			s.card = rail.Payee
		}
		return rail, err
	})
	byCard := s.open[stripe.Name]
	byCard.Hand = stripe.Hand{}
	s.open[stripe.Name] = byCard
	byWallet := s.open[lnd.Name] // with no node of one's own invoices can be paid by a wallet elsewhere
	byWallet.Hand, byWallet.Cur = lightning.Hand{}, ledger.Bitcoin
	s.open[lnd.Name] = byWallet
	return s.open
}

// changeRails changes the files of the ways of paying, and has the market take up what they say then.
func (n *Node) changeRails(change func(home string) error) error {
	s := &n.shop.rails
	s.changing.Lock()
	defer s.changing.Unlock()
	if err := change(n.home.Dir); err != nil {
		return err
	}
	n.shop.mu.Lock()
	m := n.shop.market.Load()
	if m == nil {
		n.shop.mu.Unlock()
		n.openShop() // which reads them
		return nil
	}
	defer n.shop.mu.Unlock()
	old := s.open
	now := n.openRails(n.shop.store)
	for name := range old {
		if _, still := now[name]; !still {
			m.RemoveRail(name)
		}
	}
	for name, rail := range now {
		m.SetRail(name, rail)
	}
	return n.signAddress(m, time.Now())
}

// AddLnd asks an lnd whether it can be used so, stores where it is, and uses it from now on.
func (n *Node) AddLnd(ctx context.Context, c lnd.Config) error {
	if err := lnd.Try(ctx, c); err != nil { // which may take its time, and so nobody waits for it
		return railError(err)
	}
	return n.changeRails(func(home string) error {
		if err := oneWallet(home, nwc.Name); err != nil {
			return err
		}
		return writeRail(home, lnd.Name, c)
	})
}

// AddAddress is AddLnd for a lightning address.
func (n *Node) AddAddress(ctx context.Context, address string) error {
	if err := lnaddress.Try(ctx, address); err != nil {
		return railError(err)
	}
	return n.changeRails(func(home string) error { return writeRail(home, lnaddress.Name, addressConfig{address}) })
}

// AddStripe is AddLnd for an account at Stripe.
func (n *Node) AddStripe(ctx context.Context, c stripe.Config) error {
	if err := stripe.Try(ctx, c); err != nil {
		return railError(err)
	}
	return n.changeRails(func(home string) error { return writeRail(home, stripe.Name, c) })
}

// RemoveRail puts a way of paying down, and forgets it.
func (n *Node) RemoveRail(name string) error {
	return n.changeRails(func(home string) error { return RemoveRail(home, name) })
}

// LimitRail says how much may be spent by a way of paying.
func (n *Node) LimitRail(name string, payment, day ledger.Money) error {
	return n.changeRails(func(home string) error { return LimitRail(home, name, payment, day) })
}

// LimitRail stores how much may be spent by a way of paying. What was spent within a day counts.
func LimitRail(home, name string, payment, day ledger.Money) error {
	var limited interface{ Check() error }
	pays, err := false, os.ErrNotExist
	switch name {
	case lnd.Name:
		var c lnd.Config
		c, err = readLnd(home)
		pays, c.MaxPayment, c.MaxDay = c.Pays, payment, day
		limited = c
	case nwc.Name:
		var c nwc.Config
		c, err = readNWC(home)
		pays, c.MaxPayment, c.MaxDay = c.Pays, payment, day
		limited = c
	}
	if errors.Is(err, os.ErrNotExist) || err == nil && !pays {
		return &UserError{Code: "no_such_rail", Text: "Nothing is paid by " + name + " here, so it has no limits."}
	}
	if err == nil {
		err = limited.Check()
	}
	if err != nil {
		return railError(err)
	}
	return writeRail(home, name, limited)
}

// Rails lists the ways of paying of this node, and asks nobody.
func (n *Node) Rails() []RailView {
	n.shop.mu.Lock()
	defer n.shop.mu.Unlock()
	views := Rails(n.home.Dir)
	for i := range views {
		if views[i].Error == "" {
			views[i].Error = n.shop.rails.wrong[views[i].Name]
		}
	}
	return views
}

// A PurseView is what this node can pay by a way of paying, now.
type PurseView struct {
	Rail       string `json:"rail"`
	Balance    string `json:"balance"` // in all; "" if it cannot be asked
	Error      string `json:"error"`   // why not
	MaxPayment string `json:"max_payment"`
	MaxDay     string `json:"max_day"`
	Spent      string `json:"spent"`     // within the last day, fees of others included
	FeeShare   int    `json:"fee_share"` // beyond its sum others may take so many basis points of a payment,
	FeeLeast   string `json:"fee_least"` // or this if it is more
}

// Purse asks what can be paid by a way of paying.
func (n *Node) Purse(ctx context.Context, name string) (PurseView, error) {
	if _, err := n.Market(); err != nil { // which opens them
		return PurseView{}, err
	}
	n.shop.mu.Lock()
	if name == nwc.Name {
		name = lnd.Name // of which it is one
	}
	rail := n.shop.rails.open[name]
	n.shop.mu.Unlock()
	p, pays := rail.Payer.(market.Purse)
	if !pays {
		return PurseView{}, &UserError{Code: "no_such_rail", Text: "This node pays nothing by " + name + "."}
	}
	s, err := p.Spending(time.Now())
	if err != nil {
		return PurseView{}, err
	}
	v := PurseView{Rail: name, MaxPayment: s.Payment.String(), MaxDay: s.Day.String(), Spent: s.Spent.String(), FeeShare: s.FeeShare, FeeLeast: s.FeeLeast.String()}
	if has, err := p.Balance(ctx); err == nil {
		v.Balance = has.String()
	} else {
		v.Error = err.Error()
	}
	return v, nil
}

// railError is what a rail says of settings that cannot work, in words for a person.
func railError(err error) error {
	text := strings.TrimPrefix(strings.TrimPrefix(err.Error(), lnd.Name+": "), stripe.Name+": ")
	return &UserError{Code: "bad_rail", Text: strings.ToUpper(text[:1]) + text[1:] + "."}
}
