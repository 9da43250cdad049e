package udp

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"errors"
)

// The whole wire format beside relay's packets is in this file; no other file touches bytes. Integers are big endian.
//
// An offer is a message on the link's stream, where relay's packets begin with 0x11. Each end sends one, first:
//
//	offset  size  field
//	0       1     0x12: version 1 in the high nibble, type 2
//	1       4     link id that datagrams to the sender of this offer bear
//	5       16    salt, random
//
// A datagram:
//
//	0       1     0x13: version 1, type 3; below 0x40, which QUIC never is (RFC 9000, section 17)
//	1       4     link id, chosen by the receiver
//	5       4     counter, low half; the nonce is 4 zero bytes and all 8 bytes of it
//	9       n     sealed with AES-128-GCM, the 9 bytes before authenticated with it
//	9+n     16    tag
//
// What is sealed:
//
//	0       1     flags: 0x01 ask, 0x02 answer, 0x04 padding; the others are 0
//	+       8     ask, not 0: to be answered at once
//	+       24    answer: the ask (8), how many datagrams of this link arrived (8), the highest counter among them (8)
//	+       rest  a packet of relay/packet.go, or nothing; with the flag padding, zeros
//
// The keys are the first and the last 16 of the 32 bytes that the TLS exporter of the connection (RFC 8446, section 7.5)
// makes of exporterLabel and a context of two offers: that of the end that opened the stream, then the other's. The first
// seals what the opener sends. Counters begin at 0, and a stream anew has salts anew, so that no key meets a counter twice.
const (
	offerByte  = 0x12
	sealedByte = 0x13

	flagAsk     = 0x01
	flagAnswer  = 0x02
	flagPadding = 0x04

	offerSize  = 1 + 4 + 16
	headerSize = 1 + 4 + 4
	tagSize    = 16
	keySize    = 16

	// maxDatagram fits IPv6's least MTU, 1280 bytes, and holds relay.PacketSize with its flags, header and tag.
	maxDatagram = 1280 - 40 - 8

	exporterLabel = "EXPORTER-salon-udp-1"
)

var errContent = errors.New("udp: malformed content")

// An offer tells the other end how to send datagrams.
type offer struct {
	link uint32
	salt [16]byte
}

func (o *offer) append(b []byte) []byte {
	b = append(b, offerByte)
	b = binary.BigEndian.AppendUint32(b, o.link)
	return append(b, o.salt[:]...)
}

// IsOffer tells an offer from a packet.
func IsOffer(message []byte) bool { return len(message) == offerSize && message[0] == offerByte }

// parseOffer reads what IsOffer.
func parseOffer(b []byte) offer {
	return offer{link: binary.BigEndian.Uint32(b[1:]), salt: [16]byte(b[5:])}
}

// keys seal what each end of a link sends.
func keys(c Conn, opener, other *offer) (ofOpener, ofOther cipher.AEAD, err error) {
	secret, err := c.Export(exporterLabel, other.append(opener.append(nil)), 2*keySize)
	if err != nil {
		return nil, nil, err
	}
	if ofOpener, err = newAEAD(secret[:keySize]); err != nil {
		return nil, nil, err
	}
	ofOther, err = newAEAD(secret[keySize:])
	return ofOpener, ofOther, err
}

func newAEAD(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// A header is what everybody on the way can read of a datagram.
type header struct {
	link    uint32
	counter uint32 // low half
}

func (h header) append(b []byte) []byte {
	b = append(b, sealedByte)
	b = binary.BigEndian.AppendUint32(b, h.link)
	return binary.BigEndian.AppendUint32(b, h.counter)
}

// parseHeader reports whether b may be a datagram of a link.
func parseHeader(b []byte) (header, bool) {
	if len(b) < headerSize+1+tagSize || len(b) > maxDatagram || b[0] != sealedByte {
		return header{}, false
	}
	return header{link: binary.BigEndian.Uint32(b[1:]), counter: binary.BigEndian.Uint32(b[5:])}, true
}

func putNonce(nonce *[12]byte, counter uint64) { binary.BigEndian.PutUint64(nonce[4:], counter) }

// An answer says that an ask arrived, and how much else.
type answer struct {
	ask      uint64 // 0: none is answered
	received uint64
	highest  uint64
}

// A content is what one datagram seals, but for the packet.
type content struct {
	ask     uint64 // 0: none
	answer  answer
	padding bool // instead of a packet
}

func (c *content) append(b []byte) []byte {
	at := len(b)
	b = append(b, 0)
	if c.ask != 0 {
		b[at] |= flagAsk
		b = binary.BigEndian.AppendUint64(b, c.ask)
	}
	if c.answer.ask != 0 {
		b[at] |= flagAnswer
		b = binary.BigEndian.AppendUint64(b, c.answer.ask)
		b = binary.BigEndian.AppendUint64(b, c.answer.received)
		b = binary.BigEndian.AppendUint64(b, c.answer.highest)
	}
	if c.padding {
		b[at] |= flagPadding
	}
	return b
}

// parseContent returns the content of b and the packet or padding behind it.
func parseContent(b []byte) (c content, rest []byte, err error) {
	if len(b) == 0 || b[0]&^(flagAsk|flagAnswer|flagPadding) != 0 {
		return content{}, nil, errContent
	}
	flags, b := b[0], b[1:]
	if flags&flagAsk != 0 {
		if len(b) < 8 {
			return content{}, nil, errContent
		}
		c.ask, b = binary.BigEndian.Uint64(b), b[8:]
	}
	if flags&flagAnswer != 0 {
		if len(b) < 24 {
			return content{}, nil, errContent
		}
		c.answer.ask, b = binary.BigEndian.Uint64(b), b[8:]
		c.answer.received, b = binary.BigEndian.Uint64(b), b[8:]
		c.answer.highest, b = binary.BigEndian.Uint64(b), b[8:]
	}
	if (c.ask == 0) == (flags&flagAsk != 0) || (c.answer.ask == 0) == (flags&flagAnswer != 0) {
		return content{}, nil, errContent
	}
	if flags&flagPadding != 0 {
		c.padding = true
		for _, x := range b {
			if x != 0 {
				return content{}, nil, errContent
			}
		}
	}
	return c, b, nil
}
