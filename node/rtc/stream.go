package rtc

import (
	"encoding/binary"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"
)

const (
	rtpHeaderSize = 12                 // RFC 3550, section 5.1, without sources and extensions
	rtpOverhead   = rtpHeaderSize + 16 // and the longest tag of SRTP
	reportSize    = 28                 // a sender report without blocks: RFC 3550, section 6.4.1

	// A report follows the 50th packet, so that the client's statistics begin early, and then every 250th: 5 s, as RFC 3550
	// has it in section 6.2.
	reportFirst = 50
	reportEvery = 250
)

// A stream makes SRTP packets of frames, and now and then a report.
type stream struct {
	counting
	seal        *srtp.Context
	ssrc        uint32
	payloadType uint8
	header      rtp.Header // what pion reads of each packet
	at          uint32     // timestamp of the last packet
	packets     uint32
	octets      uint32 // of their payloads
}

func newStream(seal *srtp.Context, ssrc uint32, payloadType uint8) *stream {
	return &stream{counting: newCounting(), seal: seal, ssrc: ssrc, payloadType: payloadType}
}

// packet makes a frame's packet in b, which is empty and has room for it, or says why it is not to be sent.
func (s *stream) packet(b []byte, number uint64, payload []byte) (sealed []byte, why string) {
	h, why := s.next(number)
	if why != "" {
		return nil, why
	}
	second := s.payloadType
	if h.Marker {
		second |= 0x80
	}
	b = append(b, 0x80, second)
	b = binary.BigEndian.AppendUint16(b, h.SequenceNumber)
	b = binary.BigEndian.AppendUint32(b, h.Timestamp)
	b = binary.BigEndian.AppendUint32(b, s.ssrc)
	b = append(b, payload...)
	b, err := s.seal.EncryptRTP(b, b, &s.header)
	if err != nil {
		return nil, dropUnsealed
	}
	s.at = h.Timestamp
	s.packets++
	s.octets += uint32(len(payload))
	return b, ""
}

// reportDue tells whether a report follows the last packet.
func (s *stream) reportDue() bool { return s.packets%reportEvery == reportFirst }

// report makes a sender report in b, which is empty and has room for it: it tells the client which time the last packet
// belongs to, and how much it should have. It is nil if it cannot be sealed.
func (s *stream) report(b []byte, now time.Time) []byte {
	const sinceNTP = 2208988800 // seconds from 1900 to 1970
	b = append(b, 0x80, 200)
	b = binary.BigEndian.AppendUint16(b, reportSize/4-1)
	b = binary.BigEndian.AppendUint32(b, s.ssrc)
	b = binary.BigEndian.AppendUint32(b, uint32(now.Unix()+sinceNTP))
	b = binary.BigEndian.AppendUint32(b, uint32(uint64(now.Nanosecond())<<32/1e9))
	b = binary.BigEndian.AppendUint32(b, s.at)
	b = binary.BigEndian.AppendUint32(b, s.packets)
	b = binary.BigEndian.AppendUint32(b, s.octets)
	b, err := s.seal.EncryptRTCP(b, b, nil)
	if err != nil {
		return nil
	}
	return b
}
