package rtc

import (
	"testing"

	"github.com/pion/rtp"

	"salon/relay/linktest"
)

// A Play session is one end and a Publish session the other; between them a page that hears the first and repeats it
// to the second, packet by packet, after fate has had its way.
func TestLink(t *testing.T) {
	linktest.Run(t, linktest.Maker{FramesOnly: true, New: func(t *testing.T, fate func(int) linktest.Fate) linktest.Pair {
		s := newSite(t, Options{})
		hears, a := dial(t, s, Play, nil)
		says, b := dial(t, s, Publish, nil)
		end := make(chan struct{})
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			repeat(hears, says, fate, end)
		}()
		t.Cleanup(func() {
			close(end)
			<-ended
		})
		return linktest.Pair{A: a, B: b}
	}})
}

func repeat(from, to *peer, fate func(int) linktest.Fate, end chan struct{}) {
	type late struct {
		packet rtp.Packet
		due    int // the unit after which it goes
	}
	var waiting []late
	say := func(p rtp.Packet) { _ = to.track.WriteRTP(&p) } // fails once the session has ended
	for unit := 0; ; unit++ {
		var b []byte
		select {
		case b = <-from.got:
		case <-end:
			return
		}
		var p rtp.Packet
		if err := p.Unmarshal(b); err != nil {
			continue
		}
		f := fate(unit)
		switch {
		case f.Drop:
		case f.Behind > 0:
			waiting = append(waiting, late{p, unit + f.Behind})
			if f.Twice {
				say(p)
			}
		default:
			say(p)
			if f.Twice {
				say(p)
			}
		}
		rest := waiting[:0]
		for _, l := range waiting {
			if l.due <= unit {
				say(l.packet)
			} else {
				rest = append(rest, l)
			}
		}
		waiting = rest
	}
}
