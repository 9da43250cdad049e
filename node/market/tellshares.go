package market

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"salon/ledger"
	"salon/ledger/doc"
)

// TellShares tells all who have not heard of it what they are owed, and hears what they have confirmed.
func (m *Market) TellShares(ctx context.Context) error {
	var who []ledger.Key
	err := m.look(func(l *lists) {
		for to, p := range l.shares.payees {
			if m.toldTo[to] != p.changes || len(p.settles) > 0 {
				who = append(who, to)
			}
		}
	})
	for _, to := range who {
		if ctx.Err() != nil {
			return errors.Join(err, ctx.Err())
		}
		err = errors.Join(err, m.tellShare(ctx, to))
	}
	return err
}

// tellShare tells somebody, at a device of theirs.
func (m *Market) tellShare(ctx context.Context, to ledger.Key) error {
	list, changes, err := m.duesOf(to)
	if err != nil || len(list) == 0 {
		return err
	}
	var devices []ledger.Key
	m.mu.Lock()
	if device, known := m.earners[to]; known {
		devices = append(devices, device)
	}
	m.mu.Unlock()
	if m.o.Devices != nil {
		devices = append(devices, m.o.Devices(to)...)
	}
	err = ErrUnreached
	for i, device := range devices {
		if slices.Contains(devices[:i], device) {
			continue
		}
		if err = m.tellShareAt(ctx, device, to, list); err == nil {
			m.mu.Lock()
			m.toldTo[to] = changes
			m.mu.Unlock()
			return nil
		}
	}
	return err
}

func (m *Market) tellShareAt(ctx context.Context, device, to ledger.Key, list []dues) error {
	ctx, cancel := context.WithTimeout(ctx, askedWithin)
	defer cancel()
	c, end, err := m.call(ctx, device)
	if err != nil {
		return err
	}
	defer end()
	for _, q := range list {
		answer, err := asked[earn](c, q)
		if err != nil {
			return unreached(err)
		}
		cert, err := doc.OpenCert(answer.Cert, time.Now())
		if err != nil {
			return err
		}
		if cert.Person != to || cert.Device != device {
			return fmt.Errorf("%w: it is somebody else", ledger.ErrSigner)
		}
		m.learnPlace(to, answer.Place)
		if err := m.confirmed(answer); err != nil {
			return err
		}
	}
	c.end()
	return nil
}
