package ledger

import (
	"fmt"
	"slices"
	"time"
)

// sellable returns an offer that may be sold in this epoch, after giving back what was held for too long.
func (b *Books) sellable(first ID) (offerState, error) {
	s, ok := load[offerState](b, keyOffer+first.key())
	switch {
	case !ok:
		return s, fmt.Errorf("%w: offer %s", ErrUnknown, first.Short())
	case s.Cancelled:
		return s, ErrCancelled
	case s.Epoch != b.Epoch:
		return s, ErrRestored
	case s.Expires != 0 && b.Now >= s.Expires:
		return s, fmt.Errorf("%w: the allotment", ErrExpired)
	}
	s.lapse(b, first)
	return s, b.err
}

// Seats says how an offer sells.
type Seats struct {
	Issued uint32 // tickets that are good, and that this node knows of
	Held   uint32
	Left   uint32 // that this node can sell now
}

// Seats counts the seats of an offer as of a time: a hold that has lapsed by then is none, though no entry says so yet.
func (b *Books) Seats(first ID, now time.Time) (Seats, error) {
	s, ok := load[offerState](b, keyOffer+first.key())
	if !ok {
		return Seats{}, fmt.Errorf("%w: offer %s", ErrUnknown, first.Short())
	}
	seen := Books{ix: newDraft(b.ix, b.Total), Now: max(b.Now, now.UnixMilli())}
	s.lapse(&seen, first)
	return Seats{Issued: s.Issued, Held: s.Reserved, Left: uint32(s.left())}, seen.err
}

// lapse gives back the seats of holds whose time is over. All holds last equally long, so the oldest lapses first.
func (s *offerState) lapse(b *Books, first ID) {
	for ; s.HoldHead < s.HoldTail; s.HoldHead++ {
		key := keyHold + first.key() + be64(s.HoldHead)
		h, ok := load[holdState](b, key)
		if !ok { // sold
			continue
		}
		if b.Now < h.Expires {
			return
		}
		for _, serial := range h.Serials {
			s.free(b, first, serial)
		}
		s.Reserved -= uint32(len(h.Serials))
		b.count(first, h.Buyer, -len(h.Serials))
		b.drop(key)
	}
}

// free puts a serial into the queue of those to be sold again.
func (s *offerState) free(b *Books, first ID, serial uint32) {
	b.save(keyFree+first.key()+be64(s.FreeTail), serial)
	s.FreeTail++
}

// left is how many seats can be had.
func (s *offerState) left() uint64 { return s.FreeTail - s.FreeHead + uint64(s.To-s.Next) }

// take takes n seats, those given back first.
func (s *offerState) take(b *Books, first ID, n uint32) ([]uint32, error) {
	if left := s.left(); uint64(n) > left {
		return nil, fmt.Errorf("%w: %d asked for, %d left", ErrSoldOut, n, left)
	}
	serials := make([]uint32, 0, n)
	for range n {
		if s.FreeHead < s.FreeTail {
			key := keyFree + first.key() + be64(s.FreeHead)
			serial, _ := load[uint32](b, key)
			b.drop(key)
			s.FreeHead++
			serials = append(serials, serial)
			continue
		}
		serials = append(serials, s.Next)
		s.Next++
	}
	slices.Sort(serials)
	return serials, b.err
}

// hold keeps seats for a quote, and returns the number of the hold.
func (s *offerState) hold(b *Books, first ID, buyer Key, serials []uint32, expires int64) uint64 {
	n := s.HoldTail
	s.HoldTail++
	s.Reserved += uint32(len(serials))
	b.save(keyHold+first.key()+be64(n), holdState{Buyer: buyer, Serials: serials, Expires: expires})
	b.count(first, buyer, len(serials))
	return n
}

// held reports whether a hold is still there.
func (s *offerState) held(b *Books, first ID, n uint64) bool {
	_, ok := load[holdState](b, keyHold+first.key()+be64(n))
	return ok && n >= s.HoldHead
}

// count adds to what a buyer has of an offer, and returns the sum.
func (b *Books) count(first ID, buyer Key, more int) uint32 {
	key := keyCount + first.key() + bytesOf(buyer)
	old, _ := load[uint32](b, key)
	sum := uint32(int(old) + more)
	if sum == 0 {
		b.drop(key)
	} else {
		b.save(key, sum)
	}
	return sum
}

// issue gives a seat to the holder of a ticket, whose generation must be the next.
func (s *offerState) issue(b *Books, first ID, o Offer, t Ticket, id ID, receipt ID, buyer Key) error {
	key := keySeat + first.key() + be32(t.Serial)
	at, _ := load[seatState](b, key)
	switch {
	case !at.Ticket.IsZero():
		return fmt.Errorf("%w: serial %d is taken", ErrSeat, t.Serial)
	case t.By == b.Device && t.Gen != b.nextGen(at) || t.By != b.Device && !t.isFirst():
		return fmt.Errorf("%w: %d after %d", ErrGeneration, t.Gen, at.Gen)
	case !t.isOf(o):
		return mismatch("the ticket is to another room, class or time")
	}
	b.save(key, seatState{Gen: t.Gen, Ticket: id, Holder: t.Holder, Receipt: receipt, Buyer: buyer})
	b.save(keyTicket+id.key(), ticketState{Offer: first, Serial: t.Serial})
	s.Issued++
	return b.err
}

// nextGen is the generation of a seat's next ticket: one more than the newest. After a restore it is beyond all that the
// lost end of the log may have signed, so that no two tickets are ever of one seat and generation.
func (b *Books) nextGen(at seatState) uint32 { return max(at.Gen, b.Epoch<<epochBits) + 1 }

// isFirst reports whether a ticket is the first of its seat in some epoch of its signer: another device's is not ours.
func (t Ticket) isFirst() bool {
	return t.Gen&(1<<epochBits-1) == 1 && t.Gen>>epochBits < 1<<(31-epochBits)
}

const epochBits = 20 // below them, generations count within a log epoch

// isOf checks that a ticket says what its offer does.
func (t Ticket) isOf(o Offer) bool {
	return t.Room == o.Room && t.Class == o.Class && t.NotBefore == o.Starts/1000 && t.NotAfter == o.Ends/1000
}

// TicketFor fills in what an offer says of its tickets. Serial, generation, holder and signer are the caller's.
func (o Offer) TicketFor(serial, gen uint32, holder, by Key) Ticket {
	return Ticket{Room: o.Room, Class: o.Class, Serial: serial, Gen: gen, Holder: holder, NotBefore: o.Starts / 1000, NotAfter: o.Ends / 1000, By: by}
}
