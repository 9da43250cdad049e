package ledger

import (
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"salon/ledger/doc"
)

// Gens, in a Revocations, is a list of triples, each an unsigned varint: class, serial, and the oldest generation that is
// good. They ascend by class and serial; serials at their first generation are left out. A serial is written as the
// difference to the one before in its class.
//
// Back is a list of such triples too: class, serial, and how many serials from there on the seller of an allotment has given back.
// They ascend as well, and a serial is written as the difference to the end of the triple before in its class. Only the host's own
// device signs tickets of these: what the seller signs for them is void, whenever it says that it did.

func (Revocations) kind() string  { return "revocations" }
func (r Revocations) signer() Key { return r.By }

const maxGens = 100 << 10 // bytes: some 30,000 transfers and refunds of one room

func (r Revocations) check() error {
	if r.Room.IsZero() || r.By.IsZero() || len(r.Gens)+len(r.Back) > maxGens {
		return fieldError("room, signer or %d bytes", len(r.Gens)+len(r.Back))
	}
	if !slices.IsSorted(r.Void) || len(slices.Compact(slices.Clone(r.Void))) != len(r.Void) {
		return fieldError("classes that are not in order")
	}
	if _, err := r.least(); err != nil {
		return err
	}
	if _, err := r.back(); err != nil {
		return err
	}
	return checkTimes(r.Time)
}

// place is a seat of any generation.
type place struct {
	class  uint8
	serial uint32
}

// least decodes Gens: the oldest generation that is good, by seat.
func (r Revocations) least() (map[place]uint32, error) {
	least := map[place]uint32{}
	var at place
	rest, first := r.Gens, true
	for len(rest) > 0 {
		var v [3]uint64
		var err error
		if v, rest, err = triple(rest); err != nil {
			return nil, err
		}
		newClass := first || v[0] > uint64(at.class)
		if v[0] > 255 || v[0] < uint64(at.class) || !newClass && v[1] == 0 || v[1] >= MaxSeats || v[2] < 2 || v[2] > 1<<32-1 {
			return nil, fmt.Errorf("revocations: %w", doc.ErrEncoding)
		}
		if newClass {
			at = place{class: uint8(v[0])}
		}
		at.serial += uint32(v[1])
		if at.serial >= MaxSeats {
			return nil, fmt.Errorf("revocations: %w", doc.ErrEncoding)
		}
		least[at], first = uint32(v[2]), false
	}
	return least, nil
}

// triple reads three numbers, none of them longer than needed.
func triple(b []byte) (v [3]uint64, rest []byte, err error) {
	for i := range v {
		n, size := binary.Uvarint(b)
		if size <= 0 || size > 1 && b[size-1] == 0 {
			return v, nil, fmt.Errorf("revocations: %w", doc.ErrEncoding)
		}
		v[i], b = n, b[size:]
	}
	return v, b, nil
}

// span is some serials of a class: from the first, to the first after.
type span struct {
	class    uint8
	from, to uint32
}

// back decodes Back, ascending.
func (r Revocations) back() (list []span, err error) {
	at := span{}
	for rest := r.Back; len(rest) > 0; {
		var v [3]uint64
		if v, rest, err = triple(rest); err != nil {
			return nil, err
		}
		newClass := len(list) == 0 || v[0] > uint64(at.class)
		if v[0] > 255 || v[0] < uint64(at.class) || !newClass && v[1] == 0 || v[1] >= MaxSeats || v[2] == 0 || v[2] > MaxSeats {
			return nil, fmt.Errorf("revocations: %w", doc.ErrEncoding)
		}
		if newClass {
			at = span{class: uint8(v[0])}
		}
		at.from = at.to + uint32(v[1])
		if at.to = at.from + uint32(v[2]); at.to > MaxSeats {
			return nil, fmt.Errorf("revocations: %w", doc.ErrEncoding)
		}
		list = append(list, at)
	}
	return list, nil
}

// given lists the serials of an offer that sellers have given back, as Back has them.
func (b *Books) given(first ID, class uint8) (raw []byte) {
	var serials []uint32
	list, _ := load[[]ID](b, keyAllots+first.key())
	for _, id := range list {
		a, _ := load[allotState](b, keyAllot+id.key())
		serials = append(serials, a.Free...)
		for serial := a.To; serial < a.End; serial++ {
			serials = append(serials, serial)
		}
	}
	slices.Sort(serials)
	last := uint32(0)
	for i := 0; i < len(serials); {
		n := 1
		for i+n < len(serials) && serials[i+n] == serials[i]+uint32(n) {
			n++
		}
		raw = binary.AppendUvarint(raw, uint64(class))
		raw = binary.AppendUvarint(raw, uint64(serials[i]-last))
		raw = binary.AppendUvarint(raw, uint64(n))
		last = serials[i] + uint32(n)
		i += n
	}
	return raw
}

// Revoked counts the changes of what is void of these offers, and goes up alone: while it stays, so does what Revocations says.
func (b *Books) Revoked(offers ...ID) (n uint64, err error) {
	for _, first := range offers {
		s, err := b.ownOffer(first)
		if err != nil {
			return 0, err
		}
		n += s.Revokes
	}
	return n, b.err
}

// Revocations lists, for the relays of a room, which tickets of these offers are void: those given away, refunded,
// revoked. The epoch counts up with every change. All offers of the room must be named, each time.
func (b *Books) Revocations(now time.Time, room Room, offers ...ID) (Revocations, error) {
	r := Revocations{Room: room, Time: now.UnixMilli(), By: b.Device}
	type class struct {
		number uint8
		first  ID
		state  offerState
		seats  uint32
	}
	var classes []class
	for _, first := range offers {
		s, err := b.ownOffer(first)
		if err != nil {
			return r, err
		}
		o, err := b.offer(s.Entry)
		if err != nil {
			return r, err
		}
		if o.Room != room {
			return r, mismatch("an offer of another room")
		}
		classes = append(classes, class{o.Class, first, s, o.Seats})
		r.Epoch += s.Revokes
	}
	slices.SortFunc(classes, func(x, y class) int { return int(x.number) - int(y.number) })
	for _, c := range classes {
		if c.state.Cancelled {
			r.Void = append(r.Void, c.number)
			continue
		}
		disputed, _ := load[uint32](b, keyDisputed+c.first.key())
		r.Back = append(r.Back, b.given(c.first, c.number)...)
		last := uint32(0)
		frozen := map[ID][]uint32{} // by receipt
		for serial := range c.seats {
			at, ok := load[seatState](b, keySeat+c.first.key()+be32(serial))
			if !ok {
				continue
			}
			least := at.Gen
			if _, known := frozen[at.Receipt]; disputed > 0 && !known && !at.Receipt.IsZero() {
				frozen[at.Receipt] = b.frozenOf(at.Receipt, c.first)
			}
			if at.Ticket.IsZero() || slices.Contains(frozen[at.Receipt], serial) {
				least++
			}
			if least < 2 {
				continue
			}
			r.Gens = binary.AppendUvarint(r.Gens, uint64(c.number))
			r.Gens = binary.AppendUvarint(r.Gens, uint64(serial-last))
			r.Gens = binary.AppendUvarint(r.Gens, uint64(least))
			last = serial
		}
	}
	return r, b.err
}
