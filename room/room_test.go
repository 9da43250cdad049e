package room

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"salon/ledger/doc"
)

var noon = time.UnixMilli(1_800_000_000_000)

// key returns a private key for tests: the same number, the same key.
func key(n byte) doc.PrivateKey { return doc.PrivateKeyFromSeed([32]byte{n}) }

// identity returns a person's device. Label fills the certificate; people are told apart by their number.
func identity(t testing.TB, person, device byte, label string) *doc.Identity {
	t.Helper()
	raw, err := doc.SignCert(key(person), doc.Cert{
		Person: key(person).Public(), Device: key(device).Public(), Label: label,
		NotBefore: noon.Unix() - 3600, NotAfter: noon.Unix() + 3600,
	})
	if err != nil {
		t.Fatal(err)
	}
	id, err := doc.NewIdentity(key(device), raw)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func ana(t testing.TB) *doc.Identity { return identity(t, 1, 101, "") }
func bo(t testing.TB) *doc.Identity  { return identity(t, 2, 102, "") }

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func ok[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// flipEveryByte changes each byte of a valid document in turn, and cuts it at every length: all must be refused.
func flipEveryByte(t *testing.T, raw []byte, open func([]byte) error) {
	t.Helper()
	if err := open(raw); err != nil {
		t.Fatalf("the valid document: %v", err)
	}
	for i := range raw {
		for _, mask := range []byte{0x01, 0x80, 0xff} {
			b := bytes.Clone(raw)
			b[i] ^= mask
			if open(b) == nil {
				t.Errorf("byte %d of %d, changed by %#x, goes unseen", i, len(raw), mask)
			}
		}
		if open(raw[:i]) == nil {
			t.Errorf("cut to %d of %d bytes goes unseen", i, len(raw))
		}
	}
}

func TestID(t *testing.T) {
	host := key(1).Public()
	nonce := [16]byte{9}
	sum := sha256.Sum256(slices.Concat([]byte("salon/room/1\x00"), host[:], nonce[:]))
	id := NewID(host, nonce)
	if id != ID(sum[:16]) {
		t.Errorf("ID is %x, want %x", id[:], sum[:16])
	}
	// 00000 00001 00010 00011 00100 00101 00110 00111: the first eight letters
	if got := (ID{0x00, 0x44, 0x32, 0x14, 0xc7}).String(); got != "abcdefghaaaaaaaaaaaaaaaaaa" {
		t.Errorf("String() = %q", got)
	}
	for _, s := range []string{id.String(), strings.ToUpper(id.String()), " " + id.String() + "\n"} {
		if got, err := ParseID(s); err != nil || got != id {
			t.Errorf("ParseID(%q) = %v, %v", s, got, err)
		}
	}
	for _, s := range []string{"", id.String() + "a", id.String()[:25], id.String()[:25] + "b", id.String()[:25] + "1",
		id.String()[:24] + "\na", strings.Repeat("a", 1000)} {
		if got, err := ParseID(s); !errors.Is(err, ErrField) {
			t.Errorf("ParseID(%q) = %v, %v", s, got, err)
		}
	}
	text, _ := id.MarshalText()
	var back ID
	if err := back.UnmarshalText(text); err != nil || back != id || back.UnmarshalText([]byte("x")) == nil {
		t.Errorf("text %s gives %v, %v", text, back, err)
	}
}

func TestWords(t *testing.T) {
	for _, m := range []Mode{Talk, Concert} {
		if got, err := ParseMode(m.String()); err != nil || got != m {
			t.Errorf("ParseMode(%q) = %v, %v", m.String(), got, err)
		}
	}
	for _, a := range []Access{Anyone, ByInvitation} {
		if got, err := ParseAccess(a.String()); err != nil || got != a {
			t.Errorf("ParseAccess(%q) = %v, %v", a.String(), got, err)
		}
	}
	if _, err := ParseAccess("members"); !errors.Is(err, ErrField) {
		t.Errorf("ParseAccess(members): %v", err)
	}
	if _, err := ParseMode("opera"); !errors.Is(err, ErrField) {
		t.Errorf("ParseMode(opera): %v", err)
	}
	got := []string{Listener.String(), Speaker.String(), CoHost.String(), Host.String(), Role(9).String(),
		Anyone.String(), ByInvitation.String(), Mode(7).String(), Opened.String(), RaiseHand.String(), End.String(), Kind(99).String()}
	want := []string{"listener", "speaker", "co-host", "host", "unknown(9)", "open", "invite", "unknown(7)", "opened", "raise hand",
		"end", "unknown(99)"}
	if !slices.Equal(got, want) {
		t.Errorf("words %q, want %q", got, want)
	}
}

func TestTermOrder(t *testing.T) {
	ascending := []Term{{}, {1, 0, 0}, {1, 0, 1}, {1, 1, 0}, {1, 2, 0}, {2, 0, 0}, {2, 0, 3}}
	for i, a := range ascending {
		for j, b := range ascending {
			want := 0
			if i < j {
				want = -1
			} else if i > j {
				want = 1
			}
			if got := a.Compare(b); got != want {
				t.Errorf("%v against %v is %d, want %d", a, b, got, want)
			}
		}
	}
}
