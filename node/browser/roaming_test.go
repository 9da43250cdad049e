package browser

import (
	"strings"
	"testing"
)

// A speaker's computer comes into another network while they speak: they are heard again in moments, and to the others
// they were on stage all the time.
func TestSpeakersNetworkChanges(t *testing.T) {
	ana, bo := meet(t, microphone(t, make([]float32, rate)), microphone(t, breathless(voice(t, bosVoice))))
	if !computers[1].lan {
		t.Skip("needs root, ip and nsenter for a network of its own")
	}
	ana.startsRoom("On the move", "talk")
	bo.sees("room-card")
	bo.clicks("listen")
	bo.sees(`room[data-phase="live"][data-role="listener"]`)
	bo.clicks("raise-hand")
	ana.clicks("grant")
	bo.sees(`room[data-role="speaker"]`)
	ana.until("hear Bo", `ear.lastSound > performance.now() - 50`)
	ana.until("see Bo on stage", `document.querySelectorAll('[data-test="seat"]').length === 2`)
	script[bool](ana, `window.left = 0, new MutationObserver(() => {
		if (document.querySelectorAll('[data-test="seat"]').length < 2) window.left++;
	}).observe(document.body, { childList: true, subtree: true }), true`)

	t.Cleanup(func() { readdress(t, computers[1], "10.77.0.2/24") })
	readdress(t, computers[1], "10.77.0.3/24")
	ana.until("hear Bo no more", `performance.now() - ear.lastSound > 600`)
	ana.patiently(3, func() { ana.until("hear Bo again", `ear.lastSound > performance.now() - 50`) })
	if left := script[int](ana, `window.left`); left > 0 {
		t.Errorf("Bo was seen to leave the stage %d times", left)
	}
	bo.sees(`room[data-phase="live"][data-role="speaker"]`)
	bo.seesNo(`seat[data-role="speaker"][data-muted="true"]`)
}

// readdress gives a computer's end of the cable another address, as another network would.
func readdress(t *testing.T, c computer, addr string) {
	t.Helper()
	for _, step := range []string{"ip addr flush dev lan1", "ip addr add " + addr + " dev lan1", "ip route add default dev lan1"} {
		words := strings.Fields(step)
		if out, err := c.command(words[0], words[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", step, err, out)
		}
	}
}
