package media

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"

	"salon/room/mix"
)

// The WAV format of salon is in this file.
//
//	offset  size  field, little endian
//	0       4     "RIFF"
//	4       4     bytes that follow
//	8       4     "WAVE"
//	12      8+n   chunks: name (4), bytes (4), content, filled up to an even length; "fmt " and then "data" are needed
//
// The content of "fmt ": format (2: 1 integers, 3 floats, 0xfffe extended), channels (2), samples a second (4), bytes a
// second (4), bytes of one sample of all channels (2), bits of one sample (2), and if extended, at 24, the format (2).
const (
	wavInteger  = 1
	wavFloat    = 3
	wavExtended = 0xfffe

	wavHeader = 44                             // bytes of a recording before its sound
	wavMost   = math.MaxUint32 - wavHeader - 8 // bytes of sound in a file
)

// A wavReader gives the sound of a WAV file at 48 kHz.
type wavReader struct {
	in       io.Reader
	channels int // of the file
	out      int // that are given
	bytes    int // of one sample of one channel
	float    bool
	raw      []byte
	pcm      []float32
	rate     *rateConverter // nil at 48 kHz
}

func newWAVReader(in *bufio.Reader, channels int) (*wavReader, error) {
	head := make([]byte, 12)
	if _, err := io.ReadFull(in, head); err != nil || string(head[8:]) != "WAVE" {
		return nil, fmt.Errorf("%w: it begins as a WAV file but is none", ErrFormat)
	}
	r := &wavReader{out: channels}
	for {
		var chunk [8]byte
		if _, err := io.ReadFull(in, chunk[:]); err != nil {
			return nil, fmt.Errorf("%w: the WAV file ends before its sound", ErrFormat)
		}
		size := int64(binary.LittleEndian.Uint32(chunk[4:]))
		switch name := string(chunk[:4]); {
		case name == "fmt ":
			if err := r.format(in, size); err != nil {
				return nil, err
			}
		case name == "data" && r.bytes == 0:
			return nil, fmt.Errorf("%w: the WAV file does not say how its sound is stored", ErrFormat)
		case name == "data":
			r.in = in
			// A pipe cannot know its length beforehand and says 0, or the most there is: then all of it is sound.
			if size != 0 && size < math.MaxUint32-wavHeader {
				r.in = io.LimitReader(in, size)
			}
			return r, nil
		default:
			if _, err := io.CopyN(io.Discard, in, size+size&1); err != nil {
				return nil, fmt.Errorf("%w: the WAV file ends before its sound", ErrFormat)
			}
		}
	}
}

func (r *wavReader) format(in io.Reader, size int64) error {
	if size < 16 || size > 1024 {
		return fmt.Errorf("%w: the WAV file's format has %d bytes", ErrFormat, size)
	}
	b := make([]byte, size+size&1)
	if _, err := io.ReadFull(in, b); err != nil {
		return fmt.Errorf("%w: the WAV file ends in its format", ErrFormat)
	}
	format := binary.LittleEndian.Uint16(b)
	if format == wavExtended && size >= 26 {
		format = binary.LittleEndian.Uint16(b[24:])
	}
	channels, rate := int(binary.LittleEndian.Uint16(b[2:])), int(binary.LittleEndian.Uint32(b[4:]))
	bits := int(binary.LittleEndian.Uint16(b[14:]))
	integer := format == wavInteger && (bits == 16 || bits == 24 || bits == 32)
	if !integer && !(format == wavFloat && bits == 32) {
		return fmt.Errorf("%w: its samples are of kind %d with %d bits; `sox IN -b 16 OUT.wav` makes them 16 bits", ErrFormat, format, bits)
	}
	if channels < 1 || channels > 2 {
		return fmt.Errorf("%w: it has %d channels; `sox IN -c 2 OUT.wav` makes them 2", ErrFormat, channels)
	}
	if rate < 8000 || rate > 192000 {
		return fmt.Errorf("%w: it has %d samples a second; `sox IN -r 48000 OUT.wav` makes them 48000", ErrFormat, rate)
	}
	r.channels, r.bytes, r.float = channels, bits/8, format == wavFloat
	if rate != mix.SampleRate {
		r.rate = newRateConverter(rate, r.out)
	}
	return nil
}

