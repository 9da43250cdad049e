package market

import (
	"cmp"
	"slices"
	"time"

	"salon/ledger"
)

// An Unfinished is a purchase whose payment was begun, and of which neither receipt nor refusal has come.
type Unfinished struct {
	Order   ledger.ID
	Payee   ledger.Key
	Count   uint32
	Total   ledger.Money
	Rail    string
	Since   time.Time
	Expires time.Time // of the hold on the seats
	ByHand  bool      // a person pays it
	Request string    // what they pay, then
	Purpose ledger.Purpose
	Err     error // of the last try to end it; nil while the first is under way
}

// Unfinished lists what is not ended yet, the oldest first.
func (m *Market) Unfinished() (list []Unfinished, err error) {
	var entries []ledger.Entry
	if err := m.look(func(l *lists) {
		for _, e := range l.paying {
			entries = append(entries, e)
		}
	}); err != nil {
		return nil, err
	}
	slices.SortFunc(entries, func(a, b ledger.Entry) int { return cmp.Compare(a.Seq, b.Seq) })
	for _, e := range entries {
		o, order, err := ledger.OpenDocument[ledger.Order](e.Docs[0])
		if err != nil {
			return nil, err
		}
		q, _, err := ledger.OpenDocument[ledger.Quote](e.Docs[1])
		if err != nil {
			return nil, err
		}
		m.mu.Lock()
		last := m.open[order]
		m.mu.Unlock()
		u := Unfinished{Order: order, Payee: o.Payee, Count: o.Count, Total: q.Total(), Rail: q.Rail,
			Since: time.UnixMilli(e.Time), Expires: time.UnixMilli(q.Expires), Err: last, Purpose: o.Purpose}
		if m.isByHand(order) {
			u.ByHand, u.Request = true, q.Request
		}
		list = append(list, u)
	}
	return list, nil
}

// tried notes how a try to end a purchase went.
func (m *Market) tried(e ledger.Entry, err error) {
	pay, ok := e.Body.(*ledger.Pay)
	if !ok {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err == nil {
		delete(m.open, pay.Order)
		return
	}
	m.open[pay.Order] = err
}
