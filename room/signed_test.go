package room

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"salon/ledger/doc"
)

func TestCommandBytes(t *testing.T) {
	c := Command{Room: charter(t).Room, Kind: Grant, To: key(2).Public(), Time: noon.UnixMilli(), Nonce: 24}
	for _, v := range []struct {
		name  string
		c     Command
		bytes string
	}{
		{"grant", c, fmt.Sprintf("a5 01 50 %x 02 04 03 5820 %x 06 1b 000001a3185c5000 07 1818", [16]byte(c.Room), [32]byte(c.To))},
		{"raise hand", Command{Room: c.Room, Kind: RaiseHand, Name: "Bo"}, fmt.Sprintf("a5 01 50 %x 02 02 04 62 426f 06 00 07 00", [16]byte(c.Room))},
		{"appoint", Command{Room: c.Room, Kind: Appoint, To: c.To, Name: "Bo", Place: 2}, fmt.Sprintf("a7 01 50 %x 02 15 03 5820 %x 04 62 426f 06 00 07 00 0a 02", [16]byte(c.Room), [32]byte(c.To))},
		{"say", Command{Room: c.Room, Kind: Say, Name: "Bo", Text: "hi"}, fmt.Sprintf("a6 01 50 %x 02 18 1e 04 62 426f 06 00 07 00 08 62 6869", [16]byte(c.Room))},
		{"erase", Command{Room: c.Room, Kind: Erase, Ref: 7}, fmt.Sprintf("a5 01 50 %x 02 18 1f 06 00 07 00 09 07", [16]byte(c.Room))},
		{"slow", Command{Room: c.Room, Kind: Slow, Seconds: 30}, fmt.Sprintf("a5 01 50 %x 02 18 22 06 00 07 00 0b 18 1e", [16]byte(c.Room))},
		{"relink", Command{Room: c.Room, Kind: Relink, Invitation: Person{9}}, fmt.Sprintf("a5 01 50 %x 02 18 2d 06 00 07 00 0c 5820 09%062x", [16]byte(c.Room), 0)},
		{"rekey", Command{Room: c.Room, Kind: Rekey, Seconds: 2, Check: [32]byte{8}, From: 500}, fmt.Sprintf("a7 01 50 %x 02 18 2e 06 00 07 00 0b 02 0d 5820 08%062x 0e 19 01f4", [16]byte(c.Room), 0)},
		{"entrust", Command{Room: c.Room, Kind: Entrust, To: c.To}, fmt.Sprintf("a5 01 50 %x 02 18 30 03 5820 %x 06 00 07 00", [16]byte(c.Room), [32]byte(c.To))},
		{"publish the program", Command{Room: c.Room, Kind: Publish, Program: true, Start: Start{7}}, fmt.Sprintf("a6 01 50 %x 02 09 05 f5 06 00 07 00 0f 50 07%030x", [16]byte(c.Room), 0)},
	} {
		want := unhex(t, v.bytes)
		if got := ok(doc.Marshal(commandWire(v.c))); !bytes.Equal(got, want) {
			t.Errorf("%s\n%x, want\n%x", v.name, got, want)
		}
		var w commandWire
		if err := doc.Unmarshal(want, &w); err != nil || Command(w) != v.c {
			t.Errorf("%s: decoded %+v, %v", v.name, w, err)
		}
	}
	raw, err := SignCommand(ana(t), c)
	if err != nil {
		t.Fatal(err)
	}
	if got, by, err := OpenCommand(raw, noon); err != nil || got != c || by != ana(t).Author() {
		t.Errorf("OpenCommand = %+v, %v, %v", got, by, err)
	}
	flipEveryByte(t, raw, func(b []byte) error { _, _, err := OpenCommand(b, noon); return err })
	if _, _, err := OpenCommand(make([]byte, maxCommand+1), noon); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a large command: %v", err)
	}
	if _, err := SignCommand(ana(t), Command{Kind: Grant}); !errors.Is(err, ErrCommand) {
		t.Errorf("signed nonsense: %v", err)
	}
	if _, _, err := OpenCommand(ok(ana(t).Sign(kindCommand, commandWire{Kind: Grant})), noon); !errors.Is(err, ErrCommand) {
		t.Errorf("opened nonsense: %v", err)
	}
	if _, _, err := OpenEvent(raw, noon); err == nil {
		t.Error("a command passes as an event")
	}
}

