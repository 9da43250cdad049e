package relay

import (
	"errors"
	"fmt"

	"salon/ledger/doc"
)

// MaxControl is the longest control message in bytes.
const MaxControl = 128 << 10

// ControlVersion is what Join.Version carries. A change of any message's bytes changes it.
const ControlVersion = 4

// ErrControl means bytes that are not a control message.
var ErrControl = errors.New("relay: malformed control message")

// Messages of the control stream, which is reliable and ordered. On the wire each is one byte of kind, then the struct in
// deterministic CBOR, a map with the integer keys below. A signed payload is opaque here: room opens it.
type (
	// Join asks for a place; it is the first message, from child to parent.
	Join struct {
		Version uint32   `cbor:"1,keyasint"`
		Room    [16]byte `cbor:"2,keyasint"`
		Name    string   `cbor:"3,keyasint"`
		Cert    []byte   `cbor:"4,keyasint"`            // of the device that asks
		HaveSeq uint64   `cbor:"5,keyasint"`            // the last event it knows, 0 for none
		Carry   uint32   `cbor:"6,keyasint"`            // children it offers to carry
		Warm    bool     `cbor:"7,keyasint"`            // it is fed by others and wants beacons alone
		Avoid   [][]byte `cbor:"8,keyasint"`            // peers that a warm parent, and its path, should be without
		Depth   uint8    `cbor:"9,keyasint"`            // where it is: only a place nearer to the host will do, or a warm one no deeper; else 0
		Claim   []byte   `cbor:"10,keyasint,omitempty"` // of a closed room: what it shows at the door, signed
		Key     uint32   `cbor:"11,keyasint,omitempty"` // likewise: the latest epoch whose key it has
	}
	// Accept gives the place. To a warm child it says no more than where it is.
	Accept struct {
		Depth    uint8    `cbor:"1,keyasint"` // of the child: 1 under the host
		Path     [][]byte `cbor:"2,keyasint"` // peers from the parent up to the host
		Charter  []byte   `cbor:"3,keyasint"` // signed
		Snapshot []byte   `cbor:"4,keyasint"` // signed
	}
	// Refuse does not give it. Code is a constant word, Text is for a person.
	Refuse struct {
		Code string `cbor:"1,keyasint"`
		Text string `cbor:"2,keyasint"`
	}
	// Event carries a signed event of the room down.
	Event struct {
		Payload []byte `cbor:"1,keyasint"`
	}
	// Command carries a signed command up. ID is its sender's, for the Answer.
	Command struct {
		ID      uint64 `cbor:"1,keyasint"`
		Payload []byte `cbor:"2,keyasint"`
	}
	// Answer tells what became of a Command; the empty Code means that it was carried out.
	Answer struct {
		ID   uint64 `cbor:"1,keyasint"`
		Code string `cbor:"2,keyasint"`
		Text string `cbor:"3,keyasint"`
	}
	// Counts goes up with the listeners at and below a node, and down with the whole room's.
	Counts struct {
		Listeners uint32 `cbor:"1,keyasint"`
	}
	// Charter carries a new version of the room's signed charter down.
	Charter struct {
		Payload []byte `cbor:"1,keyasint"`
	}
	// Reactions goes up with those at and below a node since it last said so, and down with the whole room's. Counts are by
	// kind of reaction; kinds that the reader does not know are left out.
	Reactions struct {
		Counts []uint32 `cbor:"1,keyasint"` // at most MaxReactions
	}
	// Who asks for the people in the room by name, a page at a time. ID is its sender's, for the People.
	Who struct {
		ID     uint64 `cbor:"1,keyasint"`
		Search string `cbor:"2,keyasint"` // part of the name; "" for everybody
		After  string `cbor:"3,keyasint"` // where the last page ended; "" for the first
	}
	// People answers a Who.
	People struct {
		ID   uint64 `cbor:"1,keyasint"`
		List []Face `cbor:"2,keyasint"` // at most MaxFaces
		Next string `cbor:"3,keyasint"` // After of the next page; "" when there is none
	}
	// A Face is one of the People.
	Face struct {
		Person doc.PublicKey `cbor:"1,keyasint"`
		Name   string        `cbor:"2,keyasint"`
	}
	// Look asks what a room is like, instead of a Join; it is the first message and is answered by a Sight or a Refuse.
	Look struct {
		Room [16]byte `cbor:"1,keyasint"`
	}
	// Sight answers a Look.
	Sight struct {
		Announcement []byte `cbor:"1,keyasint"` // signed
		Charter      []byte `cbor:"2,keyasint"` // signed
	}
	// Ping asks for the time. Times are in unix microseconds, by the clock of the side that reads it.
	Ping struct {
		T0 int64 `cbor:"1,keyasint"` // when it left
	}
	// Pong answers a Ping.
	Pong struct {
		T0 int64 `cbor:"1,keyasint"` // of the Ping
		T1 int64 `cbor:"2,keyasint"` // when the Ping came
		T2 int64 `cbor:"3,keyasint"` // when the Pong left
	}
	// Report tells the parent how it is heard, in frames since the last Report; a relay's is the sum of its children's.
	Report struct {
		Expected  uint64 `cbor:"1,keyasint"`
		Received  uint64 `cbor:"2,keyasint"`
		Resent    uint64 `cbor:"3,keyasint"`
		Concealed uint64 `cbor:"4,keyasint"`
		Late      uint64 `cbor:"5,keyasint"`
	}
	// Redirect sends a node elsewhere, instead of an Accept.
	Redirect struct {
		To []Entry `cbor:"1,keyasint"` // at most MaxEntries, to be tried in this order
	}
	// An Entry is a node that may have a place.
	Entry struct {
		Peer  []byte   `cbor:"1,keyasint"`
		Addrs [][]byte `cbor:"2,keyasint"` // binary multiaddrs, at most MaxAddrs
		Free  uint32   `cbor:"3,keyasint"` // places at and below it
	}
	// Wait answers a Join: the same question may be asked again then. Too many come at once.
	Wait struct {
		Millis uint32 `cbor:"1,keyasint"`
	}
	// Path tells children, warm ones too, that they have moved with their parent. Its fields are those of Accept.
	Path struct {
		Depth uint8    `cbor:"1,keyasint"`
		Path  [][]byte `cbor:"2,keyasint"`
	}
	// Present goes up from a relay: which devices came and went below it, since the last one on this connection.
	Present struct {
		Here []Guest         `cbor:"1,keyasint"` // at most MaxGuests
		Gone []doc.PublicKey `cbor:"2,keyasint"` // devices
	}
	// A Guest is somebody in the room with one device.
	Guest struct {
		Person doc.PublicKey `cbor:"1,keyasint"`
		Device doc.PublicKey `cbor:"2,keyasint"`
		Name   string        `cbor:"3,keyasint"`
		At     string        `cbor:"4,keyasint,omitempty"` // of who leads the room if nobody else does: a multiaddr, of MaxAt bytes at most
	}
	// Snapshot carries the room's state down, where events were missed or to begin anew; going up, empty, it asks for it.
	Snapshot struct {
		Charter []byte `cbor:"1,keyasint"` // signed, as in Accept
		Payload []byte `cbor:"2,keyasint"` // signed
	}
	// Admit asks for a relay, which has no word in it, whether somebody may come in; an Answer says it.
	Admit struct {
		ID     uint64        `cbor:"1,keyasint"`
		Person doc.PublicKey `cbor:"2,keyasint"`
		Device doc.PublicKey `cbor:"3,keyasint"`
		Carry  uint32        `cbor:"4,keyasint"`           // as in Join
		Up     uint32        `cbor:"5,keyasint,omitempty"` // of who volunteers: for how many seconds the relay has fed them
	}
	// Volunteer goes up from a listener who is in already and would carry the room for others from now on, or no more; an Answer
	// says whether they may.
	Volunteer struct {
		ID    uint64 `cbor:"1,keyasint"`
		Carry uint32 `cbor:"2,keyasint"` // as in Join
	}
	// Carry asks a relay to join a room of ours and carry it; it is the first message, from the host, and is answered by an
	// Answer.
	Carry struct {
		Charter []byte `cbor:"1,keyasint"` // signed by the device that asks
	}
	// Others tells children whom to ask when they lose their parent, or want to be nearer to the host.
	Others struct {
		To []Entry `cbor:"1,keyasint"` // at most MaxEntries
	}
	// Load tells the parent where there are places below it: Free of them Hops below the child, none nearer, and how many in
	// all.
	Load struct {
		Hops uint8  `cbor:"1,keyasint"` // 0: at the child
		Free uint32 `cbor:"2,keyasint"`
		All  uint32 `cbor:"3,keyasint"`
	}
	// Resume asks a warm parent to feed its child from now on; each stream named, from the number given, and the events after
	// the last one it knows.
	Resume struct {
		Next    []Next `cbor:"1,keyasint"`
		HaveSeq uint64 `cbor:"2,keyasint"`
	}
	// Next is the first frame of a stream that is not here yet.
	Next struct {
		Slot   uint8  `cbor:"1,keyasint"`
		Number uint64 `cbor:"2,keyasint"`
	}
	// Rest tells a parent that others feed its child again; it is warm from now on.
	Rest struct{}
	// Stall tells children that their parent hears nothing itself, and has set about mending it.
	Stall struct{}
	// Drain asks a child to move, to one of these if any are given, before its parent goes or sends it away. Going up, it is
	// empty and says that the child is about to go itself: its place is as good as free.
	Drain struct {
		To []Entry `cbor:"1,keyasint"` // at most MaxEntries
	}
	// Retract tells children that frames passed on to them were forged above, and that the parent has left whoever did it.
	Retract struct {
		Slot uint8  `cbor:"1,keyasint"`
		From uint64 `cbor:"2,keyasint"`
		To   uint64 `cbor:"3,keyasint"`
	}
	// Evidence goes up to the host: Packet holds a frame and the auth that it does not fit, or an auth that nobody signed,
	// as they came from a peer. It proves nothing about the peer to who does not trust its author, who signs Word.
	Evidence struct {
		Against []byte `cbor:"1,keyasint"`
		Packet  []byte `cbor:"2,keyasint"`
		Word    []byte `cbor:"3,keyasint,omitempty"` // see evidence.go
	}
	// Ask goes up to whoever has a closed room's key: a device wants it, and Boxes answer; the way down is the way that it came.
	Ask struct {
		Device doc.PublicKey `cbor:"1,keyasint"`
		Claim  []byte        `cbor:"2,keyasint"`           // as in Join
		Key    uint32        `cbor:"3,keyasint,omitempty"` // as in Join
	}
	// Way goes up from a relay: the boxes of these devices come this way from now on, or not any more. It is what their Asks said,
	// for a parent that was not there.
	Way struct {
		Here []doc.PublicKey `cbor:"1,keyasint"` // at most MaxWay
		Gone []doc.PublicKey `cbor:"2,keyasint"` // likewise
	}
	// Boxes go down to the devices that they are for, each the way that its Ask came.
	Boxes struct {
		List []Box `cbor:"1,keyasint"` // at most MaxBoxes
	}
	// A Box holds a room key, sealed to one device; opaque here.
	Box struct {
		Device doc.PublicKey `cbor:"1,keyasint"`
		Epoch  uint32        `cbor:"2,keyasint,omitempty"`
		Sealed []byte        `cbor:"3,keyasint,omitempty"`
		Pass   []byte        `cbor:"4,keyasint,omitempty"` // signed: shown at the door from now on
		Code   string        `cbor:"5,keyasint,omitempty"` // a constant word: why the device does not get the key
	}
	// Successors tells everybody below whom to ask when nobody leads the room: whoever may then, in this order. Carriers are
	// the relays that were asked to carry it, whom these let in then.
	Successors struct {
		To       []Entry  `cbor:"1,keyasint"` // at most MaxEntries
		Carriers [][]byte `cbor:"2,keyasint"` // peers, at most MaxCarriers; 3 were those put out
	}
	// Claim says who leads a room, and proves it; it is the first message, and answered by the claim of who leads as the
	// other has it, or by a Refuse. Without charter and snapshot it only asks.
	Claim struct {
		Room     [16]byte `cbor:"1,keyasint"`
		Charter  []byte   `cbor:"2,keyasint"` // signed by the host
		Snapshot []byte   `cbor:"3,keyasint"` // signed by who leads
		Number   uint64   `cbor:"4,keyasint"` // of the first frame of the leader's program; answering a question, of the next
	}
	// Tail goes up from who led a room, or who kept it for them, to who leads it now: signed events that are not in its
	// history. It is answered by a Taken. Going down, it tells a co-host events of before it came.
	Tail struct {
		Events [][]byte `cbor:"1,keyasint"`           // at most MaxTail
		Shared uint64   `cbor:"2,keyasint,omitempty"` // going up: the number of the last event that both histories have
	}
	// Lead asks a co-host to lead the room from now on, with a program that begins at frame Number; it answers with an
	// Event, which takes effect when it comes down again.
	Lead struct {
		Number uint64 `cbor:"1,keyasint"`
	}
	// Inside tells who may lead the room next who has come into it and who has gone for good: whom a locked room lets in again.
	Inside struct {
		Here []doc.PublicKey `cbor:"1,keyasint"` // people, at most MaxInside
		Gone []doc.PublicKey `cbor:"2,keyasint"` // likewise
	}
	// Papers carry what tickets to the room are checked against, or more of it: down to relays and whoever may lead the room, and
	// up from who has newer ones. As the first message they name the room, come from a host who is not in it to who leads it, and
	// are answered by an Answer or a Refuse.
	Papers struct {
		Listings []Listing `cbor:"1,keyasint"`           // at most MaxListings
		Void     []byte    `cbor:"2,keyasint,omitempty"` // signed: the list of void tickets
		Room     [16]byte  `cbor:"3,keyasint,omitzero"`
	}
	// A Listing is what the host offers, opaque here, as its device signed it.
	Listing struct {
		Cert  []byte `cbor:"1,keyasint"`
		Offer []byte `cbor:"2,keyasint"`
		Allot []byte `cbor:"3,keyasint,omitempty"` // to somebody else who sells it
	}
	// Bye is the last message of either side.
	Bye struct {
		Code string `cbor:"1,keyasint"`
		Text string `cbor:"2,keyasint"`
	}
)

