// Package browser is what a person sees and hears: real nodes, their real page in a real Chromium, clicked with a mouse.
//
//   - As root on Linux the tests run on two computers of their own, network namespaces joined by one cable. mDNS works on
//     it as on any Wi-Fi, and nothing leaves it. Elsewhere both nodes are on loopback, and one is told the other's address.
//   - The microphones are files; what a page hears is taken from the tracks it plays, and compared with what was said.
//   - Tests wait for what a page shows, and never for a time to pass.
//   - Those that measure sound run alone; the others a few at once, each in a process and on computers of its own
//     (shards_test.go), where there are network namespaces.
//
// SALON_SCREENSHOTS names a folder for pictures of every view, and of whatever a failed test saw last.
package browser

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"testing"
	"time"
)

// patience is how long anything may take that should happen at once: the machine may be busy.
const patience = 30 * time.Second

// What the processes of these tests tell each other.
const (
	programEnv = "SALON_BROWSER_PROGRAM" // path of salon, already built
	roleEnv    = "SALON_BROWSER_ROLE"    // see network_test.go
)

var (
	whyNot    string // reason to skip every test of the package; empty: none
	program   string // path of salon
	computers [2]computer
)

func TestMain(m *testing.M) {
	flag.Parse()
	if os.Getenv(roleEnv) == secondRole {
		beSecond()
		return
	}
	if flag.Lookup("test.list").Value.String() != "" {
		os.Exit(m.Run())
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	if testing.Short() {
		whyNot = "runs real nodes and a real browser: not with -short"
		return m.Run()
	}
	if findChromium() == "" {
		whyNot = "no chromium here; on Debian: apt-get install chromium"
		return m.Run()
	}
	if program = os.Getenv(programEnv); program == "" {
		dir, err := os.MkdirTemp("", "salon-browser-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		if program, err = build(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		os.Setenv(programEnv, program)
		if ownNetworks() {
			if alone, beside := shards(); len(alone)+len(beside) > 0 {
				// Or several would bring it at once. Why not, the tests that need it say.
				_ = exec.Command("sh", filepath.Join(repository, ".ci", "npm")).Run()
				return runShards(alone, beside, inOwnNetwork)
			}
			cmd := inOwnNetwork(context.Background(), os.Args[1:]...)
			cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
			return exitCode(cmd.Run())
		}
	}
	end := layCable()
	defer end()
	return m.Run()
}

func findChromium() string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// build makes the program with the tags that this test was built with, without the race detector: sound is in real time.
func build(dir string) (string, error) {
	path := filepath.Join(dir, "salon")
	args := []string{"build", "-buildvcs=false", "-o", path}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "-tags" {
				args = append(args, "-tags="+s.Value)
			}
		}
	}
	out, err := exec.Command("go", append(args, "salon/cmd/salon")...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
}

// needBrowser skips a test where no browser can run.
func needBrowser(t testing.TB) {
	t.Helper()
	if whyNot != "" {
		t.Skip(whyNot)
	}
}

// must is for what can only fail if the test itself is wrong or the machine is.
func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func exitCode(err error) int {
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}
