package room

import (
	"bytes"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"salon/ledger/doc"
)

// The people of the tests. Each has two devices; only the first has a place in the room.
type actor struct {
	name string
	id   byte
}

var (
	anaA = actor{"ana", 1} // hosts
	boA  = actor{"bo", 2}  // speaks
	cyA  = actor{"cy", 3}  // has a hand up
	danA = actor{"dan", 4} // listens
	eveA = actor{"eve", 5} // was removed
	fayA = actor{"fay", 6} // speaks, for others to act on
	gilA = actor{"gil", 7} // has a hand up, for others to act on
	halA = actor{"hal", 8} // speaks, muted
	ivyA = actor{"ivy", 9} // was invited to speak

	jonA = actor{"jon", 20} // co-host on stage, in staffed
	leoA = actor{"leo", 21} // co-host on stage, for others to act on
)

// Rules never look at signatures, so keys need not be real.
func (a actor) person() Person { return Person{a.id} }
func (a actor) first() doc.Author {
	return doc.Author{Person: a.person(), Device: Device{a.id, 1}}
}
func (a actor) second() doc.Author {
	return doc.Author{Person: a.person(), Device: Device{a.id, 2}}
}

func opened(t testing.TB) *State {
	t.Helper()
	c, err := NewCharter(anaA.person(), "Evening talk", "en", Talk, noon, [16]byte{7})
	if err != nil {
		t.Fatal(err)
	}
	s, _ := Open(c, anaA.first(), "ana", [32]byte{42}, noon)
	return s
}

// do decides and applies, and fails the test when either refuses.
func do(t testing.TB, s *State, by doc.Author, c Command) (Event, []Effect) {
	t.Helper()
	c.Room = s.Charter.Room
	ev, err := s.Decide(by, started(c), noon)
	if err != nil {
		t.Fatalf("%v: %v", c.Kind, err)
	}
	effects, err := s.Apply(ev)
	if err != nil {
		t.Fatalf("%v decided, but: %v", c.Kind, err)
	}
	return ev, effects
}

// started is a command as it is sent: who publishes chooses a start.
func started(c Command) Command {
	if c.Kind == Publish && c.Start.IsZero() {
		c.Start = Start{1}
	}
	return c
}

func raise(t testing.TB, s *State, a actor) {
	do(t, s, a.first(), Command{Kind: RaiseHand, Name: a.name})
}

func seat(t testing.TB, s *State, a actor) {
	raise(t, s, a)
	do(t, s, anaA.first(), Command{Kind: Grant, To: a.person()})
}

// busy returns the room that the actors above describe.
func busy(t testing.TB) *State {
	t.Helper()
	s := opened(t)
	for _, a := range []actor{boA, fayA, halA} {
		seat(t, s, a)
	}
	raise(t, s, cyA)
	raise(t, s, gilA)
	do(t, s, boA.first(), Command{Kind: Publish})
	do(t, s, halA.first(), Command{Kind: Mute})
	do(t, s, anaA.first(), Command{Kind: Remove, To: eveA.person()})
	do(t, s, anaA.first(), Command{Kind: Invite, To: ivyA.person()})
	do(t, s, anaA.first(), Command{Kind: Publish, Program: true})
	return s
}

// staffed is busy with two co-hosts and a line of fay's in the chat.
func staffed(t testing.TB) *State {
	t.Helper()
	s := busy(t)
	for _, a := range []actor{jonA, leoA} {
		do(t, s, anaA.first(), Command{Kind: Appoint, To: a.person(), Name: a.name})
		do(t, s, a.first(), Command{Kind: Accept, Name: a.name})
	}
	if ev, _ := do(t, s, fayA.first(), Command{Kind: Say, Name: "fay", Text: "hello"}); ev.Seq != lineOfFay {
		t.Fatalf("fay's line is %d", ev.Seq)
	}
	return s
}

const lineOfFay = 19

