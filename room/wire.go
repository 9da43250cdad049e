package room

import "salon/ledger/doc"

// The bytes of every document of this package are laid down in this file: deterministic CBOR, integer keys, zero
// values left out where they are common. (A sound frame is not CBOR; its layout stands in sound.go.)
// A number is never used again for something else; a change that older nodes would misread changes the
// domain's version, which package doc appends to the kind.
//
// Where a wire struct has the fields of its public twin, in the same order, Go converts one to the other and the
// compiler keeps them in step.

type charterWire struct {
	Room     ID       `cbor:"1,keyasint"`
	Nonce    [16]byte `cbor:"2,keyasint"`
	Host     Person   `cbor:"3,keyasint"`
	Title    string   `cbor:"4,keyasint"`
	Language string   `cbor:"5,keyasint"`
	Mode     Mode     `cbor:"6,keyasint,omitempty"`
	Access   Access   `cbor:"7,keyasint,omitempty"`
	Created  int64    `cbor:"8,keyasint"`
	Version  uint64   `cbor:"9,keyasint"`
}

type announcementWire struct {
	Room      ID       `cbor:"1,keyasint"`
	Nonce     [16]byte `cbor:"2,keyasint"`
	Host      Person   `cbor:"3,keyasint"`
	HostName  string   `cbor:"4,keyasint"`
	Title     string   `cbor:"5,keyasint"`
	Language  string   `cbor:"6,keyasint"`
	Tags      []string `cbor:"7,keyasint,omitempty"`
	Mode      Mode     `cbor:"8,keyasint,omitempty"`
	Access    Access   `cbor:"9,keyasint,omitempty"`
	Listeners uint32   `cbor:"10,keyasint,omitempty"`
	Speakers  uint32   `cbor:"11,keyasint,omitempty"`
	Entries   [][]byte `cbor:"12,keyasint,omitempty"`
	Version   uint64   `cbor:"13,keyasint"`
	Time      int64    `cbor:"14,keyasint"`
	Expires   int64    `cbor:"15,keyasint"`
	Ended     bool     `cbor:"16,keyasint,omitempty"`
	Locked    bool     `cbor:"17,keyasint,omitempty"`
}

// linkVersion is the first byte of a link, before the CBOR.
const linkVersion = 1

type linkWire struct {
	Room   ID       `cbor:"1,keyasint"`
	Host   Person   `cbor:"2,keyasint"`
	Device Device   `cbor:"3,keyasint"`
	Addrs  [][]byte `cbor:"4,keyasint,omitempty"`
}

type commandWire struct {
	Room    ID     `cbor:"1,keyasint"`
	Kind    Kind   `cbor:"2,keyasint"`
	To      Person `cbor:"3,keyasint,omitzero"`
	Name    string `cbor:"4,keyasint,omitempty"`
	Program bool   `cbor:"5,keyasint,omitempty"`
	Time    int64  `cbor:"6,keyasint"`
	Nonce   uint64 `cbor:"7,keyasint"`
}

type termWire struct {
	_     struct{} `cbor:",toarray"`
	Reign uint32
	Epoch uint32
	Order uint8
}

func wireTerm(t Term) termWire { return termWire{Reign: t.Reign, Epoch: t.Epoch, Order: t.Order} }
func (w termWire) term() Term  { return Term{Reign: w.Reign, Epoch: w.Epoch, Order: w.Order} }

type eventWire struct {
	Room        ID       `cbor:"1,keyasint"`
	Term        termWire `cbor:"2,keyasint"`
	Seq         uint64   `cbor:"3,keyasint"`
	Time        int64    `cbor:"4,keyasint"`
	Kind        Kind     `cbor:"5,keyasint"`
	By          Person   `cbor:"6,keyasint"`
	Device      Device   `cbor:"7,keyasint"`
	To          Person   `cbor:"8,keyasint,omitzero"`
	Name        string   `cbor:"9,keyasint,omitempty"`
	Slot        uint8    `cbor:"10,keyasint,omitempty"`
	Incarnation uint32   `cbor:"11,keyasint,omitempty"`
	Program     bool     `cbor:"12,keyasint,omitempty"`
	KeyEpoch    uint32   `cbor:"13,keyasint,omitempty"`
	Key         [32]byte `cbor:"14,keyasint,omitzero"`
}

