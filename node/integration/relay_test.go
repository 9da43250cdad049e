package integration

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"salon/node"
)

// A tree is a room whose host feeds one node, and relays that feed everybody else.
type tree struct {
	t        *testing.T
	host     *process
	relays   []*process
	link, id string
}

// relayed opens that room, with a relay for each of most, which is how many nodes it feeds; how is what host plays, and why.
func relayed(t *testing.T, most []int, how ...string) *tree {
	t.Helper()
	salon(t)
	tr := &tree{t: t}
	args := append([]string{"host", "--title", "Carried", "--json", "--name", "Ana", "--max-children", "1"}, how...)
	for _, n := range most {
		r := start(t, t.TempDir(), append([]string{"relay", "--open", "--max-children", fmt.Sprint(n)}, overQUIC...)...)
		r.line("Stop with Ctrl-C.")
		tr.relays = append(tr.relays, r)
		args = append(args, "--relay", strings.TrimSpace(r.line("Relay:")))
	}
	tr.host = start(t, t.TempDir(), append(args, overQUIC...)...)
	var o struct{ Room, Link string }
	if err := json.Unmarshal([]byte("{"+tr.host.line("{")), &o); err != nil {
		t.Fatal(err)
	}
	tr.id, tr.link = o.Room, o.Link
	for _, r := range tr.relays {
		await(t, r.api(), "the relay to carry the room", patience, func() (bool, error) {
			rooms, err := r.api().JoinedRooms(t.Context())
			return slices.ContainsFunc(rooms, func(v node.RoomView) bool { return v.ID.String() == tr.id && v.Phase == node.Live }), err
		})
	}
	return tr
}

func (tr *tree) join(who string) *process {
	tr.t.Helper()
	p := up(tr.t, append([]string{"--name", who}, overQUIC...)...)
	if v, _, err := p.api().Join(tr.t.Context(), tr.link); err != nil || v.Phase != node.Live {
		tr.t.Fatalf("%s joins: %v, %s", who, err, v.Phase)
	}
	return p
}

func (tr *tree) act(p *process, action, person string) {
	tr.t.Helper()
	act(tr.t, p, tr.id, action, person)
}

// TestHeardBelowRelays: what is said is heard below relays as it is beside the host.
func TestHeardBelowRelays(t *testing.T) {
	t.Parallel()
	salon(t)
	const lead, speech, tail = 12 * time.Second, 8 * time.Second, 2 * time.Second
	said := line(t, voiceA, lead, speech, tail)
	tr := relayed(t, []int{3, 3}, "--play", writeWAV(t, "host.wav", said))
	began := time.Now()
	var listeners []*process
	var records []string
	for i := range 4 {
		records = append(records, filepath.Join(t.TempDir(), "heard.wav"))
		listeners = append(listeners, start(t, t.TempDir(), append([]string{"listen", tr.link, "--record", records[i], "--json"}, overQUIC...)...))
	}
	if err := tr.host.api().Watch(t.Context(), tr.id, func(v node.RoomView) bool { return v.Listeners != 4 }); err != nil {
		t.Fatal(err)
	}
	if late := time.Since(began); late > lead-time.Second {
		t.Fatalf("everybody was there only after %s: this machine is too busy to judge sound", late)
	}
	depths := make(map[int]int)
	for i, l := range listeners {
		l.wantExit(0, lead+speech+tail+patience)
		s := readStats(t, l)
		depths[s.Depth]++
		t.Logf("listener %d: %+v", i, s)
		got := recorded(t, records[i], 1)[0]
		wantHeard(t, fmt.Sprint("listener ", i), said[samples(lead-2*time.Second):], got)
	}
	tr.host.wantExit(0, patience)
	if depths[2]+depths[3] != 4 || depths[2] == 0 {
		t.Errorf("listeners by depth %v, want all at 2 and 3", depths)
	}
}

