package doc

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base32"
	"fmt"
	"log/slog"
	"strings"
)

// base32Lower is RFC 4648 base32 in lower case without padding: it survives a double click, a spoken
// "capital or small?" and file systems that ignore case.
var base32Lower = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// A PublicKey is an Ed25519 public key: the name of a person or of a device. The zero value names nobody.
type PublicKey [32]byte

// ParsePublicKey reads what String wrote; capitals are taken as well.
func ParsePublicKey(s string) (PublicKey, error) {
	var k PublicKey
	s = strings.ToLower(strings.TrimSpace(s))
	if base32Lower.DecodedLen(len(s)) != len(k) {
		return PublicKey{}, fmt.Errorf("%w: want 52 characters, have %d", ErrKey, len(s))
	}
	b, err := base32Lower.DecodeString(s)
	// The decoder ignores line ends and the four spare bits of the last character, we do not.
	if err != nil || copy(k[:], b) != len(k) || k.String() != s {
		return PublicKey{}, fmt.Errorf("%w: %q", ErrKey, s)
	}
	return k, nil
}

// String returns the key as 52 characters of base32.
func (k PublicKey) String() string { return base32Lower.EncodeToString(k[:]) }

// Short returns the first 6 characters of String, which are shown beside a name. They prove nothing.
func (k PublicKey) Short() string { return k.String()[:6] }

// IsZero reports whether k names nobody.
func (k PublicKey) IsZero() bool { return k == PublicKey{} }

// MarshalText makes a key readable in JSON.
func (k PublicKey) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText is the way back from MarshalText.
func (k *PublicKey) UnmarshalText(b []byte) error {
	parsed, err := ParsePublicKey(string(b))
	if err != nil {
		return err
	}
	*k = parsed
	return nil
}

// Verify reports whether sig is k's signature over msg under domain (see PrivateKey.Sign).
func (k PublicKey) Verify(domain string, msg []byte, sig [64]byte) bool {
	return !k.IsZero() && ed25519.Verify(k[:], signed(domain, msg), sig[:])
}

// A PrivateKey is an Ed25519 private key. Printing or logging it shows the public half. The zero value cannot sign.
type PrivateKey struct{ key ed25519.PrivateKey }

// NewPrivateKey makes a key from the system's random source, which does not fail (it would end the process).
func NewPrivateKey() PrivateKey {
	var seed [32]byte
	rand.Read(seed[:])
	return PrivateKeyFromSeed(seed)
}

// PrivateKeyFromSeed makes the key of RFC 8032 for a seed.
func PrivateKeyFromSeed(seed [32]byte) PrivateKey {
	return PrivateKey{ed25519.NewKeyFromSeed(seed[:])}
}

// Seed returns the 32 bytes that are the secret; store them with mode 0600.
func (k PrivateKey) Seed() [32]byte { return [32]byte(k.key.Seed()) }

// Public returns the public half.
func (k PrivateKey) Public() PublicKey { return PublicKey(k.key.Public().(ed25519.PublicKey)) }

// IsZero reports whether k is the zero value.
func (k PrivateKey) IsZero() bool { return k.key == nil }

// Ed25519 returns the key for libraries that want the standard type. Sign with it only bytes that start
// with a domain of their own, as Sign does.
func (k PrivateKey) Ed25519() ed25519.PrivateKey { return k.key }

// Sign signs domain, a zero byte and msg. The domain says what kind of statement this is, for example
// "salon/event/1"; it holds no zero byte, so no two pairs of domain and message sign the same bytes.
func (k PrivateKey) Sign(domain string, msg []byte) [64]byte {
	return [64]byte(ed25519.Sign(k.key, signed(domain, msg)))
}

// String shows whose key it is and hides the key.
func (k PrivateKey) String() string {
	if k.IsZero() {
		return "no private key"
	}
	return "private key of " + k.Public().Short()
}

// GoString hides the key from %#v.
func (k PrivateKey) GoString() string { return k.String() }

// LogValue hides the key from the log.
func (k PrivateKey) LogValue() slog.Value { return slog.StringValue(k.String()) }

func signed(domain string, msg []byte) []byte {
	b := make([]byte, 0, len(domain)+1+len(msg))
	b = append(b, domain...)
	b = append(b, 0)
	return append(b, msg...)
}