func TestWhatCommandsDo(t *testing.T) {
	s := busy(t)
	cy, bo := cyA.person(), boA.person()

	_, effects := do(t, s, anaA.first(), Command{Kind: Grant, To: cy})
	seated := Seat{Person: cy, Device: cyA.first().Device, Name: "cy", Role: Speaker, Slot: 5}
	hand := Hand{Person: cy, Device: cyA.first().Device, Name: "cy", Since: noon.UnixMilli()}
	if want := []Effect{Lowered{hand}, Seated{seated}}; !reflect.DeepEqual(effects, want) {
		t.Errorf("grant: %+v", effects)
	}
	if _, _, ok := s.MaySend(seated.Device); ok || s.RoleOf(cy) != Speaker {
		t.Error("a new speaker may send without having asked for an incarnation")
	}

	ev, effects := do(t, s, cyA.first(), Command{Kind: Publish})
	seated.Incarnation, seated.Start = 3*lanes, ev.Start // bo had the first, the program the second
	if want := []Effect{Published{5, seated.Device, 3 * lanes, seated}}; ev.Slot != 5 || ev.Incarnation != 3*lanes || !reflect.DeepEqual(effects, want) {
		t.Errorf("publish: %+v", effects)
	}
	if slot, inc, ok := s.MaySend(seated.Device); !ok || slot != 5 || inc != 3*lanes {
		t.Errorf("cy may send slot %d, %d, %v", slot, inc, ok)
	}

	_, effects = do(t, s, anaA.first(), Command{Kind: Mute, To: cy})
	seated.Muted = true
	if want := []Effect{Muted{seated, true}}; !reflect.DeepEqual(effects, want) {
		t.Errorf("mute: %+v", effects)
	}
	if _, _, ok := s.MaySend(seated.Device); ok {
		t.Error("a muted speaker may send")
	}
	do(t, s, cyA.second(), Command{Kind: Unmute})

	// The seat moves with the person; the old device is silent from then on.
	do(t, s, cyA.second(), Command{Kind: Publish})
	if _, _, ok := s.MaySend(cyA.first().Device); ok {
		t.Error("the device that was left behind may send")
	}
	if slot, inc, ok := s.MaySend(cyA.second().Device); !ok || slot != 5 || inc != 4*lanes {
		t.Errorf("the new device may send slot %d, %d, %v", slot, inc, ok)
	}

	_, effects = do(t, s, anaA.first(), Command{Kind: Remove, To: bo})
	if _, isDrop := effects[len(effects)-1].(Drop); !isDrop || len(effects) != 2 || !s.IsRemoved(bo) || s.RoleOf(bo) != Listener {
		t.Errorf("remove: %+v", effects)
	}
	if _, _, ok := s.MaySend(boA.first().Device); ok {
		t.Error("a removed speaker may send")
	}

	// The lowest slot that became free is given next.
	if ev, _ := do(t, s, anaA.first(), Command{Kind: Grant, To: gilA.person()}); ev.Slot != 2 {
		t.Errorf("gil has slot %d", ev.Slot)
	}
	_, effects = do(t, s, gilA.first(), Command{Kind: Leave})
	if _, isUnseated := effects[0].(Unseated); !isUnseated || len(effects) != 1 {
		t.Errorf("leave: %+v", effects)
	}

	_, effects = do(t, s, anaA.second(), Command{Kind: End})
	if want := []Effect{Closed{}}; !s.Ended || !reflect.DeepEqual(effects, want) {
		t.Errorf("end: %+v", effects)
	}
	if _, _, ok := s.MaySend(cyA.second().Device); ok {
		t.Error("a speaker may send in a room that has ended")
	}
	for k := RaiseHand; k < kinds; k++ {
		if k == Resumed || k == TookOver { // no command
			continue
		}
		c := Command{Room: s.Charter.Room, Kind: k}
		fill(&c, bo)
		for _, a := range []actor{anaA, danA} {
			if _, err := s.Decide(a.first(), started(c), noon); !errors.Is(err, ErrEnded) {
				t.Errorf("%v by %s after the end: %v", k, a.name, err)
			}
		}
	}
}

// fill gives a command what its kind needs.
func fill(c *Command, to Person) {
	has := fields[c.Kind]
	if has&needsTo != 0 {
		c.To = to
	}
	if has&hasName != 0 {
		c.Name = "x"
	}
	if has&hasText != 0 {
		c.Text = "hello"
	}
	if has&hasRef != 0 && c.Text == "" {
		c.Ref = 7
	}
	if has&hasPlace != 0 {
		c.Place = 1
	}
	if has&hasInvitation != 0 {
		c.Invitation = Person{77}
	}
	if has&hasKey != 0 {
		c.Check, c.From = [32]byte{78}, 79
	}
}

