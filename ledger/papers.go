package ledger

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"time"

	"salon/ledger/doc"
)

// MaxPapers is how many listings of one room are kept.
const MaxPapers = 512

// Papers are what a Gate is made of, each signed by the host's device: what is offered to a room, what of it others sell, and the
// newest list of void tickets and of seats that sellers gave back. Whoever has them checks tickets as the host does, and asks nobody. They are told from node to node
// in any order and any number of times: a newer one takes the place of the one before, never the other way round. The caller
// serialises every call.
type Papers struct {
	room   Room
	host   Key // the person
	device Key // the host's that signs them: the first that was heard of
	offers map[ID]paper
	allots map[ID]paper
	void   Revocations
	list   []byte // void, signed; nil if there is none yet
	seen   map[[32]byte]bool
}

// A paper is a listing that was opened: under offers, by the first version, the newest; under allots, by the allotment, any.
type paper struct {
	Listing
	id, first ID
	offer     Offer
	allot     Allot
}

// NewPapers are those of a room, none yet, and of its host, a person.
func NewPapers(room Room, host Key) *Papers {
	return &Papers{room: room, host: host, offers: map[ID]paper{}, allots: map[ID]paper{}, seen: map[[32]byte]bool{}}
}

func (l Listing) sum() [32]byte { return sha256.Sum256(slices.Concat(l.Offer, l.Allot)) }

// News drops what is known already: to compare is cheap, to verify is not.
func (p *Papers) News(listings []Listing, revocations []byte) ([]Listing, []byte) {
	listings = slices.DeleteFunc(slices.Clone(listings), func(l Listing) bool { return p.seen[l.sum()] })
	if r, _, err := peek[Revocations](revocations); len(revocations) > 0 && p.list != nil && err == nil && !r.after(p.void) {
		revocations = nil
	}
	return listings, revocations
}

// Empty is where more papers of the same room are read, to be merged: the reading is what takes its time.
func (p *Papers) Empty() *Papers {
	q := NewPapers(p.room, p.host)
	q.device = p.device
	return q
}

// Read verifies papers and takes them in. The list of void tickets must be of a device that an offer was of, then or before.
func (p *Papers) Read(listings []Listing, revocations []byte, now time.Time) error {
	for _, l := range listings {
		if err := p.read(l, now); err != nil {
			return err
		}
	}
	if len(revocations) == 0 {
		return nil
	}
	r, _, err := OpenDocument[Revocations](revocations)
	switch {
	case err != nil:
		return err
	case r.Room != p.room:
		return ErrWrongRoom
	case r.By != p.device:
		return ErrSigner
	}
	p.listed(r, bytes.Clone(revocations))
	return nil
}

// listed takes a list of void tickets, and reports whether it is newer.
func (p *Papers) listed(r Revocations, raw []byte) bool {
	if raw == nil || p.list != nil && !r.after(p.void) {
		return false
	}
	p.void, p.list = r, raw
	return true
}

// after reports whether a list is newer than another: it says something else, or the same again at a later time.
func (r Revocations) after(old Revocations) bool {
	return r.Epoch > old.Epoch || r.Epoch == old.Epoch && r.Time > old.Time
}

// Void is the newest list of void tickets, and when it was signed by the host's clock; nil if there is none yet.
func (p *Papers) Void() ([]byte, time.Time) {
	if p.list == nil {
		return nil, time.Time{}
	}
	return p.list, time.UnixMilli(p.void.Time)
}

func (p *Papers) read(l Listing, now time.Time) error {
	cert, err := doc.OpenCert(l.Cert, now)
	if err != nil {
		return err
	}
	if cert.Person != p.host || !p.device.IsZero() && cert.Device != p.device {
		return ErrSigner
	}
	e, err := ParseEntry(l.Offer)
	if err != nil {
		return err
	}
	offer, isOffer := e.Body.(*Offer)
	if !isOffer {
		return mismatch("%s is not an offer", e.Kind)
	}
	if offer.Room != p.room {
		return ErrWrongRoom
	}
	one := paper{Listing: Listing{Cert: bytes.Clone(l.Cert), Offer: bytes.Clone(l.Offer), Allot: bytes.Clone(l.Allot)}, id: e.ID, first: offer.First, offer: *offer}
	if offer.Version == 1 {
		one.first = e.ID
	}
	if len(l.Allot) > 0 { // whether it has run out does not matter: what was sold before is good
		a, err := openAllotment(cert, l.Offer, l.Allot)
		if err != nil {
			return err
		}
		one.allot = a.Allot
	} else if err := e.Verify(cert.Device); err != nil {
		return err
	}
	p.device = cert.Device
	p.take(one)
	return nil
}

// take keeps an opened listing, and reports whether it says anything new.
func (p *Papers) take(one paper) (news bool) {
	p.seen[one.sum()] = true
	if len(p.seen) > 4*MaxPapers { // of versions that are not the newest
		p.seen = map[[32]byte]bool{}
	}
	full := len(p.offers)+len(p.allots) >= MaxPapers
	if len(one.Allot) > 0 {
		id := one.allotID()
		if _, known := p.allots[id]; !known && !full {
			p.allots[id], news = one, true
		}
	}
	old, known := p.offers[one.first]
	if known && one.offer.Version > old.offer.Version || !known && !full {
		one.Allot = nil
		p.offers[one.first], news = one, true
	}
	return news
}

// allotID names an allotment by what it says: the entry was verified, and its own name would be parsed for once more.
func (l paper) allotID() ID { return sha256.Sum256(l.Allot) }

// Merge takes over what was read into others, and reports whether anything of it was news.
func (p *Papers) Merge(q *Papers) (news bool) {
	if q.device.IsZero() || !p.device.IsZero() && p.device != q.device {
		return false
	}
	p.device = q.device
	for _, list := range []map[ID]paper{q.offers, q.allots} {
		for _, id := range sorted(list) {
			news = p.take(list[id]) || news
		}
	}
	return p.listed(q.void, q.list) || news
}

func sorted(m map[ID]paper) []ID {
	return slices.SortedFunc(maps.Keys(m), func(a, b ID) int { return bytes.Compare(a[:], b[:]) })
}

// All are the papers, as they are told to others: the listings come first.
func (p *Papers) All() (listings []Listing, revocations []byte) {
	for _, list := range []map[ID]paper{p.offers, p.allots} {
		for _, id := range sorted(list) {
			listings = append(listings, list[id].Listing)
		}
	}
	return listings, p.list
}

// Gate is the gate that they make. An error means that some of them are still to come.
func (p *Papers) Gate() (*Gate, error) {
	if len(p.offers) == 0 || p.list == nil {
		return nil, fmt.Errorf("%w: what is offered to this room, or what is void", ErrUnknown)
	}
	var classes []Class
	var sellers []Seller
	for _, id := range sorted(p.offers) {
		o := p.offers[id].offer
		classes = append(classes, Class{Number: o.Class, Starts: time.UnixMilli(o.Starts), Ends: time.UnixMilli(o.Ends)})
	}
	for _, id := range sorted(p.allots) {
		a := p.allots[id]
		sellers = append(sellers, Seller{Device: a.allot.Seller, Class: a.offer.Class, From: a.allot.From, To: a.allot.To})
	}
	g := NewGate(p.room, p.device, classes, sellers)
	return g, g.Update(p.list)
}
