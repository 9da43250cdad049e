package load

import (
	"context"
	"os"
	"os/exec"
	"testing"
	"time"
)

const asCrowd = "SALON_TEST_CROWD"

func TestMain(m *testing.M) {
	if os.Getenv(asCrowd) != "" {
		if err := Crowd(context.Background(), os.Stdin, os.Stdout); err != nil {
			os.Stderr.WriteString(err.Error() + "\n")
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func crowdOfTest(t *testing.T) *exec.Cmd {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), asCrowd+"=1")
	cmd.Stderr = os.Stderr
	return cmd
}

// Real listeners come in, hear everything, and are counted; each costs something.
func TestRun(t *testing.T) {
	if testing.Short() {
		t.Skip("runs real nodes")
	}
	t.Parallel()
	for name, browser := range map[string]bool{"node": false, "browser": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			told := 0
			r, err := Run(t.Context(), Options{For: time.Minute, Most: 3, Browser: browser, Crowd: crowdOfTest(t), Tell: func(Step) { told++ }, watch: time.Second})
			if err != nil {
				t.Fatal(err)
			}
			if len(r.Steps) != 2 || told != 2 || r.Steps[0].Listeners != 0 || r.Steps[1].Listeners != 3 || r.Steps[1].CPU <= 0 || r.Steps[1].Crowd <= 0 {
				t.Errorf("%+v, %d told", r, told)
			}
			if r.Carries < 1 || r.Limit == "" || r.Ended == "" || r.Micros <= 0 || r.UplinkMb < 1 {
				t.Errorf("%+v", r)
			}
		})
	}
}

// A crowd that cannot come in is an error, not a result.
func TestRunWithoutACrowd(t *testing.T) {
	if testing.Short() {
		t.Skip("runs a real node")
	}
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if r, err := Run(t.Context(), Options{Crowd: exec.Command(self, "-test.run=^$")}); err == nil {
		t.Errorf("%+v", r)
	}
}

func TestReckon(t *testing.T) {
	steps := func(s ...Step) []Step { return s }
	for _, tt := range []struct {
		name    string
		r       Result
		free    float64
		carries int
		limit   string
		micros  float64
		kb      float64
	}{
		{"the first costs more than the next", Result{Ended: Time, Steps: steps(Step{0, 0.05, 0, 40, 0, 0}, Step{20, 0.1, 0, 45, 0, 0}, Step{220, 0.12, 0, 65, 0, 0})},
			10_000, 6000, CPU, 100, 102.4},
		{"one step", Result{Ended: Enough, Steps: steps(Step{0, 0.1, 0, 40, 0, 0}, Step{10, 0.2, 0, 50, 0, 0})}, 10_000, 60, CPU, 10_000, 1024},
		{"little memory", Result{Ended: Time, Steps: steps(Step{0, 0.05, 0, 40, 0, 0}, Step{20, 0.1, 0, 45, 0, 0}, Step{220, 0.12, 0, 65, 0, 0})}, 100, 500, Memory, 100, 102.4},
		{"memory is not told", Result{Ended: Time, Steps: steps(Step{0, 0.05, 0, 0, 0, 0}, Step{20, 0.1, 0, 0, 0, 0}, Step{220, 0.12, 0, 0, 0, 0})}, 0, 6000, CPU, 100, 0},
		{"they missed sound", Result{Ended: Missed, Steps: steps(Step{0, 0.05, 0, 40, 0, 0}, Step{20, 0.1, 0, 45, 0, 0}, Step{220, 0.12, 0, 65, 0, 0}, Step{400, 0.6, 0, 90, 0.2, 0})},
			10_000, 220, Missed, 100, 102.4},
	} {
		r := tt.r
		r.Kbit = 65
		r.reckon(tt.free)
		near := func(a, b float64) bool { return a > 0.99*b-1e-9 && a < 1.01*b+1e-9 }
		if r.Carries != tt.carries || r.Limit != tt.limit || !near(r.Micros, tt.micros) || !near(r.KB, tt.kb) {
			t.Errorf("%s: %+v", tt.name, r)
		}
	}
}