func TestEventBytes(t *testing.T) {
	c := charter(t)
	host := ana(t).Author()
	_, ev := Open(c, host, "Ana", [32]byte{42}, noon)
	// {1: room, 2: [1, 0, 0], 3: 1, 4: time, 5: opened, 6: by, 7: device, 9: "Ana", 10: slot 1, 13: key epoch 1, 14: key}
	want := unhex(t, fmt.Sprintf("ab 01 50 %x 02 83 01 00 00 03 01 04 1b 000001a3185c5000 05 01 06 5820 %x 07 5820 %x "+
		"09 63 416e61 0a 01 0d 01 0e 5820 2a%062x", [16]byte(c.Room), [32]byte(host.Person), [32]byte(host.Device), 0))
	if got := ok(doc.Marshal(wireEvent(ev))); !bytes.Equal(got, want) {
		t.Errorf("event\n%x, want\n%x", got, want)
	}
	var w eventWire
	if err := doc.Unmarshal(want, &w); err != nil || w.event() != ev {
		t.Errorf("decoded %+v, %v", w, err)
	}
	line := Event{Room: c.Room, Term: Term{1, 2, 3}, Seq: 4, Time: 5, Kind: Say, By: Person{6}, Device: Device{7}, Name: "9", Text: "15", Said: 3}
	want = unhex(t, fmt.Sprintf("aa 01 50 %x 02 83 01 02 03 03 04 04 05 05 18 1e 06 5820 06%062x 07 5820 07%062x 09 61 39 0f 62 3135 17 03", [16]byte(c.Room), 0, 0))
	if got := ok(doc.Marshal(wireEvent(line))); !bytes.Equal(got, want) {
		t.Errorf("a line of a tail\n%x, want\n%x", got, want)
	}
	// Every field survives, also those that no event has all of.
	full := Event{Room: c.Room, Term: Term{1, 2, 3}, Seq: 4, Time: 5, Kind: Publish, By: Person{6}, Device: Device{7}, To: Person{8},
		Name: "9", Slot: 10, Incarnation: 11, Program: true, KeyEpoch: 13, Key: [32]byte{14}, Text: "15", Ref: 16, Place: 17, Seconds: 18,
		Invitation: Person{19}, Check: [32]byte{20}, From: 21, Start: Start{22}, Said: 23}
	for v, i := reflect.ValueOf(full), 0; i < v.NumField(); i++ {
		if v.Field(i).IsZero() {
			t.Errorf("field %s is not tried", v.Type().Field(i).Name)
		}
	}
	for _, ev := range []Event{ev, full} {
		raw, err := SignEvent(ana(t), ev)
		if err != nil {
			t.Fatal(err)
		}
		if got, by, err := OpenEvent(raw, noon); err != nil || got != ev || by != host {
			t.Errorf("OpenEvent = %+v, %v, %v", got, by, err)
		}
		flipEveryByte(t, raw, func(b []byte) error { _, _, err := OpenEvent(b, noon); return err })
	}
	if _, _, err := OpenEvent(make([]byte, maxEvent+1), noon); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a large event: %v", err)
	}
	if _, err := SignEvent(ana(t), Event{}); !errors.Is(err, ErrField) {
		t.Errorf("signed nothing: %v", err)
	}
	if _, _, err := OpenEvent(ok(ana(t).Sign(kindEvent, wireEvent(Event{}))), noon); !errors.Is(err, ErrField) {
		t.Errorf("opened nothing: %v", err)
	}
}

func TestSnapshotSigned(t *testing.T) {
	s := busy(t)
	raw, err := SignSnapshot(ana(t), s)
	if err != nil {
		t.Fatal(err)
	}
	got, by, err := OpenSnapshot(raw, noon)
	if err != nil || by != ana(t).Author() || !reflect.DeepEqual(got, s) {
		t.Errorf("OpenSnapshot = %+v, %v, %v", got, by, err)
	}
	flipEveryByte(t, raw, func(b []byte) error { _, _, err := OpenSnapshot(b, noon); return err })
	if _, _, err := OpenSnapshot(make([]byte, MaxSnapshot+1), noon); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a large snapshot: %v", err)
	}
	if _, err := SignSnapshot(ana(t), NewState(s.Charter)); !errors.Is(err, ErrSnapshot) {
		t.Errorf("signed a room that is not open: %v", err)
	}
}

