package room

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"salon/ledger/doc"
)

// A Charter holds what hardly changes about a room. The host signs it.
type Charter struct {
	Room     ID
	Nonce    [16]byte // chosen at random by the host, once a room
	Host     Person
	Title    string
	Language string // BCP 47, lower case; Undetermined when unknown
	Mode     Mode
	Access   Access
	Created  int64  // unix milliseconds
	Version  uint64 // from 1; see Compare

	CoHosts    []Successor // in order of succession, at most MaxCoHosts
	Starts     int64       // when the doors open, unix milliseconds; 0 means at once
	RecordAsks bool        // recording only while the state says that the room is recorded

	Lane    uint8  // the last that a co-host was given; see Successor
	Renewed uint32 // how often the host took the room up again: the reign is one more
}

const kindCharter = "charter"

// NewCharter makes the first charter of a new room. The language may be empty.
func NewCharter(host Person, title, language string, mode Mode, now time.Time, nonce [16]byte) (Charter, error) {
	title, err := CleanTitle(title)
	if err != nil {
		return Charter{}, err
	}
	language = strings.ToLower(strings.TrimSpace(language))
	if language == "" {
		language = Undetermined
	}
	c := Charter{
		Room: NewID(host, nonce), Nonce: nonce, Host: host,
		Title: title, Language: language, Mode: mode, Access: Anyone,
		Created: now.UnixMilli(), Version: 1,
	}
	return c, c.check()
}

func (c Charter) check() error {
	if c.Host.IsZero() || c.Room != NewID(c.Host, c.Nonce) {
		return ErrRoomID
	}
	if err := isClean("title", c.Title, CleanTitle); err != nil {
		return err
	}
	if err := checkLanguage(c.Language); err != nil {
		return err
	}
	if err := checkTime(c.Created); err != nil {
		return err
	}
	switch {
	case c.Mode >= modes:
		return fmt.Errorf("%w: mode %d", ErrField, c.Mode)
	case c.Access >= accesses:
		return fmt.Errorf("%w: access %d", ErrField, c.Access)
	case c.Version == 0:
		return fmt.Errorf("%w: version 0", ErrField)
	case len(c.CoHosts) > MaxCoHosts:
		return fmt.Errorf("%w: %d co-hosts", ErrField, len(c.CoHosts))
	case c.Lane >= lanes || c.Renewed == maxReign:
		return fmt.Errorf("%w: out of lanes or reigns", ErrField)
	}
	taken := map[uint8]bool{hostLane: true}
	for i, h := range c.CoHosts {
		if h.Person.IsZero() || h.Person == c.Host || c.coHost(h.Person) != i || taken[h.Lane] || h.Lane > c.Lane {
			return fmt.Errorf("%w: a co-host", ErrField)
		}
		taken[h.Lane] = true
		if err := isClean("name", h.Name, CleanName); err != nil {
			return err
		}
	}
	return checkTime(c.Starts)
}

// Compare says which of two charters of a room is the later: that of the later reign, of one reign that of the higher version.
// Two devices of the host's may have signed two that are neither.
func (c Charter) Compare(d Charter) int {
	return cmp.Or(cmp.Compare(c.Renewed, d.Renewed), cmp.Compare(c.Version, d.Version))
}

// SignCharter signs c as the host's device.
func SignCharter(id *doc.Identity, c Charter) ([]byte, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	if id.Author().Person != c.Host {
		return nil, ErrNotHost
	}
	return id.Sign(kindCharter, wireCharter(c))
}

// OpenCharter checks a charter: its fields, that its author is the host it names, and the signatures.
func OpenCharter(raw []byte, now time.Time) (Charter, error) {
	c, _, err := OpenCharterBy(raw, now)
	return c, err
}

// OpenCharterBy is OpenCharter for who needs to know which of the host's devices signed.
func OpenCharterBy(raw []byte, now time.Time) (Charter, doc.Author, error) {
	var w charterWire
	author, err := doc.Peek(raw, &w)
	if err != nil {
		return Charter{}, doc.Author{}, err
	}
	c := w.charter()
	if err := c.check(); err != nil {
		return Charter{}, doc.Author{}, err
	}
	if author.Person != c.Host {
		return Charter{}, doc.Author{}, ErrNotHost
	}
	if err := doc.Verify(kindCharter, raw, now); err != nil {
		return Charter{}, doc.Author{}, err
	}
	return c, author, nil
}
