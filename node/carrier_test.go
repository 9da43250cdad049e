package node

import (
	"errors"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"salon/relay"
)

// A restingLink is an end of a link that brings what a test puts in, and at which nobody may wait.
type restingLink struct {
	t      *testing.T
	mu     sync.Mutex // guards the fields below
	queue  []relay.Packet
	closed bool
	wake   func()
}

func (l *restingLink) bring(p relay.Packet) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.queue = append(l.queue, p)
	l.tell()
}

func (l *restingLink) tell() {
	if wake := l.wake; wake != nil {
		l.wake = nil
		wake()
	}
}

func (l *restingLink) Rest(wake func()) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.queue) > 0 || l.closed {
		return false
	}
	l.wake = wake
	return true
}

func (l *restingLink) Receive(p *relay.Packet) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed:
		return io.EOF
	case len(l.queue) == 0:
		l.t.Error("somebody would wait here")
		return io.EOF
	}
	*p, l.queue = l.queue[0], l.queue[1:]
	return nil
}

func (l *restingLink) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	l.tell()
	return nil
}

func (l *restingLink) Send(*relay.Packet)     {}
func (l *restingLink) Stats() relay.LinkStats { return relay.LinkStats{} }

// deaf is a mediaSink.
type deaf struct{}

func (deaf) frame(relay.Frame, bool, time.Time) (j judgement) { return j }
func (deaf) beside(relay.Frame, bool, time.Time)              {}
func (deaf) auth(*relay.Auth, time.Time) (j judgement)        { return j }
func (deaf) due() bool                                        { return false }

// For a child that is silent nobody waits: what it sends is taken as it comes, in order, and its end and a trespass are told.
func TestSilentChildHasNoReceiver(t *testing.T) {
	for name, trespass := range map[string]bool{"it goes": false, "it trespasses": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m, crew, l := newMedia(relay.Options{}, relay.PlaceOptions{Fanout: 8}, deaf{}, nowhere{}), newCrew(), &restingLink{t: t}
				defer crew.close()
				const id = relay.Peer("child")
				m.do(func(tree *relay.Tree, now time.Time) {
					if err := tree.AddChild(id, now); err != nil {
						t.Fatal(err)
					}
					if !trespass {
						_ = tree.Allow(id, relay.AllSlots, now)
					}
				})
				m.setLink(id, l)
				var over []error
				m.carryFrom(crew, id, l, func(err error) { over = append(over, err) })
				time.Sleep(time.Minute) // its rights are no longer new
				const n = 200
				for i := range uint64(n) {
					l.bring(relay.Packet{Frames: []relay.Frame{{Slot: 3, Number: i, Sealed: []byte{1}}}})
					time.Sleep(relay.FrameDuration)
				}
				synctest.Wait()
				if !trespass {
					var got uint64
					m.do(func(tree *relay.Tree, _ time.Time) { got = tree.Stats().Received })
					if got != n || len(over) != 0 {
						t.Fatalf("%d of %d frames came, ended %v", got, n, over)
					}
					l.Close()
					synctest.Wait()
				}
				if len(over) != 1 || errors.Is(over[0], relay.ErrTrespass) != trespass || trespass != (over[0] != nil) {
					t.Fatalf("ended %v", over)
				}
				if m.links[id] != nil {
					t.Error("the link is still there")
				}
			})
		})
	}
}
