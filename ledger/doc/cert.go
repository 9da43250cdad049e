package doc

import (
	"bytes"
	"fmt"
	"time"
)

// maxCert bounds an encoded certificate: two keys, a signature, two times and a label.
const maxCert = 300

const maxLabel = 32 // runes

// A Cert lets a device speak for a person for a time. The person's key signs it.
type Cert struct {
	Person    PublicKey `cbor:"1,keyasint"`
	Device    PublicKey `cbor:"2,keyasint"`
	Label     string    `cbor:"3,keyasint,omitempty"` // the device's name for its owner, at most 32 runes, may be empty
	NotBefore int64     `cbor:"4,keyasint"`           // unix seconds
	NotAfter  int64     `cbor:"5,keyasint"`           // unix seconds
}

// signedCert is how a certificate travels. The body stays bytes, so that what was signed is what is checked.
type signedCert struct {
	_    struct{} `cbor:",toarray"`
	Body []byte
	Sig  [64]byte
}

const certDomain = "salon/cert/1"

// SignCert signs c with the person's key and returns the certificate's bytes.
func SignCert(person PrivateKey, c Cert) ([]byte, error) {
	if person.IsZero() || c.Person != person.Public() {
		return nil, fmt.Errorf("%w: the person's key must sign it", ErrCert)
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	body, err := Marshal(c)
	if err != nil {
		return nil, err
	}
	return Marshal(signedCert{Body: body, Sig: person.Sign(certDomain, body)})
}

// OpenCert checks a certificate: encoding, fields, time (give or take Skew), then the signature.
func OpenCert(raw []byte, now time.Time) (Cert, error) {
	s, c, err := parseCert(raw)
	if err != nil {
		return Cert{}, err
	}
	if err := c.checkTime(now); err != nil {
		return Cert{}, err
	}
	if err := s.verify(c); err != nil {
		return Cert{}, err
	}
	return c, nil
}

func parseCert(raw []byte) (signedCert, Cert, error) {
	var s signedCert
	var c Cert
	if len(raw) > maxCert {
		return s, c, fmt.Errorf("%w: certificate of %d bytes", ErrTooLarge, len(raw))
	}
	if err := Unmarshal(raw, &s); err != nil {
		return s, c, fmt.Errorf("certificate: %w", err)
	}
	if err := Unmarshal(s.Body, &c); err != nil {
		return s, c, fmt.Errorf("certificate: %w", err)
	}
	return s, c, c.check()
}

func (s signedCert) verify(c Cert) error {
	if !c.Person.Verify(certDomain, s.Body, s.Sig) {
		return fmt.Errorf("certificate: %w", ErrSignature)
	}
	return nil
}

func (c Cert) check() error {
	switch label, err := CleanText(c.Label, maxLabel); {
	case err != nil:
		return fmt.Errorf("%w: label: %w", ErrCert, err)
	case label != c.Label:
		return fmt.Errorf("%w: label: %w", ErrCert, ErrText)
	case c.Person.IsZero() || c.Device.IsZero():
		return fmt.Errorf("%w: a key is missing", ErrCert)
	case c.Person == c.Device:
		// One key in two parts would let a relay pass a device's statement off as the person's own.
		return fmt.Errorf("%w: person and device are the same key", ErrCert)
	case c.NotBefore < 0 || c.NotAfter <= c.NotBefore || c.NotAfter > maxUnix:
		return fmt.Errorf("%w: its times are out of order", ErrCert)
	}
	return nil
}

// maxUnix is the last second of the year 9999: beyond it sums of times could overflow.
const maxUnix = 253402300799

func (c Cert) checkTime(now time.Time) error {
	skew, at := int64(Skew/time.Second), now.Unix()
	if at < c.NotBefore-skew {
		return ErrNotYet
	}
	if at > c.NotAfter+skew {
		return ErrExpired
	}
	return nil
}

// An Author is who signed a document.
type Author struct{ Person, Device PublicKey }

// An Identity is a device key and the certificate that lets it speak for a person.
type Identity struct {
	device PrivateKey
	cert   []byte
	author Author
}

// NewIdentity pairs a device key with its certificate. It checks the certificate's signature but not its time,
// which every reader checks.
func NewIdentity(device PrivateKey, cert []byte) (*Identity, error) {
	s, c, err := parseCert(cert)
	if err != nil {
		return nil, err
	}
	if err := s.verify(c); err != nil {
		return nil, err
	}
	if device.IsZero() || device.Public() != c.Device {
		return nil, fmt.Errorf("%w: it is for another device", ErrCert)
	}
	return &Identity{device: device, cert: bytes.Clone(cert), author: Author{c.Person, c.Device}}, nil
}

// Author returns the person and device that Sign signs as.
func (id *Identity) Author() Author { return id.author }

// Cert returns a copy of the certificate's bytes.
func (id *Identity) Cert() []byte { return bytes.Clone(id.cert) }

// Device returns the device's private key.
func (id *Identity) Device() PrivateKey { return id.device }
