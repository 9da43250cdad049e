package load

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"salon/node"
)

// joinWithin is how long one listener may take to come in, on a computer that is busy with others.
const joinWithin = 20 * time.Second

// A crowdOrder says where to listen, first, and then how many should; 0 asks only how it goes.
type crowdOrder struct {
	Link, Page string
	Listeners  int
}

// A crowdReport is all listeners together, since they came.
type crowdReport struct {
	CPU      time.Duration
	Expected uint64 // frames
	Missed   uint64 // of these, late or never
	Failed   string // why somebody could not come in; "" if all did
}

// A listener is one of the crowd.
type listener interface {
	frames() (expected, missed uint64)
}

// Crowd is the process of Options.Crowd: it carries out what comes by in, and returns when that ends. It leaves behind what
// its process holds.
func Crowd(ctx context.Context, in io.Reader, out io.Writer) error {
	orders, say := json.NewDecoder(in), json.NewEncoder(out)
	var to crowdOrder
	if err := orders.Decode(&to); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "salon-crowd-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	var all []listener
	for {
		var o crowdOrder
		switch err := orders.Decode(&o); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		var r crowdReport
		came, err := join(ctx, to, dir, len(all), o.Listeners)
		all = append(all, came...)
		if err != nil {
			r.Failed = err.Error()
		}
		r.CPU = ownCPU()
		for _, l := range all {
			expected, missed := l.frames()
			r.Expected += expected
			r.Missed += missed
		}
		if err := say.Encode(r); err != nil {
			return err
		}
	}
}

// join brings in listeners until there are so many.
func join(ctx context.Context, to crowdOrder, dir string, have, want int) ([]listener, error) {
	const together = 4
	var mu sync.Mutex
	var came []listener
	var failed error
	var next atomic.Int64
	var all sync.WaitGroup
	for range together {
		all.Go(func() {
			for {
				i := have + int(next.Add(1)) - 1
				mu.Lock()
				stop := i >= want || failed != nil
				mu.Unlock()
				if stop {
					return
				}
				l, err := joinOne(ctx, to, dir, i)
				mu.Lock()
				if err != nil {
					failed = fmt.Errorf("listener %d could not come in: %w", i+1, err)
				} else {
					came = append(came, l)
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	return came, failed
}

func joinOne(ctx context.Context, to crowdOrder, dir string, i int) (listener, error) {
	ctx, cancel := context.WithTimeout(ctx, joinWithin)
	defer cancel()
	if to.Page != "" {
		return NewBrowser(ctx, to.Page)
	}
	n, err := node.New(node.Options{
		Home: filepath.Join(dir, fmt.Sprint(i)), Name: fmt.Sprint("Listener ", i+1), Hidden: true, NoMDNS: true, Listen: loopback(),
	})
	if err != nil {
		return nil, err
	}
	r, err := n.Join(ctx, to.Link)
	if err != nil {
		return nil, err
	}
	if p := r.Phase(); p != node.Live {
		return nil, fmt.Errorf("%s: %s", p, r.View().Reason)
	}
	return native{r}, nil
}

// native is a listener with a node.
type native struct{ r *node.Room }

func (l native) frames() (expected, missed uint64) {
	s := l.r.Stats()
	return s.Expected, s.Concealed
}
