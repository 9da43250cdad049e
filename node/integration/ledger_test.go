package integration

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"salon/ledger"
	"salon/node"
)

// TestLedgerCommand is one ledger's life: read and backed up beside a running node, which is killed; damaged, so that the node
// says so and runs; mended; damaged beyond that; and begun again from the backup.
func TestLedgerCommand(t *testing.T) {
	salon(t)
	t.Parallel()
	home, backup := homeWithLedger(t, 3), filepath.Join(t.TempDir(), "backup")
	up := func() *process {
		t.Helper()
		p := start(t, home, append([]string{"up", "--no-open", "--web", "127.0.0.1:0"}, overBoth...)...)
		p.line("Stop with Ctrl-C.")
		return p
	}
	run := func(args ...string) string {
		t.Helper()
		p := start(t, home, append([]string{"ledger"}, args...)...)
		p.wantExit(0, patience)
		return p.out()
	}
	refused := func(args []string, words ...string) {
		t.Helper()
		start(t, home, append([]string{"ledger"}, args...)...).wantRefusal(1, words...)
	}
	says := func(got string, words ...string) {
		t.Helper()
		for _, w := range words {
			if !strings.Contains(got, w) {
				t.Errorf("it says %q, which lacks %q", got, w)
			}
		}
	}
	both := func() {
		t.Helper()
		says(run("list", "--last", "1"), "offer: Evening 3", "5.00 EUR")
		says(run("verify"), "4 entries", "is right")
		says(run("export", "--csv"), "date,entry,kind")
		var v node.LedgerView
		if out := run("balance", "--json"); json.Unmarshal([]byte(out), &v) != nil || v.Entries != 4 {
			t.Errorf("balance --json says %s", out)
		}
	}

	both() // without the node
	p := up()
	both()
	says(run("backup", backup), "4 entries")
	refused([]string{"fsck"}, "end it first")
	refused([]string{"restore", backup, "--replace"}, "end it first")
	p.signal(syscall.SIGKILL)
	p.wait(patience)
	says(run("fsck"), "both copies are whole")

	segment, database := filepath.Join(home, "ledger", "ledger.segment"), filepath.Join(home, "ledger", "ledger.db")
	damage := func() {
		t.Helper()
		b, err := os.ReadFile(segment)
		if err == nil {
			b[20] ^= 1
			err = os.WriteFile(segment, b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	damage()
	p = up()
	refused([]string{"list"}, "damaged", "record 0 at byte 8", "fsck")
	refused([]string{"backup", backup}, "damaged")
	if code, _ := p.interrupt(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	says(p.err(), "The ledger is damaged", "Rooms work")
	refused([]string{"fsck"}, "--repair")
	says(run("fsck", "--repair"), "Mended: segment")
	both()

	damage()
	if err := os.Truncate(database, 1000); err != nil {
		t.Fatal(err)
	}
	refused([]string{"fsck", "--repair"}, "no copy is whole", "restore a backup")
	refused([]string{"restore", backup}, "has a ledger", "--replace")
	says(run("restore", backup, "--replace"), "4 entries restored", "epoch 1", "ledger.replaced-")
	says(run("fsck"), "5 entries: both copies are whole")
	p = up()
	says(run("list"), "restored: epoch 1 begun")
	says(run("verify"), "5 entries")
	if code, _ := p.interrupt(); code != 0 || strings.Contains(p.err(), "ledger") {
		t.Errorf("exit code %d, %s", code, p.err())
	}
}

// homeWithLedger is a home whose person has offered tickets to so many evenings.
func homeWithLedger(t *testing.T, evenings int) string {
	t.Helper()
	home := t.TempDir()
	h, err := node.OpenHome(home, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	s, err := ledger.Open(h.LedgerOptions(time.Now()))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for i := range evenings {
		starts := time.Now().Add(time.Hour)
		offer := &ledger.Offer{Version: 1, Room: ledger.Room{byte(i + 1)}, Name: fmt.Sprint("Evening ", i+1), Price: ledger.Money{Amount: 500, Cur: "EUR"}, Seats: 50,
			Starts: starts.UnixMilli(), Ends: starts.Add(time.Hour).UnixMilli()}
		if _, err := s.Append(time.Now(), func(*ledger.Books) ([]ledger.Draft, error) { return []ledger.Draft{{Body: offer}}, nil }); err != nil {
			t.Fatal(err)
		}
	}
	return home
}
