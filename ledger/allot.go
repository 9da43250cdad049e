package ledger

import (
	"fmt"
	"slices"
	"time"

	"salon/ledger/doc"
)

const maxAllots = 256 // of one offer

func (*Allot) Kind() Kind    { return KindAllot }
func (*Allot) names() []name { return nil }

func (a *Allot) check() error {
	if a.Offer.IsZero() || a.Seller.IsZero() || a.Payee.IsZero() || a.From >= a.To || a.To > MaxSeats {
		return fieldError("offer, seller or range")
	}
	return checkTimes(a.Expires)
}

// apply takes the range off the end of what this node sells itself: ranges are disjoint because there is one end.
func (a *Allot) apply(b *Books, e Entry) error {
	s, err := b.sellable(a.Offer)
	switch {
	case err != nil:
		return err
	case !s.Allot.IsZero():
		return fmt.Errorf("%w: the offer is somebody else's", ErrSigner)
	case a.Seller == b.Device:
		return mismatch("allotted to itself")
	case a.To != s.To || a.From < s.Next:
		return fmt.Errorf("%w: serials %d to %d, of which %d to %d are free", ErrSeat, a.From, a.To, s.Next, s.To)
	}
	s.To = a.From
	b.save(keyOffer+a.Offer.key(), s)
	list, _ := load[[]ID](b, keyAllots+a.Offer.key())
	if len(list) == maxAllots {
		return fmt.Errorf("%w: %d allotments", ErrTooMuch, len(list))
	}
	b.save(keyAllots+a.Offer.key(), append(list, e.ID))
	b.save(keyAllot+e.ID.key(), allotState{Offer: a.Offer, Seller: a.Seller, Payee: a.Payee, From: a.From, To: a.To, End: a.To})
	return b.err
}

func (*Adopt) Kind() Kind { return KindAdopt }

func (a *Adopt) names() []name { return []name{{entryKind, a.Offer}, {entryKind, a.Allot}} }

func (a *Adopt) check() error {
	if a.Offer.IsZero() || a.Allot.IsZero() {
		return fieldError("offer or allotment")
	}
	return nil
}

// allotment is an Allot with the offer that it is of.
type allotment struct {
	Allot
	of Offer
}

// openAllotment verifies an offer of tickets and an allotment of it, two entries of the log of one device.
func openAllotment(cert doc.Cert, rawOffer, rawAllot []byte) (allotment, error) {
	var entries [2]Entry
	for i, raw := range [][]byte{rawOffer, rawAllot} {
		var err error
		if entries[i], err = ParseEntry(raw); err != nil {
			return allotment{}, err
		}
		if err := entries[i].Verify(cert.Device); err != nil {
			return allotment{}, err
		}
	}
	offer, isOffer := entries[0].Body.(*Offer)
	allot, isAllot := entries[1].Body.(*Allot)
	if !isOffer || !isAllot || offer.Room.IsZero() {
		return allotment{}, mismatch("not an offer of tickets and an allotment of it")
	}
	first := offer.First
	if offer.Version == 1 {
		first = entries[0].ID
	}
	if allot.Offer != first || entries[1].Log != entries[0].Log {
		return allotment{}, mismatch("the allotment is of another offer")
	}
	return allotment{*allot, *offer}, nil
}

// apply takes in a host's offer, or a later version of it, and the range of it that this device sells.
func (a *Adopt) apply(b *Books, e Entry) error {
	cert, err := doc.OpenCert(a.Cert, time.UnixMilli(e.Time))
	if err != nil {
		return err
	}
	allot, err := openAllotment(cert, e.Docs[0], e.Docs[1])
	if err != nil {
		return err
	}
	if allot.Seller != b.Device || cert.Device == b.Device {
		return mismatch("the allotment is to another device")
	}
	first, offer := allot.Offer, allot.of
	s, known := load[offerState](b, keyOffer+first.key())
	switch {
	case !known:
		s = offerState{Host: cert.Person, Payee: allot.Payee, To: allot.To, Next: allot.From, Epoch: b.Epoch, Allot: a.Allot, Expires: allot.Expires}
	case s.Allot != a.Allot:
		if s.lapse(b, first); s.Reserved > 0 || s.left() > 0 || offer.Version < s.Version {
			return fmt.Errorf("%w: an allotment of this offer", ErrDuplicate)
		}
		s.Payee, s.To, s.Next, s.Allot, s.Expires = allot.Payee, allot.To, allot.From, a.Allot, allot.Expires
	case offer.Version <= s.Version:
		return fmt.Errorf("%w: version %d", ErrDuplicate, offer.Version)
	}
	s.Entry, s.Version = a.Offer, offer.Version
	b.save(keyOffer+first.key(), s)
	b.save(keyVersion+a.Offer.key(), versionState{First: first, Record: b.Total})
	b.save(keyAdopted+a.Allot.key(), first)
	return b.err
}

func (Return) kind() string  { return "return" }
func (r Return) signer() Key { return r.By }

func (r Return) check() error {
	if r.Allot.IsZero() || r.By.IsZero() || r.From > MaxSeats {
		return fieldError("allotment, signer or serial")
	}
	if err := checkSerials(r.Free); err != nil {
		return err
	}
	if n := len(r.Free); n > 0 && r.Free[n-1] >= r.From {
		return fieldError("serial %d is given back twice", r.Free[n-1])
	}
	return checkTimes(r.Time)
}

func (*Reclaim) Kind() Kind { return KindReclaim }

func (r *Reclaim) names() []name { return []name{{Return{}.kind(), r.Return}} }

