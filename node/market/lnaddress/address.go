// Package lnaddress is the rail of people without a Lightning node: a wallet somewhere receives for them, at an address such as
// ana@wallet.example (LNURL-pay, LUD-06 and LUD-16). Always:
//
//   - The payee's own node asks the payee's wallet for each invoice, and keeps it: an order has one.
//   - An invoice is taken only if it asks for the order's price, and is for what the wallet says that the address is.
//   - Nobody tells the payee but the payer, who shows the preimage: until the money came, none but the wallet had it.
//
// The payer needs a Lightning node: see lightning.Plain.
package lnaddress

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// Name is that of the rail.
const Name = "lnaddress"

// ErrAddress is what looks like no address.
var ErrAddress = errors.New("lnaddress: a lightning address is like ana@wallet.example")

// endpoint is where the wallet of an address answers.
func endpoint(address string) (string, error) {
	user, domain, found := strings.Cut(address, "@")
	if !found || user == "" || len(address) > 200 || strings.ToLower(address) != address {
		return "", ErrAddress
	}
	for _, c := range []byte(user) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && !strings.ContainsRune("-_.+", rune(c)) {
			return "", ErrAddress
		}
	}
	u, err := url.Parse("https://" + domain)
	if err != nil || u.Host == "" || u.Host != domain || !strings.Contains(u.Host, ".") {
		return "", ErrAddress
	}
	return u.JoinPath(".well-known", "lnurlp", user).String(), nil
}

// Check refuses what cannot be an address.
func Check(address string) error {
	if _, err := endpoint(address); err != nil {
		return fmt.Errorf("%w: %q is not", err, address[:min(len(address), 60)])
	}
	return nil
}
