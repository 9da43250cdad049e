package node

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// mending plays a path from noon on: at tells what it shows after so long, connected whether there is a connection. It
// returns what the mender did, and when.
func mending(m *mender, span time.Duration, at func(time.Duration) signs) (did []string, pings int) {
	const every = 50 * time.Millisecond
	m.begin(noon)
	for d := every; d <= span; d += every {
		do, ping := m.look(noon.Add(d), at(d))
		if do != noRepair {
			did = append(did, fmt.Sprintf("%s %v", map[repair]string{newStream: "stream", newConnection: "connection"}[do], d))
		}
		if do == newConnection {
			m.begin(noon.Add(d))
		}
		if ping {
			pings++
		}
	}
	return did, pings
}

func TestMender(t *testing.T) {
	const s, ms = time.Second, time.Millisecond
	until := func(end time.Duration, s signs) func(time.Duration) signs {
		return func(d time.Duration) signs {
			s := s
			s.sound = d <= end
			return s
		}
	}
	for _, c := range []struct {
		name string
		span time.Duration
		at   func(time.Duration) signs
		want []string
	}{
		{"sound that flows", 60 * s, until(time.Hour, signs{due: true}), nil},
		{"sound that comes in bursts of 400 ms", 60 * s, func(d time.Duration) signs {
			return signs{due: true, sound: d%(400*ms) == 0}
		}, nil},
		{"a program that stops while the host answers", 30 * s, until(2*s, signs{due: true, pong: true}),
			[]string{"stream 2.5s", "connection 3.5s", "connection 7.5s", "connection 15.5s"}},
		{"a program that never comes while the host answers", 12 * s, until(0, signs{due: true, pong: true}),
			[]string{"stream 1s", "connection 2s", "connection 6s"}},
		{"a connection that is dead", 10 * s, until(2*s, signs{due: true}),
			[]string{"stream 2.5s", "connection 3s", "connection 7s"}},
		{"a stage that is silent while the host answers", time.Hour, until(2*s, signs{pong: true}), nil},
		{"a stage on a dead connection", 10 * s, until(2*s, signs{}), []string{"connection 3s", "connection 5s", "connection 9s"}},
		{"a stage on a slow connection", 4500 * ms, until(2*s, signs{rtt: time.Second}), []string{"connection 4.5s"}},
		{"a stage whose speaker is missed", 30 * s, until(2*s, signs{pong: true, hoped: true}),
			[]string{"stream 4s", "stream 6s", "stream 10s", "stream 18s"}},
		{"a room without a program yet", time.Hour, until(0, signs{pong: true}), nil},
		{"a room whose doors open, and nothing comes", 6 * s, func(d time.Duration) signs {
			return signs{pong: true, due: d >= 3*s}
		}, []string{"stream 3.95s", "connection 4.95s"}},
		{"somebody on stage who begins to speak after a minute", 62 * s, func(d time.Duration) signs {
			return signs{pong: true, hoped: d >= 60*s, sound: d == time.Second}
		}, []string{"stream 1m1.95s"}},
		// A new trouble is met as the first was.
		{"troubles far apart", 30 * s, func(d time.Duration) signs {
			return signs{due: true, pong: true, sound: d < 2*s || d >= 3*s && d < 20*s || d >= 22*s}
		}, []string{"stream 2.45s", "stream 20.45s", "connection 21.45s"}},
		{"troubles close together", 8 * s, func(d time.Duration) signs {
			return signs{due: true, pong: true, sound: d < 2*s || d >= 3*s && d < 4*s || d >= 6*s}
		}, []string{"stream 2.45s", "connection 4.45s"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := &mender{}
			if did, _ := mending(m, c.span, c.at); !slices.Equal(did, c.want) {
				t.Errorf("did %v, want %v", did, c.want)
			}
		})
	}
	// However long it lasts, the host is not run over.
	m := &mender{}
	if did, pings := mending(m, time.Hour, until(0, signs{due: true, pong: true})); len(did) > 130 || pings > 7200 {
		t.Errorf("%d repairs and %d pings in an hour", len(did), pings)
	}
}

// While this machine sleeps, or is too busy to look, nothing can come: that is not the host's silence.
func TestMenderThatWasAsleep(t *testing.T) {
	m := &mender{}
	m.begin(noon)
	now := noon
	for range 10 {
		now = now.Add(time.Minute)
		if do, _ := m.look(now, signs{due: true}); do != noRepair && m.quiet < silentFor {
			t.Fatalf("%v after %s of looking", do, m.quiet)
		}
		m.look(now.Add(time.Millisecond), signs{due: true, sound: true})
	}
	if m.tries != 0 {
		t.Errorf("%d repairs", m.tries)
	}
}

func TestMenderSaysWhatItDoes(t *testing.T) {
	m := &mender{}
	m.begin(noon)
	var said []string
	stopped, back := 2*time.Second, 12*time.Second
	for d := 50 * time.Millisecond; d < 20*time.Second; d += 50 * time.Millisecond {
		now := noon.Add(d)
		if do, _ := m.look(now, signs{due: true, pong: true, sound: d < stopped || d >= back}); do == newConnection {
			m.begin(now)
		}
		if text := m.trouble(now); len(said) == 0 || said[len(said)-1] != text {
			said = append(said, text)
		}
	}
	for i, want := range []string{
		"",
		"No sound has arrived from the host for 1 s. Opening a new path (try 1).",
		"No sound has arrived from the host for 2 s. Connecting anew (try 2).",
		"No sound has arrived from the host for 3 s. Connecting anew in 3 s (try 3).",
	} {
		if i >= len(said) || said[i] != want {
			t.Errorf("%d: %q, want %q", i, said[min(i, len(said)-1)], want)
		}
	}
	if last := said[len(said)-1]; last != "" {
		t.Errorf("mended, and says %q", last)
	}
	all := strings.Join(said, "\n")
	for _, want := range []string{"for 4 s. Connecting anew in", "(try 3)", "for 9 s, though the host answers."} {
		if !strings.Contains(all, want) {
			t.Errorf("never says %q:\n%s", want, all)
		}
	}
	if strings.Contains(all, "does not answer") {
		t.Errorf("says:\n%s", all)
	}

	dead := &mender{}
	dead.begin(noon)
	for d := 50 * time.Millisecond; d <= 2500*time.Millisecond; d += 50 * time.Millisecond {
		dead.look(noon.Add(d), signs{sound: d <= time.Second})
	}
	if text := dead.trouble(noon.Add(2500 * time.Millisecond)); text != "No sound has arrived from the stage for 2 s, and the host does not answer. Connecting anew (try 1)." {
		t.Errorf("says %q", text)
	}
}
