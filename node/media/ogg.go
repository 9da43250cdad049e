package media

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// The Ogg format of salon is in this file: RFC 3533 for pages, RFC 7845 for Opus in them.
//
//	offset  size  field of a page, little endian
//	0       4     "OggS"
//	4       1     version, 0
//	5       1     flags: 1 goes on with a packet, 2 first page of the stream, 4 last page
//	6       8     granule position: samples at 48 kHz up to the end of the last packet that ends here, or -1
//	14      4     stream
//	18      4     number of the page in the stream
//	22      4     CRC-32 of the page, with 0 in this field
//	26      1     segments
//	27      n     length of each segment; a packet ends with one below 255
//	27+n          content
const (
	pageHeader = 27
	maxPacket  = 1 << 16 // bytes: 120 ms of Opus at its greatest rate are 61,440

	goesOn    = 1
	firstPage = 2
	lastPage  = 4

	// noGranule stands on a page on which no packet ends.
	noGranule = ^uint64(0)
)

// opusHead is what the first packet of a stream says.
type opusHead struct {
	channels int
	preSkip  int // samples at the start that are not to be heard
	gain     int // in 1/256 dB
}

// An oggReader reads the packets of the first stream in a file.
type oggReader struct {
	in      *bufio.Reader
	stream  uint32
	begun   bool
	offset  int64
	partial []byte // of a packet that goes on, on the next page
	granule uint64 // of the page read last
	last    bool   // it was the last page
	page    []byte
	packets [][]byte
}

// openOgg reads up to the sound.
func openOgg(in *bufio.Reader) (*oggReader, opusHead, error) {
	r := &oggReader{in: in}
	page, err := r.nextPage()
	if err == io.EOF || err == nil && len(page) != 1 {
		err = fmt.Errorf("%w: the Ogg file ends before its sound", ErrFormat)
	}
	if err != nil {
		return nil, opusHead{}, err
	}
	head, err := parseHead(page[0])
	if err != nil {
		return nil, opusHead{}, err
	}
	// The comments may take several pages, and no sound begins on their last one.
	for {
		page, err := r.nextPage()
		if err == io.EOF {
			return nil, opusHead{}, fmt.Errorf("%w: the Ogg file ends before its sound", ErrFormat)
		}
		if err != nil {
			return nil, opusHead{}, err
		}
		if len(page) > 0 {
			return r, head, nil
		}
	}
}

func parseHead(b []byte) (opusHead, error) {
	switch {
	case bytes.HasPrefix(b, []byte("\x01vorbis")):
		return opusHead{}, fmt.Errorf("%w: it is Ogg Vorbis, not Ogg Opus; `sox IN.ogg OUT.wav` makes it WAV", ErrFormat)
	case !bytes.HasPrefix(b, []byte("OpusHead")) || len(b) < 19:
		return opusHead{}, fmt.Errorf("%w: it is an Ogg file, but not of Opus", ErrFormat)
	}
	h := opusHead{
		channels: int(b[9]),
		preSkip:  int(binary.LittleEndian.Uint16(b[10:])),
		gain:     int(int16(binary.LittleEndian.Uint16(b[16:]))),
	}
	if b[8]>>4 != 0 || b[18] != 0 || h.channels < 1 || h.channels > 2 {
		return opusHead{}, fmt.Errorf("%w: it has %d channels; `opusdec IN - | opusenc --downmix-stereo - OUT.opus` makes them 2", ErrFormat, h.channels)
	}
	return h, nil
}

// nextPage returns the packets which end on the next page, valid until the next call. A page that is cut off is the end.
func (r *oggReader) nextPage() ([][]byte, error) {
	for {
		if r.last {
			return nil, io.EOF
		}
		flags, err := r.readPage()
		if err != nil {
			return nil, err
		}
		stream := binary.LittleEndian.Uint32(r.page[14:])
		if !r.begun {
			r.begun, r.stream = true, stream
		}
		if stream != r.stream {
			continue // another stream beside it, as a picture
		}
		r.granule = binary.LittleEndian.Uint64(r.page[6:])
		r.last = flags&lastPage != 0
		if flags&goesOn == 0 {
			r.partial = r.partial[:0]
		}
		return r.split()
	}
}

// readPage reads one page and checks it.
func (r *oggReader) readPage() (flags byte, err error) {
	r.page = append(r.page[:0], make([]byte, pageHeader)...)
	if _, err := io.ReadFull(r.in, r.page); err != nil {
		return 0, cutOff(err)
	}
	if string(r.page[:4]) != "OggS" || r.page[4] != 0 {
		return 0, fmt.Errorf("%w: it is damaged at byte %d, where an Ogg page should begin", ErrFormat, r.offset)
	}
	segments := int(r.page[26])
	r.page = append(r.page, make([]byte, segments)...)
	if _, err := io.ReadFull(r.in, r.page[pageHeader:]); err != nil {
		return 0, cutOff(err)
	}
	size := 0
	for _, s := range r.page[pageHeader:] {
		size += int(s)
	}
	r.page = append(r.page, make([]byte, size)...)
	if _, err := io.ReadFull(r.in, r.page[pageHeader+segments:]); err != nil {
		return 0, cutOff(err)
	}
	crc := binary.LittleEndian.Uint32(r.page[22:])
	clear(r.page[22:26])
	if crc != oggCRC(r.page) {
		return 0, fmt.Errorf("%w: the Ogg page at byte %d is damaged", ErrFormat, r.offset)
	}
	r.offset += int64(len(r.page))
	return r.page[5], nil
}

// cutOff takes an end in the middle of a page for an end: a recording may have been killed.
func cutOff(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return io.EOF
	}
	return err
}

// split cuts the page into packets.
func (r *oggReader) split() ([][]byte, error) {
	segments := r.page[pageHeader:][:r.page[26]]
	content := r.page[pageHeader+len(segments):]
	r.packets = r.packets[:0]
	start, end := 0, 0
	for _, s := range segments {
		end += int(s)
		if len(r.partial)+end-start > maxPacket {
			return nil, fmt.Errorf("%w: it holds a packet of more than %d bytes", ErrFormat, maxPacket)
		}
		if s == 255 {
			continue
		}
		data := content[start:end]
		if len(r.partial) > 0 {
			data = append(bytes.Clone(r.partial), data...)
			r.partial = r.partial[:0]
		}
		r.packets = append(r.packets, data)
		start = end
	}
	r.partial = append(r.partial, content[start:end]...)
	return r.packets, nil
}

var oggTable = makeOggTable()

func makeOggTable() (t [256]uint32) {
	for i := range t {
		c := uint32(i) << 24
		for range 8 {
			c = c<<1 ^ c>>31*0x04c11db7
		}
		t[i] = c
	}
	return t
}

// oggCRC is the CRC-32 with the usual polynomial, but the bits in the other order and without inversion.
func oggCRC(b []byte) (c uint32) {
	for _, v := range b {
		c = c<<8 ^ oggTable[byte(c>>24)^v]
	}
	return c
}
