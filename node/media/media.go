// Package media turns files into streams of Opus packets, and what was heard into files.
//
//   - A source gives packets of exactly 20 ms, whatever the file holds.
//   - The only packets that a file's author wrote and a room carries unchanged are single CELT frames of 20 ms (concert).
//   - A recording that was cut off, as by a crash, can be played up to its last second.
//   - An error names the file, what is wrong with it, and what to do.
package media

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"salon/room/mix"
	"salon/room/opus"
)

// ErrFormat means that a file is not sound that salon can read.
var ErrFormat = errors.New("cannot play this file")

// Options configures OpenSource.
type Options struct {
	Channels int  // 1 for talk (0 means 1), 2 for concert
	Loop     bool // begin again at the end, without a gap; not possible with a pipe
}

// A Source is a stream of Opus packets of 20 ms.
type Source interface {
	// Next returns the next packet, valid until the next call; io.EOF at the end.
	Next() ([]byte, error)
	Close() error
}

// reader gives the sound of a file at 48 kHz, interleaved in the channels that were asked for.
type reader interface {
	// read fills pcm as far as it can and returns the samples of each channel; io.EOF comes alone, after the last.
	read(pcm []float32) (int, error)
}

// OpenSource opens a WAV or Ogg Opus file, or a pipe that gives one, as packets for a room.
func OpenSource(path string, o Options) (Source, error) {
	if o.Channels == 0 {
		o.Channels = 1
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err // it names the file and the reason
	}
	src, err := newSource(f, o)
	if err != nil {
		return nil, errors.Join(named(path, err), f.Close())
	}
	return src, nil
}

// CheckSource reports what OpenSource would find wrong with a file. A pipe, which can be read only once, it leaves alone.
func CheckSource(path string) error {
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() && !info.IsDir() {
		return err
	}
	src, err := OpenSource(path, Options{})
	if err != nil {
		return err
	}
	return src.Close()
}

func named(path string, err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	return fmt.Errorf("%s: %w", path, err)
}

func newSource(f *os.File, o Options) (Source, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return nil, fmt.Errorf("%w: it is a folder; name a WAV or Ogg Opus file in it", ErrFormat)
	}
	regular := info.Mode().IsRegular()
	if o.Loop && !regular {
		return nil, errors.New("a pipe cannot be played in a loop: leave out the loop, or name a file")
	}
	if o.Channels == 2 && !o.Loop && regular {
		if src, err := passThrough(f); src != nil || err != nil {
			return src, err
		}
	}
	profile := opus.Talk()
	if o.Channels == 2 {
		profile = opus.Concert()
	}
	enc, err := opus.NewEncoder(profile)
	if err != nil {
		return nil, err
	}
	r, err := openReader(f, o.Channels)
	if err != nil {
		return nil, err
	}
	e := &encoded{file: f, loop: o.Loop, reader: r, enc: enc, pcm: make([]float32, mix.FrameSamples*o.Channels)}
	return e, e.fill() // a file without sound is better refused before a room is opened for it
}

// openReader begins at the file's place, which is its start.
func openReader(f *os.File, channels int) (reader, error) {
	in := bufio.NewReaderSize(f, 1<<16)
	head, err := in.Peek(64)
	if len(head) == 0 {
		if err == io.EOF {
			return nil, fmt.Errorf("%w: it is empty", ErrFormat)
		}
		return nil, err
	}
	switch {
	case bytes.HasPrefix(head, []byte("RIFF")):
		return newWAVReader(in, channels)
	case bytes.HasPrefix(head, []byte("OggS")):
		return newOpusReader(in, channels)
	}
	return nil, fmt.Errorf("%w: it is %s; make it WAV or Ogg Opus first, as with `opusenc` or `sox IN OUT.wav`", ErrFormat, kindOf(head))
}

// kindOf names what people try most.
func kindOf(head []byte) string {
	for _, k := range []struct {
		at   int
		mark string
		name string
	}{
		{0, "fLaC", "FLAC"}, {0, "ID3", "MP3"}, {0, "\xff\xfb", "MP3"}, {0, "\xff\xf3", "MP3"}, {4, "ftyp", "MP4 or M4A"},
		{0, "RF64", "RF64, a WAV above 4 GiB"}, {0, "FORM", "AIFF"}, {0, "\x1aE\xdf\xa3", "WebM or Matroska"},
	} {
		if len(head) >= k.at+len(k.mark) && string(head[k.at:k.at+len(k.mark)]) == k.mark {
			return k.name
		}
	}
	return "not sound that salon knows"
}

