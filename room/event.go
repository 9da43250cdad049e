package room

import (
	"cmp"
	"fmt"
	"time"

	"salon/ledger/doc"
)

// A Term says who leads a room. Terms are compared field by field in this order; the greater wins.
type Term struct {
	Reign uint32 // only the host raises it
	Epoch uint32 // up with every takeover in the reign
	Order uint8  // place in the charter: 0 is the host
}

// Compare returns -1, 0 or +1 as t is before, at or after u.
func (t Term) Compare(u Term) int {
	return cmp.Or(cmp.Compare(t.Reign, u.Reign), cmp.Compare(t.Epoch, u.Epoch), cmp.Compare(t.Order, u.Order))
}

// An Event is one numbered change of a room, decided and signed by who leads it. Fields that its kind does not
// have are zero, so that an event has one form.
type Event struct {
	Room        ID
	Term        Term
	Seq         uint64 // from 1, without gaps
	Time        int64  // unix milliseconds by the host's clock, never falling
	Kind        Kind
	By          Person   // who asked for it
	Device      Device   // with which device
	To          Person   // whom it is about; always set where a command may leave it out
	Name        string   // RaiseHand, Accept, Opened, Say, Pin: the name to show; Appoint: To's
	Slot        uint8    // Opened, Grant, Accept, Publish: which source
	Incarnation uint32   // Publish: what was handed out; Resumed, TookOver: beyond which the new leader begins
	Program     bool     // Publish: for slot 0
	KeyEpoch    uint32   // Opened, Rekey: which room key
	Key         [32]byte // Opened: in an open room
	Text        string   // Say, Pin
	Ref         uint64   // Erase, Pin
	Place       uint8    // Appoint, PlaceHand: from 1
	Seconds     uint16   // Slow, Rekey

	Invitation doc.PublicKey // Relink: the public half
	Check      [32]byte      // Opened, Rekey, in a closed room: see KeyCheck
	From       uint64        // Rekey: number of the program's first frame under the key

	Start Start // Publish: as its sender chose it
	Said  int64 // Say: when, if that was where somebody else led the room; else 0
}

// said is when the line of an event was said.
func (ev Event) said() int64 {
	if ev.Said != 0 {
		return ev.Said
	}
	return ev.Time
}

const (
	kindEvent = "event"
	maxEvent  = 2048 // bytes, signed
)

func (ev Event) check() error {
	if err := checkTime(ev.Time); err != nil {
		return err
	}
	if err := checkTime(ev.said()); err != nil {
		return err
	}
	switch {
	case ev.Kind == 0 || ev.Kind >= kinds:
		return fmt.Errorf("%w: %v", ErrField, ev.Kind)
	case ev.Seq == 0:
		return fmt.Errorf("%w: event number 0", ErrField)
	case ev.By.IsZero() || ev.Device.IsZero():
		return fmt.Errorf("%w: event by nobody", ErrField)
	case ev.Slot > MaxSlot:
		return fmt.Errorf("%w: slot %d", ErrField, ev.Slot)
	case ev.Incarnation > MaxIncarnation:
		return fmt.Errorf("%w: incarnation %d", ErrField, ev.Incarnation)
	}
	if ev.Text != "" {
		if err := isClean("message", ev.Text, CleanMessage); err != nil {
			return err
		}
	}
	if ev.Name == "" {
		return nil
	}
	return isClean("name", ev.Name, CleanName)
}

// SignEvent signs ev as the sequencer.
func SignEvent(id *doc.Identity, ev Event) ([]byte, error) {
	if err := ev.check(); err != nil {
		return nil, err
	}
	return id.Sign(kindEvent, wireEvent(ev))
}

// OpenEvent checks an event's encoding, fields and signatures. That its author leads the room is for the caller to
// check, and that it follows the rules for State.Apply.
func OpenEvent(raw []byte, now time.Time) (Event, doc.Author, error) {
	if len(raw) > maxEvent {
		return Event{}, doc.Author{}, fmt.Errorf("%w: event of %d bytes", ErrTooLarge, len(raw))
	}
	var w eventWire
	author, err := doc.Peek(raw, &w)
	if err != nil {
		return Event{}, doc.Author{}, err
	}
	ev := w.event()
	if err := ev.check(); err != nil {
		return Event{}, doc.Author{}, err
	}
	if err := doc.Verify(kindEvent, raw, now); err != nil {
		return Event{}, doc.Author{}, err
	}
	return ev, author, nil
}
