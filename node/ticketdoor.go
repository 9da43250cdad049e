package node

import (
	"time"

	"salon/ledger"
	"salon/ledger/doc"
	"salon/relay"
	"salon/room"
)

// Into a room by ticket comes who shows one, with the holder's signature under who comes and on which device. The host checks
// that against its ledger; a relay, which has none, sees only that the ticket is whole and shown by its holder. Who deceives a
// relay hears nothing: the key comes from the host.
//
// A ticket is one session. Each has to ask the host for the key, so the host knows of all of them, by whatever relay they came:
// the newest claim wins, and who had the seat is put out.

var errTicketOnly = &UserError{Code: "ticket_only", Text: "This room is for ticket holders: buy a ticket first."}

// codeElsewhere puts out who had the seat.
const codeElsewhere = "ticket_elsewhere"

// A ticketDoor is what the host has of a room by ticket. Room.mu guards the fields.
type ticketDoor struct {
	gate   *ledger.Gate // nil until the ledger was read, and at whoever leads the room in the host's place
	height uint64       // of the ledger then
	price  string       // of a ticket then; "" if none is on sale
	seats  map[ticketSeat]session
}

type ticketSeat struct {
	class  uint8
	serial uint32
}

type session struct {
	device doc.PublicKey
	claim  int64 // its time
}

func seatOf(t ledger.Ticket) ticketSeat { return ticketSeat{t.Class, t.Serial} }

// shownTicket is the ticket that somebody comes in with. r.mu is held.
func (r *Room) shownTicket(who doc.Author, shown room.Claim, now time.Time) (ledger.Ticket, error) {
	if len(shown.Ticket) == 0 || shown.Room != r.id {
		return ledger.Ticket{}, room.ErrNoTicket
	}
	var t ledger.Ticket
	var err error
	switch {
	case r.host == nil:
		t, _, err = ledger.OpenDocument[ledger.Ticket](shown.Ticket)
	case r.host.tickets.gate == nil:
		err = room.ErrNoTicket
	default:
		t, err = r.host.tickets.gate.Check(shown.Ticket, now)
	}
	if err == nil && (t.Room != ledger.Room(r.id) || !shown.IsHeld(t.Holder, who)) {
		err = room.ErrNoTicket
	}
	return t, err
}

// takeSeat gives a ticket's seat to a device. It returns why not, if so. r.mu is held.
func (r *Room) takeSeat(t ledger.Ticket, who doc.Author, claim room.Claim) (code string) {
	d := &r.host.tickets
	if d.seats == nil {
		d.seats = make(map[ticketSeat]session)
	}
	old, taken := d.seats[seatOf(t)]
	switch {
	case taken && old.device != who.Device && old.claim >= claim.Time:
		return codeElsewhere // it was put out, and comes back with what it showed before
	case taken && old.device != who.Device:
		r.showOut(old.device, codeElsewhere)
	}
	d.seats[seatOf(t)] = session{who.Device, claim.Time}
	return ""
}

// showOut takes the key from a device, and tells it why. r.mu is held.
func (r *Room) showOut(device doc.PublicKey, code string) {
	if _, in := r.host.keyholder.members[device]; !in {
		return
	}
	delete(r.host.keyholder.members, device)
	r.n.counts.Add("ticket_put_out")
	r.sendBoxes([]relay.Box{{Device: device, Code: code}})
	r.rekeySoon()
}

// renewTickets reads the ledger anew if something was written, and puts out whose ticket is void by now.
func (r *Room) renewTickets(now time.Time) {
	r.mu.Lock()
	sells := r.host != nil && r.charter.Access == room.ByTicket && r.charter.Host == r.n.Person()
	var height uint64
	known := false
	if sells {
		height, known = r.host.tickets.height, r.host.tickets.gate != nil
	}
	r.mu.Unlock()
	if !sells {
		return
	}
	m, err := r.n.Market()
	if err != nil {
		r.n.o.Log.Error("tickets cannot be checked", "room", r.id.String(), "err", err)
		return
	}
	at, err := m.Height()
	if err != nil || known && at == height {
		return
	}
	price := ""
	if p, sells, err := m.Price(ledger.Room(r.id)); err == nil && sells {
		price = p.String()
	}
	gate, err := m.Gate(ledger.Room(r.id), now)
	if err != nil {
		r.n.o.Log.Error("tickets cannot be checked", "room", r.id.String(), "err", err)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.host == nil {
		return
	}
	r.host.tickets.gate, r.host.tickets.height, r.host.tickets.price = gate, at, price // announced within seconds
	for device, m := range r.host.keyholder.members {
		if m.ticket != (ledger.Ticket{}) && gate.Standing(m.ticket) != nil && !r.state.Knows(m.author.Person) {
			r.showOut(device, errTicketOnly.Code)
			delete(r.host.tickets.seats, seatOf(m.ticket))
		}
	}
}