func TestSnapshotBytes(t *testing.T) {
	s := opened(t)
	raise(t, s, boA)
	do(t, s, anaA.first(), Command{Kind: Remove, To: eveA.person()})
	do(t, s, anaA.first(), Command{Kind: Publish, Program: true, Start: Start{7}})
	key := func(b ...byte) string { return "5820" + fmt.Sprintf("%x", append(b, make([]byte, 32-len(b))...)) }
	charter := ok(doc.Marshal(wireCharter(s.Charter)))
	want := unhex(t, fmt.Sprintf("ac 01 %x 02 83 01 00 00 03 04 04 1b 000001a3185c5000 05 82 %s 1840 "+
		"06 81 88 %s %s 63 616e61 03 01 00 f4 f4 07 81 84 %s %s 62 626f 1b 000001a3185c5000 08 81 %s 09 01 0a %s 0b 1840 1821 81 50 07%030x",
		charter, key(1, 1), key(1), key(1, 1), key(2), key(2, 1), key(5), key(42), 0))
	if got := ok(s.Bytes()); !bytes.Equal(got, want) {
		t.Errorf("snapshot\n%x, want\n%x", got, want)
	}
	if got, err := parseState(want); err != nil || !reflect.DeepEqual(got, s) {
		t.Errorf("decoded %+v, %v", got, err)
	}
}

// The parts of a snapshot that a quiet room leaves out.
func TestSnapshotBytesOfWhatIsRare(t *testing.T) {
	s := opened(t)
	plain := ok(s.Bytes())
	s.StageOnly, s.ChatClosed, s.Waiting, s.Recording, s.Slow = true, true, true, true, 30
	s.Stick = Stick{Out: true, Holder: Person{1}, Slot: 1}
	s.Chat = []Line{{Seq: 1, Time: 2, Person: Person{3}, Name: "4", Text: "5", Changed: 1}}
	s.Pinned = s.Chat[0]
	s.Past = []Ending{{Term{1, 2, 3}, 4, Device{6}}}
	key := func(b byte) string { return fmt.Sprintf("5820 %x", append([]byte{b}, make([]byte, 31)...)) }
	line := "86 01 02 " + key(3) + " 61 34 61 35 01"
	want := append(bytes.Clone(plain), unhex(t, "10 f5 11 83 f5 "+key(1)+" 01 12 81 "+line+" 13 "+line+" 14 f5 15 18 1e 16 f5 17 f5 18 20 81 83 83 01 02 03 04 "+key(6))...)
	want[0] += 9 // entries
	if got := ok(s.Bytes()); !bytes.Equal(got, want) {
		t.Errorf("snapshot\n%x, want\n%x", got, want)
	}
	var w snapshotWire
	if err := doc.Unmarshal(want, &w); err != nil || !reflect.DeepEqual(w.state(), s) {
		t.Errorf("decoded %+v, %v", w, err)
	}
}

