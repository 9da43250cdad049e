// Package opus turns sound into Opus packets and back, with libopus. It is the only package of salon that needs cgo.
//
//   - Sound is 48 kHz float32, interleaved, full scale at -1 and 1.
//   - An encoder takes exactly 20 ms and gives exactly one packet, which is never a DTX gap.
//   - A decoder takes any bytes: what is not Opus is an error, never a crash, and leaves the decoder usable.
//   - Neither may be used by two goroutines at once.
package opus

import (
	"errors"
	"fmt"

	hraban "github.com/hraban/opus"
)

const (
	SampleRate   = 48000
	FrameSamples = 960  // samples of each channel in the 20 ms of one packet
	MaxPacket    = 1275 // bytes: the longest one-frame Opus packet (RFC 6716 section 3.4)

	maxSamples = 5760 // of each channel: 120 ms, the longest packet there is
)

// ErrSize means that samples or a buffer of the wrong length were handed over: a bug of the caller, not of a peer.
var ErrSize = errors.New("opus: wrong number of samples")

// ErrPacket means that bytes are not an Opus packet that can be decoded.
var ErrPacket = errors.New("opus: bad packet")

// Options configures NewEncoder. Talk and Concert give the two that salon uses.
type Options struct {
	Channels    int  // 1 or 2; 0 means 1
	Bitrate     int  // bit/s; 0 means 40,000 for one channel, 128,000 for two
	Voice       bool // tuned for speech; false is for music and everything else
	FEC         bool // carry a thin copy of the previous frame; for Voice only, music loses bits and its mode by it
	LossPercent int  // expected loss, 0 to 100: FEC spends more bits when it is higher, and none at 0
	Complexity  int  // 1 to 10; 0 means 9 with Voice, else 10
}

// Talk is the profile of spoken rooms. 10 % of expected loss is what makes libopus write its FEC copies at this rate.
func Talk() Options {
	return Options{Channels: 1, Bitrate: 40000, Voice: true, FEC: true, LossPercent: 10, Complexity: 9}
}

// Concert is the profile of music rooms: stereo, full band.
func Concert() Options {
	return Options{Channels: 2, Bitrate: 128000, Complexity: 10}
}

func (o Options) withDefaults() (Options, error) {
	if o.Channels == 0 {
		o.Channels = 1
	}
	if o.Channels != 1 && o.Channels != 2 {
		return o, fmt.Errorf("opus: %d channels; there are 1 or 2", o.Channels)
	}
	if o.Bitrate == 0 {
		o.Bitrate = 40000
		if o.Channels == 2 {
			o.Bitrate = 128000
		}
	}
	if o.Complexity == 0 {
		o.Complexity = 10
		if o.Voice {
			o.Complexity = 9
		}
	}
	return o, nil
}

// An Encoder turns frames of 20 ms into packets.
type Encoder struct {
	enc      *hraban.Encoder
	channels int
}

// NewEncoder returns an encoder without history.
func NewEncoder(o Options) (*Encoder, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	application := hraban.AppAudio
	if o.Voice {
		application = hraban.AppVoIP
	}
	enc, err := hraban.NewEncoder(SampleRate, o.Channels, application)
	if err != nil {
		return nil, fmt.Errorf("opus: new encoder: %w", err)
	}
	for _, set := range []struct {
		name string
		err  error
	}{
		{"bitrate", enc.SetBitrate(o.Bitrate)},
		{"complexity", enc.SetComplexity(o.Complexity)},
		{"in-band FEC", enc.SetInBandFEC(o.FEC)},
		{"expected loss", enc.SetPacketLossPerc(o.LossPercent)},
		{"DTX off", enc.SetDTX(false)}, // a missing frame is then a fact, not a guess
	} {
		if set.err != nil {
			return nil, fmt.Errorf("opus: set %s: %w", set.name, set.err)
		}
	}
	return &Encoder{enc: enc, channels: o.Channels}, nil
}

// Channels is the number of channels that Encode takes.
func (e *Encoder) Channels() int { return e.channels }

