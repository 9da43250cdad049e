package relay

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// The whole wire format of packets is in this file; no other file touches bytes. Integers are big endian; a varint is
// encoding/binary's Uvarint in its shortest form. A packet is one byte and then records, to its end:
//
//	offset  size  field
//	0       1     0x11: version 1 in the high nibble, type 1 (media); below 0x40, which QUIC never is
//
//	1 frame:   kind 0x01 (1), slot (1), number (varint), length (2), sealed (length)
//	2 auth:    kind 0x02 (1), slot (1), KID (8), first number (8), first CTR (8), time in microseconds (8), prev (16),
//	           count (1), hashes (16 each), signature (64)
//	3 resend:  kind 0x03 (1), slot (1), from (varint), to (varint, inclusive)
//	4 resend:  kind 0x04, the same, but auths only
//	5 beacon:  kind 0x05 (1), slot (1), last number (varint)
//
// Kinds never go down within a packet, so that every packet has one encoding. Slots are at most 31.
const packetByte = 0x11

const (
	kindFrame       = 0x01
	kindAuth        = 0x02
	kindResend      = 0x03
	kindResendAuths = 0x04
	kindBeacon      = 0x05
)

const (
	// MaxPacket is the longest packet in bytes that Parse accepts.
	MaxPacket = 4096
	// PacketSize is the size in bytes that the tree fills packets to, so that one fits a datagram on any path. A frame
	// that is larger travels alone.
	PacketSize = 1200

	maxFrames  = 64 // records of each kind in a packet
	maxAuths   = 16
	maxResends = 64
	maxBeacons = 64
)

// ErrPacket means bytes that are not a packet of this version.
var ErrPacket = errors.New("relay: malformed packet")

// A Packet is what one Link.Send carries. The zero Packet is empty.
type Packet struct {
	Frames  []Frame
	Auths   []Auth
	Resends []Range // those of frames before those of auths only
	Beacons []Beacon
}

// A Range asks for the frames From to To (inclusive) of a stream once more, and the auths that these frames complete.
type Range struct {
	Slot      Slot
	From, To  uint64
	AuthsOnly bool // only the auths that cover any of these frames
}

// A Beacon says which frame of a stream was the last, so that a loss at the end of talking is noticed too.
type Beacon struct {
	Slot Slot
	Last uint64
}

// Reset empties p and keeps its memory.
func (p *Packet) Reset() {
	p.Frames, p.Auths, p.Resends, p.Beacons = p.Frames[:0], p.Auths[:0], p.Resends[:0], p.Beacons[:0]
}

// Empty reports whether p holds nothing.
func (p *Packet) Empty() bool {
	return len(p.Frames)+len(p.Auths)+len(p.Resends)+len(p.Beacons) == 0
}

// Append appends the bytes of p, which must be within the limits that Parse sets.
func (p *Packet) Append(b []byte) []byte {
	b = append(b, packetByte)
	for i := range p.Frames {
		f := &p.Frames[i]
		b = append(b, kindFrame, f.Slot)
		b = binary.AppendUvarint(b, f.Number)
		b = binary.BigEndian.AppendUint16(b, uint16(len(f.Sealed)))
		b = append(b, f.Sealed...)
	}
	for i := range p.Auths {
		b = append(b, kindAuth)
		b = p.Auths[i].appendSigned(b)
		b = append(b, p.Auths[i].Sig[:]...)
	}
	for _, kind := range [...]byte{kindResend, kindResendAuths} {
		for _, r := range p.Resends {
			if r.AuthsOnly == (kind == kindResendAuths) {
				b = append(b, kind, r.Slot)
				b = binary.AppendUvarint(b, r.From)
				b = binary.AppendUvarint(b, r.To)
			}
		}
	}
	for _, c := range p.Beacons {
		b = append(b, kindBeacon, c.Slot)
		b = binary.AppendUvarint(b, c.Last)
	}
	return b
}

// Parse replaces the contents of p by the packet in b, whose bytes the frames then alias. It reuses the memory of p, the
// hashes of its auths included. On error p is empty; the error is ErrPacket, wrapped with what was wrong.
func (p *Packet) Parse(b []byte) error {
	p.Reset()
	err := p.parse(b)
	if err != nil {
		p.Reset()
		return fmt.Errorf("%w: %w", ErrPacket, err)
	}
	return nil
}

var (
	errSize   = errors.New("too short or too long")
	errByte   = errors.New("unknown version or type")
	errKind   = errors.New("unknown record or records out of order")
	errCount  = errors.New("too many records")
	errSlot   = errors.New("slot out of range")
	errVarint = errors.New("number not in its shortest form")
	errRange  = errors.New("range ends before it begins")
	errAuth   = errors.New("auth of no frame or of too many")
)

