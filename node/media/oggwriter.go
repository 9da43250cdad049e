package media

import (
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"

	"salon/room/mix"
	"salon/room/opus"
)

// An oggWriter writes Opus packets of 20 ms as they are.
type oggWriter struct {
	out     io.Writer
	stream  uint32
	pages   uint32
	granule uint64 // samples up to the end of what was written
	sizes   []byte // segments of the page that is being filled
	content []byte
	page    []byte
	count   int    // packets in it
	like    []byte // TOC of the last packet
}

// pagePackets end a page: 1 s of sound is what may be lost when the writer dies.
const pagePackets = 50

// newOggWriter begins a file of 1 or 2 channels. preSkip is the number of samples at its start that are not to be
// heard: 312 of a stream from the start of its encoder, 0 of one that was running already.
func newOggWriter(out io.Writer, channels, preSkip int) (*oggWriter, error) {
	w := &oggWriter{out: out, stream: rand.Uint32()}
	head := append([]byte("OpusHead"), 1, byte(channels))
	head = binary.LittleEndian.AppendUint16(head, uint16(preSkip))
	head = binary.LittleEndian.AppendUint32(head, mix.SampleRate)
	head = append(head, 0, 0, 0) // no gain, one stream of one or two channels
	tags := binary.LittleEndian.AppendUint32([]byte("OpusTags"), uint32(len("salon")))
	tags = append(tags, "salon"...)
	tags = binary.LittleEndian.AppendUint32(tags, 0) // comments
	for _, p := range []struct {
		flags byte
		data  []byte
	}{{firstPage, head}, {0, tags}} {
		w.add(p.data)
		if err := w.flush(p.flags); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// writePacket appends a packet of 20 ms.
func (w *oggWriter) writePacket(packet []byte) error {
	if !mix.IsSingle(packet) || len(packet) > opus.MaxPacket {
		return fmt.Errorf("not an Opus packet of 20 ms: %d bytes", len(packet))
	}
	// A full page waits for the next packet, as the last page has to hold the sound that its end cuts short.
	if w.count >= pagePackets || len(w.sizes)+len(packet)/255+1 > 255 {
		if err := w.flush(0); err != nil {
			return err
		}
	}
	w.like = append(w.like[:0], packet[0])
	w.add(packet)
	w.granule += mix.FrameSamples
	return nil
}

// writeLost appends frames in place of those that were lost, so that what follows stays at its time: a player conceals
// them.
func (w *oggWriter) writeLost(frames int) error {
	for range frames {
		if err := w.writePacket(mix.Gap(w.like)); err != nil {
			return err
		}
	}
	return nil
}

// close writes what is left and marks the end. It does not close what it writes to.
func (w *oggWriter) close() error {
	return w.flush(lastPage)
}

// add puts a packet on the page.
func (w *oggWriter) add(packet []byte) {
	n := len(packet)
	for ; n >= 255; n -= 255 {
		w.sizes = append(w.sizes, 255)
	}
	w.sizes = append(w.sizes, byte(n))
	w.content = append(w.content, packet...)
	w.count++
}

// flush writes the page in one piece.
func (w *oggWriter) flush(flags byte) error {
	b := append(w.page[:0], "OggS\x00"...)
	b = append(b, flags)
	b = binary.LittleEndian.AppendUint64(b, w.granule)
	b = binary.LittleEndian.AppendUint32(b, w.stream)
	b = binary.LittleEndian.AppendUint32(b, w.pages)
	b = append(b, 0, 0, 0, 0, byte(len(w.sizes)))
	b = append(b, w.sizes...)
	b = append(b, w.content...)
	binary.LittleEndian.PutUint32(b[22:], oggCRC(b))
	w.page, w.sizes, w.content, w.count = b, w.sizes[:0], w.content[:0], 0
	w.pages++
	_, err := w.out.Write(b)
	return err
}
