package room

import (
	"fmt"
	"time"

	"salon/ledger/doc"
)

// A Kind is what a command asks for and an event reports. What is the host's, a co-host may do as well, unless it says
// otherwise.
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
	Appoint                    // To becomes co-host at Place in the order of succession, or moves there; the host only, not co-hosts
	Withdraw                   // To is no co-host any more; the host only, not co-hosts
	PlaceHand                  // To's hand goes to Place in the queue; host only
	StageOnly                  // everybody may come on stage by Accept, no hands are taken; host only
	StageOpen                  // there is an audience again; host only
	StickOut                   // one speaks at a time, who holds the stick; host only
	StickIn                    // everybody on stage may speak again; host only
	PassStick                  // To holds the stick, or the next on stage; host only
	LayStick                   // its holder is done
	Say                        // Text in the chat, under Name
	Erase                      // the line Ref: one's own, or anybody's by the host
	CloseChat                  // nobody but those who lead writes; host only
	OpenChat                   // everybody may write again; host only
	Slow                       // Seconds between the lines of one person, 0 for no wait; host only
	Pin                        // the line Ref, or a Text of one's own, stays on top; host only
	Unpin                      // nothing is on top; host only
	Begin                      // the doors open: the audience hears the stage; host only
	RecordOn                   // the host says that the room is recorded; host only
	RecordOff                  // it is not any more; host only
	Away                       // To's seat waits for its device, whose connection broke; where the room is led only
	Back                       // To's device is there again; where the room is led only
	Resumed                    // an event only: the host leads the room on after its node was gone, or again after a co-host
	Admit                      // To comes onto the guest list of a closed room; host only
	Strike                     // To comes off it, and stays in the room if there; host only
	Relink                     // Invitation is in the link from now on; where the room is led only
	Rekey                      // a new room key holds From the program's frame of a number; where the room is led only
	TookOver                   // an event only: a co-host, or another device of the host's, leads the room on
	Entrust                    // To becomes keeper of a closed room; the host only, not co-hosts
	Relieve                    // To is no keeper any more; the host only, not co-hosts
	kinds
)

// String names the kind.
func (k Kind) String() string {
	return word([]string{"unknown(0)", "opened", "raise hand", "lower hand", "grant", "return", "mute", "unmute",
		"remove", "publish", "leave", "end", "mute all", "close hands", "open hands", "lock", "unlock", "readmit", "invite", "accept", "decline",
		"appoint", "withdraw", "place hand", "stage only", "stage open", "stick out", "stick in", "pass stick", "lay stick",
		"say", "erase", "close chat", "open chat", "slow", "pin", "unpin", "begin", "record on", "record off",
		"away", "back", "resumed", "admit", "strike", "relink", "rekey", "took over", "entrust", "relieve"}, uint8(k))
}

// A Command asks the host for a change. Its author is in the signature, not in here.
type Command struct {
	Room    ID
	Kind    Kind
	To      Person // whom it is about; the zero value means oneself, for PassStick the next on stage
	Name    string // RaiseHand, Accept, Say, Pin with Text: one's own; Appoint: what To is called
	Program bool   // Publish only: the room's program, slot 0
	Time    int64  // unix milliseconds
	Nonce   uint64 // at random, for Replay
	Text    string // Say; Pin without Ref
	Ref     uint64 // Erase; Pin without Text: number of the event that brought the line
	Place   uint8  // Appoint: from 1, or 0 for the end; PlaceHand: from 1, the next to speak
	Seconds uint16 // Slow: at most MaxSlow; Rekey: how long after its event From is, about

	Invitation doc.PublicKey // Relink
	Check      [32]byte      // Rekey: see KeyCheck
	From       uint64        // Rekey: number of the program's first frame under the key

	Start Start // Publish
}

const (
	kindCommand = "command"
	maxCommand  = 2048 // bytes, signed
)

// A field is one that only some kinds of command have.
type field uint16

