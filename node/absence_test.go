package node

import (
	"context"
	"slices"
	"testing"
	"time"

	"salon/ledger/doc"
	"salon/room"
)

func TestAbsences(t *testing.T) {
	who := func(n byte) doc.Author {
		return doc.Author{Person: doc.PublicKey{n}, Device: doc.PublicKey{n, 1}}
	}
	ana, bo, cy, dan := who(1), who(2), who(3), who(4)
	s := &room.State{
		Charter: room.Charter{Host: ana.Person},
		Seats:   []room.Seat{{Person: ana.Person, Device: ana.Device}, {Person: bo.Person, Device: bo.Device}},
		Hands:   []room.Hand{{Person: cy.Person, Device: cy.Device}},
		Invited: []room.Person{dan.Person},
	}
	here := func(people ...doc.Author) present {
		p := present{people: map[doc.PublicKey]bool{}, devices: map[doc.PublicKey]bool{}}
		for _, a := range people {
			p.people[a.Person], p.devices[a.Device] = true, true
		}
		return p
	}
	a := make(absences)
	look := func(after time.Duration, p present, away, back []doc.PublicKey, gone []doc.Author) {
		t.Helper()
		gotAway, gotBack, gotGone := a.look(s, p, holdRoom, noon.Add(after))
		if !slices.Equal(gotAway, away) || !slices.Equal(gotBack, back) || !slices.Equal(gotGone, gone) {
			t.Errorf("after %s: away %v, back %v, gone %v; want %v, %v, %v", after, gotAway, gotBack, gotGone, away, back, gone)
		}
	}
	const sec = time.Second
	look(0, here(ana, bo, cy, dan), nil, nil, nil)
	if len(a) != 0 {
		t.Errorf("%v are absent", a)
	}
	look(10*sec, here(ana), nil, nil, nil)
	look(10*sec+awayAfter-1, here(ana), nil, nil, nil)
	look(10*sec+awayAfter, here(ana), []doc.PublicKey{bo.Person}, nil, nil)
	s.Seats[1].Away = true
	look(15*sec, here(ana), nil, nil, nil)
	// Another device of the same person is there: seat and hand are of the one that is not, the invitation is answered.
	other := func(a doc.Author) doc.Author {
		return doc.Author{Person: a.Person, Device: doc.PublicKey{9, a.Person[0]}}
	}
	look(20*sec, here(ana, other(bo), other(cy), other(dan)), nil, nil, nil)
	if len(a) != 2 {
		t.Errorf("%v are absent", a)
	}
	look(21*sec, here(ana), nil, nil, nil) // dan anew
	look(10*sec+holdRoom-1, here(ana), nil, nil, nil)
	look(10*sec+holdRoom, here(ana), nil, nil, []doc.Author{bo, cy})
	look(20*sec+holdRoom, here(ana, bo), nil, []doc.PublicKey{bo.Person}, []doc.Author{cy})
	s.Seats[1].Away, s.Hands = false, nil
	look(21*sec+holdRoom, here(ana, bo), nil, nil, []doc.Author{{Person: dan.Person}})
	// The host's own seat may be on another device; it waits for ever, for a room has a host.
	s.Seats[0].Device, s.Invited = doc.PublicKey{1, 9}, nil
	look(1000*sec, here(ana, bo), nil, nil, nil)
	look(2000*sec, here(ana, bo), []doc.PublicKey{ana.Person}, nil, nil)
}

// TestPlacesWait: a speaker, a hand and an invitation whose connections broke wait, are seen as away, and go in the end.
func TestPlacesWait(t *testing.T) {
	ctx := context.Background()
	ana := startNode(t, "Ana", nil)
	hosted, err := ana.StartRoom(Start{Title: "Places", Language: "en"})
	if err != nil {
		t.Fatal(err)
	}
	watcher := startNode(t, "Wes", nil)
	atWes, err := watcher.Join(ctx, hosted.View().Link)
	if err != nil {
		t.Fatal(err)
	}
	enter := func(name string) (*Node, *Room) {
		n := startMortal(t, t.TempDir(), name, anywhere)
		r, err := n.Join(ctx, hosted.View().Link)
		if err != nil || r.Phase() != Live {
			t.Fatalf("join: %v", err)
		}
		return n, r
	}
	do := func(r *Room, kind string, p doc.PublicKey) {
		t.Helper()
		if err := r.Do(ctx, Action{Kind: kind, Person: p}); err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
	}
	bo, atBo := enter("Bo")
	cy, atCy := enter("Cy")
	dan, _ := enter("Dan")
	do(atBo, "raise_hand", doc.PublicKey{})
	do(hosted, "grant", bo.Person())
	do(atCy, "raise_hand", doc.PublicKey{})
	do(hosted, "invite", dan.Person())
	for _, n := range []*Node{bo, cy, dan} {
		n.crash(t)
	}
	awaitChange(t, watcher, "Bo to be away", func() bool {
		v := atWes.View()
		return len(v.Stage) == 2 && v.Stage[1].Away && len(v.Hands) == 1
	})
	state := func() (seats, hands, invited int) {
		hosted.mu.Lock()
		defer hosted.mu.Unlock()
		return len(hosted.state.Seats), len(hosted.state.Hands), len(hosted.state.Invited)
	}
	// The page and the shell say so, and the host can still end it.
	if v := hosted.View(); !v.Stage[1].Away || v.Stage[0].Away {
		t.Errorf("%+v", v.Stage)
	}
	awaitChange(t, ana, "the connections to be gone", func() bool { return hosted.View().Listeners == 1 })
	now := time.Now()
	hosted.sweep(now)
	hosted.sweep(now.Add(holdRoom - 5*time.Second))
	if s, h, i := state(); s != 2 || h != 1 || i != 1 {
		t.Errorf("%d seats, %d hands, %d invited before their time", s, h, i)
	}
	hosted.sweep(now.Add(holdRoom + time.Second))
	if s, h, i := state(); s != 1 || h != 0 || i != 0 {
		t.Errorf("%d seats, %d hands, %d invited after it", s, h, i)
	}
	awaitChange(t, watcher, "the empty stage", func() bool { return len(atWes.View().Stage) == 1 })
}

// TestAwaySeatIsTheHosts: a seat that waits can be muted and taken back.
func TestAwaySeatIsTheHosts(t *testing.T) {
	ctx := context.Background()
	ana := startNode(t, "Ana", nil)
	hosted, err := ana.StartRoom(Start{Title: "Places", Language: "en", StageOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	bo := startMortal(t, t.TempDir(), "Bo", anywhere)
	atBo, err := bo.Join(ctx, hosted.View().Link)
	if err != nil {
		t.Fatal(err)
	}
	if err := atBo.Do(ctx, Action{Kind: "accept"}); err != nil {
		t.Fatal(err)
	}
	bo.crash(t)
	awaitChange(t, ana, "Bo to be away", func() bool { return hosted.View().Stage[1].Away })
	for _, kind := range []string{"mute", "return"} {
		if err := hosted.Do(ctx, Action{Kind: kind, Person: bo.Person()}); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
	if v := hosted.View(); len(v.Stage) != 1 {
		t.Errorf("%+v", v.Stage)
	}
}
