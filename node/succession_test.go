package node

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/peer"

	"salon/ledger/doc"
	"salon/relay"
	"salon/room"
)

// A succession is a room of Ana's with Bo, its co-host on stage who can be heard, and Cy and Dan, who listen.
type succession struct {
	t          *testing.T
	home       string
	ana        *Node
	host       *Room
	bo, cy     *Room
	dan        *Room
	danHears   *ear
	boIs, anaI doc.PublicKey
}

func startSuccession(t *testing.T) *succession {
	t.Helper()
	return startSuccessionAs(t, Start{})
}

// startSuccessionAs is startSuccession, of a room that is as start says.
func startSuccessionAs(t *testing.T, start Start) *succession {
	t.Helper()
	ctx := context.Background()
	s := &succession{t: t, home: t.TempDir()}
	s.ana = startMortal(t, s.home, "Ana", anywhere)
	bo, cy, dan := startNode(t, "Bo", nil), startNode(t, "Cy", nil), startNode(t, "Dan", nil)
	s.anaI, s.boIs = s.ana.Person(), bo.Person()
	var err error
	start.Title, start.Language, start.CoHosts = "Long evening", "en", []PersonView{{bo.Person(), "Bo"}}
	s.host, err = s.ana.StartRoom(start)
	if err != nil {
		t.Fatal(err)
	}
	for r, n := range map[**Room]*Node{&s.bo: bo, &s.cy: cy, &s.dan: dan} {
		if start.Access == room.ByTicket && n != bo {
			s.buys(n)
		}
		if *r, err = n.Join(ctx, s.host.View().Link); err != nil || (*r).Phase() != Live {
			t.Fatalf("join: %v", err)
		}
	}
	s.do(s.bo, Action{Kind: "accept"})
	awaitChange(t, bo, "the seat", s.bo.seated)
	if err := s.bo.Publish(ctx, newTone(t, 600)); err != nil {
		t.Fatal(err)
	}
	s.danHears = newEar(t)
	s.dan.Play(s.danHears)
	s.danHears.hears(t, "Dan to hear Bo", true, 25)
	awaitChange(t, s.ana, "Bo to be known as successor", func() bool {
		v := s.host.View()
		return v.Successor != nil && v.Successor.Person == s.boIs
	})
	awaitChange(t, dan, "Dan to know of Bo", func() bool {
		s.dan.mu.Lock()
		defer s.dan.mu.Unlock()
		return len(s.dan.heir.others) == 1
	})
	return s
}

func (s *succession) do(r *Room, a Action) {
	s.t.Helper()
	does(s.t, r, a)
}

// anaIsBack starts Ana's node again, which takes up the room, and returns what closes it.
func (s *succession) anaIsBack(at string) (leave func()) {
	s.t.Helper()
	s.ana = startMortal(s.t, s.home, "Ana", at)
	leave = func() {
		if err := s.ana.Close(); err != nil {
			s.t.Error(err)
		}
	}
	rooms := s.ana.Resume(nil)
	if len(rooms) != 1 {
		leave()
		s.t.Fatalf("%d rooms taken up", len(rooms))
	}
	s.host = rooms[0]
	return leave
}

// ledBy waits until everybody but those gone sees somebody lead.
func (s *succession) ledBy(who doc.PublicKey, rooms ...*Room) {
	s.t.Helper()
	for _, r := range rooms {
		awaitChange(s.t, r.n, "the leader to be seen", func() bool {
			v := r.View()
			leader := v.Host.Person
			if v.Leader != nil {
				leader = v.Leader.Person
			}
			return v.Phase == Live && leader == who
		})
	}
}

func (s *succession) hasSaid(r *Room, texts ...string) {
	s.t.Helper()
	var said []string
	defer func() {
		if s.t.Failed() {
			s.t.Logf("said was %q", said)
		}
	}()
	awaitChange(s.t, r.n, "the chat", func() bool {
		lines, _ := r.Chat(0)
		said = nil
		for _, l := range lines {
			said = append(said, l.Text)
		}
		return slices.Equal(slices.Compact(slices.Clone(said)), texts) // whose answer was lost says it again, as do has them
	})
}

