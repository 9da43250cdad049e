package lnd

import (
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net/url"

	"salon/ledger"
	"salon/node/market/lightning"
)

// A Config says where an lnd is and what salon may do there. It is stored in a file that nobody else can read.
type Config struct {
	REST     string `json:"rest"`     // such as https://127.0.0.1:8080
	Macaroon Secret `json:"macaroon"` // in hex
	Cert     string `json:"cert"`     // lnd's tls.cert, in PEM
	// Pays says that the macaroon may spend, up to these sums in one payment and within 24 hours, fees of others included.
	Pays       bool         `json:"pays,omitempty"`
	MaxPayment ledger.Money `json:"max_payment,omitzero"`
	MaxDay     ledger.Money `json:"max_day,omitzero"`
}

// A Secret is not shown where it is printed or logged.
type Secret string

// String hides it.
func (Secret) String() string { return "(secret)" }

// GoString hides it.
func (Secret) GoString() string { return "(secret)" }

// LogValue hides it.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// LogValue is all that a log needs.
func (c Config) LogValue() slog.Value { return slog.StringValue(c.REST) }

// ErrConfig is every configuration that cannot work.
var ErrConfig = errors.New("lnd: bad settings")

// ParseConfig reads what json.Marshal wrote, and checks it.
func ParseConfig(raw []byte) (Config, error) {
	var c Config
	if err := json.Unmarshal(raw, &c); err != nil {
		return Config{}, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	return c, c.Check()
}

// Check refuses what cannot work.
func (c Config) Check() error {
	u, err := url.Parse(c.REST)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("%w: the address of lnd's REST interface is like https://127.0.0.1:8080, with nothing behind it", ErrConfig)
	}
	if b, err := hex.DecodeString(string(c.Macaroon)); err != nil || len(b) == 0 {
		return fmt.Errorf("%w: that is no macaroon", ErrConfig)
	}
	if _, err := c.certificate(); err != nil {
		return err
	}
	if !c.Pays {
		return nil
	}
	if _, err := lightning.NewLimits(c.MaxPayment, c.MaxDay); err != nil {
		return fmt.Errorf("%w: %w", ErrConfig, err)
	}
	return nil
}

// certificate is the first one of the file: lnd's own.
func (c Config) certificate() (*x509.Certificate, error) {
	block, _ := pem.Decode([]byte(c.Cert))
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, fmt.Errorf("%w: that is no certificate in PEM, as lnd's tls.cert is", ErrConfig)
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%w: certificate: %w", ErrConfig, err)
	}
	return cert, nil
}
