package market

import (
	"context"
	"fmt"
	"time"

	"salon/ledger"
	"salon/ledger/doc"
)

const maxCarry = 7 << 10 // bytes of records in one message

// carry hands records of what a relay has carried to the host of a room.
type carry struct {
	_    struct{} `cbor:",toarray"`
	Cert []byte   // the relay's
	Room ledger.Room
	List []Carriage
}

// A Carriage is what somebody has signed on what a relay brought them, and with what they came into the room.
type Carriage struct {
	_      struct{} `cbor:",toarray"`
	Record []byte
	Claim  []byte
}

func (carry) kind() byte { return 62 }

// carried takes in records of what a relay has carried for a room of ours.
func (m *Market) carried(from string, q carry) (message, error) {
	cert, err := doc.OpenCert(q.Cert, time.Now())
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errMessage, err)
	}
	if err := m.isFrom(from, cert.Device); err != nil {
		return nil, err
	}
	if m.o.Carried == nil {
		return nil, ErrNotYours
	}
	return done{}, m.o.Carried(doc.Author{Person: cert.Person, Device: cert.Device}, q.Room, q.List)
}

// HandOver shows the host of a room, at a device, what was carried for it.
func (m *Market) HandOver(ctx context.Context, device ledger.Key, room ledger.Room, list []Carriage) error {
	for len(list) > 0 {
		rest, err := m.handOver(ctx, device, room, list)
		if err != nil {
			return err
		}
		list = rest
	}
	return nil
}

// handOver is HandOver of as much as goes over one stream.
func (m *Market) handOver(ctx context.Context, device ledger.Key, room ledger.Room, list []Carriage) ([]Carriage, error) {
	ctx, cancel := context.WithTimeout(ctx, askedWithin)
	defer cancel()
	c, end, err := m.call(ctx, device)
	if err != nil {
		return list, err
	}
	defer end()
	for range maxAsked {
		n, size := 0, 0
		for n < len(list) && (n == 0 || size+len(list[n].Record)+len(list[n].Claim) <= maxCarry) {
			size += len(list[n].Record) + len(list[n].Claim)
			n++
		}
		if n == 0 {
			break
		}
		if _, err := asked[done](c, carry{Cert: m.id.Cert(), Room: room, List: list[:n]}); err != nil {
			return list, unreached(err)
		}
		list = list[n:]
	}
	c.end()
	return list, nil
}