// TestCoHostLeadsOn: a host is gone, the co-host leads, and the host comes back and leads again; nobody loses anything.
func TestCoHostLeadsOn(t *testing.T) {
	s := startSuccession(t)
	eve, fay := startNode(t, "Eve", nil), startNode(t, "Fay", nil)
	if _, err := eve.Join(context.Background(), s.host.View().Link); err != nil {
		t.Fatal(err)
	}
	s.do(s.host, Action{Kind: "remove", Person: eve.Person()})
	s.do(s.cy, Action{Kind: "raise_hand"})
	s.do(s.cy, Action{Kind: "say", Text: "before"})
	s.hasSaid(s.bo, "before")
	s.host.mu.Lock()
	handed := s.host.state.Incarnation
	s.host.mu.Unlock()
	at := s.ana.at()
	s.ana.crash(t)

	s.ledBy(s.boIs, s.bo, s.cy, s.dan)
	s.danHears.hears(t, "Dan to hear Bo again", true, 25)
	if v := s.bo.View(); !v.Me.Leading || v.Host.Name != "Ana" || len(v.Hands) != 1 {
		t.Errorf("Bo sees %+v", v)
	}
	s.do(s.cy, Action{Kind: "say", Text: "meanwhile"})
	s.do(s.bo, Action{Kind: "remove", Person: fay.Person()})
	s.do(s.bo, Action{Kind: "lock"})
	if err := s.bo.Do(context.Background(), Action{Kind: "cohost", Person: s.cy.n.Person()}); Explain(err).Code != "not_allowed" {
		t.Errorf("Bo makes somebody co-host: %v", err)
	}
	s.bo.mu.Lock()
	led := s.bo.state.Clone()
	s.bo.mu.Unlock()
	if led.Term != (room.Term{Reign: 1, Epoch: 1, Order: 1}) || led.Program.Incarnation <= handed {
		t.Errorf("led in term %+v with incarnation %d after %d", led.Term, led.Program.Incarnation, handed)
	}

	defer s.anaIsBack(at)()
	s.ledBy(s.anaI, s.host, s.bo, s.cy, s.dan)
	s.danHears.hears(t, "Dan to hear Bo still", true, 25)
	s.hasSaid(s.host, "before", "meanwhile")
	s.host.mu.Lock()
	now := s.host.state.Clone()
	s.host.mu.Unlock()
	if now.Term.Reign != 2 || !now.IsRemoved(eve.Person()) || !now.IsRemoved(fay.Person()) || !now.Locked || len(now.Hands) != 1 || now.Incarnation <= led.Incarnation {
		t.Errorf("the host is back in %+v", now)
	}
	s.do(s.cy, Action{Kind: "say", Text: "after"}) // through Bo, who carries who came to him
	s.hasSaid(s.dan, "before", "meanwhile", "after")
	if v := s.bo.View(); v.Me.Leading || v.Me.Role != "co-host" || !v.Me.Seated {
		t.Errorf("Bo is %+v", v.Me)
	}
}

// TestCoHostLeadsAClosedRoom: whoever leads a room by invitation has its key, changes it when somebody is put out, and lets in who
// was in it. The host, back without the latest key, makes another.
func TestCoHostLeadsAClosedRoom(t *testing.T) {
	s := startSuccessionAs(t, byInvitation)
	at := s.ana.at()
	s.ana.crash(t)
	s.ledBy(s.boIs, s.bo, s.cy, s.dan)
	s.danHears.hears(t, "Dan to hear Bo again", true, 25)
	epoch := func(r *Room) uint32 {
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.state.KeyEpoch
	}
	was := epoch(s.bo)
	s.do(s.bo, Action{Kind: "remove", Person: s.cy.n.Person()})
	awaitChange(t, s.cy.n, "Cy to be out", func() bool { return s.cy.Phase() == Removed })
	awaitChange(t, s.dan.n, "Dan to have a new key", func() bool { return s.dan.hasKey() && epoch(s.dan) > was })
	if s.cy.hasKey() && epoch(s.cy) > was {
		t.Error("Cy has the new key")
	}
	s.danHears.hears(t, "Dan to hear Bo under the new key", true, 100)

	was = epoch(s.dan)
	defer s.anaIsBack(at)()
	s.ledBy(s.anaI, s.host, s.bo, s.dan)
	for _, r := range []*Room{s.host, s.bo, s.dan} {
		awaitChange(t, r.n, "the host's new key", func() bool { return r.hasKey() && epoch(r) > was })
	}
	s.danHears.hears(t, "Dan to hear Bo still", true, 100)
}

