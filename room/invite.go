package room

import (
	"fmt"
	"slices"
	"time"

	"salon/ledger/doc"
)

// In a room by invitation four kinds of people are let in: who leads it or keeps its key, who has a place in it already (a seat, an
// invitation to the stage), who is on its guest list, and who shows an invitation or a pass.
//
//   - The invitation is an Ed25519 key. Its secret half is in the share link; the state holds the public half. Who knows the
//     secret signs with it who they are, on which device and into which room: the signature shows the secret to nobody, and is
//     of no use to anybody else. A new key (Relink) makes the old link worthless.
//   - Whoever came in with it is given a pass, which the host or a co-host signs, and needs no link any more: a new link keeps
//     out those who were never in, and nobody else. Who is removed stays out with any of these.
//
// Everything is checked against the state alone, so a relay does it as well as the host, with nobody to ask. What a relay's
// word is worth a keeper decides again: without a key, nobody who is let in hears a thing.

// MaxListed is how many people a guest list holds; for more there is the link.
const MaxListed = 256

// A Gate says who may come into a closed room.
type Gate interface {
	// Admit returns nil if who may come in with what they show. That they are who they say is known; that they were not removed
	// is for the caller to check.
	Admit(who doc.Author, shown Claim, now time.Time) error
}

// Gate is what the room's access says: for a closed room, the guest list and the invitation in the state. Tickets and
// subscriptions it does not know: whom it refuses with ErrNoTicket or ErrNoSubscriber may come in with one.
func (s *State) Gate() Gate {
	switch s.Charter.Access {
	case Anyone:
		return everybody{}
	case ByTicket:
		return listed{s, ErrNoTicket}
	case BySubscription:
		return listed{s, ErrNoSubscriber}
	}
	return byInvitation{s}
}

// IsClosed reports whether the room's key is told to those alone who may come in.
func (s *State) IsClosed() bool { return s.Charter.Access != Anyone }

type everybody struct{}

func (everybody) Admit(doc.Author, Claim, time.Time) error { return nil }

type byInvitation struct{ s *State }

func (g byInvitation) Admit(who doc.Author, shown Claim, now time.Time) error {
	if g.s.Knows(who.Person) || g.s.Invites(who, shown, now) {
		return nil
	}
	return ErrNoInvitation
}

// Invites reports whether what somebody shows lets them into a room by invitation, whatever place they have in it.
func (s *State) Invites(who doc.Author, shown Claim, now time.Time) bool {
	switch {
	case s.Charter.Access != ByInvitation:
		return false
	case shown.Room == s.Charter.Room && shown.Invited != [64]byte{} && s.Invitation.Verify(invitedDomain, invitedBytes(shown.Room, who), shown.Invited):
		return true
	case len(shown.Pass) > 0:
		p, by, err := OpenPass(shown.Pass, now)
		return err == nil && p.Room == s.Charter.Room && p.Person == who.Person && s.Leads(by.Person)
	}
	return false
}

// listed takes no passes: a ticket may be given away, or its money back, and a subscription ends.
type listed struct {
	s  *State
	no error
}

func (g listed) Admit(who doc.Author, _ Claim, _ time.Time) error {
	if g.s.Knows(who.Person) {
		return nil
	}
	return g.no
}

// Knows reports whether p may come into a closed room with nothing to show. A raised hand takes nobody's leave: it opens no door.
func (s *State) Knows(p Person) bool {
	return s.Leads(p) || s.IsKeeper(p) || s.IsListed(p) || s.seat(p) != nil || s.IsInvited(p)
}

// IsListed reports whether p is on the guest list.
func (s *State) IsListed(p Person) bool { return slices.Contains(s.Listed, p) }

