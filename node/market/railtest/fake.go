// Package railtest holds rails to what the market expects of them, and has a rail that keeps to no more than that.
package railtest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"salon/ledger"
	"salon/node/market"
)

// A Fake is a rail that is as awkward as the rules allow, and where a test says so breaks them. It outlives the nodes that
// use it, as a bank does. It tells its news twice, and old news last.
type Fake struct {
	Name string

	mu       sync.Mutex // guards the fields below
	hold     bool
	down     bool
	deaf     bool
	hands    bool
	slow     bool
	lookups  int
	more     ledger.Amount
	cur      ledger.Currency
	fee      ledger.Amount
	cost     ledger.Amount
	payments map[ledger.ID]*payment
	refunds  map[ledger.ID]*refund
	watchers []chan market.Event
}

type payment struct {
	amount ledger.Money
	state  market.State
	moved  int // times that money went from one to the other: once, whatever happens
	got    ledger.Money
}

type refund struct {
	money ledger.Money
	state market.State
}

// NewFake makes a rail on which nothing has happened.
func NewFake(name string) *Fake {
	return &Fake{Name: name, payments: map[ledger.ID]*payment{}, refunds: map[ledger.ID]*refund{}}
}

// Hold makes payments stay pending, until they are Released or Failed.
func (f *Fake) Hold(on bool) { f.set(func() { f.hold = on }) }

// Down makes the payee's side answer nothing but errors.
func (f *Fake) Down(on bool) { f.set(func() { f.down = on }) }

// Lose has refunds be sent, and the answer lost.
func (f *Fake) Lose(on bool) { f.set(func() { f.deaf = on }) }

// ByHand has refunds be for a person to send.
func (f *Fake) ByHand(on bool) { f.set(func() { f.hands = on }) }

// Slow makes refunds stay on their way, until EndRefunds.
func (f *Fake) Slow(on bool) { f.set(func() { f.slow = on }) }

// EndRefunds lets every refund that is on its way arrive, or fail.
func (f *Fake) EndRefunds(as market.State) {
	f.set(func() {
		for _, r := range f.refunds {
			if r.state == market.Pending {
				r.state = as
			}
		}
	})
}

// Skew has more arrive than was asked for, or less, or another currency if cur is not empty.
func (f *Fake) Skew(more ledger.Amount, cur ledger.Currency) {
	f.set(func() { f.more, f.cur = more, cur })
}

// Charge has the payer pay a fee on top, and the rail keep something of what comes.
func (f *Fake) Charge(fee, cost ledger.Amount) { f.set(func() { f.fee, f.cost = fee, cost }) }

func (f *Fake) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

// Release lets every payment that is pending arrive.
func (f *Fake) Release() {
	f.set(func() {
		for ref, p := range f.payments {
			if p.state == market.Pending {
				f.arrive(ref, p)
			}
		}
	})
}

// Fail ends every payment that is pending.
func (f *Fake) Fail() {
	f.set(func() {
		for ref, p := range f.payments {
			if p.state == market.Pending {
				p.state = market.Failed
				f.tell(ref, p)
			}
		}
	})
}

// Moved is how often money has moved, in all.
func (f *Fake) Moved() (n int) {
	f.set(func() {
		for _, p := range f.payments {
			n += p.moved
		}
	})
	return n
}

// Received is what has arrived, in all, in whatever currency.
func (f *Fake) Received() (sum ledger.Amount) {
	f.set(func() {
		for _, p := range f.payments {
			if p.state == market.Settled {
				sum += p.got.Amount
			}
		}
	})
	return sum
}

// Lookups is how often somebody has looked, and was answered.
func (f *Fake) Lookups() (n int) {
	f.set(func() { n = f.lookups })
	return n
}

// Refunds lists what was sent back, the least first.
func (f *Fake) Refunds() (list []ledger.Money) {
	f.set(func() {
		for _, r := range f.refunds {
			if r.state == market.Settled {
				list = append(list, r.money)
			}
		}
	})
	slices.SortFunc(list, func(a, b ledger.Money) int { return cmp.Compare(a.Amount, b.Amount) })
	return list
}

// Lie tells whoever watches that an order is paid, though it is not.
func (f *Fake) Lie(ref ledger.ID, m ledger.Money) {
	f.set(func() { f.tell(ref, &payment{state: market.Settled, got: m}) })
}