// Kinds of control message: the first byte.
const (
	kindJoin byte = iota + 1
	kindAccept
	kindRefuse
	kindEvent
	kindCommand
	kindAnswer
	kindCounts
	kindPing
	kindPong
	kindReport
	kindBye
	kindCharter
	kindReactions
	kindWho
	kindPeople
	kindLook
	kindSight
	kindRedirect
	kindPath
	kindPresent
	kindSnapshot
	kindAdmit
	kindCarry
	_ // free
	kindWait
	kindOthers
	kindLoad
	kindResume
	kindRest
	kindStall
	kindDrain
	kindRetract
	kindEvidence
	kindAsk
	kindBoxes
	kindWay
	kindSuccessors
	kindClaim
	kindTail
	kindLead
	kindVolunteer
	kindInside
	kindPapers
)

// Limits of what the messages carry.
const (
	MaxReactions = 32   // kinds
	MaxFaces     = 100  // in a People
	MaxEntries   = 8    // in a Redirect, Others or Drain
	MaxAddrs     = 4    // in an Entry
	MaxGuests    = 256  // in a Present
	MaxAt        = 256  // bytes, in a Guest
	MaxBoxes     = 256  // in Boxes
	MaxWay       = 1024 // in a Way
	MaxCarriers  = 64   // in Successors
	MaxTail      = 32   // in a Tail, of 2 kB at most each
	MaxInside    = 1024 // of either, in an Inside
	MaxListings  = 64   // in Papers
)

