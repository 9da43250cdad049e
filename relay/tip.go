package relay

// A Tip goes up from the node of somebody who was given one, and down to everybody once who leads the room has seen that it is true.
// The payload is signed, and opaque here.
type Tip struct {
	Payload []byte `cbor:"1,keyasint"`
}

// kindTip is apart from those of control.go and tally.go, so that both can grow.
const kindTip byte = 0x60