// arrive settles a payment. f.mu is held.
func (f *Fake) arrive(ref ledger.ID, p *payment) {
	p.state, p.got = market.Settled, p.amount
	p.moved++
	p.got.Amount += f.fee + f.more
	if f.cur != "" {
		p.got.Cur = f.cur
	}
	f.tell(ref, p)
}

// tell gives out news twice, and then what was true before. Who does not listen misses it. f.mu is held.
func (f *Fake) tell(ref ledger.ID, p *payment) {
	news := f.event(ref, p)
	for _, w := range f.watchers {
		for _, ev := range []market.Event{news, news, {Ref: ref, State: market.Open}} {
			select {
			case w <- ev:
			default:
			}
		}
	}
}

// event is what there is to say of a payment. f.mu is held.
func (f *Fake) event(ref ledger.ID, p *payment) market.Event {
	ev := market.Event{Ref: ref, State: p.state}
	if p.state == market.Settled {
		ev.Cost = f.cost
		ev.Received, ev.Proof = p.got, append([]byte(f.Name), ref[:]...)
	}
	return ev
}

// ErrDown is all that a Fake says while it is down.
var ErrDown = errors.New("railtest: down")

// Create makes an invoice, the same each time.
func (f *Fake) Create(_ context.Context, r market.Request) (market.Invoice, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.down {
		return market.Invoice{}, ErrDown
	}
	if f.payments[r.Ref] == nil {
		f.payments[r.Ref] = &payment{amount: r.Amount, state: market.Open}
	}
	return market.Invoice{Request: f.Name + ":" + r.Ref.String(), Fee: f.fee}, nil
}

// Lookup says where a payment is.
func (f *Fake) Lookup(_ context.Context, ref ledger.ID) (market.Event, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.down {
		return market.Event{}, ErrDown
	}
	f.lookups++
	if p := f.payments[ref]; p != nil {
		return f.event(ref, p), nil
	}
	return market.Event{Ref: ref}, nil
}

// Watch gives out what happens.
func (f *Fake) Watch(ctx context.Context, take func(market.Event) error) error {
	news := make(chan market.Event, 256)
	f.set(func() { f.watchers = append(f.watchers, news) })
	defer f.set(func() {
		f.watchers = slices.DeleteFunc(f.watchers, func(w chan market.Event) bool { return w == news })
	})
	if err := take(market.Event{}); err != nil {
		return err
	}
	for {
		select {
		case ev := <-news:
			if err := take(ev); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Pay moves money once, however often it is called.
func (f *Fake) Pay(_ context.Context, b market.Bill) (market.Event, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := f.payments[b.Ref]
	if p == nil {
		return market.Event{Ref: b.Ref, State: market.Failed}, nil
	}
	if p.state == market.Open {
		if p.state = market.Pending; !f.hold {
			f.arrive(b.Ref, p)
		}
	}
	return f.event(b.Ref, p), nil
}

// Refund sends money back, once for each ref.
func (f *Fake) Refund(_ context.Context, ref ledger.ID, m ledger.Money, _ string) (market.Event, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.down {
		return market.Event{}, ErrDown
	}
	if f.hands {
		return market.Event{}, fmt.Errorf("%w: %s", market.ErrByHand, m)
	}
	r := f.refunds[ref]
	switch {
	case r != nil && r.money != m:
		return market.Event{}, fmt.Errorf("%s was sent back, and now it is %s", r.money, m)
	case r == nil || r.state == market.Failed:
		r = &refund{money: m, state: market.Settled}
		if f.slow {
			r.state = market.Pending
		}
		f.refunds[ref] = r
	}
	if f.deaf {
		return market.Event{}, ErrDown
	}
	return market.Event{Ref: ref, State: r.state, Received: m}, nil
}

// Returned says where a refund is.
func (f *Fake) Returned(_ context.Context, ref ledger.ID, m ledger.Money, _ string) (market.Event, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.down {
		return market.Event{}, ErrDown
	}
	if r := f.refunds[ref]; r != nil {
		return market.Event{Ref: ref, State: r.state, Received: m}, nil
	}
	return market.Event{Ref: ref}, nil
}
