package ledger

import "time"

// LeaseFor is how long a session lasts that nobody renews.
const LeaseFor = 45 * time.Second

// A Lease is one session of a ticket's holder, at one relay.
type Lease struct {
	Relay   Key
	Session uint64 // chosen by the relay
	Since   time.Time
	Until   time.Time
}

// Leases hold every ticket to one session, wherever in the tree its holder comes in. They are kept at the root. The
// newest session wins: who lost a connection is back at once, and who shares a ticket puts a friend out.
type Leases struct{ seats map[seat]Lease }

// Take gives a ticket's session to a relay, or renews it. It returns the session that ends by it, if there is one.
func (l *Leases) Take(t Ticket, relay Key, session uint64, now time.Time) (ended Lease, lost bool) {
	if l.seats == nil {
		l.seats = map[seat]Lease{}
	}
	at := seat{room: t.Room, class: t.Class, serial: t.Serial} // of any generation
	old, taken := l.seats[at]
	next := Lease{Relay: relay, Session: session, Since: now, Until: now.Add(LeaseFor)}
	if taken && old.Relay == relay && old.Session == session {
		next.Since = old.Since
		l.seats[at] = next
		return Lease{}, false
	}
	l.seats[at] = next
	return old, taken && now.Before(old.Until)
}

// Renew keeps a session, unless another has taken its place meanwhile.
func (l *Leases) Renew(t Ticket, relay Key, session uint64, now time.Time) bool {
	at := seat{room: t.Room, class: t.Class, serial: t.Serial}
	old, taken := l.seats[at]
	if taken && (old.Relay != relay || old.Session != session) && now.Before(old.Until) {
		return false
	}
	l.Take(t, relay, session, now)
	return true
}

// Len counts the sessions.
func (l *Leases) Len() int { return len(l.seats) }

// Sweep forgets the sessions that ran out.
func (l *Leases) Sweep(now time.Time) {
	for at, lease := range l.seats {
		if !now.Before(lease.Until) {
			delete(l.seats, at)
		}
	}
}
