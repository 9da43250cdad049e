package integration

import (
	"context"
	"encoding/json"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"salon/node"
)

// A hearer notes when each frame came that a listener plays.
type hearer struct {
	mu     sync.Mutex // guards the fields below
	frames []time.Time
}

func hear(t *testing.T, p *process, id string) *hearer {
	t.Helper()
	h := &hearer{}
	ctx, cancel := context.WithCancel(t.Context())
	c, done := p.api(), make(chan struct{})
	go func() {
		defer close(done)
		_ = c.Listen(ctx, id, func([]byte) error {
			h.mu.Lock()
			h.frames = append(h.frames, time.Now())
			h.mu.Unlock()
			return nil
		})
	}()
	t.Cleanup(func() { cancel(); <-done })
	return h
}

// gap is the longest time without a frame since then, and how many frames came.
func (h *hearer) gap(since time.Time) (gap time.Duration, frames int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	last := since
	for _, at := range h.frames {
		if at.After(since) {
			gap, last = max(gap, at.Sub(last)), at
			frames++
		}
	}
	return max(gap, time.Since(last)), frames
}

// at is when the longest gap began.
func (h *hearer) at(since time.Time) (began time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	last, gap := since, time.Duration(0)
	for _, at := range h.frames {
		if at.After(since) {
			if at.Sub(last) > gap {
				gap, began = at.Sub(last), last.Sub(since)
			}
			last = at
		}
	}
	return began
}

// A duo is a room with a host, a co-host on stage who stands by, and three who listen.
type duo struct {
	t            *testing.T
	hostArgs     []string
	host, coHost *process
	ears         []*process
	heard        []*hearer
	id, link     string
	hostIs, boIs string
	witness      *witness
}

func (s *duo) opened() bool {
	s.t.Helper()
	var o struct {
		Room, Link string
		Resumed    bool
	}
	if err := json.Unmarshal([]byte("{"+s.host.line("{")), &o); err != nil {
		s.t.Fatal(err)
	}
	s.id, s.link = o.Room, o.Link
	return o.Resumed
}

func (s *duo) act(p *process, action, person string) {
	s.t.Helper()
	act(s.t, p, s.id, action, person)
}

func performDuo(t *testing.T) *duo {
	t.Helper()
	salon(t)
	s := &duo{t: t}
	boHome := t.TempDir()
	id := start(t, boHome, "id", "--json")
	id.wantExit(0, patience)
	var bo struct{ Person string }
	if err := json.Unmarshal([]byte(id.out()), &bo); err != nil {
		t.Fatal(err)
	}
	s.boIs = bo.Person
	s.hostArgs = append([]string{"host", "--title", "Outlives", "--play", voiceA, "--loop", "--json", "--name", "Ana", "--co-host", bo.Person, "--verbose"}, fixedPort(t)...)
	s.host = start(t, t.TempDir(), s.hostArgs...)
	s.opened()
	s.hostIs = s.host.person()
	s.coHost = start(t, boHome, append([]string{"cohost", s.link, "--play", voiceB, "--loop", "--name", "Bo", "--verbose"}, overQUIC...)...)
	s.coHost.line("Standing by")
	for _, who := range []string{"Cy", "Dan", "Eve"} {
		p := up(t, append([]string{"--name", who, "--verbose"}, overQUIC...)...)
		if _, _, err := p.api().Join(t.Context(), s.link); err != nil {
			t.Fatal(err)
		}
		s.ears, s.heard = append(s.ears, p), append(s.heard, hear(t, p, s.id))
	}
	s.witness = watch(t, s.ears[2], s.id)
	s.witness.awaitSound("the host to be heard", s.hostIs)
	s.witness.awaitSound("Bo to be heard", s.boIs)
	return s
}

// awaitFrames waits until everybody has heard two seconds more since then.
func (s *duo) awaitFrames(since time.Time) {
	s.t.Helper()
	s.witness.await("two seconds of sound", func() bool {
		for _, h := range s.heard {
			if _, n := h.gap(since); n < 100 {
				return false
			}
		}
		return true
	})
}

// gaps prints, and returns, the longest silence of each listener since then.
func (s *duo) gaps(what string, since time.Time) (all []time.Duration) {
	for _, h := range s.heard {
		gap, _ := h.gap(since)
		all = append(all, gap.Round(time.Millisecond))
	}
	s.t.Logf("%s: gaps %v, the first after %v", what, all, s.heard[0].at(since).Round(time.Millisecond))
	slices.Sort(all)
	return all
}

