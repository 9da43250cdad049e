package doc

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"
)

func identity(t testing.TB, person, device PrivateKey) *Identity {
	t.Helper()
	raw, err := SignCert(person, cert(person, device))
	if err != nil {
		t.Fatal(err)
	}
	id, err := NewIdentity(device, raw)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestSignedBytes(t *testing.T) {
	ana, laptop := seed(1), seed(2)
	id := identity(t, ana, laptop)
	raw, err := id.Sign("note", sample{N: 7})
	if err != nil {
		t.Fatal(err)
	}
	// [certificate, body, signature]; the signature covers the person, then the body.
	body := unhex(t, "a1 01 07")
	person := ana.Public()
	sig := laptop.Sign("salon/note/1", append(person[:], body...))
	want := slices.Concat(unhex(t, fmt.Sprintf("83 58 %02x", len(id.Cert()))), id.Cert(), []byte{0x43}, body,
		unhex(t, "5840"), sig[:])
	if !bytes.Equal(raw, want) {
		t.Errorf("document\n%x, want\n%x", raw, want)
	}
	var v sample
	if author, err := Open("note", want, noon, &v); err != nil || author != id.Author() || v.N != 7 {
		t.Errorf("Open = %v, %+v, %v", author, v, err)
	}
	v = sample{}
	if author, err := Peek(want, &v); err != nil || author != id.Author() || v.N != 7 {
		t.Errorf("Peek = %v, %+v, %v", author, v, err)
	}
	flipEveryByte(t, raw, func(b []byte) error {
		_, err := Open("note", b, noon, &sample{})
		return err
	})
	flipEveryByte(t, raw, func(b []byte) error { return Verify("note", b, noon) })
}

func TestSignedRefused(t *testing.T) {
	ana, laptop := seed(1), seed(2)
	id := identity(t, ana, laptop)
	raw, err := id.Sign("note", sample{N: 7})
	if err != nil {
		t.Fatal(err)
	}
	if err := Verify("vote", raw, noon); !errors.Is(err, ErrSignature) {
		t.Errorf("a note passes as a vote: %v", err)
	}
	if err := Verify("note", raw, noon.Add(2*time.Hour)); !errors.Is(err, ErrExpired) {
		t.Errorf("under an expired certificate: %v", err)
	}
	if _, err := id.Sign("note", sample{Text: string(make([]byte, MaxDocument))}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("signed what nobody may open: %v", err)
	}
	if _, err := id.Sign("note", func() {}); err == nil {
		t.Error("signed a function")
	}
	if _, err := Open("note", raw, noon, &struct{}{}); !errors.Is(err, ErrEncoding) {
		t.Errorf("a body of another form: %v", err)
	}
}

// Anybody can certify a device whose public key they know. What that device has signed for its own person must
// not become theirs by putting their certificate on it.
func TestCertificateCannotBeSwapped(t *testing.T) {
	ana, laptop, eve := seed(1), seed(2), seed(3)
	raw, err := identity(t, ana, laptop).Sign("note", sample{N: 7})
	if err != nil {
		t.Fatal(err)
	}
	var e envelope
	if err := Unmarshal(raw, &e); err != nil {
		t.Fatal(err)
	}
	e.Cert, err = SignCert(eve, cert(eve, laptop))
	if err != nil {
		t.Fatal(err)
	}
	stolen, err := Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	if author, err := Open("note", stolen, noon, &sample{}); !errors.Is(err, ErrSignature) {
		t.Errorf("ana's note is by %v now, %v", author, err)
	}
	// A renewed certificate of the same person is fine: what was said stays said.
	renewed := cert(ana, laptop)
	renewed.NotAfter += 3600
	if e.Cert, err = SignCert(ana, renewed); err != nil {
		t.Fatal(err)
	}
	again, err := Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open("note", again, noon, &sample{}); err != nil {
		t.Errorf("after renewing the certificate: %v", err)
	}
}

func FuzzOpen(f *testing.F) {
	raw, err := identity(f, seed(1), seed(2)).Sign("note", sample{1, "a", [4]byte{1, 2, 3, 4}, [][]byte{{5}, {}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Fuzz(func(t *testing.T, b []byte) {
		var v sample
		if _, err := Peek(b, &v); err == nil {
			var e envelope
			if err := Unmarshal(b, &e); err != nil {
				t.Fatal(err)
			}
			body, _ := Marshal(v)
			again, _ := Marshal(e)
			if !bytes.Equal(body, e.Body) || !bytes.Equal(again, b) {
				t.Errorf("%x encodes back to %x", b, again)
			}
		}
		if _, err := Open("note", b, noon, &sample{}); err == nil && !bytes.Equal(b, raw) {
			t.Errorf("a forgery: %x", b)
		}
	})
}