func TestHostsControls(t *testing.T) {
	s := busy(t)
	refused := func(by actor, c Command, want error) {
		t.Helper()
		c.Room = s.Charter.Room
		if _, err := s.Decide(by.first(), c, noon); !errors.Is(err, want) {
			t.Errorf("%v by %s: %v, want %v", c.Kind, by.name, err, want)
		}
	}
	hand := Command{Kind: RaiseHand, Name: "dan"}

	// Who is muted already and the host are left alone; nobody is unmuted by it.
	_, effects := do(t, s, anaA.first(), Command{Kind: MuteAll})
	for _, seat := range s.Seats {
		if seat.Muted != (seat.Role == Speaker) {
			t.Errorf("after mute all: %+v", seat)
		}
	}
	if len(effects) != 2 {
		t.Errorf("mute all: %+v", effects)
	}
	refused(anaA, Command{Kind: MuteAll}, ErrNoChange)
	do(t, s, boA.first(), Command{Kind: Unmute})

	hands := slices.Clone(s.Hands)
	do(t, s, anaA.first(), Command{Kind: CloseHands})
	if !slices.Equal(s.Hands, hands) {
		t.Errorf("closing hands lowered some: %+v", s.Hands)
	}
	refused(danA, hand, ErrHandsClosed)
	refused(cyA, hand, ErrNoChange) // is up already
	refused(anaA, Command{Kind: CloseHands}, ErrNoChange)
	do(t, s, anaA.first(), Command{Kind: Grant, To: cyA.person()})
	do(t, s, anaA.first(), Command{Kind: OpenHands})
	do(t, s, danA.first(), hand)

	do(t, s, anaA.first(), Command{Kind: Lock})
	refused(anaA, Command{Kind: Lock}, ErrNoChange)
	do(t, s, danA.first(), Command{Kind: LowerHand}) // who is inside goes on as before
	do(t, s, anaA.first(), Command{Kind: Unlock})

	refused(eveA, Command{Kind: RaiseHand, Name: "eve"}, ErrRemoved)
	do(t, s, anaA.first(), Command{Kind: Readmit, To: eveA.person()})
	refused(anaA, Command{Kind: Readmit, To: eveA.person()}, ErrNotRemoved)
	do(t, s, eveA.first(), Command{Kind: RaiseHand, Name: "eve"})
}

func TestInvitations(t *testing.T) {
	s := opened(t)
	dan := danA.person()
	refused := func(by doc.Author, c Command, want error) {
		t.Helper()
		c.Room = s.Charter.Room
		if _, err := s.Decide(by, c, noon); !errors.Is(err, want) {
			t.Errorf("%v: %v, want %v", c.Kind, err, want)
		}
	}
	accept := Command{Kind: Accept, Name: "dan"}

	do(t, s, anaA.first(), Command{Kind: Invite, To: dan})
	refused(anaA.first(), Command{Kind: Accept, Name: "ana"}, ErrNoChange)
	refused(boA.first(), Command{Kind: Accept, Name: "bo"}, ErrNotInvited)
	ev, effects := do(t, s, danA.second(), accept)
	want := Seat{Person: dan, Device: danA.second().Device, Name: "dan", Role: Speaker, Slot: 2}
	if seat, ok := s.SeatOf(dan); !ok || seat != want || ev.Slot != 2 || s.IsInvited(dan) {
		t.Errorf("accepted: %+v, %+v", seat, s.Invited)
	}
	if w := []Effect{Seated{want}}; !reflect.DeepEqual(effects, w) {
		t.Errorf("accept: %+v", effects)
	}
	do(t, s, danA.second(), Command{Kind: Return})
	refused(danA.first(), accept, ErrNotInvited) // once

	// A raised hand and an invitation are one seat.
	do(t, s, danA.first(), Command{Kind: RaiseHand, Name: "dan"})
	do(t, s, anaA.first(), Command{Kind: Invite, To: dan})
	do(t, s, danA.first(), accept)
	if len(s.Hands)+len(s.Invited) != 0 {
		t.Errorf("left over: %+v, %+v", s.Hands, s.Invited)
	}
	do(t, s, danA.first(), Command{Kind: Return})
	do(t, s, anaA.first(), Command{Kind: Invite, To: dan})
	do(t, s, danA.first(), Command{Kind: RaiseHand, Name: "dan"})
	do(t, s, anaA.first(), Command{Kind: Grant, To: dan})
	if len(s.Hands)+len(s.Invited) != 0 {
		t.Errorf("left over: %+v, %+v", s.Hands, s.Invited)
	}

	for name, end := range map[string]func(){
		"declined":   func() { do(t, s, boA.first(), Command{Kind: Decline}) },
		"taken back": func() { do(t, s, anaA.first(), Command{Kind: Decline, To: boA.person()}) },
	} {
		do(t, s, anaA.first(), Command{Kind: Invite, To: boA.person()})
		end()
		refused(boA.first(), Command{Kind: Accept, Name: "bo"}, ErrNotInvited)
		if len(s.Invited) != 0 {
			t.Errorf("%s: %+v", name, s.Invited)
		}
	}
	do(t, s, anaA.first(), Command{Kind: Invite, To: boA.person()})
	do(t, s, anaA.first(), Command{Kind: Remove, To: boA.person()})
	if len(s.Invited) != 0 {
		t.Errorf("removed, and still invited: %+v", s.Invited)
	}
}

