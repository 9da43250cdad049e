package doc

import (
	"fmt"
	"time"
)

// envelope is a signed document as it travels: CBOR array [certificate, body, signature]. The signature is the
// device's, over "salon/<kind>/1", a zero byte, the person's key and the body. The person is in it because anybody
// can certify somebody else's device as their own, and would otherwise take over what that device has signed
// by putting another certificate on it.
type envelope struct {
	_    struct{} `cbor:",toarray"`
	Cert []byte
	Body []byte
	Sig  [64]byte
}

func domain(kind string) string { return "salon/" + kind + "/1" }

func statement(person PublicKey, body []byte) []byte { return append(person[:], body...) }

// Sign encodes body and signs it as a document of this kind.
func (id *Identity) Sign(kind string, body any) ([]byte, error) {
	b, err := Marshal(body)
	if err != nil {
		return nil, err
	}
	raw, err := Marshal(envelope{Cert: id.cert, Body: b, Sig: id.device.Sign(domain(kind), statement(id.author.Person, b))})
	if err == nil && len(raw) > MaxDocument {
		return nil, fmt.Errorf("%w: %s of %d bytes", ErrTooLarge, kind, len(raw))
	}
	return raw, err
}

// Open checks a document fully (encodings, certificate, its time, both signatures) and decodes its body into
// body, which points to a zero value.
func Open(kind string, raw []byte, now time.Time, body any) (Author, error) {
	e, s, c, err := parse(raw)
	if err != nil {
		return Author{}, err
	}
	if err := e.verify(kind, s, c, now); err != nil {
		return Author{}, err
	}
	if err := Unmarshal(e.Body, body); err != nil {
		return Author{}, err
	}
	return Author{c.Person, c.Device}, nil
}

// Peek decodes a document and checks no signature: a caller does its cheap checks on the body first, then
// calls Verify. The author is only a claim until then.
func Peek(raw []byte, body any) (Author, error) {
	e, _, c, err := parse(raw)
	if err != nil {
		return Author{}, err
	}
	if err := Unmarshal(e.Body, body); err != nil {
		return Author{}, err
	}
	return Author{c.Person, c.Device}, nil
}

// Verify checks what Peek left out: the certificate's time and both signatures.
func Verify(kind string, raw []byte, now time.Time) error {
	e, s, c, err := parse(raw)
	if err != nil {
		return err
	}
	return e.verify(kind, s, c, now)
}

func parse(raw []byte) (e envelope, s signedCert, c Cert, err error) {
	if err = Unmarshal(raw, &e); err != nil {
		return e, s, c, err
	}
	s, c, err = parseCert(e.Cert)
	return e, s, c, err
}

// verify goes from cheap to dear. The device's signature comes before the person's: it is the one that a
// forger of documents, rather than of certificates, gets wrong.
func (e *envelope) verify(kind string, s signedCert, c Cert, now time.Time) error {
	if err := c.checkTime(now); err != nil {
		return err
	}
	if !c.Device.Verify(domain(kind), statement(c.Person, e.Body), e.Sig) {
		return fmt.Errorf("%s: %w", kind, ErrSignature)
	}
	return s.verify(c)
}
