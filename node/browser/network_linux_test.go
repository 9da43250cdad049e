package browser

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

const (
	firstRole  = "first"  // runs the tests, on the first computer
	secondRole = "second" // is the second computer: holds its namespace until its standard input ends
)

// own is the network that the tests were started in, seen from their own.
func own() []string { return inside(os.Getppid()) }

// inside runs a command in the network of a process.
func inside(pid int) []string { return []string{"nsenter", fmt.Sprintf("--net=/proc/%d/ns/net", pid)} }

// ownNetworks reports whether tests can run in network namespaces of their own.
func ownNetworks() bool {
	for _, tool := range []string{"ip", "nsenter"} {
		if _, err := exec.LookPath(tool); err != nil {
			return false
		}
	}
	if os.Getuid() != 0 {
		return false
	}
	// Whether the kernel allows it, and has cables.
	probe := exec.Command("ip", "link", "add", "salon0", "type", "veth", "peer", "name", "salon1")
	probe.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	return probe.Run() == nil
}

// inOwnNetwork prepares to run these tests again, in a network namespace of their own.
func inOwnNetwork(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	cmd.Env = append(os.Environ(), roleEnv+"="+firstRole)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	return cmd
}

// layCable starts the second computer and joins the two, if this is the first. The default route leads to the cable,
// where nobody answers: browsers and nodes want one, as a laptop has.
func layCable() (end func()) {
	if os.Getenv(roleEnv) != firstRole {
		return func() {}
	}
	pid, end := another()
	there := inside(pid)
	steps := []string{
		"ip link set lo up",
		"ip link add lan0 type veth peer name lan1",
		fmt.Sprintf("ip link set lan1 netns %d", pid),
		"ip addr add 10.77.0.1/24 dev lan0",
		"ip link set lan0 up",
		"ip route add default dev lan0",
	}
	for _, step := range []string{
		"ip link set lo up",
		"ip addr add 10.77.0.2/24 dev lan1",
		"ip link set lan1 up",
		"ip route add default dev lan1",
	} {
		steps = append(steps, strings.Join(there, " ")+" "+step)
	}
	for _, step := range steps {
		words := strings.Fields(step)
		if out, err := exec.Command(words[0], words[1:]...).CombinedOutput(); err != nil {
			panic(fmt.Sprintf("%s: %v\n%s", step, err, out))
		}
	}
	computers = [2]computer{{lan: true}, {lan: true, enter: there}}
	return end
}

// another starts a process in a network namespace of its own, where nothing is up.
func another() (pid int, end func()) {
	holder := exec.Command(os.Args[0], "-test.run=^$")
	holder.Env = append(os.Environ(), roleEnv+"="+secondRole)
	holder.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	in, err := holder.StdinPipe()
	if err == nil {
		err = holder.Start()
	}
	if err != nil {
		panic(err) // ownNetworks tried the same
	}
	return holder.Process.Pid, func() {
		in.Close()
		_ = holder.Wait()
	}
}

func beSecond() { _, _ = io.Copy(io.Discard, os.Stdin) }

// dieWithUs ends a process even if this one is killed.
func dieWithUs(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }

// offline is another computer, with no cable and no Wi-Fi: it has nothing but its loopback. It is there until the test ends.
func offline(t testing.TB) computer {
	t.Helper()
	needBrowser(t)
	if os.Getenv(roleEnv) != firstRole {
		t.Skip("a computer without a network takes root and network namespaces")
	}
	pid, end := another()
	t.Cleanup(end)
	c := computer{enter: inside(pid)}
	if out, err := c.command("ip", "link", "set", "lo", "up").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return c
}

// plugIn gives a computer that is offline a network, where nobody else is.
func plugIn(t testing.TB, c computer) {
	t.Helper()
	for _, step := range []string{
		"ip link add lan0 type veth peer name lan1",
		"ip addr add 10.78.0.1/24 dev lan0",
		"ip link set lan1 up",
		"ip link set lan0 up",
	} {
		words := strings.Fields(step)
		if out, err := c.command(words[0], words[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", step, err, out)
		}
	}
}

// tunnel leads what is sent to the address on one computer to the same address on another, as ssh -L does.
func tunnel(t testing.TB, from, to computer, address string) {
	t.Helper()
	var l net.Listener
	var err error
	from.inside(func() { l, err = net.Listen("tcp", address) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			here, err := l.Accept()
			if err != nil {
				return // the test is over
			}
			var there net.Conn
			to.inside(func() { there, err = net.Dial("tcp", address) })
			if err != nil {
				here.Close()
				continue
			}
			pass := func(to, from net.Conn) {
				_, _ = io.Copy(to, from) // either end may close
				to.Close()
			}
			go pass(here, there)
			go pass(there, here)
		}
	}()
}

// inside runs f in the network of the computer: the sockets that it opens are there.
func (c computer) inside(f func()) {
	if len(c.enter) == 0 {
		f()
		return
	}
	// The thread goes back and lives on: processes that it started would be killed with it (see dieWithUs).
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	enter := func(path string) func() {
		network, err := os.Open(path)
		if err != nil {
			panic(err) // nsenter can
		}
		return func() {
			defer network.Close()
			if err := unix.Setns(int(network.Fd()), unix.CLONE_NEWNET); err != nil {
				panic(err)
			}
		}
	}
	back := enter("/proc/thread-self/ns/net")
	enter(strings.TrimPrefix(c.enter[1], "--net="))()
	defer back()
	f()
}
