package main

import (
	"context"
	"crypto/aes"
	"fmt"
	"time"

	"salon/room/mix"
	"salon/room/opus"
)

// A span is what the host did in a phase.
type span struct {
	seconds      float64
	user, system float64 // % of a core
	in, out      float64 // packets a second
	received     float64 // frames of the stage, a second
	published    float64 // frames of the program, a second
	dropped      uint64  // packets that a link did not take
	counts       map[string]uint64
}

func (s span) cpu() float64 { return s.user + s.system }

// watch lets the host settle and watches it for a while.
func (h *hostProcess) watch(ctx context.Context, d time.Duration) (span, error) {
	if err := pause(ctx, phaseSettle); err != nil {
		return span{}, err
	}
	a, err := h.mark()
	if err != nil {
		return span{}, err
	}
	if err := pause(ctx, d); err != nil {
		return span{}, err
	}
	b, err := h.mark()
	s := span{seconds: b.At.Sub(a.At).Seconds(), dropped: b.Traffic.Packets.Dropped - a.Traffic.Packets.Dropped, counts: b.Counts}
	per := func(before, after uint64) float64 { return float64(after-before) / s.seconds }
	s.user, s.system = 100*(b.User-a.User).Seconds()/s.seconds, 100*(b.System-a.System).Seconds()/s.seconds
	s.in, s.out = per(a.Traffic.Packets.Received, b.Traffic.Packets.Received), per(a.Traffic.Packets.Sent, b.Traffic.Packets.Sent)
	s.received, s.published = per(a.Traffic.Frames.Received, b.Traffic.Frames.Received), per(a.Traffic.Frames.Published, b.Traffic.Frames.Published)
	return s, err
}

// unitCosts is what one of each kind of work costs by itself, in µs of CPU.
type unitCosts struct{ open, seal, decode, mix, encode, silence, cipher float64 }

// measureUnits does each kind of work by itself. Nothing else may go on in this process.
func measureUnits(ctx context.Context, o options) (c unitCosts, err error) {
	w, err := newWork(o)
	if err != nil {
		return c, err
	}
	for _, step := range []struct {
		cost *float64
		do   func() (float64, error)
	}{{&c.open, w.open}, {&c.seal, w.seal}, {&c.decode, w.decode}, {&c.mix, w.mix}, {&c.encode, w.encode}, {&c.silence, w.encodeSilence}, {&c.cipher, w.cipher}} {
		var values []float64
		for range costRounds {
			if err := ctx.Err(); err != nil {
				return c, err
			}
			us, err := step.do()
			if err != nil {
				return c, err
			}
			values = append(values, us)
		}
		*step.cost = median(values)
	}
	return c, nil
}

// hostRows takes the host's CPU apart: what each kind of work costs by itself times how often the host did it, what the
// system says that it spent in the kernel, and what a packet more costs by the difference between one who talks and five.
// A profiler is not asked: it does not see all that a process is charged with.
func hostRows(c unitCosts, empty, quiet, one, full span) []row {
	percent := func(us, perSecond float64) float64 { return us * perSecond / 1e4 }
	line := func(what string, v float64) row { return row{what: what, unit: "% core", values: []float64{v}} }
	heard := func(s span) float64 { return percent(c.open+c.decode, s.received) }
	more := func(used func(span) float64) float64 { // µs a packet
		return (used(full) - used(one) - heard(full) + heard(one)) * 1e4 / (full.out - one.out)
	}
	parts := []row{
		line(fmt.Sprintf("  = open, verify: %.0f frames/s x %.1f µs", full.received, c.open), percent(c.open, full.received)),
		line(fmt.Sprintf("  + seal, sign: %.0f frames/s x %.1f µs", full.published, c.seal), percent(c.seal, full.published)),
		line(fmt.Sprintf("  + decode: %.0f frames/s x %.1f µs", full.received, c.decode), percent(c.decode, full.received)),
		line(fmt.Sprintf("  + buffer, fit, mix twice: %.0f/s x %.0f µs", full.published, c.mix), percent(c.mix, full.published)),
		line(fmt.Sprintf("  + encode twice: %.0f/s x %.0f µs", full.published, c.encode), percent(c.encode, full.published)),
		line("  + in the kernel: UDP, waking threads", full.system),
		line(fmt.Sprintf("  + QUIC's cipher: %.0f/s x %.2f µs", full.out, c.cipher), percent(c.cipher, full.out)),
	}
	user := more(func(s span) float64 { return s.user }) - c.cipher
	parts = append(parts,
		line(fmt.Sprintf("  + tree, links, QUIC: %.0f/s x %.1f µs", full.out, user), percent(user, full.out)),
		line("  + clocks of an empty room", empty.user-percent(c.seal+c.silence, empty.published)))
	rest := full.cpu()
	for _, r := range parts {
		rest -= r.values[0]
	}
	rows := []row{
		line("host: CPU, nobody there", empty.cpu()),
		line(fmt.Sprintf("host: CPU, %d there, nobody talks", roomSpeakers+roomListeners), quiet.cpu()),
		line("host: CPU, one talks", one.cpu()),
		line(fmt.Sprintf("host: CPU, %d talk at once", roomTalkers), full.cpu()),
	}
	rows = append(rows, parts...)
	return append(rows,
		line(fmt.Sprintf("  + rest: control of %d people, memory", roomSpeakers+roomListeners), rest),
		row{what: "host: CPU of one packet more, all in all", unit: "µs", values: []float64{more(span.cpu)}},
		row{what: "host: packets dropped by links", values: []float64{float64(full.dropped)}})
}

