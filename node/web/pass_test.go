package web

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// A pass gives the key to one caller, once, and only to one who could be the page.
func TestPass(t *testing.T) {
	s := newSite(t, Options{})
	redeem := func(word string, change func(*http.Request)) *http.Request {
		r := s.request("POST", redeemPath, `{"pass":"`+word+`"}`)
		r.Header.Del("Authorization")
		if change != nil {
			change(r)
		}
		return r
	}
	var issued struct{ URL string }
	s.call("POST", "/api/v1/passes", "", http.StatusCreated, &issued)
	base, word, _ := strings.Cut(issued.URL, "/#pass=")
	if base != s.URL() || len(word) < 20 || strings.Contains(issued.URL, s.key) {
		t.Fatalf("issued %q", issued.URL)
	}
	for code, change := range map[string]func(*http.Request){
		"foreign_host":   func(r *http.Request) { r.Host = "evil.example" },
		"foreign_origin": func(r *http.Request) { r.Header.Set("Origin", "http://evil.example") },
		"foreign_site":   func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") },
	} {
		if got := s.refusal(redeem(word, change), http.StatusForbidden); got != code {
			t.Errorf("refused as %s, want %s", got, code)
		}
	}
	if got := s.refusal(redeem("", nil), http.StatusForbidden); got != "no_pass" {
		t.Errorf("no pass is refused as %s", got)
	}
	if got := s.refusal(redeem(word[:10], nil), http.StatusForbidden); got != "no_pass" {
		t.Errorf("half a pass is refused as %s", got)
	}
	status, _, body := s.send(redeem(word, nil))
	if status != http.StatusOK || !strings.Contains(body, s.key) {
		t.Errorf("a good pass: %d %s", status, body)
	}
	if got := s.refusal(redeem(word, nil), http.StatusForbidden); got != "no_pass" {
		t.Errorf("a used pass is refused as %s", got)
	}
}

func TestPassesExpireAndAreBounded(t *testing.T) {
	var p passes
	now := time.Unix(1e9, 0)
	first := p.issue(now)
	for range passesMax - 1 {
		p.issue(now)
	}
	if !p.redeem(first, now.Add(passLives-1)) {
		t.Error("a pass of two minutes is refused")
	}
	late := p.issue(now)
	if p.redeem(late, now.Add(passLives)) || p.redeem(late, now) {
		t.Error("a pass that is too old is taken")
	}
	oldest := p.issue(now)
	for range passesMax {
		p.issue(now)
	}
	if p.redeem(oldest, now) || len(p.open) != passesMax {
		t.Errorf("%d passes are open", len(p.open))
	}
}
