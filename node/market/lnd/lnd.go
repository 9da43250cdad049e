// Package lnd is the rail of people who run a Lightning node, lnd, which it asks over its REST interface. Always:
//
//   - An order is one payment hash, which follows from the order: nothing but that has to be remembered, and lnd pays no hash twice.
//   - Nobody is talked to but who holds the certificate that was given. The macaroon is in no log and no error.
//   - What lnd did not answer is unknown, and is asked for again. It is never taken for a failure.
//
// To receive, the macaroon that lnd writes for invoices is enough.
package lnd

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"

	"salon/ledger"
	"salon/ledger/doc"
	"salon/node/market"
	"salon/node/market/lightning"
)

// Name is that of the rail.
const Name = "lnd"

// Options configures New. Key must be set, and Spent if the rail pays.
type Options struct {
	Key   doc.PrivateKey // the device's: the preimages of its invoices follow from it
	Spent lightning.File // remembers what was paid
	Log   *slog.Logger   // nil means discard
	// Before is the rail that this one takes the place of while a node runs.
	Before market.Rail
}

// New makes the rail. It asks nothing yet.
func New(c Config, o Options) (market.Rail, error) {
	client, err := newClient(c)
	if err != nil {
		return market.Rail{}, err
	}
	seed := o.Key.Seed()
	h := hmac.New(sha256.New, seed[:])
	h.Write([]byte("salon/lnd-preimages/1"))
	in := &payee{client: client, secret: [32]byte(h.Sum(nil))}
	rail := market.Rail{Payee: in, Cur: ledger.Bitcoin}
	if c.Pays {
		most, err := lightning.NewLimits(c.MaxPayment, c.MaxDay)
		if err != nil {
			return market.Rail{}, err
		}
		out := lightning.NewPurse(&wallet{client}, most, o.Spent, o.Before, o.Log)
		rail.Payer, rail.Payee = out.Payer(), &both{in, out}
	}
	return rail, nil
}

// Try asks an lnd something that changes nothing, of each kind that the rail needs.
func Try(ctx context.Context, c Config) error {
	client, err := newClient(c)
	if err != nil {
		return err
	}
	in, out := &payee{client: client}, &wallet{client}
	var nobody [32]byte
	rand.Read(nobody[:])
	if _, err := in.invoice(ctx, nobody); !notFound(err) {
		return fmt.Errorf("to receive: %w", err)
	}
	if !c.Pays {
		return nil
	}
	if _, err := out.Track(ctx, lightning.Outgoing{Hash: nobody}); !errors.Is(err, lightning.ErrUnknown) {
		return fmt.Errorf("to pay: %w", err)
	}
	return nil
}
