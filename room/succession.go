package room

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"salon/ledger/doc"
)

// A room outlives its host: when the host is silent, a co-host takes over, for as long as the host is away. Terms decide
// between several who lead at once, and a term is only as good as the charter beside it, which the host alone signs: it
// names the co-hosts, and says which reign it is. So a co-host can claim any epoch and no reign; the host, who raises the
// reign, always outbids it. While a co-host leads nobody can sign a charter, so that it stays as it is.
//
// Whoever takes over may not have seen what the last leader did at the end, incarnations that it handed out included. Both
// count on from the same number then. So each leader hands out incarnations of one lane: those with the same remainder,
// which the charter gives to one co-host and to no other again. The same co-host may lead twice, the second time from a
// state that never saw the first: it must remember what it handed out, before it does, and begin beyond that.
//
// Lanes are people's. Two devices of one person, as the host's laptop and their second device, may lead at once, in a split, and
// hand out the same: what is sealed under it is told apart by device and Start.

const (
	lanes    = 64 // of incarnations: the host's, and one for every co-host there ever was
	hostLane = 0
	maxReign = 1<<32 - 1
	maxLeap  = 1 << 16 // terms, and incarnations of a lane, that one takeover may skip

	// maxAbsence is how many incarnations of a lane may be handed out while the host is away: far more than anybody needs, and little
	// enough that a co-host who throws them away has to do so dozens of times.
	maxAbsence = 1 << 12
)

// Leader is who leads the room: the host or a co-host, and where. Every event and snapshot is signed by them.
func (s *State) Leader() doc.Author {
	p := s.Charter.Host
	if o := int(s.Term.Order); o > 0 && o <= len(s.Charter.CoHosts) {
		p = s.Charter.CoHosts[o-1].Person
	}
	return doc.Author{Person: p, Device: s.Program.Device}
}

// lane is that of who leads.
func (s *State) lane() uint32 {
	if o := int(s.Term.Order); o > 0 && o <= len(s.Charter.CoHosts) {
		return uint32(s.Charter.CoHosts[o-1].Lane)
	}
	return hostLane
}

// nextIncarnation is the next to hand out: the first in the leader's lane that is above all of which this state knows.
func (s *State) nextIncarnation() (uint32, bool) {
	next := (s.Incarnation/lanes+1)*lanes + s.lane()
	return next, next <= MaxIncarnation
}

// MaySign says why an event, the next after s, must not be signed by author: each is signed by who leads, and one that
// begins a term by who leads from then on.
func (s *State) MaySign(author doc.Author, ev Event) error {
	by := doc.Author{Person: ev.By, Device: ev.Device}
	ok := false
	switch {
	case ev.Kind == Resumed || s.Seq == 0:
		ok = author == by && by.Person == s.Charter.Host
	case ev.Kind == TookOver:
		ok = author == by && s.Leads(by.Person)
	default:
		ok = author == s.Leader()
	}
	if !ok {
		return ErrNotLeader
	}
	return nil
}

// Resume returns the event with which the host leads the room on: after its node was gone, from the last state that it
// kept, or after a co-host, from the state to which that one led. The reign is above every term before, so that whoever
// knows a later event of the old one gives it up: the host's word is what the room was. host is its author on the device
// that leads; handed is the last incarnation that it handed out itself, which the state may not know.
//
// Everybody's place stays as it was. But the sequencer begins anew: its program and its own seat are not published, for
// what was sealed under their incarnations is not known any more.
func (s *State) Resume(host doc.Author, handed uint32, now time.Time) (Event, error) {
	ev := Event{
		Room: s.Charter.Room, Term: Term{Reign: s.Term.Reign + 1}, Seq: s.Seq + 1, Time: max(now.UnixMilli(), s.Time),
		Kind: Resumed, By: host.Person, Device: host.Device, Incarnation: max(s.Incarnation, handed),
	}
	return ev, s.ruleSucceeds(ev)
}

// TakeOver returns the event with which by, a co-host, or the host on another device, leads the room on while nobody else
// does. handed is as for Resume, and epoch the last under which by led the room, of the same reign: no term has two
// beginnings.
func (s *State) TakeOver(by doc.Author, handed, epoch uint32, now time.Time) (Event, error) {
	ev := Event{
		Room: s.Charter.Room, Term: Term{Reign: s.Term.Reign, Epoch: max(s.Term.Epoch, epoch) + 1, Order: s.order(by.Person)},
		Seq: s.Seq + 1, Time: max(now.UnixMilli(), s.Time),
		Kind: TookOver, By: by.Person, Device: by.Device, Incarnation: max(s.Incarnation, handed),
	}
	return ev, s.ruleSucceeds(ev)
}

