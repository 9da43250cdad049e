package integration

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"salon/node"
)

// A co-host runs a room from the shell, to its end.
func TestCoHostInTheShell(t *testing.T) {
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
	do := func(who *process, args ...string) string {
		t.Helper()
		p := start(t, who.home, append([]string{"room"}, args...)...)
		p.wantExit(0, patience)
		return p.out()
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

	refused(bo, 1, "host or a co-host", "slow", "kitchen", "10")
	do(ana, "cohost", "kitchen", "bo")
	wait(bo, "to be co-host", func(v node.RoomView) bool { return v.Me.Leads })
	do(bo, "accept", "kitchen")
	do(bo, "stick-out", "kitchen")
	do(bo, "pass-stick", "kitchen", "ana")
	wait(ana, "the stick", func(v node.RoomView) bool { return v.StickOut && v.Stage[0].Stick })
	do(bo, "stick-in", "kitchen")
	do(bo, "slow", "kitchen", "10")

	do(bo, "chat", "kitchen", "see", "https://example.org")
	wait(ana, "slow mode", func(v node.RoomView) bool { return v.Slow == 10 })
	lines := do(ana, "chat", "kitchen")
	if !strings.HasSuffix(lines, "Bo: see https://example.org") {
		t.Errorf("the chat is:\n%s", lines)
	}
	number, _, _ := strings.Cut(lines, " ")
	do(ana, "pin", "kitchen", number)
	wait(bo, "the pin", func(v node.RoomView) bool { return v.Pinned != nil && v.Pinned.Name == "Bo" })
	do(bo, "unpin", "kitchen")
	do(bo, "pin", "kitchen", "be kind")
	if out := do(ana, "show", "kitchen"); !strings.Contains(out, "pinned: Bo: be kind") || !strings.Contains(out, "co-host") || !strings.Contains(out, "slow mode 10 s") {
		t.Errorf("show says:\n%s", out)
	}
	do(bo, "erase", "kitchen", number)
	do(bo, "react", "kitchen", "👏")
	do(bo, "record-on", "kitchen")
	var chat struct{ Lines []node.LineView }
	if out := do(ana, "chat", "kitchen", "--json"); json.Unmarshal([]byte(out), &chat) != nil || len(chat.Lines) != 1 || !chat.Lines[0].Erased {
		t.Errorf("chat --json says %s", out)
	}
	refused(bo, 2, "reactions are", "react", "kitchen", ":-)")
	refused(bo, 2, "number up to 3600", "slow", "kitchen", "soon")
	refused(bo, 2, "salon room slow ROOM SECONDS", "slow", "kitchen")
	refused(bo, 1, "not there any more", "erase", "kitchen", "1")

	do(bo, "end", "kitchen")
	wait(ana, "the end", func(v node.RoomView) bool { return v.Phase == node.Ended && v.Reason == "Bo ended the room." })
}

// A room whose charter asks for it is recorded only while its host says so.
func TestRecordingIsHeeded(t *testing.T) {
	t.Parallel()
	ana := up(t, append([]string{"--name", "Ana"}, overBoth...)...)
	host := start(t, ana.home, "host", "--title", "On the record", "--record-asks", "--play", voiceA, "--loop")
	link := "salon:" + host.line("salon:")
	record := func() (said string, bytes int64) {
		t.Helper()
		file := filepath.Join(t.TempDir(), "heard.wav")
		p := start(t, t.TempDir(), append([]string{"listen", link, "--record", file, "--for", "3s"}, overBoth...)...)
		p.wantExit(0, patience)
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		return p.err(), info.Size()
	}
	if said, bytes := record(); !strings.Contains(said, "not recording") || bytes > 1000 {
		t.Errorf("recorded %d bytes, and said %q", bytes, said)
	}
	start(t, ana.home, "room", "record-on", "on the").wantExit(0, patience)
	if said, bytes := record(); strings.Contains(said, "not recording") || bytes < 100_000 {
		t.Errorf("recorded %d bytes, and said %q", bytes, said)
	}
	host.interrupt()
}
