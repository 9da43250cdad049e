package rtc

import (
	"bytes"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"
	"github.com/pion/webrtc/v4"

	"salon/node/udp"
	"salon/relay"
)

// onPort is a site all of whose sessions share a port.
func onPort(t testing.TB, o Options) *site {
	t.Helper()
	port, err := Listen(netip.MustParseAddrPort("127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	o.Port = port
	s := newSite(t, o) // its cleanup comes first
	t.Cleanup(func() {
		s.endpoint.Close()
		if a, b, c := port.playing.Load(), port.meeting.Load(), port.publishing.Load(); a != 0 || b != 0 || c != 0 {
			t.Errorf("without a session %d play, %d of them about to connect, and %d publish", a, b, c)
		}
		if err := port.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// straight waits until a session's packets go by the port.
func straight(t testing.TB, s *Session) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		s.player.mu.Lock()
		ok := s.player.sender != nil && s.player.stream != nil
		s.player.mu.Unlock()
		if ok {
			return
		}
		if time.Now().After(end) {
			t.Fatal("ICE chose no address of the port")
		}
	}
}

func frameOf(i int) *relay.Packet {
	return &relay.Packet{Frames: []relay.Frame{{Number: uint64(i), Sealed: opusOf(i)}}}
}

// More packets than RTP has numbers, by the port and by ICE alone: sealed as the client opens them, and reported as sent.
func TestPlayer(t *testing.T) {
	for name, make := range map[string]func(testing.TB, Options) *site{"port": onPort, "ICE": newSite} {
		t.Run(name, func(t *testing.T) {
			s := make(t, Options{})
			p, session := dial(t, s, Play, nil)
			if name == "port" {
				straight(t, session)
			}
			session.player.mu.Lock()
			session.player.stream.seq = 1<<16 - 30 // so that it rolls over soon
			session.player.mu.Unlock()
			reports := reportsOf(p)
			var first, last rtp.Packet
			for i := range reportFirst {
				session.Send(frameOf(i))
				if err := last.Unmarshal(receive(t, p.got, "packet")); err != nil {
					t.Fatal(err)
				}
				if i == 0 {
					first = *last.Clone()
				}
				if !bytes.Equal(last.Payload, opusOf(i)) || last.SequenceNumber != uint16(1<<16-30+i) || last.Marker != (i == 0) || last.PayloadType != 96 {
					t.Fatalf("frame %d came as %v", i, &last)
				}
			}
			r := receive(t, reports, "sender report")
			if at := r.NTPTime >> 32; r.SSRC != first.SSRC || r.RTPTime != last.Timestamp || r.PacketCount != reportFirst ||
				r.OctetCount != reportFirst*uint32(len(opusOf(0))) || int64(at)-2208988800-time.Now().Unix() < -60 {
				t.Errorf("%+v after %v", r, &last)
			}
			if st := session.Stats(); st.Sent != reportFirst || st.Dropped != 0 {
				t.Errorf("%+v", st)
			}
		})
	}
}

// A client gets at once what its buffer begins with, the newest of what came while it connected, and then what follows.
func TestPlayerFillsTheBuffer(t *testing.T) {
	for name, make := range map[string]func(testing.TB, Options) *site{"port": onPort, "ICE": newSite} {
		t.Run(name, func(t *testing.T) {
			const before = 10
			s := make(t, Options{})
			s.accepted = func(session *Session) {
				for i := range before {
					session.Send(frameOf(i))
				}
			}
			p, session := dial(t, s, Play, nil)
			if name == "port" {
				straight(t, session)
			}
			session.Send(frameOf(before))
			var first uint16
			for i := before - bufferFirst; i <= before; i++ {
				var got rtp.Packet
				if err := got.Unmarshal(receive(t, p.got, "packet")); err != nil {
					t.Fatal(err)
				}
				if i == before-bufferFirst {
					first = got.SequenceNumber
				}
				if !bytes.Equal(got.Payload, opusOf(i)) || got.SequenceNumber-first != uint16(i-before+bufferFirst) {
					t.Errorf("frame %d came as %v", i, &got)
				}
			}
			if st := session.Stats(); st.Sent != bufferFirst+1 || st.Dropped != before-bufferFirst {
				t.Errorf("%+v", st)
			}
		})
	}
}

// reportsOf are the sender reports that a peer gets.
func reportsOf(p *peer) <-chan *rtcp.SenderReport {
	out := make(chan *rtcp.SenderReport, 10)
	go func() {
		for {
			all, _, err := p.pc.GetReceivers()[0].ReadRTCP()
			if err != nil {
				return
			}
			for _, r := range all {
				if sr, ok := r.(*rtcp.SenderReport); ok {
					out <- sr
				}
			}
		}
	}()
	return out
}

// Whoever begins DTLS, the other waits.
func TestPlayerWaitsForDTLS(t *testing.T) {
	s := onPort(t, Options{})
	p := newPeer(t, Play, nil)
	offer := strings.Replace(p.offer(t), "a=setup:actpass", "a=setup:active", 1)
	code, _, answer := s.do(t, http.MethodPost, "/whep", sdpType, offer)
	if code != http.StatusCreated || !strings.Contains(answer, "a=setup:passive") {
		t.Fatal(code, answer)
	}
	if err := p.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		t.Fatal(err)
	}
	session := s.session(t)
	receive(t, p.connected, "connection")
	receive(t, session.Connected(), "connection")
	straight(t, session)
	session.Send(frameOf(1))
	receive(t, p.got, "packet")
}

// A client with another certificate than its offer's hears nothing.
func TestPlayerKnowsItsClient(t *testing.T) {
	s := newSite(t, Options{})
	p := newPeer(t, Play, nil)
	offer := p.offer(t)
	at := strings.Index(offer, "a=fingerprint:sha-256 ") + len("a=fingerprint:sha-256 ")
	other := "00"
	if offer[at:at+2] == other {
		other = "01"
	}
	code, _, answer := s.do(t, http.MethodPost, "/whep", sdpType, offer[:at]+other+offer[at+2:])
	if code != http.StatusCreated {
		t.Fatal(code, answer)
	}
	if err := p.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		t.Fatal(err)
	}
	session := s.session(t)
	receive(t, session.Done(), "end")
	select {
	case <-session.Connected():
		t.Error("it connected")
	default:
	}
	if !errors.Is(session.Err(), ErrGone) {
		t.Error(session.Err())
	}
}

// A packet by the port costs no memory.
func TestPlayerAllocatesNothing(t *testing.T) {
	session := deafened(t)
	packet, i := frameOf(0), 0
	send := func() {
		packet.Frames[0].Number = uint64(i)
		i++
		session.Send(packet)
	}
	for range 1000 { // the queue grows first
		send()
	}
	if n := testing.AllocsPerRun(1000, send); n != 0 {
		t.Errorf("%v allocations a packet", n)
	}
	if st := session.Stats(); st.Sent < 2000 {
		t.Errorf("%+v", st)
	}
}

// deafened is a session that is connected, by a port, to somebody who never reads.
func deafened(t testing.TB) *Session {
	t.Helper()
	port, err := Listen(netip.MustParseAddrPort("127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	deaf, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		deaf.Close()
		if err := port.Close(); err != nil {
			t.Error(err)
		}
	})
	seal, err := srtp.CreateContext(make([]byte, 16), make([]byte, 12), srtp.ProtectionProfileAeadAes128Gcm)
	if err != nil {
		t.Fatal(err)
	}
	s := newSession(New(Options{Port: port}), Play, false)
	s.player = &player{s: s, stream: newStream(seal, 1, 111), to: udp.PlaceAt(deaf.LocalAddr().(*net.UDPAddr).AddrPort())}
	for _, s.player.sender = range port.senders {
	}
	return s
}

func BenchmarkPlayerSend(b *testing.B) {
	session := deafened(b)
	packet := &relay.Packet{Frames: []relay.Frame{{Sealed: make([]byte, 100)}}}
	b.ReportAllocs()
	for i := uint64(0); b.Loop(); i++ {
		packet.Frames[0].Number = i
		session.Send(packet)
	}
}
