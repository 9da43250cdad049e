package rtc

import (
	"net/http"
	"strings"

	"github.com/pion/webrtc/v4"
)

// trickle takes the candidates of a PATCH (RFC 8840 section 9: lines of SDP, without its head). Most clients need none
// of it, because our answer holds all of our addresses and the client is met when it calls.
func (s *Session) trickle(body string) *Refusal {
	var candidates []string
	ufrag := ""
	for line := range strings.Lines(body) {
		line = strings.TrimRight(line, "\r\n")
		key, value, ok := strings.Cut(line, "=")
		if !ok || len(key) != 1 {
			if line == "" {
				continue
			}
			return refusal(http.StatusBadRequest, "malformed_fragment", "Send an SDP fragment: lines as a=candidate:...")
		}
		switch {
		case strings.HasPrefix(line, "a=ice-ufrag:"):
			ufrag = strings.TrimPrefix(line, "a=ice-ufrag:")
		case strings.HasPrefix(line, "a=candidate:"):
			candidates = append(candidates, strings.TrimPrefix(value, "candidate:"))
		}
	}
	if ufrag != "" && ufrag != s.ufrag {
		return refusal(http.StatusUnprocessableEntity, "ice_restart", "This session cannot restart ICE; post a new offer.")
	}
	for _, c := range candidates {
		if !s.addCandidate(c) {
			return refusal(http.StatusUnprocessableEntity, "too_many_candidates", "Send at most 64 candidates for a session.")
		}
	}
	return nil
}

// addCandidate tries one of the client's addresses. A candidate that makes no sense is counted and left out: another
// may work. It is false when the session has had its share.
func (s *Session) addCandidate(c string) bool {
	if s.candidates.Add(1) > maxCandidates {
		return false
	}
	if strings.TrimSpace(c) == "" {
		return true // the end of candidates, as some clients say it
	}
	var err error
	if s.player != nil {
		err = s.player.addCandidate(c)
	} else {
		err = s.pc.AddICECandidate(webrtc.ICECandidateInit{Candidate: c})
	}
	if err != nil {
		s.e.dropped.add("bad_candidate")
	}
	return true
}