func (r *wavReader) read(pcm []float32) (int, error) {
	if r.rate == nil {
		return r.readRaw(pcm)
	}
	for {
		if n := r.rate.read(pcm); n > 0 {
			return n, nil
		}
		if r.rate.ended {
			return 0, io.EOF
		}
		if len(r.pcm) == 0 {
			r.pcm = make([]float32, 1024*r.out)
		}
		n, err := r.readRaw(r.pcm)
		if err == io.EOF {
			r.rate.end()
		} else if err != nil {
			return 0, err
		}
		r.rate.write(r.pcm[:n*r.out])
	}
}

// readRaw reads at the file's own rate.
func (r *wavReader) readRaw(pcm []float32) (int, error) {
	block := r.bytes * r.channels
	want := len(pcm) / r.out * block
	if cap(r.raw) < want {
		r.raw = make([]byte, want)
	}
	got, err := io.ReadFull(r.in, r.raw[:want])
	n := got / block
	for i := range n {
		b := r.raw[i*block:]
		first := r.sample(b)
		second := first
		if r.channels == 2 {
			second = r.sample(b[r.bytes:])
		}
		if r.out == 2 {
			pcm[2*i], pcm[2*i+1] = first, second
		} else {
			pcm[i] = (first + second) / 2
		}
	}
	if n > 0 || err == nil {
		return n, nil
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = io.EOF // cut off within a sample
	}
	return 0, err
}

func (r *wavReader) sample(b []byte) float32 {
	switch {
	case r.float:
		s := math.Float32frombits(binary.LittleEndian.Uint32(b))
		if s != s {
			return 0
		}
		return min(max(s, -8), 8)
	case r.bytes == 2:
		return float32(int16(binary.LittleEndian.Uint16(b))) / (1 << 15)
	case r.bytes == 3:
		return float32(int32(uint32(b[0])<<8|uint32(b[1])<<16|uint32(b[2])<<24)) / (1 << 31)
	default:
		return float32(int32(binary.LittleEndian.Uint32(b))) / (1 << 31)
	}
}

// A wavWriter records 16-bit sound. Once a second it writes how much there is into the header.
type wavWriter struct {
	file     *os.File
	channels int
	fixed    bool // a pipe: the header cannot be written again
	bytes    int64
	told     int64 // bytes that the header says
	raw      []byte
}

func newWAVWriter(f *os.File, channels int) (*wavWriter, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	w := &wavWriter{file: f, channels: channels, fixed: !info.Mode().IsRegular()}
	size := uint32(0)
	if w.fixed {
		size = math.MaxUint32 - wavHeader
	}
	_, err = f.Write(w.header(size))
	return w, err
}

func (w *wavWriter) header(size uint32) []byte {
	b := append(make([]byte, 0, wavHeader), "RIFF"...)
	b = binary.LittleEndian.AppendUint32(b, size+wavHeader-8)
	b = append(b, "WAVEfmt "...)
	b = binary.LittleEndian.AppendUint32(b, 16)
	b = binary.LittleEndian.AppendUint16(b, wavInteger)
	b = binary.LittleEndian.AppendUint16(b, uint16(w.channels))
	b = binary.LittleEndian.AppendUint32(b, mix.SampleRate)
	b = binary.LittleEndian.AppendUint32(b, uint32(mix.SampleRate*2*w.channels))
	b = binary.LittleEndian.AppendUint16(b, uint16(2*w.channels))
	b = binary.LittleEndian.AppendUint16(b, 16)
	b = append(b, "data"...)
	return binary.LittleEndian.AppendUint32(b, size)
}

func (w *wavWriter) Write(pcm []float32) error {
	w.raw = w.raw[:0]
	for _, s := range pcm {
		v := math.RoundToEven(float64(s) * (1 << 15))
		w.raw = binary.LittleEndian.AppendUint16(w.raw, uint16(int16(min(max(v, math.MinInt16), math.MaxInt16))))
	}
	if !w.fixed && w.bytes+int64(len(w.raw)) > wavMost {
		return errors.New("a WAV file holds 4 GiB and is full: record to a .ogg file, which has no such limit")
	}
	n, err := w.file.Write(w.raw)
	w.bytes += int64(n)
	if err != nil {
		return err
	}
	if w.bytes-w.told >= int64(2*w.channels*mix.SampleRate) {
		return w.tell()
	}
	return nil
}

func (w *wavWriter) tell() error {
	if w.fixed {
		return nil
	}
	w.told = w.bytes
	_, err := w.file.WriteAt(w.header(uint32(w.bytes)), 0)
	return err
}

func (w *wavWriter) Close() error { return errors.Join(w.tell(), w.file.Close()) }
