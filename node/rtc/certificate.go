package rtc

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"time"

	"github.com/pion/dtls/v3/pkg/crypto/fingerprint"
)

// newCertificate makes a certificate for one session, which says nothing but its key: the answer holds its fingerprint.
func newCertificate(now time.Time) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	serial := make([]byte, 16)
	rand.Read(serial)
	name := pkix.Name{CommonName: "salon"}
	template := &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(serial), Issuer: name, Subject: name,
		NotBefore: now.AddDate(0, 0, -1), NotAfter: now.AddDate(0, 1, 0), // clocks differ
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, err
	}
	leaf, err := x509.ParseCertificate(raw)
	return tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key, Leaf: leaf}, err
}

// fingerprintOf is a certificate's as an answer has it (RFC 8122).
func fingerprintOf(c tls.Certificate) (string, error) {
	sum, err := fingerprint.Fingerprint(c.Leaf, crypto.SHA256)
	return "sha-256 " + sum, err
}