func TestSnapshotRefused(t *testing.T) {
	long := func(n int) (hands []Hand) {
		for i := range n {
			hands = append(hands, Hand{Person: Person{200, byte(i), byte(i >> 8)}, Device: Device{200, byte(i), byte(i >> 8)}, Name: "x"})
		}
		return hands
	}
	for name, change := range map[string]func(*State){
		"another room":                 func(s *State) { s.Charter.Room[0]++ },
		"no event":                     func(s *State) { s.Seq = 0 },
		"a bad time":                   func(s *State) { s.Time = -1 },
		"no seats":                     func(s *State) { s.Seats = nil },
		"no program device":            func(s *State) { s.Program.Device = Device{} },
		"the program ahead":            func(s *State) { s.Program.Incarnation = s.Incarnation + 1 },
		"a seat ahead":                 func(s *State) { s.Seats[1].Incarnation = s.Incarnation + 1 },
		"an incarnation twice":         func(s *State) { s.Seats[2].Incarnation = s.Seats[1].Incarnation },
		"the program's incarnation":    func(s *State) { s.Seats[2].Incarnation = s.Program.Incarnation },
		"the program without a start":  func(s *State) { s.Program.Start = Start{} },
		"a seat without a start":       func(s *State) { s.Seats[1].Start = Start{} },
		"more incarnations than fit":   func(s *State) { s.Incarnation = MaxIncarnation + 1 },
		"the host not first":           func(s *State) { s.Seats = s.Seats[1:] },
		"a second host":                func(s *State) { s.Seats[1].Role = Host },
		"the host a speaker":           func(s *State) { s.Seats[0].Role = Speaker },
		"the host twice":               func(s *State) { s.Seats[1].Person = s.Seats[0].Person },
		"slots out of order":           func(s *State) { s.Seats[1].Slot, s.Seats[2].Slot = s.Seats[2].Slot, s.Seats[1].Slot },
		"a slot twice":                 func(s *State) { s.Seats[2].Slot = s.Seats[1].Slot },
		"the host on another slot":     func(s *State) { s.Seats = s.Seats[:1]; s.Seats[0].Slot = 2 },
		"a slot too high":              func(s *State) { s.Seats[len(s.Seats)-1].Slot = MaxSeats + 1 },
		"the host away from itself":    func(s *State) { s.Seats[0].Away = true },
		"a speaker without a name":     func(s *State) { s.Seats[1].Name = "" },
		"a speaker without a device":   func(s *State) { s.Seats[1].Device = Device{} },
		"one device, two places":       func(s *State) { s.Hands[0].Device = s.Seats[1].Device },
		"a speaker with a hand up":     func(s *State) { s.Hands[0].Person = s.Seats[1].Person },
		"a hand twice":                 func(s *State) { s.Hands[1].Person = s.Hands[0].Person },
		"a hand with a raw name":       func(s *State) { s.Hands[0].Name = " x" },
		"a hand with a bad time":       func(s *State) { s.Hands[0].Since = -1 },
		"too many hands":               func(s *State) { s.Hands = long(MaxHands + 1) },
		"too many invited":             func(s *State) { s.Invited = make([]Person, MaxInvited+1) },
		"invited from the stage":       func(s *State) { s.Invited = []Person{s.Seats[0].Person} },
		"invited twice":                func(s *State) { s.Invited = []Person{{77}, {77}} },
		"nobody invited":               func(s *State) { s.Invited = []Person{{}} },
		"a removed speaker":            func(s *State) { s.Removed[0] = s.Seats[1].Person },
		"removed twice":                func(s *State) { s.Removed = append(s.Removed, s.Removed[0]) },
		"nobody removed":               func(s *State) { s.Removed[0] = Person{} },
		"too many removed":             func(s *State) { s.Removed = make([]Person, MaxRemoved+1) },
		"a charter of the future":      func(s *State) { s.Charter.Mode = modes },
		"a co-host twice":              func(s *State) { s.Charter.CoHosts[1] = s.Charter.CoHosts[0] },
		"the host a co-host":           func(s *State) { s.Charter.CoHosts[0].Person = s.Charter.Host },
		"a co-host without a name":     func(s *State) { s.Charter.CoHosts[0].Name = "" },
		"a co-host's seat a speaker's": func(s *State) { s.Seats[4].Role = Speaker },
		"too many co-hosts":            func(s *State) { s.Charter.CoHosts = make([]Successor, MaxCoHosts+1) },
		"a stick held that is in":      func(s *State) { s.Stick.Holder = s.Seats[1].Person },
		"a stick held off stage":       func(s *State) { s.Stick = Stick{Out: true, Holder: Person{77}, Slot: 2} },
		"a stick of another slot":      func(s *State) { s.Stick = Stick{Out: true, Holder: s.Seats[1].Person, Slot: 7} },
		"waiting for no time":          func(s *State) { s.Waiting, s.Program = true, Program{Device: s.Program.Device} },
		"waiting and published":        func(s *State) { s.Waiting, s.Charter.Starts = true, 1 },
		"a line of the future":         func(s *State) { s.Chat[0].Changed = s.Seq + 1 },
		"a line without a number":      func(s *State) { s.Chat[0].Seq = 0 },
		"a line of nobody":             func(s *State) { s.Chat[0].Person = Person{} },
		"a line without a name":        func(s *State) { s.Chat[0].Name = "" },
		"a line that is not clean":     func(s *State) { s.Chat[0].Text = "a\x00" },
		"a line with a bad time":       func(s *State) { s.Chat[0].Time = -1 },
		"an erased line with a text":   func(s *State) { s.Chat[0].Changed++ },
		"a line twice":                 func(s *State) { s.Chat = append(s.Chat, s.Chat[0]) },
		"too many lines": func(s *State) {
			s.Seq = 1000
			for i := range uint64(MaxLines) {
				s.Chat = append(s.Chat, Line{Seq: 100 + i, Person: Person{1}, Name: "x", Text: "x", Changed: 100 + i})
			}
		},
		"too long a chat": func(s *State) {
			s.Seq = 1000
			for i := range uint64(40) {
				s.Chat = append(s.Chat, Line{Seq: 100 + i, Person: Person{1}, Name: "x", Text: strings.Repeat("ש", 500), Changed: 100 + i})
			}
		},
		"an empty line on top": func(s *State) { s.Pinned = Line{Seq: 1, Person: Person{1}, Name: "x", Changed: 1} },
		"slower than an hour":  func(s *State) { s.Slow = MaxSlow + 1 },
		"more seats than there may be": func(s *State) {
			for i := range byte(MaxSeats) {
				s.Seats = append(s.Seats, Seat{Person: Person{201, i}, Device: Device{201, i}, Name: "x", Role: Speaker, Slot: 5 + i})
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := staffed(t)
			if _, err := SignSnapshot(ana(t), s); err != nil {
				t.Fatal(err)
			}
			change(s)
			if _, err := SignSnapshot(ana(t), s); err == nil {
				t.Error("signed")
			}
			if _, _, err := OpenSnapshot(ok(ana(t).Sign(kindSnapshot, wireSnapshot(s))), noon); err == nil {
				t.Error("opened")
			}
		})
	}
}

