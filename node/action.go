package node

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"salon/ledger/doc"
	"salon/room"
)

// An Action is something a person does in a room. Fields that its kind does not use are ignored.
type Action struct {
	Kind    string        // one of Actions
	Person  doc.PublicKey // whom it is about; the zero key means oneself, for pass_stick and hand_over the next
	Volume  float64       // volume: 0 to 2
	Text    string        // say, pin
	Ref     uint64        // erase, pin: the line's Seq
	Place   int           // place_hand, cohost: from 1; cohost also 0, for the end
	Seconds int           // slow
	Emoji   string        // react: one of room.Emoji
}

// ownActions are decided by this node alone, or are no commands of the rule book.
var ownActions = []string{"leave", "volume", "react", "relink", "hand_over", "take_back"}

// commands are the actions that the rule book decides.
var commands = map[string]room.Kind{
	"raise_hand": room.RaiseHand, "lower_hand": room.LowerHand, "place_hand": room.PlaceHand, "grant": room.Grant,
	"invite": room.Invite, "accept": room.Accept, "decline": room.Decline, "return": room.Return,
	"mute": room.Mute, "unmute": room.Unmute, "mute_all": room.MuteAll, "remove": room.Remove, "readmit": room.Readmit,
	"close_hands": room.CloseHands, "open_hands": room.OpenHands, "lock": room.Lock, "unlock": room.Unlock,
	"stage_only": room.StageOnly, "stage_open": room.StageOpen, "cohost": room.Appoint, "uncohost": room.Withdraw,
	"keeper": room.Entrust, "unkeeper": room.Relieve,
	"stick_out": room.StickOut, "stick_in": room.StickIn, "pass_stick": room.PassStick, "lay_stick": room.LayStick,
	"say": room.Say, "erase": room.Erase, "close_chat": room.CloseChat, "open_chat": room.OpenChat, "slow": room.Slow,
	"pin": room.Pin, "unpin": room.Unpin, "begin": room.Begin, "record_on": room.RecordOn, "record_off": room.RecordOff,
	"admit": room.Admit, "strike": room.Strike,
	"end": room.End,
	// A removed person stays out until readmitted, which others call a ban.
	"ban": room.Remove, "unban": room.Readmit,
}

// Actions lists the kinds of Action there are.
func Actions() []string {
	return slices.Sorted(slices.Values(slices.Concat(ownActions, slices.Collect(maps.Keys(commands)))))
}

// Do carries out an action, or says why not. Leaving and ending take effect even when nobody can be told.
func (r *Room) Do(ctx context.Context, a Action) error {
	switch a.Kind {
	case "leave":
		r.n.leave(r)
		return nil
	case "volume":
		if a.Volume < 0 || a.Volume > 2 {
			return &UserError{Code: "bad_volume", Text: "Volume is between 0 and 2."}
		}
		r.voice.setVolume(a.Person, float32(a.Volume))
		r.changed()
		return nil
	case "react":
		return r.react(a.Emoji)
	case "relink":
		return r.newLink()
	case "hand_over":
		return r.HandOver(ctx, a.Person)
	case "take_back":
		return r.TakeBack(ctx)
	}
	c, err := r.asCommand(a)
	if err != nil {
		return err
	}
	own := (a.Person.IsZero() || a.Person == r.n.Person()) && r.minds()
	if own {
		r.intend(c.Kind)
	}
	err = r.command(ctx, c)
	if errors.Is(err, room.ErrNoChange) {
		err = nil
	}
	if own {
		r.agree(c.Kind, err)
	}
	return err
}

// newLink puts a new invitation into the link of our closed room.
func (r *Room) newLink() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.turn() {
		return &UserError{Code: "not_allowed", Text: "Only the host can renew the link."}
	}
	if r.phase.Over() {
		return errOver
	}
	return r.relink(time.Now())
}

// asCommand is what an action asks of the rule book.
func (r *Room) asCommand(a Action) (room.Command, error) {
	kind, ok := commands[a.Kind]
	if !ok {
		return room.Command{}, &UserError{Code: "bad_action", Text: fmt.Sprintf("There is no action %q.", a.Kind)}
	}
	c := room.Command{Kind: kind}
	switch kind {
	case room.RaiseHand, room.Accept:
		c.Name = r.n.displayName()
	case room.LowerHand, room.Return, room.Mute, room.Unmute, room.Decline, room.PassStick:
		c.To = a.Person
	case room.Grant, room.Remove, room.Readmit, room.Invite, room.Withdraw, room.Appoint, room.PlaceHand, room.Admit, room.Strike, room.Entrust, room.Relieve:
		if c.To = a.Person; c.To.IsZero() {
			return c, &UserError{Code: "no_person", Text: "Say whom: this needs a person."}
		}
		if a.Place < 0 || a.Place > room.MaxPlace || kind == room.PlaceHand && a.Place == 0 {
			return c, &UserError{Code: "bad_place", Text: fmt.Sprintf("A place is a number from 1 to %d.", room.MaxPlace)}
		}
		if kind == room.PlaceHand || kind == room.Appoint {
			c.Place = uint8(a.Place)
		}
		if kind == room.Appoint {
			c.Name = r.nameFor(a.Person)
		}
	case room.Say, room.Pin:
		if kind == room.Pin && a.Ref != 0 {
			c.Ref = a.Ref
			break
		}
		text, err := room.CleanMessage(a.Text)
		if err != nil && strings.TrimSpace(a.Text) == "" {
			return c, &UserError{Code: "bad_text", Text: "Write something first."}
		} else if err != nil {
			return c, &UserError{Code: "bad_text", Text: fmt.Sprintf("A message has at most %d visible characters, fewer in scripts that need more bytes.", room.MaxMessage)}
		}
		c.Name, c.Text = r.n.displayName(), text
	case room.Erase:
		if c.Ref = a.Ref; c.Ref == 0 {
			return c, &UserError{Code: "bad_line", Text: "Say which message: this needs its number."}
		}
	case room.Slow:
		if a.Seconds < 0 || a.Seconds > room.MaxSlow {
			return c, &UserError{Code: "bad_seconds", Text: fmt.Sprintf("Slow mode is 0 to %d seconds.", room.MaxSlow)}
		}
		c.Seconds = uint16(a.Seconds)
	}
	return c, nil
}
