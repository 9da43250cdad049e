package mix

import (
	"slices"
	"time"
)

// MaxGain is the most that a listener can turn one voice up: 12 dB.
const MaxGain = 4

// A Reader is something to mix: a Source, or a test's.
type Reader interface {
	Channels() int
	// Read fills pcm, FrameSamples for each channel.
	Read(pcm []float32, now time.Time)
}

// A Mixer sums what its inputs play, each at its own volume, into one sound that never exceeds -1 dBFS.
type Mixer struct {
	channels int
	inputs   []*Input
	limiter  *Limiter
	scratch  [2 * FrameSamples]float32
}

// An Input is a place in a Mixer.
type Input struct {
	reader    Reader
	gain, was float32 // for the next frame, and at the end of the last
	gone      bool    // removed: fades out in the next frame
}

// NewMixer returns a mixer without inputs that gives 1 or 2 channels.
func NewMixer(channels int) *Mixer {
	return &Mixer{channels: channels, limiter: NewLimiter(channels)}
}

// Channels is the number of channels that Mix gives.
func (m *Mixer) Channels() int { return m.channels }

// Add lets a reader in at a gain of 0 to MaxGain; 1 is as it is. Nobody else may read it from now on.
func (m *Mixer) Add(r Reader, gain float32) *Input {
	in := &Input{reader: r}
	in.SetGain(gain)
	m.inputs = append(m.inputs, in)
	return in
}

// SetGain changes the volume over the next frame, without a click.
func (in *Input) SetGain(gain float32) {
	if gain != gain {
		gain = 1
	}
	in.gain = min(max(gain, 0), MaxGain)
}

// Remove takes an input out; it is read once more, to fade it out.
func (m *Mixer) Remove(in *Input) {
	in.gain, in.gone = 0, true
}

// Mix fills pcm, FrameSamples for each channel, with the next frame of the mix: 4 ms late, by the limiter. To be
// called every 20 ms of the mixer's clock.
func (m *Mixer) Mix(pcm []float32, now time.Time) {
	clear(pcm)
	for _, in := range m.inputs {
		m.mix(pcm, in, now)
	}
	m.inputs = slices.DeleteFunc(m.inputs, func(in *Input) bool { return in.gone })
	m.limiter.Process(pcm)
}

func (m *Mixer) mix(pcm []float32, in *Input, now time.Time) {
	channels := in.reader.Channels()
	frame := m.scratch[:FrameSamples*channels]
	// Also at gain 0: its buffer must go on, and its level is to be seen.
	in.reader.Read(frame, now)
	from, rise := in.was, (in.gain-in.was)/FrameSamples
	in.was = in.gain
	if from == 0 && rise == 0 {
		return
	}
	switch {
	case channels == m.channels:
		for i := range FrameSamples {
			g := from + rise*float32(i+1)
			for c := range channels {
				pcm[i*channels+c] += frame[i*channels+c] * g
			}
		}
	case channels == 1:
		for i := range FrameSamples {
			s := frame[i] * (from + rise*float32(i+1))
			pcm[2*i] += s
			pcm[2*i+1] += s
		}
	default:
		for i := range FrameSamples {
			pcm[i] += (frame[2*i] + frame[2*i+1]) / 2 * (from + rise*float32(i+1))
		}
	}
}
