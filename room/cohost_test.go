package room

import (
	"reflect"
	"testing"

	"salon/ledger/doc"
)

func TestCoHosts(t *testing.T) {
	s := busy(t)
	appoint := func(a actor, place uint8) {
		t.Helper()
		_, effects := do(t, s, anaA.first(), Command{Kind: Appoint, To: a.person(), Name: a.name, Place: place})
		if want := []Effect{Chartered{}}; !reflect.DeepEqual(effects, want) {
			t.Errorf("appoint: %+v", effects)
		}
	}
	order := func(want ...actor) {
		t.Helper()
		var got []Successor
		for _, a := range want {
			got = append(got, Successor{a.person(), a.name, map[actor]uint8{boA: 1, danA: 2, gilA: 3}[a]}) // for good
		}
		if !reflect.DeepEqual(s.Charter.CoHosts, got) {
			t.Errorf("co-hosts %+v, want %+v", s.Charter.CoHosts, got)
		}
	}
	appoint(boA, 0)
	appoint(danA, 0)
	appoint(gilA, 1)
	order(gilA, boA, danA)
	appoint(gilA, 3)
	order(boA, danA, gilA)
	if s.Charter.Version != 5 {
		t.Errorf("version %d of the charter", s.Charter.Version)
	}
	if seat, _ := s.SeatOf(boA.person()); seat.Role != CoHost || s.RoleOf(danA.person()) != CoHost || s.OnStage(danA.person()) {
		t.Errorf("bo's seat %+v", seat)
	}

	// A co-host in the audience comes on stage unasked, a co-host brings others, and both mute the host.
	do(t, s, danA.first(), Command{Kind: Accept, Name: "dan"})
	if seat, _ := s.SeatOf(danA.person()); seat.Role != CoHost {
		t.Errorf("dan's seat %+v", seat)
	}
	do(t, s, boA.first(), Command{Kind: Grant, To: cyA.person()})
	do(t, s, boA.first(), Command{Kind: Mute, To: anaA.person()})
	do(t, s, danA.first(), Command{Kind: Return})

	do(t, s, anaA.first(), Command{Kind: Withdraw, To: boA.person()})
	if seat, _ := s.SeatOf(boA.person()); seat.Role != Speaker || s.Leads(boA.person()) {
		t.Errorf("bo's seat %+v", seat)
	}
	order(danA, gilA)

	// Who is removed is no co-host any more, and does not become one again by being let back in.
	_, effects := do(t, s, anaA.first(), Command{Kind: Remove, To: danA.person()})
	if want := []Effect{Chartered{}, Drop{danA.person()}}; !reflect.DeepEqual(effects, want) {
		t.Errorf("remove: %+v", effects)
	}
	do(t, s, anaA.first(), Command{Kind: Readmit, To: danA.person()})
	if order(gilA); s.Leads(danA.person()) {
		t.Error("dan leads again")
	}
	do(t, s, gilA.second(), Command{Kind: End})
}

func TestCoHostLimit(t *testing.T) {
	s := opened(t)
	for i := range MaxCoHosts {
		do(t, s, anaA.first(), Command{Kind: Appoint, To: Person{100, byte(i)}, Name: "x"})
	}
	c := Command{Room: s.Charter.Room, Kind: Appoint, To: danA.person(), Name: "dan"}
	if _, err := s.Decide(anaA.first(), c, noon); err != ErrFull {
		t.Errorf("one too many: %v", err)
	}
	// Within a full list the order can still change.
	do(t, s, anaA.first(), Command{Kind: Appoint, To: Person{100, 7}, Name: "x", Place: 1})
	if s.Charter.CoHosts[0].Person != (Person{100, 7}) || len(s.Charter.CoHosts) != MaxCoHosts {
		t.Errorf("co-hosts %+v", s.Charter.CoHosts)
	}
}

func TestStageOnly(t *testing.T) {
	s := opened(t)
	do(t, s, anaA.first(), Command{Kind: StageOnly})
	c := Command{Room: s.Charter.Room, Kind: RaiseHand, Name: "dan"}
	if _, err := s.Decide(danA.first(), c, noon); err != ErrStageOnly {
		t.Errorf("raised a hand: %v", err)
	}
	do(t, s, danA.first(), Command{Kind: Accept, Name: "dan"})
	do(t, s, anaA.first(), Command{Kind: Return, To: danA.person()})
	do(t, s, anaA.first(), Command{Kind: StageOpen})
	c.Kind = Accept
	if _, err := s.Decide(danA.first(), c, noon); err != ErrNotInvited {
		t.Errorf("came on stage: %v", err)
	}
}

func TestHandsHaveAnOrder(t *testing.T) {
	s := opened(t)
	for _, a := range []actor{boA, cyA, danA} {
		raise(t, s, a)
	}
	order := func(want ...actor) {
		t.Helper()
		for i, a := range want {
			if s.Hands[i].Person != a.person() {
				t.Errorf("hand %d is not %s's: %+v", i+1, a.name, s.Hands)
			}
		}
	}
	place := func(a actor, p uint8) {
		t.Helper()
		do(t, s, anaA.first(), Command{Kind: PlaceHand, To: a.person(), Place: p})
	}
	place(danA, 1)
	order(danA, boA, cyA)
	place(danA, 2)
	order(boA, danA, cyA)
	place(boA, 200) // beyond the end is the end
	order(danA, cyA, boA)
}

func TestScheduledRoomWaits(t *testing.T) {
	c := charter(t)
	c.Starts = noon.UnixMilli() + 60_000
	host := doc.Author{Person: c.Host, Device: Device{1, 1}}
	s, _ := Open(c, host, "ana", [32]byte{42}, noon)
	program := Command{Room: c.Room, Kind: Publish, Program: true, Start: Start{1}}
	if _, err := s.Decide(host, program, noon); !s.Waiting || err != ErrWaiting {
		t.Errorf("waiting %v, program: %v", s.Waiting, err)
	}
	_, effects := do(t, s, host, Command{Kind: Begin})
	if want := []Effect{Begun{}}; s.Waiting || !reflect.DeepEqual(effects, want) {
		t.Errorf("begin: %v, %+v", s.Waiting, effects)
	}
	do(t, s, host, program)
	c.Starts = noon.UnixMilli()
	if s, _ := Open(c, host, "ana", [32]byte{42}, noon); s.Waiting {
		t.Error("a room whose time has come waits")
	}
}
