// Package room holds the rules of a room: who may do what, and the documents that say so.
//
// The host is the sequencer. Commands reach it as signed messages; State.Decide turns an allowed one into the next
// numbered event; State.Apply is the rule book, which the host and everybody else run over the same events. Always:
//
//   - Replaying the events of a room gives the same snapshot, byte for byte, on every machine.
//   - A command of somebody who does not lead, as host or co-host, changes nobody's rights but their own; one of a co-host
//     takes neither the host nor a co-host off the stage or out of the room, and does not change who is co-host.
//   - Nobody is put on stage who did not raise a hand or accept an invitation, and nobody's microphone is opened by another.
//   - No device hands out an incarnation twice, nor do two people who lead at once. Two devices of one person may: no key and
//     counter of the sealing meet twice all the same, for a key is of a device and its Start, and nobody begins twice with one.
//   - Who leads is the host, or a co-host whom a charter of the host's names. Only the host raises the reign.
//   - The key of a closed room is in no event and no snapshot; who may come in can be told from the state alone.
//   - State holds the stage, the hands, the removed, the guest list and the end of the chat, never the audience: its size does not grow with it.
//
// The package opens no sockets, reads no clock and starts no goroutines.
package room

import (
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"salon/ledger/doc"
)

// Person and Device are the two keys of an author; the types are one so that a key is parsed and shown one way.
type (
	Person = doc.PublicKey
	Device = doc.PublicKey
)

// Limits of a room. A snapshot with all of them reached fits a control message of 128 KiB.
const (
	MaxSeats   = 16  // host and speakers
	MaxHands   = 256 // raised at once
	MaxInvited = 64  // at once, who have not answered
	MaxRemoved = 512 // the latest removed; beyond it the first removed is forgotten
	MaxCoHosts = 8
	MaxPlace   = 255  // in a queue
	MaxSlow    = 3600 // seconds between two lines of one person
)

// Why a document, a command or an event is refused.
var (
	ErrNotAllowed   = errors.New("room: not allowed")
	ErrNotHost      = errors.New("room: not signed by the room's host")
	ErrNotSeated    = errors.New("room: not on stage")
	ErrFull         = errors.New("room: no place left")
	ErrNoHand       = errors.New("room: hand is not raised")
	ErrHandsClosed  = errors.New("room: no hands are taken now")
	ErrStageOnly    = errors.New("room: everybody may come on stage, no hands are taken")
	ErrWaiting      = errors.New("room: has not begun")
	ErrNoStick      = errors.New("room: no talking stick is out")
	ErrChatClosed   = errors.New("room: the chat is closed")
	ErrSlow         = errors.New("room: too soon after the last line")
	ErrNoLine       = errors.New("room: no such line in the chat")
	ErrNotInvited   = errors.New("room: not invited to speak")
	ErrNotRemoved   = errors.New("room: was not removed")
	ErrNoInvitation = errors.New("room: by invitation only")
	ErrNoTicket     = errors.New("room: for ticket holders only")
	ErrNoSubscriber = errors.New("room: for subscribers only")
	ErrOpenRoom     = errors.New("room: everybody may come in")
	ErrRemoved      = errors.New("room: removed from the room")
	ErrEnded        = errors.New("room: has ended")
	ErrNoChange     = errors.New("room: is so already")
	ErrDeviceBusy   = errors.New("room: the device has a place under another person")
	ErrIncarnation  = errors.New("room: out of incarnations")
	ErrHostGone     = errors.New("room: only the host may, and the host does not lead the room now")
	ErrNotLeader    = errors.New("room: not signed by who leads the room")
	ErrSeq          = errors.New("room: event out of order")
	ErrTerm         = errors.New("room: event of another term")
	ErrEvent        = errors.New("room: event is not what the rules give")
	ErrCommand      = errors.New("room: command makes no sense")
	ErrOtherRoom    = errors.New("room: it is about another room")
	ErrRoomID       = errors.New("room: ID does not belong to the host")
	ErrField        = errors.New("room: a field is out of range")
	ErrTooLarge     = errors.New("room: too large")
	ErrSnapshot     = errors.New("room: snapshot breaks the rules")
	ErrLink         = errors.New("room: not a share link")
	ErrSound        = errors.New("room: not a sound frame")
	ErrLifetime     = errors.New("room: announcement lives too long or not at all")
	ErrStale        = errors.New("room: too old")
	ErrFuture       = errors.New("room: from the future; is a clock wrong?")
	ErrReplay       = errors.New("room: seen before")
	ErrBusy         = errors.New("room: too many commands at once")
)

// An ID names a room. It is made from the host's key, so that only the host can announce it.
type ID [16]byte

// NewID returns the ID of the room that host made with nonce.
func NewID(host Person, nonce [16]byte) ID {
	h := sha256.New()
	h.Write([]byte("salon/room/1\x00"))
	h.Write(host[:])
	h.Write(nonce[:])
	return ID(h.Sum(nil)[:16])
}

var base32Lower = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// String returns the ID as 26 characters of lower case base32.
func (id ID) String() string { return base32Lower.EncodeToString(id[:]) }