// TestSpeakingBelowRelays: a hand that goes up below a relay is seen and granted, what is said there is heard beside the host
// and below other relays, the host's mute and removal take effect there.
func TestSpeakingBelowRelays(t *testing.T) {
	t.Parallel()
	tr := relayed(t, []int{3, 8}, "--play", voiceA, "--loop")
	bo, cy, eve := tr.join("Bo"), tr.join("Cy"), tr.join("Eve")
	boIs, eveIs := bo.person(), eve.person()
	atCy, atEve := watch(t, cy, tr.id), watch(t, eve, tr.id)
	atCy.awaitSound("the host to be heard", tr.host.person())
	tr.act(bo, "raise_hand", "")
	tr.act(tr.host, "grant", boIs)
	if err := bo.api().Watch(t.Context(), tr.id, func(v node.RoomView) bool { return !v.Me.Seated }); err != nil {
		t.Fatal(err)
	}
	talk(t, bo, tr.id, voiceB)
	for _, w := range []*witness{atCy, atEve} {
		w.awaitSound("Bo to be heard", boIs)
	}
	tr.act(tr.host, "mute", boIs)
	atCy.await("Bo to be muted", func() bool {
		return slices.ContainsFunc(atCy.last.Stage, func(s node.SeatView) bool { return s.Person.String() == boIs && s.Muted })
	})
	tr.act(tr.host, "remove", eveIs)
	atEve.await("Eve to be out", func() bool { return atEve.last.Phase == node.Removed })
	atCy.await("one listener", func() bool { return atCy.last.Listeners == 1 })
}

// TestRelayIsKilled: the listeners of a relay that is killed are fed by another soon, and hear.
func TestRelayIsKilled(t *testing.T) {
	t.Parallel()
	tr := relayed(t, []int{8, 8}, "--play", voiceA, "--loop")
	hostIs := tr.host.person()
	var all []*witness
	for _, who := range []string{"Bo", "Cy", "Dan", "Eve"} {
		w := watch(t, tr.join(who), tr.id)
		w.awaitSound(who+" to hear the host", hostIs)
		all = append(all, w)
	}
	for _, r := range tr.relays { // the one that the host feeds
		rooms, err := r.api().JoinedRooms(t.Context())
		if err != nil || len(rooms) != 1 {
			t.Fatalf("%d rooms, %v", len(rooms), err)
		}
		st, err := r.api().Stats(t.Context(), tr.id)
		if err != nil {
			t.Fatal(err)
		}
		if st.Depth == 1 {
			r.signal(syscall.SIGKILL)
			r.wait(patience)
			break
		}
	}
	later := time.Now().Add(time.Second) // no buffer holds so much
	for _, w := range all {
		w.await("the host to be heard again", func() bool { return w.heard[hostIs].After(later) && w.last.Phase == node.Live })
	}
}

// TestRelayDrains: a relay that ends sends its listeners elsewhere first; they hear every word meanwhile.
func TestRelayDrains(t *testing.T) {
	t.Parallel()
	salon(t)
	const lead, speech, tail = 12 * time.Second, 16 * time.Second, 2 * time.Second
	said := line(t, voiceA, lead, speech, tail)
	tr := relayed(t, []int{8, 8}, "--play", writeWAV(t, "host.wav", said))
	began := time.Now()
	record := filepath.Join(t.TempDir(), "heard.wav")
	listener := start(t, t.TempDir(), append([]string{"listen", tr.link, "--record", record, "--json"}, overQUIC...)...)
	if err := tr.host.api().Watch(t.Context(), tr.id, func(v node.RoomView) bool { return v.Listeners != 1 }); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Until(began.Add(lead + 4*time.Second))) // in the middle of a word
	for _, r := range tr.relays {
		st, err := r.api().Stats(t.Context(), tr.id)
		if err != nil {
			t.Fatal(err)
		}
		if st.Depth == 1 {
			asked := time.Now()
			r.signal(syscall.SIGTERM)
			r.wantExit(0, patience)
			t.Logf("the relay ended after %s", time.Since(asked).Round(time.Millisecond))
			if took := time.Since(asked); took > 8*time.Second {
				t.Errorf("it ended after %s: somebody did not go", took)
			}
			break
		}
	}
	listener.wantExit(0, lead+speech+tail+patience)
	t.Logf("%+v", readStats(t, listener))
	wantHeard(t, "the listener", said[samples(lead-2*time.Second):], recorded(t, record, 1)[0])
	tr.host.wantExit(0, patience)
}

