package media

import (
	"bufio"
	"fmt"
	"math"
	"time"

	"salon/room/mix"
	"salon/room/opus"
)

// An opusReader gives the sound of an Ogg Opus file: without what the encoder put before its start and after its end.
type opusReader struct {
	ogg      *oggReader
	dec      *opus.Decoder
	channels int
	gain     float32
	skip     int // samples of each channel still to be left out at the start
	pos      uint64
	started  bool
	pcm      []float32 // decoded from one page
	rest     []float32 // of pcm, not yet read
}

func newOpusReader(in *bufio.Reader, channels int) (*opusReader, error) {
	ogg, head, err := openOgg(in)
	if err != nil {
		return nil, err
	}
	dec, err := opus.NewDecoder(channels)
	if err != nil {
		return nil, err
	}
	gain := float32(math.Pow(10, float64(head.gain)/256/20))
	return &opusReader{ogg: ogg, dec: dec, channels: channels, gain: gain, skip: head.preSkip}, nil
}

func (r *opusReader) read(pcm []float32) (int, error) {
	for len(r.rest) == 0 {
		if err := r.decodePage(); err != nil {
			return 0, err
		}
	}
	n := copy(pcm, r.rest)
	r.rest = r.rest[n:]
	return n / r.channels, nil
}

func (r *opusReader) decodePage() error {
	page, err := r.ogg.nextPage()
	if err != nil {
		return err
	}
	r.pcm = r.pcm[:0]
	for _, p := range page {
		d := mix.PacketDuration(p)
		if d == 0 {
			return fmt.Errorf("%w: it holds a packet that is not Opus", ErrFormat)
		}
		n := int(d * mix.SampleRate / time.Second)
		start := len(r.pcm)
		r.pcm = append(r.pcm, make([]float32, n*r.channels)...)
		if got, err := r.dec.Decode(p, r.pcm[start:]); err != nil || got != n {
			// One bad packet is not the end of the music.
			if err := r.dec.DecodePLC(r.pcm[start:]); err != nil {
				return err
			}
		}
	}
	for i := range r.pcm {
		r.pcm[i] *= r.gain
	}
	r.trim(uint64(len(r.pcm) / r.channels))
	return nil
}

// trim leaves out what is not to be heard of a page of that many samples (RFC 7845 sections 4.3 to 4.5).
func (r *opusReader) trim(samples uint64) {
	granule := r.ogg.granule
	if !r.started && samples > 0 && granule != noGranule {
		// A recording of something that was running already does not begin at 0.
		if r.started = true; !r.ogg.last && granule > samples {
			r.pos = granule - samples
		}
	}
	r.pos += samples
	keep := len(r.pcm)
	if r.ogg.last && granule != noGranule && granule < r.pos {
		keep -= int(min(r.pos-granule, samples)) * r.channels
	}
	start := min(r.skip*r.channels, keep)
	r.skip -= min(r.skip, int(samples))
	r.rest = r.pcm[start:keep]
}
