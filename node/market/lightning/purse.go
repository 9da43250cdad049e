package lightning

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"salon/ledger"
	"salon/node/market"
	"salon/node/market/bolt11"
)

// lateFor after it has expired, an invoice has done so by every clock, and no order to pay it can still be on its way to the wallet.
const lateFor = 2 * time.Minute

// A Purse is what a wallet may spend.
type Purse struct {
	*memory
	wallet Wallet
	limits Limits
	log    *slog.Logger
}

// A memory is what outlasts a change of the settings.
type memory struct {
	spent File

	mu   sync.Mutex                 // guards the field below, and the file of what was spent
	busy map[[32]byte]chan struct{} // payments that somebody asks about; closed when they are done
}

// NewPurse makes the purse of a wallet. The file remembers what was spent.
func NewPurse(w Wallet, most Limits, spent File, log *slog.Logger) *Purse {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Purse{wallet: w, limits: most, log: log, memory: &memory{spent: spent, busy: map[[32]byte]chan struct{}{}}}
}

// After is the purse where it takes the place of what a rail has paid with until now, while payments may be under way: both count what
// they spend as one, and neither sends what the other does.
func (p *Purse) After(before market.Rail) *Purse {
	if old, pays := before.Payer.(*payer); pays {
		p.memory = old.memory
	}
	return p
}

// What others may take for passing a payment on: a share of it in basis points, and of small payments so many msat.
const (
	feeShare = 100
	feeLeast = 10_000
)

func feeLimit(a ledger.Amount) ledger.Amount {
	return max(a/10_000*feeShare+a%10_000*feeShare/10_000, feeLeast)
}

func withFees(a ledger.Amount) ledger.Amount { return a + feeLimit(a) }

func outgoing(ref ledger.ID, inv bolt11.Invoice, request string, m ledger.Money) Outgoing {
	return Outgoing{Ref: ref, Request: request, Hash: inv.Hash, Expires: inv.Expires, Amount: m.Amount, Open: inv.Amount == 0, MaxFee: feeLimit(m.Amount)}
}

// send sees to it that an invoice is paid once.
func (p *Purse) send(ctx context.Context, ref ledger.ID, inv bolt11.Invoice, request string, m ledger.Money, back bool) (market.Event, error) {
	done, err := p.alone(ctx, inv.Hash)
	if err != nil {
		return market.Event{}, err
	}
	defer done()
	o := outgoing(ref, inv, request, m)
	if o.Sent, err = p.unused(o, back); err != nil {
		return market.Event{}, err
	}
	ev, err := p.judge(o, m)(p.wallet.Track(ctx, o))
	again := back && err == nil && ev.State == market.Failed // nobody orders a refund anew
	if !again && !errors.Is(err, ErrUnknown) {
		return ev, err
	}
	now := time.Now()
	switch {
	case now.After(inv.Expires.Add(lateFor)):
		return market.Event{Ref: ref, State: market.Failed}, p.release(o.Hash)
	case now.After(inv.Expires):
		return market.Event{}, fmt.Errorf("%w: the invoice", ledger.ErrExpired)
	}
	err = p.reserve(o, back, now)
	if errors.Is(err, market.ErrSpending) {
		p.log.Warn("a bill is not paid", "order", ref.Short(), "err", err)
		return market.Event{Ref: ref, State: market.Failed}, nil
	}
	if err != nil {
		return market.Event{}, err
	}
	o.Sent = now
	ev, err = p.judge(o, m)(p.wallet.Send(ctx, o))
	if err != nil && ctx.Err() == nil {
		// A wallet refuses what it is paying already, and a lost answer says nothing.
		if found, later := p.judge(o, m)(p.wallet.Track(ctx, o)); later == nil {
			return found, nil
		}
	}
	return ev, err
}

// judge makes the market's news of what a wallet says of a payment, once that is shown to be true.
func (p *Purse) judge(o Outgoing, m ledger.Money) func(Payment, error) (market.Event, error) {
	return func(v Payment, err error) (market.Event, error) {
		if err != nil {
			return market.Event{}, err
		}
		ev := market.Event{Ref: o.Ref, State: v.State}
		switch v.State {
		case market.Settled:
			if sha256.Sum256(v.Preimage) != o.Hash {
				return market.Event{}, errors.New("lightning: the wallet shows the preimage of another payment")
			}
			if v.Value != m.Amount {
				return market.Event{}, fmt.Errorf("%w: the invoice was paid for something else", market.ErrByHand)
			}
			ev.Received, ev.Proof, ev.Cost = m, v.Preimage, v.Fee
		case market.Failed:
			p.log.Info("a payment failed", "order", o.Ref.Short(), "why", Printable(v.Why))
			return ev, p.release(o.Hash)
		case market.Pending:
		default:
			return market.Event{}, fmt.Errorf("lightning: the wallet says of a payment that it is %s", v.State)
		}
		return ev, nil
	}
}

// alone waits until nobody else asks about a payment: of two, one must find what the other has begun.
func (p *Purse) alone(ctx context.Context, hash [32]byte) (done func(), err error) {
	for {
		p.mu.Lock()
		other, taken := p.busy[hash]
		if !taken {
			mine := make(chan struct{})
			p.busy[hash] = mine
			p.mu.Unlock()
			return func() {
				p.mu.Lock()
				delete(p.busy, hash)
				p.mu.Unlock()
				close(mine)
			}, nil
		}
		p.mu.Unlock()
		select {
		case <-other:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Refund sends money to the invoice that the buyer gave with the order, which serves once.
func (p *Purse) Refund(ctx context.Context, ref ledger.ID, m ledger.Money, to string) (market.Event, error) {
	inv, err := bolt11.Parse(to)
	if err != nil || m.Cur != ledger.Bitcoin || inv.Amount != 0 && inv.Amount != m.Amount {
		return market.Event{}, fmt.Errorf("%w: %s to %q", market.ErrByHand, m, Printable(to))
	}
	ev, err := p.send(ctx, ref, inv, to, m, true)
	if err == nil && ev.State == market.Failed && time.Now().After(inv.Expires) {
		return market.Event{}, fmt.Errorf("%w: %s, because %q has expired", market.ErrByHand, m, Printable(to))
	}
	return ev, err
}

// Returned says where money is that was to go back, and sends none. The wallet is asked, whatever we remember of it.
func (p *Purse) Returned(ctx context.Context, ref ledger.ID, m ledger.Money, to string) (market.Event, error) {
	inv, err := bolt11.Parse(to)
	if err != nil {
		return market.Event{Ref: ref}, nil // it was never sent there
	}
	done, err := p.alone(ctx, inv.Hash)
	if err != nil {
		return market.Event{}, err
	}
	defer done()
	o := outgoing(ref, inv, to, m)
	if o.Sent, err = p.unused(o, true); errors.Is(err, market.ErrByHand) && !errors.Is(err, market.ErrSentAnew) {
		return market.Event{Ref: ref}, nil
	} else if err != nil {
		return market.Event{}, err
	}
	ev, err := p.judge(o, m)(p.wallet.Track(ctx, o))
	if errors.Is(err, ErrUnknown) {
		return market.Event{Ref: ref}, nil
	}
	return ev, err
}

// Printable keeps what fits into one line, of what somebody else wrote.
func Printable(s string) string {
	s = strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' {
			return '?'
		}
		return c
	}, s)
	return s[:min(len(s), 200)]
}
