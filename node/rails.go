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

	"salon/ledger"
	"salon/node/market"
	"salon/node/market/lnd"
)

// railsFolder of a home has a file for each way of paying beside IOUs: lnd.json, and lnd-spent.json beside it. They hold
// secrets, and are read only if nobody else can read them.
const railsFolder = "rails"

// A RailView is a way of paying that was set up.
type RailView struct {
	Name       string `json:"name"`
	Address    string `json:"address"` // where it is asked
	Currency   string `json:"currency"`
	Pays       bool   `json:"pays"`                  // otherwise it only receives
	MaxPayment string `json:"max_payment,omitempty"` // that salon may spend, fees of others included
	MaxDay     string `json:"max_day,omitempty"`
}

// Rails lists the ways of paying of a home, also while a node runs there.
func Rails(home string) ([]RailView, error) {
	views := []RailView{}
	c, err := readLnd(home)
	if errors.Is(err, os.ErrNotExist) {
		return views, nil
	}
	if err != nil {
		return nil, err
	}
	v := RailView{Name: lnd.Name, Address: c.REST, Currency: string(ledger.Bitcoin), Pays: c.Pays}
	if c.Pays {
		v.MaxPayment, v.MaxDay = c.MaxPayment.String(), c.MaxDay.String()
	}
	return append(views, v), nil
}

// AddLnd asks an lnd whether it can be used so, and stores where it is. The node of that home uses it from its next start on.
func AddLnd(ctx context.Context, home string, c lnd.Config) error {
	if err := lnd.Try(ctx, c); err != nil {
		return err
	}
	raw, err := json.Marshal(c)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(home, railsFolder), 0o700); err != nil {
		return err
	}
	return writeFile(lndPath(home), append(raw, '\n'))
}

// RemoveRail forgets a way of paying. What was spent by it is kept, for the limits of a day outlast that.
func RemoveRail(home, name string) error {
	if name != lnd.Name {
		return fmt.Errorf("there is no way of paying by the name of %q", name)
	}
	err := os.Remove(lndPath(home))
	if errors.Is(err, os.ErrNotExist) {
		return errors.New("no Lightning node is set up here")
	}
	return err
}

func lndPath(home string) string { return filepath.Join(home, railsFolder, lnd.Name+".json") }

func readLnd(home string) (lnd.Config, error) {
	raw, err := readSecret(lndPath(home))
	if err != nil {
		return lnd.Config{}, err
	}
	return lnd.ParseConfig(raw)
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

// rails opens the ways of paying of this home. One that cannot be used keeps nobody from the others.
func (n *Node) rails() map[string]market.Rail {
	rails := map[string]market.Rail{}
	c, err := readLnd(n.home.Dir)
	if errors.Is(err, os.ErrNotExist) {
		return rails
	}
	var rail market.Rail
	if err == nil {
		rail, err = lnd.New(c, lnd.Options{Key: n.id().Device(), Spent: homeFile(filepath.Join(n.home.Dir, railsFolder, lnd.Name+"-spent.json")), Log: n.o.Log})
	}
	if err != nil {
		n.o.Log.Error("rail not opened", "rail", lnd.Name, "err", err)
		n.notice("Lightning cannot be used: " + err.Error() + ".")
		return rails
	}
	rails[lnd.Name] = rail
	return rails
}
