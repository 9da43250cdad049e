package integration

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"salon/node"
	"salon/room"
)

// TestClosedRoom: a room by invitation, below a relay. Who has the link hears every word of it, also while somebody is removed and
// the key changes; who has not is told why; the host renews the link, and lets people in by name.
func TestClosedRoom(t *testing.T) {
	t.Parallel()
	salon(t)
	const lead, speech, tail = 12 * time.Second, 12 * time.Second, 2 * time.Second
	said := line(t, voiceA, lead, speech, tail)
	tr := relayed(t, []int{6}, "--access", "invite", "--play", writeWAV(t, "host.wav", said))
	began := time.Now()
	records := filepath.Join(t.TempDir(), "heard.wav")
	hears := start(t, t.TempDir(), append([]string{"listen", tr.link, "--record", records, "--json"}, overQUIC...)...)
	bo, eve := tr.join("Bo"), tr.join("Eve")
	if err := tr.host.api().Watch(t.Context(), tr.id, func(v node.RoomView) bool { return v.Listeners != 3 }); err != nil {
		t.Fatal(err)
	}
	link, err := room.ParseLink(tr.link)
	if err != nil {
		t.Fatal(err)
	}
	link.Secret = [32]byte{}
	bare := link.String()
	start(t, t.TempDir(), append([]string{"listen", bare}, overQUIC...)...).wantRefusal(1, "This room is by invitation")

	do := func(args ...string) *process {
		t.Helper()
		p := start(t, tr.host.home, append([]string{"room"}, args...)...)
		p.wantExit(0, patience)
		return p
	}
	if late := time.Since(began); late > lead {
		t.Fatalf("everybody was there only after %s: this machine is too busy to judge sound", late)
	}
	// In the middle of what is said.
	time.Sleep(time.Until(began.Add(lead + speech/3)))
	do("remove", tr.id, "Eve")
	if err := eve.api().Watch(t.Context(), tr.id, func(v node.RoomView) bool { return v.Phase != node.Removed }); err != nil {
		t.Fatal(err)
	}

	if out := do("link", tr.id).out(); strings.TrimSpace(out) != tr.link {
		t.Errorf("the link is %s, was %s", out, tr.link)
	}
	renewed := strings.TrimSpace(do("link", tr.id, "--renew").out())
	if renewed == tr.link || !strings.HasPrefix(renewed, "salon:") {
		t.Errorf("renewed, the link is %s", renewed)
	}
	start(t, t.TempDir(), append([]string{"listen", tr.link}, overQUIC...)...).wantRefusal(1, "This room is by invitation")
	cy := up(t, append([]string{"--name", "Cy"}, overQUIC...)...)
	do("admit", tr.id, cy.person())
	if v, _, err := cy.api().Join(t.Context(), bare); err != nil || v.Phase != node.Live && v.Refused != "invite_only" {
		t.Errorf("from the guest list: %v, %s %s", err, v.Phase, v.Refused)
	}
	if out := do("show", tr.id).out(); !strings.Contains(out, "by invitation") || !strings.Contains(out, "on the guest list") {
		t.Errorf("show says:\n%s", out)
	}
	if out := start(t, bo.home, "room", "show", tr.id, "--json"); out != nil {
		out.wantExit(0, patience)
		var v node.RoomView
		if json.Unmarshal([]byte(out.out()), &v) != nil || v.Access != "invite" || len(v.Listed) != 0 {
			t.Errorf("a guest is shown %+v", v)
		}
	}
	hears.wantExit(0, lead+speech+tail+patience)
	s := readStats(t, hears)
	t.Logf("%+v", s)
	if s.Depth != 2 {
		t.Errorf("heard at depth %d", s.Depth)
	}
	wantHeard(t, "the listener", said[samples(lead-2*time.Second):], recorded(t, records, 1)[0])
}

// TestKeeper: the host of a room by invitation is killed; below its relay a keeper, named at the start, has who comes with the
// link wait inside, who is shut out where there is no keeper.
func TestKeeper(t *testing.T) {
	t.Parallel()
	salon(t)
	kim := up(t, append([]string{"--name", "Kim"}, overQUIC...)...)
	st, err := kim.api().Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	start(t, t.TempDir(), "host", "--title", "Open", "--keeper", st.Person.String()).wantRefusal(2, "--keeper needs --access invite")
	tr := relayed(t, []int{6}, "--access", "invite", "--keeper", st.Person.String())
	if _, _, err := kim.api().Join(t.Context(), tr.link); err != nil {
		t.Fatal(err)
	}
	phase := func(p *process, is node.Phase) {
		t.Helper()
		await(t, p.api(), "the phase "+string(is), patience, func() (bool, error) {
			rooms, err := p.api().JoinedRooms(t.Context())
			return slices.ContainsFunc(rooms, func(v node.RoomView) bool { return v.ID.String() == tr.id && v.Phase == is && len(v.Keepers) == 1 }), err
		})
	}
	phase(kim, node.Live)
	tr.host.signal(syscall.SIGKILL)
	tr.host.wait(patience)
	phase(tr.relays[0], node.Reconnecting)
	phase(kim, node.Reconnecting)
	dan := up(t, append([]string{"--name", "Dan"}, overQUIC...)...)
	if v, _, err := dan.api().Join(t.Context(), tr.link); err != nil || v.Phase.Over() {
		t.Fatalf("Dan joins: %v, %s, %s", err, v.Phase, v.Reason)
	}
	phase(dan, node.Reconnecting)
}
