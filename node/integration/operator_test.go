package integration

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"salon/node/load"
)

// TestWatchedOver: a node tells where its metrics are, its health can be asked for there, and each line of its log is an object.
func TestWatchedOver(t *testing.T) {
	salon(t)
	t.Parallel()
	p := start(t, t.TempDir(), append([]string{"up", "--no-open", "--web", "127.0.0.1:0", "--metrics", "127.0.0.1:0", "--log", "json", "--verbose"}, overBoth...)...)
	line := strings.Fields(p.line("Metrics:"))
	p.line("Stop with Ctrl-C.")
	if len(line) == 0 {
		t.Fatal("no address")
	}
	for _, path := range []string{"/metrics", "/healthz"} {
		a, err := http.Get(strings.TrimSuffix(line[0], "/metrics") + path)
		if err != nil {
			t.Fatal(err)
		}
		a.Body.Close()
		if a.StatusCode != http.StatusOK {
			t.Errorf("%s: %s", path, a.Status)
		}
	}
	p.interrupt()
	for line := range strings.Lines(p.err()) {
		if entry := map[string]any{}; json.Unmarshal([]byte(line), &entry) != nil || entry["msg"] == nil || entry["time"] == nil {
			t.Errorf("a line of the log is no entry: %s", line)
		}
	}
	if p.err() == "" {
		t.Error("nothing was logged")
	}

	start(t, t.TempDir(), "up", "--no-open", "--no-mdns", "--metrics", "9473").wantRefusal(2, "--metrics 9473", "HOST:PORT")
	start(t, t.TempDir(), "up", "--no-open", "--no-mdns", "--log", "xml").wantRefusal(2, "text or json")
}

// TestBench: an operator learns how many listeners the computer can carry, in words or as an object.
func TestBench(t *testing.T) {
	t.Parallel()
	salon(t)
	p := start(t, t.TempDir(), "bench", "--listeners", "2", "--json")
	p.wantExit(0, 2*patience)
	var r load.Result
	if err := json.Unmarshal([]byte(p.out()), &r); err != nil {
		t.Fatalf("%v: %s", err, p.out())
	}
	if len(r.Steps) != 2 || r.Steps[1].Listeners != 2 || r.Carries < 1 || r.UplinkMb < 1 || r.Ended == "" || r.Limit == "" {
		t.Errorf("%+v", r)
	}
	start(t, t.TempDir(), "bench", "--listeners", "0").wantRefusal(2, "--listeners 0", "at least 1")
}
