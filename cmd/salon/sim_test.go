package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"salon/node/sim"
)

// salonSim runs the command and returns what it prints.
func salonSim(t *testing.T, args ...string) (string, error) {
	t.Helper()
	cmd := newCommand()
	var out bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	cmd.SetArgs(append([]string{"sim"}, args...))
	err := cmd.ExecuteContext(t.Context())
	return out.String(), err
}

func TestSimPrintsWhatItMeasured(t *testing.T) {
	small := []string{"--peers", "40", "--for", "8s", "--arrive", "100/s", "--seed", "3", "--churn", "2/s", "--loss", "1%"}
	svg := filepath.Join(t.TempDir(), "tree.svg")
	out, err := salonSim(t, append(small, "--json", "--kill", "50%@6s", "--svg", svg)...)
	if err != nil {
		t.Fatal(err)
	}
	var r sim.Result
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	o := r.Options
	if o.Seed != 3 || o.Peers != 40 || o.For != 8*time.Second || o.Loss != 0.01 || o.Churn != 2 || len(o.Kills) != 1 || o.Kills[0] != (sim.Kill{Share: 0.5, At: 6 * time.Second}) {
		t.Errorf("options %+v", o)
	}
	if r.Due == 0 || r.Killed == 0 || len(r.Seconds) != 8 {
		t.Errorf("%d frames due, %d killed, %d seconds", r.Due, r.Killed, len(r.Seconds))
	}
	if b, err := os.ReadFile(svg); err != nil || !bytes.HasPrefix(b, []byte("<svg")) {
		t.Errorf("picture: %.20s, %v", b, err)
	}
	if out, err = salonSim(t, small...); err != nil || !strings.Contains(out, "delivered") {
		t.Errorf("%v: %s", err, out)
	}
	if out, err = salonSim(t, append(small, "--trials", "2", "--liars", "50%", "--lie", "flip")...); err != nil || !strings.Contains(out, "2 rooms from seed 3 on") || !strings.Contains(out, "0 wrong frames") {
		t.Errorf("%v: %s", err, out)
	}
}

func TestSimRefusesWhatCannotBeMeant(t *testing.T) {
	for _, args := range []string{
		"room", "--loss 2", "--loss x", "--churn fast", "--kill 30%", "--kill 30%@soon", "--cut 20%@3s", "--cut 20%@3s+x",
		"--lie fib", "--peers -1", "--rtt 1h", "--trials 0", "--trials 2 --svg x.svg", "--bundle 99",
	} {
		if out, err := salonSim(t, strings.Fields(args)...); err == nil || !isUsage(err) {
			t.Errorf("sim %s: %v, %s", args, err, out)
		}
	}
}