// MaxDepth is how many hops from the host a node may be. Who carries others is wanted nearer: PlaceOptions.Depth.
const MaxDepth = maxPath

// EncodeControl encodes a control message, given by value: Join, Accept, Refuse, Event, Command, Answer, Counts, Ping,
// Pong, Report, Bye, Charter, Reactions, Who, People, Look, Sight, Redirect, Path, Present, Snapshot, Admit, Carry,
// Wait, Others, Load, Resume, Rest, Stall, Drain, Retract, Evidence, Ask, Boxes, Way, Successors, Claim, Tail, Lead, Volunteer,
// Inside, Papers, Tip, PutOut or Taken, or one of those of tally.go. The error means it is none of these, or is longer than MaxControl.
func EncodeControl(m any) ([]byte, error) {
	var kind byte
	switch m.(type) {
	case Join:
		kind = kindJoin
	case Accept:
		kind = kindAccept
	case Refuse:
		kind = kindRefuse
	case Event:
		kind = kindEvent
	case Command:
		kind = kindCommand
	case Answer:
		kind = kindAnswer
	case Counts:
		kind = kindCounts
	case Ping:
		kind = kindPing
	case Pong:
		kind = kindPong
	case Report:
		kind = kindReport
	case Bye:
		kind = kindBye
	case Charter:
		kind = kindCharter
	case Reactions:
		kind = kindReactions
	case Who:
		kind = kindWho
	case People:
		kind = kindPeople
	case Look:
		kind = kindLook
	case Sight:
		kind = kindSight
	case Redirect:
		kind = kindRedirect
	case Path:
		kind = kindPath
	case Present:
		kind = kindPresent
	case Snapshot:
		kind = kindSnapshot
	case Admit:
		kind = kindAdmit
	case Carry:
		kind = kindCarry
	case Wait:
		kind = kindWait
	case Others:
		kind = kindOthers
	case Load:
		kind = kindLoad
	case Resume:
		kind = kindResume
	case Rest:
		kind = kindRest
	case Stall:
		kind = kindStall
	case Drain:
		kind = kindDrain
	case Retract:
		kind = kindRetract
	case Evidence:
		kind = kindEvidence
	case Ask:
		kind = kindAsk
	case Boxes:
		kind = kindBoxes
	case Way:
		kind = kindWay
	case Successors:
		kind = kindSuccessors
	case Claim:
		kind = kindClaim
	case Tail:
		kind = kindTail
	case Lead:
		kind = kindLead
	case Volunteer:
		kind = kindVolunteer
	case Inside:
		kind = kindInside
	case Papers:
		kind = kindPapers
	case Tip:
		kind = kindTip
	case PutOut:
		kind = kindPutOut
	case Taken:
		kind = kindTaken
	default:
		if kind = tallyKind(m); kind == 0 {
			return nil, fmt.Errorf("%w: %T", ErrControl, m)
		}
	}
	body, err := doc.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("%w: %T: %w", ErrControl, m, err)
	}
	if len(body)+1 > MaxControl {
		return nil, fmt.Errorf("%w: %T of %d bytes", ErrControl, m, len(body)+1)
	}
	return append([]byte{kind}, body...), nil
}