// TestLockedRoomStaysLocked: who was inside comes to the co-host who leads on, and nobody else, not even at once.
func TestLockedRoomStaysLocked(t *testing.T) {
	s := startSuccession(t)
	gone, eve := startNode(t, "Gus", nil), startNode(t, "Eve", nil)
	atGus, err := gone.Join(t.Context(), s.host.View().Link)
	if err != nil {
		t.Fatal(err)
	}
	s.do(s.host, Action{Kind: "lock"})
	told := func(people ...doc.PublicKey) func() bool {
		return func() bool {
			s.bo.mu.Lock()
			defer s.bo.mu.Unlock()
			return s.bo.state.Locked && len(s.bo.heir.inside) == len(people) && !slices.ContainsFunc(people, func(p doc.PublicKey) bool { return !s.bo.heir.inside[p] })
		}
	}
	awaitChange(t, s.bo.n, "Bo to know who is inside", told(s.anaI, s.boIs, s.cy.n.Person(), s.dan.n.Person(), gone.Person()))
	s.do(atGus, Action{Kind: "leave"})
	awaitChange(t, s.bo.n, "Bo to know that Gus is gone", told(s.anaI, s.boIs, s.cy.n.Person(), s.dan.n.Person()))
	s.ana.crash(t)
	s.ledBy(s.boIs, s.bo, s.cy, s.dan)
	link := s.bo.View().Link
	out := func(n *Node) {
		t.Helper()
		if r, err := n.Join(t.Context(), link); err != nil || r.Phase() != Failed {
			t.Errorf("%s comes in: %v, %s", n.displayName(), err, r.Phase())
		}
	}
	out(eve)
	out(gone)
	s.do(s.dan, Action{Kind: "leave"})
	awaitChange(t, s.bo.n, "Dan to be gone", func() bool { return s.bo.View().Listeners == 1 })
	out(s.dan.n)
	if n := s.bo.n.Counts()["join_refused_locked"]; n != 3 {
		t.Errorf("%d refused, want 3", n)
	}
}

// TestSuccessorIsToldAtOnce: where a co-host can be reached is known a moment after they came. Everybody is told then, and not a
// second later, when the host may be gone.
func TestSuccessorIsToldAtOnce(t *testing.T) {
	ana, bo, dan := startNode(t, "Ana", nil), startNode(t, "Bo", nil), startNode(t, "Dan", nil)
	hosted, err := ana.StartRoom(Start{Title: "Long evening", CoHosts: []PersonView{{bo.Person(), "Bo"}}})
	if err != nil {
		t.Fatal(err)
	}
	atDan, err := dan.Join(t.Context(), hosted.View().Link)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bo.Join(t.Context(), hosted.View().Link); err != nil {
		t.Fatal(err)
	}
	knows := func(want int) func() bool {
		return func() bool {
			atDan.mu.Lock()
			defer atDan.mu.Unlock()
			return len(atDan.heir.others) == want
		}
	}
	awaitChange(t, dan, "Dan to know of Bo", knows(1))
	hosted.mu.Lock()
	hosted.act() // nothing is done every second from now on
	addrs := ana.host.Peerstore().Addrs(bo.host.ID())
	ana.host.Peerstore().ClearAddrs(bo.host.ID())
	hosted.tellSuccessors() // as it was before he was known
	hosted.mu.Unlock()
	awaitChange(t, dan, "Dan to know of nobody", knows(0))
	ana.host.Peerstore().AddAddrs(bo.host.ID(), addrs, time.Hour)
	out, err := ana.host.EventBus().Emitter(new(event.EvtPeerIdentificationCompleted))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if err := out.Emit(event.EvtPeerIdentificationCompleted{Peer: bo.host.ID()}); err != nil {
		t.Fatal(err)
	}
	awaitChange(t, dan, "Dan to know of Bo again", knows(1))
}

// TestCoHostIsStartedAgain: a co-host who leads is killed, and started again. It leads on from what it kept: nobody loses a seat, a hand, or
// what was said. The host, back after that, has all of it.
func TestCoHostIsStartedAgain(t *testing.T) {
	beside(t)
	for name, start := range map[string]Start{"open": {}, "by invitation": byInvitation} {
		t.Run(name, func(t *testing.T) {
			s := startSuccessionAs(t, start)
			atAna := s.ana.at()
			s.ana.crash(t)
			s.ledBy(s.boIs, s.bo, s.cy, s.dan)
			s.do(s.cy, Action{Kind: "raise_hand"})
			s.do(s.cy, Action{Kind: "say", Text: "meanwhile"})
			s.do(s.bo, Action{Kind: "lock"})
			s.hasSaid(s.dan, "meanwhile")
			s.bo.mu.Lock()
			was := s.bo.state.Clone()
			s.bo.mu.Unlock()

			old := s.bo.n
			at := old.at()
			old.crash(t)
			awaitChange(t, s.dan.n, "Dan to have lost Bo", func() bool { return s.dan.Phase() == Reconnecting })
			bo := startMortal(t, old.home.Dir, "Bo", at)
			defer func() {
				if err := bo.Close(); err != nil {
					t.Error(err)
				}
			}()
			rooms := bo.Resume(nil)
			if len(rooms) != 1 {
				t.Fatalf("%d rooms taken up", len(rooms))
			}
			s.bo = rooms[0]
			s.ledBy(s.boIs, s.bo, s.cy, s.dan)
			if err := s.bo.Publish(t.Context(), newTone(t, 600)); err != nil {
				t.Fatal(err)
			}
			s.danHears.hears(t, "Dan to hear Bo again", true, 25)
			s.hasSaid(s.dan, "meanwhile")
			s.bo.mu.Lock()
			now := s.bo.state.Clone()
			s.bo.mu.Unlock()
			seat, on := now.SeatOf(s.boIs)
			if now.Term.Epoch <= was.Term.Epoch || len(now.Hands) != 1 || !now.Locked || !on || seat.Away || now.Program.Incarnation <= was.Incarnation {
				t.Errorf("Bo leads on with %+v after %+v", now, was)
			}
			s.do(s.dan, Action{Kind: "say", Text: "still here"})

			defer s.anaIsBack(atAna)()
			s.ledBy(s.anaI, s.host, s.bo, s.cy, s.dan)
			s.hasSaid(s.host, "meanwhile", "still here")
		})
	}
}