func (r *Reclaim) check() error {
	if r.Return.IsZero() {
		return fieldError("return")
	}
	return nil
}

// apply takes serials back. Only the seller can say that it has not sold them: after an allotment's end alone, the host
// cannot know, and lets them be rather than sell one seat twice. In the seller's own log it ends the allotment. What was held
// then, and is not bought in the end, a later Return gives back.
func (r *Reclaim) apply(b *Books, _ Entry) error {
	ret, err := document[Return](b, r.Return)
	if err != nil {
		return err
	}
	if ret.By == b.Device {
		return ret.end(b)
	}
	key := keyAllot + ret.Allot.key()
	a, ok := load[allotState](b, key)
	switch {
	case !ok:
		return fmt.Errorf("%w: allotment %s", ErrUnknown, ret.Allot.Short())
	case ret.By != a.Seller:
		return ErrSigner
	case ret.From == a.To && len(ret.Free) == 0:
		return ErrDuplicate
	case ret.From < a.From || ret.From > a.To || len(ret.Free) > 0 && ret.Free[0] < a.From:
		return fmt.Errorf("%w: serials given back are not all of %d to %d", ErrSeat, a.From, a.To)
	}
	s, err := b.ownOffer(a.Offer)
	if err != nil {
		return err
	}
	back := ret.Free
	for serial := ret.From; serial < a.To; serial++ {
		back = append(back, serial)
	}
	for _, serial := range back {
		key := keySeat + a.Offer.key() + be32(serial)
		if at, used := load[seatState](b, key); used {
			if at.Gen == 0 {
				return ErrDuplicate
			}
			return fmt.Errorf("%w: serial %d was reported as sold", ErrSeat, serial)
		}
		b.save(key, seatState{}) // it cannot be given back again
		s.free(b, a.Offer, serial)
	}
	a.To = ret.From
	a.Free = slices.DeleteFunc(append(a.Free, ret.Free...), func(serial uint32) bool { return serial >= a.To })
	slices.Sort(a.Free)
	b.save(key, a)
	s.Revokes++ // what the seller signs for these from now on is void
	b.save(keyOffer+a.Offer.key(), s)
	return b.err
}

// end is the seller's side of a return: what it gives back was not used, and nothing more is sold.
func (r Return) end(b *Books) error {
	first, ok := load[ID](b, keyAdopted+r.Allot.key())
	if !ok {
		return fmt.Errorf("%w: allotment %s", ErrUnknown, r.Allot.Short())
	}
	s, _ := load[offerState](b, keyOffer+first.key())
	s.lapse(b, first)
	if s.Allot != r.Allot || r.From < s.Next || r.From > s.To {
		return fmt.Errorf("%w: serials below %d may be sold", ErrSeat, s.Next)
	}
	free := s.drain(b, first)
	for _, serial := range r.Free {
		i := slices.Index(free, serial)
		if i < 0 {
			return fmt.Errorf("%w: serial %d is not free", ErrSeat, serial)
		}
		free = slices.Delete(free, i, i+1)
	}
	for _, serial := range free {
		s.free(b, first, serial)
	}
	if s.To = r.From; s.Expires == 0 || b.Now < s.Expires {
		s.Expires = b.Now
	}
	b.save(keyOffer+first.key(), s)
	return b.err
}

// drain empties the queue of serials to be sold again.
func (s *offerState) drain(b *Books, first ID) []uint32 {
	var free []uint32
	for ; s.FreeHead < s.FreeTail; s.FreeHead++ {
		key := keyFree + first.key() + be64(s.FreeHead)
		serial, _ := load[uint32](b, key)
		b.drop(key)
		free = append(free, serial)
	}
	return free
}

// GiveUp ends an allotment that this node sells from: what is neither sold nor held goes back to the host. It returns the
// signed return, and nothing if there is nothing to give back.
func (b *Books) GiveUp(k doc.PrivateKey, allot ID) ([]byte, []Draft, error) {
	first, ok := load[ID](b, keyAdopted+allot.key())
	if !ok {
		return nil, nil, fmt.Errorf("%w: allotment %s", ErrUnknown, allot.Short())
	}
	s, _ := load[offerState](b, keyOffer+first.key())
	if s.Allot != allot {
		return nil, nil, b.err // another has taken its place, which takes that nothing was left of it
	}
	seen := Books{ix: newDraft(b.ix, b.Total), Now: b.Now}
	s.lapse(&seen, first)
	left := s.left()
	free := s.drain(&seen, first)
	slices.Sort(free)
	if err := seen.err; err != nil || left == 0 {
		return nil, nil, err
	}
	raw, id, err := Sign(k, Return{Allot: allot, By: k.Public(), From: s.Next, Free: free[:min(len(free), maxCount)], Time: b.Now})
	if err != nil {
		return nil, nil, err
	}
	return raw, []Draft{{Body: &Reclaim{Return: id}, Docs: [][]byte{raw}}}, nil
}

// Lend lets another device sell n seats of an offer, until then, for a payee.
func (b *Books) Lend(first ID, seller, payee Key, n uint32, expires time.Time) ([]Draft, error) {
	s, err := b.sellable(first)
	if err != nil {
		return nil, err
	}
	if left := s.To - s.Next; n > left {
		return nil, fmt.Errorf("%w: %d to be allotted, %d left", ErrSoldOut, n, left)
	}
	return []Draft{{Body: &Allot{Offer: first, Seller: seller, Payee: payee, From: s.To - n, To: s.To, Expires: expires.UnixMilli()}}}, nil
}
