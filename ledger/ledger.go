// Package ledger keeps a node's books: a log of signed entries, and what follows from it.
//
// A node appends entries to a log of its own and to no other. A log belongs to one device and one epoch: restoring a
// backup opens the next. Documents (orders, quotes, receipts, tickets...) travel between people; entries take them in.
// The books (seats, tickets, balances) are a pure function of the entries. Always:
//
//   - Seq counts from 0 without gaps, each entry names the one before, and time does not go backwards.
//   - Nothing is in a log that does not verify under the device key that the log's first entry names, for its kind of
//     statement only; and one value has one encoding.
//   - Replaying a log from nothing gives the same books, byte for byte.
//   - Each entry's postings sum to zero in its currency; shares add up to what was divided.
//   - Issued and reserved seats are never more than an offer has. One serial at one generation is one ticket; each next
//     ticket of a seat is of the next generation, in a later epoch of one beyond all of those before.
//   - What is refunded is at most what was received, and a refunded seat is revoked first.
//   - A receipt is what its quote says, and the quote what the offer says that its order names.
//   - One proof of payment backs one receipt.
//   - While a payment is disputed its tickets are not good, and its money goes nowhere. Each dispute is opened and ended once.
//   - An entry is on disk before Append returns, and so before anybody else can hear of it.
//
// The package opens no sockets, reads no clock and starts no goroutine that outlives a call. bbolt is
// known to database.go, which opens it and writes it, to store.go, proof.go and fsck.go, which read in its transactions, and to
// witness.go and witnessed.go, whose database is another.
package ledger

import (
	"encoding/base32"
	"encoding/hex"
	"errors"
	"fmt"

	"salon/ledger/doc"
)

// A Key is an Ed25519 public key: of a person, a device, or made for one purchase.
type Key = doc.PublicKey

// An ID names an entry or a document: the SHA-256 of its domain, a zero byte, and its bytes without the signature.
type ID [32]byte

// String returns the ID as hex.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// ParseID is the way back from String.
func ParseID(s string) (ID, error) {
	var id ID
	if b, err := hex.DecodeString(s); err != nil || copy(id[:], b) != len(id) || len(b) != len(id) {
		return ID{}, fieldError("%q is no ID", s)
	}
	return id, nil
}

// Short is the beginning of String.
func (id ID) Short() string { return id.String()[:8] }

// IsZero reports whether id names nothing.
func (id ID) IsZero() bool { return id == ID{} }

// MarshalText makes an ID readable in JSON.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText is the way back from MarshalText.
func (id *ID) UnmarshalText(b []byte) error {
	parsed, err := ParseID(string(b))
	if err == nil {
		*id = parsed
	}
	return err
}

// A Room is the ID of a room (room.ID, which this package does not know).
type Room [16]byte

// String writes a room as package room does: 26 characters of base32 in lower case.
func (r Room) String() string { return base32Lower.EncodeToString(r[:]) }

var base32Lower = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// IsZero reports whether r is no room.
func (r Room) IsZero() bool { return r == Room{} }

// Why something is refused. Every refusal wraps one of these, or one of package doc.
var (
	ErrAmount    = errors.New("ledger: not an amount of money")
	ErrCurrency  = errors.New("ledger: not a currency that is known, or not the one expected")
	ErrSplit     = errors.New("ledger: shares do not add up")
	ErrField     = errors.New("ledger: a field is missing or out of range")
	ErrKind      = errors.New("ledger: no such kind")
	ErrChain     = errors.New("ledger: entry does not follow the one before")
	ErrSigner    = errors.New("ledger: signed by the wrong key")
	ErrDocument  = errors.New("ledger: a document that the entry names is missing, or one that it does not name is there")
	ErrUnknown   = errors.New("ledger: it refers to something that is not in this ledger")
	ErrDuplicate = errors.New("ledger: it is in the ledger already")
	ErrMismatch  = errors.New("ledger: it differs from what it refers to")

	ErrSoldOut    = errors.New("ledger: sold out")
	ErrLimit      = errors.New("ledger: more than one buyer may have")
	ErrNotOnSale  = errors.New("ledger: not on sale at this time")
	ErrCancelled  = errors.New("ledger: cancelled")
	ErrRestored   = errors.New("ledger: on sale in an earlier epoch; the offer must be made again, above the serials that may be sold")
	ErrExpired    = errors.New("ledger: expired")
	ErrPaid       = errors.New("ledger: this payment backs another receipt already")
	ErrSeat       = errors.New("ledger: this seat is not in the state that it takes")
	ErrGeneration = errors.New("ledger: not the newest generation of this ticket")
	ErrRevoked    = errors.New("ledger: ticket revoked")
	ErrTooMuch    = errors.New("ledger: more than there is")
	ErrCredit     = errors.New("ledger: beyond the credit that the host gives this person")

	ErrFrozen     = errors.New("ledger: its author signed two different things in one place")
	ErrRolledBack = errors.New("ledger: this log is older than a checkpoint of it that others hold")
	ErrBroken     = errors.New("ledger: a write failed; open the ledger again to see what is on disk")
	ErrCorrupt    = errors.New("ledger: damaged")
	ErrClosed     = errors.New("ledger: closed")
)

func fieldError(format string, a ...any) error {
	return fmt.Errorf("%w: %s", ErrField, fmt.Sprintf(format, a...))
}

func mismatch(format string, a ...any) error {
	return fmt.Errorf("%w: %s", ErrMismatch, fmt.Sprintf(format, a...))
}
