package relay

// Taken answers a Tail that went up: so many of its events were heard, and what came of them is in the history of who leads the room
// now. Who told it tells the next then, so that no connection that breaks takes any with it.
type Taken struct {
	Events uint32 `cbor:"1,keyasint"`
}

// kindTaken is beside that of PutOut.
const kindTaken byte = 0x62
