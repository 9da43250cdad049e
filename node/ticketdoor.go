package node

import (
	"crypto/sha256"
	"errors"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"salon/ledger"
	"salon/ledger/doc"
	"salon/relay"
	"salon/room"
)

// Into a room by ticket comes who shows one, with the holder's signature under who comes and on which device; a person who holds it
// needs no more than a device of theirs, which has proven whose it is. Every node that feeds others checks that by the host's papers
// (papers.go), and asks nobody. A relay that lets in whom it likes gives them nothing: the key comes from whoever leads the room, by
// the same papers.
//
// A ticket is one session. Each has to ask for the key, so that who leads knows of all of them, by whatever relay they came:
// the newest claim wins, and who had the seat is put out, of its place too. Whoever leads the room next begins without knowing who
// sits where, and learns it as everybody asks for the key again.
//
// Only the host says which tickets are void, and does so each minute. Whoever leads in their place, or keeps the key while nobody
// does, and has not heard from them for two minutes lets nobody new in from ten minutes later (ledger.Silence): of what the host has
// given money back for in the meantime they know nothing. Who is in stays. A relay does not ask how old its list is: who
// changes relays would be a newcomer there, and the place alone is worth nothing.

var errTicketOnly = &UserError{Code: "ticket_only", Text: "This room is for ticket holders: buy a ticket first."}

var errHostSilent = &UserError{Code: "host_silent", Text: "The host is out of reach: which tickets are good nobody can tell, and nobody new gets in by one. Come again when the host is back, or have a co-host put you on the guest list."} // at most 200 letters, see strangersText

// codeClock is for whoever comes with a claim from the future.
const codeClock = "clock"

// codeElsewhere puts out who had the seat.
const codeElsewhere = "ticket_elsewhere"

// A ticketDoor is what who leads a room by ticket knows of the tickets that are in it. Room.mu guards the fields.
type ticketDoor struct {
	seats map[ticketSeat]session
}

type ticketSeat struct {
	class  uint8
	serial uint32
}

type session struct {
	device doc.PublicKey
	claim  int64 // its time
	gen    uint32
}

func seatOf(t ledger.Ticket) ticketSeat { return ticketSeat{t.Class, t.Serial} }

// errNoPapers is a ticket that cannot be checked yet: neither good nor bad.
var errNoPapers = errors.New("node: what tickets are checked against has not come yet")

// shownTicket is the ticket that somebody comes in with. r.mu is held.
func (r *Room) shownTicket(who doc.Author, shown room.Claim, now time.Time) (ledger.Ticket, error) {
	if len(shown.Ticket) == 0 || shown.Room != r.id {
		return ledger.Ticket{}, room.ErrNoTicket
	}
	if r.papers.gate == nil {
		return ledger.Ticket{}, errNoPapers
	}
	t, err := r.papers.gate.Check(shown.Ticket, r.byHost(now))
	if err == nil && t.Holder != who.Person && !shown.IsHeld(t.Holder, who) {
		err = room.ErrNoTicket
	}
	if err != nil {
		return ledger.Ticket{}, err
	}
	return t, nil
}

// heardOf says why a ticket that is good by our list does not let somebody in, if the list is too old for that: they are new, and
// the ticket is not one that we have sold ourselves, of which our own ledger knows. r.mu is held.
func (r *Room) heardOf(t ledger.Ticket, now time.Time) (code string) {
	if t == (ledger.Ticket{}) || t.By == r.n.author().Device {
		return ""
	}
	admits, until := r.papers.silence.Admits(now)
	if admits {
		if !until.IsZero() {
			r.n.counts.Add("ticket_host_silent")
		}
		return ""
	}
	if r.host != nil {
		// Of what follows a change of who leads, the claims of everybody who was in, we cannot tell who was.
		if s, in := r.host.tickets.seats[seatOf(t)]; now.Before(r.heir.grace) || in && s.gen == t.Gen {
			return ""
		}
	}
	r.n.counts.Add("ticket_host_silent_refused")
	return errHostSilent.Code
}

// byHost is what the host's clock says at a time of ours, as far as we know: whether a ticket is good yet is not for the clock of a relay
// to say, which may be wrong by any time.
func (r *Room) byHost(now time.Time) time.Time {
	offset, _ := r.voice.hostClock()
	return now.Add(offset)
}