// ruleGate is the rule of who may come in: the guest list, the invitation and the key.
func (s *State) ruleGate(ev, want Event) (Event, error) {
	refuse := func(err error) (Event, error) { return Event{}, err }
	switch {
	case ev.Kind == Admit || ev.Kind == Strike:
		if !s.Leads(ev.By) {
			return refuse(ErrNotAllowed)
		}
	case doc.Author{Person: ev.By, Device: ev.Device} != s.Leader(): // it alone knows the secrets
		return refuse(ErrNotAllowed)
	}
	if !s.IsClosed() || ev.Kind == Relink && s.Charter.Access != ByInvitation {
		return refuse(ErrOpenRoom)
	}
	switch ev.Kind {
	case Admit:
		switch want.To = ev.To; {
		case s.IsRemoved(ev.To):
			return refuse(ErrRemoved)
		case s.IsListed(ev.To) || s.Leads(ev.To):
			return refuse(ErrNoChange)
		case len(s.Listed) >= MaxListed:
			return refuse(ErrFull)
		}
	case Strike:
		if want.To = ev.To; !s.IsListed(ev.To) {
			return refuse(ErrNoChange)
		}
	case Relink:
		if want.Invitation = ev.Invitation; s.Invitation == ev.Invitation {
			return refuse(ErrNoChange)
		}
	case Rekey:
		if want.KeyEpoch = s.KeyEpoch + 1; want.KeyEpoch == 0 {
			return refuse(ErrIncarnation)
		}
		want.Check, want.From, want.Seconds = ev.Check, max(ev.From, s.From), ev.Seconds
	}
	return want, nil
}

// changeGate carries out what ruleGate allowed.
func (s *State) changeGate(ev Event) []Effect {
	switch ev.Kind {
	case Admit:
		s.Listed = append(s.Listed, ev.To)
	case Strike:
		s.strike(ev.To)
	case Relink:
		s.Invitation = ev.Invitation
	case Rekey:
		s.OldCheck = s.Check
		s.KeyEpoch, s.Check, s.From, s.Lead = ev.KeyEpoch, ev.Check, ev.From, ev.Seconds
		return []Effect{Rekeyed{ev.KeyEpoch}}
	}
	return nil
}

// strike takes p off the guest list, if there.
func (s *State) strike(p Person) {
	if i := slices.Index(s.Listed, p); i >= 0 {
		s.Listed = slices.Delete(s.Listed, i, i+1)
	}
}

// checkGate holds what is true of every state's guest list, invitation and key.
func (s *State) checkGate() error {
	bad := func(what string) error { return fmt.Errorf("%w: %s", ErrSnapshot, what) }
	if !s.areKeepersRight() {
		return bad("the keepers")
	}
	if !s.IsClosed() {
		if len(s.Listed) > 0 || !s.Invitation.IsZero() || s.Check != [32]byte{} || s.OldCheck != [32]byte{} || s.From != 0 || s.Lead != 0 || s.KeyEpoch != 1 {
			return bad("a closed room's part in an open one")
		}
		return nil
	}
	switch {
	case s.Key != [32]byte{}:
		return bad("the key of a closed room")
	case s.Charter.Access != ByInvitation && !s.Invitation.IsZero():
		return bad("an invitation into a room by ticket or subscription")
	case s.KeyEpoch == 0, s.Check == [32]byte{}, (s.KeyEpoch == 1) != (s.OldCheck == [32]byte{}):
		return bad("the key's epoch")
	case len(s.Listed) > MaxListed:
		return bad("number of listed")
	case s.Lead > MaxSlow, s.KeyEpoch == 1 && (s.From != 0 || s.Lead != 0):
		return bad("when the key holds")
	}
	for i, p := range s.Listed {
		if p.IsZero() || s.IsRemoved(p) || slices.Contains(s.Listed[:i], p) {
			return bad("the guest list")
		}
	}
	return nil
}

// invitedDomain keeps an invitation's signature from meaning anything anywhere else.
const invitedDomain = "salon/invited/1"

// invitedBytes are what an invitation signs: room (16 bytes), person (32), device (32).
func invitedBytes(id ID, who doc.Author) []byte {
	return slices.Concat(id[:], who.Person[:], who.Device[:])
}

// Invited signs who somebody is with the secret of an invitation.
func Invited(secret [32]byte, id ID, who doc.Author) [64]byte {
	return doc.PrivateKeyFromSeed(secret).Sign(invitedDomain, invitedBytes(id, who))
}

// A Pass lets somebody into a closed room again who was in it.
type Pass struct {
	Room   ID
	Person Person
	Time   int64 // when it was given, unix milliseconds
}

const (
	kindPass = "pass"
	maxPass  = 512 // bytes, signed
)

