// Package nwc is the rail of people whose Lightning wallet takes orders by Nostr Wallet Connect, NIP-47: a wallet of theirs that
// is elsewhere, asked through a relay that sees neither sums nor invoices. Always:
//
//   - An order has one invoice, which names the order, and is remembered before anybody hears of it.
//   - A wallet that is silent may have paid: that is pending, until the wallet says how it ended, or says after the time in
//     which a request counts that it never heard of it.
//   - Nothing that a relay makes up is believed: what the wallet says is signed by it, and sealed for us.
//   - The connection is in no log and no error: whoever has it can spend.
//
// Spending is limited by package lightning, but for what others take for passing a payment on: NIP-47 leaves that to the wallet.
// Wallets that seal by NIP-04 alone are refused: what that seals can be changed on its way.
//
// Sources: https://github.com/nostr-protocol/nips, numbers 01, 44 and 47.
package nwc

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"salon/ledger"
	"salon/node/market"
	"salon/node/market/lightning"
)

// Name is that of the settings. To others the rail is that of lnd: its invoices name the order.
const Name = "nwc"

// Options configures New. Issued must be set, and Spent if the rail pays.
type Options struct {
	Issued lightning.File // remembers which invoice is for which order
	Spent  lightning.File // remembers what was paid
	Log    *slog.Logger   // nil means discard
	// Before is what this rail takes the place of, if a node puts it there while it runs: they share what they remember.
	Before market.Rail
}

// New makes the rail. It asks nothing yet.
func New(c Config, o Options) (market.Rail, error) {
	client, err := newClient(c)
	if err != nil {
		return market.Rail{}, err
	}
	in := &payee{client: client, issued: lightning.NewIssued(o.Issued)}
	switch old := o.Before.Payee.(type) {
	case *payee:
		in.issued = old.issued
	case *both:
		in.issued = old.issued
	}
	rail := market.Rail{Payee: in, Cur: ledger.Bitcoin}
	if c.Pays {
		most, err := lightning.NewLimits(c.MaxPayment, c.MaxDay)
		if err != nil {
			return market.Rail{}, err
		}
		out := lightning.NewPurse(&wallet{client}, most, o.Spent, o.Log).After(o.Before)
		rail.Payer, rail.Payee = out.Payer(), &both{in, out}
	}
	return rail, nil
}

// Try asks a wallet what it can do, and for an invoice over one satoshi that nobody is going to pay.
func Try(ctx context.Context, c Config) error {
	client, err := newClient(c)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*answerWait)
	defer cancel()
	info, err := client.info(ctx)
	if err != nil {
		return err
	}
	if !slices.Contains(strings.Fields(info.Tag("encryption")), "nip44_v2") {
		return fmt.Errorf("%w: the wallet seals messages only in an old way (NIP-04) that can be changed on the way: update it", ErrConfig)
	}
	can, need := strings.Fields(info.Content), []string{"make_invoice", "lookup_invoice"}
	if c.Pays {
		need = append(need, "pay_invoice")
	}
	for _, method := range need {
		if !slices.Contains(can, method) {
			return fmt.Errorf("%w: the connection does not permit %s: make another in your wallet that does", ErrConfig, method)
		}
	}
	var nobody ledger.ID
	rand.Read(nobody[:])
	_, _, err = client.named(ctx, nobody, 1000, 60)
	return err
}
