package node

import (
	"salon/ledger/doc"
	"salon/relay"
	"salon/room"
)

// Guests are people with only a browser. They hear what everybody may hear, through a node that opens it for them, and are
// nobody to the room: it knows how many there are.

// A GuestView is a room as a guest sees it.
type GuestView struct {
	Title     string      `json:"title"`
	Mode      string      `json:"mode"`
	Language  string      `json:"language"`
	Host      GuestName   `json:"host"`
	Stage     []GuestName `json:"stage"`
	Listeners uint32      `json:"listeners"`
	Phase     Phase       `json:"phase"`
	Waiting   bool        `json:"waiting"` // the doors are not open yet
	Starts    int64       `json:"starts"`  // unix ms of a scheduled start, else 0
	Recording bool        `json:"recording"`
	Locked    bool        `json:"locked"` // nobody new comes in
}

// A GuestName is what somebody is called, and why that may deceive (as of a CautionView). A guest knows nobody but who leads the room;
// whom this node's person knows is nobody else's business.
type GuestName struct {
	Name string `json:"name"`
	Why  string `json:"why,omitempty"`
	Like string `json:"like,omitempty"`
}

var (
	errGuestsFull = &UserError{Code: "full", Text: "As many listen here as this relay can feed. Try again later."}
	errNoGuests   = &UserError{Code: "no_guests", Text: "This room is not open to guests here."}
	errNoSound    = &UserError{Code: "on_stage", Text: "This node's person is on stage and hears the room another way. Ask for a link of the host's."}
)

// GuestView is the room for guests. The error is a *UserError: the room is not for everybody.
func (r *Room) GuestView() (GuestView, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.guestsMay(); err != nil {
		return GuestView{}, err
	}
	v := GuestView{
		Title: r.charter.Title, Mode: r.charter.Mode.String(), Language: r.charter.Language,
		Stage: []GuestName{}, Listeners: r.listeners, Phase: r.phase,
		Waiting: r.state.Waiting, Starts: r.charter.Starts, Recording: r.state.Recording, Locked: r.state.Locked,
	}
	leads := r.leaders()
	named := func(who doc.PublicKey, name string) GuestName {
		g := GuestName{Name: name}
		if c := cautionOf(who, name, leads); c != nil {
			g.Why, g.Like = c.Why, c.Like
		}
		return g
	}
	v.Host = named(r.charter.Host, r.names.view(r.charter.Host).Name)
	for _, s := range r.state.Seats {
		v.Stage = append(v.Stage, named(s.Person, s.Name))
	}
	return v, nil
}

// guestsMay reports whether the room is one for everybody. r.mu is held.
func (r *Room) guestsMay() error {
	if r.demo || r.state == nil || r.voice.deaf || r.charter.Access != room.Anyone {
		return errNoGuests
	}
	return nil
}

// PlayToGuest starts a guest's player of the program, until l ends. The error is a *UserError.
func (r *Room) PlayToGuest(l relay.Link) error {
	r.mu.Lock()
	err := r.guestsMay()
	switch {
	case err != nil:
	case r.phase.Over():
		err = errOver
	case r.state.Locked:
		err = &UserError{Code: "locked", Text: "The host has locked this room: nobody new comes in just now."}
	case r.host == nil && r.state.OnStage(r.n.Person()):
		err = errNoSound
	case r.carried && r.n.relay.uplink(int(r.n.sends.Load()), r.charter.Mode) < 1:
		err = errGuestsFull
	default:
		r.voice.addGuest(l)
		r.recount()
	}
	r.mu.Unlock()
	if err == nil {
		r.changed()
	}
	return err
}
