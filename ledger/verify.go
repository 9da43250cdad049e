package ledger

import (
	"fmt"
	"runtime"
	"sync"

	"golang.org/x/mod/sumdb/tlog"
)

// verifyAhead is how many entries are verified while those before them are taken in.
const verifyAhead = 512

// verified is a batch of records on its way: parsed and verified on every core, which is nearly all of the work, while
// the batch before is taken in.
type verified struct {
	records [][]byte
	entries []Entry
	err     error
	at      int // which entry err is of
}

// verifyAll reads records until next returns none, and calls each with every entry that is good. It stops at the first
// that is not, and says which.
func verifyAll(next func() ([]byte, error), each func(n uint64, record []byte, e Entry) error) (uint64, error) {
	var n uint64
	ahead := make(chan *verified, 1)
	done := make(chan struct{})
	var ended error
	var device Key
	var reader sync.WaitGroup
	reader.Go(func() {
		defer close(ahead)
		for {
			v := &verified{}
			for len(v.records) < verifyAhead {
				record, err := next()
				if err != nil || record == nil {
					ended = err
					break
				}
				v.records = append(v.records, record)
			}
			if len(v.records) == 0 {
				return
			}
			device = v.verify(device)
			select {
			case ahead <- v:
			case <-done:
				return
			}
			if v.err != nil || ended != nil {
				return
			}
		}
	})
	defer reader.Wait()
	defer close(done)
	for v := range ahead {
		for i, e := range v.entries {
			if v.err != nil && i == v.at {
				return n, v.err
			}
			if err := each(n, v.records[i], e); err != nil {
				return n, err
			}
			n++
		}
	}
	return n, ended
}

// verify parses and verifies a batch, on all cores, and returns the device of the log at its end.
func (v *verified) verify(device Key) Key {
	v.entries = make([]Entry, len(v.records))
	errs := make([]error, len(v.records))
	inParallel(len(v.records), func(i int) { v.entries[i], errs[i] = parseRecord(v.records[i]) })
	devices := make([]Key, len(v.records))
	for i, e := range v.entries {
		if open, ok := e.Body.(*Opened); ok && errs[i] == nil {
			if c, err := open.cert(e.Time); err == nil {
				device = c.Device
			} else {
				errs[i] = err
			}
		}
		devices[i] = device
	}
	inParallel(len(v.records), func(i int) {
		if errs[i] == nil {
			errs[i] = v.entries[i].Verify(devices[i])
		}
		if errs[i] == nil {
			errs[i] = v.entries[i].verifyDocs(Key{})
		}
	})
	for i, err := range errs {
		if err != nil {
			v.err, v.at = err, i
			break
		}
	}
	return device
}

// inParallel calls f for 0 to n-1 on every core, and returns when all are done.
func inParallel(n int, f func(i int)) {
	workers := min(runtime.GOMAXPROCS(0), n)
	var group sync.WaitGroup
	for w := range workers {
		group.Go(func() {
			for i := n * w / workers; i < n*(w+1)/workers; i++ {
				f(i)
			}
		})
	}
	group.Wait()
}

// tree is the hashes of one log's tree, as tlog stores them.
type tree struct{ hashes []tlog.Hash }

func (t *tree) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	list := make([]tlog.Hash, len(indexes))
	for i, at := range indexes {
		if at >= int64(len(t.hashes)) {
			return nil, fmt.Errorf("%w: hash %d of the tree", ErrCorrupt, at)
		}
		list[i] = t.hashes[at]
	}
	return list, nil
}

func (t *tree) add(e Entry) error {
	more, err := tlog.StoredHashesForRecordHash(int64(e.Seq), e.leaf(), t)
	t.hashes = append(t.hashes, more...)
	return err
}