func wireEvent(ev Event) eventWire {
	return eventWire{
		Room: ev.Room, Term: wireTerm(ev.Term), Seq: ev.Seq, Time: ev.Time, Kind: ev.Kind,
		By: ev.By, Device: ev.Device, To: ev.To, Name: ev.Name, Slot: ev.Slot,
		Incarnation: ev.Incarnation, Program: ev.Program, KeyEpoch: ev.KeyEpoch, Key: ev.Key,
	}
}

func (w eventWire) event() Event {
	return Event{
		Room: w.Room, Term: w.Term.term(), Seq: w.Seq, Time: w.Time, Kind: w.Kind,
		By: w.By, Device: w.Device, To: w.To, Name: w.Name, Slot: w.Slot,
		Incarnation: w.Incarnation, Program: w.Program, KeyEpoch: w.KeyEpoch, Key: w.Key,
	}
}

// Seats and hands are arrays, not maps: there may be hundreds of them.

type seatWire struct {
	_           struct{} `cbor:",toarray"`
	Person      Person
	Device      Device
	Name        string
	Role        Role
	Slot        uint8
	Incarnation uint32
	Muted       bool
}

type handWire struct {
	_      struct{} `cbor:",toarray"`
	Person Person
	Device Device
	Name   string
	Since  int64
}

type programWire struct {
	_           struct{} `cbor:",toarray"`
	Device      Device
	Incarnation uint32
}

type snapshotWire struct {
	Charter     charterWire `cbor:"1,keyasint"`
	Term        termWire    `cbor:"2,keyasint"`
	Seq         uint64      `cbor:"3,keyasint"`
	Time        int64       `cbor:"4,keyasint"`
	Program     programWire `cbor:"5,keyasint"`
	Seats       []seatWire  `cbor:"6,keyasint"`
	Hands       []handWire  `cbor:"7,keyasint,omitempty"`
	Removed     []Person    `cbor:"8,keyasint,omitempty"`
	KeyEpoch    uint32      `cbor:"9,keyasint"`
	Key         [32]byte    `cbor:"10,keyasint"`
	Incarnation uint32      `cbor:"11,keyasint,omitempty"`
	Ended       bool        `cbor:"12,keyasint,omitempty"`
	HandsClosed bool        `cbor:"13,keyasint,omitempty"`
	Locked      bool        `cbor:"14,keyasint,omitempty"`
	Invited     []Person    `cbor:"15,keyasint,omitempty"`
}

func wireSnapshot(s *State) snapshotWire {
	w := snapshotWire{
		Charter: charterWire(s.Charter), Term: wireTerm(s.Term), Seq: s.Seq, Time: s.Time,
		Program: programWire{Device: s.Program.Device, Incarnation: s.Program.Incarnation},
		Removed: s.Removed, KeyEpoch: s.KeyEpoch, Key: s.Key, Incarnation: s.Incarnation, Ended: s.Ended,
		HandsClosed: s.HandsClosed, Locked: s.Locked, Invited: s.Invited,
	}
	for _, x := range s.Seats {
		w.Seats = append(w.Seats, seatWire{Person: x.Person, Device: x.Device, Name: x.Name, Role: x.Role,
			Slot: x.Slot, Incarnation: x.Incarnation, Muted: x.Muted})
	}
	for _, h := range s.Hands {
		w.Hands = append(w.Hands, handWire{Person: h.Person, Device: h.Device, Name: h.Name, Since: h.Since})
	}
	return w
}

func (w snapshotWire) state() *State {
	s := &State{
		Charter: Charter(w.Charter), Term: w.Term.term(), Seq: w.Seq, Time: w.Time,
		Program: Program{Device: w.Program.Device, Incarnation: w.Program.Incarnation},
		Removed: w.Removed, KeyEpoch: w.KeyEpoch, Key: w.Key, Incarnation: w.Incarnation, Ended: w.Ended,
		HandsClosed: w.HandsClosed, Locked: w.Locked, Invited: w.Invited,
	}
	for _, x := range w.Seats {
		s.Seats = append(s.Seats, Seat{Person: x.Person, Device: x.Device, Name: x.Name, Role: x.Role,
			Slot: x.Slot, Incarnation: x.Incarnation, Muted: x.Muted})
	}
	for _, h := range w.Hands {
		s.Hands = append(s.Hands, Hand{Person: h.Person, Device: h.Device, Name: h.Name, Since: h.Since})
	}
	return s
}

// Bytes returns the snapshot of s: the same bytes for the same events on every machine.
func (s *State) Bytes() ([]byte, error) { return doc.Marshal(wireSnapshot(s)) }
