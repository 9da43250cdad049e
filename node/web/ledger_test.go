package web

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"salon/ledger"
	"salon/node"
)

// homeWithLedger is a home whose person has offered tickets.
func homeWithLedger(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	h, err := node.OpenHome(dir, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	s, err := ledger.Open(h.LedgerOptions(time.Now()))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	starts := time.Now().Add(time.Hour)
	offer := &ledger.Offer{Version: 1, Room: ledger.Room{1}, Name: "Evening", Price: ledger.Money{Amount: 500, Cur: "EUR"}, Seats: 50, Starts: starts.UnixMilli(), Ends: starts.Add(time.Hour).UnixMilli()}
	if _, err := s.Append(time.Now(), func(*ledger.Books) ([]ledger.Draft, error) { return []ledger.Draft{{Body: offer}}, nil }); err != nil {
		t.Fatal(err)
	}
	return dir
}

// Entries come a line each, as the file says; a backup is one that can be kept.
func TestLedgerOverTheAPI(t *testing.T) {
	s := newSiteAt(t, homeWithLedger(t), Options{}, nil)
	status, _, body := s.send(s.request("GET", "/api/v1/ledger/entries", ""))
	kinds := []string{}
	for line := range strings.Lines(body) {
		if wrong := wrongJSON(theFile(t).Components.Schemas["Entry"], line); wrong != "" {
			t.Errorf("%s: %s", line, wrong)
		}
		var v node.EntryView
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Fatal(err)
		}
		kinds = append(kinds, v.Kind+" "+v.Sum)
	}
	if got := strings.Join(kinds, ", "); status != http.StatusOK || got != "open , offer 5.00 EUR" {
		t.Errorf("%d: %s", status, got)
	}
	if status, _, body := s.send(s.request("GET", "/api/v1/ledger/entries?last=1", "")); status != http.StatusOK || strings.Count(body, "\n") != 1 || !strings.Contains(body, "Evening") {
		t.Errorf("%d: %s", status, body)
	}
	s.refusal(s.request("GET", "/api/v1/ledger/entries?last=few", ""), http.StatusBadRequest)
	status, _, body = s.send(s.request("GET", "/api/v1/ledger/backup", ""))
	h, err := ledger.KeepBackup(filepath.Join(t.TempDir(), "backup"), strings.NewReader(body))
	if status != http.StatusOK || err != nil || h.Entries != 2 {
		t.Errorf("%d: %+v, %v", status, h, err)
	}
	s.refusal(s.request("GET", "/api/v1/ledger/audit/ana", ""), http.StatusBadRequest)
}

// A node without a ledger answers as one in which nothing happened, and makes none by being asked.
func TestNoLedgerOverTheAPI(t *testing.T) {
	s := newSite(t, Options{})
	var v node.LedgerView
	s.call("GET", "/api/v1/ledger", "", http.StatusOK, &v)
	var good node.VerifyView
	s.call("GET", "/api/v1/ledger/verify", "", http.StatusOK, &good)
	if v.Entries != 0 || v.Balances == nil || !good.Good {
		t.Errorf("%+v, %+v", v, good)
	}
	s.refusal(s.request("GET", "/api/v1/ledger/backup", ""), http.StatusNotFound)
	if _, err := os.Stat(filepath.Join(s.n.Home().Dir, "ledger")); !os.IsNotExist(err) {
		t.Errorf("there is one now: %v", err)
	}
}

// A node with a damaged ledger runs, says so, and answers nothing of it.
func TestDamagedLedgerOverTheAPI(t *testing.T) {
	home := homeWithLedger(t)
	path := filepath.Join(home, "ledger", "ledger.segment")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[20] ^= 1 // of the first of two entries: the last one may be torn
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	s := newSiteAt(t, home, Options{}, nil)
	if got := strings.Join(s.n.Notices(), ""); !strings.Contains(got, "damaged") || !strings.Contains(got, "fsck") {
		t.Errorf("it says %q", got)
	}
	for _, path := range []string{"", "/entries", "/verify", "/audit/" + stranger, "/backup"} {
		s.refusal(s.request("GET", "/api/v1/ledger"+path, ""), http.StatusConflict)
	}
	s.startRoom()
}
