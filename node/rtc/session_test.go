package rtc

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtp"

	"salon/relay"
)

// opusOf is a packet of 20 ms (CELT, so far as its TOC goes) that tells packets apart.
func opusOf(i int) []byte { return []byte{0xf8, byte(i >> 8), byte(i), 0x55} }

func TestPublish(t *testing.T) {
	s := newSite(t, Options{})
	p, session := dial(t, s, Publish, nil)
	if session.Kind() != Publish || p.location != "/api/v1/media/"+session.ID() {
		t.Errorf("%v at %s", session.Kind(), p.location)
	}
	const n = 50
	go func() {
		for i := range n {
			if i == 7 {
				continue // lost
			}
			h := rtp.Header{Version: 2, SequenceNumber: uint16(65530 + i), Timestamp: uint32(i) * frameSamples}
			// Sent at once, so that the queue, which holds as many, is tested with it. An error would show as a missing frame.
			_ = p.track.WriteRTP(&rtp.Packet{Header: h, Payload: opusOf(i)})
		}
	}()
	var packet relay.Packet
	for i := range n {
		if i == 7 {
			continue
		}
		if err := session.Receive(&packet); err != nil {
			t.Fatal(err)
		}
		f := packet.Frames[0]
		if len(packet.Frames) != 1 || f.Number != uint64(i) || !bytes.Equal(f.Sealed, opusOf(i)) {
			t.Fatalf("frame %d came as %+v", i, packet.Frames)
		}
	}
	if st := session.Stats(); st.Received != n-1 || st.Dropped != 0 {
		t.Errorf("%+v", st)
	}
	session.Send(&packet)
	if s.endpoint.Stats().Dropped["wrong_direction"] != 1 {
		t.Error("a publisher was sent something")
	}
}

func TestPublishTellsLevel(t *testing.T) {
	s := newSite(t, Options{})
	p, session := dial(t, s, Publish, nil)
	if _, ok := session.Level(); ok {
		t.Error("level before any packet")
	}
	id := p.pc.GetSenders()[0].GetParameters().HeaderExtensions[0].ID
	h := rtp.Header{Version: 2}
	if err := h.SetExtension(uint8(id), []byte{0x80 | 42}); err != nil {
		t.Fatal(err)
	}
	if err := p.track.WriteRTP(&rtp.Packet{Header: h, Payload: opusOf(0)}); err != nil {
		t.Fatal(err)
	}
	var packet relay.Packet
	if err := session.Receive(&packet); err != nil {
		t.Fatal(err)
	}
	if l, ok := session.Level(); !ok || l != 42 {
		t.Errorf("level %d, %v", l, ok)
	}
}

func TestPlay(t *testing.T) {
	s := newSite(t, Options{})
	p, session := dial(t, s, Play, nil)
	const first = 1 << 40 // numbers may be clocks
	var before rtp.Packet
	for i := range 40 {
		if i == 7 {
			continue // lost upstream
		}
		session.Send(&relay.Packet{Frames: []relay.Frame{{Slot: 3, Number: first + uint64(i), Sealed: opusOf(i)}}})
		var got rtp.Packet
		if err := got.Unmarshal(receive(t, p.got, "packet")); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got.Payload, opusOf(i)) {
			t.Fatalf("frame %d came as %x", i, got.Payload)
		}
		steps := uint16(1)
		if i == 8 {
			steps = 2
		}
		if i > 0 && (got.SequenceNumber-before.SequenceNumber != steps || got.Timestamp-before.Timestamp != uint32(steps)*frameSamples) {
			t.Fatalf("frame %d: after %v came %v", i, before.Header, got.Header)
		}
		before = got
	}
	session.Send(&relay.Packet{Frames: []relay.Frame{{Number: first + 40}, {Number: first + 41, Sealed: make([]byte, maxPayload+1)}}})
	session.Close() // the writer has counted its last
	if st := session.Stats(); st.Sent != 39 || st.Dropped != 2 {
		t.Errorf("%+v", st)
	}
}

// What is sent before the client is there does not reach it late.
func TestPlayDropsWhatIsOld(t *testing.T) {
	s := newSite(t, Options{})
	p := newPeer(t, Play, nil)
	code, _, answer := s.do(t, http.MethodPost, "/whep", sdpType, p.offer(t))
	if code != http.StatusCreated {
		t.Fatal(answer)
	}
	session := s.session(t)
	for i := range 200 {
		session.Send(&relay.Packet{Frames: []relay.Frame{{Number: uint64(i), Sealed: opusOf(i)}}})
	}
	if st := session.Stats(); st.Dropped != 200-queued || st.Sent != 0 {
		t.Errorf("%+v", st)
	}
	session.Close()
	if err := session.Receive(&relay.Packet{}); !errors.Is(err, io.EOF) || !errors.Is(session.Err(), ErrClosed) {
		t.Errorf("after Close: %v, %v", err, session.Err())
	}
	session.Send(&relay.Packet{Frames: []relay.Frame{{Number: 1, Sealed: opusOf(1)}}})
}

