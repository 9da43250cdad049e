package market

import (
	"salon/ledger"
)

// waited tells a host that somebody wanted tickets while the host could not be reached. It binds to nothing.
type waited struct {
	_    struct{} `cbor:",toarray"`
	Room ledger.Room
}

const (
	maxWantedRooms = 64
	maxWanted      = 10_000 // people of one room
)

// wanted counts who waited for tickets to a room of this node's person: each peer once, since the market began.
func (m *Market) wanted(from string, q waited) (message, error) {
	own := false
	if err := m.look(func(l *lists) { l.eachOffer(q.Room, func(ledger.ID, ledger.Offer) { own = true }) }); err != nil {
		return nil, err
	}
	if !own || q.Room.IsZero() {
		return nil, ledger.ErrNotOnSale
	}
	if n, news := m.count(from, q.Room); news && m.o.Wanted != nil {
		m.o.Wanted(q.Room, n)
	}
	return done{}, nil
}

// count notes who waited, and reports how many there are now, and whether that is news.
func (m *Market) count(from string, room ledger.Room) (int, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	people := m.waits[room]
	switch {
	case people[from], len(people) >= maxWanted, people == nil && len(m.waits) >= maxWantedRooms:
		return len(people), false
	case people == nil:
		people = map[string]bool{}
		m.waits[room] = people
	}
	people[from] = true
	return len(people), true
}

// Wanted is how many people waited for tickets to a room while this node could not be reached, as far as they have said so since
// it began.
func (m *Market) Wanted(room ledger.Room) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.waits[room])
}
