// Package doc makes and checks signed documents: keys, device certificates, canonical CBOR, signatures.
//
// Always:
//
//   - One value has one encoding. Bytes that decode but would not encode back to themselves are refused.
//   - A signature covers its domain, so a document of one kind is never a document of another.
//   - A device speaks for a person only under a certificate signed by that person's key.
//   - Bytes from a stranger return an error that errors.Is can name; they never panic.
//
// The package is a leaf: it reads no clock and opens nothing.
package doc

import (
	"errors"
	"time"
)

// Skew is how far apart the clocks of two honest machines may be. A certificate made on a laptop that is
// a minute ahead must not be refused by everyone else for that minute.
const Skew = 2 * time.Minute

// What is wrong with a document, a key or a text from outside. Every such refusal wraps one of these.
var (
	ErrEncoding  = errors.New("doc: not the one valid encoding")
	ErrTooLarge  = errors.New("doc: too large")
	ErrKey       = errors.New("doc: not a key")
	ErrSignature = errors.New("doc: signature does not verify")
	ErrCert      = errors.New("doc: bad device certificate")
	ErrNotYet    = errors.New("doc: certificate is not valid yet")
	ErrExpired   = errors.New("doc: certificate has expired")
	ErrText      = errors.New("doc: text has characters that are not allowed")
	ErrTextLong  = errors.New("doc: text is too long")
)
