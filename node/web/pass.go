package web

import (
	"crypto/rand"
	"crypto/sha256"
	"net/http"
	"sync"
	"time"
)

const (
	passLives = 2 * time.Minute
	passesMax = 8 // open at once
)

// A pass is a word that fetches the key once, soon. A browser is started with it in its address: what a program is
// started with, everybody on the machine can read, and browsers keep it in their history.
type passes struct {
	mu   sync.Mutex // guards the field below
	open []pass     // the oldest first
}

type pass struct {
	sum   [32]byte
	until time.Time
}

// issue returns a new pass.
func (p *passes) issue(now time.Time) string {
	word := rand.Text()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.open) >= passesMax {
		p.open = p.open[1:]
	}
	p.open = append(p.open, pass{sha256.Sum256([]byte(word)), now.Add(passLives)})
	return word
}

// redeem reports whether a pass is good, for the only time. It compares sums, so that the time it takes tells nothing.
func (p *passes) redeem(word string, now time.Time) bool {
	sum := sha256.Sum256([]byte(word))
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, known := range p.open {
		if known.sum == sum {
			p.open = append(p.open[:i], p.open[i+1:]...)
			return now.Before(known.until)
		}
	}
	return false
}

// PassURL is an address of the page to start a browser with. It is good for one browser, for two minutes.
func (s *Server) PassURL() string { return s.URL() + "/#pass=" + s.passes.issue(time.Now()) }

type passIssued struct {
	URL string `json:"url"`
}

func (s *Server) issuePass(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusCreated, passIssued{s.PassURL()})
}

// redeemPath needs no key: it gives it out.
const redeemPath = "/api/v1/passes/redeem"

type passBody struct {
	Pass string `json:"pass"`
}

type keyGiven struct {
	Key string `json:"key"`
}

func (s *Server) redeemPass(w http.ResponseWriter, _ *http.Request, body passBody) {
	if !s.passes.redeem(body.Pass, time.Now()) {
		s.refuse(w, "no_pass", "This address was used before, or is older than two minutes. Run 'salon open' for another.")
		return
	}
	writeJSON(w, http.StatusOK, keyGiven{s.key})
}
