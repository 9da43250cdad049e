package room

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"salon/ledger/doc"
)

// Limits of an announcement.
const (
	MaxAnnouncement = 900              // bytes, signed
	MaxLifetime     = 60 * time.Second // of a live room's announcement
	MaxEntries      = 6
	MaxTags         = 5

	maxEntry    = 128 // bytes of one multiaddr
	maxTag      = 24  // runes
	maxTagBytes = 32
	maxPrice    = 24 // bytes; the dearest ticket has 21

	// expiryGrace lets a machine whose clock is a little fast see a room at all. With the 25 s that a host gives
	// its announcements, a room is still gone 30 s after its host.
	expiryGrace = 5 * time.Second
)

// An Announcement says "this room is live". It is sent again every few seconds and expires by itself.
// The author's device is where the room is led: the libp2p peer to dial. It is the host's, or a co-host's.
type Announcement struct {
	Room      ID
	Nonce     [16]byte // of the charter; with Host it proves Room
	Host      Person
	HostName  string
	Title     string
	Language  string // as in the charter
	Tags      []string
	Mode      Mode
	Access    Access
	Listeners uint32
	Speakers  uint32   // on stage, the host among them
	Entries   [][]byte // multiaddr bytes, the best first, at most MaxEntries
	Version   uint64   // up by one with every announcement of the room; a reader keeps the highest
	Time      int64    // unix milliseconds
	Expires   int64    // unix milliseconds
	Ended     bool     // the room is over; the last announcement of it
	Locked    bool     // nobody new comes in
	StageOnly bool     // everybody may come on stage
	Starts    int64    // while the doors are not open: when they will be, unix milliseconds

	// Successors are the co-hosts, who may announce the room when the host is gone. That the host named them shows in an
	// announcement that the host signed.
	Successors []Person

	// Price is of a ticket, as people read it. What a buyer pays is in the offer, which the host has signed too.
	Price string
}

const kindAnnouncement = "announcement"

// SignAnnouncement signs a as the device that leads the room. When it would be larger than MaxAnnouncement, the last tags are left
// out, then the last entries but one: a room must be found before it can be described.
func SignAnnouncement(id *doc.Identity, a Announcement) ([]byte, error) {
	if err := a.check(id.Author()); err != nil {
		return nil, err
	}
	for {
		raw, err := id.Sign(kindAnnouncement, announcementWire(a))
		switch {
		case err != nil:
			return nil, err
		case len(raw) <= MaxAnnouncement:
			return raw, nil
		case len(a.Tags) > 0:
			a.Tags = a.Tags[:len(a.Tags)-1]
		case len(a.Entries) > 1:
			a.Entries = a.Entries[:len(a.Entries)-1]
		default:
			return nil, fmt.Errorf("%w: announcement of %d bytes", ErrTooLarge, len(raw))
		}
	}
}

// ParseAnnouncement does the checks that need neither clock nor signature: size, strict decoding, texts, that the
// room's ID belongs to the host, that the author is the host or one who claims to succeed, that it lives for a sane time.
// CheckTime and VerifyAnnouncement come next, in this order; until then the author is only a claim. A successor's right is
// for the caller to look up.
func ParseAnnouncement(raw []byte) (*Announcement, doc.Author, error) {
	if len(raw) > MaxAnnouncement {
		return nil, doc.Author{}, fmt.Errorf("%w: announcement of %d bytes", ErrTooLarge, len(raw))
	}
	var w announcementWire
	author, err := doc.Peek(raw, &w)
	if err != nil {
		return nil, doc.Author{}, err
	}
	a := Announcement(w)
	if err := a.check(author); err != nil {
		return nil, doc.Author{}, err
	}
	return &a, author, nil
}

// CheckTime refuses what has expired and what comes from the future.
func (a *Announcement) CheckTime(now time.Time) error {
	if now.After(time.UnixMilli(a.Expires).Add(expiryGrace)) {
		return ErrStale
	}
	if time.UnixMilli(a.Time).After(now.Add(doc.Skew)) {
		return ErrFuture
	}
	return nil
}