func TestLimits(t *testing.T) {
	crowd := func(i int) actor { return actor{"x", byte(i)} }
	t.Run("seats", func(t *testing.T) {
		s := opened(t)
		for i := range MaxSeats - 1 {
			seat(t, s, crowd(10+i))
		}
		raise(t, s, danA)
		grant := Command{Room: s.Charter.Room, Kind: Grant, To: danA.person()}
		if _, err := s.Decide(anaA.first(), grant, noon); !errors.Is(err, ErrFull) {
			t.Errorf("a seat too many: %v", err)
		}
		do(t, s, crowd(12).first(), Command{Kind: Return})
		if ev, _ := do(t, s, anaA.first(), grant); ev.Slot != 4 {
			t.Errorf("dan has slot %d, want the one that became free", ev.Slot)
		}
	})
	many := func(i int) doc.Author {
		return doc.Author{Person: Person{100, byte(i), byte(i >> 8)}, Device: Device{100, byte(i), byte(i >> 8)}}
	}
	t.Run("hands", func(t *testing.T) {
		s := opened(t)
		c := Command{Room: s.Charter.Room, Kind: RaiseHand, Name: "x"}
		for i := range MaxHands {
			do(t, s, many(i), c)
		}
		if _, err := s.Decide(danA.first(), c, noon); !errors.Is(err, ErrFull) {
			t.Errorf("a hand too many: %v", err)
		}
	})
	t.Run("removed", func(t *testing.T) {
		s := opened(t)
		for i := range MaxRemoved + 1 {
			do(t, s, anaA.first(), Command{Kind: Remove, To: many(i).Person})
		}
		if len(s.Removed) != MaxRemoved || s.IsRemoved(many(0).Person) || !s.IsRemoved(many(MaxRemoved).Person) {
			t.Errorf("%d removed", len(s.Removed))
		}
	})
	t.Run("incarnations", func(t *testing.T) {
		s := opened(t)
		s.Incarnation = MaxIncarnation - lanes
		do(t, s, anaA.first(), Command{Kind: Publish})
		if _, err := s.Decide(anaA.first(), Command{Room: s.Charter.Room, Kind: Publish, Start: Start{1}}, noon); !errors.Is(err, ErrIncarnation) {
			t.Errorf("one too many: %v", err)
		}
	})
}

// A device that two people have certified must not get two places.
func TestOneDeviceOnePlace(t *testing.T) {
	s := busy(t)
	shared := boA.first().Device
	c := Command{Room: s.Charter.Room, Kind: RaiseHand, Name: "dan"}
	if _, err := s.Decide(doc.Author{Person: danA.person(), Device: shared}, c, noon); !errors.Is(err, ErrDeviceBusy) {
		t.Errorf("raised a hand: %v", err)
	}
	c = Command{Room: s.Charter.Room, Kind: Publish, Start: Start{1}}
	if _, err := s.Decide(doc.Author{Person: fayA.person(), Device: shared}, c, noon); !errors.Is(err, ErrDeviceBusy) {
		t.Errorf("published: %v", err)
	}
}

