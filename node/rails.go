package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"salon/ledger"
	"salon/node/market"
	"salon/node/market/lightning"
	"salon/node/market/lnaddress"
	"salon/node/market/lnd"
)

// railsFolder of a home has a file for each way of paying beside IOUs, lnd.json and lnaddress.json, and beside it what that
// remembers. They hold secrets, and are read only if nobody else can read them.
const railsFolder = "rails"

// A RailView is a way of paying that was set up.
type RailView struct {
	Name       string `json:"name"`
	Address    string `json:"address"` // where it is asked
	Currency   string `json:"currency"`
	Receives   bool   `json:"receives"`
	Pays       bool   `json:"pays"`
	MaxPayment string `json:"max_payment,omitempty"` // that salon may spend, fees of others included
	MaxDay     string `json:"max_day,omitempty"`
}

// Rails lists the ways of paying of a home, also while a node runs there.
func Rails(home string) ([]RailView, error) {
	views := []RailView{}
	c, err := readLnd(home)
	switch {
	case err == nil:
		v := RailView{Name: lnd.Name, Address: c.REST, Currency: string(ledger.Bitcoin), Receives: true, Pays: c.Pays}
		if c.Pays {
			v.MaxPayment, v.MaxDay = c.MaxPayment.String(), c.MaxDay.String()
		}
		views = append(views, v)
	case !errors.Is(err, os.ErrNotExist):
		return nil, err
	}
	switch address, err := readAddress(home); {
	case err == nil:
		views = append(views, RailView{Name: lnaddress.Name, Address: address, Currency: string(ledger.Bitcoin), Receives: true})
	case !errors.Is(err, os.ErrNotExist):
		return nil, err
	}
	return views, nil
}

// AddLnd asks an lnd whether it can be used so, and stores where it is. The node of that home uses it from its next start on.
func AddLnd(ctx context.Context, home string, c lnd.Config) error {
	if err := lnd.Try(ctx, c); err != nil {
		return err
	}
	return writeRail(home, lnd.Name, c)
}

// AddAddress asks a wallet whether it receives at a lightning address, and stores that one is paid there.
func AddAddress(ctx context.Context, home, address string) error {
	if err := lnaddress.Try(ctx, address); err != nil {
		return err
	}
	return writeRail(home, lnaddress.Name, addressConfig{address})
}

type addressConfig struct {
	Address string `json:"address"`
}

func writeRail(home, name string, config any) error {
	raw, err := json.Marshal(config)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(home, railsFolder), 0o700); err != nil {
		return err
	}
	return writeFile(railPath(home, name), append(raw, '\n'))
}

// RemoveRail forgets a way of paying. What was spent by it is kept, for the limits of a day outlast that.
func RemoveRail(home, name string) error {
	if name != lnd.Name && name != lnaddress.Name {
		return fmt.Errorf("there is no way of paying by the name of %q", name)
	}
	err := os.Remove(railPath(home, name))
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%s is not set up here", name)
	}
	return err
}

func railPath(home, name string) string { return filepath.Join(home, railsFolder, name+".json") }

func readLnd(home string) (lnd.Config, error) {
	raw, err := readSecret(railPath(home, lnd.Name))
	if err != nil {
		return lnd.Config{}, err
	}
	return lnd.ParseConfig(raw)
}

func readAddress(home string) (string, error) {
	raw, err := readSecret(railPath(home, lnaddress.Name))
	if err != nil {
		return "", err
	}
	var c addressConfig
	if err := json.Unmarshal(raw, &c); err != nil {
		return "", err
	}
	return c.Address, lnaddress.Check(c.Address)
}

// readSecret reads a file that its owner alone may read.
func readSecret(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s has a secret in it, and others on this computer can read it: 'chmod 600' first", path)
	}
	return io.ReadAll(io.LimitReader(f, 1<<20))
}

// A homeFile is what a rail remembers.
type homeFile string

func (f homeFile) Read() ([]byte, error) { return os.ReadFile(string(f)) }
func (f homeFile) Write(b []byte) error  { return writeFile(string(f), b) }

// memory is what a rail of this home remembers.
func (h *Home) memory(name string) homeFile { return homeFile(filepath.Join(h.Dir, railsFolder, name)) }

// rails opens the ways of paying of this home. One that cannot be used keeps nobody from the others.
func (n *Node) rails(store *ledger.Store) map[string]market.Rail {
	rails := map[string]market.Rail{}
	open := func(name string, how func() (market.Rail, error)) {
		switch rail, err := how(); {
		case err == nil:
			rails[name] = rail
		case !errors.Is(err, os.ErrNotExist):
			n.o.Log.Error("rail not opened", "rail", name, "err", err)
			n.notice(name + " cannot be used for payments: " + err.Error() + ".")
		}
	}
	open(lnd.Name, func() (market.Rail, error) {
		c, err := readLnd(n.home.Dir)
		if err != nil {
			return market.Rail{}, err
		}
		return lnd.New(c, lnd.Options{Key: n.id().Device(), Spent: n.home.memory("lnd-spent.json"), Log: n.o.Log})
	})
	open(lnaddress.Name, func() (market.Rail, error) {
		rail := market.Rail{Payer: lightning.Plain(rails[lnd.Name]), Cur: ledger.Bitcoin}
		address, err := readAddress(n.home.Dir)
		if errors.Is(err, os.ErrNotExist) && rail.Payer != nil {
			return rail, nil
		}
		if err != nil {
			return rail, err
		}
		payee, err := lnaddress.New(lnaddress.Options{Address: address, Store: store, Kept: n.home.memory("lnaddress-invoices.json")})
		rail.Payee = payee
		return rail, err
	})
	return rails
}

// signAddress puts into the ledger where this person is paid by Lightning.
func (n *Node) signAddress(m *market.Market, now time.Time) error {
	address, err := readAddress(n.home.Dir)
	if err != nil {
		return nil // none, or one that was complained of
	}
	return m.Receives(lnaddress.Name, address, now)
}
