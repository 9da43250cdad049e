package ledger

import "fmt"

func (*Move) Kind() Kind { return KindMove }

func (m *Move) names() []name {
	return []name{{Transfer{}.kind(), m.Transfer}, {Ticket{}.kind(), m.Ticket}}
}

func (m *Move) check() error {
	if m.Transfer.IsZero() || m.Ticket.IsZero() {
		return fieldError("transfer or ticket")
	}
	return nil
}

// apply gives a seat to another key: a ticket of the next generation, which voids the one before. The host alone does
// it, for its list of revocations must say so in the same breath.
func (m *Move) apply(b *Books, _ Entry) error {
	tr, err := document[Transfer](b, m.Transfer)
	if err != nil {
		return err
	}
	first, serial, at, err := b.seated(tr.Ticket)
	if err != nil {
		return err
	}
	s, err := b.ownOffer(first)
	switch {
	case err != nil:
		return err
	case s.Cancelled:
		return ErrCancelled
	case b.frozen(first, serial, at):
		return ErrDisputed
	case tr.By != at.Holder:
		return fmt.Errorf("%w: the ticket is not theirs", ErrSigner)
	}
	o, err := b.offer(s.Entry)
	if err != nil {
		return err
	}
	if b.Now >= o.Ends {
		return ErrExpired
	}
	t, err := document[Ticket](b, m.Ticket)
	switch {
	case err != nil:
		return err
	case t.By != b.Device || t.Serial != serial || t.Holder != tr.To || !t.isOf(o):
		return mismatch("ticket is not what the transfer asks for")
	case t.Gen != b.nextGen(at):
		return fmt.Errorf("%w: %d after %d", ErrGeneration, t.Gen, at.Gen)
	}
	at.Gen, at.Ticket, at.Holder = t.Gen, m.Ticket, t.Holder
	b.save(keySeat+first.key()+be32(serial), at)
	b.drop(keyTicket + tr.Ticket.key())
	b.save(keyTicket+m.Ticket.key(), ticketState{Offer: first, Serial: serial})
	s.Revokes++
	b.save(keyOffer+first.key(), s)
	return b.err
}

// seated finds the seat of a ticket that is good.
func (b *Books) seated(ticket ID) (ID, uint32, seatState, error) {
	where, ok := load[ticketState](b, keyTicket+ticket.key())
	if !ok {
		return ID{}, 0, seatState{}, fmt.Errorf("%w: ticket %s is not one, or not any more", ErrUnknown, ticket.Short())
	}
	at, _ := load[seatState](b, keySeat+where.Offer.key()+be32(where.Serial))
	return where.Offer, where.Serial, at, b.err
}

func (*Revoke) Kind() Kind    { return KindRevoke }
func (*Revoke) names() []name { return nil }

func (r *Revoke) check() error {
	if r.Offer.IsZero() || len(r.Serials) == 0 {
		return fieldError("offer or serials")
	}
	if err := checkSerials(r.Serials); err != nil {
		return err
	}
	return r.Reason.check()
}

// apply voids tickets, and gives their seats back to be sold: by the host, whoever sold them first, for two must not.
func (r *Revoke) apply(b *Books, _ Entry) error {
	s, ok := load[offerState](b, keyOffer+r.Offer.key())
	if !ok {
		return fmt.Errorf("%w: offer %s", ErrUnknown, r.Offer.Short())
	}
	if s.Cancelled {
		return ErrCancelled
	}
	for _, serial := range r.Serials {
		key := keySeat + r.Offer.key() + be32(serial)
		at, _ := load[seatState](b, key)
		if at.Ticket.IsZero() {
			return fmt.Errorf("%w: nobody has serial %d", ErrSeat, serial)
		}
		b.drop(keyTicket + at.Ticket.key())
		b.count(r.Offer, at.Buyer, -1)
		if !at.Receipt.IsZero() {
			rs, _ := load[receiptState](b, keyReceipt+at.Receipt.key())
			rs.Good--
			b.save(keyReceipt+at.Receipt.key(), rs)
		}
		b.save(key, seatState{Gen: at.Gen})
		s.Issued--
		if s.Allot.IsZero() {
			s.free(b, r.Offer, serial)
		}
	}
	s.Revokes++
	b.save(keyOffer+r.Offer.key(), s)
	return b.err
}
