package browser

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
)

const (
	firstRole  = "first"  // runs the tests, on the first computer
	secondRole = "second" // is the second computer: holds its namespace until its standard input ends
)

// own is the network that the tests were started in, seen from their own.
func own() []string { return []string{"nsenter", fmt.Sprintf("--net=/proc/%d/ns/net", os.Getppid())} }

// runInOwnNetwork runs the tests again, in a network namespace of their own, if that is possible.
func runInOwnNetwork() (code int, ran bool) {
	for _, tool := range []string{"ip", "nsenter"} {
		if _, err := exec.LookPath(tool); err != nil {
			return 0, false
		}
	}
	if os.Getuid() != 0 {
		return 0, false
	}
	// Whether the kernel allows it, and has cables.
	probe := exec.Command("ip", "link", "add", "salon0", "type", "veth", "peer", "name", "salon1")
	probe.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	if probe.Run() != nil {
		return 0, false
	}
	cmd := exec.Command(os.Args[0], os.Args[1:]...)
	cmd.Env = append(os.Environ(), roleEnv+"="+firstRole)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	return exitCode(cmd.Run()), true
}

// layCable starts the second computer and joins the two, if this is the first. The default route leads to the cable,
// where nobody answers: browsers and nodes want one, as a laptop has.
func layCable() (end func()) {
	if os.Getenv(roleEnv) != firstRole {
		return func() {}
	}
	second := exec.Command(os.Args[0], "-test.run=^$")
	second.Env = append(os.Environ(), roleEnv+"="+secondRole)
	second.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	in, err := second.StdinPipe()
	if err == nil {
		err = second.Start()
	}
	if err != nil {
		panic(err) // runInOwnNetwork tried the same
	}
	there := []string{"nsenter", fmt.Sprintf("--net=/proc/%d/ns/net", second.Process.Pid)}
	steps := []string{
		"ip link set lo up",
		"ip link add lan0 type veth peer name lan1",
		fmt.Sprintf("ip link set lan1 netns %d", second.Process.Pid),
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
	return func() {
		in.Close()
		_ = second.Wait()
	}
}

func beSecond() { _, _ = io.Copy(io.Discard, os.Stdin) }

// dieWithUs ends a process even if this one is killed.
func dieWithUs(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
