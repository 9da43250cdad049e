package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"salon/ledger"
	"salon/ledger/doc"
	"salon/node"
)

// run is a command in this process, on a home on which no node runs.
func run(t *testing.T, home string, args ...string) (out string, err error) {
	t.Helper()
	var b, fails bytes.Buffer
	cmd := newCommand()
	cmd.SetArgs(append(args, "--home", home))
	cmd.SetOut(&b)
	cmd.SetErr(&fails)
	err = cmd.ExecuteContext(t.Context())
	if fails.Len() > 0 {
		t.Errorf("salon %q writes to standard error: %s", args, fails.String())
	}
	return b.String(), err
}

func mustRun(t *testing.T, home string, args ...string) string {
	t.Helper()
	out, err := run(t, home, args...)
	if err != nil {
		t.Fatalf("salon %q: %v\n%s", args, err, out)
	}
	return out
}

// seller is a home whose person offers tickets for 5 EUR and has sold one by card, which took 7 cents, to the returned buyer.
func seller(t *testing.T) (home string, buyer doc.PrivateKey) {
	t.Helper()
	home, buyer = t.TempDir(), doc.NewPrivateKey()
	h, err := node.OpenHome(home, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	o := h.LedgerOptions(time.Now())
	s, err := ledger.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	add := func(decide func(b *ledger.Books) ([]ledger.Draft, error)) []ledger.Entry {
		t.Helper()
		entries, err := s.Append(time.Now(), decide)
		if err != nil {
			t.Fatal(err)
		}
		return entries
	}
	starts := time.Now().Add(time.Hour)
	offer := add(func(*ledger.Books) ([]ledger.Draft, error) {
		return []ledger.Draft{{Body: &ledger.Offer{Version: 1, Room: ledger.Room{1}, Name: "Evening", Price: ledger.Money{Amount: 500, Cur: "EUR"}, Seats: 50,
			Starts: starts.UnixMilli(), Ends: starts.Add(time.Hour).UnixMilli(), Split: []ledger.Share{{Cut: ledger.CutRelays, BasisPoints: 200}}}}}, nil
	})[0]
	order, _, err := ledger.Sign(buyer, ledger.Order{Purpose: ledger.ForTickets, Offer: offer.ID, Payee: h.Identity().Author().Person, Buyer: buyer.Public(), Count: 1,
		Price: ledger.Money{Amount: 500, Cur: "EUR"}, Time: time.Now().UnixMilli(), Expires: starts.UnixMilli()})
	if err != nil {
		t.Fatal(err)
	}
	var quote []byte
	add(func(b *ledger.Books) (d []ledger.Draft, err error) {
		quote, d, err = b.Quote(o.Key, order, nil, ledger.Terms{Rail: "card", Request: "card:1"})
		return d, err
	})
	_, id, err := ledger.OpenDocument[ledger.Quote](quote)
	if err != nil {
		t.Fatal(err)
	}
	add(func(b *ledger.Books) (d []ledger.Draft, err error) {
		_, d, err = b.Sell(o.Key, ledger.Payment{Quote: id, Proof: []byte("1"), Cost: 7})
		return d, err
	})
	return home, buyer
}

func TestLedgerIsRead(t *testing.T) {
	home, buyer := seller(t)
	who := buyer.Public().String()
	for _, row := range []struct {
		args  []string
		words []string
	}{
		{[]string{"list"}, []string{"log begun", "offer: Evening", "order of a ticket", "payment received for a ticket", "5.00 EUR", "card", who[:10]}},
		{[]string{"balance"}, []string{"balance of", "4.93 EUR", "income from", "5.00 EUR", "railfee", "0.07 EUR", "held for", "0.10 EUR"}},
		{[]string{"verify"}, []string{"4 entries", "is right", "epoch 0", "unwitnessed"}},
		{[]string{"audit", who}, []string{"payment received", "2 entries with " + who, "4 signed documents: all in order"}},
		{[]string{"audit", strings.ToUpper(who[:10])}, []string{"4 signed documents: all in order"}},
		{[]string{"audit", doc.NewPrivateKey().Public().String()}, []string{"0 entries", "0 signed documents"}},
		{[]string{"fsck"}, []string{"4 entries: both copies are whole"}},
	} {
		out := mustRun(t, home, append([]string{"ledger"}, row.args...)...)
		for _, w := range row.words {
			if !strings.Contains(out, w) {
				t.Errorf("ledger %q lacks %q:\n%s", row.args, w, out)
			}
		}
	}
	if out := mustRun(t, home, "ledger", "list", "--last", "1"); strings.Count(out, "\n") != 2 || !strings.Contains(out, "payment received") {
		t.Errorf("the last entry:\n%s", out)
	}

	var v struct {
		Entries  int
		Balances []node.BalanceView
	}
	unmarshal(t, mustRun(t, home, "ledger", "balance", "--json"), &v)
	want := []node.BalanceView{{Class: "have", Account: "asset:card", Money: "4.93 EUR"}, {Class: "spent", Account: "expense:railfee", Money: "0.07 EUR"},
		{Class: "spent", Account: "expense:share", Money: "0.10 EUR"}, {Class: "income", Account: "income:ticket", Money: "5.00 EUR"},
		{Class: "held", Account: "pool:" + ledger.Room{1}.String(), Money: "0.10 EUR"}}
	if v.Entries != 4 || !slices.Equal(v.Balances, want) {
		t.Errorf("of %d entries: balances %+v", v.Entries, v.Balances)
	}
	for _, args := range [][]string{{"verify", "--json"}, {"audit", who, "--json"}, {"fsck", "--json"}} {
		var found struct{ Good bool }
		if unmarshal(t, mustRun(t, home, append([]string{"ledger"}, args...)...), &found); !found.Good {
			t.Errorf("%q says it is not good", args)
		}
	}
}

// Every kind of entry has words of its own in a list.
func TestEveryKindHasWords(t *testing.T) {
	for k := ledger.KindOpen; !strings.HasPrefix(k.String(), "kind "); k++ {
		if text := entryTexts[k.String()]; text == "" {
			t.Errorf("%s has none", k)
		}
	}
}

func unmarshal(t *testing.T, out string, v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(out), v); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

func TestLedgerExport(t *testing.T) {
	home, buyer := seller(t)
	rows, err := csv.NewReader(strings.NewReader(mustRun(t, home, "ledger", "export", "--csv"))).ReadAll()
	if err != nil || len(rows) != 2 {
		t.Fatalf("%q, %v", rows, err)
	}
	if _, err := time.Parse(time.RFC3339, rows[1][0]); err != nil {
		t.Error(err)
	}
	if want := []string{"3", "sale", "ticket", buyer.Public().String(), "card", "EUR", "5.00", "0.07", "0.10", "4.83"}; !slices.Equal(rows[1][1:11], want) {
		t.Errorf("%q, want %q", rows[1][1:11], want)
	}
	var entries, listed []node.EntryView
	unmarshal(t, mustRun(t, home, "ledger", "export", "--json"), &entries)
	unmarshal(t, mustRun(t, home, "ledger", "list", "--json"), &listed)
	if len(entries) != 4 || len(entries[3].Postings) != 6 || len(listed) != 4 || listed[3].ID != entries[3].ID {
		t.Errorf("%d entries, %d listed", len(entries), len(listed))
	}
}

// Of a home without a ledger everything is empty, and asking makes none.
func TestNoLedger(t *testing.T) {
	home := t.TempDir()
	for _, args := range [][]string{{"list"}, {"balance"}, {"verify"}, {"fsck"}} {
		if out := mustRun(t, home, append([]string{"ledger"}, args...)...); out != noLedger+"\n" {
			t.Errorf("%q says %q", args, out)
		}
	}
	if out := mustRun(t, home, "ledger", "export", "--json"); out != "[]\n" {
		t.Errorf("exported %q", out)
	}
	if _, err := run(t, home, "ledger", "backup", filepath.Join(home, "b")); err == nil || !strings.Contains(err.Error(), "no ledger yet") {
		t.Errorf("backup of nothing: %v", err)
	}
	if found, _ := filepath.Glob(filepath.Join(home, "*edger*")); len(found) > 0 {
		t.Errorf("there is %q now", found)
	}
}

func TestLedgerWrongUsage(t *testing.T) {
	home := t.TempDir()
	for _, args := range [][]string{{}, {"burn"}, {"list", "all"}, {"list", "--last", "-1"}, {"audit"}, {"export"}, {"export", "--csv", "--json"}, {"backup"}, {"restore", "a", "b"}, {"fsck", "now"}} {
		if _, err := run(t, home, append([]string{"ledger"}, args...)...); !isUsage(err) {
			t.Errorf("ledger %q: %v, want wrong usage", args, err)
		}
	}
	if _, err := run(t, home, "ledger", "audit", "zoe z"); err == nil || isUsage(err) {
		t.Errorf("audit of nobody known: %v", err)
	}
}

// A ledger is backed up, damaged, mended, damaged beyond that, and begun again from the backup.
func TestLedgerBackupDamageRestore(t *testing.T) {
	home, _ := seller(t)
	backup := filepath.Join(t.TempDir(), "backup")
	if out := mustRun(t, home, "ledger", "backup", backup); !strings.Contains(out, "4 entries") {
		t.Errorf("backup says %s", out)
	}
	mustRun(t, home, "ledger", "backup", backup) // replaces the older one
	refused := func(words []string, args ...string) {
		t.Helper()
		out, err := run(t, home, append([]string{"ledger"}, args...)...)
		if err == nil || isUsage(err) {
			t.Fatalf("ledger %q: %v\n%s", args, err, out)
		}
		for _, w := range words {
			if !strings.Contains(out+err.Error(), w) {
				t.Errorf("ledger %q lacks %q: %v\n%s", args, w, err, out)
			}
		}
	}
	letter := filepath.Join(t.TempDir(), "letter")
	if err := os.WriteFile(letter, []byte("Dear Ana"), 0o600); err != nil {
		t.Fatal(err)
	}
	refused([]string{letter, "left as it was", "no backup"}, "backup", letter)
	refused([]string{"has a ledger", "--replace"}, "restore", backup)
	refused([]string{"not those of a segment"}, "restore", letter, "--replace")

	segment := filepath.Join(home, "ledger", "ledger.segment")
	damage := func(path string, at int) {
		t.Helper()
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		b[at] ^= 1
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	damage(segment, 20)
	refused([]string{"damaged", "record 0 at byte 8", "fsck"}, "list")
	refused([]string{"Damaged: segment: record 0 at byte 8", "checksum", "--repair"}, "fsck")
	if out := mustRun(t, home, "ledger", "fsck", "--repair"); !strings.Contains(out, "Mended: segment") {
		t.Errorf("repair says %s", out)
	}
	mustRun(t, home, "ledger", "verify")

	damage(segment, 20)
	if err := os.Truncate(filepath.Join(home, "ledger", "ledger.db"), 100); err != nil {
		t.Fatal(err)
	}
	refused([]string{"no copy is whole", "restore a backup"}, "fsck", "--repair")
	var v struct {
		Epoch, Entries int
		SetAside       string `json:"set_aside"`
	}
	unmarshal(t, mustRun(t, home, "ledger", "restore", backup, "--replace", "--json"), &v)
	if v.Epoch != 1 || v.Entries != 5 || v.SetAside == "" {
		t.Errorf("restored %+v", v)
	}
	if b, err := os.ReadFile(filepath.Join(v.SetAside, "ledger.segment")); err != nil || len(b) == 0 {
		t.Errorf("set aside: %v", err)
	}
	if out := mustRun(t, home, "ledger", "list"); !strings.Contains(out, "restored: epoch 1 begun") {
		t.Errorf("after the restore:\n%s", out)
	}
	mustRun(t, home, "ledger", "fsck")

	// While somebody has the home, nothing on disk is touched.
	h, err := node.OpenHome(home, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	refused([]string{"end it first"}, "fsck")
	refused([]string{"end it first"}, "restore", backup, "--replace")
	if _, err := run(t, home, "ledger", "list"); err == nil || errors.Is(err, node.ErrInUse) || !strings.Contains(err.Error(), "does not answer") {
		t.Errorf("list: %v", err)
	}
}
