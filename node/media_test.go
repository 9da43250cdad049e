package node

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"salon/relay"
)

// A ticks is a mediaSink that notes when the tree was looked at.
type ticks struct {
	deaf
	at []time.Duration
	t0 time.Time
}

func (s *ticks) due() bool {
	s.at = append(s.at, time.Since(s.t0))
	return false
}

// Whoever works on the tree looks at what is due: nobody wakes up for that alone, but while nobody works or something is missing.
func TestTheTreeIsLookedAtByWhoWorksOnIt(t *testing.T) {
	const ms = time.Millisecond
	frame := func(n uint64) relay.Frame { return relay.Frame{Slot: relay.Program, Number: n, Sealed: []byte{1}} }
	for _, tt := range []struct {
		name string
		work func(m *media, parent relay.Link)
		want []time.Duration
	}{
		{"nobody works", func(*media, relay.Link) { time.Sleep(100 * ms) }, []time.Duration{20 * ms, 45 * ms, 70 * ms, 95 * ms}},
		{"we publish", func(m *media, _ relay.Link) {
			for n := range uint64(5) {
				time.Sleep(18 * ms)
				m.publish(frame(n))
			}
		}, []time.Duration{18 * ms, 36 * ms, 54 * ms, 72 * ms, 90 * ms}},
		{"a frame is missing, until it comes after 46 ms", func(m *media, parent relay.Link) {
			for _, n := range []uint64{1, 3} {
				time.Sleep(8 * ms)
				_ = m.receive("ann", parent, &relay.Packet{Frames: []relay.Frame{frame(n)}})
			}
			time.Sleep(30 * ms)
			_ = m.receive("ann", parent, &relay.Packet{Frames: []relay.Frame{frame(2)}})
			time.Sleep(30 * ms)
		}, []time.Duration{8 * ms, 21 * ms, 31 * ms, 41 * ms, 51 * ms, 76 * ms}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sink, parent := &ticks{t0: time.Now()}, &restingLink{t: t}
				m := newMedia(relay.Options{}, relay.PlaceOptions{}, sink, nowhere{})
				m.do(func(tree *relay.Tree, now time.Time) { tree.SetParent("ann", now) })
				m.setLink("ann", parent)
				ctx, leave := context.WithCancel(t.Context())
				ended := make(chan struct{})
				go func() {
					m.run(ctx)
					close(ended)
				}()
				tt.work(m, parent)
				leave()
				<-ended
				if !slices.Equal(sink.at, tt.want) {
					t.Errorf("looked at after %v, want %v", sink.at, tt.want)
				}
			})
		})
	}
}
