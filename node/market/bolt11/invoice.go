// Package bolt11 reads Lightning invoices: what is asked for, by whom, and what it is for.
//
// It reads what salon looks at and skips the rest: a node that pays reads all of it once more. The signature is verified, so
// that an invoice with the preimage proves to anybody that this Lightning node was paid this for that.
package bolt11

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"math/bits"
	"strings"
	"time"

	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"

	"salon/ledger"
)

// ErrInvoice is every invoice that cannot be read.
var ErrInvoice = errors.New("bolt11: not an invoice")

// An Invoice asks for money.
type Invoice struct {
	Network string        // "bc"; "bcrt" and "sb" are for tests
	Amount  ledger.Amount // in msat; 0 leaves it to the payer
	Hash    [32]byte      // of the preimage that proves the payment
	Purpose [32]byte      // hash of what it is for; zero if that stands in plain text
	Time    time.Time
	Expires time.Time
	Payee   [33]byte // the Lightning node that signed it
}

const (
	maxLength     = 4096
	usualExpiry   = 3600    // seconds
	maxExpiry     = 1 << 32 // far beyond what any node takes
	timeWords     = 7
	sigWords      = 104
	checksumWords = 6
	hashWords     = 52
)

// Parse reads an invoice and verifies its checksum and its signature.
func Parse(s string) (Invoice, error) {
	var inv Invoice
	if len(s) > maxLength {
		return inv, fmt.Errorf("%w: %d bytes", ErrInvoice, len(s))
	}
	prefix, words, err := bech32(s)
	if err != nil {
		return inv, err
	}
	if inv.Network, inv.Amount, err = readPrefix(prefix); err != nil {
		return inv, err
	}
	if len(words) < timeWords+sigWords {
		return inv, fmt.Errorf("%w: too short", ErrInvoice)
	}
	signed, sig := words[:len(words)-sigWords], words[len(words)-sigWords:]
	at, _ := number(signed[:timeWords])
	inv.Time = time.Unix(int64(at), 0)
	expiry := uint64(usualExpiry)
	var hasHash, hasPurpose bool
	for rest := signed[timeWords:]; len(rest) > 0; {
		if len(rest) < 3 {
			return inv, fmt.Errorf("%w: a field ends early", ErrInvoice)
		}
		tag, n := alphabet[rest[0]], int(rest[1])<<5|int(rest[2])
		if rest = rest[3:]; len(rest) < n {
			return inv, fmt.Errorf("%w: a field ends early", ErrInvoice)
		}
		field := rest[:n]
		rest = rest[n:]
		switch { // of several, the first counts; of another length, none
		case tag == 'p' && n == hashWords && !hasHash:
			inv.Hash, hasHash = [32]byte(octets(field)[:32]), true
		case tag == 'h' && n == hashWords && !hasPurpose:
			inv.Purpose, hasPurpose = [32]byte(octets(field)[:32]), true
		case tag == 'x':
			var ok bool
			if expiry, ok = number(field); !ok || expiry > maxExpiry {
				return inv, fmt.Errorf("%w: it never expires", ErrInvoice)
			}
		}
	}
	if !hasHash {
		return inv, fmt.Errorf("%w: without a payment hash", ErrInvoice)
	}
	inv.Expires = inv.Time.Add(time.Duration(expiry) * time.Second)
	inv.Payee, err = signer(prefix, signed, octets(sig))
	return inv, err
}

// signer is who signed: the key follows from the signature, so that there is no other to compare it to.
func signer(prefix string, signed []byte, sig []byte) (key [33]byte, err error) {
	digest := sha256.Sum256(append([]byte(prefix), octets(signed)...))
	const compressed = 31 // of recovery code 0, in the order that the library wants: code, r, s
	if sig[64] > 3 {
		return key, fmt.Errorf("%w: signature", ErrInvoice)
	}
	public, _, err := ecdsa.RecoverCompact(append([]byte{compressed + sig[64]}, sig[:64]...), digest[:])
	if err != nil {
		return key, fmt.Errorf("%w: %w", ErrInvoice, err)
	}
	return [33]byte(public.SerializeCompressed()), nil
}

// readPrefix takes "lnbc2500u" apart.
func readPrefix(s string) (network string, a ledger.Amount, err error) {
	bad := fmt.Errorf("%w: it begins with %q", ErrInvoice, s)
	rest, found := strings.CutPrefix(s, "ln")
	at := strings.IndexAny(rest, "0123456789")
	if !found || rest == "" || at == 0 || strings.Trim(rest[:max(at, 0)], "abcdefghijklmnopqrstuvwxyz") != "" {
		return "", 0, bad
	}
	if at < 0 {
		return rest, 0, nil
	}
	network, number := rest[:at], rest[at:]
	unit := uint64(100_000_000_000) // msat of a bitcoin
	tenths := false
	switch last := number[len(number)-1]; last {
	case 'm':
		unit /= 1_000
	case 'u':
		unit /= 1_000_000
	case 'n':
		unit /= 1_000_000_000
	case 'p':
		unit, tenths = 1, true
	default:
		number += "."
	}
	number = number[:len(number)-1]
	if number == "" || number[0] == '0' {
		return "", 0, bad
	}
	n := uint64(0)
	for _, c := range []byte(number) {
		if c < '0' || c > '9' || n > uint64(ledger.MaxAmount) {
			return "", 0, bad
		}
		n = n*10 + uint64(c-'0')
	}
	if tenths {
		if n%10 != 0 {
			return "", 0, bad
		}
		n /= 10
	}
	high, msat := bits.Mul64(n, unit)
	if high != 0 || msat > uint64(ledger.MaxAmount) {
		return "", 0, bad
	}
	return network, ledger.Amount(msat), nil
}

// number reads words as a number; false if it is too large.
func number(words []byte) (n uint64, ok bool) {
	for _, w := range words {
		if n >= 1<<59 {
			return 0, false
		}
		n = n<<5 | uint64(w)
	}
	return n, true
}

// octets packs words of 5 bits into bytes, the last one filled up with zeros.
func octets(words []byte) []byte {
	out := make([]byte, 0, len(words)*5/8+1)
	acc, have := uint(0), 0
	for _, w := range words {
		acc, have = acc<<5|uint(w), have+5
		if have >= 8 {
			have -= 8
			out = append(out, byte(acc>>have))
		}
	}
	if have > 0 {
		out = append(out, byte(acc<<(8-have)))
	}
	return out
}
