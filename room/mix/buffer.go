package mix

import "time"

// Options configures a Buffer, a Source or a Pacer. Stage and Audience give the two that salon uses.
type Options struct {
	Min, Max time.Duration // bounds of the buffering; 0 means those of Stage
	Start    time.Duration // buffering until the jitter is known; 0 means Min
	Cap      int           // packets held at most; 0 means 2 s more than Max
}

// Stage is for people who talk to each other: as little delay as the path allows. The upper bound is above the 100 ms
// of a good path: on a bad one, broken words are worse for a conversation than waiting.
func Stage() Options {
	return Options{Min: 40 * time.Millisecond, Max: 200 * time.Millisecond, Start: 60 * time.Millisecond}
}

// Audience is for those who only listen: 300 ms let a broken tree heal unheard.
func Audience() Options {
	return Options{Min: 300 * time.Millisecond, Max: 500 * time.Millisecond, Start: 300 * time.Millisecond}
}

func (o Options) withDefaults() Options {
	if o.Min <= 0 {
		o.Min = Stage().Min
	}
	if o.Max <= 0 {
		o.Max = max(Stage().Max, o.Min)
	}
	o.Max = max(o.Max, o.Min)
	if o.Start <= 0 {
		o.Start = o.Min
	}
	o.Start = min(max(o.Start, o.Min), o.Max)
	if o.Cap <= 0 {
		o.Cap = int((o.Max + 2*time.Second) / FrameDuration)
	}
	return o
}

// A Kind says what a Buffer gives for the next frame.
type Kind uint8

const (
	Wait    Kind = iota // nothing to play: before the first packet, and in a pause
	Play                // decode the packet
	Jump                // decode the packet; frames before it were left out to catch up, so join it by a crossfade
	FEC                 // lost, but the packet, which is the one after it, carries a copy
	Conceal             // lost: go on without
	Late                // not there yet, nor anything after it: go on without, the stream stands still meanwhile
)

func (k Kind) String() string {
	return [...]string{"wait", "play", "jump", "fec", "conceal", "late"}[min(int(k), 5)]
}

const (
	// dryFrames without anything to play end in a Wait: the stream paused, or its path is gone.
	dryFrames = 5
	// catchUp is how far above Options.Max the delay may be before frames are left out in mid-word.
	catchUp = 100 * time.Millisecond
	// copyMemory is how many packets without a copy show that the sender makes none; in silence there are none.
	copyMemory = 1000
	// lateLimit packets in a row that are all too old mean that the stream's numbers went back: start again with them.
	lateLimit = 50
)

// Counts of a Buffer or Source since its start, in frames.
type Counts struct {
	Played    uint64 // decoded as they came
	FEC       uint64 // lost, and restored from the copy in the next packet
	Concealed uint64 // lost, and invented
	Expanded  uint64 // invented because nothing had come yet; up to 5 at each pause of the stream
	Dropped   uint64 // left out, to bring the delay down
	Late      uint64 // came when their time was over
	Duplicate uint64 // came again
	Malformed uint64 // were not one 20 ms frame of Opus, or could not be decoded
}

// A Buffer puts packets in order and holds each until it is due, so that those that come late are still in time. How
// long it holds them follows the 99th percentile of what the path does.
type Buffer struct {
	ring
	arrivals
	counts  Counts
	next    uint64 // the number to be played next
	floor   uint64 // numbers below have been played or given up, and are never played again
	begun   bool   // a first packet has come
	playing bool
	plain   int // packets in a row without a copy of the one before
	dry     int // frames since anything could be played
	waited  int // of dry, those that no lost packet has taken the place of
	lates   int // packets in a row that were too old
}

// NewBuffer returns an empty buffer.
func NewBuffer(o Options) *Buffer {
	o = o.withDefaults()
	return &Buffer{ring: newRing(o.Cap), arrivals: arrivals{opts: o}, plain: copyMemory}
}

// Push takes a copy of a packet that came at the given time. Numbers go up by one per frame.
func (b *Buffer) Push(number uint64, packet []byte, at time.Time) {
	if !IsSingle(packet) {
		b.counts.Malformed++
		return
	}
	window := uint64(len(b.slots))
	switch {
	case !b.begun:
		b.begin(number)
	case !b.playing && b.count == 0 && number-b.next < 1<<63:
		b.begin(number) // after a pause
	case number-b.next < window:
	case !b.playing && b.next-number < window/2 && number-b.floor < 1<<63:
		if !b.widen(number) {
			b.late(number, packet, at)
			return
		}
	case number-b.next < 1<<63: // far ahead: what is held is stale, or the number is nonsense; neither is worth a wait
		b.counts.Dropped += uint64(b.count)
		b.begin(number)
	default:
		b.late(number, packet, at)
		return
	}
	b.lates = 0
	if !b.put(number, packet) {
		b.counts.Duplicate++
		return
	}
	b.add(number, at)
}

