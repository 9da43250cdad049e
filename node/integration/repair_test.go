package integration

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"salon/node"
)

// An audience is nodes of this process that listen to one room.
type audience struct {
	nodes []*node.Node
	rooms []*node.Room
}

// seat has so many nodes join a room at once, and says how long each took to hear something.
func seat(t *testing.T, link string, many int) (a *audience, took []time.Duration) {
	t.Helper()
	a = &audience{nodes: make([]*node.Node, many), rooms: make([]*node.Room, many)}
	took = make([]time.Duration, many)
	for i := range many {
		n, err := node.New(node.Options{Home: t.TempDir(), Name: fmt.Sprint("Listener ", i), NoMDNS: true, Hidden: true, Listen: []string{"/ip4/127.0.0.1/udp/0/quic-v1"}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { n.Close() })
		a.nodes[i] = n
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var joins sync.WaitGroup
	for i, n := range a.nodes {
		joins.Go(func() {
			began := time.Now()
			r, err := n.Join(ctx, link)
			if err != nil {
				t.Errorf("listener %d: %v", i, err)
				return
			}
			a.rooms[i] = r
			for r.Stats().Verified == 0 && ctx.Err() == nil {
				time.Sleep(5 * time.Millisecond) // nothing tells of a single frame
			}
			took[i] = time.Since(began)
		})
	}
	joins.Wait()
	if ctx.Err() != nil {
		t.Fatal("somebody hears nothing")
	}
	return a, took
}

// until waits until cond holds for every listener.
func (a *audience) until(t *testing.T, what string, cond func(s node.HearStats) bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		left := 0
		for _, r := range a.rooms {
			if !cond(r.Stats()) {
				left++
			}
		}
		if left == 0 {
			return
		}
		if time.Now().After(deadline) {
			for i, r := range a.rooms {
				t.Logf("listener %d: %+v, %v", i, r.Stats(), a.nodes[i].Counts())
			}
			t.Fatalf("waited %s for %s: %d of %d to go", patience, what, left, len(a.rooms))
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// A mended is how one listener heard while something happened.
type mended struct {
	concealed uint64
	caughtUp  time.Duration // until as much had come as to whoever had most
	pause     time.Duration // the longest in which nothing came
}

// during does something and listens for a while.
func (a *audience) during(do func(), lasts time.Duration) []mended {
	const (
		bundled = 4                      // frames that may be on their way, in a packet that is not full
		noticed = 250 * time.Millisecond // after which whoever is not behind will not be because of what is done
	)
	was, last := make([]node.HearStats, len(a.rooms)), make([]uint64, len(a.rooms))
	came, all, over := make([]time.Time, len(a.rooms)), make([]mended, len(a.rooms)), make([]bool, len(a.rooms))
	began := time.Now()
	for i, r := range a.rooms {
		was[i], came[i] = r.Stats(), began
	}
	do()
	for time.Since(began) < lasts {
		for i, r := range a.rooms {
			heard, now := r.Stats().Received-was[i].Received, time.Now()
			if heard != last[i] {
				last[i], came[i] = heard, now
			}
			all[i].pause = max(all[i].pause, now.Sub(came[i]))
		}
		most, now := slices.Max(last), time.Now()
		for i, heard := range last {
			if behind := heard+bundled < most; behind && !over[i] {
				all[i].caughtUp = now.Sub(began)
			} else if !behind && now.Sub(began) > noticed {
				over[i] = true
			}
		}
		time.Sleep(2 * time.Millisecond) // nothing tells of a single frame
	}
	for i, r := range a.rooms {
		all[i].concealed = r.Stats().Concealed - was[i].Concealed
	}
	return all
}

func quantile[T uint64 | time.Duration](list []T, q float64) T {
	list = slices.Clone(list)
	slices.Sort(list)
	return list[min(int(q*float64(len(list))), len(list)-1)]
}

// tell logs how a repair went.
func tell(t *testing.T, what string, all []mended) {
	t.Helper()
	var took, pauses []time.Duration
	var concealed []uint64
	for _, m := range all {
		took, pauses, concealed = append(took, m.caughtUp.Round(time.Millisecond)), append(pauses, m.pause.Round(time.Millisecond)), append(concealed, m.concealed)
	}
	t.Logf("%s, %d listeners: caught up after p50 %s, p95 %s, p99 %s; nothing came for p50 %s, p99 %s; concealed frames p50 %d, p95 %d, p99 %d", what, len(all),
		quantile(took, 0.5), quantile(took, 0.95), quantile(took, 0.99), quantile(pauses, 0.5), quantile(pauses, 0.99), quantile(concealed, 0.5), quantile(concealed, 0.95), quantile(concealed, 0.99))
}

// busiest is the relay that feeds most listeners, and how many.
func (a *audience) busiest(tr *tree) (*process, string, int) {
	fed := map[string]int{}
	for _, r := range a.rooms {
		fed[r.Stats().Parent]++
	}
	var most *process
	var id string
	for _, p := range tr.relays {
		st, err := p.api().Status(tr.t.Context())
		if err != nil {
			tr.t.Fatal(err)
		}
		is := st.Addrs[0][strings.LastIndex(st.Addrs[0], "/")+1:]
		if most == nil || fed[is] > fed[id] {
			most, id = p, is
		}
	}
	return most, id, fed[id]
}

// TestRelayIsKilledUnheard: below two relays that the host feeds everybody has a second parent; when one relay is killed,
// those below it go on with the other.
func TestRelayIsKilledUnheard(t *testing.T) {
	tr := relayed(t, []int{64, 64}, "--max-children", "2", "--play", voiceA, "--loop")
	a, joins := seat(t, tr.link, 20)
	t.Logf("joins: p50 %s, p95 %s, longest %s", quantile(joins, 0.5), quantile(joins, 0.95), slices.Max(joins))
	a.until(t, "everybody to have a second parent", func(s node.HearStats) bool { return s.Warm != "" })
	dead, id, fed := a.busiest(tr)
	isBelow := make([]bool, len(a.rooms))
	for i, r := range a.rooms {
		isBelow[i] = r.Stats().Parent == id
	}
	resumed := func() (n uint64) {
		for i, r := range a.rooms {
			if isBelow[i] {
				n += r.Stats().Resumes
			}
		}
		return n
	}
	was := resumed()
	all := a.during(func() { dead.signal(syscall.SIGKILL) }, 4*time.Second)
	dead.wait(patience)
	var below []mended
	for i, m := range all {
		if isBelow[i] {
			below = append(below, m)
		}
	}
	tell(t, "a relay is killed", below)
	t.Logf("%d of %d were fed by it, and made %d moves", fed, len(a.rooms), resumed()-was)
	for i, r := range a.rooms {
		before := r.Stats().Verified
		if r.Phase() != node.Live {
			t.Errorf("listener %d: %s", i, r.Phase())
		}
		a.until(t, "everybody to hear on", func(s node.HearStats) bool { return s.Verified > before || s.Parent != id })
	}
	a.until(t, "everybody to be fed by somebody else", func(s node.HearStats) bool { return s.Parent != "" && s.Parent != id })
	if resumed()-was < uint64(fed) {
		t.Errorf("%d moves of %d listeners: somebody did not go on with the second parent", resumed()-was, fed)
	}
}

// TestOnlyRelayIsKilledUnheard: below the only relay of a host that has places left everybody goes on with the host when it is
// killed.
func TestOnlyRelayIsKilledUnheard(t *testing.T) {
	tr := relayed(t, []int{64}, "--max-children", "24", "--play", voiceA, "--loop")
	a, _ := seat(t, tr.link, 20)
	a.until(t, "everybody to have a second parent", func(s node.HearStats) bool { return s.Warm != "" })
	dead, id, fed := a.busiest(tr)
	was := make([]node.HearStats, len(a.rooms))
	for i, r := range a.rooms {
		was[i] = r.Stats()
	}
	all := a.during(func() { dead.signal(syscall.SIGKILL) }, 4*time.Second)
	dead.wait(patience)
	var below []mended
	resumed := uint64(0)
	for i, m := range all {
		if was[i].Parent == id {
			below = append(below, m)
			resumed += a.rooms[i].Stats().Resumes - was[i].Resumes
		}
	}
	if fed == 0 {
		t.Fatal("nobody was below the relay")
	}
	tell(t, fmt.Sprintf("the only relay is killed, which fed %d", fed), below)
	a.until(t, "everybody to be fed by the host", func(s node.HearStats) bool { return s.Parent != "" && s.Parent != id })
	most := uint64(0)
	for _, r := range a.rooms {
		most = max(most, r.Stats().Verified)
	}
	a.until(t, "everybody to hear on", func(s node.HearStats) bool { return s.Verified > most })
	if resumed < uint64(fed) {
		t.Errorf("%d moves of %d listeners: somebody did not go on with the second parent", resumed, fed)
	}
}

// TestRelayEndsUnheard: a relay that is asked to end lets nobody below it miss a frame.
func TestRelayEndsUnheard(t *testing.T) {
	tr := relayed(t, []int{64, 64}, "--max-children", "2", "--play", voiceA, "--loop")
	a, _ := seat(t, tr.link, 20)
	a.until(t, "everybody to have a second parent", func(s node.HearStats) bool { return s.Warm != "" })
	ending, id, fed := a.busiest(tr)
	all := a.during(func() { ending.signal(syscall.SIGTERM) }, 4*time.Second)
	ending.wantExit(0, patience)
	tell(t, fmt.Sprintf("a relay that fed %d ends", fed), all)
	for i, r := range a.rooms {
		if s := r.Stats(); s.Parent == id || s.Parent == "" || r.Phase() != node.Live {
			t.Errorf("listener %d: %+v, %s", i, s, r.Phase())
		}
	}
	lost := uint64(0)
	for _, m := range all {
		lost += m.concealed
	}
	if lost > 0 {
		t.Errorf("%d frames were lost", lost)
	}
}
