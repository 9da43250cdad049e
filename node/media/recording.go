package media

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"salon/room/mix"
	"salon/room/opus"
)

// A Recording writes Opus packets of 20 ms to a file as they were heard: an Ogg Opus file gets the very packets, a WAV
// file their sound. What was lost keeps its place in time.
type Recording struct {
	ogg  *oggWriter
	file *os.File // under ogg

	wav  *wavWriter
	dec  *opus.Decoder
	pcm  []float32
	lost int // frames not written yet: the packet after them may carry a copy of the last
}

// CheckRecording refuses a name by which Record would not know what to make.
func CheckRecording(path string) error {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".ogg", ".opus", ".wav":
		return nil
	}
	return fmt.Errorf("%s: the name of a recording ends with .wav, .ogg or .opus", path)
}

// Record makes a recording of 1 or 2 channels, by the end of its name a WAV file (.wav) or an Ogg Opus file (.ogg,
// .opus). A file of that name is overwritten.
func Record(path string, channels int) (*Recording, error) {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".ogg", ".opus":
		f, err := os.Create(path)
		if err != nil {
			return nil, err
		}
		w, err := newOggWriter(f, channels, 0)
		if err != nil {
			return nil, errors.Join(named(path, err), f.Close())
		}
		return &Recording{ogg: w, file: f}, nil
	case ".wav":
		dec, err := opus.NewDecoder(channels)
		if err != nil {
			return nil, err
		}
		f, err := os.Create(path)
		if err != nil {
			return nil, err
		}
		w, err := newWAVWriter(f, channels)
		if err != nil {
			return nil, errors.Join(named(path, err), f.Close())
		}
		return &Recording{wav: w, dec: dec, pcm: make([]float32, 6*mix.FrameSamples*channels)}, nil
	}
	return nil, CheckRecording(path)
}

// Packet appends one packet, or a lost frame if it is empty.
func (r *Recording) Packet(packet []byte) error {
	switch {
	case r.ogg != nil && (len(packet) == 0 || !mix.IsSingle(packet)):
		return r.ogg.writeLost(1)
	case r.ogg != nil:
		return r.ogg.writePacket(packet)
	case len(packet) == 0:
		r.lost++
		return nil
	}
	if err := r.conceal(packet); err != nil {
		return err
	}
	n, err := r.dec.Decode(packet, r.pcm)
	if err != nil {
		r.lost++ // rubbish in place of a frame is a lost frame
		return nil
	}
	return r.wav.Write(r.pcm[:n*r.dec.Channels()])
}

// conceal writes the frames lost before next: the last from its copy in next, the others invented.
func (r *Recording) conceal(next []byte) error {
	frame := r.pcm[:mix.FrameSamples*r.dec.Channels()]
	for ; r.lost > 0; r.lost-- {
		var err error
		if r.lost == 1 && len(next) > 0 && mix.HasFEC(next) {
			err = r.dec.DecodeFEC(next, frame)
		} else {
			err = r.dec.DecodePLC(frame)
		}
		if err != nil {
			clear(frame)
		}
		if err := r.wav.Write(frame); err != nil {
			return err
		}
	}
	return nil
}

// Close completes the file.
func (r *Recording) Close() error {
	if r.ogg != nil {
		return errors.Join(r.ogg.close(), r.file.Close())
	}
	return errors.Join(r.conceal(nil), r.wav.Close())
}
