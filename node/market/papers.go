package market

import (
	"time"

	"salon/ledger"
)

// A Stamp says how far the papers of a room are: while it stays, so do they.
type Stamp struct {
	Versions, Allots int
	Revoked          uint64
}

// Appended is closed when the ledger has another entry.
func (m *Market) Appended() <-chan struct{} { return m.store.News() }

// Papers are what tickets to a room of this node's person are checked against, unless they are still those of a stamp: then, and
// where this node offers nothing of the room, there are no listings.
func (m *Market) Papers(room ledger.Room, have Stamp, now time.Time) (listings []ledger.Listing, revocations []byte, at Stamp, err error) {
	var firsts []ledger.ID
	err = m.look(func(l *lists) {
		for _, first := range l.rooms[room] {
			listing := l.versions[l.newest[first]]
			if len(listing.Allot) > 0 { // we only sell it
				continue
			}
			firsts = append(firsts, first)
			listings = append(listings, listing)
			for _, id := range l.allots[first] { // given back or not: what was sold from it before is good
				listings = append(listings, ledger.Listing{Cert: listing.Cert, Offer: listing.Offer, Allot: l.lendings[id].raw})
				at.Allots++
			}
			if e, err := ledger.ParseEntry(listing.Offer); err == nil {
				if o, ok := e.Body.(*ledger.Offer); ok {
					at.Versions += int(o.Version)
				}
			}
		}
	})
	if err != nil || len(firsts) == 0 {
		return nil, nil, at, err
	}
	device := m.id.Device()
	var r ledger.Revocations
	same := false
	err = m.store.View(func(b *ledger.Books) (err error) {
		if at.Revoked, err = b.Revoked(firsts...); err != nil || at == have {
			same = err == nil
			return err
		}
		r, err = b.Revocations(now, room, firsts...)
		return err
	})
	if err != nil || same {
		return nil, nil, at, err
	}
	revocations, _, err = ledger.Sign(device, r)
	return listings, revocations, at, err
}

// Resign signs a list of void tickets anew that is still true, so that whoever has it knows that it is. Of another device's there is
// none.
func (m *Market) Resign(list []byte, now time.Time) ([]byte, error) {
	r, _, err := ledger.ReadDocument[ledger.Revocations](list)
	if err != nil {
		return nil, err
	}
	device := m.id.Device()
	if r.By != device.Public() {
		return nil, nil
	}
	r.Time = now.UnixMilli()
	list, _, err = ledger.Sign(device, r)
	return list, err
}