// Until returns when to forget an announcement that was first seen at received, by the reader's clock. A reader whose
// clock is behind the host's does not keep a dead room longer for it.
func (a *Announcement) Until(received time.Time) time.Time {
	expires := time.UnixMilli(a.Expires).Add(expiryGrace)
	lifetime := time.Duration(a.Expires-a.Time) * time.Millisecond
	if own := received.Add(lifetime); own.Before(expires) {
		return own
	}
	return expires
}

// VerifyAnnouncement checks the signatures of what ParseAnnouncement has accepted.
func VerifyAnnouncement(raw []byte, now time.Time) error {
	return doc.Verify(kindAnnouncement, raw, now)
}

func (a *Announcement) check(author doc.Author) error {
	if author.Person != a.Host && !slices.Contains(a.Successors, author.Person) {
		return ErrNotHost
	}
	if len(a.Successors) > MaxCoHosts {
		return fmt.Errorf("%w: %d successors", ErrField, len(a.Successors))
	}
	for i, p := range a.Successors {
		if p.IsZero() || p == a.Host || slices.Contains(a.Successors[:i], p) {
			return fmt.Errorf("%w: a successor", ErrField)
		}
	}
	if a.Host.IsZero() || a.Room != NewID(a.Host, a.Nonce) {
		return ErrRoomID
	}
	if err := checkTime(a.Time); err != nil {
		return err
	}
	if err := checkTime(a.Expires); err != nil {
		return err
	}
	if err := checkTime(a.Starts); err != nil {
		return err
	}
	if life := a.Expires - a.Time; life <= 0 || life > MaxLifetime.Milliseconds() {
		return ErrLifetime
	}
	switch {
	case a.Mode >= modes:
		return fmt.Errorf("%w: mode %d", ErrField, a.Mode)
	case a.Access >= accesses:
		return fmt.Errorf("%w: access %d", ErrField, a.Access)
	case a.Version == 0:
		return fmt.Errorf("%w: version 0", ErrField)
	case a.Speakers > MaxSeats:
		return fmt.Errorf("%w: %d speakers", ErrField, a.Speakers)
	case len(a.Tags) > MaxTags:
		return fmt.Errorf("%w: %d tags", ErrField, len(a.Tags))
	}
	if err := checkEntries(a.Entries, MaxEntries); err != nil {
		return err
	}
	if err := checkLanguage(a.Language); err != nil {
		return err
	}
	if err := isClean("title", a.Title, CleanTitle); err != nil {
		return err
	}
	if err := isClean("name", a.HostName, CleanName); err != nil {
		return err
	}
	if err := checkPrice(a.Price, a.Access); err != nil {
		return err
	}
	for i, tag := range a.Tags {
		if err := isClean("tag", tag, cleanTag); err != nil {
			return err
		}
		if slices.Contains(a.Tags[:i], tag) {
			return fmt.Errorf("%w: tag %q twice", ErrField, tag)
		}
	}
	return nil
}

// checkPrice takes a number and a unit, such as "5.00 EUR" or "2500 sat", of a room by ticket.
func checkPrice(s string, access Access) error {
	if s == "" {
		return nil
	}
	number, unit, _ := strings.Cut(s, " ")
	digits := strings.Trim(number, "0123456789.") == "" && strings.Trim(number, ".") != ""
	letters := strings.Trim(strings.ToLower(unit), "abcdefghijklmnopqrstuvwxyz") == "" && unit != ""
	if access != ByTicket || len(s) > maxPrice || !digits || !letters {
		return fmt.Errorf("%w: price", ErrField)
	}
	return nil
}

func cleanTag(s string) (string, error) { return cleanText("tag", s, maxTag, maxTagBytes) }

func checkEntries(entries [][]byte, limit int) error {
	if len(entries) > limit {
		return fmt.Errorf("%w: %d addresses", ErrField, len(entries))
	}
	for _, e := range entries {
		if len(e) == 0 || len(e) > maxEntry {
			return fmt.Errorf("%w: an address of %d bytes", ErrField, len(e))
		}
	}
	return nil
}
