package room

import "fmt"

// Limits of a sound frame.
const (
	MaxTalking = 5
	MaxOpus    = 1275 // bytes of one Opus frame (RFC 6716, 3.2.1)
	Silence    = 127  // the level of silence
)

// A Sound is the plaintext of one frame: 20 ms of Opus with what a page shows beside it.
//
// The bytes:
//
//	offset  size  field
//	0       1     level of the whole frame, -dBov 0 to 127 (RFC 6464); the top bit is 0
//	1       1     n, how many are talking, 0 to 5
//	2       2n    each: slot (1 to 31), level (0 to 127); no slot twice
//	2+2n    rest  the Opus packet, 1 to 1275 bytes
type Sound struct {
	Level   uint8 // -dBov: 0 is full scale, Silence is silence
	Talking []Talker
	Opus    []byte
}

// A Talker is one who can be heard in a frame of the program.
type Talker struct {
	Slot  uint8 // 1 to MaxSlot
	Level uint8 // -dBov
}

// MaxSlot is the highest source slot; slot 0 is the program.
const MaxSlot = 31

// AppendSound appends the bytes of s to dst. It allocates nothing when dst has room.
func AppendSound(dst []byte, s *Sound) ([]byte, error) {
	if err := s.check(); err != nil {
		return dst, err
	}
	dst = append(dst, s.Level, byte(len(s.Talking)))
	for _, t := range s.Talking {
		dst = append(dst, t.Slot, t.Level)
	}
	return append(dst, s.Opus...), nil
}

// ParseSound reads b into s. s.Opus points into b; s.Talking is reused, so that a second call allocates nothing.
// After an error s must not be used.
func ParseSound(b []byte, s *Sound) error {
	if len(b) < 2 {
		return errShortSound
	}
	n := int(b[1])
	if n > MaxTalking || len(b) < 2+2*n {
		return errShortSound
	}
	s.Level = b[0]
	s.Talking = s.Talking[:0]
	for i := range n {
		s.Talking = append(s.Talking, Talker{Slot: b[2+2*i], Level: b[3+2*i]})
	}
	s.Opus = b[2+2*n:]
	return s.check()
}

// Made once, because a hostile stream must not cost an allocation a frame.
var (
	errShortSound = fmt.Errorf("%w: too short", ErrSound)
	errSoundLevel = fmt.Errorf("%w: level out of range", ErrSound)
	errSoundSlots = fmt.Errorf("%w: bad list of who is talking", ErrSound)
	errSoundOpus  = fmt.Errorf("%w: Opus packet of a wrong size", ErrSound)
)

func (s *Sound) check() error {
	if s.Level > Silence {
		return errSoundLevel
	}
	if len(s.Talking) > MaxTalking {
		return errSoundSlots
	}
	seen := uint32(0)
	for _, t := range s.Talking {
		if t.Slot == 0 || t.Slot > MaxSlot || t.Level > Silence || seen&(1<<t.Slot) != 0 {
			return errSoundSlots
		}
		seen |= 1 << t.Slot
	}
	if len(s.Opus) == 0 || len(s.Opus) > MaxOpus {
		return errSoundOpus
	}
	return nil
}