// TestHostIsBackBeforeTheCoHost: a co-host who leads is killed, and the host leads on before it is back, from what the host knew. What
// was done under the co-host's lead is done again when that one comes: who was removed is out, and what was said is there.
func TestHostIsBackBeforeTheCoHost(t *testing.T) {
	s := startSuccession(t)
	eve := startNode(t, "Eve", nil)
	if r, err := eve.Join(t.Context(), s.host.View().Link); err != nil || r.Phase() != Live {
		t.Fatalf("join: %v", err)
	}
	s.do(s.cy, Action{Kind: "say", Text: "before"})
	for _, r := range []*Room{s.host, s.bo, s.dan} {
		s.hasSaid(r, "before")
	}
	atAna := s.ana.at()
	s.ana.crash(t)
	s.ledBy(s.boIs, s.bo, s.cy, s.dan)
	for i := range 3 {
		s.do(s.cy, Action{Kind: "say", Text: fmt.Sprint("meanwhile ", i)})
	}
	for range relay.MaxTail { // more than go into one message
		s.do(s.bo, Action{Kind: "lock"})
		s.do(s.bo, Action{Kind: "unlock"})
	}
	s.do(s.cy, Action{Kind: "raise_hand"})
	s.do(s.bo, Action{Kind: "remove", Person: eve.Person()})
	s.hasSaid(s.dan, "before", "meanwhile 0", "meanwhile 1", "meanwhile 2")
	old := s.bo.n
	at := old.at()
	old.crash(t)

	defer s.anaIsBack(atAna)()
	s.ledBy(s.anaI, s.host)
	s.host.mu.Lock()
	if s.host.state.IsRemoved(eve.Person()) {
		t.Error("the host knows already: nothing is shown here")
	}
	s.host.mu.Unlock()

	bo := startMortal(t, old.home.Dir, "Bo", at)
	defer func() {
		if err := bo.Close(); err != nil {
			t.Error(err)
		}
	}()
	rooms := bo.Resume(nil)
	if len(rooms) != 1 {
		t.Fatalf("%d rooms taken up", len(rooms))
	}
	s.bo = rooms[0]
	s.ledBy(s.anaI, s.host, s.bo)
	awaitChange(t, s.ana, "what was done under Bo", func() bool {
		s.host.mu.Lock()
		defer s.host.mu.Unlock()
		_, hand := s.host.state.HandOf(s.cy.n.Person())
		return s.host.state.IsRemoved(eve.Person()) && hand
	})
	said := make(map[string]int)
	awaitChange(t, s.ana, "what was said under Bo", func() bool {
		list, _ := s.host.Chat(0)
		clear(said)
		for _, l := range list {
			said[l.Text]++
		}
		return said["meanwhile 2"] > 0
	})
	awaitKept(t, bo, s.bo.id, func(k kept) bool { return k.Guest != nil && k.Guest.Led == nil }) // it is told
	if len(said) != 4 {
		t.Errorf("the chat has %v", said)
	}
	for text, n := range said {
		if n != 1 {
			t.Errorf("%q is there %d times", text, n)
		}
	}
}

