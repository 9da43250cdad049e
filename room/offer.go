package room

import (
	"fmt"
	"slices"
	"time"

	"salon/ledger/doc"
)

// Limits of an offer.
const (
	MaxOffer      = 900 // bytes, signed
	MaxOfferHosts = 8
)

// An Offer says "this relay would carry rooms". It is sent again every few seconds and expires by itself. The author's
// device is the relay: the libp2p peer to dial.
type Offer struct {
	Open    bool     // to every host
	Hosts   []Person // to these, at most MaxOfferHosts; the relay may know more
	Places  uint32   // nodes that it may feed
	Free    uint32   // of them
	Rooms   uint32   // that it may carry besides those it carries
	Entries [][]byte // multiaddr bytes, the best first, at most MaxEntries
	Version uint64   // up with every offer of the relay; a reader keeps the highest
	Time    int64    // unix milliseconds
	Expires int64    // unix milliseconds
}

const kindOffer = "relay offer"

// SignOffer signs o as the relay. When it would be larger than MaxOffer, the last entries but one are left out.
func SignOffer(id *doc.Identity, o Offer) ([]byte, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	for {
		raw, err := id.Sign(kindOffer, offerWire(o))
		switch {
		case err != nil:
			return nil, err
		case len(raw) <= MaxOffer:
			return raw, nil
		case len(o.Entries) > 1:
			o.Entries = o.Entries[:len(o.Entries)-1]
		default:
			return nil, fmt.Errorf("%w: offer of %d bytes", ErrTooLarge, len(raw))
		}
	}
}

// ParseOffer does the checks that need no signature. VerifyOffer comes next; until then the author is only a claim.
func ParseOffer(raw []byte, now time.Time) (*Offer, doc.Author, error) {
	if len(raw) > MaxOffer {
		return nil, doc.Author{}, fmt.Errorf("%w: offer of %d bytes", ErrTooLarge, len(raw))
	}
	var w offerWire
	author, err := doc.Peek(raw, &w)
	if err != nil {
		return nil, doc.Author{}, err
	}
	o := Offer(w)
	if err := o.check(); err != nil {
		return nil, doc.Author{}, err
	}
	if now.After(time.UnixMilli(o.Expires).Add(expiryGrace)) {
		return nil, doc.Author{}, ErrStale
	}
	if time.UnixMilli(o.Time).After(now.Add(doc.Skew)) {
		return nil, doc.Author{}, ErrFuture
	}
	return &o, author, nil
}

// VerifyOffer checks the signatures of what ParseOffer has accepted.
func VerifyOffer(raw []byte, now time.Time) error { return doc.Verify(kindOffer, raw, now) }

// Allows reports whether a host may ask.
func (o *Offer) Allows(host Person) bool { return o.Open || slices.Contains(o.Hosts, host) }

func (o *Offer) check() error {
	if err := checkTime(o.Time); err != nil {
		return err
	}
	if err := checkTime(o.Expires); err != nil {
		return err
	}
	if life := o.Expires - o.Time; life <= 0 || life > MaxLifetime.Milliseconds() {
		return ErrLifetime
	}
	switch {
	case o.Version == 0:
		return fmt.Errorf("%w: version 0", ErrField)
	case len(o.Hosts) > MaxOfferHosts:
		return fmt.Errorf("%w: %d hosts", ErrField, len(o.Hosts))
	case o.Free > o.Places:
		return fmt.Errorf("%w: %d of %d places free", ErrField, o.Free, o.Places)
	case len(o.Entries) == 0:
		return fmt.Errorf("%w: no address", ErrField)
	}
	return checkEntries(o.Entries, MaxEntries)
}
