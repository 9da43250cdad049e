package market

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"salon/ledger"
)

// A person may pay a bill themselves, by a wallet on their phone or a page of a bank: this node then sends nothing, shows what is to be
// paid, and asks the payee, who alone knows how it ended, until that says so. Which orders are paid so is on disk before they are begun:
// no rail that is set up later pays them too.

const (
	handsAtOnce = 2           // asked about without a pause, at one seller: it serves four streams of a peer
	handPause   = time.Second // between two questions
	handFor     = 2 * time.Hour
	maxHands    = 256
)

// hands are the orders that a person pays.
type hands struct {
	mu    sync.Mutex // guards the fields below, and is held while they are stored
	list  []ledger.ID
	woken chan struct{} // closed when there is a new one
}

func readHands(raw []byte) (h *hands, err error) {
	h = &hands{woken: make(chan struct{})}
	if len(raw) > 0 {
		if err = json.Unmarshal(raw, &h.list); err != nil {
			err = fmt.Errorf("orders to be paid by hand: %w", err)
		}
	}
	return h, err
}

// hand stores that an order is paid by hand. It may never be begun.
func (m *Market) hand(order ledger.ID) error {
	var open []ledger.ID
	if err := m.look(func(l *lists) {
		for id := range l.paying {
			open = append(open, id)
		}
	}); err != nil {
		return err
	}
	h := m.hands
	h.mu.Lock()
	defer h.mu.Unlock()
	// Of those that are not in the ledger one may be on its way there: the newest stay.
	list := slices.Clone(h.list)
	for i := 0; len(list) >= maxHands && i < len(list); {
		if slices.Contains(open, list[i]) {
			i++
		} else {
			list = slices.Delete(list, i, i+1)
		}
	}
	if len(list) >= maxHands {
		return ErrBusy
	}
	list = append(list, order)
	if m.o.KeepHands != nil {
		raw, err := json.Marshal(list)
		if err != nil {
			return err
		}
		if err := m.o.KeepHands(raw); err != nil {
			return err
		}
	}
	h.list = list
	return nil
}

// allByHand takes every purchase that is under way for one that a person pays, where it is not known which ones are: then none is paid
// a second time, by them and by a rail. Of what a rail has sent already the payee says how it ended, as of the others.
func (m *Market) allByHand() error {
	var open []ledger.Entry
	if err := m.look(func(l *lists) {
		for _, e := range l.paying {
			open = append(open, e)
		}
	}); err != nil {
		return err
	}
	slices.SortFunc(open, func(a, b ledger.Entry) int { return cmp.Compare(a.Seq, b.Seq) })
	h := m.hands
	h.mu.Lock()
	defer h.mu.Unlock()
	h.list = nil
	for _, e := range open {
		q, _, err := ledger.ReadDocument[ledger.Quote](e.Docs[1])
		if pay, ok := e.Body.(*ledger.Pay); ok && err == nil && q.Rail != ledger.IOURail {
			h.list = append(h.list, pay.Order)
		}
	}
	raw, err := json.Marshal(h.list)
	if err != nil || m.o.KeepHands == nil {
		return err
	}
	return m.o.KeepHands(raw)
}

func (m *Market) isByHand(order ledger.ID) bool {
	m.hands.mu.Lock()
	defer m.hands.mu.Unlock()
	return slices.Contains(m.hands.list, order)
}

// wakeHands has the payee be asked at once.
func (m *Market) wakeHands() {
	h := m.hands
	h.mu.Lock()
	defer h.mu.Unlock()
	close(h.woken)
	h.woken = make(chan struct{})
}

// collectByHand asks for what a person pays, until ctx ends: so that the tickets come the moment the money does.
func (m *Market) collectByHand(ctx context.Context) {
	for ctx.Err() == nil {
		m.hands.mu.Lock()
		woken := m.hands.woken
		m.hands.mu.Unlock()
		pause := time.Minute
		list, err := m.openByHand(time.Now())
		if err != nil {
			m.log.Error("payments by hand", "err", err)
		}
		var all sync.WaitGroup
		for _, e := range list {
			pause = handPause
			all.Go(func() {
				seller, err := soldBy(e)
				if err == nil {
					err = m.resume(ctx, e, seller)
				}
				m.tried(e, err)
			})
		}
		all.Wait()
		select {
		case <-woken:
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
}

// openByHand are the newest of each seller. The others are asked about with all that is open, now and then.
func (m *Market) openByHand(now time.Time) (list []ledger.Entry, err error) {
	err = m.look(func(l *lists) {
		for order, e := range l.paying {
			if m.isByHand(order) && now.Sub(time.UnixMilli(e.Time)) < handFor {
				list = append(list, e)
			}
		}
	})
	slices.SortFunc(list, func(a, b ledger.Entry) int { return cmp.Compare(b.Seq, a.Seq) })
	at := map[ledger.Key]int{}
	return slices.DeleteFunc(list, func(e ledger.Entry) bool {
		q, _, err := ledger.ReadDocument[ledger.Quote](e.Docs[1])
		if err != nil {
			return true // the ledger has read it before
		}
		at[q.By]++
		return at[q.By] > handsAtOnce
	}), err
}

// isOver reports whether a payee's no ends what a person was to pay: its word is all that there is. If the money came after all, its
// receipt still counts.
func isOver(no error) bool { return errors.Is(no, ledger.ErrExpired) || errors.Is(no, ErrFailed) }