// takeSeat gives a ticket's seat to a device. It returns why not, if so. r.mu is held.
func (r *Room) takeSeat(t ledger.Ticket, who doc.Author, claim room.Claim, now time.Time) (code string) {
	d := &r.host.tickets
	if d.seats == nil {
		d.seats = make(map[ticketSeat]session)
	}
	old, taken := d.seats[seatOf(t)]
	switch {
	case claim.Time > now.Add(doc.Skew).UnixMilli():
		return codeClock // it would be the newest for as long as it likes
	case taken && old.gen < t.Gen: // that one is void
		r.showOut(old.device, errTicketOnly.Code)
	case taken && old.device != who.Device && old.claim >= claim.Time:
		return codeElsewhere // it was put out, and comes back with what it showed before
	case taken && old.device != who.Device:
		r.showOut(old.device, codeElsewhere)
	}
	d.seats[seatOf(t)] = session{who.Device, claim.Time, t.Gen}
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

// heedBox takes the place from a child of ours that is told, by us or by who leads, that what it has does not let it hear. r.mu is
// held.
func (r *Room) heedBox(c *child, b relay.Box) {
	switch b.Code {
	case errTicketOnly.Code, codeElsewhere, errInviteOnly.Code, errSubscribersOnly.Code, errHostSilent.Code, "locked":
		if c.author.Device == b.Device {
			r.turnOut(c, b.Code)
		}
	}
}

// turnOut takes a child's place: it is sent no sound from now on, whatever it does. r.mu is held.
func (r *Room) turnOut(c *child, code string) {
	if c.out || c.carry > 0 || r.state.Knows(c.author.Person) {
		return
	}
	c.out = true
	r.settleChild(c)
	r.n.counts.Add("ticket_turned_out")
	r.sendAway(c, relay.Bye{Code: code, Text: doorText(code)})
}

// askAfter is how long our children have to ask for the key themselves, where they are new to us or to who leads.
const askAfter = keyAgain + time.Second

// askForChildren asks for the key for those of our children who came in with a ticket and may not have asked: a node that was told the
// key by another might have a place here and ask for nothing, so that nobody would know of it. r.mu is held.
func (r *Room) askForChildren(now time.Time) {
	if r.feeds == nil || r.state == nil || r.phase.Over() {
		return
	}
	for _, c := range r.feeds.children {
		switch {
		case c.ticket == ledger.Ticket{} || c.warm || c.out || c.carry > 0 || c.asked == r.state.Term:
			continue
		case c.due.IsZero():
			c.due = now.Add(askAfter)
		}
		if now.Before(c.due) || !r.askFor(c, now) {
			continue
		}
		c.asked, c.due = r.state.Term, time.Time{}
	}
}

// askFor asks for the key in a child's name. It reports whether it could. r.mu is held.
func (r *Room) askFor(c *child, now time.Time) bool {
	device, have := c.author.Device, r.state.KeyEpoch // the child says itself if it lacks it
	if r.host == nil {
		if r.guest.ctl == nil || r.carries == nil || !r.carries.asked.take(now, askRelayRate, askRelayBurst) {
			return false
		}
		r.feeds.setWay(device, c)
		r.guest.ctl.Send(relay.Ask{Device: device, Claim: c.claim, Key: have})
		return true
	}
	if _, told := r.host.keyholder.members[device]; told {
		return true
	}
	claim, author, err := room.OpenClaim(c.claim, now)
	if err != nil {
		r.turnOut(c, errTicketOnly.Code) // it was opened before: who showed it may not do so any more
		return true
	}
	r.feeds.setWay(device, c)
	if code, _ := r.decideAsk(author, claim, sha256.Sum256(c.claim), have, now); code != "" {
		r.sendBoxes([]relay.Box{{Device: device, Code: code}})
	}
	return true
}

// turnOutVoid puts out whose ticket is void by now: of their place here, and where the room is led also of those who are told its
// key. r.mu is held.
func (r *Room) turnOutVoid() {
	if r.papers.gate == nil || r.state == nil || r.phase.Over() {
		return
	}
	void := func(t ledger.Ticket, p doc.PublicKey) bool {
		return t != (ledger.Ticket{}) && r.papers.gate.Standing(t) != nil && !r.state.Knows(p)
	}
	if r.host != nil {
		for device, m := range r.host.keyholder.members {
			if void(m.ticket, m.author.Person) {
				r.showOut(device, errTicketOnly.Code)
				delete(r.host.tickets.seats, seatOf(m.ticket))
			}
		}
	}
	if r.feeds == nil {
		return
	}
	for _, c := range r.feeds.children {
		if void(c.ticket, c.author.Person) {
			r.turnOut(c, errTicketOnly.Code)
		}
	}
}

// A saying is what others than who leads say of our ticket.
type saying struct {
	code  string
	by    peer.ID // who said it first
	times int
	since time.Time
}

const (
	sayingTimes = 3
	sayingFor   = time.Minute
)

// isAgreed reports whether others than who leads say of our ticket what we have to believe: two of them, or one again and again,
// because nobody else has a place for us. Who leads may be out of reach, and each of them would send us to the next. r.mu is held.
func (r *Room) isAgreed(code string, by peer.ID, now time.Time) bool {
	if code != errTicketOnly.Code && code != codeElsewhere && code != errSubscribersOnly.Code && code != errHostSilent.Code {
		return false
	}
	w := &r.guest.said
	if w.code != code || now.Sub(w.since) > sayingFor {
		*w = saying{code: code, by: by, since: now}
	}
	w.times++
	return w.by != by || w.times >= sayingTimes
}