// MarshalText makes an ID readable in JSON.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText is the way back from MarshalText.
func (id *ID) UnmarshalText(b []byte) error {
	parsed, err := ParseID(string(b))
	if err != nil {
		return err
	}
	*id = parsed
	return nil
}

// ParseID reads what String wrote; capitals are taken as well.
func ParseID(s string) (ID, error) {
	var id ID
	s = strings.ToLower(strings.TrimSpace(s))
	if base32Lower.DecodedLen(len(s)) != len(id) {
		return ID{}, fmt.Errorf("%w: a room ID has 26 characters, not %d", ErrField, len(s))
	}
	b, err := base32Lower.DecodeString(s)
	// The decoder ignores line ends and the spare bits of the last character, we do not.
	if err != nil || copy(id[:], b) != len(id) || id.String() != s {
		return ID{}, fmt.Errorf("%w: %q is not a room ID", ErrField, s)
	}
	return id, nil
}

// A Mode is what a room's sound is made for.
type Mode uint8

const (
	Talk    Mode = iota // mono voice, with error correction
	Concert             // stereo, full band, nothing processed
	modes
)

// String returns the word that ParseMode takes.
func (m Mode) String() string { return word([]string{"talk", "concert"}, uint8(m)) }

// ParseMode reads what String wrote.
func ParseMode(s string) (Mode, error) {
	for m := range modes {
		if m.String() == s {
			return m, nil
		}
	}
	return 0, fmt.Errorf(`%w: mode %q; use "talk" or "concert"`, ErrField, s)
}

// Access is who may come in.
type Access uint8

const (
	Anyone         Access = iota // the room's key is public
	ByInvitation                 // who has its link, or is on its guest list
	ByTicket                     // who holds a ticket, or is on its guest list
	BySubscription               // who subscribes to its host, or is on its guest list
	accesses
)

// String returns the word that ParseAccess takes.
func (a Access) String() string {
	return word([]string{"open", "invite", "ticket", "subscribers"}, uint8(a))
}

// ParseAccess reads what String wrote.
func ParseAccess(s string) (Access, error) {
	for a := range accesses {
		if a.String() == s {
			return a, nil
		}
	}
	return 0, fmt.Errorf(`%w: access %q; use "open", "invite", "ticket" or "subscribers"`, ErrField, s)
}

// A Role is what somebody is in a room. Larger roles may do more.
type Role uint8

const (
	Listener Role = iota
	Speaker
	CoHost
	Host
)

// String names the role.
func (r Role) String() string {
	return word([]string{"listener", "speaker", "co-host", "host"}, uint8(r))
}

func word(words []string, i uint8) string {
	if int(i) < len(words) {
		return words[i]
	}
	return fmt.Sprintf("unknown(%d)", i)
}

// Texts are bounded in runes, which people see, and in bytes, which packets see.
const (
	MaxName      = 40 // runes, and 64 bytes
	MaxTitle     = 80 // runes, and 160 bytes
	maxNameBytes = 64
	maxTitleByte = 160

	MaxMessage     = 500 // runes, and 1,000 bytes
	maxMessageByte = 1000
)

// CleanName returns a display name as it may be shown, or says what is wrong with it.
func CleanName(s string) (string, error) { return cleanText("name", s, MaxName, maxNameBytes) }

// CleanTitle returns a room's title as it may be shown, or says what is wrong with it.
func CleanTitle(s string) (string, error) { return cleanText("title", s, MaxTitle, maxTitleByte) }

// CleanMessage returns a line of the chat as it may be shown, or says what is wrong with it.
func CleanMessage(s string) (string, error) {
	return cleanText("message", s, MaxMessage, maxMessageByte)
}

func cleanText(what, s string, maxRunes, maxBytes int) (string, error) {
	clean, err := doc.CleanText(s, maxRunes)
	switch {
	case err != nil:
		return "", fmt.Errorf("%s: %w", what, err)
	case clean == "":
		return "", fmt.Errorf("%w: the %s is empty", ErrField, what)
	case len(clean) > maxBytes:
		return "", fmt.Errorf("%s: %w: at most %d bytes", what, doc.ErrTextLong, maxBytes)
	}
	return clean, nil
}

// isClean is nil when a received text is what its sender should have made of it.
func isClean(what, s string, clean func(string) (string, error)) error {
	got, err := clean(s)
	if err != nil {
		return err
	}
	if got != s {
		return fmt.Errorf("%s: %w", what, doc.ErrText)
	}
	return nil
}

const maxLanguage = 16 // characters

var languageTag = regexp.MustCompile(`^[a-z]{2,3}(-[a-z0-9]{2,8})*$`)

// Undetermined is the language of a room that names none (BCP 47).
const Undetermined = "und"

func checkLanguage(s string) error {
	if len(s) > maxLanguage || !languageTag.MatchString(s) {
		return fmt.Errorf(`%w: language %q; use a tag like "en", "fa" or "pt-br"`, ErrField, s)
	}
	return nil
}

// maxTime is the last millisecond of the year 9999, so that adding to a time from a peer cannot overflow.
const maxTime = 253402300799999

func checkTime(ms int64) error {
	if ms < 0 || ms > maxTime {
		return fmt.Errorf("%w: time %d", ErrField, ms)
	}
	return nil
}
