package room

import (
	"errors"
	"testing"
)

func TestTalkingStick(t *testing.T) {
	s := opened(t)
	for _, a := range []actor{boA, cyA, danA} {
		seat(t, s, a)
		do(t, s, a.first(), Command{Kind: Publish})
	}
	do(t, s, anaA.first(), Command{Kind: Publish})
	speaks := func(want ...actor) {
		t.Helper()
		for _, a := range []actor{anaA, boA, cyA, danA} {
			_, _, may := s.MaySend(a.first().Device)
			wanted := false
			for _, w := range want {
				wanted = wanted || w == a
			}
			if may != wanted {
				t.Errorf("%s may speak: %v", a.name, may)
			}
		}
	}
	pass := func(to Person) { t.Helper(); do(t, s, anaA.first(), Command{Kind: PassStick, To: to}) }
	refused := func(by actor, c Command, want error) {
		t.Helper()
		c.Room = s.Charter.Room
		if _, err := s.Decide(by.first(), c, noon); !errors.Is(err, want) {
			t.Errorf("%v by %s: %v, want %v", c.Kind, by.name, err, want)
		}
	}
	speaks(anaA, boA, cyA, danA)

	do(t, s, anaA.first(), Command{Kind: StickOut})
	speaks(anaA)
	refused(anaA, Command{Kind: PassStick, To: anaA.person()}, ErrNoChange)
	refused(anaA, Command{Kind: PassStick, To: eveA.person()}, ErrNotSeated)
	refused(boA, Command{Kind: LayStick}, ErrNoChange)

	// Next, and next, once round the stage.
	for _, next := range []actor{boA, cyA, danA, anaA, boA} {
		if s.Next() != next.person() {
			t.Errorf("next is not %s", next.name)
		}
		pass(Person{})
		speaks(next)
	}
	refused(boA, Command{Kind: PassStick}, ErrNotAllowed) // it is for who leads to say who is next
	pass(danA.person())
	speaks(danA)

	// Muted stays muted with the stick, and the stick opens nobody's microphone.
	do(t, s, anaA.first(), Command{Kind: Mute, To: danA.person()})
	speaks()
	do(t, s, danA.first(), Command{Kind: Unmute})
	speaks(danA)

	do(t, s, danA.first(), Command{Kind: LayStick})
	speaks()
	pass(Person{})
	speaks(anaA)
	pass(boA.person())
	do(t, s, boA.first(), Command{Kind: Leave})
	speaks()
	pass(Person{}) // who was next to him
	speaks(cyA)

	do(t, s, anaA.first(), Command{Kind: StickIn})
	speaks(anaA, cyA, danA)
	if s.Stick != (Stick{}) {
		t.Errorf("stick %+v", s.Stick)
	}
}
