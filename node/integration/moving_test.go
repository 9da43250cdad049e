package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"salon/node"
)

// A computer is a network namespace with one cable to another.
type computer struct {
	t       *testing.T
	ns, dev string
}

// newCable makes two computers and joins them.
func newCable(t *testing.T, addrA, addrB string) (a, b computer) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("network namespaces need root")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("no ip command: install iproute2")
	}
	make := func(what string) computer {
		c := computer{t, fmt.Sprintf("salon-%d-%s", os.Getpid(), what), "lan-" + what}
		if out, err := exec.Command("ip", "netns", "add", c.ns).CombinedOutput(); err != nil {
			t.Skipf("no network namespaces here: %v\n%s", err, out)
		}
		t.Cleanup(func() { _ = exec.Command("ip", "netns", "del", c.ns).Run() })
		c.ip("link set lo up")
		return c
	}
	a, b = make("one"), make("two")
	a.ip(fmt.Sprintf("link add %s type veth peer name %s netns %s", a.dev, b.dev, b.ns))
	for c, addr := range map[computer]string{a: addrA, b: addrB} {
		c.ip(fmt.Sprintf("addr add %s/24 dev %s", addr, c.dev))
		c.ip(fmt.Sprintf("link set %s up", c.dev))
	}
	return a, b
}

func (c computer) ip(args string) {
	c.t.Helper()
	if out, err := exec.Command("ip", append([]string{"-n", c.ns}, strings.Fields(args)...)...).CombinedOutput(); err != nil {
		c.t.Fatalf("ip %s: %v\n%s", args, err, out)
	}
}

// move gives the computer another address, as another network does.
func (c computer) move(from, to string) {
	c.t.Helper()
	c.ip(fmt.Sprintf("addr del %s/24 dev %s", from, c.dev))
	c.ip(fmt.Sprintf("addr add %s/24 dev %s", to, c.dev))
}

func (c computer) command(args ...string) *exec.Cmd {
	return exec.Command("ip", append([]string{"netns", "exec", c.ns, salon(c.t)}, args...)...)
}

// run starts salon on the computer.
func (c computer) run(home string, args ...string) *process {
	c.t.Helper()
	return startCommand(c.t, home, c.command(append(args, "--no-mdns", "--home", home)...))
}

// view is how the node of a home there sees its room.
func (c computer) view(home, id string) (v node.RoomView, err error) {
	out, err := c.command("room", "show", id, "--json", "--home", home).Output()
	if err == nil {
		err = json.NewDecoder(bytes.NewReader(out)).Decode(&v)
	}
	return v, err
}

// TestNetworkChanges: a speaker, or the host, whose computer comes into another network is back in a moment, in the same
// seat, and nobody has seen anybody leave. A QUIC connection may outlive the change, one of TCP cannot.
func TestNetworkChanges(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ who, transport, listen string }{
		{"the speaker's", "QUIC", "/ip4/0.0.0.0/udp/4773/quic-v1"},
		{"the speaker's", "TCP", "/ip4/0.0.0.0/tcp/4773"},
		{"the host's", "QUIC", "/ip4/0.0.0.0/udp/4773/quic-v1"},
		{"the host's", "TCP", "/ip4/0.0.0.0/tcp/4773"},
	} {
		t.Run(c.who+" over "+c.transport, func(t *testing.T) {
			salon(t)
			const hostAt, guestAt, elsewhere = "10.78.1.1", "10.78.1.2", "10.78.1.9"
			there, here := newCable(t, hostAt, guestAt)
			host := there.run(t.TempDir(), "host", "--title", "Moving", "--play", voiceA, "--loop", "--allow-speakers", "--json", "--name", "Ana", "--listen", c.listen)
			var o struct{ Room, Link string }
			if err := json.Unmarshal([]byte("{"+host.line("{")), &o); err != nil {
				t.Fatal(err)
			}
			bo := here.run(t.TempDir(), "up", "--no-open", "--web", "127.0.0.1:0", "--name", "Bo", "--listen", c.listen)
			bo.line("Stop with Ctrl-C.")
			speech := startCommand(t, bo.home, here.command("speak", o.Link, "--play", writeWAV(t, "long.wav", line(t, voiceC, 0, 4*time.Second, 100*time.Second)), "--home", bo.home))

			// look reports whether Bo is on stage, heard and hearing; the seat that was seen first must not go.
			var seat node.PersonView
			var v, mine node.RoomView
			look := func() bool {
				t.Helper()
				var err, err2 error
				v, err = there.view(host.home, o.Room)
				mine, err2 = here.view(bo.home, o.Room)
				if len(v.Stage) != 2 {
					if seat.Name != "" {
						t.Fatalf("Bo left the stage: %+v, %v", v, err)
					}
					return false
				}
				seat = v.Stage[1].PersonView
				if err != nil || err2 != nil || seat.Name != "Bo" || v.Stage[1].Role != "speaker" || mine.Phase.Over() {
					t.Fatalf("%+v, %v; Bo is in a room that is %s, %v", v, err, mine.Phase, err2)
				}
				return v.Stage[1].Publishing && !v.Stage[1].Away && v.Quality.State == "good" &&
					mine.Phase == node.Live && mine.Me.Seated && mine.Me.Publishing && mine.Quality.State == "good"
			}
			await := func(what string, atLeast time.Duration) (broken time.Duration) {
				t.Helper()
				began := time.Now()
				for ok := look(); !ok || time.Since(began) < atLeast; ok = look() {
					if !ok {
						broken = time.Since(began)
					}
					if time.Since(began) > patience {
						t.Fatalf("waited for %s: the host sees %+v; Bo sees %+v", what, v, mine)
					}
				}
				return broken
			}
			await("Bo on stage", 0)
			if c.who == "the host's" {
				there.move(hostAt, elsewhere)
			} else {
				here.move(guestAt, elsewhere)
			}
			// For longer than a host or a guest waits for a sign of life.
			t.Logf("mended after %s", await("Bo to be back", 8*time.Second).Round(time.Millisecond))
			if code, _ := speech.interrupt(); code != 0 {
				t.Errorf("speak ended with %d: %s", code, speech.err())
			}
		})
	}
}
