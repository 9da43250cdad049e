package ledger

import "testing"

// What comes beyond a receipt is the buyer's: no income, no share of it; it comes once, and no more of it goes back than came.
func TestSurplus(t *testing.T) {
	ana, bo := newNode(t, 1), seed(2)
	offer := ana.must(evening(10, eur(500)))
	order, _ := ana.order(bo, ana.person.Public(), offer, 1)
	_, quote, err := ana.quote(order, byCard)
	if err != nil {
		t.Fatal(err)
	}
	sold, err := ana.sell(Payment{Quote: quote, Proof: []byte("1"), Beyond: 120})
	if err != nil {
		t.Fatal(err)
	}
	receipt := receiptID(sold.Receipt)
	if ana.balance(Beyond(bo.Public())) != -120 || ana.balance(IncomeTickets) != -500 {
		t.Errorf("%v", ana.accounts())
	}
	good := Surplus{Receipt: receipt, Money: eur(120), Back: true}
	for _, c := range []struct {
		why    error
		change func(*Surplus)
	}{
		{ErrDuplicate, func(s *Surplus) { s.Back = false }},
		{ErrTooMuch, func(s *Surplus) { s.Money.Amount++ }},
		{ErrCurrency, func(s *Surplus) { s.Money.Cur = "USD" }},
		{ErrUnknown, func(s *Surplus) { s.Receipt[0]++ }},
		{ErrField, func(s *Surplus) { s.Back, s.Word = false, true }},
		{ErrAmount, func(s *Surplus) { s.Money.Amount = 0 }},
	} {
		s := good
		c.change(&s)
		ana.refuses(c.why, &s)
	}
	part := good
	part.Money.Amount = 20
	ana.must(&part)
	for range 2 {
		if _, err := ana.try(func(b *Books) ([]Draft, error) { return b.RepaySurplus(receipt, true) }); err != nil {
			t.Fatal(err)
		}
	}
	if left, came := ana.books.Surplus(receipt); left.Amount != 0 || !came || ana.balance(Beyond(bo.Public())) != 0 || ana.balance(IncomeTickets) != -500 {
		t.Errorf("%s left, %v", left, ana.accounts())
	}
	ana.refuses(ErrDuplicate, &Surplus{Receipt: receipt, Money: eur(120)})
	if _, came := ana.books.Surplus(ID{}); came {
		t.Error("beyond no receipt")
	}
	ana.copy(t)
}

// A share that a wallet has sent has arrived once, and nobody takes it back after that.
func TestSentShare(t *testing.T) {
	ana, bo := newNode(t, 1), seed(2)
	offer := evening(10, eur(500))
	offer.Split = []Share{{Cut: CutCoHost, To: seed(5).Public(), BasisPoints: 1000}}
	if _, err := ana.buy(bo, ana.must(offer), 1); err != nil {
		t.Fatal(err)
	}
	to := seed(5).Public()
	if _, err := ana.try(func(b *Books) ([]Draft, error) {
		return b.PayOut(ana.key, "EUR", []Party{{Cut: CutCoHost, To: to}}, 1)
	}); err != nil {
		t.Fatal(err)
	}
	var raw []byte
	pays := func(sum Amount, nonce byte) error {
		_, err := ana.try(func(b *Books) (d []Draft, err error) {
			raw, d, err = b.Pays(ana.key, "EUR", to, sum, "wallet", "invoice", [16]byte{nonce})
			return d, err
		})
		return err
	}
	if err := pays(51, 1); err == nil {
		t.Error("more than is owed")
	}
	if err := pays(30, 2); err != nil {
		t.Fatal(err)
	}
	_, settle, err := OpenDocument[Settle](raw)
	if err != nil {
		t.Fatal(err)
	}
	ana.refuses(ErrUnknown, &Sent{Settle: ID{1}, Proof: []byte("p")})
	ana.refuses(ErrField, &Sent{Settle: settle})
	before := ana.balance(ExpenseRail)
	ana.must(&Sent{Settle: settle, Proof: []byte("p"), Cost: 2})
	ana.refuses(ErrPaid, &Sent{Settle: settle, Proof: []byte("p")})
	ana.refuses(ErrPaid, &Unpaid{Settle: settle, Reason: ReasonFailed})
	if ana.balance(ExpenseRail) != before+2 || ana.books.Due("EUR", to) != (Due{Owed: 50, Going: 30}) {
		t.Errorf("%v, %+v", ana.accounts(), ana.books.Due("EUR", to))
	}
	if err := pays(0, 3); err != nil || ana.books.Due("EUR", to).Left() != 0 {
		t.Errorf("the rest: %v", err)
	}
	_, second, _ := OpenDocument[Settle](raw)
	ana.must(&Unpaid{Settle: second, Reason: ReasonFailed})
	ana.refuses(ErrUnknown, &Sent{Settle: second, Proof: []byte("q")})
	ana.copy(t)
}
