package stripe

import (
	"fmt"
	"math/big"
	"strings"

	"salon/ledger"
	"salon/node/market"
)

// Stripe counts in minor units of its own: of some currencies it takes no decimals, and of some three, the last of which is zero.
// https://docs.stripe.com/currencies
var exponents = map[ledger.Currency]int{
	"BIF": 0, "CLP": 0, "DJF": 0, "GNF": 0, "JPY": 0, "KMF": 0, "KRW": 0, "MGA": 0, "PYG": 0, "RWF": 0, "VND": 0, "VUV": 0, "XAF": 0,
	"XOF": 0, "XPF": 0,
	"BHD": 3, "JOD": 3, "KWD": 3, "OMR": 3, "TND": 3,
}

// least are the smallest charges, in minor units. Stripe applies those of the currency of the account that it pays out to, too, which salon
// does not know. https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts
var least = map[ledger.Currency]ledger.Amount{
	"USD": 50, "AED": 200, "AUD": 50, "BGN": 100, "BRL": 50, "CAD": 50, "CHF": 50, "CZK": 1500, "DKK": 250, "EUR": 50, "GBP": 30, "HKD": 400,
	"HUF": 17500, "INR": 50, "JPY": 50, "MXN": 1000, "MYR": 200, "NOK": 300, "NZD": 50, "PLN": 200, "RON": 200, "SEK": 300, "SGD": 50, "THB": 1000,
}

// exponent is how many decimals Stripe has of a currency that cards are charged in. ISK and UGX have none, and are written with two.
func exponent(cur ledger.Currency) (int, bool) {
	if cur == ledger.Bitcoin {
		return 0, false
	}
	if _, known := cur.Exponent(); !known {
		return 0, false
	}
	if e, odd := exponents[cur]; odd {
		return e, true
	}
	return 2, true
}

const maxMinor = 99_999_999 // Stripe charges no more at once

// toMinor is a sum as Stripe counts it. What it cannot count to the last unit is refused.
func toMinor(m ledger.Money) (int64, error) {
	theirs, known := exponent(m.Cur)
	if !known {
		return 0, fmt.Errorf("%w: %s by card", market.ErrCurrency, m)
	}
	ours, _ := m.Cur.Exponent()
	n := int64(m.Amount)
	for ; ours < theirs; ours++ {
		if n > maxMinor {
			break
		}
		n *= 10
	}
	for ; ours > theirs; ours-- {
		if n%10 != 0 {
			return 0, fmt.Errorf("%w: cards are not charged parts of 1 %s", ledger.ErrAmount, m.Cur)
		}
		n /= 10
	}
	// Of three decimals the last must be zero; of ISK and UGX both.
	if theirs == 3 && n%10 != 0 || (m.Cur == "ISK" || m.Cur == "UGX") && n%100 != 0 {
		return 0, fmt.Errorf("%w: cards are not charged so small parts of 1 %s", ledger.ErrAmount, m.Cur)
	}
	if n <= 0 || n > maxMinor {
		return 0, fmt.Errorf("%w: %s at once by card", ledger.ErrAmount, m)
	}
	return n, nil
}

// fromMinor is the way back.
func fromMinor(n int64, currency string) (ledger.Money, error) {
	cur := ledger.Currency(strings.ToUpper(currency))
	theirs, known := exponent(cur)
	if !known || n < 0 || n > 1<<50 {
		return ledger.Money{}, fmt.Errorf("stripe: %d of %q", n, printable(currency))
	}
	ours, _ := cur.Exponent()
	for ; ours > theirs; theirs++ {
		n *= 10
	}
	for ; ours < theirs; theirs-- {
		if n%10 != 0 {
			return ledger.Money{}, fmt.Errorf("stripe: %d of %q", n, printable(currency))
		}
		n /= 10
	}
	return ledger.Money{Amount: ledger.Amount(n), Cur: cur}, nil
}

// cost is what Stripe kept, in the currency that was paid: if its own is another, by the rate of the payment; rounded up. It is below
// zero where Stripe gives something back.
func (b *balance) cost(of ledger.Currency) ledger.Amount {
	cur := ledger.Currency(strings.ToUpper(b.Currency))
	theirs, known := exponent(cur)
	ours, ok := of.Exponent()
	if !known || !ok {
		return 0 // of a currency of which nothing is known: it is in Stripe's own books alone
	}
	rate := big.NewRat(1, 1)
	if cur != of {
		if _, ok := rate.SetString(b.Rate.String()); !ok || len(b.Rate) > 40 || rate.Sign() <= 0 {
			return 0
		}
	}
	power := func(n int) *big.Rat {
		return new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil))
	}
	v := new(big.Rat).SetInt64(b.Fee) // rates are of major units
	v.Quo(v, power(theirs)).Quo(v, rate).Mul(v, power(ours))
	whole, rest := new(big.Int).QuoRem(v.Num(), v.Denom(), new(big.Int))
	if rest.Sign() > 0 {
		whole.Add(whole, big.NewInt(1))
	}
	if !whole.IsInt64() {
		return 0
	}
	return ledger.Amount(whole.Int64())
}
