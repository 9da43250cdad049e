package seal

import (
	"crypto/sha256"
	"slices"
)

const (
	// MaxEpochs is how many room keys an Opener knows at most; a newer one takes the place of the oldest.
	MaxEpochs = 4
	// ReplayWindow is how many counters below the highest one opened may still be opened, under one KID.
	ReplayWindow = 1024

	maxSlots = 32 // slots are 0 to 31
	maxOver  = 64 // keys that were dropped, and are remembered as such
	maxEnded = 16 // sources of a slot that are over, and remembered as such
)

// An Opener opens the frames of every source of a room, each once.
type Opener struct {
	epochs []*epochKeys // at most MaxEpochs, ascending
	// Epochs mostly rise; but where two led who each gave the room keys of their own, they go on from lower. So each key that is over is
	// remembered by itself.
	over  []overKey // at most maxOver, as they were dropped
	floor uint64    // of epochs: what is below is refused, because over had no room for all
}

// An overKey is one under which nothing opens any more.
type overKey struct {
	epoch uint32
	sum   [sha256.Size]byte // of the key, which is forgotten
}

// epochKeys are the sources of one key epoch.
type epochKeys struct {
	epoch  uint32
	secret [32]byte
	slots  [maxSlots]sources
}

// sources are the two of a slot that began last here: the one that sends, and the one before, whose last frames may still be
// under way. Those before are refused, because what they opened has been forgotten. Incarnations mostly rise; but where several led
// and those who handed out more of them lost, they go on from lower, so that each that is over is remembered by itself.
type sources struct {
	live  [2]*source
	ended []ended // at most maxEnded
	floor uint64  // of incarnations: what is below and new is refused, because ended had no room for all
}

// An ended is a source of which nothing opens any more.
type ended struct {
	incarnation uint32
	from        Source
}

type source struct {
	incarnation uint32
	from        Source
	key         *Key
	seen        window
}

// NewOpener returns an Opener that knows no key.
func NewOpener() *Opener { return &Opener{} }

// SetEpoch makes a room key known. Setting it again changes nothing, so that nothing opens twice, unless it is another key; a key
// that was dropped does not come back, and the error is then ErrEpoch.
func (o *Opener) SetEpoch(epoch uint32, secret [32]byte) error {
	if uint64(epoch) < o.floor || slices.Contains(o.over, overKey{epoch, sha256.Sum256(secret[:])}) {
		return ErrEpoch
	}
	i := 0
	for ; i < len(o.epochs) && o.epochs[i].epoch <= epoch; i++ {
		if e := o.epochs[i]; e.epoch == epoch {
			if e.secret != secret { // of who led the room before, and lost
				o.epochs[i] = &epochKeys{epoch: epoch, secret: secret}
			}
			return nil
		}
	}
	if len(o.epochs) == MaxEpochs {
		if i == 0 {
			return ErrEpoch
		}
		o.DropEpoch(o.epochs[0].epoch)
		i--
	}
	o.epochs = append(o.epochs, nil)
	copy(o.epochs[i+1:], o.epochs[i:])
	o.epochs[i] = &epochKeys{epoch: epoch, secret: secret}
	return nil
}

// DropEpoch forgets the keys that are known of an epoch and of all before it, for good.
func (o *Opener) DropEpoch(epoch uint32) {
	for len(o.epochs) > 0 && o.epochs[0].epoch <= epoch {
		if len(o.over) == maxOver {
			o.floor = max(o.floor, uint64(o.over[0].epoch)+1)
			o.over = slices.Delete(o.over, 0, 1)
		}
		e := o.epochs[0]
		o.over = append(o.over, overKey{e.epoch, sha256.Sum256(e.secret[:])})
		o.epochs = slices.Delete(o.epochs, 0, 1)
	}
}

// Open appends to dst the plaintext of a frame that from sealed and returns it with the KID and counter. With room in dst, and
// after a source's first frame, it allocates nothing. The error is ErrHeader, ErrKID, ErrEpoch, ErrReplay or ErrOpen,
// and then nothing has changed.
func (o *Opener) Open(dst []byte, from Source, meta, sframe []byte) (plaintext []byte, kid, ctr uint64, err error) {
	kid, ctr, n, err := ParseHeader(sframe)
	if err != nil {
		return dst, 0, 0, err
	}
	number, slot, incarnation := SplitKID(kid)
	if slot >= maxSlots {
		return dst, kid, ctr, ErrKID
	}
	epoch := o.find(number)
	if epoch == nil {
		return dst, kid, ctr, ErrEpoch
	}
	known := &epoch.slots[slot]
	src := known.find(incarnation, from)
	fresh := src == nil
	if fresh {
		if known.isOver(incarnation, from) {
			return dst, kid, ctr, ErrReplay
		}
		key, err := NewKey(Default, kid, from.base(epoch.secret))
		if err != nil {
			return dst, kid, ctr, err
		}
		src = &source{incarnation: incarnation, from: from, key: key}
	}
	if src.seen.has(ctr) {
		return dst, kid, ctr, ErrReplay
	}
	plaintext, err = src.key.open(dst, ctr, n, meta, sframe)
	if err != nil {
		return dst, kid, ctr, err
	}
	src.seen.mark(ctr)
	if fresh {
		known.add(src)
	}
	return plaintext, kid, ctr, nil
}

func (o *Opener) find(epoch uint32) *epochKeys {
	for _, e := range o.epochs {
		if e.epoch == epoch {
			return e
		}
	}
	return nil
}

func (s *sources) find(incarnation uint32, from Source) *source {
	for _, src := range s.live {
		if src != nil && src.incarnation == incarnation && src.from == from {
			return src
		}
	}
	return nil
}

// isOver reports whether nothing of a source that is not live is to be opened.
func (s *sources) isOver(incarnation uint32, from Source) bool {
	return uint64(incarnation) < s.floor || slices.Contains(s.ended, ended{incarnation, from})
}

// add makes a source live, in the place of the one that began first. Of too many that are over the lowest is not remembered by
// itself: whoever hands out incarnations now is above it.
func (s *sources) add(src *source) {
	if old := s.live[1]; old != nil {
		if len(s.ended) == maxEnded {
			low := 0
			for i, e := range s.ended {
				if e.incarnation < s.ended[low].incarnation {
					low = i
				}
			}
			s.floor = max(s.floor, uint64(s.ended[low].incarnation)+1)
			s.ended = slices.Delete(s.ended, low, low+1)
		}
		s.ended = append(s.ended, ended{old.incarnation, old.from})
	}
	s.live[0], s.live[1] = src, s.live[0]
}
