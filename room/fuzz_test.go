package room

import (
	"bytes"
	"testing"
	"time"

	"salon/ledger/doc"
)

// A fuzzer cannot sign, so each target takes the input twice: as a whole document from a stranger, and as a body that
// a hostile person with a valid key has signed. What opens must encode back to the same bytes.

// body is bytes that encode as themselves.
type body []byte

func (b body) MarshalCBOR() ([]byte, error) { return b, nil }

func check(t *testing.T, kind string, id *doc.Identity, input []byte, open func(raw []byte) (any, error)) {
	if _, err := open(input); err == nil && len(input) < 100 {
		t.Errorf("a document without room for a signature: %x", input)
	}
	raw, err := id.Sign(kind, body(input))
	if err != nil {
		return // not CBOR at all
	}
	wire, err := open(raw)
	if err != nil {
		return
	}
	if again, err := doc.Marshal(wire); err != nil || !bytes.Equal(again, input) {
		t.Errorf("%x encodes back to %x, %v", input, again, err)
	}
}

// rooms are states in which, together, every command may be given by somebody.
func rooms(t testing.TB) []*State {
	restless := staffed(t)
	for _, c := range []Command{
		{Kind: CloseHands}, {Kind: Lock}, {Kind: StageOnly}, {Kind: StickOut}, {Kind: CloseChat}, {Kind: Slow, Seconds: 30},
		{Kind: Pin, Ref: lineOfFay}, {Kind: RecordOn}, {Kind: Away, To: halA.person()},
	} {
		do(t, restless, anaA.first(), c)
	}
	do(t, restless, fayA.first(), Command{Kind: Mute})
	c := restless.Charter
	c.Starts, c.RecordAsks = noon.Add(time.Hour).UnixMilli(), true
	waiting, _ := Open(c, anaA.first(), "ana", [32]byte{42}, noon)
	return []*State{staffed(t), restless, waiting, closed(t)}
}

// commandsOf are commands of every kind, with the fields that it has.
func commandsOf(s *State) []Command {
	var all []Command
	for k := range kinds {
		has, ok := fields[k]
		if !ok {
			continue
		}
		c := Command{Room: s.Charter.Room, Kind: k, Time: noon.UnixMilli(), Nonce: 1 << 60}
		if has&hasName != 0 {
			c.Name = "Bo"
		}
		if c.Program = has&hasProgram != 0; has&hasPlace != 0 {
			c.Place = 1
		}
		if has&hasSeconds != 0 {
			c.Seconds = 60
		}
		if has&hasInvitation != 0 {
			c.Invitation = Person{77}
		}
		if has&hasKey != 0 {
			c.Check, c.From = [32]byte{78}, 79
		}
		if has&hasStart != 0 {
			c.Start = Start{80}
		}
		if has&hasText != 0 {
			c.Text = "hello"
			all = append(all, c)
			c.Text = ""
		}
		if has&hasRef != 0 {
			c.Ref = lineOfFay
		}
		if has&hasTo != 0 {
			for _, to := range []actor{gilA, halA, leoA, danA, eveA, ivyA} {
				c.To = to.person()
				all = append(all, c)
			}
			c.To = Person{}
		}
		if c.check() == nil {
			all = append(all, c)
		}
	}
	return all
}

// cast is one actor of each part.
var cast = []actor{anaA, jonA, fayA, cyA, danA, eveA, ivyA}

func FuzzAnnouncement(f *testing.F) {
	id := ana(f)
	later := announcement(f)
	later.Locked, later.StageOnly, later.Starts = true, true, noon.Add(time.Hour).UnixMilli()
	later.Access, later.Price = ByTicket, "2500 sat"
	for _, a := range []Announcement{announcement(f), later} {
		f.Add(ok(doc.Marshal(announcementWire(a))))
		f.Add(ok(SignAnnouncement(id, a)))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		check(t, kindAnnouncement, id, b, func(raw []byte) (any, error) {
			a, _, err := ParseAnnouncement(raw)
			if err != nil {
				return nil, err
			}
			_ = a.CheckTime(noon)
			_ = a.Until(noon)
			return announcementWire(*a), VerifyAnnouncement(raw, noon)
		})
	})
}

