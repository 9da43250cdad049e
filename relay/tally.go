package relay

import "salon/ledger/doc"

// Messages that count: how the room is heard, what the tree looks like, what relays carried. They are control messages as
// those of control.go are.
type (
	// Quality goes up every few seconds with how those at and below a node heard the last minute; see Hearing.
	Quality struct {
		Version uint8    `cbor:"1,keyasint"`
		Shares  []uint32 `cbor:"2,keyasint"` // without the zeros at the end, as Delays
		Delays  []uint32 `cbor:"3,keyasint"`
	}
	// Branches goes up from a relay with the tree below it, listeners left out.
	Branches struct {
		List []Branch `cbor:"1,keyasint"` // its own first, and each after who feeds it; at most MaxBranches
		More uint32   `cbor:"2,keyasint"` // relays below it that are not in the list
	}
	// A Branch is one relay in the tree.
	Branch struct {
		_         struct{}      `cbor:",toarray"`
		Up        uint16        // place in the list of who feeds it
		Device    doc.PublicKey // the relay
		Name      string        // by which it calls itself
		Leaves    uint32        // nodes that it feeds and that feed nobody
		Listeners uint32        // people at and below it
		Poor      uint32        // listeners it feeds itself who heard less than 98 % of the last minute
		Loss      uint16        // of the frames of the last minute, those that it had to ask for or never got: parts of ten thousand
		RTT       uint32        // to who feeds it, microseconds; 0 if not known
	}
	// Route tells children by whom they are fed, from the sender up to the host.
	Route struct {
		Hops []Hop `cbor:"1,keyasint"` // at most MaxDepth
	}
	// A Hop is one node on the way.
	Hop struct {
		_    struct{} `cbor:",toarray"`
		Name string
		RTT  uint32 // to the next, microseconds; 0 if not known, and at the host
	}
	// Served goes to a parent with a child's signed word on what that parent has carried for it: see Service.
	Served struct {
		Payload []byte `cbor:"1,keyasint"`
	}
	// AskRecords goes down to one relay: the host wants to see what its children signed. It is answered by Records.
	AskRecords struct {
		ID    uint64        `cbor:"1,keyasint"` // the host's, for the answer
		Relay doc.PublicKey `cbor:"2,keyasint"` // device
		From  uint32        `cbor:"3,keyasint"` // how many to leave out: those of the pages before
	}
	// Records goes up to the host.
	Records struct {
		ID   uint64   `cbor:"1,keyasint"`
		List [][]byte `cbor:"2,keyasint"` // payloads of Served; at most MaxRecords
		More bool     `cbor:"3,keyasint"`
	}
)

// Their kinds: apart from those of control.go, so that both can grow.
const (
	kindQuality byte = iota + 0x40
	kindBranches
	kindRoute
	kindServed
	kindAskRecords
	kindRecords
)

// MaxRecords is how many records a Records carries.
const MaxRecords = 64

// tallyKind is the kind of one of these messages, or 0.
func tallyKind(m any) byte {
	switch m.(type) {
	case Quality:
		return kindQuality
	case Branches:
		return kindBranches
	case Route:
		return kindRoute
	case Served:
		return kindServed
	case AskRecords:
		return kindAskRecords
	case Records:
		return kindRecords
	}
	return 0
}

// decodeTally decodes one of them; known is false for another kind.
func decodeTally(kind byte, b []byte) (m any, known bool, err error) {
	switch kind {
	case kindQuality:
		m, err = decode[Quality](b)
	case kindBranches:
		m, err = decode[Branches](b)
	case kindRoute:
		m, err = decode[Route](b)
	case kindServed:
		m, err = decode[Served](b)
	case kindAskRecords:
		m, err = decode[AskRecords](b)
	case kindRecords:
		m, err = decode[Records](b)
	default:
		return nil, false, nil
	}
	return m, true, err
}
