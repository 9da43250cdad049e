package node

import (
	"errors"
	"time"

	"salon/ledger/doc"
	"salon/relay"
)

// errNobody is why there is no place while nobody has said why: all who answered named somebody else.
var errNobody error = &errCrowdedRoom{"There is no place in this room just now. Try again in a moment."}

// errFinal ends the attempts to come back: the host has spoken.
type errFinal struct {
	phase Phase
	text  string
}

func (e *errFinal) Error() string { return e.text }

// isFinal ends the room for us if the host has spoken.
func (r *Room) isFinal(err error) bool {
	var final *errFinal
	if !errors.As(err, &final) {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.host != nil {
		return false // it was about our place with who led before us
	}
	r.setPhase(final.phase, final.text)
	return true
}

// wasRefused notes why an uplink gave us no place; what the host says counts most.
func (r *Room) wasRefused(u *uplink, why error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.guest.why == nil || u.to.ID == r.guest.host.ID {
		r.guest.why = why
	}
}

// turnedAway is what a Refuse means for us: an *errFinal if the host has spoken, an *errCrowdedRoom if there may be a place in a
// moment, or why somebody else may have one.
func (r *Room) turnedAway(u *uplink, join relay.Join, m relay.Refuse) error {
	text := strangersText(m.Text, "The host did not let you in.")
	r.mu.Lock()
	r.refused = m.Code
	if m.Code == "not_asked" {
		r.stopLending() // the next question is a listener's
	}
	if m.Code == errTicketOnly.Code && !join.Warm && r.isAgreed(m.Code, u.to.ID, time.Now()) {
		r.mu.Unlock()
		return refusal(m)
	}
	p, led, carries := r.phase, r.guest.host.ID, r.carries != nil
	if m.Code == "no_room" && r.state != nil && r.state.Term.Order != 0 {
		led = "" // a co-host who leads no more is not the last
	}
	r.mu.Unlock()
	switch {
	case u.to.ID == led && !join.Warm && join.Depth == 0 && !(m.Code == "full" && (p == Reconnecting || p == Live || carries)):
		return refusal(m)
	case m.Code == "full", m.Code == codeCrowded, m.Code == codeEarly:
		return &errCrowdedRoom{text}
	}
	return errors.New(text)
}

// errCrowdedRoom is somebody's word that there is no place just now, and may be one in a moment.
type errCrowdedRoom struct{ text string }

func (e *errCrowdedRoom) Error() string { return e.text }

func isCrowded(err error) bool {
	var crowded *errCrowdedRoom
	return errors.As(err, &crowded)
}

// refusal is what a Refuse means for somebody new.
func refusal(m relay.Refuse) error {
	text := strangersText(m.Text, "The host did not let you in.")
	switch m.Code {
	case codeCrowded, codeEarly:
		return &errCrowdedRoom{text}
	case "removed":
		return &errFinal{Removed, text}
	case "ended", "no_room":
		return &errFinal{Ended, text}
	case "full", "identity", "locked", "devices", "blocked", errInviteOnly.Code, errTicketOnly.Code, errSubscribersOnly.Code, errHostSilent.Code, codeElsewhere:
		return &errFinal{Failed, text}
	}
	return errors.New(text)
}

// strangersText is what a host says, fit to be shown to a person, or else what is said instead.
func strangersText(s, instead string) string {
	if clean, err := doc.CleanText(s, 200); err == nil && clean != "" {
		return clean
	}
	return instead
}

// sentAway is what a Bye means for us: the error that the host has spoken, or nil, which is that somebody else may feed us.
func (r *Room) sentAway(u *uplink, m relay.Bye) error {
	text := strangersText(m.Text, "The host closed the connection.")
	if u.to.ID != r.leader().ID && !r.isOver(m.Code) {
		return nil // a relay's word is not the host's
	}
	if m.Text == "" && m.Code != "removed" && m.Code != "ended" {
		return nil // not for a person: it is about our place in the tree
	}
	r.signOff(u)
	switch m.Code {
	case "removed":
		return &errFinal{Removed, text}
	case "ended":
		return &errFinal{Ended, text}
	}
	return &errFinal{Failed, text}
}

// isOver reports whether the host said of us what a relay says now.
func (r *Room) isOver(code string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state != nil && (code == "removed" && r.state.IsRemoved(r.n.Person()) || code == "ended" && r.state.Ended)
}