// DecodeControl decodes a control message into the value that EncodeControl was given. It keeps nothing of b. The error
// wraps ErrControl.
func DecodeControl(b []byte) (any, error) {
	if len(b) == 0 || len(b) > MaxControl {
		return nil, fmt.Errorf("%w: %d bytes", ErrControl, len(b))
	}
	switch b[0] {
	case kindJoin:
		return decode[Join](b[1:])
	case kindAccept:
		return decode[Accept](b[1:])
	case kindRefuse:
		return decode[Refuse](b[1:])
	case kindEvent:
		return decode[Event](b[1:])
	case kindCommand:
		return decode[Command](b[1:])
	case kindAnswer:
		return decode[Answer](b[1:])
	case kindCounts:
		return decode[Counts](b[1:])
	case kindPing:
		return decode[Ping](b[1:])
	case kindPong:
		return decode[Pong](b[1:])
	case kindReport:
		return decode[Report](b[1:])
	case kindBye:
		return decode[Bye](b[1:])
	case kindCharter:
		return decode[Charter](b[1:])
	case kindReactions:
		return decode[Reactions](b[1:])
	case kindWho:
		return decode[Who](b[1:])
	case kindPeople:
		return decode[People](b[1:])
	case kindLook:
		return decode[Look](b[1:])
	case kindSight:
		return decode[Sight](b[1:])
	case kindRedirect:
		return decode[Redirect](b[1:])
	case kindPath:
		return decode[Path](b[1:])
	case kindPresent:
		return decode[Present](b[1:])
	case kindSnapshot:
		return decode[Snapshot](b[1:])
	case kindAdmit:
		return decode[Admit](b[1:])
	case kindCarry:
		return decode[Carry](b[1:])
	case kindWait:
		return decode[Wait](b[1:])
	case kindOthers:
		return decode[Others](b[1:])
	case kindLoad:
		return decode[Load](b[1:])
	case kindResume:
		return decode[Resume](b[1:])
	case kindRest:
		return decode[Rest](b[1:])
	case kindStall:
		return decode[Stall](b[1:])
	case kindDrain:
		return decode[Drain](b[1:])
	case kindRetract:
		return decode[Retract](b[1:])
	case kindEvidence:
		return decode[Evidence](b[1:])
	case kindAsk:
		return decode[Ask](b[1:])
	case kindBoxes:
		return decode[Boxes](b[1:])
	case kindWay:
		return decode[Way](b[1:])
	case kindSuccessors:
		return decode[Successors](b[1:])
	case kindClaim:
		return decode[Claim](b[1:])
	case kindTail:
		return decode[Tail](b[1:])
	case kindLead:
		return decode[Lead](b[1:])
	case kindVolunteer:
		return decode[Volunteer](b[1:])
	case kindInside:
		return decode[Inside](b[1:])
	case kindPapers:
		return decode[Papers](b[1:])
	case kindTip:
		return decode[Tip](b[1:])
	case kindPutOut:
		return decode[PutOut](b[1:])
	case kindTaken:
		return decode[Taken](b[1:])
	}
	if m, known, err := decodeTally(b[0], b[1:]); known {
		return m, err
	}
	return nil, fmt.Errorf("%w: kind %d", ErrControl, b[0])
}

func decode[M any](b []byte) (any, error) {
	var m M
	if err := doc.Unmarshal(b, &m); err != nil {
		return nil, fmt.Errorf("%w: %T: %w", ErrControl, m, err)
	}
	return m, nil
}
