package node

import (
	"context"
	"errors"
	"os"
	"sync"
	"testing"
	"time"

	"salon/ledger/doc"
	"salon/room"
)

// crash ends a node as kill -9 does: nobody is told, and nothing is put in order.
func (n *Node) crash(t *testing.T) {
	t.Helper()
	n.mu.Lock()
	n.stop()
	n.mu.Unlock()
	if err := n.host.Close(); err != nil {
		t.Fatal(err)
	}
	for _, r := range n.Rooms() {
		r.wg.Wait()
	}
	n.wg.Wait()
	if err := errors.Join(n.closeShop(), n.closeWitness()); err != nil {
		t.Error(err)
	}
	n.home.Close()
}

// startMortal runs a node that the test crashes itself, at one address.
func startMortal(t *testing.T, home, name, listen string) *Node {
	t.Helper()
	n, err := New(Options{Home: home, Name: name, NoMDNS: true, Listen: []string{listen}})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// at is the address a node listens at, to listen there again.
func (n *Node) at() string { return n.host.Addrs()[0].String() }

const anywhere = "/ip4/127.0.0.1/udp/0/quic-v1"

// TestAskedWhileTakingUp: whoever asks for a room while its host takes it up again is told that it comes.
func TestAskedWhileTakingUp(t *testing.T) {
	home := t.TempDir()
	ana := startMortal(t, home, "Ana", anywhere)
	hosted, err := ana.StartRoom(Start{Title: "Long evening", Language: "en"})
	if err != nil {
		t.Fatal(err)
	}
	ana.crash(t)
	ana = startMortal(t, home, "Ana", anywhere)
	defer func() {
		if err := ana.Close(); err != nil {
			t.Error(err)
		}
	}()
	asked, stop := make(chan struct{}), make(chan struct{})
	var asking sync.WaitGroup
	asking.Go(func() {
		if !ana.resumes(hosted.id) {
			t.Error("it is said not to come")
		}
		close(asked)
		for ana.resumes(hosted.id) {
			select {
			case <-stop:
				return
			default:
			}
		}
	})
	<-asked
	rooms := ana.Resume(nil)
	close(stop)
	asking.Wait()
	if len(rooms) != 1 || rooms[0].Phase() != Live || ana.resumes(hosted.id) {
		t.Errorf("%d rooms taken up", len(rooms))
	}
}

// TestHostComesBack: a host whose node was killed leads its room on, and everybody is where they were.
func TestHostComesBack(t *testing.T) {
	ctx := context.Background()
	home := t.TempDir()
	ana := startMortal(t, home, "Ana", anywhere)
	bo, cy, dan := startNode(t, "Bo", nil), startNode(t, "Cy", nil), startNode(t, "Dan", nil)
	hosted, err := ana.StartRoom(Start{Title: "Long evening", Language: "en"})
	if err != nil {
		t.Fatal(err)
	}
	enter := func(n *Node) *Room {
		r, err := n.Join(ctx, hosted.View().Link)
		if err != nil || r.Phase() != Live {
			t.Fatalf("join: %v", err)
		}
		return r
	}
	do := func(r *Room, kind string, who doc.PublicKey) {
		t.Helper()
		if err := r.Do(ctx, Action{Kind: kind, Person: who}); err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
	}
	none := doc.PublicKey{}
	atBo, atCy, atDan := enter(bo), enter(cy), enter(dan)
	do(atBo, "raise_hand", none)
	do(hosted, "grant", bo.Person())
	do(atCy, "raise_hand", none)
	awaitChange(t, bo, "the seat", atBo.seated)
	if err := atBo.Publish(ctx, newTone(t, 600)); err != nil {
		t.Fatal(err)
	}
	danHears := newEar(t)
	atDan.Play(danHears)
	danHears.hears(t, "Dan to hear Bo", true, 25)
	eve := startNode(t, "Eve", nil)
	enter(eve)
	do(hosted, "remove", eve.Person())
	do(hosted, "lock", none)
	hosted.mu.Lock()
	before := hosted.state.Clone()
	hosted.mu.Unlock()

	// Whatever changes on stage is seen.
	watched := make(chan string, 100)
	stop := dan.Watch(func(c Change) {
		if c.Kind == RoomChanged {
			go func() {
				v := atDan.View()
				if len(v.Stage) != 2 || len(v.Hands) != 1 {
					watched <- "somebody left"
				}
			}()
		}
	})
	defer stop()
	at := ana.at()
	ana.crash(t)
	awaitChange(t, dan, "the loss", func() bool { return atDan.Phase() == Reconnecting })
	if held := time.Until(time.UnixMilli(atDan.View().HeldUntil)); held < holdRoom-20*time.Second || held > holdRoom {
		t.Errorf("the place is kept for %s", held)
	}

	ana = startMortal(t, home, "Ana", at)
	defer func() {
		if err := ana.Close(); err != nil {
			t.Error(err)
		}
	}()
	rooms := ana.Resume(nil)
	if len(rooms) != 1 || len(ana.Notices()) != 0 {
		t.Fatalf("%d rooms, %v", len(rooms), ana.Notices())
	}
	again := rooms[0]
	for n, r := range map[*Node]*Room{bo: atBo, cy: atCy, dan: atDan} {
		awaitChange(t, n, "to be back", func() bool { return r.Phase() == Live })
	}
	again.mu.Lock()
	after := again.state.Clone()
	again.mu.Unlock()
	if after.Term != (room.Term{Reign: 2}) || after.Key != before.Key || after.Program.Incarnation <= before.Incarnation || !after.Locked || !after.IsRemoved(eve.Person()) {
		t.Errorf("leads on with %+v, after %+v", after, before)
	}
	awaitChange(t, dan, "everybody to be there", func() bool {
		v := atDan.View()
		return v.Listeners == 2 && !v.Stage[1].Away
	})
	v := atDan.View()
	if len(v.Stage) != 2 || v.Stage[1].Person != bo.Person() || v.Stage[1].Muted || len(v.Hands) != 1 || v.Hands[0].Person != cy.Person() || v.HeldUntil != 0 {
		t.Errorf("Dan sees %+v", v)
	}
	if r := again.View().Removed; len(r) != 1 || r[0].Name != "Eve" {
		t.Errorf("removed: %+v", r)
	}
	// Bo's node was not gone: the microphone goes on by itself.
	for len(danHears.levels) > 0 {
		<-danHears.levels
	}
	danHears.hears(t, "Dan to hear Bo again", true, 25)
	select {
	case what := <-watched:
		t.Error(what)
	default:
	}
	if r, err := eve.Join(ctx, again.View().Link); err != nil || r.Phase() != Removed {
		t.Errorf("who was removed: %v, %s", err, r.Phase())
	}
}

// testSpeakerComesBack: a guest whose node was killed comes back to seat, role and consent.
func testSpeakerComesBack(t *testing.T) {
	for _, muted := range []bool{false, true} {
		t.Run(map[bool]string{false: "speaking", true: "muted"}[muted], func(t *testing.T) {
			ctx := context.Background()
			ana, home := startNode(t, "Ana", nil), t.TempDir()
			bo := startMortal(t, home, "Bo", anywhere)
			hosted, err := ana.StartRoom(Start{Title: "Long evening", Language: "en"})
			if err != nil {
				t.Fatal(err)
			}
			anaHears := newEar(t)
			hosted.Play(anaHears)
			atBo, err := bo.Join(ctx, hosted.View().Link)
			if err != nil || atBo.Phase() != Live {
				t.Fatalf("join: %v", err)
			}
			if err := atBo.Do(ctx, Action{Kind: "raise_hand"}); err != nil {
				t.Fatal(err)
			}
			if err := hosted.Do(ctx, Action{Kind: "grant", Person: bo.Person()}); err != nil {
				t.Fatal(err)
			}
			awaitChange(t, bo, "the seat", atBo.seated)
			if err := atBo.Publish(ctx, newTone(t, 600)); err != nil {
				t.Fatal(err)
			}
			anaHears.hears(t, "Ana to hear Bo", true, 25)
			if muted {
				if err := atBo.Do(ctx, Action{Kind: "mute"}); err != nil {
					t.Fatal(err)
				}
			}
			awaitKept(t, bo, atBo.id, func(k kept) bool { return k.Guest.Placed && k.Guest.Asked && k.Guest.Muted == muted })
			seat := hosted.View().Stage[1]
			hosted.mu.Lock()
			inc := hosted.state.Seats[1].Incarnation
			hosted.mu.Unlock()
			bo.crash(t)
			awaitChange(t, ana, "Bo to be away", func() bool { v := hosted.View(); return len(v.Stage) == 2 && v.Stage[1].Away })

			bo = startMortal(t, home, "Bo", anywhere)
			defer func() {
				if err := bo.Close(); err != nil {
					t.Error(err)
				}
			}()
			rooms := bo.Resume(nil)
			if len(rooms) != 1 {
				t.Fatalf("%d rooms, %v", len(rooms), bo.Notices())
			}
			awaitChange(t, bo, "to be back", func() bool { return rooms[0].Phase() == Live && rooms[0].View().Me.Role == "speaker" })
			awaitChange(t, ana, "Bo to be back", func() bool { return !hosted.View().Stage[1].Away })
			if now := hosted.View().Stage[1]; now != seat {
				t.Errorf("the seat was %+v and is %+v", seat, now)
			}
			if v := rooms[0].View(); v.Me.Muted != muted || v.Me.Publishing {
				t.Errorf("Bo finds %+v", v.Me)
			}
			if err := rooms[0].Publish(ctx, newTone(t, 600)); err != nil {
				t.Fatal(err)
			}
			if muted {
				anaHears.silent(t, "who was muted before", 25)
			} else {
				anaHears.hears(t, "Bo again", true, 25)
			}
			hosted.mu.Lock()
			defer hosted.mu.Unlock()
			if now := hosted.state.Seats[1].Incarnation; now <= inc {
				t.Errorf("incarnation %d after %d", now, inc)
			}
		})
	}
}

// awaitKept waits until what the home keeps of a room is as wanted.
func awaitKept(t *testing.T, n *Node, id room.ID, cond func(kept) bool) {
	t.Helper()
	late := time.After(20 * time.Second)
	for look := time.NewTicker(10 * time.Millisecond); ; {
		if u, err := n.home.readKept(n.home.roomPath(id), time.Now()); err == nil && cond(u.kept) {
			look.Stop()
			return
		}
		select {
		case <-look.C:
		case <-late:
			b, _ := os.ReadFile(n.home.roomPath(id))
			t.Fatalf("waited 20 s; kept is %s", b)
		}
	}
}

// TestEarlyGuestComesAgain: whoever comes back before the host has taken up the room is not told that it is over.
func TestEarlyGuestComesAgain(t *testing.T) {
	home := t.TempDir()
	ana, bo := startMortal(t, home, "Ana", anywhere), startNode(t, "Bo", nil)
	hosted, err := ana.StartRoom(Start{Title: "Early", Language: "en"})
	if err != nil {
		t.Fatal(err)
	}
	joined, err := bo.Join(t.Context(), hosted.View().Link)
	if err != nil || joined.Phase() != Live {
		t.Fatalf("join: %v", err)
	}
	at := ana.at()
	ana.crash(t)
	ana = startMortal(t, home, "Ana", at)
	defer func() {
		if err := ana.Close(); err != nil {
			t.Error(err)
		}
	}()
	early := func() bool { return ana.Counts()["join_early"] > 0 || joined.Phase().Over() }
	awaitChange(t, bo, "Bo to come early", early)
	if rooms := ana.Resume(nil); len(rooms) != 1 {
		t.Fatalf("%d rooms", len(rooms))
	}
	awaitChange(t, bo, "Bo to be back", func() bool { return joined.Phase() == Live })

	// What nobody took up in time is over.
	ana.crash(t)
	ana = startMortal(t, home, "Ana", at)
	ana.mu.Lock()
	for i := range ana.unfinished {
		ana.unfinished[i].alive = time.Now().Add(-2 * holdRoom)
	}
	ana.mu.Unlock()
	if rooms := ana.Resume(nil); len(rooms) != 0 {
		t.Errorf("took up %v", rooms[0].View())
	}
	awaitChange(t, bo, "the end", func() bool { return joined.Phase() == Ended })
}

// TestPowerCutLosesNoRoom: a host that lost the last events to a power cut is followed back to the room that it knows.
func TestPowerCutLosesNoRoom(t *testing.T) {
	ctx := context.Background()
	home := t.TempDir()
	ana, bo := startMortal(t, home, "Ana", anywhere), startNode(t, "Bo", nil)
	hosted, err := ana.StartRoom(Start{Title: "Dark", Language: "en"})
	if err != nil {
		t.Fatal(err)
	}
	joined, err := bo.Join(ctx, hosted.View().Link)
	if err != nil || joined.Phase() != Live {
		t.Fatalf("join: %v", err)
	}
	path := ana.home.roomPath(hosted.id)
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 { // none of which gives out an incarnation
		if err := hosted.Do(ctx, Action{Kind: "close_hands"}); err != nil {
			t.Fatal(err)
		}
		if err := hosted.Do(ctx, Action{Kind: "open_hands"}); err != nil {
			t.Fatal(err)
		}
	}
	if err := joined.Do(ctx, Action{Kind: "raise_hand"}); err != nil {
		t.Fatal(err)
	}
	awaitChange(t, bo, "the hand", func() bool { return joined.View().Me.Hand })
	joined.mu.Lock()
	knew := joined.state.Seq
	joined.mu.Unlock()
	at := ana.at()
	ana.crash(t)
	if err := os.WriteFile(path, before, 0o600); err != nil {
		t.Fatal(err)
	}
	ana = startMortal(t, home, "Ana", at)
	defer func() {
		if err := ana.Close(); err != nil {
			t.Error(err)
		}
	}()
	if rooms := ana.Resume(nil); len(rooms) != 1 {
		t.Fatalf("%d rooms, %v", len(rooms), ana.Notices())
	}
	awaitChange(t, bo, "to be back", func() bool { // not only still there
		joined.mu.Lock()
		defer joined.mu.Unlock()
		return joined.phase == Live && joined.state.Term.Reign == 2 || joined.phase.Over()
	})
	joined.mu.Lock()
	seq, term := joined.state.Seq, joined.state.Term
	joined.mu.Unlock()
	if seq >= knew || term != (room.Term{Reign: 2}) || joined.Phase() != Live || joined.View().Me.Hand {
		t.Errorf("knows event %d of %+v after %d; %s, hand %v", seq, term, knew, joined.Phase(), joined.View().Me.Hand)
	}
	// And it can go on.
	if err := joined.Do(ctx, Action{Kind: "raise_hand"}); err != nil {
		t.Error(err)
	}
}
