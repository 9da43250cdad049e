package rtc

import (
	"errors"
	"io"

	"github.com/pion/interceptor"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// maxBadReads in a row end a session: they cannot be stray packets any more.
const maxBadReads = 100

// preparePublish asks pion for the client's one track.
func (s *Session) preparePublish() error {
	s.pc.OnTrack(func(track *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) {
		if !s.reading.CompareAndSwap(false, true) {
			s.e.dropped.add("extra_track") // never read, and bounded by pion's buffer
			return
		}
		s.read(func() { s.readTrack(track, levelExtension(receiver)) })
		s.read(func() { readReports(receiver) })
	})
	_, err := s.pc.AddTransceiverFromKind(webrtc.RTPCodecTypeAudio,
		webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly})
	return err
}

// levelExtension is the id that the client gave to the audio level, 0 if it sends none.
func levelExtension(r *webrtc.RTPReceiver) uint8 {
	for _, x := range r.GetParameters().HeaderExtensions {
		if x.URI == audioLevelURI {
			return uint8(x.ID)
		}
	}
	return 0
}

// readReports lets pion see the client's RTCP.
func readReports(r interface {
	Read([]byte) (int, interceptor.Attributes, error)
}) {
	b := make([]byte, 1500)
	for {
		if _, _, err := r.Read(b); err != nil {
			return
		}
	}
}

// readTrack turns RTP into frames until the session ends.
func (s *Session) readTrack(track *webrtc.TrackRemote, levelID uint8) {
	t := newTimeline(s.emit, s.dropReceived)
	b := make([]byte, maxPacket)
	var p rtp.Packet
	for bad := 0; bad < maxBadReads; {
		n, _, err := track.Read(b)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrClosedPipe) {
			return
		}
		if err == nil {
			err = p.Unmarshal(b[:n])
		}
		if err != nil {
			// Most often a payload type that was not agreed on.
			bad++
			s.malformed.Add(1)
			s.e.dropped.add("bad_rtp")
			continue
		}
		bad = 0
		if levelID != 0 {
			if x := p.GetExtension(levelID); len(x) > 0 {
				s.level.Store(uint32(x[0] & 0x7f)) // the top bit is the browser's guess at speech
			}
		}
		t.push(p.SequenceNumber, p.Timestamp, p.Payload)
	}
	s.stop(ErrGone)
}

// emit gives a frame to Receive.
func (s *Session) emit(number uint64, payload []byte) {
	if s.frames.push(number, payload) {
		s.drop("receive_queue_full")
	}
}

// dropReceived counts a packet that became no frame.
func (s *Session) dropReceived(name string) {
	switch name {
	case dropDuplicate:
		s.duplicate.Add(1)
	case dropMalformed:
		s.malformed.Add(1)
	}
	s.e.dropped.add(name)
}
