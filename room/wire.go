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

	CoHosts    []successorWire `cbor:"10,keyasint,omitempty"`
	Starts     int64           `cbor:"11,keyasint,omitempty"`
	RecordAsks bool            `cbor:"12,keyasint,omitempty"`
	Lane       uint8           `cbor:"13,keyasint,omitempty"`
	Renewed    uint32          `cbor:"14,keyasint,omitempty"`
}

type successorWire struct {
	_      struct{} `cbor:",toarray"`
	Person Person
	Name   string
	Lane   uint8
}

func wireCharter(c Charter) charterWire {
	w := charterWire{
		Room: c.Room, Nonce: c.Nonce, Host: c.Host, Title: c.Title, Language: c.Language, Mode: c.Mode, Access: c.Access,
		Created: c.Created, Version: c.Version, Starts: c.Starts, RecordAsks: c.RecordAsks,
		Lane: c.Lane, Renewed: c.Renewed,
	}
	for _, h := range c.CoHosts {
		w.CoHosts = append(w.CoHosts, successorWire{Person: h.Person, Name: h.Name, Lane: h.Lane})
	}
	return w
}

func (w charterWire) charter() Charter {
	c := Charter{
		Room: w.Room, Nonce: w.Nonce, Host: w.Host, Title: w.Title, Language: w.Language, Mode: w.Mode, Access: w.Access,
		Created: w.Created, Version: w.Version, Starts: w.Starts, RecordAsks: w.RecordAsks,
		Lane: w.Lane, Renewed: w.Renewed,
	}
	for _, h := range w.CoHosts {
		c.CoHosts = append(c.CoHosts, Successor{Person: h.Person, Name: h.Name, Lane: h.Lane})
	}
	return c
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
	StageOnly bool     `cbor:"18,keyasint,omitempty"`
	Starts    int64    `cbor:"19,keyasint,omitempty"`

	Successors []Person `cbor:"20,keyasint,omitempty"`
	Price      string   `cbor:"21,keyasint,omitempty"`
}

type offerWire struct {
	Open    bool     `cbor:"1,keyasint,omitempty"`
	Hosts   []Person `cbor:"2,keyasint,omitempty"`
	Places  uint32   `cbor:"3,keyasint"`
	Free    uint32   `cbor:"4,keyasint,omitempty"`
	Rooms   uint32   `cbor:"5,keyasint,omitempty"`
	Entries [][]byte `cbor:"6,keyasint"`
	Version uint64   `cbor:"7,keyasint"`
	Time    int64    `cbor:"8,keyasint"`
	Expires int64    `cbor:"9,keyasint"`
}

// The first byte of a link, before the CBOR, is linkVersion, or linkInvites when there is an invitation in it: an older salon
// then says that a newer one may know it.
const linkVersion, linkInvites = 1, 2

type linkWire struct {
	Room   ID       `cbor:"1,keyasint"`
	Host   Person   `cbor:"2,keyasint"`
	Device Device   `cbor:"3,keyasint"`
	Addrs  [][]byte `cbor:"4,keyasint,omitempty"`
	Secret [32]byte `cbor:"5,keyasint,omitzero"`
}

type commandWire struct {
	Room    ID     `cbor:"1,keyasint"`
	Kind    Kind   `cbor:"2,keyasint"`
	To      Person `cbor:"3,keyasint,omitzero"`
	Name    string `cbor:"4,keyasint,omitempty"`
	Program bool   `cbor:"5,keyasint,omitempty"`
	Time    int64  `cbor:"6,keyasint"`
	Nonce   uint64 `cbor:"7,keyasint"`
	Text    string `cbor:"8,keyasint,omitempty"`
	Ref     uint64 `cbor:"9,keyasint,omitempty"`
	Place   uint8  `cbor:"10,keyasint,omitempty"`
	Seconds uint16 `cbor:"11,keyasint,omitempty"`

	Invitation doc.PublicKey `cbor:"12,keyasint,omitzero"`
	Check      [32]byte      `cbor:"13,keyasint,omitzero"`
	From       uint64        `cbor:"14,keyasint,omitempty"`

	Start Start `cbor:"15,keyasint,omitzero"`
}

type passWire struct {
	Room   ID     `cbor:"1,keyasint"`
	Person Person `cbor:"2,keyasint"`
	Time   int64  `cbor:"3,keyasint"`
}

