package integration

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"salon/node"
	"salon/node/client"
)

// sees waits until a node's list holds the room of that title, or no longer does.
func sees(t *testing.T, p *process, title string, listed bool, within time.Duration) node.RoomCard {
	t.Helper()
	var card node.RoomCard
	await(t, p.api(), "the room "+title, within, func() (bool, error) {
		rooms, err := p.api().Rooms(t.Context())
		i := slices.IndexFunc(rooms, func(c node.RoomCard) bool { return c.Title == title })
		if i >= 0 {
			card = rooms[i]
		}
		return (i >= 0) == listed, err
	})
	return card
}

// TestLateJoinerSeesRoom: a room that has long been announced is listed within two seconds of the first connection of a
// node that comes later.
func TestLateJoinerSeesRoom(t *testing.T) {
	salon(t)
	t.Parallel()
	ana := up(t, append([]string{"--name", "Ana"}, overBoth...)...)
	room, err := ana.api().StartRoom(t.Context(), "Long since live", "talk", "en")
	if err != nil {
		t.Fatal(err)
	}
	sees(t, ana, room.Title, true, patience)

	// Started alone, so that the moment of the first connection is seen.
	bo := up(t, overBoth...)
	connected, listed := make(chan time.Time, 1), make(chan time.Time, 1)
	watching := make(chan struct{})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	watched := make(chan error, 1)
	go func() {
		first := true
		watched <- bo.api().Events(ctx, func(e client.Event) bool {
			if first {
				first = false
				close(watching)
			}
			var s node.Status
			if e.Name == "status" && json.Unmarshal(e.Data, &s) == nil && s.Peers > 0 && len(connected) == 0 {
				connected <- time.Now()
			}
			if e.Name == "rooms" && strings.Contains(string(e.Data), room.Title) {
				listed <- time.Now()
				return len(connected) == 0 // news is told in no order: wait for both
			}
			return len(listed) == 0
		})
	}()
	select {
	case <-watching:
	case err := <-watched:
		t.Fatal(err)
	}
	if err := bo.api().Call(ctx, "POST", "/api/v1/peers", map[string]string{"addr": ana.addr()}, nil); err != nil {
		t.Fatal(err)
	}
	dialled := time.Now()
	if err := <-watched; err != nil {
		t.Fatal(err)
	}
	took := (<-listed).Sub(<-connected)
	t.Logf("listed %s after the first connection was told", took)
	if took > 2*time.Second || time.Since(dialled) > 2*time.Second+patience {
		t.Errorf("listed %s after the first connection, want within 2s", took)
	}
}

// TestRoomsCommandFinds: a command that starts a node of its own finds rooms by --peer, an address or a share link.
func TestRoomsCommandFinds(t *testing.T) {
	salon(t)
	t.Parallel()
	ana := up(t, append([]string{"--name", "Ana"}, overBoth...)...)
	room, err := ana.api().StartRoom(t.Context(), "Found by asking", "concert", "fr")
	if err != nil {
		t.Fatal(err)
	}
	for name, peer := range map[string]string{"address": ana.addr(), "share link": room.Link} {
		t.Run(name, func(t *testing.T) {
			list := start(t, t.TempDir(), append([]string{"rooms", "--json", "--wait", "20s", "--peer", peer}, overBoth...)...)
			list.wantExit(0, patience)
			var rooms []node.RoomCard
			if err := json.Unmarshal([]byte(list.out()), &rooms); err != nil {
				t.Fatalf("%v in %q", err, list.out())
			}
			if len(rooms) != 1 || rooms[0].ID != room.ID || rooms[0].Title != room.Title || rooms[0].Mode != "concert" || rooms[0].Host.Name != "Ana" || rooms[0].Mine {
				t.Errorf("rooms --json lists %+v", rooms)
			}
		})
	}
	alone := start(t, t.TempDir(), append([]string{"rooms", "--json", "--wait", "100ms"}, overBoth...)...)
	alone.wantExit(0, patience)
	if alone.out() != "[]" {
		t.Errorf("alone, rooms --json prints %q, want []", alone.out())
	}
}

// TestLineOfThree: A - B - C, where C knows only B, and B only A.
func TestLineOfThree(t *testing.T) {
	salon(t)
	t.Parallel()
	a := up(t, overBoth...)
	b := up(t, append([]string{"--peer", a.addr()}, overBoth...)...)
	c := up(t, append([]string{"--peer", b.addr()}, overBoth...)...)
	peers := func(p *process) int {
		s, err := p.api().Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return s.Peers
	}
	await(t, b.api(), "both neighbours of B", patience, func() (bool, error) { return peers(b) == 2, nil })

	// Announced when all stand: it comes by gossip. Then C's room comes to A the other way.
	for _, way := range []struct {
		from, to *process
		title    string
	}{{a, c, "From A to C"}, {c, a, "From C to A"}} {
		room, err := way.from.api().StartRoom(t.Context(), way.title, "talk", "en")
		if err != nil {
			t.Fatal(err)
		}
		if got := sees(t, way.to, way.title, true, patience); got.ID != room.ID {
			t.Errorf("%s: listed as %s, is %s", way.title, got.ID, room.ID)
		}
	}
	if a, c := peers(a), peers(c); a != 1 || c != 1 {
		t.Errorf("A has %d neighbours and C %d: they were to know only B", a, c)
	}
}

// TestRoomOfKilledHostGoes: within 30 s of kill -9 nobody lists the room any more.
func TestRoomOfKilledHostGoes(t *testing.T) {
	salon(t)
	t.Parallel()
	third := up(t, overBoth...)
	between := up(t, append([]string{"--peer", third.addr()}, overBoth...)...)
	host := start(t, t.TempDir(), append([]string{"host", "--title", "Cut off", "--peer", between.addr()}, overBoth...)...)
	host.line("salon:")
	sees(t, third, "Cut off", true, patience)

	killed := time.Now()
	host.signal(syscall.SIGKILL)
	host.wait(patience)
	sees(t, third, "Cut off", false, 2*patience)
	if took := time.Since(killed); took > 30*time.Second {
		t.Errorf("the room was listed for %s after kill -9, want at most 30s", took)
	} else {
		t.Logf("gone %s after kill -9", took.Round(time.Millisecond))
	}
}

// TestEndedRoomGoesAtOnce: a host that leaves politely takes its room from every list.
func TestEndedRoomGoesAtOnce(t *testing.T) {
	salon(t)
	t.Parallel()
	third := up(t, overBoth...)
	between := up(t, append([]string{"--peer", third.addr()}, overBoth...)...)
	host := start(t, t.TempDir(), append([]string{"host", "--title", "Short", "--peer", between.addr()}, overBoth...)...)
	host.line("salon:")
	sees(t, third, "Short", true, patience)

	code, took := host.interrupt()
	if code != 0 || took > 2*time.Second {
		t.Errorf("host ended with code %d after %s, want 0 within 2s", code, took)
	}
	ended := time.Now()
	sees(t, third, "Short", false, patience)
	if took := time.Since(ended); took > 2*time.Second {
		t.Errorf("the ended room was listed for %s more, want none", took)
	}
}
