package rtc

import (
	"fmt"
	"testing"
	"time"

	"salon/relay"
)

// What one frame costs when it is played by several pages, from Send to the clients' hands: both ends of each session
// run here, so the node's share is about half.
func BenchmarkPlay(b *testing.B) {
	for _, pages := range []int{1, 8} {
		b.Run(fmt.Sprintf("pages=%d", pages), func(b *testing.B) {
			s := newSite(b, Options{})
			var peers []*peer
			var sessions []*Session
			for range pages {
				p, session := dial(b, s, Play, nil)
				peers, sessions = append(peers, p), append(sessions, session)
			}
			payload := make([]byte, 100) // 40 kbit/s
			payload[0] = 0xf8
			packet := relay.Packet{Frames: make([]relay.Frame, 1)}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				packet.Frames[0] = relay.Frame{Number: uint64(i), Sealed: payload}
				for _, session := range sessions {
					session.Send(&packet)
				}
				for _, p := range peers {
					receive(b, p.got, "frame")
				}
			}
			b.ReportMetric(float64(b.Elapsed())/float64(b.N*pages), "ns/packet")
		})
	}
}

// From a page's offer to a session that is connected at both ends.
func BenchmarkConnect(b *testing.B) {
	s := newSite(b, Options{})
	var worst time.Duration
	for b.Loop() {
		begin := time.Now()
		p, session := dial(b, s, Publish, nil)
		worst = max(worst, time.Since(begin))
		p.pc.Close()
		session.Close()
	}
	b.ReportMetric(float64(worst.Milliseconds()), "worst-ms")
}
