package room

import (
	"bytes"
	"errors"
	"testing"

	"salon/ledger/doc"
)

// Every command, about everybody worth telling apart, by every role.
func TestWhoMayDoWhat(t *testing.T) {
	columns := []doc.Author{anaA.first(), anaA.second(), boA.first(), boA.second(), cyA.first(), cyA.second(),
		danA.first(), eveA.first(), eveA.second()}
	names := []string{"host", "host's other device", "speaker", "speaker's other device", "hand", "hand's other device",
		"listener", "removed", "removed's other device"}
	const (
		yes = iota
		not // ErrNotAllowed
		non // ErrNoChange: is so already
		out // ErrRemoved
		off // ErrNotSeated
		hnd // ErrNoHand
		nrm // ErrNotRemoved
		nvt // ErrNotInvited
	)
	errs := []error{nil, ErrNotAllowed, ErrNoChange, ErrRemoved, ErrNotSeated, ErrNoHand, ErrNotRemoved, ErrNotInvited}
	to := func(k Kind, a actor) Command { return Command{Kind: k, To: a.person()} }
	for _, row := range []struct {
		name string
		c    Command
		want [9]int
	}{
		//                                                    host     speaker  hand  listener removed
		{"raise a hand", Command{Kind: RaiseHand, Name: "x"}, [9]int{non, non, non, non, non, non, yes, out, out}},
		{"lower one's own hand", Command{Kind: LowerHand}, [9]int{non, non, non, non, yes, yes, non, out, out}},
		{"lower a hand", to(LowerHand, gilA), [9]int{yes, yes, not, not, not, not, not, out, out}},
		{"lower a hand that is down", to(LowerHand, fayA), [9]int{non, non, not, not, not, not, not, out, out}},
		{"grant a raised hand", to(Grant, gilA), [9]int{yes, yes, not, not, not, not, not, out, out}},
		{"grant cy's hand", to(Grant, cyA), [9]int{yes, yes, not, not, not, not, not, out, out}},
		{"grant a speaker", to(Grant, fayA), [9]int{non, non, not, not, not, not, not, out, out}},
		{"grant without a hand", to(Grant, danA), [9]int{hnd, hnd, not, not, not, not, not, out, out}},
		{"grant a removed person", to(Grant, eveA), [9]int{out, out, not, not, not, not, not, out, out}},
		{"grant the host", to(Grant, anaA), [9]int{non, non, not, not, not, not, not, out, out}},
		{"return oneself", Command{Kind: Return}, [9]int{not, not, yes, yes, non, non, non, out, out}},
		{"return a speaker", to(Return, fayA), [9]int{yes, yes, not, not, not, not, not, out, out}},
		{"return the host", to(Return, anaA), [9]int{not, not, not, not, not, not, not, out, out}},
		{"return one with a hand", to(Return, gilA), [9]int{non, non, not, not, not, not, not, out, out}},
		{"mute oneself", Command{Kind: Mute}, [9]int{yes, yes, yes, yes, off, off, off, out, out}},
		{"mute a speaker", to(Mute, fayA), [9]int{yes, yes, not, not, not, not, not, out, out}},
		{"mute a muted speaker", to(Mute, halA), [9]int{non, non, not, not, not, not, not, out, out}},
		{"mute the host", to(Mute, anaA), [9]int{yes, yes, not, not, not, not, not, out, out}},
		{"mute one with a hand", to(Mute, gilA), [9]int{off, off, not, not, not, not, not, out, out}},
		{"unmute oneself", Command{Kind: Unmute}, [9]int{non, non, non, non, off, off, off, out, out}},
		{"unmute a muted speaker", to(Unmute, halA), [9]int{not, not, not, not, not, not, not, out, out}},
		{"remove a speaker", to(Remove, fayA), [9]int{yes, yes, not, not, not, not, not, out, out}},
		{"remove one with a hand", to(Remove, gilA), [9]int{yes, yes, not, not, not, not, not, out, out}},
		{"remove a listener", to(Remove, danA), [9]int{yes, yes, not, not, not, not, not, out, out}},
		{"remove the removed", to(Remove, eveA), [9]int{non, non, not, not, not, not, not, out, out}},
		{"remove the host", to(Remove, anaA), [9]int{not, not, not, not, not, not, not, out, out}},
		{"publish", Command{Kind: Publish}, [9]int{yes, yes, yes, yes, off, off, off, out, out}},
		{"publish the program", Command{Kind: Publish, Program: true}, [9]int{yes, not, not, not, not, not, not, out, out}},
		{"leave", Command{Kind: Leave}, [9]int{not, non, yes, non, yes, non, non, out, out}},
		{"mute all", Command{Kind: MuteAll}, [9]int{yes, yes, not, not, not, not, not, out, out}},
		{"close hands", Command{Kind: CloseHands}, [9]int{yes, yes, not, not, not, not, not, out, out}},
		{"open hands that are open", Command{Kind: OpenHands}, [9]int{non, non, not, not, not, not, not, out, out}},
		{"lock", Command{Kind: Lock}, [9]int{yes, yes, not, not, not, not, not, out, out}},
		{"unlock what is not locked", Command{Kind: Unlock}, [9]int{non, non, not, not, not, not, not, out, out}},
		{"readmit the removed", to(Readmit, eveA), [9]int{yes, yes, not, not, not, not, not, out, out}},
		{"readmit a listener", to(Readmit, danA), [9]int{nrm, nrm, not, not, not, not, not, out, out}},
		{"invite a listener", to(Invite, danA), [9]int{yes, yes, not, not, not, not, not, out, out}},
		{"invite one with a hand", to(Invite, gilA), [9]int{yes, yes, not, not, not, not, not, out, out}},
		{"invite a speaker", to(Invite, fayA), [9]int{non, non, not, not, not, not, not, out, out}},
		{"invite the invited", to(Invite, ivyA), [9]int{non, non, not, not, not, not, not, out, out}},
		{"invite the removed", to(Invite, eveA), [9]int{out, out, not, not, not, not, not, out, out}},
		{"accept uninvited", Command{Kind: Accept, Name: "x"}, [9]int{non, non, non, non, nvt, nvt, nvt, out, out}},
		{"decline for another", to(Decline, ivyA), [9]int{yes, yes, not, not, not, not, not, out, out}},
		{"decline uninvited", Command{Kind: Decline}, [9]int{non, non, non, non, non, non, non, out, out}},
		{"end the room", Command{Kind: End}, [9]int{yes, yes, not, not, not, not, not, out, out}},
	} {
		for i, by := range columns {
			t.Run(row.name+" by "+names[i], func(t *testing.T) {
				s := busy(t)
				before := ok(s.Bytes())
				row.c.Room = s.Charter.Room
				ev, err := s.Decide(by, row.c, noon)
				if !errors.Is(err, errs[row.want[i]]) {
					t.Fatalf("%v, want %v", err, errs[row.want[i]])
				}
				if !bytes.Equal(ok(s.Bytes()), before) {
					t.Error("Decide changed the room")
				}
				if err == nil {
					if _, err := s.Apply(ev); err != nil {
						t.Errorf("decided, but: %v", err)
					}
					if err := s.check(); err != nil {
						t.Error(err)
					}
					return
				}
				// A sequencer that ignores the rules gets nowhere with anybody else either.
				ev = Event{Room: s.Charter.Room, Term: s.Term, Seq: s.Seq + 1, Time: s.Time, Kind: row.c.Kind, By: by.Person,
					Device: by.Device, To: row.c.To, Name: row.c.Name, Program: row.c.Program}
				if _, err := s.Apply(ev); !errors.Is(err, errs[row.want[i]]) {
					t.Errorf("applied: %v, want %v", err, errs[row.want[i]])
				}
				if !bytes.Equal(ok(s.Bytes()), before) {
					t.Error("a refused event changed the room")
				}
			})
		}
	}
}
