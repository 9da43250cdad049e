package integration

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"salon/node"
)

// How a conversation goes. The host waits for people to come, speaks, and is silent while the speaker speaks, whose
// file starts when the hand is granted.
const (
	hostLead   = 5 * time.Second
	hostSpeaks = 8 * time.Second
	hostListen = 12 * time.Second
	guestLead  = hostLead + hostSpeaks + time.Second
	guestTalks = 5 * time.Second
	turn       = hostLead + hostSpeaks + time.Second/2 // of the recording: the host's part is before, the guest's after
)

// stats is the object that listen --json prints.
type stats struct {
	Expected  uint64 `json:"expected"`
	Received  uint64 `json:"received"`
	Concealed uint64 `json:"concealed"`
	Verified  uint64 `json:"verified"`
	Depth     int    `json:"depth"`
}

func readStats(t *testing.T, p *process) stats {
	t.Helper()
	var s stats
	if err := json.Unmarshal([]byte(p.out()), &s); err != nil {
		t.Fatalf("listen --json printed %q: %v", p.out(), err)
	}
	return s
}

// TestConversation: a host, a speaker and a listener that records, each a process, in both modes and over both
// transports.
func TestConversation(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"talk", "concert"} {
		t.Run(mode, func(t *testing.T) {
			for name, listen := range map[string][]string{"QUIC": overQUIC, "TCP": overTCP} {
				t.Run("over "+name, func(t *testing.T) {
					t.Parallel() // two at a time leave the machine time enough
					run := func(who string, args ...string) *process {
						return start(t, t.TempDir(), append(append(args, "--name", who), listen...)...)
					}
					converse(t, mode, run)
				})
			}
		})
	}
}

// TestConversationThroughRunningNodes: the same with the commands passed to nodes that run on their homes.
func TestConversationThroughRunningNodes(t *testing.T) {
	t.Parallel()
	var nodes []*process
	run := func(who string, args ...string) *process {
		n := up(t, append([]string{"--name", who}, overBoth...)...)
		nodes = append(nodes, n)
		return start(t, n.home, args...)
	}
	converse(t, "talk", run)
	// The commands have ended: their rooms are left, the nodes go on.
	for _, n := range nodes {
		await(t, n.api(), "an empty directory", patience, func() (bool, error) {
			rooms, err := n.api().Rooms(t.Context())
			return len(rooms) == 0, err
		})
	}
}

// converse checks what is heard when three people meet; run starts a command for one of them.
func converse(t *testing.T, mode string, run func(who string, args ...string) *process) {
	salon(t)
	said := [][]float32{line(t, voiceA, hostLead, hostSpeaks, hostListen)}
	if mode == "concert" {
		said = append(said, line(t, voiceB, hostLead, hostSpeaks, hostListen))
	}
	spoken := line(t, voiceC, guestLead, guestTalks, 0)
	record := filepath.Join(t.TempDir(), "heard.wav")
	hostFile, guestFile := writeWAV(t, "host.wav", said...), writeWAV(t, "guest.wav", spoken)

	host := run("Ana", "host", "--title", "Kitchen", "--mode", mode, "--play", hostFile, "--allow-speakers", "--json")
	var opened struct{ Room, Link string }
	if err := json.Unmarshal([]byte("{"+host.line("{")), &opened); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	listener := run("Bo", "listen", opened.Link, "--record", record, "--json")
	speaker := run("Cy", "speak", opened.Link, "--play", guestFile)
	var granted bool
	if err := host.api().Watch(t.Context(), opened.Room, func(v node.RoomView) bool {
		granted = len(v.Stage) == 2
		return !v.Phase.Over() && !(granted && v.Listeners == 1)
	}); err != nil || !granted {
		t.Fatalf("the speaker is not on stage: %v", err)
	}
	if late := time.Since(began); late > hostLead-time.Second/2 {
		t.Fatalf("everybody was there only after %s, when the host had begun to speak: this machine is too busy to judge sound", late)
	}

	speaker.wantExit(0, patience)
	host.wantExit(0, patience)
	listener.wantExit(0, patience)
	s := readStats(t, listener)
	t.Logf("listener: %+v", s)
	if s.Expected < 500 || s.Verified < s.Expected || s.Depth != 1 {
		t.Errorf("figures %+v: every frame should be verified, at depth 1", s)
	}
	got := recorded(t, record, len(said))
	for i := range got {
		// Apart, and with little silence around: package heard takes what is loud for the measure of all.
		const pause = time.Second
		wantHeard(t, fmt.Sprint("host, channel ", i), said[i][samples(hostLead-2*pause):samples(hostLead+hostSpeaks)], got[i][samples(hostLead-2*pause):samples(turn)])
		wantHeard(t, fmt.Sprint("speaker, channel ", i), spoken[samples(guestLead-pause):], got[i][samples(turn):samples(turn+guestTalks+4*pause)])
	}
	if mode == "concert" {
		wantAbsent(t, "left on the right", said[0], got[1][:samples(turn)])
		wantAbsent(t, "right on the left", said[1], got[0][:samples(turn)])
	}
}
