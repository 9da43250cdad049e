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
		danA.first(), eveA.first(), eveA.second(), jonA.first(), jonA.second()}
	names := []string{"host", "host's other device", "speaker", "speaker's other device", "hand", "hand's other device",
		"listener", "removed", "removed's other device", "co-host", "co-host's other device"}
	const (
		yes = iota
		not // ErrNotAllowed
		non // ErrNoChange: is so already
		out // ErrRemoved
		off // ErrNotSeated
		hnd // ErrNoHand
		nrm // ErrNotRemoved
		nvt // ErrNotInvited
		nst // ErrNoStick
		nln // ErrNoLine
		ful // ErrFull
		opn // ErrOpenRoom
	)
	errs := []error{nil, ErrNotAllowed, ErrNoChange, ErrRemoved, ErrNotSeated, ErrNoHand, ErrNotRemoved, ErrNotInvited, ErrNoStick, ErrNoLine, ErrFull, ErrOpenRoom}
	to := func(k Kind, a actor) Command { return Command{Kind: k, To: a.person()} }
	for _, row := range []struct {
		name string
		c    Command
		want [11]int
	}{
		//                                                    host     speaker  hand  listener removed co-host
		{"raise a hand", Command{Kind: RaiseHand, Name: "x"}, [11]int{non, non, non, non, non, non, yes, out, out, non, non}},
		{"lower one's own hand", Command{Kind: LowerHand}, [11]int{non, non, non, non, yes, yes, non, out, out, non, non}},
		{"lower a hand", to(LowerHand, gilA), [11]int{yes, yes, not, not, not, not, not, out, out, yes, yes}},
		{"lower a hand that is down", to(LowerHand, fayA), [11]int{non, non, not, not, not, not, not, out, out, non, non}},
		{"grant a raised hand", to(Grant, gilA), [11]int{yes, yes, not, not, not, not, not, out, out, yes, yes}},
		{"grant cy's hand", to(Grant, cyA), [11]int{yes, yes, not, not, not, not, not, out, out, yes, yes}},
		{"grant a speaker", to(Grant, fayA), [11]int{non, non, not, not, not, not, not, out, out, non, non}},
		{"grant without a hand", to(Grant, danA), [11]int{hnd, hnd, not, not, not, not, not, out, out, hnd, hnd}},
		{"grant a removed person", to(Grant, eveA), [11]int{out, out, not, not, not, not, not, out, out, out, out}},
		{"grant the host", to(Grant, anaA), [11]int{non, non, not, not, not, not, not, out, out, non, non}},
		{"return oneself", Command{Kind: Return}, [11]int{not, not, yes, yes, non, non, non, out, out, yes, yes}},
		{"return a speaker", to(Return, fayA), [11]int{yes, yes, not, not, not, not, not, out, out, yes, yes}},
		{"return the host", to(Return, anaA), [11]int{not, not, not, not, not, not, not, out, out, not, not}},
		{"return one with a hand", to(Return, gilA), [11]int{non, non, not, not, not, not, not, out, out, non, non}},
		{"mute oneself", Command{Kind: Mute}, [11]int{yes, yes, yes, yes, off, off, off, out, out, yes, yes}},
		{"mute a speaker", to(Mute, fayA), [11]int{yes, yes, not, not, not, not, not, out, out, yes, yes}},
		{"mute a muted speaker", to(Mute, halA), [11]int{non, non, not, not, not, not, not, out, out, non, non}},
		{"mute the host", to(Mute, anaA), [11]int{yes, yes, not, not, not, not, not, out, out, yes, yes}},
		{"mute one with a hand", to(Mute, gilA), [11]int{off, off, not, not, not, not, not, out, out, off, off}},
		{"unmute oneself", Command{Kind: Unmute}, [11]int{non, non, non, non, off, off, off, out, out, non, non}},
		{"unmute a muted speaker", to(Unmute, halA), [11]int{not, not, not, not, not, not, not, out, out, not, not}},
		{"remove a speaker", to(Remove, fayA), [11]int{yes, yes, not, not, not, not, not, out, out, yes, yes}},
		{"remove one with a hand", to(Remove, gilA), [11]int{yes, yes, not, not, not, not, not, out, out, yes, yes}},
		{"remove a listener", to(Remove, danA), [11]int{yes, yes, not, not, not, not, not, out, out, yes, yes}},
		{"remove the removed", to(Remove, eveA), [11]int{non, non, not, not, not, not, not, out, out, non, non}},
		{"remove the host", to(Remove, anaA), [11]int{not, not, not, not, not, not, not, out, out, not, not}},
		{"publish", Command{Kind: Publish, Start: Start{1}}, [11]int{yes, yes, yes, yes, off, off, off, out, out, yes, yes}},
		{"publish the program", Command{Kind: Publish, Program: true, Start: Start{1}}, [11]int{yes, not, not, not, not, not, not, out, out, not, not}},
		{"leave", Command{Kind: Leave}, [11]int{not, non, yes, non, yes, non, non, out, out, yes, non}},
		{"mute all", Command{Kind: MuteAll}, [11]int{yes, yes, not, not, not, not, not, out, out, yes, yes}},
		{"close hands", Command{Kind: CloseHands}, [11]int{yes, yes, not, not, not, not, not, out, out, yes, yes}},
		{"open hands that are open", Command{Kind: OpenHands}, [11]int{non, non, not, not, not, not, not, out, out, non, non}},
		{"lock", Command{Kind: Lock}, [11]int{yes, yes, not, not, not, not, not, out, out, yes, yes}},
		{"unlock what is not locked", Command{Kind: Unlock}, [11]int{non, non, not, not, not, not, not, out, out, non, non}},
		{"readmit the removed", to(Readmit, eveA), [11]int{yes, yes, not, not, not, not, not, out, out, yes, yes}},
		{"readmit a listener", to(Readmit, danA), [11]int{nrm, nrm, not, not, not, not, not, out, out, nrm, nrm}},
		{"invite a listener", to(Invite, danA), [11]int{yes, yes, not, not, not, not, not, out, out, yes, yes}},
		{"invite one with a hand", to(Invite, gilA), [11]int{yes, yes, not, not, not, not, not, out, out, yes, yes}},
		{"invite a speaker", to(Invite, fayA), [11]int{non, non, not, not, not, not, not, out, out, non, non}},
		{"invite the invited", to(Invite, ivyA), [11]int{non, non, not, not, not, not, not, out, out, non, non}},
		{"invite the removed", to(Invite, eveA), [11]int{out, out, not, not, not, not, not, out, out, out, out}},
		{"accept uninvited", Command{Kind: Accept, Name: "x"}, [11]int{non, non, non, non, nvt, nvt, nvt, out, out, non, non}},
		{"decline for another", to(Decline, ivyA), [11]int{yes, yes, not, not, not, not, not, out, out, yes, yes}},
		{"decline uninvited", Command{Kind: Decline}, [11]int{non, non, non, non, non, non, non, out, out, non, non}},
		{"return a co-host", to(Return, leoA), [11]int{yes, yes, not, not, not, not, not, out, out, not, not}},
		{"remove a co-host", to(Remove, leoA), [11]int{yes, yes, not, not, not, not, not, out, out, not, not}},
		{"mute a co-host", to(Mute, leoA), [11]int{yes, yes, not, not, not, not, not, out, out, yes, yes}},
		{"appoint a speaker", Command{Kind: Appoint, To: fayA.person(), Name: "fay"}, [11]int{yes, yes, not, not, not, not, not, out, out, not, not}},
		{"appoint a listener", Command{Kind: Appoint, To: danA.person(), Name: "dan", Place: 1}, [11]int{yes, yes, not, not, not, not, not, out, out, not, not}},
		{"appoint a co-host again", Command{Kind: Appoint, To: leoA.person(), Name: "leo"}, [11]int{non, non, not, not, not, not, not, out, out, not, not}},
		{"move a co-host up", Command{Kind: Appoint, To: leoA.person(), Name: "leo", Place: 1}, [11]int{yes, yes, not, not, not, not, not, out, out, not, not}},
		{"appoint the removed", Command{Kind: Appoint, To: eveA.person(), Name: "eve"}, [11]int{out, out, not, not, not, not, not, out, out, not, not}},
		{"appoint the host", Command{Kind: Appoint, To: anaA.person(), Name: "ana"}, [11]int{not, not, not, not, not, not, not, out, out, not, not}},
		{"withdraw a co-host", to(Withdraw, leoA), [11]int{yes, yes, not, not, not, not, not, out, out, not, not}},
		{"withdraw a speaker", to(Withdraw, fayA), [11]int{non, non, not, not, not, not, not, out, out, not, not}},
		{"put a hand first", Command{Kind: PlaceHand, To: gilA.person(), Place: 1}, [11]int{yes, yes, not, not, not, not, not, out, out, yes, yes}},
		{"put a hand where it is", Command{Kind: PlaceHand, To: gilA.person(), Place: 2}, [11]int{non, non, not, not, not, not, not, out, out, non, non}},
		{"put a hand that is down", Command{Kind: PlaceHand, To: danA.person(), Place: 1}, [11]int{hnd, hnd, not, not, not, not, not, out, out, hnd, hnd}},
		{"stage only", Command{Kind: StageOnly}, [11]int{yes, yes, not, not, not, not, not, out, out, yes, yes}},
		{"stage open that is open", Command{Kind: StageOpen}, [11]int{non, non, not, not, not, not, not, out, out, non, non}},
		{"stick out", Command{Kind: StickOut}, [11]int{yes, yes, not, not, not, not, not, out, out, yes, yes}},
		{"stick in that is in", Command{Kind: StickIn}, [11]int{non, non, not, not, not, not, not, out, out, non, non}},
		{"pass the stick that is in", Command{Kind: PassStick}, [11]int{nst, nst, not, not, not, not, not, out, out, nst, nst}},
		{"lay the stick that is in", Command{Kind: LayStick}, [11]int{nst, nst, nst, nst, nst, nst, nst, out, out, nst, nst}},
		{"say", Command{Kind: Say, Name: "x", Text: "hello"}, [11]int{yes, yes, yes, yes, yes, yes, yes, out, out, yes, yes}},
		{"erase another's line", Command{Kind: Erase, Ref: lineOfFay}, [11]int{yes, yes, not, not, not, not, not, out, out, yes, yes}},
		{"erase no line", Command{Kind: Erase, Ref: 1}, [11]int{nln, nln, nln, nln, nln, nln, nln, out, out, nln, nln}},
		{"close the chat", Command{Kind: CloseChat}, [11]int{yes, yes, not, not, not, not, not, out, out, yes, yes}},
		{"open the chat that is open", Command{Kind: OpenChat}, [11]int{non, non, not, not, not, not, not, out, out, non, non}},
		{"slow", Command{Kind: Slow, Seconds: 30}, [11]int{yes, yes, not, not, not, not, not, out, out, yes, yes}},
		{"slow none that is none", Command{Kind: Slow}, [11]int{non, non, not, not, not, not, not, out, out, non, non}},
		{"pin a line", Command{Kind: Pin, Ref: lineOfFay}, [11]int{yes, yes, not, not, not, not, not, out, out, yes, yes}},
		{"pin a text", Command{Kind: Pin, Text: "welcome", Name: "x"}, [11]int{yes, yes, not, not, not, not, not, out, out, yes, yes}},
		{"pin no line", Command{Kind: Pin, Ref: 1}, [11]int{nln, nln, not, not, not, not, not, out, out, nln, nln}},
		{"unpin nothing", Command{Kind: Unpin}, [11]int{non, non, not, not, not, not, not, out, out, non, non}},
		{"begin what has begun", Command{Kind: Begin}, [11]int{non, non, not, not, not, not, not, out, out, non, non}},
		{"record", Command{Kind: RecordOn}, [11]int{yes, yes, not, not, not, not, not, out, out, yes, yes}},
		{"record off that is off", Command{Kind: RecordOff}, [11]int{non, non, not, not, not, not, not, out, out, non, non}},
		{"note that a speaker is away", to(Away, fayA), [11]int{yes, not, not, not, not, not, not, out, out, not, not}},
		{"note that a co-host is away", to(Away, leoA), [11]int{yes, not, not, not, not, not, not, out, out, not, not}},
		{"note that the host is away", to(Away, anaA), [11]int{not, not, not, not, not, not, not, out, out, not, not}},
		{"note that a listener is away", to(Away, danA), [11]int{off, not, not, not, not, not, not, out, out, not, not}},
		{"note that a speaker who never left is back", to(Back, fayA), [11]int{non, not, not, not, not, not, not, out, out, not, not}},
		{"make a keeper in an open room", to(Entrust, danA), [11]int{opn, opn, not, not, not, not, not, out, out, not, not}},
		{"relieve a keeper in an open room", to(Relieve, danA), [11]int{opn, opn, not, not, not, not, not, out, out, not, not}},
		{"end the room", Command{Kind: End}, [11]int{yes, yes, not, not, not, not, not, out, out, yes, yes}},
	} {
		for i, by := range columns {
			t.Run(row.name+" by "+names[i], func(t *testing.T) {
				s := staffed(t)
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
					Device: by.Device, To: row.c.To, Name: row.c.Name, Program: row.c.Program,
					Text: row.c.Text, Ref: row.c.Ref, Place: row.c.Place, Seconds: row.c.Seconds, Start: row.c.Start}
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