type claimWire struct {
	Room    ID       `cbor:"1,keyasint"`
	Key     [32]byte `cbor:"2,keyasint"`
	Time    int64    `cbor:"3,keyasint"`
	Invited [64]byte `cbor:"4,keyasint,omitzero"`
	Pass    []byte   `cbor:"5,keyasint,omitempty"`
	Ticket  []byte   `cbor:"6,keyasint,omitempty"`
	Held    [64]byte `cbor:"7,keyasint,omitzero"`
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
	Text        string   `cbor:"15,keyasint,omitempty"`
	Ref         uint64   `cbor:"16,keyasint,omitempty"`
	Place       uint8    `cbor:"17,keyasint,omitempty"`
	Seconds     uint16   `cbor:"18,keyasint,omitempty"`

	Invitation doc.PublicKey `cbor:"19,keyasint,omitzero"`
	Check      [32]byte      `cbor:"20,keyasint,omitzero"`
	From       uint64        `cbor:"21,keyasint,omitempty"`

	Start Start `cbor:"22,keyasint,omitzero"`
	Said  int64 `cbor:"23,keyasint,omitempty"`
}

func wireEvent(ev Event) eventWire {
	return eventWire{
		Room: ev.Room, Term: wireTerm(ev.Term), Seq: ev.Seq, Time: ev.Time, Kind: ev.Kind,
		By: ev.By, Device: ev.Device, To: ev.To, Name: ev.Name, Slot: ev.Slot,
		Incarnation: ev.Incarnation, Program: ev.Program, KeyEpoch: ev.KeyEpoch, Key: ev.Key,
		Text: ev.Text, Ref: ev.Ref, Place: ev.Place, Seconds: ev.Seconds, Invitation: ev.Invitation, Check: ev.Check, From: ev.From,
		Start: ev.Start, Said: ev.Said,
	}
}