func TestAnswerSaysMode(t *testing.T) {
	for _, tt := range []struct {
		stereo bool
		has    []string
	}{
		{false, []string{";stereo=0", "useinbandfec=1", "maxaveragebitrate=40000", "usedtx=0", "minptime=20", "a=ptime:20", "a=maxptime:20"}},
		{true, []string{";stereo=1", "sprop-stereo=1", "useinbandfec=0", "maxaveragebitrate=128000", "a=ptime:20"}},
	} {
		s := newSite(t, Options{})
		s.stereo = tt.stereo
		for _, kind := range []Kind{Publish, Play} {
			p, session := dial(t, s, kind, nil)
			for _, want := range tt.has {
				if strings.Count(p.answer, want) != 1 {
					t.Errorf("%v, stereo %v: %s in\n%s", kind, tt.stereo, want, p.answer)
				}
			}
			if strings.Count(p.answer, "a=fmtp:96 ") != 1 || session.Stereo() != tt.stereo {
				t.Errorf("%v, stereo %v:\n%s", kind, tt.stereo, p.answer)
			}
			for line := range strings.Lines(p.answer) {
				if strings.HasPrefix(line, "a=candidate") && !strings.Contains(line, " 127.0.0.1 ") && !strings.Contains(line, " ::1 ") {
					t.Errorf("loopback only, but %s", line)
				}
			}
		}
	}
}

func TestSessionThatNeverConnects(t *testing.T) {
	s := newSite(t, Options{ConnectWithin: 20 * time.Millisecond})
	p := newPeer(t, Publish, nil)
	if code, _, body := s.do(t, http.MethodPost, "/whip", sdpType, p.offer(t)); code != http.StatusCreated {
		t.Fatal(body)
	}
	session := s.session(t)
	receive(t, session.Done(), "end")
	if !errors.Is(session.Err(), ErrNeverConnected) {
		t.Error(session.Err())
	}
	if st := s.endpoint.Stats(); st.Open != 0 || st.Opened != 1 || st.Ended["never_connected"] != 1 {
		t.Errorf("%+v", st)
	}
}

func TestPageClosesPolitely(t *testing.T) {
	for _, kind := range []Kind{Publish, Play} {
		s := newSite(t, Options{GoneAfter: time.Hour}) // only the goodbye can end it
		p, session := dial(t, s, kind, nil)
		p.pc.Close()
		receive(t, session.Done(), "end")
		if !errors.Is(session.Err(), ErrGone) || s.endpoint.Stats().Ended["gone"] != 1 {
			t.Errorf("%v: %v", kind, session.Err())
		}
	}
}

func TestDelete(t *testing.T) {
	s := newSite(t, Options{})
	p, session := dial(t, s, Publish, nil)
	if code, _, body := s.do(t, http.MethodDelete, p.location, "", ""); code != http.StatusOK {
		t.Fatal(code, body)
	}
	receive(t, session.Done(), "end")
	if !errors.Is(session.Err(), ErrDeleted) {
		t.Error(session.Err())
	}
	receive(t, p.closed, "goodbye to the client")
	if code, _, _ := s.do(t, http.MethodDelete, p.location, "", ""); code != http.StatusNotFound {
		t.Error("deleted twice:", code)
	}
}

func TestOnSessionRefuses(t *testing.T) {
	s := newSite(t, Options{})
	for _, tt := range []struct {
		err  error
		code int
		text string
	}{
		{errors.New("Raise a hand first."), http.StatusForbidden, "Raise a hand first."},
		{&Refusal{http.StatusConflict, "room_ended", "This room has ended."}, http.StatusConflict, "This room has ended."},
	} {
		s.refuse = tt.err
		code, _, body := s.do(t, http.MethodPost, "/whip", sdpType, newPeer(t, Publish, nil).offer(t))
		if code != tt.code || strings.TrimSpace(body) != tt.text {
			t.Errorf("%d %s", code, body)
		}
		receive(t, s.session(t).Done(), "end")
	}
	if st := s.endpoint.Stats(); st.Open != 0 || st.Opened != 0 || st.Refused["not_allowed"] != 1 || st.Refused["room_ended"] != 1 {
		t.Errorf("%+v", st)
	}
}

func TestEndpointClose(t *testing.T) {
	s := newSite(t, Options{})
	_, publisher := dial(t, s, Publish, nil)
	_, player := dial(t, s, Play, nil)
	s.endpoint.Close()
	for _, session := range []*Session{publisher, player} {
		receive(t, session.Done(), "end")
		if !errors.Is(session.Err(), ErrEndpointClosed) {
			t.Error(session.Err())
		}
	}
	code, header, _ := s.do(t, http.MethodPost, "/whip", sdpType, newPeer(t, Publish, nil).offer(t))
	if code != http.StatusServiceUnavailable || header.Get("Retry-After") == "" {
		t.Error(code, header)
	}
}
