package ledger

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// An Amount is a number of minor units of some currency: cents, yen, millisatoshi. Amounts are never floats.
type Amount int64

// MaxAmount is the largest amount that anybody may sign: the largest integer that every JSON reader keeps exact.
const MaxAmount Amount = 1<<53 - 1

// Plus adds, and refuses to wrap around.
func (a Amount) Plus(b Amount) (Amount, error) {
	if b > 0 && a > math.MaxInt64-b || b < 0 && a < math.MinInt64-b {
		return 0, fmt.Errorf("%w: %d + %d", ErrAmount, a, b)
	}
	return a + b, nil
}

// Times multiplies, and refuses more than MaxAmount.
func (a Amount) Times(n uint32) (Amount, error) {
	if a < 0 || n > 0 && a > MaxAmount/Amount(n) {
		return 0, fmt.Errorf("%w: %d times %d", ErrAmount, n, a)
	}
	return a * Amount(n), nil
}

// Money is an amount of one currency. On the wire it is the array [amount, currency].
type Money struct {
	_      struct{} `cbor:",toarray"`
	Amount Amount
	Cur    Currency
}

// check refuses what nobody may sign: nothing, less than nothing, more than MaxAmount, a currency that is not known.
func (m Money) check() error {
	if err := m.Cur.check(); err != nil {
		return err
	}
	if m.Amount <= 0 || m.Amount > MaxAmount {
		return fmt.Errorf("%w: %d", ErrAmount, m.Amount)
	}
	return nil
}

// IsZero reports whether m is no money of no currency.
func (m Money) IsZero() bool { return m == Money{} }

// Plus adds money of one currency. There is no conversion anywhere in the ledger.
func (m Money) Plus(n Money) (Money, error) {
	if m.Cur != n.Cur {
		return Money{}, fmt.Errorf("%w: %s and %s", ErrCurrency, m.Cur, n.Cur)
	}
	sum, err := m.Amount.Plus(n.Amount)
	return Money{Amount: sum, Cur: m.Cur}, err
}

// ParseMoney reads "5 EUR", "0.50 EUR", "2500 sat", "1 msat" or "0.0001 BTC". More decimals than the currency has are
// refused rather than rounded.
func ParseMoney(s string) (Money, error) {
	number, unit, found := strings.Cut(strings.TrimSpace(s), " ")
	if !found {
		return Money{}, fmt.Errorf("%w: %q is not like \"5 EUR\" or \"2500 sat\"", ErrAmount, s)
	}
	cur, exponent := Currency(strings.ToUpper(unit)), 0
	switch unit {
	case "msat":
		cur = Bitcoin
	case "sat":
		cur, exponent = Bitcoin, 3
	default:
		var known bool
		if exponent, known = cur.Exponent(); !known {
			return Money{}, fmt.Errorf("%w: %q", ErrCurrency, unit)
		}
	}
	a, err := parseAmount(number, exponent)
	if err != nil {
		return Money{}, fmt.Errorf("%w: %q", err, s)
	}
	return Money{Amount: a, Cur: cur}, nil
}

func parseAmount(s string, exponent int) (Amount, error) {
	whole, part, point := strings.Cut(s, ".")
	if point && part == "" || len(part) > exponent {
		return 0, ErrAmount
	}
	digits := whole + part + strings.Repeat("0", exponent-len(part))
	for _, c := range digits {
		if c < '0' || c > '9' { // ParseInt takes signs and underscores
			return 0, ErrAmount
		}
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || whole == "" || Amount(n) > MaxAmount {
		return 0, ErrAmount
	}
	return Amount(n), nil
}

// String writes what ParseMoney reads: "5 EUR", "0.50 EUR", "2500 sat". Bitcoin is written in satoshi, down to "0.001 sat".
func (m Money) String() string {
	exponent, _ := m.Cur.Exponent()
	unit := string(m.Cur)
	if m.Cur == Bitcoin {
		exponent, unit = 3, "sat"
	}
	return m.Amount.decimal(exponent, m.Cur == Bitcoin) + " " + unit
}

// Decimal is the amount as a plain number of whole units, such as "0.50", with all decimals of its currency: what
// spreadsheets and tax offices want.
func (m Money) Decimal() string {
	exponent, _ := m.Cur.Exponent()
	return m.Amount.decimal(exponent, false)
}

// decimal writes a with a point before the last exponent digits. Decimals that are all zeros are left out if short.
func (a Amount) decimal(exponent int, short bool) string {
	sign, n := "", uint64(a)
	if a < 0 {
		sign, n = "-", -n
	}
	digits := strconv.FormatUint(n, 10)
	if exponent == 0 {
		return sign + digits
	}
	if missing := exponent + 1 - len(digits); missing > 0 {
		digits = strings.Repeat("0", missing) + digits
	}
	whole, part := digits[:len(digits)-exponent], digits[len(digits)-exponent:]
	if short && strings.Trim(part, "0") == "" {
		return sign + whole
	}
	return sign + whole + "." + part
}

// MarshalText makes money a string in JSON, so that no reader turns it into a float.
func (m Money) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText is the way back from MarshalText.
func (m *Money) UnmarshalText(b []byte) error {
	parsed, err := ParseMoney(string(b))
	if err != nil {
		return err
	}
	*m = parsed
	return nil
}
