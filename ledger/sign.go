package ledger

import (
	"crypto/sha256"
	"fmt"

	"salon/ledger/doc"
)

// Limits of what strangers may send. The largest honest entry is an Open with a certificate and a checkpoint that many
// have signed; the largest honest document a list of revocations.
const (
	maxEntry    = 32 << 10
	maxDocument = 128 << 10
	maxRecord   = doc.MaxDocument // an entry with its documents: a sale of 256 tickets is 50 KiB
)

func domain(kind string) string { return "salon/ledger-" + kind + "/1" }

// identify returns the ID of a statement. The domain is in it, so that two statements of different kinds never share one.
func identify(kind string, body []byte) ID {
	h := sha256.New()
	h.Write([]byte(domain(kind)))
	h.Write([]byte{0})
	h.Write(body)
	return ID(h.Sum(nil))
}

// A statement is something signed, taken apart and not yet verified.
type statement struct {
	kind string
	id   ID
	signedWire
}

// sign encodes and signs a statement, and returns it with its bytes.
func sign(k doc.PrivateKey, kind string, v any) (statement, []byte, error) {
	body, err := doc.Marshal(v)
	if err != nil {
		return statement{}, nil, err
	}
	s := statement{kind, identify(kind, body), signedWire{Body: body, Sig: k.Sign(domain(kind), body)}}
	raw, err := doc.Marshal(s.signedWire)
	return s, raw, err
}

// parse decodes a statement into v, which points to a zero value. It verifies no signature.
func parse(kind string, raw []byte, limit int, v any) (statement, error) {
	s := statement{kind: kind}
	if len(raw) > limit {
		return s, fmt.Errorf("%s: %w: %d bytes", kind, doc.ErrTooLarge, len(raw))
	}
	if err := doc.Unmarshal(raw, &s.signedWire); err != nil {
		return s, fmt.Errorf("%s: %w", kind, err)
	}
	if err := doc.Unmarshal(s.Body, v); err != nil {
		return s, fmt.Errorf("%s: %w", kind, err)
	}
	s.id = identify(kind, s.Body)
	return s, nil
}

func (s statement) verify(by Key) error {
	if !by.Verify(domain(s.kind), s.Body, s.Sig) {
		return fmt.Errorf("%s: %w", s.kind, doc.ErrSignature)
	}
	return nil
}
