package rtc

import (
	"bytes"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/pion/rtp"

	"salon/node/udp"
	"salon/relay"
)

// A socket rests between two reads while many play, and only then; what clients say of how they hear us goes no further,
// unless somebody publishes.
func TestPortRests(t *testing.T) {
	for _, c := range []struct {
		name                         string
		playing, meeting, publishing int32
		rests, media                 bool
	}{
		{"few play", restFrom - 1, 0, 0, false, false},
		{"many play", restFrom, 0, 0, true, false},
		{"one is about to connect", 10 * restFrom, 1, 0, false, false},
		{"one publishes", 10 * restFrom, 0, 1, false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			listen := func() *net.UDPConn {
				l, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { l.Close() })
				return l
			}
			socket, client := listen(), listen()
			idle := make(chan struct{}) // taken by who rests alone
			conn := &portConn{UDPConn: socket, p: new(Port), in: udp.NewReader(socket), idle: idle, rest: stoppedTimer()}
			conn.p.playing.Store(c.playing)
			conn.p.meeting.Store(c.meeting)
			conn.p.publishing.Store(c.publishing)
			got := make(chan string)
			read := make(chan struct{})
			go func() {
				defer close(read)
				for b := make([]byte, 1500); ; {
					n, from, err := conn.ReadFromAddrPort(b)
					if err != nil {
						return
					}
					if from != client.LocalAddr().(*net.UDPAddr).AddrPort() {
						t.Errorf("from %v", from)
					}
					got <- string(b[:n])
				}
			}()
			late := time.After(20 * time.Second)
			rested := 0
			for i := range 20 {
				report, ask := fmt.Sprint("\x80 report ", i), fmt.Sprint("\x00 ask ", i)
				want := []string{ask}
				if c.media {
					want = []string{report, ask}
				}
				for _, s := range []string{report, ask} {
					if _, err := client.WriteTo([]byte(s), socket.LocalAddr()); err != nil {
						t.Fatal(err)
					}
				}
				for len(want) > 0 {
					select {
					case idle <- struct{}{}:
						rested++
					case s := <-got:
						if s != want[0] {
							t.Fatalf("%q is read, want %q", s, want[0])
						}
						want = want[1:]
					case <-late:
						t.Fatalf("waited in vain for %q", want[0])
					}
				}
			}
			if (rested > 0) != c.rests {
				t.Errorf("it rested %d times", rested)
			}
			socket.Close()
			<-read
		})
	}
}

// Who publishes by a port is heard though many play by it.
func TestPublishByPort(t *testing.T) {
	s := onPort(t, Options{})
	p, session := dial(t, s, Publish, nil)
	s.endpoint.opts.Port.playing.Add(restFrom)
	defer s.endpoint.opts.Port.playing.Add(-restFrom)
	go func() {
		// An error would show as a missing frame.
		_ = p.track.WriteRTP(&rtp.Packet{Header: rtp.Header{Version: 2}, Payload: opusOf(7)})
	}()
	var packet relay.Packet
	if err := session.Receive(&packet); err != nil || !bytes.Equal(packet.Frames[0].Sealed, opusOf(7)) {
		t.Fatalf("%+v, %v", packet, err)
	}
}
