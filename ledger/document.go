package ledger

import (
	"fmt"
	"time"

	"salon/ledger/doc"
)

// A Document is a signed thing that travels between people: an Order, a Quote, a Receipt...
type Document interface {
	// kind is in the domain of the signature.
	kind() string
	// signer is the key that must have signed, as the document itself says.
	signer() Key
	// check refuses fields that are out of range by themselves.
	check() error
}

// Sign checks and signs a document, and returns its bytes and its ID.
func Sign(k doc.PrivateKey, d Document) ([]byte, ID, error) {
	if err := d.check(); err != nil {
		return nil, ID{}, fmt.Errorf("%s: %w", d.kind(), err)
	}
	if k.IsZero() || k.Public() != d.signer() {
		return nil, ID{}, fmt.Errorf("%s: %w", d.kind(), ErrSigner)
	}
	s, raw, err := sign(k, d.kind(), d)
	if err == nil && len(raw) > maxDocument {
		return nil, ID{}, fmt.Errorf("%s: %w: %d bytes", d.kind(), doc.ErrTooLarge, len(raw))
	}
	return raw, s.id, err
}

// OpenDocument decodes a document, and checks its fields and the signature of the key that it names. Whether that is
// the right key is for the caller to say.
func OpenDocument[D Document](raw []byte) (D, ID, error) {
	d, s, err := peek[D](raw)
	if err != nil {
		return d, ID{}, err
	}
	return d, s.id, s.verify(d.signer())
}

// ReadDocument is OpenDocument without the signature: for what a ledger has, which was verified before it was stored.
func ReadDocument[D Document](raw []byte) (D, ID, error) {
	d, s, err := peek[D](raw)
	return d, s.id, err
}

// peek is OpenDocument without the signature: for what was verified before it was stored.
func peek[D Document](raw []byte) (D, statement, error) {
	var d D
	s, err := parse(d.kind(), raw, maxDocument, &d)
	if err == nil {
		if err = d.check(); err != nil {
			err = fmt.Errorf("%s: %w", d.kind(), err)
		}
	}
	return d, s, err
}

// Limits of fields.
const (
	maxRail     = 32   // bytes of a rail's name
	maxRequest  = 4096 // bytes of what a rail asks to be paid
	maxAddress  = 1024 // bytes of an address on a rail
	maxProof    = 256  // bytes
	maxName     = 64   // runes of a class or a tier
	MaxTax      = 64   // runes of what a seller states of tax
	MaxPerks    = 280  // runes of what a subscription brings
	maxCount    = 256  // tickets of one order
	MaxSeats    = 100_000
	maxLifetime = 24 * time.Hour // of an order or a quote

	maxMilli  = 253402300799999 // the last millisecond of the year 9999
	maxSecond = 253402300799
)

func checkTimes(milli ...int64) error {
	for _, t := range milli {
		if t < 0 || t > maxMilli {
			return fieldError("time %d", t)
		}
	}
	return nil
}

// checkWindow refuses a window that ends before it begins. An end of zero is no end.
func checkWindow(from, to int64) error {
	if err := checkTimes(from, to); err != nil {
		return err
	}
	if to != 0 && to <= from {
		return fieldError("it ends before it begins")
	}
	return nil
}

// checkLifetime refuses what is open for longer than anybody should have to keep it in mind.
func checkLifetime(from, to int64) error {
	if err := checkWindow(from, to); err != nil {
		return err
	}
	if to-from <= 0 || to-from > maxLifetime.Milliseconds() {
		return fieldError("open for %d ms", to-from)
	}
	return nil
}

func checkText(what, s string, maxRunes int) error {
	clean, err := doc.CleanText(s, maxRunes)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	if clean != s || s == "" {
		return fmt.Errorf("%s: %w", what, doc.ErrText)
	}
	return nil
}

// checkRail holds rails' names to what can be told apart by eye and typed.
func checkRail(s string) error {
	if s == "" || len(s) > maxRail {
		return fieldError("rail %q", s)
	}
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '.' && c != '_' && c != '-' {
			return fieldError("rail %q", s)
		}
	}
	return nil
}

// checkASCII holds machine-made text to printable ASCII.
func checkASCII(what, s string, limit int) error {
	if len(s) > limit {
		return fieldError("%s of %d bytes", what, len(s))
	}
	for _, c := range []byte(s) {
		if c <= ' ' || c > '~' {
			return fieldError("%s has byte %#x", what, c)
		}
	}
	return nil
}

func checkProof(b []byte) error {
	if len(b) == 0 || len(b) > maxProof {
		return fieldError("a proof of %d bytes", len(b))
	}
	return nil
}

// checkSerials wants them to go up, so that one list has one form.
func checkSerials(list []uint32) error {
	if len(list) > maxCount {
		return fieldError("%d serials", len(list))
	}
	for i, s := range list {
		if s >= MaxSeats || i > 0 && s <= list[i-1] {
			return fieldError("serial %d", s)
		}
	}
	return nil
}
