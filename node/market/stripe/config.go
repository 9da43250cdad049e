package stripe

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"regexp"
	"strings"
)

// A Config is a host's account. It is stored in a file that nobody else can read.
type Config struct {
	Key Secret `json:"key"` // a restricted one
	// Return is where Stripe sends who has paid; empty means to Stripe's own page. The ticket does not depend on it.
	Return string `json:"return,omitempty"`
	// Base is where a Stripe of a test listens, on loopback. Empty means Stripe.
	Base string `json:"base,omitempty"`
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
func (c Config) LogValue() slog.Value { return slog.StringValue(c.base()) }

// ErrConfig is every configuration that cannot work.
var ErrConfig = errors.New("stripe: bad settings")

// ParseConfig reads what json.Marshal wrote, and checks it.
func ParseConfig(raw []byte) (Config, error) {
	var c Config
	if err := json.Unmarshal(raw, &c); err != nil {
		return Config{}, fmt.Errorf("%w: the file is damaged", ErrConfig) // the error itself might quote the key
	}
	return c, c.Check()
}

const live = "https://api.stripe.com"

func (c Config) base() string {
	if c.Base == "" {
		return live
	}
	return c.Base
}

func (c Config) back() string {
	if c.Return == "" {
		return "https://stripe.com/"
	}
	return c.Return
}

var keyShape = regexp.MustCompile(`^rk_(test|live)_[0-9A-Za-z]{8,240}$`)

// Live reports whether the key moves money.
func (c Config) Live() bool { return strings.HasPrefix(string(c.Key), "rk_live_") }

// Check refuses what cannot work, and a key that may do more than it must.
func (c Config) Check() error {
	if strings.HasPrefix(string(c.Key), "sk_") {
		return fmt.Errorf("%w: this key may do everything. Make a restricted one, at dashboard.stripe.com/apikeys: to write Checkout Sessions and refunds, and to read charges, disputes and balance transactions", ErrConfig)
	}
	if !keyShape.MatchString(string(c.Key)) {
		return fmt.Errorf("%w: a restricted key of Stripe begins with rk_", ErrConfig)
	}
	if c.Return != "" {
		if u, err := url.Parse(c.Return); err != nil || u.Scheme != "https" || u.Host == "" || len(c.Return) > 500 {
			return fmt.Errorf("%w: the page to return to is like https://example.org/", ErrConfig)
		}
	}
	if c.Base == "" {
		return nil
	}
	u, err := url.Parse(c.Base)
	if err != nil || u.Scheme != "http" || u.Path != "" || u.RawQuery != "" || u.User != nil || !loopback(u.Hostname()) {
		return fmt.Errorf("%w: another Stripe than Stripe's listens on loopback, such as http://127.0.0.1:12111", ErrConfig)
	}
	if c.Live() {
		return fmt.Errorf("%w: a key that moves money goes to Stripe alone", ErrConfig)
	}
	return nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
