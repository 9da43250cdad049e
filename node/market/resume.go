package market

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"salon/ledger"
)

// A purchase that broke off is gone on with soon, and then ever more seldom; and at once when who sold it comes back.
const (
	resumeSoon  = 2 * time.Second
	resumeAgain = time.Minute // at most between two tries; also how often money is tried that goes back
)

// Came tells the market that it can speak with a device now.
func (m *Market) Came(device ledger.Key) {
	if !device.IsZero() {
		m.hurryFor(device)
	}
}

// brokenOff tells it that a purchase was begun and not ended.
func (m *Market) brokenOff() { m.hurryFor(ledger.Key{}) }

func (m *Market) hurryFor(device ledger.Key) {
	select {
	case m.hurry <- device:
	default: // it is tried again anyway
	}
}

// keepResuming goes on with open purchases until ctx ends.
func (m *Market) keepResuming(ctx context.Context) {
	note := func(err error) {
		if err != nil && ctx.Err() == nil {
			m.log.Info("a purchase is still open", "err", err)
		}
	}
	wait := resumeSoon
	for ctx.Err() == nil {
		note(m.Resume(ctx))
		timer := time.NewTimer(wait)
		wait = min(2*wait, resumeAgain)
		for waits := true; waits; {
			select {
			case <-ctx.Done():
				waits = false
			case <-timer.C:
				waits = false
			case device := <-m.hurry:
				if !device.IsZero() {
					err := m.resumeAll(ctx, func(seller ledger.Key) bool { return seller == device })
					if note(err); err == nil {
						continue
					}
				}
				timer.Reset(resumeSoon)
				wait = 2 * resumeSoon
			}
		}
		timer.Stop()
	}
}

// Resume goes on with every purchase whose payment was begun. It tries all of them, and returns what went wrong.
func (m *Market) Resume(ctx context.Context) error {
	return m.resumeAll(ctx, func(ledger.Key) bool { return true })
}

// resumeAll is Resume for the purchases at some sellers.
func (m *Market) resumeAll(ctx context.Context, at func(seller ledger.Key) bool) error {
	var open []ledger.Entry
	err := m.look(func(l *lists) {
		for _, e := range l.paying {
			open = append(open, e)
		}
	})
	if err != nil {
		return err
	}
	slices.SortFunc(open, func(a, b ledger.Entry) int { return cmp.Compare(a.Seq, b.Seq) })
	for _, e := range open {
		if ctx.Err() != nil {
			break
		}
		seller, one := soldBy(e)
		if one == nil {
			if !at(seller) {
				continue
			}
			one = m.resume(ctx, e, seller)
		}
		m.tried(e, one)
		err = errors.Join(err, one)
	}
	return err
}

// soldBy is whose quote a payment is of.
func soldBy(paying ledger.Entry) (ledger.Key, error) {
	q, _, err := ledger.OpenDocument[ledger.Quote](paying.Docs[1])
	return q.By, err
}

func (m *Market) resume(ctx context.Context, e ledger.Entry, seller ledger.Key) error {
	c, done, err := m.call(ctx, seller)
	if err != nil {
		return err
	}
	defer done()
	_, err = m.collect(ctx, c, e)
	return err
}
