package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"salon/ledger"
	"salon/node"
	"salon/node/client"
	"salon/node/market/lnaddress"
	"salon/node/market/lnd"
	"salon/node/market/stripe"
)

const railUsage = "how to pay: iou (you will owe it), lnd (Lightning), lnaddress (Lightning, to a wallet), or stripe (by card, with --by-hand)"

const byHandUsage = "you pay it yourself, with --rail lnd by any Lightning wallet, with --rail stripe on a page; it is printed what, and waited until it has come"

const askEvery = time.Second

// payByHand says what to pay, and waits until the seller has it. Stopped before, it loses nothing.
func payByHand(cmd *cobra.Command, asJSON bool, c *client.Client, p node.PendingView) error {
	ctx, w := cmd.Context(), cmd.OutOrStdout()
	if asJSON {
		w = cmd.ErrOrStderr()
	}
	what := "this invoice, by any Lightning wallet"
	if p.Rail == stripe.Name {
		what = "on this page"
	}
	fmt.Fprintf(w, "Pay %s %s, until %s:\n\n%s\n\nWaiting for it. You may stop this with Ctrl-C: what you paid is not lost, and the next salon that runs here takes it home.\n",
		p.Sum, what, clock(p.Expires), p.Request)
	for {
		list, err := c.Pending(ctx)
		if err != nil {
			return err
		}
		open := false
		for _, one := range list {
			open = open || one.Order == p.Order
		}
		if !open {
			return broughtByHand(ctx, c, p)
		}
		select {
		case <-time.After(askEvery):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

var errNotPaid = errors.New("it was not paid in time: nothing came, and nothing is owed")

// broughtByHand looks into the ledger for how a purchase ended that is not open any more.
func broughtByHand(ctx context.Context, c *client.Client, p node.PendingView) error {
	came := false
	err := c.LastEntries(ctx, 100, func(e node.EntryView) error {
		came = came || isBrought(e, p)
		return nil
	})
	if err == nil && !came {
		return errNotPaid
	}
	return err
}

// isBrought reports whether an entry is the receipt of a purchase, and not of another from the same seller.
func isBrought(e node.EntryView, p node.PendingView) bool {
	return e.Kind == ledger.KindGot.String() && e.Rail == p.Rail && e.With == p.Seller.Person && e.Time >= p.Since && e.Purpose == p.Purpose && e.Sum == p.Sum
}

// railFee is what a way of paying takes of a payment, as far as it is known before; empty for nothing.
func railFee(ctx context.Context, c *client.Client, rail string, byHand bool, sum ledger.Money) string {
	switch {
	case rail == stripe.Name:
		return "Stripe keeps its fee of it: the receipt says how much"
	case byHand:
		return "what your wallet takes on top, it says itself"
	case rail != lnd.Name && rail != lnaddress.Name:
		return ""
	}
	purse, err := c.Purse(ctx, lnd.Name)
	if err != nil {
		return ""
	}
	least, err := ledger.ParseMoney(purse.FeeLeast)
	if err != nil || least.Cur != sum.Cur {
		return ""
	}
	most := ledger.Money{Amount: max(sum.Amount/10_000*ledger.Amount(purse.FeeShare), least.Amount), Cur: sum.Cur}
	return "at most " + most.String() + " on top, for others on the way"
}