func (p Pass) check() error {
	if p.Person.IsZero() {
		return fmt.Errorf("%w: a pass for nobody", ErrField)
	}
	return checkTime(p.Time)
}

// SignPass signs p as one who leads the room.
func SignPass(id *doc.Identity, p Pass) ([]byte, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	return id.Sign(kindPass, passWire(p))
}

// OpenPass checks a pass's encoding, fields and signatures. That its author leads the room is for the caller to check.
func OpenPass(raw []byte, now time.Time) (Pass, doc.Author, error) {
	if len(raw) > maxPass {
		return Pass{}, doc.Author{}, fmt.Errorf("%w: pass of %d bytes", ErrTooLarge, len(raw))
	}
	var w passWire
	author, err := doc.Peek(raw, &w)
	if err != nil {
		return Pass{}, doc.Author{}, err
	}
	if err := Pass(w).check(); err != nil {
		return Pass{}, doc.Author{}, err
	}
	if err := doc.Verify(kindPass, raw, now); err != nil {
		return Pass{}, doc.Author{}, err
	}
	return Pass(w), author, nil
}

// A Claim is what a device shows at the door of a closed room, and what it wants the room's key sealed to. Its author is in the
// signature.
type Claim struct {
	Room    ID
	Key     [32]byte // see BoxKey
	Time    int64    // unix milliseconds; a later claim of the device takes the place of an earlier one
	Invited [64]byte // see Invited; zero for none
	Pass    []byte   // signed; nil for none
	Ticket  []byte   // signed, of package ledger; nil for none
	Held    [64]byte // see Held; zero for none
}

const (
	kindClaim = "claim"
	maxClaim  = 1792 // bytes, signed
	maxTicket = 256  // bytes, signed
)

// heldDomain keeps what a ticket's holder signs from meaning anything anywhere else.
const heldDomain = "salon/held/1"

// Held signs, with the key that holds a ticket, who comes in with it and on which device: of no use to anybody else.
func Held(holder doc.PrivateKey, id ID, who doc.Author) [64]byte {
	return holder.Sign(heldDomain, invitedBytes(id, who))
}

// IsHeld reports whether a ticket's holder has signed that who comes in with it.
func (c Claim) IsHeld(holder doc.PublicKey, who doc.Author) bool {
	return holder.Verify(heldDomain, invitedBytes(c.Room, who), c.Held)
}

func (c Claim) check() error {
	switch {
	case c.Key == [32]byte{}:
		return fmt.Errorf("%w: a claim without a key", ErrField)
	case len(c.Pass) > maxPass:
		return fmt.Errorf("%w: pass of %d bytes", ErrTooLarge, len(c.Pass))
	case len(c.Ticket) > maxTicket:
		return fmt.Errorf("%w: ticket of %d bytes", ErrTooLarge, len(c.Ticket))
	}
	return checkTime(c.Time)
}

// SignClaim signs c as the device that wants in.
func SignClaim(id *doc.Identity, c Claim) ([]byte, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	return id.Sign(kindClaim, claimWire(c))
}

// PeekClaim is whose a claim is that was checked before, by whoever stored it; it checks no signature.
func PeekClaim(raw []byte) (doc.Author, error) {
	if len(raw) > maxClaim {
		return doc.Author{}, fmt.Errorf("%w: claim of %d bytes", ErrTooLarge, len(raw))
	}
	var w claimWire
	return doc.Peek(raw, &w)
}

// OpenClaim checks a claim's encoding, fields and signatures. Whether it opens a door is for a Gate to say.
func OpenClaim(raw []byte, now time.Time) (Claim, doc.Author, error) {
	if len(raw) > maxClaim {
		return Claim{}, doc.Author{}, fmt.Errorf("%w: claim of %d bytes", ErrTooLarge, len(raw))
	}
	var w claimWire
	author, err := doc.Peek(raw, &w)
	if err != nil {
		return Claim{}, doc.Author{}, err
	}
	if err := Claim(w).check(); err != nil {
		return Claim{}, doc.Author{}, err
	}
	if err := doc.Verify(kindClaim, raw, now); err != nil {
		return Claim{}, doc.Author{}, err
	}
	return Claim(w), author, nil
}
