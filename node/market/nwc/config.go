package nwc

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"

	"salon/ledger"
	"salon/node/market/lightning"
)

// A Config says which wallet, and what salon may do there. It is stored in a file that nobody else can read.
type Config struct {
	URI Secret `json:"uri"` // as the wallet gives it: nostr+walletconnect://...
	// Pays says that the wallet may be spent from, up to these sums in one payment and within 24 hours, fees of others included.
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
func (c Config) LogValue() slog.Value { return slog.StringValue(c.Address()) }

// ErrConfig is every configuration that cannot work.
var ErrConfig = errors.New("nwc: bad settings")

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
	if _, err := c.connection(); err != nil {
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

// Address is where the wallet is asked: the first relay. It has no secret in it, and is empty where there is none.
func (c Config) Address() string {
	at, err := c.connection()
	if err != nil {
		return ""
	}
	return at.relays[0]
}

// A connection is what the URI says.
type connection struct {
	relays []string
	wallet [32]byte // its public key
	secret [32]byte
}

const maxRelays = 4

// connection reads the URI. No error repeats any of it.
func (c Config) connection() (at connection, err error) {
	bad := func(what string) (connection, error) {
		return connection{}, fmt.Errorf("%w: %s", ErrConfig, what)
	}
	const scheme = "nostr+walletconnect"
	u, err := url.Parse(strings.TrimSpace(string(c.URI)))
	if err != nil || u.Scheme != scheme {
		return bad("the connection is a line that your wallet gives, and begins with " + scheme + "://")
	}
	key := u.Host
	if key == "" { // some write it without the slashes
		key = u.Opaque
	}
	if !parseKey(&at.wallet, key) {
		return bad("the connection names no wallet")
	}
	q := u.Query()
	if !parseKey(&at.secret, q.Get("secret")) || !goodSecret(at.secret) {
		return bad("the connection has no secret in it")
	}
	for _, r := range q["relay"] {
		if !goodRelay(r) {
			return bad("the connection's relay is an address such as wss://relay.example")
		}
		at.relays = append(at.relays, r)
	}
	if len(at.relays) == 0 || len(at.relays) > maxRelays {
		return bad(fmt.Sprintf("the connection names between one relay and %d", maxRelays))
	}
	return at, nil
}

func parseKey(key *[32]byte, s string) bool {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(key) {
		return false
	}
	copy(key[:], b)
	return true
}

// goodRelay takes what goes by TLS, or stays on this computer.
func goodRelay(s string) bool {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" {
		return false
	}
	if u.Scheme == "wss" {
		return true
	}
	ip := net.ParseIP(u.Hostname())
	return u.Scheme == "ws" && (u.Hostname() == "localhost" || ip != nil && ip.IsLoopback())
}
