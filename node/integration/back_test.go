package integration

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"salon/node"
	"salon/node/client"
	"salon/node/media"
)

// fixedPort is where a process listens that is to be found there again: a free port, asked for and let go.
func fixedPort(t *testing.T) []string {
	t.Helper()
	probe, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer probe.Close()
	return []string{"--no-mdns", "--listen", fmt.Sprintf("/ip4/127.0.0.1/udp/%d/quic-v1", probe.LocalAddr().(*net.UDPAddr).Port)}
}

// A witness is somebody in the audience who notices whatever happens on stage.
type witness struct {
	t    *testing.T
	stop context.CancelFunc
	done chan struct{}

	mu    sync.Mutex // guards the fields below
	views []node.RoomView
	last  node.RoomView
	heard map[string]time.Time // by person: when they were heard talking last
	news  chan struct{}        // closed and replaced at every event
}

// watch follows a room at a node until the test ends.
func watch(t *testing.T, p *process, id string) *witness {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	w := &witness{t: t, stop: cancel, done: make(chan struct{}), heard: make(map[string]time.Time), news: make(chan struct{})}
	c := p.api()
	go func() {
		defer close(w.done)
		_ = c.Events(ctx, func(e client.Event) bool {
			w.mu.Lock()
			defer w.mu.Unlock()
			switch e.Name {
			case "room":
				var v node.RoomView
				if json.Unmarshal(e.Data, &v) == nil && v.ID.String() == id {
					w.views, w.last = append(w.views, v), v
				}
			case "levels":
				var l struct {
					Room   string
					Levels map[string]uint8
				}
				if json.Unmarshal(e.Data, &l) == nil && l.Room == id {
					for person, level := range l.Levels {
						if level < 60 {
							w.heard[person] = time.Now()
						}
					}
				}
			}
			close(w.news)
			w.news = make(chan struct{})
			return true
		})
	}()
	t.Cleanup(func() { cancel(); <-w.done })
	return w
}

// latest is the room as it was told last.
func (w *witness) latest() node.RoomView {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.last
}

// await waits until cond, which is called with the lock held, holds.
func (w *witness) await(what string, cond func() bool) {
	w.t.Helper()
	began := time.Now()
	defer func() { w.t.Logf("%s: after %s", what, time.Since(began).Round(time.Millisecond)) }()
	late := time.After(patience)
	for {
		w.mu.Lock()
		ok, news := cond(), w.news
		w.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-news:
		case <-late:
			w.mu.Lock()
			defer w.mu.Unlock()
			w.t.Fatalf("waited %s for %s; the room is %+v", patience, what, w.last)
		}
	}
}

// awaitSound waits until somebody is heard who talks after now.
func (w *witness) awaitSound(what, person string) {
	w.t.Helper()
	since := time.Now()
	w.await(what, func() bool { return w.heard[person].After(since) })
}

// nobodyLeft checks every view since the beginning: whoever was on stage is there in all that follow, with the same place.
func (w *witness) nobodyLeft() {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	var before []string
	for _, v := range w.views {
		var stage []string
		for _, s := range v.Stage {
			stage = append(stage, s.Person.String())
		}
		if v.Phase.Over() || len(before) > 0 && !slices.Equal(before, stage) {
			w.t.Errorf("the stage of %v was seen as %v, the room as %s", before, stage, v.Phase)
		}
		before = stage
	}
	if len(w.views) < 3 {
		w.t.Errorf("only %d views: the test saw nothing", len(w.views))
	}
}

func isAway(v node.RoomView, person string) bool {
	return slices.ContainsFunc(v.Stage, func(s node.SeatView) bool { return s.Person.String() == person && s.Away })
}

