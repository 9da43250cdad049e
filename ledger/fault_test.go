package ledger

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// memFile is a file in memory, to read.
type memFile struct {
	b []byte
	file
}

func (m *memFile) ReadAt(b []byte, at int64) (int, error) { return bytes.NewReader(m.b).ReadAt(b, at) }
func (m *memFile) size() (int64, error)                   { return int64(len(m.b)), nil }
func (m *memFile) Close() error                           { return nil }

// scanFrom reads the record at an offset, as scan does when it comes there.
func (s *segment) scanFrom(at int64, n uint64) (int64, error) {
	size, err := s.f.size()
	if err != nil {
		return 0, err
	}
	record, err := (&window{f: s.f, size: size}).frame(at)
	var d *DamageError
	if errors.As(err, &d) {
		d.Record = n
	}
	return at + frameHeader + int64(len(record)), err
}

var errFault = errors.New("the disk is on fire")

// faulty lets one call fail, the one whose number is fail; a write that fails has written half.
type faulty struct {
	calls, fail int
	names       []string
}

func (f *faulty) call(name string) error {
	f.calls++
	f.names = append(f.names, name)
	if f.calls == f.fail {
		return errFault
	}
	return nil
}

func (f *faulty) open(path string, flag int) (file, error) {
	if err := f.call("open"); err != nil {
		return nil, err
	}
	g, err := osFiles{}.open(path, flag)
	return &faultyFile{g, f}, err
}

func (f *faulty) rename(from, to string) error {
	if err := f.call("rename"); err != nil {
		return err
	}
	return osFiles{}.rename(from, to)
}

func (f *faulty) remove(path string) error {
	if err := f.call("remove"); err != nil {
		return err
	}
	return osFiles{}.remove(path)
}

func (f *faulty) syncDir(dir string) error {
	if err := f.call("syncDir"); err != nil {
		return err
	}
	return osFiles{}.syncDir(dir)
}

type faultyFile struct {
	file
	f *faulty
}

func (g *faultyFile) ReadAt(b []byte, at int64) (int, error) {
	if err := g.f.call("read"); err != nil {
		return 0, err
	}
	return g.file.ReadAt(b, at)
}

func (g *faultyFile) WriteAt(b []byte, at int64) (int, error) {
	if err := g.f.call("write"); err != nil {
		n, _ := g.file.WriteAt(b[:len(b)/2], at)
		return n, err
	}
	return g.file.WriteAt(b, at)
}

func (g *faultyFile) Truncate(size int64) error {
	if err := g.f.call("truncate"); err != nil {
		return err
	}
	return g.file.Truncate(size)
}

func (g *faultyFile) Sync() error {
	if err := g.f.call("sync"); err != nil {
		return err
	}
	return g.file.Sync()
}

func (g *faultyFile) Close() error {
	err := g.file.Close()
	if e := g.f.call("close"); e != nil {
		return e
	}
	return err
}

func (g *faultyFile) size() (int64, error) {
	if err := g.f.call("size"); err != nil {
		return 0, err
	}
	return g.file.size()
}

var _ io.ReaderAt = (*faultyFile)(nil)

// Every call of the segment's files fails once, in a life of a ledger: begun, appended to, checkpointed, closed, opened
// again. What Append acknowledged is there afterwards, whatever failed.
func TestEveryFileCallFails(t *testing.T) {
	for fail := 1; ; fail++ {
		o := options(t.TempDir(), 1)
		f := &faulty{fail: fail}
		o.files = f
		acknowledged, noted := map[ID]bool{}, false
		var tip *Draft
		var tipNote ID
		life := func() error {
			s, err := Open(o)
			if err != nil {
				return err
			}
			for i := range 3 {
				entries, err := s.Append(noon, func(*Books) ([]Draft, error) { return []Draft{railKey(i)}, nil })
				if err != nil {
					return errors.Join(err, s.Close())
				}
				acknowledged[entries[0].ID] = true
			}
			note, id, err := NewNote("Encore!")
			if err != nil {
				return errors.Join(err, s.Close())
			}
			if tip == nil {
				d := tipWithNote(t, s, note, id)
				tip, tipNote = &d, id
				entries, err := s.Append(noon, func(*Books) ([]Draft, error) { return []Draft{*tip}, nil })
				if err != nil {
					return errors.Join(err, s.Close())
				}
				acknowledged[entries[0].ID], noted = true, true
			}
			if _, err := s.Checkpoint(noon); err != nil {
				return errors.Join(err, s.Close())
			}
			return s.Close()
		}
		failed := errors.Join(life(), life())
		if f.calls < fail {
			if failed != nil {
				t.Fatal(failed)
			}
			t.Logf("%d calls", f.calls)
			return
		}
		if failed == nil && f.names[fail-1] != "close" && f.names[fail-1] != "write" {
			t.Errorf("call %d, %s, failed and nobody heard", fail, f.names[fail-1])
		}
		o.files = nil
		s, err := Open(o)
		if err != nil {
			t.Fatalf("call %d, %s: %v", fail, f.names[fail-1], err)
		}
		if err := s.Entries(0, func(_ uint64, e Entry) bool { delete(acknowledged, e.ID); return true }); err != nil {
			t.Error(err)
		}
		if text, err := s.Note(tipNote); noted && (err != nil || text != "Encore!") {
			t.Errorf("call %d, %s: the note is %q, %v", fail, f.names[fail-1], text, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if len(acknowledged) > 0 {
			t.Errorf("call %d, %s: %d entries are lost", fail, f.names[fail-1], len(acknowledged))
		}
		healthy(t, o.Dir)
	}
}

// Every call of a backup, of a repair and of a restore fails once: what there was stays, or is whole.
func TestEveryCallOfARepairFails(t *testing.T) {
	o := options(t.TempDir(), 1)
	fill(t, o, 12)
	whole := read(t, filepath.Join(o.Dir, segmentName))
	db := read(t, filepath.Join(o.Dir, databaseName))
	for fail := 1; ; fail++ {
		dir := t.TempDir()
		f := &faulty{fail: fail}
		write(t, filepath.Join(dir, segmentName), flip(whole, len(whole)/2))
		write(t, filepath.Join(dir, databaseName), db)
		_, err := fsck(f, dir, true)
		if f.calls < fail {
			if err != nil {
				t.Fatal(err)
			}
			break
		}
		if h, err := Fsck(dir, true); err != nil || h.Entries != 12 {
			t.Fatalf("call %d, %s: %+v, %v", fail, f.names[fail-1], h, err)
		}
		healthy(t, dir)
	}
	for fail := 1; ; fail++ {
		f := &faulty{fail: fail}
		again := options(filepath.Join(t.TempDir(), "new"), 1)
		again.files = f
		s, err := Restore(again, filepath.Join(o.Dir, segmentName), nil)
		if err == nil {
			err = s.Close()
		}
		if f.calls < fail {
			if err != nil {
				t.Fatal(err)
			}
			break
		}
		if name := f.names[fail-1]; err == nil && name != "write" && name != "close" {
			t.Errorf("call %d, %s, failed and nobody heard", fail, f.names[fail-1])
		}
		// Whatever is there is whole, or nothing at all.
		if _, err := os.Stat(filepath.Join(again.Dir, databaseName)); err == nil {
			again.files = nil
			s, err := Open(again)
			if err != nil {
				t.Fatalf("call %d, %s: %v", fail, f.names[fail-1], err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			healthy(t, again.Dir)
		}
	}
}