// TestSecondDeviceIsBackLater: the host's second device led the room, and is killed. The first leads on before the second is back; what
// was done meanwhile is not lost.
func TestSecondDeviceIsBackLater(t *testing.T) {
	home, second := t.TempDir(), t.TempDir()
	ana := startMortal(t, home, "Ana", anywhere)
	key, err := os.ReadFile(filepath.Join(home, "person.key"))
	if err == nil {
		err = os.WriteFile(filepath.Join(second, "person.key"), key, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	phone, dan := startMortal(t, second, "Ana", anywhere), startNode(t, "Dan", nil)
	hosted, err := ana.StartRoom(Start{Title: "Long evening"})
	if err != nil {
		t.Fatal(err)
	}
	s := &succession{t: t, ana: ana, host: hosted}
	if s.bo, err = phone.Join(t.Context(), hosted.View().Link); err == nil {
		s.dan, err = dan.Join(t.Context(), hosted.View().Link)
	}
	if err != nil {
		t.Fatal(err)
	}
	awaitChange(t, dan, "the phone to be known", func() bool {
		s.dan.mu.Lock()
		defer s.dan.mu.Unlock()
		return len(s.dan.heir.others) == 1
	})
	s.do(hosted, Action{Kind: "close_hands"})
	at, phoneAt := ana.at(), phone.at()
	ana.crash(t)
	awaitChange(t, phone, "the phone to lead", func() bool { return s.bo.View().Me.Leading })
	s.do(s.dan, Action{Kind: "say", Text: "meanwhile"})
	s.bo.mu.Lock()
	handed := s.bo.state.Incarnation
	s.bo.mu.Unlock()
	phone.crash(t)

	ana = startMortal(t, home, "Ana", at)
	defer func() {
		if err := ana.Close(); err != nil {
			t.Error(err)
		}
	}()
	rooms := ana.Resume(nil)
	if len(rooms) != 1 {
		t.Fatalf("%d rooms taken up", len(rooms))
	}
	rooms[0].mu.Lock()
	if now := rooms[0].state.Program.Incarnation; now <= handed {
		t.Errorf("the program of the first is of incarnation %d, the phone handed out %d", now, handed)
	}
	rooms[0].mu.Unlock()
	cy, err := startNode(t, "Cy", nil).Join(t.Context(), rooms[0].View().Link) // Dan has to hear first where it is led now
	if err != nil {
		t.Fatal(err)
	}
	s.do(cy, Action{Kind: "say", Text: "later"})

	phone = startMortal(t, second, "Ana", phoneAt)
	defer func() {
		if err := phone.Close(); err != nil {
			t.Error(err)
		}
	}()
	again := phone.Resume(nil)
	if len(again) != 1 {
		t.Fatalf("%d rooms taken up: %v", len(again), phone.Notices())
	}
	// As when they hear of each other. Who is to lead on may have to rise first, and say so once more.
	for try := 0; try < 20 && again[0].leads() == rooms[0].leads(); try++ {
		if err := again[0].claimTo(t.Context(), peer.AddrInfo{ID: ana.host.ID(), Addrs: ana.host.Addrs()}); err != nil {
			t.Logf("try %d: %v", try, err)
		}
	}
	for _, r := range []*Room{again[0], rooms[0], cy} {
		awaitChange(t, r.n, "both histories", func() bool {
			lines, _ := r.Chat(0)
			said := make(map[string]int)
			for _, l := range lines {
				said[l.Text]++
			}
			return said["meanwhile"] == 1 && said["later"] == 1
		})
	}
}

// TestTwoLead: a co-host who lost the way to a host that is well leads for as long as that lasts; then the host leads, and
// what was decided there is decided again.
func TestTwoLead(t *testing.T) {
	s := startSuccession(t)
	defer func() {
		if err := s.ana.Close(); err != nil {
			t.Error(err)
		}
	}()
	eve := startNode(t, "Eve", nil)
	if err := s.host.Publish(t.Context(), newTone(t, 440)); err != nil {
		t.Fatal(err)
	}
	awaitChange(t, s.bo.n, "Bo to be ready", func() bool {
		s.bo.mu.Lock()
		defer s.bo.mu.Unlock()
		return s.bo.prepared()
	})
	s.bo.mu.Lock()
	s.bo.takeOver(time.Now())
	now := time.Now()
	err := s.bo.decide(s.bo.n.author(), room.Command{Room: s.bo.id, Kind: room.Remove, To: eve.Person(), Time: now.UnixMilli()}, now)
	s.bo.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	s.do(s.cy, Action{Kind: "say", Text: "here"})
	s.ledBy(s.anaI, s.host, s.bo, s.cy, s.dan)
	awaitChange(t, s.ana, "Eve to be out", func() bool {
		s.host.mu.Lock()
		defer s.host.mu.Unlock()
		return s.host.state.IsRemoved(eve.Person()) && s.host.state.Term.Reign == 2
	})
	s.hasSaid(s.dan, "here")
	s.danHears.hears(t, "Dan to hear Bo", true, 25)
	awaitChange(t, s.bo.n, "Ana to be heard on stage", func() bool { return hearsOf(s.bo, s.anaI) })
}

// TestWhoComesOverIsToldTheState: two histories of a room may be as long, and who comes from the other one must hear of this.
func TestWhoComesOverIsToldTheState(t *testing.T) {
	s := startSuccession(t)
	defer func() {
		if err := s.ana.Close(); err != nil {
			t.Error(err)
		}
	}()
	s.dan.mu.Lock()
	another := s.dan.state.Clone()
	another.Locked = true
	s.dan.state = another
	s.dan.mu.Unlock()
	s.host.mu.Lock()
	c := s.host.feeds.children[s.dan.n.host.ID()]
	if c != nil {
		s.host.heir.grace = time.Now().Add(lockedGrace)
		s.host.bringUpToDate(c, another.Seq)
	}
	s.host.mu.Unlock()
	if c == nil {
		t.Fatal("the host does not feed Dan")
	}
	awaitChange(t, s.dan.n, "Dan to know the host's state", func() bool { return !s.dan.View().Locked })
}

// TestTwoLeadUnderTwoCharters: a co-host leads who has not heard that the host changed the charter. They yield as any other.
func TestTwoLeadUnderTwoCharters(t *testing.T) {
	s := startSuccession(t)
	defer func() {
		if err := s.ana.Close(); err != nil {
			t.Error(err)
		}
	}()
	awaitChange(t, s.bo.n, "Bo to be ready", func() bool {
		s.bo.mu.Lock()
		defer s.bo.mu.Unlock()
		return s.bo.prepared()
	})
	s.bo.mu.Lock() // nothing comes to him now
	s.host.mu.Lock()
	err := s.host.rise(s.host.state)
	version := s.host.charter.Version
	s.host.mu.Unlock()
	older := s.bo.charter.Version < version
	s.bo.takeOver(time.Now())
	leads := s.bo.host != nil
	s.bo.mu.Unlock()
	if err != nil || !older || !leads {
		t.Fatalf("%v; Bo has an older charter: %v, and leads: %v", err, older, leads)
	}
	s.ledBy(s.anaI, s.host, s.bo, s.cy, s.dan)
	awaitChange(t, s.bo.n, "Bo to yield", func() bool { return !s.bo.leads() })
	s.danHears.hears(t, "Dan to hear Bo", true, 25)
}

// TestHandOver: the host hands the room over, stays as a guest, and takes it back.
func TestHandOver(t *testing.T) {
	s := startSuccession(t)
	defer func() {
		if err := s.ana.Close(); err != nil {
			t.Error(err)
		}
	}()
	if err := s.cy.Do(context.Background(), Action{Kind: "hand_over"}); Explain(err).Code != "not_leading" {
		t.Errorf("a guest hands over: %v", err)
	}
	if err := s.host.Do(context.Background(), Action{Kind: "hand_over", Person: s.cy.n.Person()}); Explain(err).Code != "no_successor" {
		t.Errorf("to a guest: %v", err)
	}
	lost := s.dan.Stats().Concealed
	s.do(s.host, Action{Kind: "hand_over"})
	s.ledBy(s.boIs, s.host, s.bo, s.cy, s.dan)
	s.danHears.hears(t, "Dan to hear Bo", true, 100)
	if now := s.dan.Stats().Concealed; now != lost && !raced {
		t.Errorf("Dan lost %d frames when Bo took the room", now-lost)
	}
	awaitNames(t, s.bo, "Ana", "Bo", "Cy", "Dan") // Ana too, who goes on feeding those whom she fed
	s.do(s.cy, Action{Kind: "say", Text: "through Ana"})
	s.hasSaid(s.bo, "through Ana")
	s.do(s.host, Action{Kind: "take_back"})
	s.ledBy(s.anaI, s.host, s.bo, s.cy, s.dan)
	s.danHears.hears(t, "Dan to hear Bo still", true, 100)
	s.do(s.cy, Action{Kind: "say", Text: "through Bo"})
	s.hasSaid(s.dan, "through Ana", "through Bo")
	if now := s.dan.Stats().Concealed; now != lost && !raced {
		t.Errorf("Dan lost %d frames", now-lost)
	}
}

// TestHandOverAndLeave: the host hands the room over and goes at once, and nobody misses anything.
func TestHandOverAndLeave(t *testing.T) {
	s := startSuccession(t)
	defer func() {
		if err := s.ana.Close(); err != nil {
			t.Error(err)
		}
	}()
	lost := s.dan.Stats().Concealed
	s.do(s.host, Action{Kind: "hand_over"})
	s.do(s.host, Action{Kind: "leave"})
	s.ledBy(s.boIs, s.bo, s.cy, s.dan)
	s.danHears.hears(t, "Dan to hear Bo", true, 100)
	if now := s.dan.Stats().Concealed; now != lost && !raced {
		t.Errorf("Dan lost %d frames", now-lost)
	}
	if v := s.bo.View(); v.Phase != Live || v.Host.Person != s.anaI || !v.Stage[0].Away && len(v.Stage) != 2 {
		t.Errorf("Bo sees %+v", v)
	}
}

// TestNextCoHostLeadsOn: the host is gone, then the co-host who leads; the next one does, and knows what both knew.
func TestNextCoHostLeadsOn(t *testing.T) {
	ctx := context.Background()
	ana, bo := startMortal(t, t.TempDir(), "Ana", anywhere), startMortal(t, t.TempDir(), "Bo", anywhere)
	cy, dan := startNode(t, "Cy", nil), startNode(t, "Dan", nil)
	hosted, err := ana.StartRoom(Start{Title: "Long evening", CoHosts: []PersonView{{bo.Person(), "Bo"}, {cy.Person(), "Cy"}}})
	if err != nil {
		t.Fatal(err)
	}
	s := &succession{t: t, ana: ana, host: hosted}
	enter := func(n *Node) *Room {
		r, err := n.Join(ctx, hosted.View().Link)
		if err != nil || r.Phase() != Live {
			t.Fatalf("join: %v", err)
		}
		return r
	}
	s.bo, s.cy, s.dan = enter(bo), enter(cy), enter(dan)
	knows := func(r *Room, most int) {
		t.Helper()
		awaitChange(t, r.n, "the successors", func() bool {
			r.mu.Lock()
			defer r.mu.Unlock()
			return len(r.heir.others) == most && (!r.mayLead() || r.prepared())
		})
	}
	for _, r := range []*Room{s.bo, s.cy, s.dan} {
		knows(r, 2)
	}
	ana.crash(t)
	s.ledBy(bo.Person(), s.bo, s.cy, s.dan)
	s.do(s.dan, Action{Kind: "say", Text: "one"})
	s.hasSaid(s.cy, "one")
	for _, r := range []*Room{s.cy, s.dan} {
		knows(r, 1)
	}
	bo.crash(t)
	s.ledBy(cy.Person(), s.cy, s.dan)
	s.do(s.dan, Action{Kind: "say", Text: "two"})
	s.hasSaid(s.dan, "one", "two")
	s.cy.mu.Lock()
	defer s.cy.mu.Unlock()
	if term := s.cy.state.Term; term != (room.Term{Reign: 1, Epoch: 2, Order: 2}) {
		t.Errorf("Cy leads in term %+v", term)
	}
}

// hearsOf reports whether frames of somebody on stage have come to a room.
func hearsOf(r *Room, p doc.PublicKey) bool {
	r.voice.mu.Lock()
	defer r.voice.mu.Unlock()
	return slices.ContainsFunc(r.voice.stage.in[:], func(in *voiceIn) bool { return in != nil && in.person == p && !in.arrived.IsZero() })
}

// TestCoHostBelowARelayComesNear: a co-host whom a relay feeds moves directly below the host, which feeds as many as it offers
// to already, and takes the room over from there. Nobody loses anything, nor any of the co-host's words.
func TestCoHostBelowARelayComesNear(t *testing.T) {
	g := plant(t, 1, 8)
	g.tone(g.host, 440)
	bo, cy := g.join("Bo"), g.join("Cy")
	ear := g.listen(cy)
	ear.hears(t, "Cy to hear Ana", true, 25)
	g.do(g.host, about("invite", bo))
	awaitChange(t, bo.n, "the invitation", func() bool { return bo.View().Me.Invited })
	g.do(bo, Action{Kind: "accept"})
	awaitChange(t, bo.n, "the seat", bo.seated)
	g.tone(bo, 600)
	strays := func() (n uint64) {
		g.host.media.do(func(tree *relay.Tree, _ time.Time) { n = tree.Stats().Drops["not_allowed"] })
		return n
	}
	awaitChange(t, g.host.n, "Bo to be heard", func() bool { return hearsOf(g.host, bo.n.Person()) })
	lost, stray := cy.Stats().Concealed, strays()
	if g.fedBy(bo) != g.relays[0] {
		t.Fatal("Bo is not fed by the relay")
	}

	g.do(g.host, about("cohost", bo))
	awaitChange(t, g.host.n, "Bo to be on the way", func() bool {
		g.host.mu.Lock()
		defer g.host.mu.Unlock()
		coming := g.host.isChild(bo.n.author().Device)
		if coming {
			// As anything may have it do, and the relay say that Bo is gone, while Bo's words still come through the relay.
			for _, c := range g.host.feeds.children {
				g.host.feeds.below.drop(bo.n.author().Device, c)
			}
			g.host.settleChildren()
		}
		return coming
	})
	awaitChange(t, bo.n, "Bo to be fed by the host", func() bool { return g.fedBy(bo) == g.host.n })
	if n := strays(); n != stray && !raced {
		t.Errorf("%d of Bo's frames were refused", n-stray)
	}
	g.do(g.host, Action{Kind: "hand_over"})
	s := &succession{t: t}
	s.ledBy(bo.n.Person(), g.host, bo, cy)
	ear.hears(t, "Cy to hear Bo", true, 100)
	if now := cy.Stats().Concealed; now != lost && !raced {
		t.Errorf("Cy lost %d frames", now-lost)
	}
}

// TestFarCoHostLeadsOn: a co-host's second device has no place at the host. The relay that feeds it has told the host where it is, so
// that it and everybody below find it when the host and the first device are gone.
func TestFarCoHostLeadsOn(t *testing.T) {
	home, second := t.TempDir(), t.TempDir()
	laptop := startNode(t, "Bo", func(o *Options) { o.Home = home })
	key, err := os.ReadFile(filepath.Join(home, "person.key"))
	if err == nil {
		err = os.WriteFile(filepath.Join(second, "person.key"), key, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	bo := startNode(t, "Bo", func(o *Options) { o.Home = second })
	g := plantAs(t, Start{CoHosts: []PersonView{{bo.Person(), "Bo"}}}, 1, 8)
	g.tone(g.host, 440)
	near, err := laptop.Join(t.Context(), g.host.View().Link)
	if err != nil {
		t.Fatal(err)
	}
	awaitChange(t, laptop, "the laptop to be fed by the host", func() bool { return g.fedBy(near) == g.host.n })
	atBo, err := bo.Join(t.Context(), g.host.View().Link)
	if err != nil {
		t.Fatal(err)
	}
	cy := g.join("Cy")
	ear := g.listen(cy)
	ear.hears(t, "Cy to hear Ana", true, 25)
	g.do(atBo, Action{Kind: "accept"})
	awaitChange(t, bo, "the seat", atBo.seated)
	if err := atBo.Publish(t.Context(), newTone(t, 600)); err != nil {
		t.Fatal(err)
	}
	relayed := g.relays[0].Room(g.host.id)
	for _, r := range []*Room{atBo, cy, relayed} {
		awaitChange(t, r.n, "the successor to be known", func() bool {
			r.mu.Lock()
			defer r.mu.Unlock()
			return len(r.heir.others) == 2 && (!r.mayLead() || r.prepared())
		})
	}
	if p := g.fedBy(atBo); p != g.relays[0] {
		t.Fatal("Bo is not fed by the relay")
	}
	if n := bo.Counts()["carrier_forged"]; n != 0 {
		t.Errorf("Bo left %d relays for forgers", n)
	}
	laptop.crash(t)
	g.host.n.crash(t)
	s := &succession{t: t}
	s.ledBy(bo.Person(), atBo, cy)
	ear.hears(t, "Cy to hear Bo", true, 50)
	s.do(cy, Action{Kind: "say", Text: "still here"})
	s.hasSaid(atBo, "still here")
}

// TestSecondDeviceLeadsOn: another device of the host's leads the room on while the first is gone, and may do all that the host
// may; then the first leads again.
func TestSecondDeviceLeadsOn(t *testing.T) {
	ctx := context.Background()
	home, second := t.TempDir(), t.TempDir()
	ana := startMortal(t, home, "Ana", anywhere)
	key, err := os.ReadFile(filepath.Join(home, "person.key"))
	if err == nil {
		err = os.WriteFile(filepath.Join(second, "person.key"), key, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	phone, dan := startNode(t, "Ana", func(o *Options) { o.Home = second }), startNode(t, "Dan", nil)
	hosted, err := ana.StartRoom(Start{Title: "Long evening"})
	if err != nil || phone.Person() != ana.Person() {
		t.Fatal(err)
	}
	s := &succession{t: t, ana: ana, host: hosted}
	if s.bo, err = phone.Join(ctx, hosted.View().Link); err == nil {
		s.dan, err = dan.Join(ctx, hosted.View().Link)
	}
	if err != nil {
		t.Fatal(err)
	}
	awaitChange(t, dan, "the phone to be known", func() bool {
		s.dan.mu.Lock()
		defer s.dan.mu.Unlock()
		return len(s.dan.heir.others) == 1
	})
	s.do(hosted, Action{Kind: "close_hands"}) // whatever is kept, is kept with whom to ask
	at := ana.at()
	ana.crash(t)
	awaitChange(t, phone, "the phone to lead", func() bool { return s.bo.View().Me.Leading })
	s.do(s.dan, Action{Kind: "say", Text: "still here"})
	s.do(s.bo, Action{Kind: "cohost", Person: dan.Person()})
	s.hasSaid(s.dan, "still here")

	ana = startMortal(t, home, "Ana", at)
	defer func() {
		if err := ana.Close(); err != nil {
			t.Error(err)
		}
	}()
	rooms := ana.Resume(nil)
	if len(rooms) != 1 {
		t.Fatalf("%d rooms taken up", len(rooms))
	}
	s.hasSaid(rooms[0], "still here")
	awaitChange(t, phone, "the phone to be a guest", func() bool { return !s.bo.View().Me.Leading && s.bo.Phase() == Live })
	rooms[0].mu.Lock()
	defer rooms[0].mu.Unlock()
	if now := rooms[0].state; now.Term != (room.Term{Reign: 2}) || !now.IsCoHost(dan.Person()) {
		t.Errorf("the room is led in term %+v with co-hosts %+v", now.Term, now.Charter.CoHosts)
	}
}