func (p *Packet) parse(b []byte) error {
	if len(b) < 1 || len(b) > MaxPacket {
		return errSize
	}
	if b[0] != packetByte {
		return errByte
	}
	b = b[1:]
	last := byte(kindFrame)
	for len(b) > 0 {
		if len(b) < 2 {
			return errSize
		}
		kind, slot := b[0], b[1]
		if kind < last {
			return errKind
		}
		if slot > MaxSlot {
			return errSlot
		}
		last = kind
		var err error
		switch kind {
		case kindFrame:
			b, err = p.parseFrame(slot, b[2:])
		case kindAuth:
			b, err = p.parseAuth(b[1:])
		case kindResend, kindResendAuths:
			b, err = p.parseResend(slot, kind == kindResendAuths, b[2:])
		case kindBeacon:
			b, err = p.parseBeacon(slot, b[2:])
		default:
			err = errKind
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (p *Packet) parseFrame(slot Slot, b []byte) ([]byte, error) {
	number, b, err := uvarint(b)
	if err != nil {
		return nil, err
	}
	if len(b) < 2 {
		return nil, errSize
	}
	n := int(binary.BigEndian.Uint16(b))
	b = b[2:]
	if n == 0 || n > MaxSealed || n > len(b) {
		return nil, errSize
	}
	if len(p.Frames) == maxFrames {
		return nil, errCount
	}
	p.Frames = append(p.Frames, Frame{Slot: slot, Number: number, Sealed: b[:n:n]})
	return b[n:], nil
}

func (p *Packet) parseResend(slot Slot, auths bool, b []byte) ([]byte, error) {
	from, b, err := uvarint(b)
	if err != nil {
		return nil, err
	}
	to, b, err := uvarint(b)
	if err != nil {
		return nil, err
	}
	if to < from {
		return nil, errRange
	}
	if len(p.Resends) == maxResends {
		return nil, errCount
	}
	p.Resends = append(p.Resends, Range{Slot: slot, From: from, To: to, AuthsOnly: auths})
	return b, nil
}

func (p *Packet) parseBeacon(slot Slot, b []byte) ([]byte, error) {
	number, b, err := uvarint(b)
	if err != nil {
		return nil, err
	}
	if len(p.Beacons) == maxBeacons {
		return nil, errCount
	}
	p.Beacons = append(p.Beacons, Beacon{Slot: slot, Last: number})
	return b, nil
}

// authFixed is the length of an auth's signed part without its hashes.
const authFixed = 1 + 8 + 8 + 8 + 8 + 16 + 1

func (p *Packet) parseAuth(b []byte) ([]byte, error) {
	if len(b) < authFixed {
		return nil, errSize
	}
	count := int(b[authFixed-1])
	if count == 0 || count > AuthBatch {
		return nil, errAuth
	}
	if len(b) < authFixed+16*count+64 {
		return nil, errSize
	}
	if len(p.Auths) == maxAuths {
		return nil, errCount
	}
	a := p.nextAuth()
	a.Slot = b[0]
	a.KID = binary.BigEndian.Uint64(b[1:])
	a.First = binary.BigEndian.Uint64(b[9:])
	a.FirstCTR = binary.BigEndian.Uint64(b[17:])
	a.Time = int64(binary.BigEndian.Uint64(b[25:]))
	copy(a.Prev[:], b[33:])
	if a.First > a.First+uint64(count)-1 {
		return nil, errAuth
	}
	b = b[authFixed:]
	for range count {
		a.Hashes = append(a.Hashes, [16]byte(b[:16]))
		b = b[16:]
	}
	copy(a.Sig[:], b)
	return b[64:], nil
}

// nextAuth adds an auth to p and takes over the memory of the one that was there before.
func (p *Packet) nextAuth() *Auth {
	n := len(p.Auths)
	if n < cap(p.Auths) {
		p.Auths = p.Auths[:n+1]
	} else {
		p.Auths = append(p.Auths, Auth{Hashes: make([][16]byte, 0, AuthBatch)})
	}
	a := &p.Auths[n]
	a.Hashes = a.Hashes[:0]
	return a
}

// appendSigned appends what the signature covers after domain and room: the auth as it travels, without the signature.
func (a *Auth) appendSigned(b []byte) []byte {
	b = append(b, a.Slot)
	b = binary.BigEndian.AppendUint64(b, a.KID)
	b = binary.BigEndian.AppendUint64(b, a.First)
	b = binary.BigEndian.AppendUint64(b, a.FirstCTR)
	b = binary.BigEndian.AppendUint64(b, uint64(a.Time))
	b = append(b, a.Prev[:]...)
	b = append(b, byte(len(a.Hashes)))
	for i := range a.Hashes {
		b = append(b, a.Hashes[i][:]...)
	}
	return b
}

func uvarint(b []byte) (uint64, []byte, error) {
	v, n := binary.Uvarint(b)
	if n <= 0 || n > 1 && b[n-1] == 0 {
		return 0, nil, errVarint
	}
	return v, b[n:], nil
}