func FuzzCharter(f *testing.F) {
	id := ana(f)
	staffed := charter(f)
	staffed.Version, staffed.Starts, staffed.RecordAsks = 3, noon.Add(time.Hour).UnixMilli(), true
	staffed.CoHosts = []Successor{{key(2).Public(), "Bo", 3}, {key(3).Public(), "Cy", 1}}
	staffed.Lane, staffed.Renewed = 3, 2
	for _, c := range []Charter{charter(f), staffed} {
		f.Add(ok(doc.Marshal(wireCharter(c))))
		f.Add(ok(SignCharter(id, c)))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		check(t, kindCharter, id, b, func(raw []byte) (any, error) {
			c, err := OpenCharter(raw, noon)
			return wireCharter(c), err
		})
	})
}

// FuzzCommand also hands what opens to the rule book, as a command of everybody in turn.
func FuzzCommand(f *testing.F) {
	id := ana(f)
	states := rooms(f)
	for _, cmd := range commandsOf(states[0]) {
		f.Add(ok(doc.Marshal(commandWire(cmd))))
		f.Add(ok(SignCommand(id, cmd)))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		check(t, kindCommand, id, b, func(raw []byte) (any, error) {
			cmd, _, err := OpenCommand(raw, noon)
			if err != nil {
				return nil, err
			}
			for _, s := range states {
				for _, who := range cast {
					ev, err := s.Decide(who.first(), cmd, noon)
					if err != nil {
						continue
					}
					s := s.Clone()
					if _, err := s.Apply(ev); err != nil {
						t.Errorf("%+v was decided, then refused: %v", ev, err)
					}
					if err := s.check(); err != nil {
						t.Error(err)
					}
				}
			}
			return commandWire(cmd), nil
		})
	})
}

// FuzzEvent also applies what opens.
func FuzzEvent(f *testing.F) {
	id := ana(f)
	states := append(rooms(f), NewState(staffed(f).Charter))
	_, first := Open(charter(f), id.Author(), "Ana", [32]byte{42}, noon)
	events := []Event{first}
	seen := map[Kind]bool{Opened: true, Resumed: true, TookOver: true}
	for _, s := range states[:4] {
		events = append(events, ok(s.Resume(anaA.first(), 0, noon)))
		if len(s.Charter.CoHosts) > 0 {
			coHost := doc.Author{Person: s.Charter.CoHosts[0].Person, Device: bo(f).Author().Device}
			events = append(events, ok(s.TakeOver(coHost, 70, 3, noon)))
		}
		for _, cmd := range commandsOf(s) {
			for _, who := range cast {
				if ev, err := s.Decide(who.first(), cmd, noon); err == nil {
					events, seen[ev.Kind] = append(events, ev), true
					break
				}
			}
		}
	}
	if len(seen) != int(kinds)-1 {
		f.Errorf("events of %d kinds, want %d", len(seen), kinds-1)
	}
	for _, ev := range events {
		f.Add(ok(doc.Marshal(wireEvent(ev))))
		f.Add(ok(SignEvent(id, ev)))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		check(t, kindEvent, id, b, func(raw []byte) (any, error) {
			ev, _, err := OpenEvent(raw, noon)
			if err != nil {
				return nil, err
			}
			for _, s := range states {
				s := s.Clone()
				if _, err := s.Apply(ev); err == nil {
					if err := s.check(); err != nil {
						t.Errorf("%+v breaks the room: %v", ev, err)
					}
				}
			}
			return wireEvent(ev), nil
		})
	})
}

func FuzzSnapshot(f *testing.F) {
	id := ana(f)
	for _, s := range append(rooms(f), opened(f), busy(f)) {
		f.Add(ok(s.Bytes()))
		f.Add(ok(SignSnapshot(id, s)))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		check(t, kindSnapshot, id, b, func(raw []byte) (any, error) {
			s, _, err := OpenSnapshot(raw, noon)
			if err != nil {
				return nil, err
			}
			return wireSnapshot(s), nil
		})
	})
}
