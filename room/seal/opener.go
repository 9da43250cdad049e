package seal

const (
	// MaxEpochs is how many room keys an Opener knows at most; a newer one takes the place of the oldest.
	MaxEpochs = 4
	// ReplayWindow is how many counters below the highest one opened may still be opened, under one KID.
	ReplayWindow = 1024

	maxSlots = 32 // slots are 0 to 31
)

// An Opener opens the frames of every source of a room, each once.
type Opener struct {
	epochs  []*epochKeys // at most MaxEpochs, ascending
	dropped uint64       // epochs below are over for good
}

// epochKeys are the sources of one key epoch.
type epochKeys struct {
	epoch  uint32
	secret [32]byte
	slots  [maxSlots]sources
}

// sources are a slot's two latest incarnations: the one that sends, and the one before, whose last frames may still be
// under way. Older ones are refused, because what they opened has been forgotten.
type sources [2]*source

type source struct {
	incarnation uint32
	key         *Key
	seen        window
}

// NewOpener returns an Opener that knows no key.
func NewOpener() *Opener { return &Opener{} }

// SetEpoch makes a room key known. Setting it again changes nothing, so that nothing opens twice, unless it is another key; an
// epoch that was dropped does not come back, and the error is then ErrEpoch.
func (o *Opener) SetEpoch(epoch uint32, secret [32]byte) error {
	if uint64(epoch) < o.dropped {
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

// DropEpoch forgets the keys of an epoch and of all before it, for good.
func (o *Opener) DropEpoch(epoch uint32) {
	o.dropped = max(o.dropped, uint64(epoch)+1)
	for len(o.epochs) > 0 && o.epochs[0].epoch <= epoch {
		o.epochs = append(o.epochs[:0], o.epochs[1:]...)
	}
}

// Open appends to dst the plaintext of a sealed frame and returns it with the KID and counter. With room in dst, and
// after a source's first frame, it allocates nothing. The error is ErrHeader, ErrKID, ErrEpoch, ErrReplay or ErrOpen,
// and then nothing has changed.
func (o *Opener) Open(dst, meta, sframe []byte) (plaintext []byte, kid, ctr uint64, err error) {
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
	src := known.find(incarnation)
	fresh := src == nil
	if fresh {
		if known[1] != nil && incarnation < known[1].incarnation {
			return dst, kid, ctr, ErrReplay
		}
		key, err := NewKey(Default, kid, epoch.secret[:])
		if err != nil {
			return dst, kid, ctr, err
		}
		src = &source{incarnation: incarnation, key: key}
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

func (s *sources) find(incarnation uint32) *source {
	for _, src := range s {
		if src != nil && src.incarnation == incarnation {
			return src
		}
	}
	return nil
}

// add keeps the two highest incarnations, the highest first.
func (s *sources) add(src *source) {
	if s[0] == nil || src.incarnation > s[0].incarnation {
		s[0], s[1] = src, s[0]
	} else {
		s[1] = src
	}
}
