package integration

import (
	"encoding/json"
	"strings"
	"testing"

	"salon/node"
)

// TestRoomCommand: what the page's buttons do can be done from the shell, by host and guest.
func TestRoomCommand(t *testing.T) {
	salon(t)
	t.Parallel()
	ana := up(t, append([]string{"--name", "Ana"}, overBoth...)...)
	bo := up(t, append([]string{"--name", "Bo", "--peer", ana.addr()}, overBoth...)...)
	v, err := ana.api().StartRoom(t.Context(), "Kitchen at noon", "talk", "en")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := bo.api().Join(t.Context(), v.Link); err != nil {
		t.Fatal(err)
	}
	do := func(who *process, args ...string) *process {
		t.Helper()
		p := start(t, who.home, append([]string{"room"}, args...)...)
		p.wantExit(0, patience)
		return p
	}
	refused := func(who *process, code int, says string, args ...string) {
		t.Helper()
		start(t, who.home, append([]string{"room"}, args...)...).wantRefusal(code, says)
	}
	wait := func(who *process, what string, cond func(node.RoomView) bool) {
		t.Helper()
		if err := who.api().Watch(t.Context(), v.ID.String(), func(v node.RoomView) bool { return !cond(v) }); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}

	do(ana, "close-hands", "kitchen")
	wait(bo, "hands to close", func(v node.RoomView) bool { return v.HandsClosed })
	refused(bo, 1, "no hands", "raise-hand", "kitchen")
	do(ana, "open-hands", "kitchen")
	do(bo, "raise-hand", "kitchen")
	refused(bo, 1, "Only the host", "grant", "kitchen", "bo")
	do(ana, "grant", "kitchen", "bo")
	wait(bo, "the seat", func(v node.RoomView) bool { return v.Me.Role == "speaker" })
	do(ana, "mute-all", "kitchen")
	wait(bo, "the mute", func(v node.RoomView) bool { return v.Me.Muted })
	if out := do(ana, "show", v.ID.String()[:8]).out(); !strings.Contains(out, "Bo") || !strings.Contains(out, "speaker, muted") || !strings.Contains(out, "host") {
		t.Errorf("show says:\n%s", out)
	}
	do(bo, "unmute", "kitchen")
	do(bo, "return", "kitchen")
	wait(bo, "the audience", func(v node.RoomView) bool { return v.Me.Role == "listener" })
	if out := do(ana, "show", "kitchen").out(); !strings.Contains(out, "listening") {
		t.Errorf("show says:\n%s", out)
	}
	do(ana, "invite", "kitchen", "bo")
	wait(bo, "the invitation", func(v node.RoomView) bool { return v.Me.Invited })
	do(bo, "decline", "kitchen")
	refused(bo, 1, "not invited", "accept", "kitchen")
	do(ana, "invite", "kitchen", "bo")
	do(bo, "accept", "kitchen")
	wait(bo, "the seat", func(v node.RoomView) bool { return v.Me.Role == "speaker" })

	var now node.RoomView
	if out := do(ana, "lock", "kitchen", "--json").out(); json.Unmarshal([]byte(out), &now) != nil || !now.Locked || now.ID != v.ID {
		t.Errorf("lock --json says %s", out)
	}
	start(t, t.TempDir(), append([]string{"listen", v.Link}, overBoth...)...).wantRefusal(1, "locked")
	do(ana, "remove", "kitchen", "bo")
	wait(bo, "to be out", func(v node.RoomView) bool { return v.Phase == node.Removed })
	do(ana, "readmit", "kitchen", "bo")
	do(ana, "unlock", "kitchen")
	if back, _, err := bo.api().Join(t.Context(), v.Link); err != nil || back.Phase != node.Live {
		t.Errorf("after readmission: %v, %s", err, back.Phase)
	}

	refused(ana, 1, `no room "pantry"`, "lock", "pantry")
	refused(ana, 1, `no person "zoe"`, "remove", "kitchen", "zoe")
	refused(ana, 2, "salon room remove ROOM PERSON", "remove", "kitchen")
	refused(ana, 2, "salon room lock ROOM", "lock")
	refused(ana, 2, "--help", "dance")
	start(t, t.TempDir(), append([]string{"room", "show", "kitchen"}, overBoth...)...).wantRefusal(1, "salon up")

	do(ana, "end", "kitchen")
	wait(bo, "the end", func(v node.RoomView) bool { return v.Phase == node.Ended })
}
