package ledger

import (
	"fmt"
	"runtime"
	"sync"

	"golang.org/x/mod/sumdb/tlog"
)

// verifyBatch is how many entries are verified together: a few milliseconds.
const verifyBatch = 64

// A verified is a batch of records on its way: read by one goroutine, parsed and verified by one of a few, which is nearly all
// of the work, and taken in by the caller's, in order.
type verified struct {
	records [][]byte
	entries []Entry
	err     error
	at      int // which entry err is of

	before <-chan Key    // whose log it is at the beginning of the batch, as the batch before it says
	after  chan Key      // holds one: whose it is at the end
	ready  chan struct{} // closed once the batch is verified
}

// verifyAll reads records until next returns none, and calls each with every entry that is good. It stops at the first
// that is not, and says which. As many batches as there are cores are verified at once; no core waits for another but at the
// end, whatever of its time reading and taking in have.
func verifyAll(next func() ([]byte, error), each func(n uint64, record []byte, e Entry) error) (uint64, error) {
	cores := runtime.GOMAXPROCS(0)
	todo, ahead := make(chan *verified, cores), make(chan *verified, 2*cores)
	done := make(chan struct{})
	var ended error // reading; read after ahead is closed
	var group sync.WaitGroup
	defer group.Wait()
	defer close(done)
	group.Go(func() {
		defer close(todo)
		defer close(ahead)
		first := make(chan Key, 1)
		first <- Key{}
		for before := first; ended == nil; {
			v := &verified{before: before, after: make(chan Key, 1), ready: make(chan struct{})}
			before = v.after
			for len(v.records) < verifyBatch {
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
			for _, to := range []chan<- *verified{ahead, todo} {
				select {
				case to <- v:
				case <-done:
					return
				}
			}
		}
	})
	for range cores {
		group.Go(func() {
			for v := range todo {
				v.verify()
				close(v.ready)
			}
		})
	}
	var n uint64
	for v := range ahead {
		<-v.ready
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

// verify parses and verifies the batch up to its first entry that is not good.
func (v *verified) verify() {
	v.entries = make([]Entry, len(v.records))
	devices := make([]Key, len(v.records))
	parsed := 0 // those that did
	for ; parsed < len(v.records); parsed++ {
		if v.entries[parsed], v.err = parseRecord(v.records[parsed]); v.err != nil {
			v.at = parsed
			break
		}
	}
	device := <-v.before // which the batch before knows as soon as it is parsed, and waits for nobody after it
	for i, e := range v.entries[:parsed] {
		if open, ok := e.Body.(*Opened); ok {
			c, err := open.cert(e.Time)
			if err != nil {
				v.err, v.at, parsed = err, i, i
				break
			}
			device = c.Device
		}
		devices[i] = device
	}
	v.after <- device
	for i := range parsed {
		err := v.entries[i].Verify(devices[i])
		if err == nil {
			err = v.entries[i].verifyDocs(Key{})
		}
		if err != nil {
			v.err, v.at = err, i
			return
		}
	}
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
