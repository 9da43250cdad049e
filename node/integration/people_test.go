package integration

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"salon/node"
)

// TestPeopleCommand: one's own list can be kept from the shell, with the node running and without, and holds in both.
func TestPeopleCommand(t *testing.T) {
	salon(t)
	t.Parallel()
	ana := up(t, append([]string{"--name", "Ana"}, overBoth...)...)
	bo := up(t, append([]string{"--name", "Bo B", "--peer", ana.addr()}, overBoth...)...)
	v, err := ana.api().StartRoom(t.Context(), "Kitchen at noon", "talk", "en")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := bo.api().Join(t.Context(), v.Link); err != nil {
		t.Fatal(err)
	}
	boID := idOf(t, bo)
	run := func(home string, args ...string) string {
		t.Helper()
		p := start(t, home, append([]string{"people"}, args...)...)
		p.wantExit(0, patience)
		return p.out()
	}
	refused := func(home string, code int, says string, args ...string) {
		t.Helper()
		start(t, home, append([]string{"people"}, args...)...).wantRefusal(code, says)
	}
	says := func(got string, words ...string) {
		t.Helper()
		for _, w := range words {
			if !strings.Contains(got, w) {
				t.Errorf("it says %q, which lacks %q", got, w)
			}
		}
	}
	listed := func(home string) (marks []node.Mark) {
		t.Helper()
		if out := run(home, "list", "--json"); json.Unmarshal([]byte(out), &marks) != nil {
			t.Fatalf("list --json says %s", out)
		}
		return marks
	}

	says(run(ana.home, "list"), "nobody")
	refused(ana.home, 1, `no person "bo b"`, "unblock", "bo b") // a space: it cannot begin an ID
	says(run(ana.home, "mute", "bo b"), boID[:10], "Bo B", "muted")
	says(run(ana.home, "block", "BO B"), "blocked, muted")
	wait := func(what string, cond func(node.RoomView) bool) {
		t.Helper()
		if err := bo.api().Watch(t.Context(), v.ID.String(), func(v node.RoomView) bool { return !cond(v) }); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	wait("Bo to be out", func(v node.RoomView) bool { return v.Phase == node.Removed })
	start(t, bo.home, "listen", v.Link).wantRefusal(1, "does not let you in")
	says(run(ana.home, "unmute", boID), "blocked")
	if got := listed(ana.home); len(got) != 1 || got[0].Name != "Bo B" || !got[0].Blocked || got[0].Muted {
		t.Errorf("listed %+v", got)
	}

	// Bo blocks the host of a live room, whose room he is not in, and cannot walk into it.
	sees(t, bo, "Kitchen at noon", true, patience)
	says(run(bo.home, "block", "ana"), "Ana", "blocked")
	sees(t, bo, "Kitchen at noon", false, patience)
	start(t, bo.home, "listen", v.Link).wantRefusal(1, "Unblock")

	// Without the node the same list holds, and takes changes.
	if code, _ := ana.interrupt(); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	if got := listed(ana.home); len(got) != 1 || got[0].Person.String() != boID || !got[0].Blocked {
		t.Errorf("listed without the node: %+v", got)
	}
	var m node.Mark
	if out := run(ana.home, "unblock", "b", "--json"); json.Unmarshal([]byte(out), &m) != nil || m.Person.String() != boID || m.Blocked || m.Muted {
		t.Errorf("unblock --json says %s", out)
	}
	says(run(ana.home, "unblock", boID), "neither muted nor blocked") // is so already
	if got := listed(ana.home); len(got) != 0 {
		t.Errorf("listed %+v", got)
	}
	says(run(ana.home, "mute", strings.ToUpper(boID)), "Guest", "muted") // by the whole ID, unknown by name

	refused(ana.home, 1, `no person "zoe z"`, "mute", "zoe z")
	refused(ana.home, 1, "That is you", "block", idOf(t, ana))
	refused(bo.home, 1, "That is you", "block", idOf(t, bo))
	refused(bo.home, 1, `no person "bo b"`, "block", "bo b") // oneself is not among those to choose from
	refused(ana.home, 2, "one person", "mute")
	refused(ana.home, 2, "nothing but flags", "list", "bo")
	refused(ana.home, 2, "--help", "annoy")
	refused(ana.home, 2, "say what to do")

	// A damaged list is said and set aside.
	if err := os.WriteFile(filepath.Join(ana.home, "people.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	damaged := start(t, ana.home, "people", "list")
	damaged.wantExit(0, patience)
	says(damaged.err(), "damaged", "people.json")
	says(run(ana.home, "list"), "nobody")
}

// idOf is the ID of whose home it is.
func idOf(t *testing.T, p *process) string {
	t.Helper()
	asked := start(t, p.home, "id", "--json")
	asked.wantExit(0, patience)
	var who struct{ Person string }
	if err := json.Unmarshal([]byte(asked.out()), &who); err != nil || len(who.Person) != 52 {
		t.Fatalf("id --json says %s", asked.out())
	}
	return who.Person
}
