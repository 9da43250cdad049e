package relay

import (
	"errors"
	"fmt"
	"time"

	"salon/ledger/doc"
)

// A Service is a child's word on what one relay has carried for it in one room. Its author is the child. The numbers only
// grow from one of a period to the next, so that the last is worth all before it.
//
// It proves that this child says so and no more: who counts whose word is the reader's to decide.
type Service struct {
	Room   [16]byte      `cbor:"1,keyasint"`
	Relay  doc.PublicKey `cbor:"2,keyasint"` // device
	Since  int64         `cbor:"3,keyasint"` // unix ms by the child's clock, when the period began; it names the period
	Until  int64         `cbor:"4,keyasint"` // unix ms, when this was written
	Frames uint64        `cbor:"5,keyasint"` // that came from the relay and were new
	Bytes  uint64        `cbor:"6,keyasint"` // of these, as they were sealed
}

const kindService = "service record"

// MaxService is the size of a signed Service in bytes, at most.
const MaxService = 700

// framesMost is how many frames a second a relay can bring: every slot at full speed.
const framesMost = 50 * (uint64(MaxSlot) + 1)

// ErrService means a Service that cannot be true.
var ErrService = errors.New("relay: not a service record")

// SignService signs s as the child.
func SignService(id *doc.Identity, s Service) ([]byte, error) {
	if err := s.check(time.UnixMilli(s.Until)); err != nil {
		return nil, err
	}
	return id.Sign(kindService, s)
}

// OpenService checks a Service and its signatures.
func OpenService(raw []byte, now time.Time) (Service, doc.Author, error) {
	var s Service
	if len(raw) > MaxService {
		return s, doc.Author{}, fmt.Errorf("%w: %d bytes", ErrService, len(raw))
	}
	if _, err := doc.Peek(raw, &s); err != nil {
		return Service{}, doc.Author{}, err
	}
	if err := s.check(now); err != nil { // cheap, before the signatures
		return Service{}, doc.Author{}, err
	}
	s = Service{}
	author, err := doc.Open(kindService, raw, now, &s)
	return s, author, err
}

// check says what in s cannot be.
func (s Service) check(now time.Time) error {
	const slack = 10_000 // ms: what was buffered when the period began
	lasted := s.Until - s.Since
	switch {
	case s.Relay.IsZero():
		return fmt.Errorf("%w: of no relay", ErrService)
	case s.Since <= 0 || lasted < 0 || s.Until > now.Add(doc.Skew).UnixMilli():
		return fmt.Errorf("%w: from %d to %d", ErrService, s.Since, s.Until)
	case s.Frames > framesMost*uint64(lasted+slack)/1000:
		return fmt.Errorf("%w: %d frames in %d ms", ErrService, s.Frames, lasted)
	case s.Bytes > s.Frames*MaxSealed:
		return fmt.Errorf("%w: %d bytes in %d frames", ErrService, s.Bytes, s.Frames)
	}
	return nil
}

// Follows reports whether s may take the place of an earlier word on the same period.
func (s Service) Follows(before Service) bool {
	return s.Room == before.Room && s.Relay == before.Relay && s.Since == before.Since &&
		s.Until >= before.Until && s.Frames >= before.Frames && s.Bytes >= before.Bytes
}

// PeekService reads a Service that was checked before, by whoever stored it; it checks no signature.
func PeekService(raw []byte) (s Service, author doc.Author, err error) {
	if len(raw) > MaxService {
		return s, author, fmt.Errorf("%w: %d bytes", ErrService, len(raw))
	}
	author, err = doc.Peek(raw, &s)
	return s, author, err
}
