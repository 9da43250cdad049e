package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"salon/node"
	"salon/node/media"
)

// soakVar asks for the soak: "make soak" sets it, to anything or to how long it lasts.
const soakVar = "SALON_SOAK"

// TestNothingGrows keeps a room open, on a host and a relay, for ten minutes in which listeners come, move and go, other
// hosts and relays open and vanish, and people try to join what is gone; again and again, once all have left, as much must
// be in use as before.
func TestNothingGrows(t *testing.T) {
	long := 10 * time.Minute
	switch v := os.Getenv(soakVar); v {
	case "":
		t.Skip("ten minutes: make soak")
	default:
		if d, err := time.ParseDuration(v); err == nil {
			long = d
		}
	}
	end := time.Now().Add(long)
	home := func(name string) string { return filepath.Join(t.TempDir(), name) }
	open := func(name string, o node.Options) *node.Node {
		o.Home, o.Name, o.NoMDNS, o.Listen = home(name), name, true, []string{"/ip4/127.0.0.1/udp/0/quic-v1", "/ip4/127.0.0.1/tcp/0"}
		n, err := node.New(o)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	shut := func(n *node.Node) {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	}
	// host opens a room with a voice in it and a relay to carry it, whose listeners are four at most.
	host := func(name string) (h, r *node.Node, rm *node.Room, mic *media.Mic) {
		r = open(name+"'s relay", node.Options{Relay: &node.Relay{Open: true}})
		h = open(name, node.Options{MaxChildren: 4, Relays: r.Status().Addrs[:1]})
		rm, err := h.StartRoom(node.Start{Title: name + "'s room", Language: "en"})
		if err != nil {
			t.Fatal(err)
		}
		src, err := media.OpenSource(filepath.Join("..", "demo", "voices", "host.opus"), media.Options{Channels: 1, Loop: true})
		if err != nil {
			t.Fatal(err)
		}
		mic = media.NewMic(src)
		if err := rm.Publish(t.Context(), mic); err != nil {
			t.Fatal(err)
		}
		awaitNode(t, r, "the relay to carry the room", func() bool { c := r.Room(rm.ID()); return c != nil && c.Phase() == node.Live })
		return h, r, rm, mic
	}
	ana, relay, room, mic := host("Ana")
	defer func() {
		mic.Close()
		shut(ana)
		shut(relay)
	}()
	link := room.View().Link

	var uses []usage
	for round := 0; time.Now().Before(end); round++ {
		var crowd []*node.Node
		for i := range 6 {
			n := open(fmt.Sprint("Listener ", i), node.Options{})
			crowd = append(crowd, n)
			r, err := n.Join(t.Context(), link)
			if err != nil {
				t.Fatalf("round %d: listener %d: %v", round, i, err)
			}
			// A busy machine takes its time.
			awaitNode(t, n, "a place in the room", func() bool { return r.Phase() == node.Live })
			if i%2 == 1 { // out, and in again
				if err := r.Do(t.Context(), node.Action{Kind: "leave"}); err != nil {
					t.Fatalf("round %d: %v", round, err)
				}
				if _, err := n.Join(t.Context(), link); err != nil {
					t.Fatalf("round %d: %v", round, err)
				}
			}
		}
		// Another host and relay, whose listeners lose the relay, then the host, and come back to find nobody.
		bo, other, theirs, voice := host("Bo")
		gone := theirs.View().Link
		for _, n := range crowd[:3] {
			if _, err := n.Join(t.Context(), gone); err != nil {
				t.Fatalf("round %d: %v", round, err)
			}
		}
		shut(other)
		voice.Close()
		shut(bo)
		for _, n := range crowd {
			shut(n)
		}
		u := settled(t, uses)
		uses = append(uses, u)
		t.Logf("round %d: %+v, %d listening", round, u, room.View().Listeners)
	}
	if len(uses) < 6 {
		t.Fatalf("only %d rounds", len(uses))
	}
	// Least of the beginning and of the end: what a round leaves behind for a while is in neither.
	third := len(uses) / 3
	early, late := least(uses[:third]), least(uses[len(uses)-third:])
	if late.goroutines > early.goroutines+10 || late.files > early.files+4 || late.heap > early.heap+early.heap/5+2<<20 {
		t.Errorf("after %d rounds %+v is in use; in the beginning it was %+v", len(uses), late, early)
	}
}

// awaitNode looks at cond at every change of n until it holds.
func awaitNode(t *testing.T, n *node.Node, what string, cond func() bool) {
	t.Helper()
	poke := make(chan struct{}, 1)
	defer n.Watch(func(node.Change) {
		select {
		case poke <- struct{}{}:
		default:
		}
	})()
	for late := time.After(patience); !cond(); {
		select {
		case <-poke:
		case <-late:
			t.Fatalf("waited %s for %s", patience, what)
		}
	}
}

// A usage is what this process holds.
type usage struct {
	goroutines, files int
	heap              uint64
}

func inUse(t *testing.T) usage {
	t.Helper()
	runtime.GC()
	runtime.GC() // what finalizers let go
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("open files are counted on Linux only")
	}
	return usage{runtime.NumGoroutine(), len(files), m.HeapAlloc}
}

// settled is what is in use once no less of it was for a while, or no more than the least before.
func settled(t *testing.T, before []usage) usage {
	t.Helper()
	u := inUse(t)
	for still := 0; still < 4; {
		if len(before) > 0 && u.goroutines <= least(before).goroutines {
			break
		}
		select {
		case <-time.After(500 * time.Millisecond):
		case <-t.Context().Done():
		}
		now := inUse(t)
		if now.goroutines < u.goroutines {
			still = 0
		} else {
			still++
		}
		u = least([]usage{u, now})
	}
	return u
}

func least(all []usage) usage {
	m := all[0]
	for _, u := range all[1:] {
		m = usage{min(m.goroutines, u.goroutines), min(m.files, u.files), min(m.heap, u.heap)}
	}
	return m
}