func (w eventWire) event() Event {
	return Event{
		Room: w.Room, Term: w.Term.term(), Seq: w.Seq, Time: w.Time, Kind: w.Kind,
		By: w.By, Device: w.Device, To: w.To, Name: w.Name, Slot: w.Slot,
		Incarnation: w.Incarnation, Program: w.Program, KeyEpoch: w.KeyEpoch, Key: w.Key,
		Text: w.Text, Ref: w.Ref, Place: w.Place, Seconds: w.Seconds, Invitation: w.Invitation, Check: w.Check, From: w.From,
		Start: w.Start, Said: w.Said,
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
	Away        bool
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
	Key         [32]byte    `cbor:"10,keyasint,omitzero"`
	Incarnation uint32      `cbor:"11,keyasint,omitempty"`
	Ended       bool        `cbor:"12,keyasint,omitempty"`
	HandsClosed bool        `cbor:"13,keyasint,omitempty"`
	Locked      bool        `cbor:"14,keyasint,omitempty"`
	Invited     []Person    `cbor:"15,keyasint,omitempty"`
	StageOnly   bool        `cbor:"16,keyasint,omitempty"`
	Stick       *stickWire  `cbor:"17,keyasint,omitempty"`
	Chat        []lineWire  `cbor:"18,keyasint,omitempty"`
	Pinned      *lineWire   `cbor:"19,keyasint,omitempty"`
	ChatClosed  bool        `cbor:"20,keyasint,omitempty"`
	Slow        uint16      `cbor:"21,keyasint,omitempty"`
	Waiting     bool        `cbor:"22,keyasint,omitempty"`
	Recording   bool        `cbor:"23,keyasint,omitempty"`
	Past        []endWire   `cbor:"32,keyasint,omitempty"` // 24 was one without devices

	Listed     []Person      `cbor:"25,keyasint,omitempty"`
	Invitation doc.PublicKey `cbor:"26,keyasint,omitzero"`
	Check      [32]byte      `cbor:"27,keyasint,omitzero"`
	OldCheck   [32]byte      `cbor:"28,keyasint,omitzero"`
	From       uint64        `cbor:"29,keyasint,omitempty"`
	Lead       uint16        `cbor:"30,keyasint,omitempty"`
	Keepers    []Person      `cbor:"31,keyasint,omitempty"`

	// Starts are those of the program, if it is published, and of every seat that is, by slot.
	Starts []Start `cbor:"33,keyasint,omitempty"`
}

type endWire struct {
	_      struct{} `cbor:",toarray"`
	Term   termWire
	Seq    uint64
	Device Device
}

type stickWire struct {
	_      struct{} `cbor:",toarray"`
	Out    bool
	Holder Person
	Slot   uint8
}

type lineWire struct {
	_       struct{} `cbor:",toarray"`
	Seq     uint64
	Time    int64
	Person  Person
	Name    string
	Text    string
	Changed uint64
}

func wireLine(l Line) lineWire {
	return lineWire{Seq: l.Seq, Time: l.Time, Person: l.Person, Name: l.Name, Text: l.Text, Changed: l.Changed}
}

func (w lineWire) line() Line {
	return Line{Seq: w.Seq, Time: w.Time, Person: w.Person, Name: w.Name, Text: w.Text, Changed: w.Changed}
}

func wireSnapshot(s *State) snapshotWire {
	w := snapshotWire{
		Charter: wireCharter(s.Charter), Term: wireTerm(s.Term), Seq: s.Seq, Time: s.Time,
		Program: programWire{Device: s.Program.Device, Incarnation: s.Program.Incarnation},
		Removed: s.Removed, KeyEpoch: s.KeyEpoch, Key: s.Key, Incarnation: s.Incarnation, Ended: s.Ended,
		HandsClosed: s.HandsClosed, Locked: s.Locked, Invited: s.Invited, StageOnly: s.StageOnly,
		ChatClosed: s.ChatClosed, Slow: s.Slow, Waiting: s.Waiting, Recording: s.Recording,
		Listed: s.Listed, Invitation: s.Invitation, Check: s.Check, OldCheck: s.OldCheck, From: s.From, Lead: s.Lead, Keepers: s.Keepers,
	}
	if s.Stick != (Stick{}) {
		w.Stick = &stickWire{Out: s.Stick.Out, Holder: s.Stick.Holder, Slot: s.Stick.Slot}
	}
	if s.Pinned != (Line{}) {
		l := wireLine(s.Pinned)
		w.Pinned = &l
	}
	if s.Program.Incarnation != 0 {
		w.Starts = append(w.Starts, s.Program.Start)
	}
	for _, e := range s.Past {
		w.Past = append(w.Past, endWire{Term: wireTerm(e.Term), Seq: e.Seq, Device: e.Device})
	}
	for _, l := range s.Chat {
		w.Chat = append(w.Chat, wireLine(l))
	}
	for _, x := range s.Seats {
		w.Seats = append(w.Seats, seatWire{Person: x.Person, Device: x.Device, Name: x.Name, Role: x.Role,
			Slot: x.Slot, Incarnation: x.Incarnation, Muted: x.Muted, Away: x.Away})
		if x.Incarnation != 0 {
			w.Starts = append(w.Starts, x.Start)
		}
	}
	for _, h := range s.Hands {
		w.Hands = append(w.Hands, handWire{Person: h.Person, Device: h.Device, Name: h.Name, Since: h.Since})
	}
	return w
}

func (w snapshotWire) state() *State {
	s := &State{
		Charter: w.Charter.charter(), Term: w.Term.term(), Seq: w.Seq, Time: w.Time,
		Program: Program{Device: w.Program.Device, Incarnation: w.Program.Incarnation},
		Removed: w.Removed, KeyEpoch: w.KeyEpoch, Key: w.Key, Incarnation: w.Incarnation, Ended: w.Ended,
		HandsClosed: w.HandsClosed, Locked: w.Locked, Invited: w.Invited, StageOnly: w.StageOnly,
		ChatClosed: w.ChatClosed, Slow: w.Slow, Waiting: w.Waiting, Recording: w.Recording,
		Listed: w.Listed, Invitation: w.Invitation, Check: w.Check, OldCheck: w.OldCheck, From: w.From, Lead: w.Lead, Keepers: w.Keepers,
	}
	if w.Stick != nil {
		s.Stick = Stick{Out: w.Stick.Out, Holder: w.Stick.Holder, Slot: w.Stick.Slot}
	}
	if w.Pinned != nil {
		s.Pinned = w.Pinned.line()
	}
	for _, e := range w.Past {
		s.Past = append(s.Past, Ending{e.Term.term(), e.Seq, e.Device})
	}
	for _, l := range w.Chat {
		s.Chat = append(s.Chat, l.line())
	}
	for _, x := range w.Seats {
		s.Seats = append(s.Seats, Seat{Person: x.Person, Device: x.Device, Name: x.Name, Role: x.Role,
			Slot: x.Slot, Incarnation: x.Incarnation, Muted: x.Muted, Away: x.Away})
	}
	for _, h := range w.Hands {
		s.Hands = append(s.Hands, Hand{Person: h.Person, Device: h.Device, Name: h.Name, Since: h.Since})
	}
	s.begun(w.Starts)
	return s
}

// Bytes returns the snapshot of s: the same bytes for the same events on every machine.
func (s *State) Bytes() ([]byte, error) { return doc.Marshal(wireSnapshot(s)) }
