package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"salon/node/media"
	"salon/room/mix"
	"salon/room/opus"
)

const (
	soundRounds = 15
	soundFrames = 100 // a round: 2 s of sound
	speakers    = 10
	recorded    = 4 * mix.SampleRate / mix.FrameSamples // frames that each speaker says over and over
	coreAim     = 8                                     // % of a core
)

// soundCost is the host's work for the program, by part and together. That all ten talk at once is the worst case, of
// which decoding silence is a third.
func soundCost(ctx context.Context, o options) ([]row, error) {
	said, err := voices(o.voice)
	if err != nil {
		return nil, err
	}
	d, err := newDesk(said)
	if err != nil {
		return nil, err
	}
	rows := []row{
		{what: "decode 10 (libopus)", unit: "% core"},
		{what: "buffer, fit to one clock and mix 10", unit: "% core"},
		{what: "encode the mix (libopus)", unit: "% core"},
		{what: "together (raw: libopus alone)", unit: "% core", aim: coreAim},
	}
	steps := []func() error{d.decode, d.mix, d.encode, d.together}
	for range soundRounds {
		if err := ctx.Err(); err != nil {
			return rows, err
		}
		for i, step := range steps {
			before := ownCPU()
			for range soundFrames {
				if err := step(); err != nil {
					return rows, err
				}
			}
			share := 100 * (ownCPU() - before).Seconds() / (soundFrames * mix.FrameDuration).Seconds()
			rows[i].values = append(rows[i].values, share)
		}
		last := len(rows[0].values) - 1
		rows[3].raw = append(rows[3].raw, rows[0].values[last]+rows[2].values[last])
	}
	return rows, nil
}

// voices cuts recorded speech into one piece for each speaker.
func voices(dir string) ([][]float32, error) {
	all, err := speech(dir)
	if err != nil {
		return nil, err
	}
	const piece = recorded * mix.FrameSamples
	if len(all) < piece {
		return nil, fmt.Errorf("the voices in %s are shorter than %d s", dir, piece/mix.SampleRate)
	}
	said := make([][]float32, speakers)
	for i := range said {
		at := (len(all) - piece) * i / speakers
		said[i] = all[at : at+piece]
	}
	return said, nil
}

// speech is all that was recorded, one after another.
func speech(dir string) (all []float32, err error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.opus"))
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("no *.opus in %s: run this at the top of the repository, or give -voice", dir)
	}
	for _, f := range files {
		pcm, err := media.ReadSamples(f, 1)
		if err != nil {
			return nil, err
		}
		all = append(all, pcm...)
	}
	return all, nil
}

// A desk mixes speakers twice: with libopus, and from ready samples, to see what mixing alone costs.
type desk struct {
	pcm     [][][]float32 // by speaker and frame
	packets [][][]byte
	enc     *opus.Encoder
	dec     []*opus.Decoder
	full    table
	still   table
	out     []float32
	packet  [opus.MaxPacket]byte
	decoded int // frames
	encoded int
}

// A table is the sources of a mixer and its clock.
type table struct {
	mixer   *mix.Mixer
	sources []*mix.Source
	n       uint64
}

func newDesk(said [][]float32) (*desk, error) {
	d := &desk{out: make([]float32, mix.FrameSamples)}
	d.full.mixer, d.still.mixer = mix.NewMixer(1), mix.NewMixer(1)
	for _, pcm := range said {
		packets, err := encode(opus.Talk(), pcm)
		if err != nil {
			return nil, err
		}
		d.packets = append(d.packets, packets)
		d.pcm = append(d.pcm, slices.Collect(slices.Chunk(pcm, mix.FrameSamples)))
		var two [2]*opus.Decoder
		for i := range two {
			if two[i], err = opus.NewDecoder(1); err != nil {
				return nil, err
			}
		}
		d.dec = append(d.dec, two[0])
		d.full.add(two[1])
		d.still.add(&ready{frames: d.pcm[len(d.pcm)-1]})
	}
	var err error
	d.enc, err = opus.NewEncoder(opus.Talk())
	return d, err
}

// encode turns whole frames into packets.
func encode(o opus.Options, pcm []float32) (packets [][]byte, err error) {
	enc, err := opus.NewEncoder(o)
	if err != nil {
		return nil, err
	}
	for frame := range slices.Chunk(pcm, mix.FrameSamples) {
		packet := make([]byte, opus.MaxPacket)
		n, err := enc.Encode(frame, packet)
		if err != nil {
			return nil, err
		}
		packets = append(packets, packet[:n])
	}
	return packets, nil
}

func (t *table) add(dec mix.Decoder) {
	s := mix.NewSource(dec, 1, mix.Stage())
	t.sources = append(t.sources, s)
	t.mixer.Add(s, 1)
}

// next mixes one frame of every speaker. Their clocks are up to 180 ppm apart, as clocks are.
func (t *table) next(d *desk) {
	now := time.Unix(0, 0).Add(time.Duration(t.n) * mix.FrameDuration)
	for i, s := range t.sources {
		drift := time.Duration(float64(now.UnixNano()) * float64(i) * -20e-6)
		s.Push(t.n, d.packets[i][t.n%uint64(len(d.packets[i]))], now.Add(drift))
	}
	t.mixer.Mix(d.out, now)
	t.n++
}

func (d *desk) decode() error {
	for i, dec := range d.dec {
		if _, err := dec.Decode(d.packets[i][d.decoded%len(d.packets[i])], d.out); err != nil {
			return err
		}
	}
	d.decoded++
	return nil
}

func (d *desk) mix() error {
	d.still.next(d)
	return nil
}

// encode takes one speaker for the mix: the encoder's work hardly depends on how many it hears.
func (d *desk) encode() error {
	_, err := d.enc.Encode(d.pcm[0][d.encoded%len(d.pcm[0])], d.packet[:])
	d.encoded++
	return err
}

func (d *desk) together() error {
	d.full.next(d)
	_, err := d.enc.Encode(d.out, d.packet[:])
	return err
}

// ready stands for a decoder and costs no more than copying.
type ready struct {
	frames [][]float32
	n      int
}

func (r *ready) next(pcm []float32) {
	copy(pcm, r.frames[r.n%len(r.frames)])
	r.n++
}

func (r *ready) Decode(_ []byte, pcm []float32) (int, error) {
	r.next(pcm)
	return mix.FrameSamples, nil
}

func (r *ready) DecodeFEC(_ []byte, pcm []float32) error {
	r.next(pcm)
	return nil
}

func (r *ready) DecodePLC(pcm []float32) error {
	r.next(pcm)
	return nil
}