// TestCoHostTakesOver: the host is killed, the co-host leads the room on, the host comes back and leads it again.
func TestCoHostTakesOver(t *testing.T) {
	s := performDuo(t)
	s.act(s.ears[0], "raise_hand", "")
	s.act(s.host, "remove", s.ears[1].person())
	kills := 1
	if n, err := strconv.Atoi(os.Getenv("SALON_KILLS")); err == nil {
		kills = n
	}
	heard := []*hearer{s.heard[0], s.heard[2]}
	s.heard = heard
	var gaps []time.Duration
	for range kills {
		home := s.host.home
		killed := time.Now()
		s.host.signal(syscall.SIGKILL)
		s.host.wait(patience)
		s.coHost.line("This node leads the room now.")
		s.witness.await("the co-host to lead", func() bool {
			return s.witness.last.Leader != nil && s.witness.last.Leader.Person.String() == s.boIs
		})
		s.witness.awaitSound("Bo to be heard again", s.boIs)
		s.awaitFrames(killed)
		now := s.gaps("killed", killed)
		gaps = append(gaps, now...)
		// Who has never heard of the host finds the room in the list, and comes in.
		late := up(t, append([]string{"--name", "Fay", "--peer", s.ears[0].addr()}, overQUIC...)...)
		sees(t, late, "Outlives", true, patience)
		if v, _, err := late.api().Join(t.Context(), s.id); err != nil || v.Phase != node.Live {
			t.Errorf("who comes now is in the room: %v, %v", v.Phase, err)
		}
		late.interrupt()
		s.act(s.coHost, "lock", "")
		s.host = start(t, home, s.hostArgs...)
		back := time.Now()
		if !s.opened() {
			t.Error("the command does not say that it took up its room again")
		}
		s.witness.await("the host to lead", func() bool { return s.witness.last.Phase == node.Live && s.witness.last.Leader == nil })
		s.witness.awaitSound("the host to be heard again", s.hostIs)
		s.witness.awaitSound("Bo to be heard still", s.boIs)
		s.awaitFrames(back)
		s.gaps("host back", back)
		v := s.witness.latest()
		if !v.Locked || len(v.Hands) != 1 || len(v.Stage) != 2 {
			t.Errorf("after it the room is %+v", v)
		}
		s.act(s.host, "unlock", "")
	}
	slices.Sort(gaps)
	t.Logf("silence after a kill: p50 %v, p95 %v", gaps[len(gaps)/2], gaps[len(gaps)*95/100])
}

// TestHostSleepsBesideCoHost: a host that stands still for a while finds somebody else leading its room when it wakes, and takes
// it back. Nobody who is honest is left for a forger by anybody meanwhile, though two lead for a moment.
func TestHostSleepsBesideCoHost(t *testing.T) {
	s := performDuo(t)
	s.host.signal(syscall.SIGSTOP)
	s.coHost.line("This node leads the room now.")
	s.witness.await("Bo to lead", func() bool { return s.witness.last.Phase == node.Live && s.witness.last.Leader != nil })
	s.witness.awaitSound("Bo to be heard again", s.boIs)
	s.act(s.ears[2], "raise_hand", "") // the witness's own: the others may still be on their way to Bo
	woke := time.Now()
	s.host.signal(syscall.SIGCONT)
	s.witness.await("the host to lead", func() bool { return s.witness.last.Phase == node.Live && s.witness.last.Leader == nil })
	s.witness.awaitSound("the host to be heard again", s.hostIs)
	s.witness.awaitSound("Bo to be heard still", s.boIs)
	s.awaitFrames(woke)
	s.gaps("woken", woke)
	if v := s.witness.latest(); len(v.Hands) != 1 || len(v.Stage) != 2 {
		t.Errorf("after it the room is %+v", v)
	}
	for _, p := range append(s.ears, s.host, s.coHost) {
		if strings.Contains(p.err(), "what nobody signed") {
			t.Errorf("somebody honest was left for a forger:\n%s", p.err())
		}
	}
}

// TestHandOver: the host hands the room over in mid-word, and nobody misses a frame.
func TestHandOver(t *testing.T) {
	s := performDuo(t)
	stats := func() (lost uint64) {
		for _, p := range s.ears {
			st, err := p.api().Stats(t.Context(), s.id)
			if err != nil {
				t.Fatal(err)
			}
			lost += st.Concealed
		}
		return lost
	}
	before, since := stats(), time.Now()
	s.act(s.host, "hand_over", "")
	s.witness.await("the co-host to lead", func() bool { return s.witness.last.Leader != nil })
	s.witness.awaitSound("Bo to be heard", s.boIs)
	s.witness.awaitSound("the host to be heard, who is a guest now", s.hostIs)
	time.Sleep(3 * time.Second)
	s.gaps("handed over", since)
	if lost := stats() - before; lost > 0 {
		t.Errorf("%d frames were lost", lost)
	}
	s.act(s.host, "take_back", "")
	s.witness.await("the host to lead", func() bool { return s.witness.last.Leader == nil })
	s.witness.awaitSound("the host to be heard", s.hostIs)
	s.gaps("taken back", since)
	if lost := stats() - before; lost > 0 {
		t.Errorf("%d frames were lost", lost)
	}
}
