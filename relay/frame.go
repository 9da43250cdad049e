package relay

import (
	"encoding/binary"
	"time"
)

// A Peer names a node at the other end of a link. The empty Peer means this node itself, or none.
type Peer string

// A Slot is a place on the stage, 1 to MaxSlot, or Program.
type Slot = uint8

const (
	// Program is the slot of the mix that the host makes for the audience.
	Program Slot = 0
	// MaxSlot is the highest slot: a set of slots fits in 32 bits.
	MaxSlot Slot = 31

	// FrameDuration is how much sound a frame holds.
	FrameDuration = 20 * time.Millisecond
	// AuthBatch is how many frames one signature covers at most.
	AuthBatch = 6
	// MaxSealed is the longest Frame.Sealed in bytes: the longest Opus frame (RFC 6716: 1275 bytes) and its sealing.
	MaxSealed = 1400
)

// AllSlots is the set of every slot.
const AllSlots uint32 = 1<<32 - 1

// Slots is the set of the slots given, for Tree.Subscribe and Tree.Allow.
func Slots(slots ...Slot) uint32 {
	var set uint32
	for _, s := range slots {
		set |= bit(s)
	}
	return set
}

// bit is the set of one slot, empty for a slot that cannot be.
func bit(s Slot) uint32 {
	if s > MaxSlot {
		return 0
	}
	return 1 << s
}

// A Frame is 20 ms of one stream, sealed from its source to its hearers.
type Frame struct {
	Slot   Slot
	Number uint64 // one more per frame sent, so a gap is a loss
	Sealed []byte // SFrame header, ciphertext and tag; opaque here
}

// FirstNumber is where a source starts (or restarts) counting its frames at the given time. Counting from the clock, rather
// than from 0, keeps the numbers of a slot rising when a source restarts or the slot changes hands.
func FirstNumber(t time.Time) uint64 {
	return uint64(max(t.UnixMilli(), 0)) / uint64(FrameDuration.Milliseconds())
}

// MetaSize is the length in bytes of what AppendMeta appends.
const MetaSize = 9

// AppendMeta appends slot (1 byte) and number (8 bytes, big endian): the SFrame metadata, by which nobody on the way
// can give a frame another number.
func (f Frame) AppendMeta(b []byte) []byte {
	b = append(b, f.Slot)
	return binary.BigEndian.AppendUint64(b, f.Number)
}