// LeadsOn says why the host, who led as s knows, should not lead on from t, to which a co-host says that it led: it would leave the host
// hardly any incarnations, or was outbid. Then the host leads on from its own, and what was done meanwhile is
// decided again.
func (s *State) LeadsOn(t *State) error {
	switch {
	case s.Outbids(t):
		return ErrTerm
	case t.Incarnation > s.Incarnation && t.Incarnation-s.Incarnation > maxAbsence*lanes:
		return ErrIncarnation
	}
	return nil
}

// order is somebody's place in the charter: 0 for the host, and for who has none.
func (s *State) order(p Person) uint8 { return uint8(s.Charter.coHost(p) + 1) }

// ruleSucceeds is the rule of Resumed and TookOver.
func (s *State) ruleSucceeds(ev Event) error {
	want := Event{
		Room: s.Charter.Room, Term: Term{Reign: s.Term.Reign + 1}, Seq: ev.Seq, Time: ev.Time,
		Kind: ev.Kind, By: ev.By, Device: ev.Device, Incarnation: ev.Incarnation,
	}
	isHost := ev.By == s.Charter.Host
	switch {
	case s.Seq == 0:
		return fmt.Errorf("%w: the room is not open yet", ErrSeq)
	case s.Ended:
		return ErrEnded
	case s.deviceTaken(ev.Device, ev.By):
		return ErrDeviceBusy
	case ev.Kind == Resumed && !isHost, ev.Kind == TookOver && !s.Leads(ev.By):
		return ErrNotAllowed
	case ev.Kind == TookOver && isHost && ev.Device == s.Program.Device: // it would outbid itself without a new reign
		return ErrNotAllowed
	case ev.Kind == Resumed && s.Term.Reign >= maxReign-1, ev.Kind == TookOver && ev.Term.Epoch <= s.Term.Epoch:
		return fmt.Errorf("%w: out of terms", ErrTerm)
	case ev.Kind == TookOver && (ev.Term.Epoch-s.Term.Epoch > maxLeap || ev.Incarnation > s.Incarnation && ev.Incarnation-s.Incarnation > maxLeap*lanes):
		return fmt.Errorf("%w: nothing would be left for others", ErrTerm)
	case ev.Incarnation < s.Incarnation:
		return fmt.Errorf("%w: incarnations begin anew", ErrEvent)
	}
	if ev.Kind == TookOver {
		want.Term = Term{Reign: s.Term.Reign, Epoch: ev.Term.Epoch, Order: s.order(ev.By)}
	}
	if ev != want {
		return fmt.Errorf("%w: %v", ErrEvent, ev.Kind)
	}
	return nil
}

// succeed applies Resumed and TookOver.
func (s *State) succeed(ev Event) ([]Effect, error) {
	if err := s.ruleSucceeds(ev); err != nil {
		return nil, err
	}
	if s.Past = append(s.Past, Ending{s.Term, s.Seq, s.Program.Device}); len(s.Past) > maxPast {
		s.Past = s.Past[1:]
	}
	s.Term, s.Seq, s.Time, s.Incarnation = ev.Term, ev.Seq, ev.Time, ev.Incarnation
	s.Program = Program{Device: ev.Device}
	for i := range s.Seats {
		if seat := &s.Seats[i]; seat.Device == ev.Device {
			seat.Away = false
			if ev.Kind == Resumed {
				seat.Incarnation, seat.Start = 0, Start{}
			}
		}
	}
	if ev.Kind == TookOver {
		return []Effect{Led{s.Leader()}}, nil
	}
	s.Charter.Renewed++
	s.Charter.Version++
	return []Effect{Led{s.Leader()}, Chartered{}}, nil
}

// Compare says which of two states of a room holds: of who outbids, of one history that which knows more. Along a history it
// only rises, so that whoever hears of several states, in whichever order, ends with the same one.
func (s *State) Compare(t *State) int { return cmp.Or(s.bid(t), cmp.Compare(s.Seq, t.Seq)) }

// Outbids reports whether who leads the room by s does so rather than who does by t.
func (s *State) Outbids(t *State) bool { return s.bid(t) > 0 }

