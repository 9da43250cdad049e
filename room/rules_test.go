package room

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"salon/ledger/doc"
)

// What somebody has in a room, as a text to compare.
func standing(s *State, p Person) string {
	seat, _ := s.SeatOf(p)
	hand, _ := s.HandOf(p)
	_, _, sends := s.MaySend(seat.Device)
	return fmt.Sprintf("%+v %+v %v %v %v %v %v", seat, hand, s.RoleOf(p), s.IsRemoved(p), s.IsInvited(p), s.IsListed(p), sends)
}

// What a room is like for everybody, as a text to compare: all that only those who lead may change.
func setting(s *State) string {
	return fmt.Sprintf("%+v %v %v %v %v %v %v %v %v %v %v %v %v", s.Charter, s.Program, s.Ended, s.HandsClosed, s.Locked, s.StageOnly,
		s.Stick.Out, s.ChatClosed, s.Slow, s.Waiting, s.Recording, s.Invitation, s.KeyEpoch)
}

// Any people send any commands, in any order; what the package promises holds after every step.
func TestRulesHold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, err := NewCharter(anaA.person(), "Evening talk", "en", Talk, noon, [16]byte{7})
		if err != nil {
			t.Fatal(err)
		}
		if rapid.Bool().Draw(t, "scheduled") {
			c.Starts = noon.Add(time.Minute).UnixMilli()
		}
		if rapid.Bool().Draw(t, "closed") {
			c.Access = ByInvitation
		}
		s, first := Open(c, anaA.first(), "ana", [32]byte{42}, noon)
		events := []Event{first}
		everyone := []actor{anaA, boA, cyA, danA, eveA}
		handedOut := map[uint32]bool{}
		now := noon

		steps := rapid.IntRange(1, 60).Draw(t, "steps")
		for range steps {
			now = now.Add(time.Duration(rapid.IntRange(-100, 1000).Draw(t, "ms")) * time.Millisecond)
			who := rapid.SampledFrom(everyone).Draw(t, "who")
			by := who.first()
			// The host is drawn more often, or nothing would ever be granted.
			if rapid.Bool().Draw(t, "host") {
				who, by = anaA, anaA.first()
			}
			switch rapid.IntRange(0, 5).Draw(t, "device") {
			case 0:
				by = who.second()
			case 1:
				by.Device = rapid.SampledFrom(everyone).Draw(t, "borrowed").first().Device
			}
			cmd := Command{Room: c.Room, Kind: Kind(rapid.IntRange(1, int(kinds)-1).Draw(t, "kind"))}
			if cmd.Kind == End {
				cmd.Kind = Opened // no command at all: rooms would end too soon
			}
			if rapid.IntRange(0, 19).Draw(t, "end") == 0 {
				cmd.Kind = End
			}
			has := fields[cmd.Kind]
			if has&hasName != 0 {
				cmd.Name = who.name
			}
			if has&hasTo != 0 {
				cmd.To = rapid.SampledFrom(append(everyone, actor{})).Draw(t, "to").person()
			}
			if has&hasProgram != 0 {
				cmd.Program = rapid.Bool().Draw(t, "program")
			}
			if has&hasPlace != 0 {
				cmd.Place = rapid.Uint8Range(0, 6).Draw(t, "place")
			}
			if has&hasSeconds != 0 {
				cmd.Seconds = rapid.Uint16Range(0, 2).Draw(t, "seconds")
			}
			if has&hasInvitation != 0 {
				cmd.Invitation = Person{rapid.Byte().Draw(t, "invitation")}
			}
			if has&hasKey != 0 {
				cmd.Check, cmd.From = [32]byte{rapid.Byte().Draw(t, "check")}, rapid.Uint64Range(0, 3).Draw(t, "from")
			}
			if has&hasRef != 0 && (has&hasText == 0 || rapid.Bool().Draw(t, "ref")) {
				cmd.Ref = rapid.Uint64Range(1, s.Seq).Draw(t, "line")
			} else if has&hasText != 0 {
				cmd.Text = "hello"
			}

			before := s.Clone()
			ev, err := s.Decide(by, cmd, now)
			if rapid.IntRange(0, 19).Draw(t, "crash") == 0 {
				who = anaA
				ev, err = s.Resume(anaA.first(), 0, now)
			}
			if err != nil {
				continue
			}
			if _, err := s.Apply(ev); err != nil {
				t.Fatalf("%+v was decided, then refused: %v", ev, err)
			}
			events = append(events, ev)

			if err := s.check(); err != nil {
				t.Fatalf("after %v: %v", ev.Kind, err)
			}
			led := before.Leads(who.person())
			plain := before.Clone()
			plain.relieve(who.person())
			if got, err := plain.Decide(by, cmd, now); ev.Kind != Resumed && (err != nil || got != ev) {
				t.Fatalf("%v is %s's to do as a keeper, and else it is not: %v", ev.Kind, who.name, err)
			}
			if !slices.Equal(s.Keepers, before.Keepers) && who != anaA && !(ev.Kind == Remove && led) {
				t.Fatalf("%v by %s made the keepers %v of %v", ev.Kind, who.name, s.Keepers, before.Keepers)
			}
			for _, p := range everyone {
				was, is := standing(before, p.person()), standing(s, p.person())
				if was != is && p != who && !led {
					t.Fatalf("%v by %s changed %s from %s to %s", ev.Kind, who.name, p.name, was, is)
				}
				wasSeat, wasOn := before.SeatOf(p.person())
				isSeat, isOn := s.SeatOf(p.person())
				if who != anaA && p != who && before.Leads(p.person()) && (wasOn != isOn || !s.Leads(p.person()) || s.IsRemoved(p.person())) {
					t.Fatalf("%v by %s changed what %s is, who leads", ev.Kind, who.name, p.name)
				}
				if _, hand := before.HandOf(p.person()); (before.HandsClosed || before.StageOnly) && !hand {
					if _, up := s.HandOf(p.person()); up {
						t.Fatalf("%s raised a hand while hands are closed", p.name)
					}
				}
				if _, hand := before.HandOf(p.person()); !wasOn && isOn && !hand && !(ev.Kind == Accept && p == who && before.MayTakeSeat(p.person())) {
					t.Fatalf("%s is on stage who did not ask to", p.name)
				}
				if seat, on := s.SeatOf(p.person()); on && seat.Away {
					if _, _, may := s.MaySend(seat.Device); may || seat.Device == s.Program.Device {
						t.Fatalf("%s is away and may send, or leads the room", p.name)
					}
				}
				if wasOn && isOn && wasSeat.Away != isSeat.Away && ev.Kind != Publish && (by.Device != s.Program.Device || who != anaA) {
					t.Fatalf("%v by %s: %s away is %v", ev.Kind, who.name, p.name, isSeat.Away)
				}
				if wasOn && isOn && wasSeat.Muted && !isSeat.Muted && p != who {
					t.Fatalf("%s opened %s's microphone", who.name, p.name)
				}
				if _, _, sends := s.MaySend(isSeat.Device); sends && s.Stick.Out && s.Stick.Holder != p.person() {
					t.Fatalf("%s may speak without the stick", p.name)
				}
			}
			if was, is := setting(before), setting(s); was != is && !led {
				t.Fatalf("%v by %s changed the room from %s to %s", ev.Kind, who.name, was, is)
			}
			if s.Charter.Version != before.Charter.Version && who != anaA {
				t.Fatalf("%v by %s changed the charter", ev.Kind, who.name)
			}
			if grew := s.Charter.Version - before.Charter.Version; grew > 1 || (grew == 1) == (slices.Equal(s.Charter.CoHosts, before.Charter.CoHosts) && s.Charter.Renewed == before.Charter.Renewed) {
				t.Fatalf("%v made version %d of %d", ev.Kind, s.Charter.Version, before.Charter.Version)
			}
			if ev.Kind == Publish {
				if handedOut[ev.Incarnation] || ev.Incarnation == 0 {
					t.Fatalf("incarnation %d twice", ev.Incarnation)
				}
				handedOut[ev.Incarnation] = true
			}
			if s.RoleOf(anaA.person()) != Host {
				t.Fatal("the host lost the room")
			}
		}

		// Somebody who joins at any time gets the same room from the events and from a snapshot.
		cut := rapid.IntRange(1, len(events)).Draw(t, "cut")
		replayed, newcomer := NewState(c), (*State)(nil)
		for i, ev := range events {
			if _, err := replayed.Apply(ev); err != nil {
				t.Fatal(err)
			}
			if newcomer != nil {
				if _, err := newcomer.Apply(ev); err != nil {
					t.Fatal(err)
				}
			}
			if i+1 == cut {
				b, err := replayed.Bytes()
				if err != nil {
					t.Fatal(err)
				}
				if newcomer, err = parseState(b); err != nil {
					t.Fatal(err)
				}
			}
		}
		want, err := s.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		for name, x := range map[string]*State{"replayed": replayed, "newcomer": newcomer} {
			if got, err := x.Bytes(); err != nil || !bytes.Equal(got, want) {
				t.Fatalf("%s has %x, want %x, %v", name, got, want, err)
			}
		}
	})
}

func parseState(b []byte) (*State, error) {
	var w snapshotWire
	if err := doc.Unmarshal(b, &w); err != nil {
		return nil, err
	}
	s := w.state()
	return s, s.check()
}