// person is whose node a process runs.
func (p *process) person() string {
	p.t.Helper()
	s, err := p.api().Status(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	return s.Person.String()
}

// talk publishes a voice again and again, until the test ends.
func talk(t *testing.T, p *process, id, voice string) {
	t.Helper()
	src, err := media.OpenSource(voice, media.Options{Channels: 1, Loop: true})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	c, done := p.api(), make(chan struct{})
	go func() {
		defer close(done)
		_ = c.Speak(ctx, id, media.NewMic(src))
	}()
	t.Cleanup(func() { cancel(); <-done })
}

// A play is a room with a host, a speaker, a muted speaker, somebody with a hand up, and one who listens to it all.
type play struct {
	t                        *testing.T
	hostArgs                 []string
	host, bo, cy, dan, eve   *process
	link, id                 string
	hostIs, boIs, cyIs, danI string
	witness                  *witness
}

// perform opens that room with a host at a fixed port, who plays a voice.
func perform(t *testing.T) *play {
	t.Helper()
	salon(t)
	s := &play{t: t}
	home := t.TempDir()
	s.hostArgs = append([]string{"host", "--title", "Long evening", "--play", voiceA, "--loop", "--json", "--name", "Ana"}, fixedPort(t)...)
	s.host = start(t, home, s.hostArgs...)
	s.opened()
	for who, p := range map[string]**process{"Bo": &s.bo, "Cy": &s.cy, "Dan": &s.dan, "Eve": &s.eve} {
		*p = up(t, append([]string{"--name", who}, overQUIC...)...)
		if _, _, err := (*p).api().Join(t.Context(), s.link); err != nil {
			t.Fatal(err)
		}
	}
	s.hostIs, s.boIs, s.cyIs, s.danI = s.host.person(), s.bo.person(), s.cy.person(), s.dan.person()
	for p, who := range map[*process]string{s.bo: s.boIs, s.dan: s.danI} {
		s.act(p, "raise_hand", "")
		s.act(s.host, "grant", who)
		if err := p.api().Watch(t.Context(), s.id, func(v node.RoomView) bool { return !v.Me.Seated }); err != nil {
			t.Fatal(err)
		}
	}
	talk(t, s.bo, s.id, voiceB)
	talk(t, s.dan, s.id, voiceC)
	s.act(s.dan, "mute", "")
	s.act(s.cy, "raise_hand", "")
	if err := s.eve.api().Watch(t.Context(), s.id, func(v node.RoomView) bool { return len(v.Stage) != 3 || len(v.Hands) != 1 }); err != nil {
		t.Fatal(err)
	}
	s.witness = watch(t, s.eve, s.id)
	s.witness.awaitSound("the host to be heard", s.hostIs)
	s.witness.awaitSound("Bo to be heard", s.boIs)
	return s
}

// opened reads what the host says at its start.
func (s *play) opened() (resumed bool) {
	s.t.Helper()
	var o struct {
		Room, Link string
		Resumed    bool
	}
	if err := json.Unmarshal([]byte("{"+s.host.line("{")), &o); err != nil {
		s.t.Fatal(err)
	}
	if s.id != "" && (o.Room != s.id || o.Link != s.link) {
		s.t.Errorf("the room is %s at %s, and was %s at %s", o.Room, o.Link, s.id, s.link)
	}
	s.id, s.link = o.Room, o.Link
	return o.Resumed
}

func (s *play) act(p *process, action, person string) {
	s.t.Helper()
	act(s.t, p, s.id, action, person)
}

// goesOn checks that everybody is where they were, and heard as they were.
func (s *play) goesOn() {
	s.t.Helper()
	s.witness.await("everybody to be back", func() bool {
		v := s.witness.last
		return v.Phase == node.Live && len(v.Stage) == 3 && !slices.ContainsFunc(v.Stage, func(s node.SeatView) bool { return s.Away }) && v.Listeners == 2
	})
	s.witness.awaitSound("the host to be heard again", s.hostIs)
	s.witness.awaitSound("Bo to be heard again", s.boIs)
	for p, want := range map[*process]node.MeView{
		s.bo:  {Role: "speaker", Seated: true, MaySpeak: true, Publishing: true},
		s.dan: {Role: "speaker", Seated: true, Muted: true, Publishing: true},
		s.cy:  {Role: "listener", Hand: true, HandPlace: 1},
		s.eve: {Role: "listener"},
	} {
		v, err := p.api().Room(s.t.Context(), s.id)
		want.PersonView = v.Me.PersonView
		if err != nil || v.Phase != node.Live || v.Me != want {
			s.t.Errorf("%s is %+v in a room that is %s, want %+v: %v", v.Me.Name, v.Me, v.Phase, want, err)
		}
	}
	s.witness.mu.Lock()
	muted := s.witness.heard[s.danI]
	s.witness.mu.Unlock()
	if !muted.IsZero() && time.Since(muted) < 2*time.Second {
		s.t.Error("Dan, who is muted, is heard")
	}
	s.witness.nobodyLeft()
}

// TestHostIsKilled: a host that is killed in mid-word and started again by the same command leads the same room on; nobody
// leaves, nobody loses a place, and the sound flows.
func TestHostIsKilled(t *testing.T) {
	t.Parallel()
	s := perform(t)
	home := s.host.home
	s.witness.await("two listeners to be counted", func() bool { return s.witness.last.Listeners == 2 })
	s.host.signal(syscall.SIGKILL)
	s.host.wait(patience)
	s.witness.await("the loss to be noticed", func() bool { return s.witness.last.Phase == node.Reconnecting })
	if v := s.witness.latest(); v.HeldUntil == 0 || !strings.Contains(v.Quality.Text, "Connecting again") {
		t.Errorf("the page is told %+v until %d", v.Quality, v.HeldUntil)
	}
	show := start(t, s.eve.home, "room", "show", s.id)
	show.wantExit(0, patience)
	if out := show.out(); !strings.Contains(out, ", reconnecting, 2 listening, your place is kept for ") || !strings.Contains(out, "Connecting again") {
		t.Errorf("show says:\n%s", out)
	}
	s.host = start(t, home, s.hostArgs...)
	if !s.opened() {
		t.Error("the command does not say that it took up its room again")
	}
	s.goesOn()
	// Another one of its title is not taken for it, when it has ended as it should.
	if code, _ := s.host.interrupt(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	s.host = start(t, home, s.hostArgs...)
	var o struct{ Room string }
	if err := json.Unmarshal([]byte("{"+s.host.line("{")), &o); err != nil || o.Room == s.id {
		t.Errorf("a room that ended goes on: %v", err)
	}
}

// TestSpeakerIsKilled: a speaker's node that is killed and started again has its seat, role, consent and voice again.
func TestSpeakerIsKilled(t *testing.T) {
	t.Parallel()
	s := perform(t)
	for _, who := range []struct {
		p  **process
		is string
	}{{&s.bo, s.boIs}, {&s.dan, s.danI}} {
		(*who.p).signal(syscall.SIGKILL)
		(*who.p).wait(patience)
	}
	s.witness.await("Bo and Dan to be seen as away", func() bool {
		return isAway(s.witness.last, s.boIs) && isAway(s.witness.last, s.danI)
	})
	show := start(t, s.eve.home, "room", "show", s.id)
	show.wantExit(0, patience)
	if out := show.out(); strings.Count(out, "connection lost") != 2 {
		t.Errorf("show says:\n%s", out)
	}
	for _, p := range []**process{&s.bo, &s.dan} {
		again := start(t, (*p).home, append([]string{"up", "--no-open", "--web", "127.0.0.1:0"}, overQUIC...)...)
		again.line("Taken up again where it was cut short: Long evening")
		again.line("Stop with Ctrl-C.")
		*p = again
		if err := again.api().Watch(t.Context(), s.id, func(v node.RoomView) bool { return v.Phase != node.Live }); err != nil {
			t.Fatal(err)
		}
		talk(t, again, s.id, voiceB) // as the page does that finds itself on stage
	}
	s.witness.await("their microphones", func() bool { return s.witness.last.Phase == node.Live })
	for _, p := range []*process{s.bo, s.dan} {
		if err := p.api().Watch(t.Context(), s.id, func(v node.RoomView) bool { return !v.Me.Publishing }); err != nil {
			t.Fatal(err)
		}
	}
	s.goesOn()
}

// TestHostSleeps: a host that stands still for a while, as a laptop that sleeps, has everybody back as soon as it wakes.
func TestHostSleeps(t *testing.T) {
	t.Parallel()
	s := perform(t)
	s.host.signal(syscall.SIGSTOP)
	s.witness.await("the loss to be noticed", func() bool { return s.witness.last.Phase == node.Reconnecting })
	time.AfterFunc(8*time.Second, func() { s.host.signal(syscall.SIGCONT) }) // it takes them for gone after six
	s.goesOn()
}

// TestSpeakerSleeps: a speaker who stands still for a while is seen as away, and back where they were.
func TestSpeakerSleeps(t *testing.T) {
	t.Parallel()
	s := perform(t)
	s.bo.signal(syscall.SIGSTOP)
	s.witness.await("Bo to be seen as away", func() bool { return isAway(s.witness.last, s.boIs) })
	s.bo.signal(syscall.SIGCONT)
	s.goesOn()
}