// encoded is a Source that encodes.
type encoded struct {
	file   *os.File
	loop   bool
	reader reader
	enc    *opus.Encoder
	pcm    []float32
	filled bool // pcm holds the next frame
	packet [opus.MaxPacket]byte
	got    bool // sound since the start of this round
	ended  bool // the file has; what the encoder still holds follows
	done   bool
}

// lookAhead is what an encoder holds back, in samples: 6.5 ms (RFC 7845 section 4.2 names the 312 samples).
const lookAhead = 312

func (e *encoded) Next() ([]byte, error) {
	if !e.filled {
		if e.done {
			return nil, io.EOF
		}
		if err := e.fill(); err != nil {
			return nil, named(e.file.Name(), err)
		}
	}
	e.filled = false
	n, err := e.enc.Encode(e.pcm, e.packet[:])
	if err != nil {
		return nil, err
	}
	return e.packet[:n], nil
}

// fill reads the next frame into pcm.
func (e *encoded) fill() error {
	size, n := len(e.pcm), 0
	channels := e.enc.Channels()
	for n < size && !e.ended {
		k, err := e.reader.read(e.pcm[n:])
		n += k * channels
		e.got = e.got || k > 0
		switch {
		case err == io.EOF && !e.got:
			return fmt.Errorf("%w: it holds no sound", ErrFormat)
		case err == io.EOF && e.loop:
			err = e.rewind(channels)
		case err == io.EOF:
			e.ended, err = true, nil
		}
		if err != nil {
			return err
		}
	}
	if e.ended {
		// The last frame is filled up with silence, and followed by one more if the encoder holds back some sound.
		e.done = size-n >= lookAhead*channels
		clear(e.pcm[n:])
	}
	e.filled = true
	return nil
}

func (e *encoded) rewind(channels int) error {
	if _, err := e.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	r, err := openReader(e.file, channels)
	if err != nil {
		return err
	}
	e.reader, e.got = r, false
	return nil
}

func (e *encoded) Close() error { return e.file.Close() }

// passed is a Source of packets as they are in the file.
type passed struct {
	file *os.File
	ogg  *oggReader
	page [][]byte
}

// passThrough returns a source of the file's own packets if each of them is one that a concert room carries, and
// leaves the file at its start if not.
func passThrough(f *os.File) (Source, error) {
	fits := func() bool {
		ogg, head, err := openOgg(bufio.NewReaderSize(f, 1<<16))
		if err != nil || head.gain != 0 {
			return false
		}
		count := 0
		for {
			page, err := ogg.nextPage()
			if err == io.EOF {
				return count > 0
			}
			if err != nil {
				return false
			}
			for _, p := range page {
				if !mix.IsSingle(p) || !mix.IsCELT(p) || len(p) > opus.MaxPacket {
					return false
				}
				count++
			}
		}
	}
	ok := fits()
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	if !ok {
		return nil, nil // the reader says what is wrong with it, if anything is
	}
	ogg, _, err := openOgg(bufio.NewReaderSize(f, 1<<16))
	if err != nil {
		return nil, err
	}
	return &passed{file: f, ogg: ogg}, nil
}

func (p *passed) Next() ([]byte, error) {
	for len(p.page) == 0 {
		var err error
		if p.page, err = p.ogg.nextPage(); err != nil {
			return nil, named(p.file.Name(), err)
		}
	}
	data := p.page[0]
	p.page = p.page[1:]
	return data, nil
}

func (p *passed) Close() error { return p.file.Close() }

// ReadSamples returns the whole sound of a file at 48 kHz, interleaved, in 1 or 2 channels.
func ReadSamples(path string, channels int) (pcm []float32, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	r, err := openReader(f, channels)
	if err != nil {
		return nil, named(path, err)
	}
	frame := make([]float32, mix.FrameSamples*channels)
	for {
		n, err := r.read(frame)
		pcm = append(pcm, frame[:n*channels]...)
		if err == io.EOF {
			return pcm, nil
		}
		if err != nil {
			return nil, named(path, err)
		}
	}
}
