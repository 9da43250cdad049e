package browser

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// Every test runs once, those that measure sound together, and the lists name tests that there are.
func TestDivision(t *testing.T) {
	out, err := exec.Command(os.Args[0], "-test.list=^Test").Output()
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Fields(string(out))
	for _, name := range slices.Concat(listening, long) {
		if !slices.Contains(all, name) {
			t.Errorf("there is no %s", name)
		}
	}
	alone, beside := divide(all)
	if !slices.Equal(slices.Sorted(slices.Values(alone)), slices.Sorted(slices.Values(listening))) {
		t.Errorf("alone run %v", alone)
	}
	each := slices.Clone(alone)
	for _, s := range beside {
		each = append(each, s...)
	}
	slices.Sort(each)
	slices.Sort(all)
	if !slices.Equal(each, all) {
		t.Errorf("%d tests are divided into %v", len(all), each)
	}
	if !slices.Equal(beside[0], long[:1]) {
		t.Errorf("the first to begin is %v", beside[0])
	}
	if alone, beside := divide([]string{"TestViews"}); alone != nil || beside != nil {
		t.Error("one test is divided")
	}
}

// One shard that fails, or does not even begin, fails all; what each said is there, and none of their last words.
func TestShardsVerdict(t *testing.T) {
	for _, row := range []struct {
		name, says string
		fails      bool
		want       string
	}{
		{"it passes", `printf '=== RUN   TestA\n--- PASS: TestA (0.01s)\nPASS\n'`, false, "=== RUN   TestA\n--- PASS: TestA (0.01s)\n"},
		{"for go test -json", `printf '\026--- PASS: TestA (0.01s)\n\026PASS\n'`, false, "\x16--- PASS: TestA (0.01s)\n"},
		{"it fails", `printf -- '--- FAIL: TestA (0.01s)\nFAIL\n'; exit 1`, true, "--- FAIL: TestA (0.01s)\nTestA: exit status 1\n"},
		{"it panics", `echo panic: oh; exit 2`, true, "panic: oh\nTestA: exit status 2\n"},
		{"it breaks off in a line", `printf half; exit 1`, true, "half\nTestA: exit status 1\n"},
	} {
		t.Run(row.name, func(t *testing.T) {
			var d division
			var said bytes.Buffer
			d.run(shard{"TestA"}, &said, func(ctx context.Context, _ ...string) *exec.Cmd {
				return exec.CommandContext(ctx, "sh", "-c", row.says)
			})
			if said.String() != row.want || d.failed != row.fails {
				t.Errorf("it says %q, and fails: %v", said.String(), d.failed)
			}
		})
	}
}
