package nwc

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/gorilla/websocket"

	"salon/ledger"
	"salon/node/market"
	"salon/node/market/bolt11"
	"salon/node/market/lightning"
)

// A payee receives. The wallet chooses the hash of each invoice, so that which order it is for has to be remembered.
type payee struct {
	*client
	issued *lightning.Issued
}

// errPurpose is a wallet that leaves out what an invoice is for.
var errPurpose = errors.New("nwc: the wallet makes invoices that do not name the order, so that nobody could prove what they paid for; use another wallet, or receive at its lightning address")

// Create has the wallet make an invoice that names the order, or finds the one that it made.
func (p *payee) Create(ctx context.Context, r market.Request) (market.Invoice, error) {
	return p.issued.Create(ctx, r, func() (string, bolt11.Invoice, error) {
		left := (time.Until(r.Expires) + time.Second - 1) / time.Second
		if left <= 0 {
			return "", bolt11.Invoice{}, fmt.Errorf("%w: the quote", ledger.ErrExpired)
		}
		return p.named(ctx, r.Ref, r.Amount.Amount, int64(left))
	})
}

// named makes an invoice over msat for an order, which expires after seconds.
func (c *client) named(ctx context.Context, ref ledger.ID, msat ledger.Amount, seconds int64) (string, bolt11.Invoice, error) {
	request, inv, err := c.make(ctx, map[string]any{"amount": msat, "description_hash": hex.EncodeToString(ref[:]), "expiry": seconds})
	if err == nil && inv.Purpose != ref {
		err = errPurpose
	}
	return request, inv, err
}

// Lookup says where a payment is.
func (p *payee) Lookup(ctx context.Context, ref ledger.ID) (market.Event, error) {
	ev := market.Event{Ref: ref}
	inv, found, err := p.issued.Find(ctx, ref)
	if err != nil || !found {
		return ev, err
	}
	v, err := p.lookup(ctx, inv.Hash)
	switch {
	case refused(err, "NOT_FOUND"):
		return ev, nil
	case err != nil:
		return market.Event{}, err
	case v.settled():
		if ev.Proof = v.preimage(inv.Hash); ev.Proof == nil {
			return market.Event{}, errors.New("nwc: the wallet says that it was paid, and shows no preimage")
		}
		ev.State, ev.Received, ev.Cost = market.Settled, ledger.Money{Amount: v.Amount, Cur: ledger.Bitcoin}, v.Fees
	case v.State == "accepted":
		ev.State = market.Pending
	case v.State == "expired", v.State == "failed", time.Now().After(inv.Expires):
		ev.State = market.Expired
	default:
		ev.State = market.Open
	}
	return ev, nil
}

const (
	lookAgain = 10 * time.Second // not every wallet tells of payments by itself
	pingAgain = 30 * time.Second
)

// Watch hears of payments as the wallet tells of them, and has the caller look, too.
func (p *payee) Watch(ctx context.Context, f func(market.Event) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	at, err := p.connect(ctx)
	if err != nil {
		return err
	}
	defer at.close()
	if err := at.say("REQ", subscription, filter{Kinds: []int{kindNotification}, Authors: []string{p.name}, For: []string{p.key.Public()}, Since: time.Now().Unix()}); err != nil {
		return err
	}
	news, ended := make(chan ledger.ID), make(chan error, 1)
	go func() { ended <- p.listen(ctx, at, news) }()
	if err := f(market.Event{}); err != nil {
		return err
	}
	look, ping := time.NewTicker(lookAgain), time.NewTicker(pingAgain)
	defer look.Stop()
	defer ping.Stop()
	for {
		var ev market.Event
		select {
		case ev.Ref = <-news:
		case <-look.C:
		case <-ping.C: // a relay that is gone does not say so
			if err := at.WriteControl(websocket.PingMessage, nil, time.Now().Add(answerWait)); err != nil {
				return err
			}
			continue
		case err := <-ended:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
		if err := f(ev); err != nil {
			return err
		}
	}
}

// listen tells of the orders that were paid, until the line ends.
func (p *payee) listen(ctx context.Context, at *line, news chan<- ledger.ID) error {
	alive := func() error { return at.SetReadDeadline(time.Now().Add(2*pingAgain + answerWait)) }
	at.SetPongHandler(func(string) error { return alive() })
	for {
		if err := alive(); err != nil {
			return err
		}
		e, err := at.next("")
		if err != nil {
			return err
		}
		var n struct {
			Type string      `json:"notification_type"`
			What transaction `json:"notification"`
		}
		if e.Kind != kindNotification || e.PubKey != p.name || p.open(e, &n) != nil || n.Type != "payment_received" {
			continue
		}
		var hash [32]byte
		if !parseKey(&hash, n.What.Hash) {
			continue
		}
		ref, ours, err := p.issued.Whose(ctx, hash)
		if err != nil {
			return err
		}
		if !ours {
			continue
		}
		select {
		case news <- ref:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// A both is a payee that can send money back.
type both struct {
	*payee
	out *lightning.Purse
}

// Refund sends money back.
func (b *both) Refund(ctx context.Context, ref ledger.ID, m ledger.Money, to string) (market.Event, error) {
	return b.out.Refund(ctx, ref, m, to)
}