// bid compares who leads, by what both show: the reign, then the charter, the epoch and the order of succession, and at last
// the device. The charter comes before the epoch because the host alone changes it: who has not heard that they are no co-host
// any more may have taken over under any epoch. Two devices of one person may have come to the same term, and to two charters of
// one version, as they have one place in the order; then the greater device leads, which says nothing else than that
// everybody takes the same.
func (s *State) bid(t *State) int {
	return cmp.Or(s.Charter.Compare(t.Charter), s.Term.Compare(t.Term), slices.Compare(s.Program.Device[:], t.Program.Device[:]))
}

// An Ending is the last event of a term in the history of a room. Another history, in which somebody else took over sooner or
// later, may have fewer or more of that term.
type Ending struct {
	Term   Term
	Seq    uint64
	Device Device // that led then
}

const maxPast = 16

// A Told is an event, and the device that told of it: that led the room then, and signed it.
type Told struct {
	Event
	Leader Device
}

// Holds reports whether an event is in the history that led to s. A device led in a term in one history, so that the device, the
// term and the number say it. Of terms that were long ago it supposes so.
func (s *State) Holds(ev Told) bool {
	if ev.Term == s.Term {
		return ev.Seq <= s.Seq && ev.Leader == s.Program.Device
	}
	for _, e := range s.Past {
		if e.Term == ev.Term {
			return ev.Seq <= e.Seq && ev.Leader == e.Device
		}
	}
	return len(s.Past) == maxPast && ev.Term.Compare(s.Past[0].Term) < 0
}

// checkPast holds what is true of the terms before.
func (s *State) checkPast() error {
	last := Ending{}
	for _, e := range append(slices.Clone(s.Past), Ending{s.Term, s.Seq, s.Program.Device}) {
		if e.Term.Compare(last.Term) <= 0 || e.Seq <= last.Seq || e.Device.IsZero() {
			return fmt.Errorf("%w: terms before", ErrSnapshot)
		}
		last = e
	}
	if len(s.Past) > maxPast {
		return fmt.Errorf("%w: number of terms before", ErrSnapshot)
	}
	return nil
}

// A Verdict is what becomes of somebody who leads a room and meets another who does.
type Verdict uint8

const (
	LeadOn Verdict = iota // the other yields, now or when they have met again
	Yield                 // to the other, and have one's tail decided again there
	Rise                  // lead on under a term above theirs, from one's own state: by Resume the host, by TakeOver a co-host
)

// Meet says what becomes of me, who leads under mine, on meeting somebody who leads under theirs. The host leads rather than a
// co-host, and among those of one kind who outbids the other. Both come to the same without another word. But nobody yields to
// a term that is not above their own, nor to a charter that is older: whom they told of theirs would not follow. So who is to
// lead on rises first, if need be. Nobody does so for one whom the later charter does not name any more, and who could have them
// rise again and again: that one yields to the charter alone.
func Meet(me Person, mine, theirs *State) Verdict {
	bid, term := mine.bid(theirs), mine.Term.Compare(theirs.Term)
	wins := bid >= 0
	if host := mine.Charter.Host; (me == host) != (theirs.Leader().Person == host) {
		wins = me == host
	}
	switch {
	case wins && bid > 0 && !mine.Leads(theirs.Leader().Person):
		return LeadOn
	case wins && (bid <= 0 || term <= 0):
		return Rise
	case !wins && bid < 0 && (term < 0 || !theirs.Leads(me)):
		return Yield
	}
	return LeadOn
}

// TakesOverAfter is for how long nobody may have led the room before p takes over, and whether p may at all: half a second,
// and longer for every co-host before p who seems to be there. Somebody who is not on stage may be there or not. Of one
// person's devices that on stage is the first: two at once would come to the same term, and hand out the same incarnations. A
// co-host whose node was gone takes over from itself; the host resumes then.
func (s *State) TakesOverAfter(by doc.Author) (after time.Duration, may bool) {
	if s.Ended || s.Seq == 0 || !s.Leads(by.Person) || by.Device == s.Program.Device && by.Person == s.Charter.Host {
		return 0, false
	}
	after = silence
	for _, h := range s.Charter.CoHosts {
		if h.Person == by.Person {
			break
		}
		if seat, on := s.SeatOf(h.Person); by.Person != s.Charter.Host && h.Person != s.Leader().Person && !(on && seat.Away) {
			after += silence
		}
	}
	if seat, on := s.SeatOf(by.Person); on && seat.Device != by.Device && seat.Device != s.Program.Device && !seat.Away {
		after += silence
	}
	return after, true
}

const silence = 500 * time.Millisecond
