package ledger

import (
	"encoding/json"
	"errors"
	"math"
	"testing"

	"pgregory.net/rapid"
)

func TestMoneyText(t *testing.T) {
	for _, c := range []struct {
		text string
		want Money
	}{
		{"5.00 EUR", eur(500)},
		{"0.05 EUR", eur(5)},
		{"90071992547409.91 EUR", eur(MaxAmount)},
		{"1200 JPY", Money{Amount: 1200, Cur: "JPY"}},
		{"0.005 KWD", Money{Amount: 5, Cur: "KWD"}},
		{"2500 sat", Money{Amount: 2_500_000, Cur: Bitcoin}},
		{"0.001 sat", Money{Amount: 1, Cur: Bitcoin}},
	} {
		if got, err := ParseMoney(c.text); err != nil || got != c.want || got.String() != c.text {
			t.Errorf("ParseMoney(%q) = %v, %v", c.text, got, err)
		}
	}
	for text, want := range map[string]Money{
		"5 EUR": eur(500), "5.5 eur": eur(550), " 05.50 EUR ": eur(550), "1 msat": {Amount: 1, Cur: Bitcoin},
		"0.00000000001 BTC": {Amount: 1, Cur: Bitcoin}, "1 BTC": {Amount: 100_000_000_000, Cur: Bitcoin}, "0 EUR": {Cur: "EUR"},
	} {
		if got, err := ParseMoney(text); err != nil || got != want {
			t.Errorf("ParseMoney(%q) = %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "5", "EUR", "5EUR", "5 ", "5 XXX", "5 BITCOIN", "-5 EUR", "+5 EUR", "5,00 EUR", "5. EUR", ".5 EUR",
		"5.005 EUR", "1.5 JPY", "1e3 EUR", "1_000 EUR", "0x10 EUR", "５ EUR", "90071992547409.92 EUR", "99999999999999999999 EUR", "0.5 msat", "5 EUR EUR"} {
		if got, err := ParseMoney(text); !errors.Is(err, ErrAmount) && !errors.Is(err, ErrCurrency) {
			t.Errorf("ParseMoney(%q) = %v, %v", text, got, err)
		}
	}
	for m, want := range map[Money]string{eur(-5): "-0.05 EUR", eur(math.MinInt64): "-92233720368547758.08 EUR", {Amount: -1, Cur: Bitcoin}: "-0.001 sat"} {
		if m.String() != want {
			t.Errorf("%d is %q, want %q", m.Amount, m, want)
		}
	}
	if got := (Money{Amount: 1, Cur: Bitcoin}).Decimal(); got != "0.00000000001" {
		t.Errorf("a millisatoshi is %q", got)
	}
	b, err := json.Marshal(eur(MaxAmount))
	var back Money
	if err != nil || string(b) != `"90071992547409.91 EUR"` || json.Unmarshal(b, &back) != nil || back != eur(MaxAmount) {
		t.Errorf("JSON %s, %v, back %v", b, err, back)
	}
}

func TestMoneyRoundTrip(t *testing.T) {
	currencies := rapid.SampledFrom([]Currency{"EUR", "JPY", "KWD", Bitcoin})
	rapid.Check(t, func(t *rapid.T) {
		m := Money{Amount: Amount(rapid.Int64Range(0, int64(MaxAmount)).Draw(t, "amount")), Cur: currencies.Draw(t, "currency")}
		if back, err := ParseMoney(m.String()); err != nil || back != m {
			t.Errorf("%d %s is written %q and read %v, %v", m.Amount, m.Cur, m, back, err)
		}
	})
}

// Attack: amounts that wrap around, or mean something else in another currency.
func TestAmountsThatMayNotBeSigned(t *testing.T) {
	for _, m := range []Money{eur(0), eur(-1), eur(MaxAmount + 1), eur(math.MaxInt64), {Amount: 1}, {Amount: 1, Cur: "eur"}, {Amount: 1, Cur: "BT"}} {
		if m.check() == nil {
			t.Errorf("%d %q may be signed", m.Amount, m.Cur)
		}
	}
	if got, err := Amount(math.MaxInt64).Plus(1); !errors.Is(err, ErrAmount) {
		t.Errorf("overflow gives %d, %v", got, err)
	}
	if got, err := Amount(math.MinInt64).Plus(-1); !errors.Is(err, ErrAmount) {
		t.Errorf("underflow gives %d, %v", got, err)
	}
	if got, err := MaxAmount.Times(2); !errors.Is(err, ErrAmount) {
		t.Errorf("a large price gives %d, %v", got, err)
	}
	if _, err := eur(1).Plus(Money{Amount: 1, Cur: "USD"}); !errors.Is(err, ErrCurrency) {
		t.Errorf("euros and dollars add up: %v", err)
	}
}

func TestCurrencies(t *testing.T) {
	if len(exponents) < 150 {
		t.Errorf("%d currencies", len(exponents))
	}
	for c, e := range exponents {
		if len(c) != 3 || e < 0 || c != Bitcoin && e > 3 {
			t.Errorf("%q has %d decimals", c, e)
		}
	}
}

// Attack: a sale after which a balance would wrap around, so that who has everything would owe it. It is refused, and the books stay.
func TestBalancesDoNotWrapAround(t *testing.T) {
	ana := newNode(t, 1)
	o := evening(5, eur(MaxAmount))
	o.Split = nil
	offer := ana.must(o)
	has := Amount(math.MaxInt64) - MaxAmount + 1 // as after a thousand such sales
	ana.books.save(keyBalance+"EUR"+string(Asset("card")), has)
	ana.books.save(keyBalance+"EUR"+string(IncomeTickets), -has)
	if sum := has + MaxAmount; sum > 0 {
		t.Fatalf("the attack is none: %d", sum)
	}
	if _, err := ana.buy(seed(2), offer, 1); !errors.Is(err, ErrAmount) {
		t.Errorf("sold: %v", err)
	}
	if got := ana.balance(Asset("card")); got != has {
		t.Errorf("the balance is %d", got)
	}
}
