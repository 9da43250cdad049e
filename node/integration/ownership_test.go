package integration

import (
	"context"
	"encoding/json"
	"errors"
	"syscall"
	"testing"
	"time"

	"salon/node"
	"salon/node/client"
	"salon/node/media"
)

// stays checks that a node is in a room that lives.
func stays(t *testing.T, p *process, id string) {
	t.Helper()
	if v, err := p.api().Room(t.Context(), id); err != nil || v.Phase != node.Live {
		t.Errorf("the room is %s: %v", v.Phase, err)
	}
}

// TestCommandsLeaveRoomsAlone: a command passed to a running node neither ends a room that it hosts nor leaves one that it
// is in already; a room that the command entered it leaves.
func TestCommandsLeaveRoomsAlone(t *testing.T) {
	salon(t)
	t.Parallel()
	ana, bo := up(t, append([]string{"--name", "Ana"}, overBoth...)...), up(t, append([]string{"--name", "Bo"}, overBoth...)...)
	room, err := ana.api().StartRoom(t.Context(), "Kitchen", "talk", "en")
	if err != nil {
		t.Fatal(err)
	}
	id := room.ID.String()
	start(t, ana.home, "listen", room.Link, "--for", "200ms").wantExit(0, patience)
	start(t, ana.home, "listen", "kitchen", "--for", "200ms").wantExit(0, patience)
	start(t, ana.home, "speak", room.Link, "--play", voiceC).wantRefusal(1, "you host this room", "salon host --play")
	stays(t, ana, id)

	start(t, bo.home, "listen", room.Link, "--for", "200ms").wantExit(0, patience)
	var refusal *client.Error
	if _, err := bo.api().Room(t.Context(), id); !errors.As(err, &refusal) || refusal.Code != "not_in_room" {
		t.Errorf("a room that listen entered was not left: %v", err)
	}
	if _, entered, err := bo.api().Join(t.Context(), room.Link); err != nil || !entered {
		t.Fatalf("join: %v, entered %v", err, entered)
	}
	start(t, bo.home, "listen", room.Link, "--for", "200ms").wantExit(0, patience)
	stays(t, bo, id)

	// A page that came after the command stays, too.
	if err := bo.api().Act(t.Context(), id, "leave", ""); err != nil {
		t.Fatal(err)
	}
	recording := start(t, bo.home, "listen", room.Link, "--for", "2s")
	await(t, bo.api(), "the command", patience, func() (bool, error) {
		v, err := bo.api().Room(t.Context(), id)
		return err == nil && v.Me.Playing, nil
	})
	ctx, cancel := context.WithCancel(t.Context())
	listening := make(chan error, 1)
	go func() { listening <- bo.api().Listen(ctx, id, func([]byte) error { return nil }) }()
	recording.wantExit(0, patience)
	stays(t, bo, id)
	cancel()
	<-listening

	// The host does not want to hear it.
	low := start(t, bo.home, "speak", room.Link, "--play", voiceC)
	person := awaitHand(t, ana, id)
	if err := ana.api().Act(t.Context(), id, "lower_hand", person); err != nil {
		t.Fatal(err)
	}
	low.wantRefusal(1, "lowered your hand")
	stays(t, bo, id)

	// Nobody answers in time: the hand does not stay up.
	start(t, bo.home, "speak", room.Link, "--play", voiceC, "--for", "500ms").wantRefusal(1, "in time")
	if v, err := bo.api().Room(t.Context(), id); err != nil || v.Me.Hand {
		t.Errorf("the hand is up: %v, %v", v.Me.Hand, err)
	}

	speech := start(t, bo.home, "speak", room.Link, "--play", voiceC, "--json")
	if err := ana.api().Act(t.Context(), id, "grant", awaitHand(t, ana, id)); err != nil {
		t.Fatal(err)
	}
	speech.wantExit(0, patience)
	var said struct {
		Room    string
		Seconds float64
	}
	if err := json.Unmarshal([]byte(speech.out()), &said); err != nil || said.Room != id || said.Seconds < 1 {
		t.Errorf("speak --json printed %q: %v", speech.out(), err)
	}
	stays(t, bo, id)
	if v, err := bo.api().Room(t.Context(), id); err != nil || v.Me.Role != "listener" {
		t.Errorf("after its file the speaker is a %s: %v", v.Me.Role, err)
	}
	stays(t, ana, id)
}

// awaitHand waits for a hand and returns whose it is.
func awaitHand(t *testing.T, p *process, id string) (person string) {
	t.Helper()
	if err := p.api().Watch(t.Context(), id, func(v node.RoomView) bool {
		for _, h := range v.Hands {
			person = h.Person.String()
		}
		return person == "" && !v.Phase.Over()
	}); err != nil || person == "" {
		t.Fatalf("no hand: %v", err)
	}
	return person
}

// TestAnotherTakesTheMicrophone: host --play says so, and ends its room as always.
func TestAnotherTakesTheMicrophone(t *testing.T) {
	salon(t)
	t.Parallel()
	host := start(t, t.TempDir(), append([]string{"host", "--title", "Kitchen", "--play", voiceC, "--loop", "--json"}, overBoth...)...)
	var opened struct{ Room string }
	if err := json.Unmarshal([]byte("{"+host.line("{")), &opened); err != nil {
		t.Fatal(err)
	}
	c := host.api()
	if err := c.Watch(t.Context(), opened.Room, func(v node.RoomView) bool { return !v.Me.Publishing }); err != nil {
		t.Fatal(err)
	}
	src, err := media.OpenSource(voiceC, media.Options{Channels: 1, Loop: true})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := c.Speak(ctx, opened.Room, media.NewMic(src)); err != nil {
		t.Logf("the other program: %v", err) // its room ended
	}
	host.wantRefusal(1, "another program took over the microphone")
}

// TestDemoWhenTheNodeGoes: a command does not outlive the node that it talks to.
func TestDemoWhenTheNodeGoes(t *testing.T) {
	salon(t)
	t.Parallel()
	n := up(t, overBoth...)
	demo := start(t, n.home, "demo", "--json")
	demo.line("{")
	n.signal(syscall.SIGKILL)
	demo.wantRefusal(1, "went away")
}

// TestSecondInterrupt: whoever does not want to wait for the polite end does not have to.
func TestSecondInterrupt(t *testing.T) {
	salon(t)
	t.Parallel()
	n := up(t, overBoth...)
	host := start(t, n.home, "host", "--title", "Kitchen")
	host.line("salon:")
	n.signal(syscall.SIGSTOP) // it answers no farewell, which the host waits for
	defer n.signal(syscall.SIGCONT)
	host.signal(syscall.SIGINT)
	for again := time.NewTicker(50 * time.Millisecond); ; host.signal(syscall.SIGINT) {
		select {
		case <-again.C:
			continue
		case <-host.done:
			again.Stop()
		}
		break
	}
	if code := host.wait(patience); code != -1 {
		t.Errorf("exit code %d: it was not ended by the second Ctrl-C", code)
	}
}