func (b *Buffer) begin(number uint64) {
	b.clear()
	b.restart()
	b.begun, b.playing, b.dry, b.next, b.lates = true, false, 0, number, 0
}

// widen lets a packet in that was overtaken by the first one, while nothing has been played.
func (b *Buffer) widen(number uint64) bool {
	window := uint64(len(b.slots))
	for n := number + window; n-b.next < window; n++ {
		if b.get(n) != nil {
			return false // it would need the place of one that is held
		}
	}
	b.next = number
	return true
}

func (b *Buffer) late(number uint64, packet []byte, at time.Time) {
	b.counts.Late++
	if b.next-number < uint64(len(b.slots)) {
		b.add(number, at) // so that the buffering grows to where it would have been in time
	}
	if b.lates++; b.lates >= lateLimit && b.next-number > uint64(len(b.slots)) {
		b.begin(number)
		b.floor = number
		b.put(number, packet)
		b.add(number, at)
	}
}

// Pop says how to make the frame that will be heard at the given time, and moves on. The packet is valid until the
// next call.
func (b *Buffer) Pop(at time.Time) ([]byte, Kind) {
	if !b.begun {
		return nil, Wait
	}
	if !b.playing {
		oldest, ok := b.oldest(b.next)
		if !ok || b.delay(oldest, at) < b.target() {
			return nil, Wait
		}
		b.next, b.playing, b.dry, b.waited = oldest, true, 0, 0
	}
	jumped := b.catchUp(at)
	// What was waited for in vain turns out to be lost: its time has been filled already.
	for ; b.waited > 0 && b.count > 0 && b.get(b.next) == nil; b.waited-- {
		b.next++
		b.counts.Expanded--
		b.counts.Concealed++
		b.heed(true, b.plain < copyMemory)
	}
	b.floor = b.next
	if packet := b.take(); packet != nil {
		b.counts.Played++
		if b.plain++; HasFEC(packet) {
			b.plain = 0
		}
		b.heed(false, b.plain < copyMemory)
		if jumped {
			return packet, Jump
		}
		return packet, Play
	}
	if b.count == 0 {
		b.counts.Expanded++
		b.waited++
		if b.dry++; b.dry >= dryFrames {
			b.playing = false
		}
		return nil, Late
	}
	// A gap. Where the delay is longer than need be, it costs nothing to close it instead of filling it.
	for b.get(b.next+1) == nil && b.delay(b.next, at) > b.target()+FrameDuration {
		b.next++
		b.counts.Concealed++
	}
	b.next++
	b.floor, b.dry, b.waited = b.next, 0, 0
	b.heed(true, b.plain < copyMemory)
	if packet := b.get(b.next); HasFEC(packet) {
		b.counts.FEC++
		return packet, FEC
	}
	b.counts.Concealed++
	return nil, Conceal
}

// due is how long after the given time, at which Pop says Wait, it will not say so any more; a frame at most.
func (b *Buffer) due(at time.Time) time.Duration {
	oldest, ok := b.oldest(b.next)
	if !ok {
		return FrameDuration
	}
	return min(b.target()-b.delay(oldest, at), FrameDuration)
}

// take removes and returns the next packet, nil if it is not there.
func (b *Buffer) take() []byte {
	packet := b.get(b.next)
	if packet == nil {
		return nil
	}
	b.remove(b.next)
	b.next++
	b.floor, b.dry, b.waited = b.next, 0, 0
	return packet
}

// catchUp leaves frames out when the delay is far beyond any use, as after an outage that ended in a burst.
func (b *Buffer) catchUp(at time.Time) bool {
	if b.delay(b.next, at) <= b.opts.Max+catchUp {
		return false
	}
	jumped := false
	for b.count > 1 && b.delay(b.next, at) > b.target() {
		if b.get(b.next) != nil {
			b.remove(b.next)
			b.counts.Dropped++
		}
		b.next++
		jumped = true
	}
	return jumped
}

// Excess is how much longer than need be the frame waits that would be heard next, at the given time: negative if it
// is too short. It means nothing unless Playing.
func (b *Buffer) Excess(at time.Time) time.Duration { return b.delay(b.next, at) - b.target() }

// Playing tells whether the stream runs: it has begun, and is not in a pause.
func (b *Buffer) Playing() bool { return b.playing }

// Target is the delay that the buffer aims for.
func (b *Buffer) Target() time.Duration { return b.target() }

// Delay is how long after the fastest packets a frame is played, if it is heard at that time; 0 in a pause.
func (b *Buffer) Delay(at time.Time) time.Duration {
	if !b.playing {
		return 0
	}
	return b.delay(b.next, at)
}

// Len is the number of packets held.
func (b *Buffer) Len() int { return b.count }

// Counts returns what has happened so far.
func (b *Buffer) Counts() Counts { return b.counts }
