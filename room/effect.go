package room

import "salon/ledger/doc"

// An Effect is what an event led to. The node must carry out Drop, Closed, Chartered and Begun; the
// others are for the log and the page.
type Effect interface{ effect() }

// Drop means: close every link of this person, and accept none.
type Drop struct{ Person Person }

// Closed means: the room is over; close it.
type Closed struct{}

// Seated means somebody came on stage.
type Seated struct{ Seat Seat }

// Unseated means somebody left the stage; what their device sends must be dropped from now on.
type Unseated struct{ Seat Seat }

// Published means a source may start to send under a new incarnation. Its seat is zero for the program.
type Published struct {
	Slot        uint8 // 0: the program
	Device      Device
	Incarnation uint32
	Seat        Seat
}

// Muted means a microphone was closed, or opened again.
type Muted struct {
	Seat  Seat
	Muted bool
}

// Raised means a hand went up.
type Raised struct{ Hand Hand }

// Lowered means a hand is no longer up, for whatever reason.
type Lowered struct{ Hand Hand }

// Chartered means the charter has a new version, which the host must sign for everybody.
type Chartered struct{}

// Begun means the doors opened: the program may be published.
type Begun struct{}

// Rekeyed means the room has a new key, which everybody who may hear is to be told.
type Rekeyed struct{ Epoch uint32 }

func (Drop) effect()      {}
func (Closed) effect()    {}
func (Seated) effect()    {}
func (Unseated) effect()  {}
func (Published) effect() {}
func (Muted) effect()     {}
func (Raised) effect()    {}
func (Lowered) effect()   {}
func (Chartered) effect() {}
func (Begun) effect()     {}
func (Rekeyed) effect()   {}

// Led means that somebody else leads the room, or the host anew.
type Led struct{ By doc.Author }

func (Led) effect() {}
