package rtc

import (
	"crypto/rand"
	"encoding/binary"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// preparePlay gives pion the one track that we send.
func (s *Session) preparePlay(o Offer) error {
	track, err := webrtc.NewTrackLocalStaticRTP(opusCodec(o), "audio", "salon")
	if err != nil {
		return err
	}
	tr, err := s.pc.AddTransceiverFromTrack(track,
		webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
	if err != nil {
		return err
	}
	s.track = track
	s.read(func() { readReports(tr.Sender()) })
	s.read(s.write)
	return nil
}

// write sends what is queued until the session ends.
func (s *Session) write() {
	select {
	case <-s.connected:
	case <-s.stopping:
		return
	}
	var seed [6]byte
	rand.Read(seed[:]) // RFC 3550 section 5.1: sequence and timestamp start anywhere
	c := counting{seq: binary.BigEndian.Uint16(seed[:]), timestamp: binary.BigEndian.Uint32(seed[2:])}
	var it item
	for {
		for s.frames.pop(&it) {
			h, why := c.next(it.number)
			if why != "" {
				if why == dropDuplicate {
					s.duplicate.Add(1)
				}
				s.drop(why)
				continue
			}
			s.sent.Add(1) // before it goes, so that whoever receives it finds it counted
			if err := s.track.WriteRTP(&rtp.Packet{Header: h, Payload: it.payload}); err != nil {
				s.drop("write")
			}
		}
		select {
		case <-s.frames.ready:
		case <-s.stopping:
			return
		}
	}
}

// maxJump is how many frames may be missing before the client is told of a new start rather than of a loss: a second
// of lost frames would make it stretch one sound for as long.
const maxJump = 50

// counting maps frame numbers to RTP's sequence and time, so that the client sees each lost frame as a lost packet.
type counting struct {
	seq       uint16 // of frame number zero, so to speak
	timestamp uint32
	started   bool
	last      uint64 // highest number sent
	first     uint64 // lowest number since the last new start
	shift     uint64 // numbers left out of the count
	seen      uint64 // bit i: last-i was sent
}

// next is the header for a frame, or why it is not sent.
func (c *counting) next(number uint64) (h rtp.Header, why string) {
	switch ahead := int64(number - c.last); {
	case !c.started:
		c.started = true
		c.shift, c.first, c.last, c.seen = number, number, number, 1
		h.Marker = true // RFC 7587 section 4.1: the first packet after a silence
	case ahead > maxJump:
		c.shift += number - c.last - 1
		c.first, c.last, c.seen = number, number, 1
		h.Marker = true
	case ahead > 0:
		c.last, c.seen = number, c.seen<<ahead|1
	case ahead <= -64:
		return h, dropLate
	case c.seen&(1<<-ahead) != 0:
		return h, dropDuplicate
	case number < c.first:
		return h, dropLate
	default:
		c.seen |= 1 << -ahead
	}
	h.Version = 2
	h.SequenceNumber = c.seq + uint16(number-c.shift)
	h.Timestamp = c.timestamp + uint32(number-c.shift)*frameSamples
	return h, ""
}
