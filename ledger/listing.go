package ledger

import (
	"time"

	"salon/ledger/doc"
)

// Listed is what a Listing says.
type Listed struct {
	ID     ID // the entry of the offer, in this version: what an order names
	Offer  Offer
	Host   Key // the person who offers
	Payee  Key // the person who is paid
	Seller Key // the device that sells
}

// First names the offer, whatever its version.
func (l Listed) First() ID {
	if l.Offer.Version == 1 {
		return l.ID
	}
	return l.Offer.First
}

// Open verifies a listing: the host's device signed the offer, and the allotment if somebody else sells it.
func (l Listing) Open(now time.Time) (Listed, error) {
	cert, err := doc.OpenCert(l.Cert, now)
	if err != nil {
		return Listed{}, err
	}
	listed, err := l.of(cert)
	if err != nil || len(l.Allot) == 0 {
		return listed, err
	}
	a, err := openAllotment(cert, l.Offer, l.Allot)
	if err != nil {
		return Listed{}, err
	}
	if now.UnixMilli() >= a.Expires {
		return Listed{}, ErrExpired
	}
	listed.Payee, listed.Seller = a.Payee, a.Seller
	return listed, nil
}

// of verifies the offer of a listing, which the device of a certificate has signed.
func (l Listing) of(cert doc.Cert) (Listed, error) {
	e, err := ParseEntry(l.Offer)
	if err != nil {
		return Listed{}, err
	}
	if err := e.Verify(cert.Device); err != nil {
		return Listed{}, err
	}
	offer, isOffer := e.Body.(*Offer)
	if !isOffer {
		return Listed{}, mismatch("%s is not an offer", e.Kind)
	}
	return Listed{ID: e.ID, Offer: *offer, Host: cert.Person, Payee: cert.Person, Seller: cert.Device}, nil
}
