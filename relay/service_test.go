package relay

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"salon/ledger/doc"
)

var noon = time.Unix(1_800_000_000, 0)

// listener is somebody with a device.
func listener(t testing.TB, n byte) *doc.Identity {
	t.Helper()
	person, device := doc.PrivateKeyFromSeed(fill32(n)), doc.PrivateKeyFromSeed(fill32(n+100))
	cert, err := doc.SignCert(person, doc.Cert{Person: person.Public(), Device: device.Public(), NotBefore: noon.Unix() - 3600, NotAfter: noon.Unix() + 36000})
	if err != nil {
		t.Fatal(err)
	}
	id, err := doc.NewIdentity(device, cert)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func aMinute() Service {
	return Service{Room: fill(0x52), Relay: fill32(0x53), Since: noon.UnixMilli() - 60_000, Until: noon.UnixMilli(), Frames: 3000, Bytes: 300_000}
}

func TestServiceBytes(t *testing.T) {
	id := listener(t, 1)
	raw, err := SignService(id, aMinute())
	if err != nil {
		t.Fatal(err)
	}
	body := unhex(t, "a6 01 50"+strings.Repeat("52", 16)+"02 5820"+strings.Repeat("53", 32)+fmt.Sprintf("03 1b %016x 04 1b %016x", noon.UnixMilli()-60_000, noon.UnixMilli())+"05 19 0bb8 06 1a 000493e0")
	if !bytes.Contains(raw, body) {
		t.Errorf("the record\n%s\ndoes not hold\n%s", hex.EncodeToString(raw), hex.EncodeToString(body))
	}
	person := id.Author().Person
	if !id.Author().Device.Verify("salon/service record/1", append(person[:], body...), [64]byte(raw[len(raw)-64:])) {
		t.Error("the signature is not over domain, person and body")
	}
	s, author, err := OpenService(raw, noon)
	if err != nil || s != aMinute() || author != id.Author() {
		t.Errorf("it opens to %+v by %v, %v", s, author, err)
	}
	if len(raw) > 400 {
		t.Errorf("a record has %d bytes", len(raw))
	}
	t.Logf("a record has %d bytes", len(raw))
	for i := range raw {
		bad := bytes.Clone(raw)
		bad[i] ^= 0x20
		if s, _, err := OpenService(bad, noon); err == nil {
			t.Errorf("with byte %d changed it opens to %+v", i, s)
		}
	}
}

func TestServiceRefused(t *testing.T) {
	id := listener(t, 1)
	for name, change := range map[string]func(*Service){
		"no relay":              func(s *Service) { s.Relay = doc.PublicKey{} },
		"from the beginning":    func(s *Service) { s.Since = 0 },
		"from before time":      func(s *Service) { s.Since = -1 },
		"ends before it begins": func(s *Service) { s.Until = s.Since - 1 },
		"in the future":         func(s *Service) { s.Until = noon.UnixMilli() + doc.Skew.Milliseconds() + 1 },
		"too many frames":       func(s *Service) { s.Frames = 70*1600 + 1 },
		"all the frames":        func(s *Service) { s.Frames = 1 << 63; s.Bytes = 0 },
		"too many bytes":        func(s *Service) { s.Bytes = s.Frames*MaxSealed + 1 },
	} {
		s := aMinute()
		change(&s)
		raw, err := id.Sign(kindService, s) // without the checks of who is honest
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := OpenService(raw, noon); !errors.Is(err, ErrService) {
			t.Errorf("%s: %v", name, err)
		}
		if name != "in the future" { // who signs goes by its own clock
			if _, err := SignService(id, s); !errors.Is(err, ErrService) {
				t.Errorf("%s is signed: %v", name, err)
			}
		}
	}
	other, err := id.Sign("note", aMinute())
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := OpenService(other, noon); !errors.Is(err, doc.ErrSignature) {
		t.Errorf("a document of another kind: %v", err)
	}
	if _, _, err := OpenService(make([]byte, MaxService+1), noon); !errors.Is(err, ErrService) {
		t.Errorf("a long one: %v", err)
	}
}

// What was said once is not taken back: a later record replaces one only if nothing in it is less.
func TestServiceFollows(t *testing.T) {
	before := aMinute()
	for name, c := range map[string]struct {
		change func(*Service)
		want   bool
	}{
		"the same":           {func(*Service) {}, true},
		"more":               {func(s *Service) { s.Until++; s.Frames++; s.Bytes++ }, true},
		"earlier":            {func(s *Service) { s.Until-- }, false},
		"fewer frames":       {func(s *Service) { s.Until++; s.Frames-- }, false},
		"fewer bytes":        {func(s *Service) { s.Until++; s.Frames++; s.Bytes-- }, false},
		"another period":     {func(s *Service) { s.Since++ }, false},
		"another room":       {func(s *Service) { s.Room[0]++ }, false},
		"another one's work": {func(s *Service) { s.Relay[0]++ }, false},
	} {
		s := before
		c.change(&s)
		if s.Follows(before) != c.want {
			t.Errorf("%s follows: %v", name, !c.want)
		}
	}
}

func FuzzService(f *testing.F) {
	raw, err := SignService(listener(f, 1), aMinute())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, author, err := OpenService(b, noon); err == nil && (s.Frames > framesMost*uint64(s.Until-s.Since+10_000)/1000 || author.Person.IsZero()) {
			t.Fatalf("%x opens to %+v", b, s)
		}
	})
}
