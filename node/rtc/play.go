package rtc

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"

	"github.com/pion/rtp"
	"github.com/pion/sdp/v3"
)

// openPlay answers an offer to play. After an error the caller abandons the session.
func (s *Session) openPlay(ctx context.Context, offer *offered, o Offer) (answer string, err error) {
	pt, err := strconv.ParseUint(offer.opus, 10, 7)
	if err != nil {
		return "", fmt.Errorf("payload type: %w", err)
	}
	s.payloadType = uint8(pt)
	var ssrc [4]byte
	rand.Read(ssrc[:])
	s.ssrc = binary.BigEndian.Uint32(ssrc[:])
	if s.player, err = newPlayer(s, offer); err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, gatherWithin)
	defer cancel()
	ours, err := s.player.gather(ctx)
	if err != nil {
		return "", err
	}
	for _, c := range offer.candidates {
		s.addCandidate(c)
	}
	answer, err = s.playAnswer(offer, ours, o)
	if err != nil {
		return "", err
	}
	s.read(s.player.run)
	s.read(s.player.write)
	return answer, nil
}

// playAnswer is the answer to an offer to play: its audio is ours, and whatever else it has is not wanted.
func (s *Session) playAnswer(offer *offered, candidates []string, o Offer) (string, error) {
	mid, ok := offer.audio.Attribute("mid")
	if !ok {
		return "", errors.New("no mid")
	}
	ufrag, password, err := s.player.agent.GetLocalUserCredentials()
	if err != nil {
		return "", err
	}
	fingerprint, err := fingerprintOf(s.player.own)
	if err != nil {
		return "", err
	}
	setup := "active"
	if s.player.their.active {
		setup = "passive"
	}
	var id [8]byte
	rand.Read(id[:])
	d := sdp.SessionDescription{
		Origin: sdp.Origin{
			Username: "-", SessionID: binary.BigEndian.Uint64(id[:]) >> 1, SessionVersion: 1,
			NetworkType: "IN", AddressType: "IP4", UnicastAddress: "0.0.0.0",
		},
		SessionName:      "-",
		TimeDescriptions: []sdp.TimeDescription{{}},
		Attributes: []sdp.Attribute{
			sdp.NewAttribute("msid-semantic", "WMS *"),
			sdp.NewAttribute("fingerprint", fingerprint),
			sdp.NewAttribute("group", "BUNDLE "+mid),
		},
	}
	anywhere := &sdp.ConnectionInformation{NetworkType: "IN", AddressType: "IP4", Address: &sdp.Address{Address: "0.0.0.0"}}
	for _, m := range offer.description.MediaDescriptions {
		if m != offer.audio {
			d.MediaDescriptions = append(d.MediaDescriptions, &sdp.MediaDescription{
				MediaName:             sdp.MediaName{Media: m.MediaName.Media, Protos: m.MediaName.Protos, Formats: []string{"0"}},
				ConnectionInformation: anywhere,
			})
			continue
		}
		frame := strconv.Itoa(frameSamples / samplesPerMS)
		from := strconv.FormatUint(uint64(s.ssrc), 10)
		attributes := []sdp.Attribute{
			sdp.NewAttribute("setup", setup),
			sdp.NewAttribute("mid", mid),
			sdp.NewAttribute("ice-ufrag", ufrag),
			sdp.NewAttribute("ice-pwd", password),
			sdp.NewPropertyAttribute("rtcp-mux"),
			sdp.NewPropertyAttribute("rtcp-rsize"),
			sdp.NewAttribute("rtpmap", offer.opus+" opus/48000/2"),
			sdp.NewAttribute("fmtp", offer.opus+" "+fmtp(o)),
			sdp.NewAttribute("ptime", frame),
			sdp.NewAttribute("maxptime", frame),
			sdp.NewAttribute("ssrc", from+" cname:salon"),
			sdp.NewAttribute("ssrc", from+" msid:salon audio"),
			sdp.NewAttribute("msid", "salon audio"),
			sdp.NewPropertyAttribute("sendonly"),
		}
		for _, c := range candidates {
			attributes = append(attributes, sdp.NewAttribute("candidate", c))
		}
		d.MediaDescriptions = append(d.MediaDescriptions, &sdp.MediaDescription{
			MediaName:             sdp.MediaName{Media: "audio", Port: sdp.RangedPort{Value: 9}, Protos: m.MediaName.Protos, Formats: []string{offer.opus}},
			ConnectionInformation: anywhere,
			Attributes:            append(attributes, sdp.NewPropertyAttribute("end-of-candidates")),
		})
	}
	b, err := d.Marshal()
	if err != nil {
		return "", fmt.Errorf("write answer: %w", err)
	}
	return string(b), nil
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

func newCounting() counting {
	var seed [6]byte
	rand.Read(seed[:]) // RFC 3550 section 5.1: sequence and timestamp start anywhere
	return counting{seq: binary.BigEndian.Uint16(seed[:]), timestamp: binary.BigEndian.Uint32(seed[2:])}
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
