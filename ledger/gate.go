package ledger

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"salon/ledger/doc"
)

// Why a ticket does not open a gate, beside what is wrong with the ticket itself.
var (
	ErrWrongRoom = errors.New("ledger: ticket to another room")
	ErrTooEarly  = errors.New("ledger: ticket is not valid yet")
	ErrTooLate   = errors.New("ledger: ticket is not valid any more")
)

// A Class says of tickets of one class when they are good. It follows the newest version of the offer, so that a room
// that is put off keeps its tickets; their own times are those of the day they were sold.
type Class struct {
	Number       uint8
	Starts, Ends time.Time
}

// A Seller is a device that may sign tickets of some serials. The host's own device may sign any.
type Seller struct {
	Device   Key
	Class    uint8
	From, To uint32 // the first serial, and the first after
}

// A Gate checks tickets where people come in. It asks nobody. Its caller serialises every call.
type Gate struct {
	room    Room
	host    Key // the device that signs for the host
	classes map[uint8]Class
	sellers map[Key][]Seller
	least   map[place]uint32
	void    []byte
	back    []span // ascending
	epoch   uint64 // of the newest list of revocations
}

// NewGate makes a gate of a room, for the host's device and those that it lets sell.
func NewGate(room Room, host Key, classes []Class, sellers []Seller) *Gate {
	g := &Gate{room: room, host: host, classes: map[uint8]Class{}, sellers: map[Key][]Seller{}}
	for _, c := range classes {
		g.classes[c.Number] = c
	}
	for _, s := range sellers {
		g.sellers[s.Device] = append(g.sellers[s.Device], s)
	}
	return g
}

// Update takes a newer list of revocations.
func (g *Gate) Update(raw []byte) error {
	r, _, err := OpenDocument[Revocations](raw)
	switch {
	case err != nil:
		return err
	case r.By != g.host:
		return ErrSigner
	case r.Room != g.room:
		return ErrWrongRoom
	case r.Epoch < g.epoch:
		return fmt.Errorf("%w: list %d after list %d", ErrRolledBack, r.Epoch, g.epoch)
	}
	least, err := r.least()
	if err != nil {
		return err
	}
	back, err := r.back()
	if err != nil {
		return err
	}
	g.least, g.void, g.back, g.epoch = least, r.Void, back, r.Epoch
	return nil
}

// Check reads a ticket, and says whether it is good here and now. From cheap to dear: the signature comes last. Whether
// whoever shows it is its holder, their own signature says, which names room and device (room.Claim).
func (g *Gate) Check(raw []byte, now time.Time) (Ticket, error) {
	t, s, err := peek[Ticket](raw)
	if err != nil {
		return t, err
	}
	if err := g.good(t, now); err != nil {
		return t, err
	}
	return t, s.verify(t.By)
}

func (g *Gate) good(t Ticket, now time.Time) error {
	if t.Room != g.room {
		return ErrWrongRoom
	}
	c, known := g.classes[t.Class]
	if !known {
		return fmt.Errorf("%w: class %d", ErrUnknown, t.Class)
	}
	switch {
	case t.By != g.host && !g.sells(t):
		return ErrSigner
	case now.Before(c.Starts.Add(-doc.Skew)):
		return ErrTooEarly
	case now.After(c.Ends.Add(doc.Skew)):
		return ErrTooLate
	}
	return g.Standing(t)
}

func (g *Gate) sells(t Ticket) bool {
	return slices.ContainsFunc(g.sellers[t.By], func(s Seller) bool {
		return s.Class == t.Class && t.Serial >= s.From && t.Serial < s.To
	})
}

// Standing says whether a ticket is void. It is asked again, of who is in, after every Update.
func (g *Gate) Standing(t Ticket) error {
	least, listed := g.least[place{t.Class, t.Serial}]
	switch {
	case t.Gen < least || slices.Contains(g.void, t.Class):
		return ErrRevoked
	case t.By == g.host:
		return nil
	case !t.isFirst() || listed && t.Gen != least || g.isBack(t):
		// A seller sells a seat once. What went back, was refunded or given to somebody is the host's to sign for.
		return ErrRevoked
	}
	return nil
}

// isBack reports whether the seller of a seat has given it back.
func (g *Gate) isBack(t Ticket) bool {
	i, found := slices.BinarySearchFunc(g.back, t, func(s span, t Ticket) int {
		return cmp.Or(cmp.Compare(s.class, t.Class), cmp.Compare(s.from, t.Serial))
	})
	if !found {
		i-- // the one that begins before
	}
	return i >= 0 && g.back[i].class == t.Class && t.Serial < g.back[i].to
}
