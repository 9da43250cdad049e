package ledger

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// crashDir makes the test binary a child that appends to the ledger there until it is killed, or for as many entries as
// crashCount says. It prints each ID once it is acknowledged.
const (
	crashDir   = "SALON_TEST_CRASH_DIR"
	crashCount = "SALON_TEST_CRASH_COUNT"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		if err := appendForever(dir, os.Getenv(crashCount)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(3)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func appendForever(dir, count string) error {
	limit := 1 << 30
	if count != "" {
		if _, err := fmt.Sscan(count, &limit); err != nil {
			return err
		}
	}
	s, err := Open(options(dir, 1))
	if err != nil {
		return err
	}
	var mu sync.Mutex
	var failed error
	var group sync.WaitGroup
	for worker := range 3 {
		group.Go(func() {
			for i := worker; i < limit; i += 3 {
				entries, err := s.Append(noon, func(*Books) ([]Draft, error) { return []Draft{railKey(i), railKey(i)}, nil })
				mu.Lock()
				if err != nil {
					failed = errors.Join(failed, err)
				} else {
					fmt.Printf("%s\n%s\n", entries[0].ID, entries[1].ID)
				}
				mu.Unlock()
				if err != nil {
					return
				}
			}
		})
	}
	group.Wait()
	if limit < 1<<30 {
		if _, err := s.Checkpoint(noon); err != nil {
			failed = errors.Join(failed, err)
		}
	}
	return errors.Join(failed, s.Close())
}

// present checks that every acknowledged entry is in the ledger, and returns how many are in it.
func present(t *testing.T, dir string, acknowledged []string) int {
	t.Helper()
	s, err := Open(options(dir, 1))
	if err != nil {
		t.Fatal(err)
	}
	there := map[string]bool{}
	if err := s.Entries(0, func(_ uint64, e Entry) bool { there[e.ID.String()] = true; return true }); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, id := range acknowledged {
		if !there[id] {
			t.Fatalf("entry %s was acknowledged, and is lost", id)
		}
	}
	return len(there)
}

// A child appends, and is killed at any moment: what it acknowledged is there, and every byte is good.
func TestKilled(t *testing.T) {
	kills := 200
	switch {
	case testing.Short():
		kills = 15
	case raced:
		kills = 40 // of one ledger
	}
	seedOf := rand.Uint64()
	random := rand.New(rand.NewPCG(seedOf, 0))
	t.Logf("seed %d", seedOf)
	var all []string
	dir := t.TempDir()
	for n := range kills {
		if n%40 == 0 {
			dir, all = t.TempDir(), nil
		}
		all = append(all, kill(t, dir, random.IntN(40))...)
		if n%8 == 7 || n == kills-1 {
			present(t, dir, all)
			healthy(t, dir)
		}
	}
	t.Logf("%d entries acknowledged since the last new ledger", len(all))
}

// kill lets a child append, kills it once it has acknowledged so many entries, and returns all that it did.
func kill(t *testing.T, dir string, after int) []string {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), crashDir+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var ids []string
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			if !errors.Is(err, io.EOF) && !errors.Is(err, os.ErrClosed) {
				t.Error(err)
			}
			break
		}
		ids = append(ids, strings.TrimSpace(line))
		if len(ids) == after+1 {
			if err := cmd.Process.Kill(); err != nil {
				t.Error(err)
			}
		}
	}
	if err := cmd.Wait(); err == nil {
		t.Error("the child ended by itself")
	}
	return ids
}

// Each system call by which the database, too, reaches the disk fails once. What was acknowledged is there afterwards.
func TestEverySystemCallFails(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("strace is not installed: the calls of the database cannot be made to fail")
	}
	step := 1
	if testing.Short() || raced {
		step = 7
	}
	failed := 0
	for _, call := range []string{"fdatasync", "fsync", "pwrite64", "ftruncate"} {
		for n := 1; ; n += step {
			dir := t.TempDir()
			trace := filepath.Join(dir, "trace")
			cmd := exec.Command(strace, "-f", "-qq", "-o", trace, "-e", "trace="+call, "-e", fmt.Sprintf("inject=%s:error=EIO:when=%d", call, n), os.Args[0])
			cmd.Env = append(os.Environ(), crashDir+"="+dir, crashCount+"=4")
			var said strings.Builder
			cmd.Stderr = &said
			out, err := cmd.Output()
			if strings.Contains(said.String(), "ptrace") {
				t.Skip("strace may not trace here: " + said.String())
			}
			if !strings.Contains(string(read(t, trace)), "INJECTED") {
				if err != nil {
					t.Fatalf("nothing was made to fail: %v: %s", err, said.String())
				}
				break
			}
			failed++
			if err == nil && call != "pwrite64" {
				t.Errorf("%s %d failed, and nobody heard", call, n)
			}
			h, err := Fsck(dir, true)
			if errors.Is(err, ErrCorrupt) && len(out) == 0 && h.Entries == 0 {
				continue // it never began
			}
			if err != nil {
				t.Fatalf("%s %d: %v, %v", call, n, h.Problems, err)
			}
			present(t, dir, strings.Fields(string(out)))
			healthy(t, dir)
		}
	}
	if failed == 0 {
		t.Error("no call was made to fail")
	}
	t.Logf("%d calls failed", failed)
}