// TestRelayBlock: a blocked room goes from the relay at once, its listeners go elsewhere, and neither comes back.
func TestRelayBlock(t *testing.T) {
	t.Parallel()
	tr := relayed(t, []int{8}, "--play", voiceA, "--loop", "--max-children", "2")
	r := tr.relays[0]
	other, below := tr.join("Bo"), tr.join("Cy") // the host has a place for one of them, but whoever answers first feeds them
	fed := 0
	for _, p := range []*process{other, below} {
		if st, err := p.api().Stats(t.Context(), tr.id); err != nil {
			t.Fatal(err)
		} else if st.Depth == 2 {
			fed++
		} else if p == below {
			other, below = below, other
		}
	}
	if fed == 0 {
		t.Fatal("the relay feeds nobody")
	}
	atCy := watch(t, below, tr.id)
	atCy.awaitSound("the host to be heard", tr.host.person())
	status := start(t, r.home, "relay", "status", "--json")
	status.wantExit(0, patience)
	var v node.Relayed
	if err := json.Unmarshal([]byte(status.out()), &v); err != nil || len(v.Rooms) != 1 || v.Rooms[0].ID.String() != tr.id || int(v.Rooms[0].Listeners) != fed || v.Children != fed || !v.Open {
		t.Fatalf("status says %+v: %v", v, err)
	}
	if err := other.api().Act(t.Context(), tr.id, "leave", ""); err != nil { // a place for who must go
		t.Fatal(err)
	}
	block := start(t, r.home, "relay", "block", "Carr")
	block.wantExit(0, patience)
	if out := block.out(); !strings.HasPrefix(out, "0 of 200 listeners, 0 of 8 rooms") {
		t.Errorf("block says %q", out)
	}
	later := time.Now().Add(time.Second)
	atCy.await("the host to be heard without the relay", func() bool { return atCy.heard[tr.host.person()].After(later) })
	if st, err := below.api().Stats(t.Context(), tr.id); err != nil || st.Depth != 1 {
		t.Errorf("depth %d: %v", st.Depth, err)
	}
	await(t, tr.host.api(), "the host to ask again in vain", patience, func() (bool, error) {
		var counts map[string]uint64
		err := r.api().Call(t.Context(), "GET", "/api/v1/counts", nil, &counts)
		return counts["carry_refused_blocked"] > 0, err
	})
	unblock := start(t, r.home, "relay", "unblock", tr.id[:8])
	unblock.wantExit(0, patience)
	await(t, r.api(), "the relay to carry the room again", patience, func() (bool, error) {
		v, err := r.api().Relayed(t.Context())
		return len(v.Rooms) == 1 && v.Rooms[0].Phase == node.Live && len(v.BlockedRooms) == 0, err
	})
	again := start(t, r.home, "relay", "unblock", tr.id[:8])
	again.wantExit(1, patience)
}

// TestTreeFromTheShell: the host's shell shows the relays, how everybody hears, and what the relays carried.
func TestTreeFromTheShell(t *testing.T) {
	t.Parallel()
	tr := relayed(t, []int{8}, "--play", voiceA, "--loop")
	bo := tr.join("Bo")
	watch(t, bo, tr.id).awaitSound("the host to be heard", tr.host.person())
	await(t, tr.host.api(), "the sentence", patience, func() (bool, error) {
		v, err := tr.host.api().Room(t.Context(), tr.id)
		return v.Quality.Audience != nil && v.Quality.Audience.Told == 1, err
	})
	said := func(p *process, args ...string) string {
		t.Helper()
		c := start(t, p.home, args...)
		c.wantExit(0, patience)
		return c.out()
	}
	tree := said(tr.host, "room", "tree", "Carried")
	t.Log(tree)
	if !strings.Contains(tree, "of 1 listener heard") || !strings.Contains(tree, "\n  Guest ") || !strings.Contains(tree, " ms  ") {
		t.Errorf("the tree is\n%s", tree)
	}
	if show := said(bo, "room", "show", "Carried"); !strings.Contains(show, " → Ana: 2 hops, ") {
		t.Errorf("to a listener it is\n%s", show)
	}
	tr.act(bo, "leave", "")
	var all node.RecordsView
	await(t, tr.host.api(), "Bo's word", patience, func() (bool, error) {
		var err error
		all, err = tr.host.api().Records(t.Context(), tr.id)
		return len(all.Relays) == 1 && all.Relays[0].People == 1, err
	})
	if r := all.Relays[0]; r.Frames == 0 || r.Refused != 0 || r.Silent {
		t.Errorf("the relay shows %+v", r)
	}
	var mine node.ServiceView
	if err := json.Unmarshal([]byte(said(tr.relays[0], "relay", "records", "Carr", "--json")), &mine); err != nil || len(mine.Records) != 1 || mine.CarriedSum != all.Relays[0].CarriedSum {
		t.Errorf("its operator sees %+v, the host %+v: %v", mine, all.Relays[0], err)
	}
	if records := said(tr.host, "room", "records", "Carried"); !strings.Contains(records, "1 signed") {
		t.Errorf("the records are\n%s", records)
	}
}
