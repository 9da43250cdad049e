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
	"salon/node/market/lnaddress"
	"salon/node/market/lnd"
	"salon/node/market/nwc"
	"salon/node/market/stripe"
)

// railsFolder of a home has a file for each way of paying beside IOUs, lnd.json and lnaddress.json, and beside it what that
// remembers. They hold secrets, and are read only if nobody else can read them.
const railsFolder = "rails"

// A RailView is a way of paying that was set up.
type RailView struct {
	Name       string `json:"name"`
	Address    string `json:"address"`  // where it is asked
	Currency   string `json:"currency"` // "" for many
	Receives   bool   `json:"receives"`
	Pays       bool   `json:"pays"`
	MaxPayment string `json:"max_payment,omitempty"` // that salon may spend, fees of others included
	MaxDay     string `json:"max_day,omitempty"`
	Error      string `json:"error,omitempty"` // why it is not used; the others are
}

// railFiles reads each way of paying that a home can have, in the order in which they are shown and opened.
var railFiles = []struct {
	name string
	view func(home string) (RailView, error)
}{
	{lnd.Name, func(home string) (RailView, error) {
		c, err := readLnd(home)
		v := RailView{Address: c.REST, Currency: string(ledger.Bitcoin), Receives: true, Pays: c.Pays}
		if c.Pays {
			v.MaxPayment, v.MaxDay = c.MaxPayment.String(), c.MaxDay.String()
		}
		return v, err
	}},
	{nwc.Name, viewNWC},
	{lnaddress.Name, func(home string) (RailView, error) {
		address, err := readAddress(home)
		return RailView{Address: address, Currency: string(ledger.Bitcoin), Receives: true}, err
	}},
	{stripe.Name, func(home string) (RailView, error) {
		c, err := readStripe(home)
		v := RailView{Address: "test mode: no money moves", Receives: true}
		if c.Live() {
			v.Address = "stripe.com"
		}
		return v, err
	}},
}

// Rails lists the ways of paying of a home, also while a node runs there. One whose file is damaged is in the list, with what is wrong.
func Rails(home string) []RailView {
	views := []RailView{}
	for _, f := range railFiles {
		v, err := f.view(home)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			v = RailView{Error: err.Error()}
		}
		v.Name = f.name
		views = append(views, v)
	}
	return views
}

// AddLnd asks an lnd whether it can be used so, and stores where it is. A node that runs on that home takes it up when its own AddLnd is called.
func AddLnd(ctx context.Context, home string, c lnd.Config) error {
	if err := oneWallet(home, nwc.Name); err != nil {
		return err
	}
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

// AddStripe asks Stripe whether a key can be used so, and stores it.
func AddStripe(ctx context.Context, home string, c stripe.Config) error {
	if err := stripe.Try(ctx, c); err != nil {
		return err
	}
	return writeRail(home, stripe.Name, c)
}

func readStripe(home string) (stripe.Config, error) {
	raw, err := readSecret(railPath(home, stripe.Name))
	if err != nil {
		return stripe.Config{}, err
	}
	return stripe.ParseConfig(raw)
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
	err := os.ErrNotExist
	for _, f := range railFiles {
		if f.name == name {
			err = os.Remove(railPath(home, name))
		}
	}
	if errors.Is(err, os.ErrNotExist) {
		return &UserError{Code: "no_such_rail", Text: fmt.Sprintf("%s is not set up here.", name)}
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

// signAddress puts into the ledger where this person is paid by Lightning.
func (n *Node) signAddress(m *market.Market, now time.Time) error {
	address, err := readAddress(n.home.Dir)
	if err != nil {
		return nil // none, or one that was complained of
	}
	return m.Receives(lnaddress.Name, address, now)
}
