package node

import (
	"cmp"
	"slices"

	"salon/ledger"
	"salon/ledger/doc"
)

// A creditLine is what one person may owe, with which devices. It is in settings.json.
type creditLine struct {
	Limits  map[ledger.Currency]ledger.Amount `json:"limits"`
	Devices []doc.PublicKey                   `json:"devices,omitempty"` // that have shown a certificate of theirs
}

const (
	maxLending = 1000 // people with a limit of their own
	maxDebtors = 16   // devices of one
)

type limit struct {
	person doc.PublicKey // zero: anybody
	money  ledger.Money
}

// limits lists all of them.
func (h *Home) limits() (list []limit) {
	s := h.settings()
	for cur, a := range s.Credit {
		list = append(list, limit{money: ledger.Money{Amount: a, Cur: cur}})
	}
	for person, l := range s.Lending {
		for cur, a := range l.Limits {
			list = append(list, limit{person, ledger.Money{Amount: a, Cur: cur}})
		}
	}
	slices.SortFunc(list, func(a, b limit) int {
		if a.person.IsZero() != b.person.IsZero() {
			if a.person.IsZero() {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(a.person.String(), b.person.String()), cmp.Compare(a.money.Cur, b.money.Cur))
	})
	return list
}

// setLimit stores what a person may owe. 0 is a limit too.
func (h *Home) setLimit(person doc.PublicKey, m ledger.Money) error {
	h.settingsMu.Lock()
	defer h.settingsMu.Unlock()
	s := h.settings()
	l, known := s.Lending[person]
	if !known && len(s.Lending) >= maxLending {
		return &UserError{Code: "people_full", Text: "1,000 people have a limit of their own, and no more can."}
	}
	if s.Lending == nil {
		s.Lending = map[doc.PublicKey]creditLine{}
	}
	if l.Limits == nil {
		l.Limits = map[ledger.Currency]ledger.Amount{}
	}
	l.Limits[m.Cur] = m.Amount
	s.Lending[person] = l
	return h.setSettings(s)
}

// limitOf is what the person of a device may owe in all, and who else of that person owes. Who is no such device is unknown.
func (h *Home) limitOf(device doc.PublicKey, cur ledger.Currency) (most ledger.Amount, others []doc.PublicKey, known bool) {
	for _, l := range h.settings().Lending {
		if a, limited := l.Limits[cur]; limited && slices.Contains(l.Devices, device) {
			return a, slices.DeleteFunc(slices.Clone(l.Devices), func(d doc.PublicKey) bool { return d == device }), true
		}
	}
	return 0, nil, false
}

// addDebtor notes that a device is of a person who has a limit. It is on disk before anything is lent to it.
func (h *Home) addDebtor(who doc.Author) error {
	h.settingsMu.Lock()
	defer h.settingsMu.Unlock()
	s := h.settings()
	l, known := s.Lending[who.Person]
	if !known || slices.Contains(l.Devices, who.Device) {
		return nil
	}
	if len(l.Devices) >= maxDebtors {
		return ledger.ErrCredit
	}
	l.Devices = append(l.Devices, who.Device)
	s.Lending[who.Person] = l
	return h.setSettings(s)
}