const (
	hasTo   field = 1 << iota
	needsTo       // as well as hasTo
	hasName       // and needs it
	hasProgram
	hasText
	hasRef
	hasPlace
	hasSeconds
	hasInvitation
	hasKey
	hasStart
)

// fields says what a command has beside room, kind, time and nonce. A kind that is not in it is no command.
var fields = map[Kind]field{
	RaiseHand: hasName, LowerHand: hasTo, Grant: hasTo | needsTo, Return: hasTo, Mute: hasTo, Unmute: hasTo,
	Remove: hasTo | needsTo, Publish: hasProgram | hasStart, Leave: 0, End: 0, MuteAll: 0, CloseHands: 0, OpenHands: 0, Lock: 0, Unlock: 0,
	Readmit: hasTo | needsTo, Invite: hasTo | needsTo, Accept: hasName, Decline: hasTo,
	Appoint: hasTo | needsTo | hasName | hasPlace, Withdraw: hasTo | needsTo, PlaceHand: hasTo | needsTo | hasPlace,
	StageOnly: 0, StageOpen: 0, StickOut: 0, StickIn: 0, PassStick: hasTo, LayStick: 0,
	Say: hasName | hasText, Erase: hasRef, CloseChat: 0, OpenChat: 0, Slow: hasSeconds, Pin: hasName | hasText | hasRef, Unpin: 0,
	Begin: 0, RecordOn: 0, RecordOff: 0, Away: hasTo | needsTo, Back: hasTo | needsTo,
	Admit: hasTo | needsTo, Strike: hasTo | needsTo, Relink: hasInvitation, Rekey: hasKey | hasSeconds,
	Entrust: hasTo | needsTo, Relieve: hasTo | needsTo,
}

// check refuses what no sender with these rules would have made. Who may do it is the rule book's question.
func (c Command) check() error {
	if err := checkTime(c.Time); err != nil {
		return err
	}
	has, ok := fields[c.Kind]
	var extra field
	for _, f := range []struct {
		field
		set bool
	}{
		{hasTo, !c.To.IsZero()}, {hasName, c.Name != ""}, {hasProgram, c.Program}, {hasText, c.Text != ""},
		{hasRef, c.Ref != 0}, {hasPlace, c.Place != 0}, {hasSeconds, c.Seconds != 0},
		{hasInvitation, !c.Invitation.IsZero()}, {hasKey, c.Check != [32]byte{} || c.From != 0}, {hasStart, !c.Start.IsZero()},
	} {
		if f.set {
			extra |= f.field &^ has
		}
	}
	switch {
	case !ok:
		return fmt.Errorf("%w: %v", ErrCommand, c.Kind)
	case extra != 0:
		return fmt.Errorf("%w: %v with a field it does not have", ErrCommand, c.Kind)
	case has&needsTo != 0 && c.To.IsZero():
		return fmt.Errorf("%w: %v names nobody", ErrCommand, c.Kind)
	case c.Kind == PlaceHand && c.Place == 0:
		return fmt.Errorf("%w: %v without a place", ErrCommand, c.Kind)
	case c.Seconds > MaxSlow:
		return fmt.Errorf("%w: %d seconds", ErrField, c.Seconds)
	case c.Kind == Relink && c.Invitation.IsZero(), c.Kind == Rekey && c.Check == [32]byte{}:
		return fmt.Errorf("%w: %v without a key", ErrCommand, c.Kind)
	case c.Kind == Publish && c.Start.IsZero():
		return fmt.Errorf("%w: %v without a start", ErrCommand, c.Kind)
	case c.Kind == Erase && c.Ref == 0, c.Kind == Pin && (c.Ref == 0) == (c.Text == ""):
		return fmt.Errorf("%w: %v without one line", ErrCommand, c.Kind)
	}
	if c.Kind == Say || c.Text != "" {
		if err := isClean("message", c.Text, CleanMessage); err != nil {
			return err
		}
	}
	if has&hasName != 0 && (c.Name != "" || c.Kind != Pin || c.Text != "") {
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