const (
	costRounds = 11
	quicSize   = 250 // bytes of a stage link's datagram, about
	quicBatch  = 20_000
)

// work is the host's kinds of work, each by itself. A step does some of it and returns what one takes, in µs of CPU.
type work struct {
	frames  *frames
	desk    *desk // of as many as talk
	monitor *mix.Mixer
	ear     *opus.Encoder // of what the host hears
}

func newWork(o options) (*work, error) {
	said, err := voices(o.voice)
	if err != nil {
		return nil, err
	}
	w := &work{monitor: mix.NewMixer(1)}
	if w.frames, err = newFrames(); err != nil {
		return nil, err
	}
	if w.desk, err = newDesk(said[:roomTalkers]); err != nil {
		return nil, err
	}
	for _, pcm := range w.desk.pcm {
		w.monitor.Add(taken(pcm[0]), 1)
	}
	w.ear, err = opus.NewEncoder(opus.Options{Channels: 1, Bitrate: 64000, Complexity: 7}) // as node/stage.go does
	return w, err
}

// taken is a stream whose sound of this tick was read already.
type taken []float32

func (t taken) Channels() int                   { return 1 }
func (t taken) Read(pcm []float32, _ time.Time) { copy(pcm, t) }

// each is the CPU in µs that one of n takes.
func each(n int, f func() error) (float64, error) {
	before := ownCPU()
	err := f()
	return float64((ownCPU() - before).Nanoseconds()) / 1e3 / float64(n), err
}

func (w *work) open() (float64, error) {
	if err := w.frames.prepare(); err != nil {
		return 0, err
	}
	return each(frameBatch, func() error {
		if err := w.frames.open(); err != nil {
			return err
		}
		return w.frames.verify()
	})
}

func (w *work) seal() (float64, error) {
	if err := w.frames.prepare(); err != nil {
		return 0, err
	}
	return each(frameBatch, func() error {
		if err := w.frames.seal(); err != nil {
			return err
		}
		return w.frames.sign()
	})
}

func (w *work) decode() (float64, error) {
	return each(soundFrames*roomTalkers, func() error { return times(soundFrames, w.desk.decode) })
}

func (w *work) mix() (float64, error) {
	return each(soundFrames, func() error {
		return times(soundFrames, func() error {
			w.monitor.Mix(w.desk.out, time.Unix(0, 0))
			return w.desk.mix()
		})
	})
}

func (w *work) encode() (float64, error) {
	n := 0
	return w.encodes(func() (program, monitor []float32) {
		n++
		return w.desk.pcm[0][n%recorded], w.desk.pcm[1][n%recorded]
	})
}

func (w *work) encodeSilence() (float64, error) {
	silence := make([]float32, mix.FrameSamples)
	return w.encodes(func() (program, monitor []float32) { return silence, silence })
}

func (w *work) encodes(next func() (program, monitor []float32)) (float64, error) {
	return each(soundFrames, func() error {
		return times(soundFrames, func() error {
			program, monitor := next()
			if _, err := w.desk.enc.Encode(program, w.desk.packet[:]); err != nil {
				return err
			}
			_, err := w.ear.Encode(monitor, w.desk.packet[:])
			return err
		})
	})
}

// cipher seals a datagram and hides its header, as QUIC does (RFC 9001 section 5).
func (w *work) cipher() (float64, error) {
	block, err := aes.NewCipher(w.frames.secret[:16])
	if err != nil {
		return 0, err
	}
	var nonce [12]byte
	out := make([]byte, 0, 2*quicSize)
	plain := make([]byte, quicSize)
	return each(quicBatch, func() error {
		return times(quicBatch, func() error {
			out = w.frames.aead.Seal(out[:0], nonce[:], plain, plain[:20])
			block.Encrypt(out[:16], out[16:32])
			return nil
		})
	})
}

func times(n int, f func() error) error {
	for range n {
		if err := f(); err != nil {
			return err
		}
	}
	return nil
}
