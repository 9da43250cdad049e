package room

import (
	"fmt"
	"time"

	"salon/ledger/doc"
)

// A Kind is what a command asks for and an event reports.
type Kind uint8

const (
	Opened     Kind = iota + 1 // event 1 only: the host opened the room
	RaiseHand                  // Name is how the stage will show the speaker
	LowerHand                  // one's own, or anybody's by the host
	Grant                      // a seat for To, whose hand is up; host only
	Return                     // To goes back to the audience: oneself, or any speaker by the host
	Mute                       // To, oneself or anybody by the host
	Unmute                     // only oneself: nobody opens another's microphone
	Remove                     // To leaves the room and stays out; host only
	Publish                    // asks for an incarnation, before each start or restart of sending
	Leave                      // the device goes
	End                        // the room is over; host only
	MuteAll                    // everybody on stage but the host; host only
	CloseHands                 // no more hands go up, those that are stay; host only
	OpenHands                  // hands may go up again; host only
	Lock                       // nobody new comes in; host only
	Unlock                     // anybody may come in again; host only
	Readmit                    // To, who was removed, may come back; host only
	Invite                     // To may come on stage without raising a hand; host only
	Accept                     // an invitation; Name is how the stage will show the speaker
	Decline                    // one's own invitation, or anybody's by the host, who takes it back
	kinds
)

// String names the kind.
func (k Kind) String() string {
	return word([]string{"unknown(0)", "opened", "raise hand", "lower hand", "grant", "return", "mute", "unmute",
		"remove", "publish", "leave", "end", "mute all", "close hands", "open hands", "lock", "unlock", "readmit", "invite", "accept", "decline"}, uint8(k))
}

// A Command asks the host for a change. Its author is in the signature, not in here.
type Command struct {
	Room    ID
	Kind    Kind
	To      Person // whom it is about; the zero value means oneself
	Name    string // RaiseHand and Accept only
	Program bool   // Publish only: the room's program, slot 0
	Time    int64  // unix milliseconds
	Nonce   uint64 // at random, for Replay
}

const (
	kindCommand = "command"
	maxCommand  = 1024 // bytes, signed
)

// check refuses what no sender with these rules would have made. Who may do it is the rule book's question.
func (c Command) check() error {
	if err := checkTime(c.Time); err != nil {
		return err
	}
	to, named := false, c.Kind == RaiseHand || c.Kind == Accept
	switch c.Kind {
	case Grant, Remove, Readmit, Invite:
		if c.To.IsZero() {
			return fmt.Errorf("%w: %v names nobody", ErrCommand, c.Kind)
		}
		to = true
	case LowerHand, Return, Mute, Unmute, Decline:
		to = true
	case RaiseHand, Accept, Publish, Leave, End, MuteAll, CloseHands, OpenHands, Lock, Unlock:
	default:
		return fmt.Errorf("%w: %v", ErrCommand, c.Kind)
	}
	if !to && !c.To.IsZero() || !named && c.Name != "" || c.Program && c.Kind != Publish {
		return fmt.Errorf("%w: %v with a field it does not have", ErrCommand, c.Kind)
	}
	if named {
		return isClean("name", c.Name, CleanName)
	}
	return nil
}

// SignCommand signs c as id.
func SignCommand(id *doc.Identity, c Command) ([]byte, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	return id.Sign(kindCommand, commandWire(c))
}

// OpenCommand checks a command's encoding, fields and signatures. Its age is Replay's business.
func OpenCommand(raw []byte, now time.Time) (Command, doc.Author, error) {
	if len(raw) > maxCommand {
		return Command{}, doc.Author{}, fmt.Errorf("%w: command of %d bytes", ErrTooLarge, len(raw))
	}
	var w commandWire
	author, err := doc.Peek(raw, &w)
	if err != nil {
		return Command{}, doc.Author{}, err
	}
	c := Command(w)
	if err := c.check(); err != nil {
		return Command{}, doc.Author{}, err
	}
	if err := doc.Verify(kindCommand, raw, now); err != nil {
		return Command{}, doc.Author{}, err
	}
	return c, author, nil
}
