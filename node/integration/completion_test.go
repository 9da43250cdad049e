package integration

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"salon/node"
	"salon/room"
)

// complete is what pressing Tab after args offers on a home, one line each. The last of args is what has been typed of a
// word; it may be empty.
func complete(t *testing.T, home string, args ...string) string {
	t.Helper()
	p := startCommand(t, home, exec.Command(salon(t), append([]string{"__complete", "--home", home}, args...)...))
	p.wantExit(0, patience)
	offered, files := strings.CutSuffix(p.out(), ":4") // no names of files
	if !files {
		t.Errorf("after %q a shell would complete the names of files: %s", args, p.out())
	}
	return strings.TrimSpace(offered)
}

// TestCompletion: rooms and people are completed with what the running node knows, and with nothing where none runs.
func TestCompletion(t *testing.T) {
	salon(t)
	t.Parallel()
	ana := up(t, append([]string{"--name", "Ana"}, overBoth...)...)
	bo := up(t, append([]string{"--name", "Bo", "--peer", ana.addr()}, overBoth...)...)
	v, err := ana.api().StartRoom(t.Context(), "Kitchen at noon", "talk", "en")
	if err != nil {
		t.Fatal(err)
	}
	id := v.ID.String()[:10]
	await(t, bo.api(), "the room to be found", patience, func() (bool, error) {
		rooms, err := bo.api().Rooms(t.Context())
		return len(rooms) == 1, err
	})
	offers := func(home, want string, args ...string) {
		t.Helper()
		if got := complete(t, home, args...); got != want {
			t.Errorf("after %q: %q, want %q", args, got, want)
		}
	}

	// Bo is not in the room: it is there to listen to, not to act in.
	offers(bo.home, id+"\tKitchen at noon", "listen", "")
	offers(bo.home, "kitchen\tKitchen at noon", "speak", "kit")
	offers(bo.home, "", "listen", id, "")
	offers(bo.home, "", "room", "raise-hand", "")

	if _, _, err := bo.api().Join(t.Context(), v.Link); err != nil {
		t.Fatal(err)
	}
	if err := bo.api().Watch(t.Context(), v.ID.String(), func(v node.RoomView) bool { return v.Phase != node.Live }); err != nil {
		t.Fatal(err)
	}
	anaID, boID := v.Me.Person.String()[:10], who(t, bo)[:10]
	both := anaID + "\tAna\n" + boID + "\tBo" // the host knows who listens, and guests ask it
	offers(bo.home, id+"\tKitchen at noon", "room", "raise-hand", id[:3])
	offers(bo.home, "", "room", "raise-hand", id, "") // it is about nobody
	offers(bo.home, both, "room", "mute", id, "")
	offers(bo.home, strings.Join(room.Emoji, "\n"), "room", "react", id, "")
	offers(bo.home, anaID+"\tAna", "people", "mute", "")
	offers(bo.home, "", "people", "unmute", "")
	offers(bo.home, anaID+"\tAna", "ledger", "audit", "")
	offers(ana.home, both, "room", "invite", "kitchen", "")
	offers(ana.home, "Bo\tBo", "room", "invite", "kitchen", "B")
	offers(ana.home, "", "room", "invite", "kitchen", "Bo", "")
	offers(ana.home, "", "room", "invite", "pantry", "")

	offers(t.TempDir(), "", "room", "raise-hand", "")
	offers(t.TempDir(), "", "listen", "")
	offers(stuck(t), "", "listen", "")
	offers(stuck(t), "", "room", "mute", "")
}

// who is a node's person.
func who(t *testing.T, p *process) string {
	t.Helper()
	st, err := p.api().Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return st.Person.String()
}

// stuck is the home of a node that says it runs, and then no longer answers.
func stuck(t *testing.T) string {
	t.Helper()
	ended := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/v1/status" {
			fmt.Fprint(w, "{}")
			return
		}
		<-ended
	}))
	t.Cleanup(func() { close(ended); s.Close() })
	home := t.TempDir()
	for name, text := range map[string]string{"api.url": s.URL, "api.key": "key"} {
		if err := os.WriteFile(filepath.Join(home, name), []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return home
}

// TestCompletionScripts: each script is one that its shell can read.
func TestCompletionScripts(t *testing.T) {
	salon(t)
	t.Parallel()
	for _, shell := range []string{"bash", "zsh", "fish"} {
		t.Run(shell, func(t *testing.T) {
			p := start(t, t.TempDir(), "completion", shell)
			p.wantExit(0, patience)
			path, err := exec.LookPath(shell)
			if err != nil {
				t.Skip("no " + shell + " here")
			}
			script := filepath.Join(t.TempDir(), "salon."+shell)
			if err := os.WriteFile(script, []byte(p.out()+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			if out, err := exec.Command(path, "-n", script).CombinedOutput(); err != nil || len(out) > 0 {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
	for _, args := range [][]string{{"completion"}, {"completion", "tcsh"}} {
		start(t, t.TempDir(), args...).wantRefusal(2, "bash, zsh, fish")
	}
}
