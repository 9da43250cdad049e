package seal

// A KID of salon holds, from the top: the key epoch (32 bits), the slot of the source (8), its incarnation (24). The
// sequencer hands out an incarnation for every start of sending, so that no KID has two beginnings; where two devices of one
// person are sequencers at once it may have, and their Sources keep them apart.

// MaxIncarnation is the highest incarnation that fits in a KID.
const MaxIncarnation = 1<<24 - 1

// NewKID puts a KID together. Of an incarnation only the low 24 bits fit: the caller stops before MaxIncarnation.
func NewKID(epoch uint32, slot uint8, incarnation uint32) uint64 {
	return uint64(epoch)<<32 | uint64(slot)<<24 | uint64(incarnation&MaxIncarnation)
}

// SplitKID takes a KID apart.
func SplitKID(kid uint64) (epoch uint32, slot uint8, incarnation uint32) {
	return uint32(kid >> 32), uint8(kid >> 24), uint32(kid) & MaxIncarnation
}

// A Sender seals the frames of one incarnation of one source, with counters from 0 up.
type Sender struct {
	key   *Key
	next  uint64
	spent bool
}

// NewSender returns the sender of a KID under which from never sent before. secret is the room key of the KID's epoch.
func NewSender(secret [32]byte, from Source, kid uint64) *Sender {
	key, err := NewKey(Default, kid, from.base(secret))
	if err != nil {
		panic(err) // of our own suite: a bug
	}
	return &Sender{key: key}
}

// KID is what the sender seals under.
func (s *Sender) KID() uint64 { return s.key.kid }

// Seal appends to dst the plaintext sealed under the next counter, which it returns. meta is authenticated and not sent.
// With room in dst it allocates nothing. The error is ErrSpent, after the last counter.
func (s *Sender) Seal(dst, meta, plaintext []byte) (sealed []byte, ctr uint64, err error) {
	if s.spent {
		return dst, 0, ErrSpent
	}
	ctr = s.next
	s.next++
	s.spent = s.next == 0
	return s.key.Seal(dst, ctr, meta, plaintext), ctr, nil
}
