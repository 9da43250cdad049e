package ledger

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
)

// A segment is the second copy of a ledger: every record, in order, appended to one plain file. The database can be
// built from it, and a backup is one.
//
//	offset  size  field, big endian
//	0       8     "salonlg" and the version, 1
//	8             records, each:
//	0       4     length of the record
//	4       4     CRC-32C of the record
//	8       n     the record
//
// It is written after the database has the records, and synced now and then: what a crash takes off its end the database
// still has.
type segment struct {
	f    file
	end  int64
	last []byte // the newest record
}

const (
	segmentMagic = "salonlg\x01"
	frameHeader  = 8
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// A DamageError says where a file is damaged.
type DamageError struct {
	File   string
	Offset int64  // of the record in a segment
	Record uint64 // its number, from 0
	Torn   bool   // nothing readable follows: a write that did not finish
	Err    error
}

func (e *DamageError) Error() string {
	return fmt.Sprintf("%s: record %d at byte %d: %v", e.File, e.Record, e.Offset, e.Err)
}

func (e *DamageError) Unwrap() error { return e.Err }

// Is makes every damage an ErrCorrupt.
func (e *DamageError) Is(target error) bool { return target == ErrCorrupt }

func openSegment(fs files, path string, flag int) (*segment, error) {
	f, err := fs.open(path, flag)
	if err != nil {
		return nil, err
	}
	s := &segment{f: f}
	if err := s.start(flag&os.O_RDWR != 0); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), f.Close())
	}
	return s, nil
}

// start reads the file's head, and writes it to a new file.
func (s *segment) start(write bool) error {
	size, err := s.f.size()
	if err != nil {
		return err
	}
	if size < int64(len(segmentMagic)) && write {
		// A crash may have come between making the file and its first bytes.
		if err := s.f.Truncate(0); err != nil {
			return err
		}
		if _, err := s.f.WriteAt([]byte(segmentMagic), 0); err != nil {
			return err
		}
		s.end = int64(len(segmentMagic))
		return s.f.Sync()
	}
	head := make([]byte, len(segmentMagic))
	if _, err := s.f.ReadAt(head, 0); err != nil {
		return fmt.Errorf("%w: it is no segment: %w", ErrCorrupt, err)
	}
	if string(head) != segmentMagic {
		return &DamageError{File: "segment", Err: errors.New("its first 8 bytes are not those of a segment")}
	}
	s.end = int64(len(segmentMagic))
	return nil
}

// scan reads every record from the start, and leaves end after the last. It stops at the first damage.
func (s *segment) scan(f func(n uint64, record []byte) error) (uint64, error) {
	size, err := s.f.size()
	if err != nil {
		return 0, err
	}
	at := int64(len(segmentMagic))
	r := &window{f: s.f, size: size}
	for n := uint64(0); ; n++ {
		s.end = at
		if at == size {
			return n, nil
		}
		record, err := r.frame(at)
		if err != nil {
			var d *DamageError
			if errors.As(err, &d) {
				d.Record = n
			}
			return n, err
		}
		s.last = append(s.last[:0], record...)
		if f != nil {
			if err := f(n, record); err != nil {
				return n, err
			}
		}
		at += frameHeader + int64(len(record))
	}
}

// append writes records to the end. After an error the end of the file is unknown.
func (s *segment) append(records [][]byte) error {
	var buf []byte
	for _, r := range records {
		buf = appendFrame(buf, r)
	}
	if len(buf) == 0 {
		return nil
	}
	if _, err := s.f.WriteAt(buf, s.end); err != nil {
		return err
	}
	s.end += int64(len(buf))
	s.last = append(s.last[:0], records[len(records)-1]...)
	return nil
}

func appendFrame(buf, record []byte) []byte {
	buf = binary.BigEndian.AppendUint32(buf, uint32(len(record)))
	buf = binary.BigEndian.AppendUint32(buf, crc32.Checksum(record, castagnoli))
	return append(buf, record...)
}

// cut drops what stands after the last good record.
func (s *segment) cut() error { return s.f.Truncate(s.end) }

func (s *segment) sync() error  { return s.f.Sync() }
func (s *segment) close() error { return s.f.Close() }

// window reads a file front to back through one buffer.
type window struct {
	f    file
	size int64
	buf  []byte
	at   int64 // of buf
}

const windowSize = 1 << 20

// bytes returns n bytes at an offset, valid until the next call.
func (w *window) bytes(at int64, n int) ([]byte, error) {
	if at < w.at || at+int64(n) > w.at+int64(len(w.buf)) {
		size := min(max(windowSize, int64(n)), w.size-at)
		w.buf = make([]byte, size) // records of the window before may still be in use
		if got, err := w.f.ReadAt(w.buf, at); err != nil && !(errors.Is(err, io.EOF) && got == len(w.buf)) {
			w.buf = nil
			return nil, err
		}
		w.at = at
	}
	return w.buf[at-w.at : at-w.at+int64(n)], nil
}

// frame returns the record at an offset.
func (w *window) frame(at int64) ([]byte, error) {
	damage := func(torn bool, format string, a ...any) error {
		return &DamageError{File: "segment", Offset: at, Torn: torn, Err: fmt.Errorf(format, a...)}
	}
	if at+frameHeader > w.size {
		return nil, damage(true, "its frame is cut off")
	}
	head, err := w.bytes(at, frameHeader)
	if err != nil {
		return nil, err
	}
	n, sum := binary.BigEndian.Uint32(head), binary.BigEndian.Uint32(head[4:])
	if n == 0 || n > maxRecord {
		return nil, damage(w.zeroFrom(at), "length %d", n)
	}
	if at+frameHeader+int64(n) > w.size {
		return nil, damage(true, "%d of %d bytes are there", w.size-at-frameHeader, n)
	}
	record, err := w.bytes(at+frameHeader, int(n))
	if err != nil {
		return nil, err
	}
	if crc32.Checksum(record, castagnoli) != sum {
		return nil, damage(at+frameHeader+int64(n) == w.size, "its checksum is wrong")
	}
	return record, nil
}

// zeroFrom reports whether only zeros follow: a file that grew before its bytes came.
func (w *window) zeroFrom(at int64) bool {
	for ; at < w.size; at += windowSize {
		b, err := w.bytes(at, int(min(windowSize, w.size-at)))
		if err != nil {
			return false
		}
		for _, c := range b {
			if c != 0 {
				return false
			}
		}
	}
	return true
}
