package market

import (
	"time"

	"salon/ledger"
)

const (
	railKeyFor   = 365 * 24 * time.Hour
	renewRailKey = 30 * 24 * time.Hour // before it ends
)

// Receives says in the ledger, and so signed, at what address of a rail this person is paid. Saying it again says nothing new.
func (m *Market) Receives(rail, address string, now time.Time) error {
	var said ledger.RailKey
	if err := m.look(func(l *lists) { said = l.railKeys[rail] }); err != nil {
		return err
	}
	if said.Address == address && said.To > now.Add(renewRailKey).UnixMilli() {
		return nil
	}
	_, err := m.store.Append(now, func(*ledger.Books) ([]ledger.Draft, error) {
		return []ledger.Draft{{Body: &ledger.RailKey{Rail: rail, Address: address, From: now.UnixMilli(), To: now.Add(railKeyFor).UnixMilli()}}}, nil
	})
	return err
}
