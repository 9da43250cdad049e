package doc

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

var noon = time.Unix(1_800_000_000, 0)

func cert(person, device PrivateKey) Cert {
	return Cert{Person: person.Public(), Device: device.Public(), Label: "laptop",
		NotBefore: noon.Unix() - 3600, NotAfter: noon.Unix() + 3600}
}

func TestCertBytes(t *testing.T) {
	ana, laptop := seed(1), seed(2)
	raw, err := SignCert(ana, cert(ana, laptop))
	if err != nil {
		t.Fatal(err)
	}
	// [body, signature]; body: {1: person, 2: device, 3: "laptop", 4: 1799996400, 5: 1800003600}
	body := unhex(t, fmt.Sprintf("a5 01 5820 %x 02 5820 %x 03 66 6c6170746f70 04 1a 6b49c3f0 05 1a 6b49e010",
		[32]byte(ana.Public()), [32]byte(laptop.Public())))
	sig := ana.Sign("salon/cert/1", body)
	want := slices.Concat(unhex(t, fmt.Sprintf("82 58 %02x", len(body))), body, unhex(t, "5840"), sig[:])
	if !bytes.Equal(raw, want) {
		t.Errorf("certificate\n%x, want\n%x", raw, want)
	}
	got, err := OpenCert(want, noon)
	if err != nil || got != cert(ana, laptop) {
		t.Errorf("OpenCert = %+v, %v", got, err)
	}
}

func TestCertTimes(t *testing.T) {
	ana, laptop := seed(1), seed(2)
	raw, err := SignCert(ana, cert(ana, laptop))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		at   time.Duration
		want error
	}{
		{"in the middle", 0, nil},
		{"a clock that is a little behind", -time.Hour - Skew, nil},
		{"before it begins", -time.Hour - Skew - time.Second, ErrNotYet},
		{"a clock that is a little ahead", time.Hour + Skew, nil},
		{"after it ends", time.Hour + Skew + time.Second, ErrExpired},
	} {
		if _, err := OpenCert(raw, noon.Add(c.at)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

func TestCertRefused(t *testing.T) {
	ana, laptop, eve := seed(1), seed(2), seed(3)
	with := func(f func(*Cert)) Cert {
		c := cert(ana, laptop)
		f(&c)
		return c
	}
	for _, c := range []struct {
		name string
		cert Cert
	}{
		{"another person", with(func(c *Cert) { c.Person = eve.Public() })},
		{"no device", with(func(c *Cert) { c.Device = PublicKey{} })},
		{"the person as device", with(func(c *Cert) { c.Device = ana.Public() })},
		{"times out of order", with(func(c *Cert) { c.NotAfter = c.NotBefore })},
		{"negative time", with(func(c *Cert) { c.NotBefore = -1 })},
		{"time without end", with(func(c *Cert) { c.NotAfter = 1 << 62 })},
		{"a label with a bidi control", with(func(c *Cert) { c.Label = "a\u202eb" })},
		{"a long label", with(func(c *Cert) { c.Label = strings.Repeat("x", 33) })},
	} {
		if _, err := SignCert(ana, c.cert); !errors.Is(err, ErrCert) {
			t.Errorf("signed with %s: %v", c.name, err)
		}
		// A hostile signer skips the checks.
		body, err := Marshal(c.cert)
		if err != nil {
			t.Fatal(err)
		}
		raw, _ := Marshal(signedCert{Body: body, Sig: ana.Sign(certDomain, body)})
		if _, err := OpenCert(raw, noon); err == nil {
			t.Errorf("opened with %s", c.name)
		}
	}
	if _, err := SignCert(PrivateKey{}, cert(ana, laptop)); !errors.Is(err, ErrCert) {
		t.Errorf("signed with no key: %v", err)
	}
	if _, err := OpenCert(make([]byte, maxCert+1), noon); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a large certificate: %v", err)
	}
	// The largest that can be signed can be opened.
	longest := with(func(c *Cert) { c.Label = strings.Repeat("😀", 32); c.NotAfter, c.NotBefore = maxUnix, maxUnix-1 })
	raw, err := SignCert(ana, longest)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := OpenCert(raw, time.Unix(maxUnix, 0)); err != nil {
		t.Errorf("%d bytes: %v", len(raw), err)
	}
}

func TestIdentity(t *testing.T) {
	ana, laptop, eve := seed(1), seed(2), seed(3)
	raw, err := SignCert(ana, cert(ana, laptop))
	if err != nil {
		t.Fatal(err)
	}
	id, err := NewIdentity(laptop, raw)
	if err != nil {
		t.Fatal(err)
	}
	if id.Author() != (Author{ana.Public(), laptop.Public()}) || !bytes.Equal(id.Cert(), raw) ||
		id.Device().Public() != laptop.Public() {
		t.Errorf("identity is %+v", id.Author())
	}
	if _, err := NewIdentity(eve, raw); !errors.Is(err, ErrCert) {
		t.Errorf("another device took the certificate: %v", err)
	}
	if _, err := NewIdentity(PrivateKey{}, raw); !errors.Is(err, ErrCert) {
		t.Errorf("no device took the certificate: %v", err)
	}
	flipEveryByte(t, raw, func(b []byte) error {
		_, err := NewIdentity(laptop, b)
		return err
	})
	flipEveryByte(t, raw, func(b []byte) error {
		_, err := OpenCert(b, noon)
		return err
	})
}

// flipEveryByte changes each byte of a valid document in turn, and cuts it at every length: all must be refused.
func flipEveryByte(t *testing.T, raw []byte, open func([]byte) error) {
	t.Helper()
	if err := open(raw); err != nil {
		t.Fatalf("the valid document: %v", err)
	}
	for i := range raw {
		for _, mask := range []byte{0x01, 0x20, 0x80, 0xff} {
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