// Encode writes one packet of pcm, FrameSamples for each channel, to dst and returns its length. A dst of MaxPacket
// bytes always suffices. It allocates nothing.
func (e *Encoder) Encode(pcm []float32, dst []byte) (int, error) {
	if len(pcm) != FrameSamples*e.channels {
		return 0, fmt.Errorf("%w: encode %d, want %d", ErrSize, len(pcm), FrameSamples*e.channels)
	}
	if len(dst) == 0 {
		return 0, fmt.Errorf("%w: no room for a packet", ErrSize)
	}
	// The binding writes up to the capacity: what lies behind dst may be somebody else's.
	n, err := e.enc.EncodeFloat32(pcm, dst[:len(dst):len(dst)])
	if err != nil {
		return 0, fmt.Errorf("opus: encode: %w", err)
	}
	return n, nil
}

// SetLoss tells the encoder which share of its packets is lost, in percent; beyond 0 to 30 is clamped, as more FEC
// than that costs more than it mends.
func (e *Encoder) SetLoss(percent int) error {
	if err := e.enc.SetPacketLossPerc(min(max(percent, 0), 30)); err != nil {
		return fmt.Errorf("opus: set expected loss: %w", err)
	}
	return nil
}

// A Decoder turns packets into sound. It converts mono and stereo packets to its own number of channels.
type Decoder struct {
	dec      *hraban.Decoder
	channels int
}

// NewDecoder returns a decoder without history that gives 1 or 2 channels.
func NewDecoder(channels int) (*Decoder, error) {
	dec, err := hraban.NewDecoder(SampleRate, channels)
	if err != nil {
		return nil, fmt.Errorf("opus: new decoder: %w", err)
	}
	return &Decoder{dec: dec, channels: channels}, nil
}

// Channels is the number of channels that the decoder gives.
func (d *Decoder) Channels() int { return d.channels }

// Decode writes the sound of a packet to pcm and returns the samples of each channel. A pcm too short for the packet
// is an error; 120 ms (5,760 for each channel) always suffice. It allocates nothing.
func (d *Decoder) Decode(packet []byte, pcm []float32) (int, error) {
	if len(packet) == 0 {
		return 0, fmt.Errorf("%w: it is empty", ErrPacket)
	}
	if len(pcm) == 0 || len(pcm)%d.channels != 0 {
		return 0, fmt.Errorf("%w: decode into %d", ErrSize, len(pcm))
	}
	n, err := d.dec.DecodeFloat32(packet, pcm[:len(pcm):len(pcm)])
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrPacket, err)
	}
	return n, nil
}

// DecodeFEC fills pcm, which is as long as what was lost, from the copy in the packet after the lost one. Without a
// copy it conceals as DecodePLC does. The packet itself still has to be decoded afterwards.
func (d *Decoder) DecodeFEC(next []byte, pcm []float32) error {
	if len(next) == 0 {
		return fmt.Errorf("%w: it is empty", ErrPacket)
	}
	if err := d.checkLost(pcm); err != nil {
		return err
	}
	if err := d.dec.DecodeFECFloat32(next, pcm[:len(pcm):len(pcm)]); err != nil {
		return fmt.Errorf("%w: %w", ErrPacket, err)
	}
	return nil
}

// DecodePLC fills pcm, which is as long as what was lost, with an invention that continues what was heard before.
func (d *Decoder) DecodePLC(pcm []float32) error {
	if err := d.checkLost(pcm); err != nil {
		return err
	}
	if err := d.dec.DecodePLCFloat32(pcm[:len(pcm):len(pcm)]); err != nil {
		return fmt.Errorf("opus: conceal: %w", err)
	}
	return nil
}

// checkLost refuses lengths that libopus cannot conceal: it works in steps of 2.5 ms.
func (d *Decoder) checkLost(pcm []float32) error {
	if n := len(pcm) / d.channels; len(pcm)%d.channels != 0 || n == 0 || n%120 != 0 || n > maxSamples {
		return fmt.Errorf("%w: conceal %d", ErrSize, len(pcm))
	}
	return nil
}
