package room

import (
	"errors"
	"slices"
	"testing"

	"salon/ledger/doc"
)

func TestWhoMakesKeepers(t *testing.T) {
	for _, row := range []struct {
		name string
		by   doc.Author
		c    Command
		want error
	}{
		{"the host", anaA.first(), Command{Kind: Entrust, To: danA.person()}, nil},
		{"the host from another device", anaA.second(), Command{Kind: Entrust, To: danA.person()}, nil},
		{"a co-host as keeper", anaA.first(), Command{Kind: Entrust, To: jonA.person()}, nil},
		{"a co-host's wish", jonA.first(), Command{Kind: Entrust, To: danA.person()}, ErrNotAllowed},
		{"a keeper's wish", halA.first(), Command{Kind: Entrust, To: danA.person()}, ErrNotAllowed},
		{"a listener himself", danA.first(), Command{Kind: Entrust, To: danA.person()}, ErrNotAllowed},
		{"the removed", anaA.first(), Command{Kind: Entrust, To: eveA.person()}, ErrRemoved},
		{"twice", anaA.first(), Command{Kind: Entrust, To: halA.person()}, ErrNoChange},
		{"the host as keeper", anaA.first(), Command{Kind: Entrust, To: anaA.person()}, ErrNoChange},
		{"relieved", anaA.first(), Command{Kind: Relieve, To: halA.person()}, nil},
		{"relieved by a co-host", jonA.first(), Command{Kind: Relieve, To: halA.person()}, ErrNotAllowed},
		{"relieved by himself", halA.first(), Command{Kind: Relieve, To: halA.person()}, ErrNotAllowed},
		{"relieved who is none", anaA.first(), Command{Kind: Relieve, To: danA.person()}, ErrNoChange},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := closed(t)
			row.c.Room = s.Charter.Room
			ev, err := s.Decide(row.by, row.c, noon)
			if !errors.Is(err, row.want) {
				t.Fatalf("%v, want %v", err, row.want)
			}
			if err != nil {
				ev = Event{Room: s.Charter.Room, Term: s.Term, Seq: s.Seq + 1, Time: s.Time, Kind: row.c.Kind, By: row.by.Person, Device: row.by.Device, To: row.c.To}
				if _, err := s.Apply(ev); !errors.Is(err, row.want) {
					t.Errorf("applied: %v, want %v", err, row.want)
				}
				return
			}
			if _, err := s.Apply(ev); err != nil {
				t.Errorf("decided, but: %v", err)
			}
			if err := s.check(); err != nil {
				t.Error(err)
			}
			if got := s.IsKeeper(row.c.To); got != (row.c.Kind == Entrust) {
				t.Errorf("keeper: %v", got)
			}
		})
	}
	s := closed(t)
	for i := len(s.Keepers); i < MaxKeepers; i++ {
		do(t, s, anaA.first(), Command{Kind: Entrust, To: Person{100, byte(i)}})
	}
	if _, err := s.Decide(anaA.first(), Command{Room: s.Charter.Room, Kind: Entrust, To: danA.person()}, noon); !errors.Is(err, ErrFull) {
		t.Errorf("one too many: %v", err)
	}
}

// A keeper comes in, and that is all: the room is not theirs to lead, nor does their word count for who leads it.
func TestAKeeperLeadsNothing(t *testing.T) {
	s := closed(t)
	hal := halA.first()
	if s.Leads(hal.Person) || s.RoleOf(hal.Person) != Listener {
		t.Errorf("a keeper is %v", s.RoleOf(hal.Person))
	}
	if _, may := s.TakesOverAfter(hal); may {
		t.Error("a keeper waits to take over")
	}
	if _, err := s.TakeOver(hal, 0, 0, noon); !errors.Is(err, ErrNotAllowed) {
		t.Errorf("takes over: %v", err)
	}
	if _, err := s.Resume(hal, 0, noon); !errors.Is(err, ErrNotAllowed) {
		t.Errorf("resumes: %v", err)
	}
	for _, kind := range []Kind{Rekey, Remove, Admit, Entrust, TookOver, Resumed} {
		if err := s.MaySign(hal, Event{Kind: kind, By: hal.Person, Device: hal.Device}); !errors.Is(err, ErrNotLeader) {
			t.Errorf("signs %v: %v", kind, err)
		}
	}
	if s.Gate().Admit(hal, Claim{}, noon) != nil {
		t.Error("a keeper needs something to show")
	}
	keeper := bo(t) // with real keys
	s.Keepers = []Person{keeper.Author().Person}
	pass := ok(SignPass(keeper, Pass{Room: s.Charter.Room, Person: danA.person(), Time: noon.UnixMilli()}))
	if s.Gate().Admit(danA.first(), Claim{Room: s.Charter.Room, Pass: pass}, noon) == nil {
		t.Error("a keeper's pass lets somebody in")
	}
}

func TestWhoIsRemovedKeepsNothing(t *testing.T) {
	s := closed(t)
	do(t, s, jonA.first(), Command{Kind: Remove, To: halA.person()})
	if s.IsKeeper(halA.person()) {
		t.Error("the removed keeps the key")
	}
	do(t, s, jonA.first(), Command{Kind: Readmit, To: halA.person()})
	if s.IsKeeper(halA.person()) || slices.Contains(s.Keepers, Person{}) {
		t.Errorf("keepers %v: let back in by a co-host, and keeper again", s.Keepers)
	}
}