func TestDecideRefusesNonsense(t *testing.T) {
	s := busy(t)
	for name, c := range map[string]Command{
		"another room":                   {Room: ID{1}, Kind: Mute},
		"no kind":                        {},
		"opened":                         {Kind: Opened},
		"resumed":                        {Kind: Resumed},
		"an unknown kind":                {Kind: kinds},
		"grant to nobody":                {Kind: Grant},
		"a hand without a name":          {Kind: RaiseHand},
		"a hand for another":             {Kind: RaiseHand, Name: "x", To: boA.person()},
		"a hand with a bidi control":     {Kind: RaiseHand, Name: "a\u202eb"},
		"mute with a name":               {Kind: Mute, Name: "x"},
		"mute the program":               {Kind: Mute, Program: true},
		"publish for another":            {Kind: Publish, To: boA.person(), Start: Start{1}},
		"publish without a start":        {Kind: Publish},
		"mute with a start":              {Kind: Mute, Start: Start{1}},
		"mute with a text":               {Kind: Mute, Text: "x"},
		"mute with a line":               {Kind: Mute, Ref: 1},
		"mute with a place":              {Kind: Mute, Place: 1},
		"mute with seconds":              {Kind: Mute, Seconds: 1},
		"a hand put nowhere":             {Kind: PlaceHand, To: cyA.person()},
		"a line without a text":          {Kind: Say, Name: "x"},
		"a line without a name":          {Kind: Say, Text: "x"},
		"a line too long":                {Kind: Say, Name: "x", Text: strings.Repeat("x", MaxMessage+1)},
		"a line that is not clean":       {Kind: Say, Name: "x", Text: "x\n"},
		"erase nothing":                  {Kind: Erase},
		"pin nothing":                    {Kind: Pin},
		"pin both":                       {Kind: Pin, Ref: 1, Text: "x", Name: "x"},
		"pin a text without a name":      {Kind: Pin, Text: "x"},
		"a link without an invitation":   {Kind: Relink},
		"a key without a check":          {Kind: Rekey, From: 7},
		"mute with an invitation":        {Kind: Mute, Invitation: Person{1}},
		"mute with a key":                {Kind: Mute, Check: [32]byte{1}},
		"mute from a frame on":           {Kind: Mute, From: 1},
		"slower than an hour":            {Kind: Slow, Seconds: MaxSlow + 1},
		"appoint without a name":         {Kind: Appoint, To: boA.person()},
		"a time that would overflow":     {Kind: Mute, Time: 1<<63 - 1},
		"a time before there were times": {Kind: Mute, Time: -1},
	} {
		if c.Room == (ID{}) {
			c.Room = s.Charter.Room
		}
		if ev, err := s.Decide(anaA.first(), c, noon); err == nil {
			t.Errorf("%s became %+v", name, ev)
		}
	}
	if _, err := NewState(s.Charter).Decide(anaA.first(), Command{Room: s.Charter.Room, Kind: End}, noon); !errors.Is(err, ErrSeq) {
		t.Errorf("before the room was opened: %v", err)
	}
	// A clock that was set back does not turn the room's time back.
	ev, err := s.Decide(anaA.first(), Command{Room: s.Charter.Room, Kind: Mute}, noon.Add(-time.Hour))
	if err != nil || ev.Time != noon.UnixMilli() {
		t.Errorf("time %d, %v", ev.Time, err)
	}
}

func TestApplyRefusesWhatTheRulesDoNotGive(t *testing.T) {
	s := busy(t)
	good, err := s.Decide(anaA.first(), Command{Room: s.Charter.Room, Kind: Grant, To: gilA.person()}, noon)
	if err != nil {
		t.Fatal(err)
	}
	before := ok(s.Bytes())
	for _, c := range []struct {
		name   string
		change func(*Event)
		want   error
	}{
		{"another room", func(ev *Event) { ev.Room[0]++ }, ErrOtherRoom},
		{"a gap", func(ev *Event) { ev.Seq++ }, ErrSeq},
		{"the past", func(ev *Event) { ev.Seq-- }, ErrSeq},
		{"number 0", func(ev *Event) { ev.Seq = 0 }, ErrField},
		{"time backwards", func(ev *Event) { ev.Time-- }, ErrEvent},
		{"time without end", func(ev *Event) { ev.Time = maxTime + 1 }, ErrField},
		{"an older term", func(ev *Event) { ev.Term = Term{} }, ErrTerm},
		{"a newer term", func(ev *Event) { ev.Term.Epoch++ }, ErrTerm},
		{"a kind of the future", func(ev *Event) { ev.Kind = kinds }, ErrField},
		{"opening again", func(ev *Event) { ev.Kind = Opened }, ErrNotAllowed},
		{"by nobody", func(ev *Event) { ev.By = Person{} }, ErrField},
		{"by a speaker", func(ev *Event) { ev.By = boA.person() }, ErrNotAllowed},
		{"another slot", func(ev *Event) { ev.Slot++ }, ErrEvent},
		{"the program's slot", func(ev *Event) { ev.Slot = 0 }, ErrEvent},
		{"an incarnation", func(ev *Event) { ev.Incarnation = 9 }, ErrEvent},
		{"a large incarnation", func(ev *Event) { ev.Incarnation = 1 << 24 }, ErrField},
		{"a name", func(ev *Event) { ev.Name = "x" }, ErrEvent},
		{"a bad name", func(ev *Event) { ev.Name = " " }, ErrField},
		{"a key", func(ev *Event) { ev.Key[0] = 1 }, ErrEvent},
		{"a key epoch", func(ev *Event) { ev.KeyEpoch = 2 }, ErrEvent},
		{"program", func(ev *Event) { ev.Program = true }, ErrEvent},
	} {
		ev := good
		c.change(&ev)
		if effects, err := s.Apply(ev); !errors.Is(err, c.want) || effects != nil {
			t.Errorf("%s: %v, %v, want %v", c.name, effects, err, c.want)
		}
		if !bytes.Equal(ok(s.Bytes()), before) {
			t.Fatalf("%s changed the room", c.name)
		}
	}
	if _, err := s.Apply(good); err != nil {
		t.Error(err)
	}
}