// A room at all its limits, with the longest names, still has a snapshot that can be sent.
func TestLargestSnapshotFits(t *testing.T) {
	title, name := strings.Repeat("ش", MaxTitle), strings.Repeat("😀", 16)
	c, err := NewCharter(anaA.person(), title, "abc-defghijk-lmn", Concert, noon, [16]byte{7})
	if err != nil {
		t.Fatal(err)
	}
	c.Access = ByInvitation
	s, _ := Open(c, anaA.first(), name, [32]byte{42}, noon)
	many := func(group, i int) doc.Author {
		return doc.Author{Person: Person{byte(group), byte(i), byte(i >> 8)}, Device: Device{byte(group), byte(i), byte(i >> 8)}}
	}
	s.Incarnation = 1 << 23
	do(t, s, anaA.first(), Command{Kind: Publish, Program: true})
	for i := range MaxSeats - 1 {
		do(t, s, many(10, i), Command{Kind: RaiseHand, Name: name})
		do(t, s, anaA.first(), Command{Kind: Grant, To: many(10, i).Person})
		do(t, s, many(10, i), Command{Kind: Publish})
	}
	for i := range MaxHands {
		do(t, s, many(11, i), Command{Kind: RaiseHand, Name: name})
	}
	for i := range MaxRemoved {
		do(t, s, anaA.first(), Command{Kind: Remove, To: many(12, i).Person})
	}
	for i := range MaxInvited {
		do(t, s, anaA.first(), Command{Kind: Invite, To: many(13, i).Person})
	}
	for i := range MaxCoHosts {
		do(t, s, anaA.first(), Command{Kind: Appoint, To: many(13, i).Person, Name: name})
	}
	for i := range MaxListed {
		do(t, s, anaA.first(), Command{Kind: Admit, To: many(15, i).Person})
	}
	for i := range MaxKeepers {
		do(t, s, anaA.first(), Command{Kind: Entrust, To: many(18, i).Person})
	}
	do(t, s, anaA.first(), Command{Kind: Relink, Invitation: Person{16}})
	do(t, s, anaA.first(), Command{Kind: Rekey, Check: [32]byte{17}, From: 1 << 60, Seconds: MaxSlow})
	// As many lines as fit, as long as they may be together.
	text := strings.Repeat("😀", maxChatBytes/MaxLines/4)
	for i := range MaxLines {
		do(t, s, many(14, i), Command{Kind: Say, Name: name, Text: text})
	}
	do(t, s, anaA.first(), Command{Kind: Pin, Name: name, Text: strings.Repeat("😀", maxMessageByte/4)})
	do(t, s, anaA.first(), Command{Kind: StickOut})
	if len(s.Chat) != MaxLines {
		t.Errorf("%d lines", len(s.Chat))
	}
	raw, err := SignSnapshot(identity(t, 1, 101, strings.Repeat("😀", 32)), s)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes", len(raw))
	if _, _, err := OpenSnapshot(raw, noon); err != nil {
		t.Error(err)
	}
}
