package ledger

import "fmt"

func (*Offer) Kind() Kind    { return KindOffer }
func (*Offer) names() []name { return nil }

func (o *Offer) check() error {
	if err := o.Price.check(); err != nil {
		return err
	}
	if err := checkText("name", o.Name, maxName); err != nil {
		return err
	}
	if err := checkTax(o.Tax); err != nil {
		return err
	}
	if o.Perks != "" {
		if err := checkText("perks", o.Perks, MaxPerks); err != nil {
			return err
		}
	}
	if err := checkWindow(o.SaleFrom, o.SaleTo); err != nil {
		return err
	}
	if err := checkWindow(o.Starts, o.Ends); err != nil {
		return err
	}
	if err := checkTimes(o.RefundTo); err != nil {
		return err
	}
	tickets := !o.Room.IsZero()
	switch {
	case (o.Version == 1) != o.First.IsZero() || o.Version == 0:
		return fieldError("version %d", o.Version)
	case tickets && (o.Seats == 0 || o.Seats > MaxSeats || o.Ends == 0 || o.Period != 0 || o.Perks != ""):
		return fieldError("tickets have seats, a beginning and an end, and no period or perks")
	case !tickets && (o.Period <= 0 || o.Period > 10*366*24*3600 || o.Seats != 0 || o.Class != 0 || o.Starts != 0 || o.Ends != 0):
		return fieldError("a subscription has a period, and nothing else of tickets")
	case o.FirstFree > o.Seats:
		return fieldError("first free serial %d of %d", o.FirstFree, o.Seats)
	}
	return checkShares(o.Split)
}

// checkTax takes what a seller states of tax: a line of text, or nothing.
func checkTax(line string) error {
	if line == "" {
		return nil
	}
	return checkText("tax", line, MaxTax)
}

func (o *Offer) apply(b *Books, e Entry) error {
	class := keyClass + string(o.Room[:]) + string([]byte{o.Class})
	var s offerState
	first := o.First
	if o.Version == 1 {
		first = e.ID
		if !o.Room.IsZero() {
			if _, taken := load[ID](b, class); taken {
				return fmt.Errorf("%w: class %d of this room", ErrDuplicate, o.Class)
			}
			b.save(class, first)
		}
		s = offerState{Host: b.Person, Payee: b.Person, To: o.Seats, Epoch: b.Epoch}
	} else {
		var err error
		if s, err = b.ownOffer(first); err != nil {
			return err
		}
		old, err := b.offer(s.Entry)
		if err != nil {
			return err
		}
		if err := s.revise(b, first, old, o); err != nil {
			return err
		}
	}
	s.Entry, s.Version = e.ID, o.Version
	b.save(keyOffer+first.key(), s)
	b.save(keyVersion+e.ID.key(), versionState{First: first, Record: b.Total, Doc: -1})
	return b.err
}

// revise takes a later version of an offer.
func (s *offerState) revise(b *Books, first ID, old Offer, o *Offer) error {
	switch {
	case s.Cancelled:
		return ErrCancelled
	case o.Version != s.Version+1:
		return mismatch("version %d after %d", o.Version, s.Version)
	case o.Room != old.Room || o.Class != old.Class || o.Period != old.Period || o.Price.Cur != old.Price.Cur:
		return mismatch("room, class, period and currency stay")
	case o.Seats < old.Seats && (s.To != old.Seats || o.Seats < s.Next):
		return fmt.Errorf("%w: %d seats, but more were given out", ErrSeat, o.Seats)
	case o.FirstFree != 0 && s.Epoch == b.Epoch:
		return mismatch("no restore has come before")
	case s.Epoch != b.Epoch && o.FirstFree < s.Next:
		return mismatch("serials below %d are sold", s.Next)
	}
	if s.Epoch != b.Epoch {
		// What was held or free in the lost end of the earlier log may be sold: nothing below FirstFree is sold again.
		s.FreeHead, s.HoldHead, s.Reserved = s.FreeTail, s.HoldTail, 0
		s.Next, s.Epoch = max(s.Next, min(o.FirstFree, s.To)), b.Epoch
	}
	switch {
	case s.To == old.Seats: // nothing allotted: the range grows or shrinks
		s.To = o.Seats
	default:
		for serial := old.Seats; serial < o.Seats; serial++ {
			s.free(b, first, serial)
		}
	}
	return nil
}

// offer returns a version of an offer by its entry.
func (b *Books) offer(entry ID) (Offer, error) {
	v, ok := load[versionState](b, keyVersion+entry.key())
	if !ok {
		return Offer{}, fmt.Errorf("%w: offer %s", ErrUnknown, entry.Short())
	}
	e, err := b.recorded(v.Record)
	if err == nil && v.Doc >= 0 {
		e, err = ParseEntry(e.Docs[v.Doc])
	}
	if err != nil {
		return Offer{}, err
	}
	o, ok := e.Body.(*Offer)
	if !ok {
		return Offer{}, fmt.Errorf("%w: offer %s", ErrCorrupt, entry.Short())
	}
	return *o, nil
}

// ownOffer returns the state of an offer that this log has made.
func (b *Books) ownOffer(first ID) (offerState, error) {
	s, ok := load[offerState](b, keyOffer+first.key())
	if !ok {
		return s, fmt.Errorf("%w: offer %s", ErrUnknown, first.Short())
	}
	if !s.Allot.IsZero() {
		return s, fmt.Errorf("%w: the offer is somebody else's", ErrSigner)
	}
	return s, nil
}

func (*Cancel) Kind() Kind    { return KindCancel }
func (*Cancel) names() []name { return nil }

func (c *Cancel) check() error { return c.Reason.check() }

// apply ends an offer. Every ticket is void at once; the money goes back by refunds, one by one, which can be resumed.
func (c *Cancel) apply(b *Books, _ Entry) error {
	s, err := b.ownOffer(c.Offer)
	if err != nil {
		return err
	}
	if s.Cancelled {
		return ErrCancelled
	}
	s.Cancelled = true
	s.Revokes++
	b.save(keyOffer+c.Offer.key(), s)
	return b.err
}

// A Reason says why something was taken back.
type Reason uint8

// The reasons.
const (
	ReasonAsked     Reason = iota + 1 // by the buyer
	ReasonHost                        // the host decided
	ReasonCancelled                   // the room does not take place
	ReasonLate                        // paid after the hold had lapsed
	ReasonAbuse
	ReasonFailed // the rail
	ReasonDispute
	reasons
)

func (r Reason) check() error {
	if r == 0 || r >= reasons {
		return fieldError("reason %d", r)
	}
	return nil
}