func TestOpen(t *testing.T) {
	c := charter(t)
	host := ana(t).Author()
	s, ev := Open(c, host, "  Ana  ", [32]byte{42}, noon)
	replayed := NewState(c)
	effects, err := replayed.Apply(ev)
	if err != nil || len(effects) != 1 || !bytes.Equal(ok(replayed.Bytes()), ok(s.Bytes())) {
		t.Errorf("replayed: %v, %v", effects, err)
	}
	want := Seat{Person: host.Person, Device: host.Device, Name: "Ana", Role: Host, Slot: 1}
	if got, ok := s.SeatOf(host.Person); !ok || got != want || s.Program.Device != host.Device || s.KeyEpoch != 1 || s.Seq != 1 {
		t.Errorf("opened: %+v", s)
	}
	if s, _ := Open(c, host, "\x00", [32]byte{}, noon); s.Seats[0].Name != host.Person.Short() {
		t.Errorf("a name that cannot be shown became %q", s.Seats[0].Name)
	}
	for name, change := range map[string]func(*Event){
		"another host":  func(ev *Event) { ev.By = bo(t).Author().Person },
		"no name":       func(ev *Event) { ev.Name = "" },
		"another slot":  func(ev *Event) { ev.Slot = 2 },
		"another term":  func(ev *Event) { ev.Term.Reign = 2 },
		"another key":   func(ev *Event) { ev.KeyEpoch = 0 },
		"a second seq":  func(ev *Event) { ev.Seq = 2 },
		"another kind":  func(ev *Event) { ev.Kind = Mute },
		"an addressee":  func(ev *Event) { ev.To = ev.By },
		"an inc":        func(ev *Event) { ev.Incarnation = 1 },
		"program":       func(ev *Event) { ev.Program = true },
		"another room":  func(ev *Event) { ev.Room = ID{} },
		"no device":     func(ev *Event) { ev.Device = Device{} },
		"negative time": func(ev *Event) { ev.Time = -1 },
	} {
		bad := ev
		change(&bad)
		fresh := NewState(c)
		if _, err := fresh.Apply(bad); err == nil || fresh.Seq != 0 {
			t.Errorf("opened with %s", name)
		}
	}
	if _, err := NewState(Charter{}).Apply(ev); err == nil {
		t.Error("opened without a charter")
	}
	defer func() {
		if recover() == nil {
			t.Error("somebody else opened the room")
		}
	}()
	Open(c, bo(t).Author(), "Bo", [32]byte{}, noon)
}

func TestCloneSharesNothing(t *testing.T) {
	s := busy(t)
	before := ok(s.Bytes())
	c := s.Clone()
	do(t, c, boA.first(), Command{Kind: Mute})
	do(t, c, anaA.first(), Command{Kind: LowerHand, To: cyA.person()})
	do(t, c, anaA.first(), Command{Kind: Remove, To: danA.person()})
	if !bytes.Equal(ok(s.Bytes()), before) {
		t.Error("changing the copy changed the original")
	}
	if h, ok := s.HandOf(cyA.person()); !ok || h.Name != "cy" {
		t.Errorf("cy's hand is %+v, %v", h, ok)
	}
	if _, ok := s.HandOf(danA.person()); ok || slices.ContainsFunc(s.Seats, func(x Seat) bool { return x.Person == danA.person() }) {
		t.Error("dan has a place")
	}
}
