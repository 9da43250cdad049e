package ledger

import (
	"fmt"
	"time"

	"salon/ledger/doc"
)

// maxPlace is the length of a Place in bytes: a certificate, and an entry with the longest address.
const maxPlace = 2 << 10

// Open checks a place: who says that, and where they are paid at this time.
func (p Place) Open(now time.Time) (who Key, at RailKey, err error) {
	cert, err := doc.OpenCert(p.Cert, now)
	if err != nil {
		return who, at, err
	}
	e, err := ParseEntry(p.Entry)
	if err != nil {
		return who, at, err
	}
	if err := e.Verify(cert.Device); err != nil {
		return who, at, err
	}
	r, ok := e.Body.(*RailKey)
	switch ms := now.UnixMilli(); {
	case !ok:
		return who, at, mismatch("%s is not where somebody is paid", e.Kind)
	case ms < r.From || r.To != 0 && ms >= r.To:
		return who, at, fmt.Errorf("%w: nobody is paid there now", ErrExpired)
	}
	return cert.Person, *r, nil
}

// ParsePlace reads and checks what Encode wrote.
func ParsePlace(raw []byte, now time.Time) (who Key, at RailKey, err error) {
	var p Place
	if len(raw) > maxPlace {
		return who, at, fmt.Errorf("place: %w: %d bytes", doc.ErrTooLarge, len(raw))
	}
	if err := doc.Unmarshal(raw, &p); err != nil {
		return who, at, err
	}
	return p.Open(now)
}

// PlaceDevice is the device that has signed a place, for its person.
func PlaceDevice(raw []byte, now time.Time) (Key, error) {
	if _, _, err := ParsePlace(raw, now); err != nil {
		return Key{}, err
	}
	var p Place
	if err := doc.Unmarshal(raw, &p); err != nil {
		return Key{}, err
	}
	cert, err := doc.OpenCert(p.Cert, now)
	return cert.Device, err
}

// Encode is what travels.
func (p Place) Encode() ([]byte, error) { return doc.Marshal(p) }

// isPledge reports whether a tip for a charity rests on the payee's word alone: nothing is there that the charity has signed itself.
func isPledge(charity Key, place []byte, now time.Time) bool {
	if charity.IsZero() {
		return false
	}
	who, _, err := ParsePlace(place, now)
	return err != nil || who != charity
}

// IsPledge is isPledge for who gives the tip.
func (o Order) IsPledge(place []byte, now time.Time) bool { return isPledge(o.Charity, place, now) }
