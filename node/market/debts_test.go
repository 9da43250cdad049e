package market_test

import (
	"errors"
	"testing"
	"time"

	"salon/ledger"
	"salon/ledger/doc"
	"salon/node/market"
)

// Bo pays in cash what three keys of his owe. It is in no book before Ana has said that it came, and then in both.
func TestSettle(t *testing.T) {
	w, ctx := newTown(t), within(t)
	ana, bo := w.settle(1), w.settle(2)
	ana.evening(9, eur(500))
	var last market.Bought
	for _, n := range []uint32{2, 1, 1} {
		last = bo.buys(ctx, ana, ledger.IOURail, n)
	}
	if err := bo.Settle(ctx, ana.person, eur(2001), "cash"); !errors.Is(err, ledger.ErrTooMuch) {
		t.Errorf("more than he owes: %v", err)
	}
	if err := bo.Settle(ctx, ana.person, ledger.Money{Amount: 100, Cur: "USD"}, "cash"); !errors.Is(err, ledger.ErrTooMuch) {
		t.Errorf("other money: %v", err)
	}
	if err := bo.Settle(ctx, seed(9).Public(), eur(100), "cash"); !errors.Is(err, ledger.ErrTooMuch) {
		t.Errorf("to whom he owes nothing: %v", err)
	}
	if err := bo.Settle(ctx, ana.person, eur(1600), "cash"); err != nil {
		t.Fatal(err)
	}
	claims := ana.Claims()
	if len(claims) != 1 || claims[0].Money != eur(1600) || claims[0].Means != "cash" || len(claims[0].Debtors) != 3 {
		t.Fatalf("%+v", claims)
	}
	if err := bo.News(ctx); err != nil {
		t.Fatal(err)
	}
	if owes, owed := bo.debts(ana); owes != 2000 || owed != 2000 {
		t.Errorf("on his word alone: owes %d, is owed %d", owes, owed)
	}
	if err := ana.Received(claims[0]); err != nil {
		t.Fatal(err)
	}
	if err := ana.Received(claims[0]); !errors.Is(err, ledger.ErrUnknown) {
		t.Errorf("again: %v", err)
	}
	ana.crash()
	bo.crash()
	for range 2 {
		if err := bo.News(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if owes, owed := bo.debts(ana); owes != 400 || owed != 400 || ana.balance(ledger.Asset("cash")) != 1600 || bo.balance(ledger.Asset("cash")) != -1600 {
		t.Errorf("owes %d, is owed %d", owes, owed)
	}
	w.books(ana, bo)
	if err := bo.Settle(ctx, ana.person, eur(401), "cash"); !errors.Is(err, ledger.ErrTooMuch) {
		t.Errorf("more than is left: %v", err)
	}
	if err := bo.Settle(ctx, ana.person, eur(400), "bank-transfer"); err != nil {
		t.Fatal(err)
	}
	if err := ana.Received(ana.Claims()[0]); err != nil {
		t.Fatal(err)
	}
	if err := bo.News(ctx); err != nil {
		t.Fatal(err)
	}
	if owes, owed := bo.debts(ana); owes != 0 || owed != 0 {
		t.Errorf("in the end: owes %d, is owed %d", owes, owed)
	}
	w.books(ana, bo)
	// A ticket that is paid goes back: now Ana owes, in both books.
	if _, err := ana.Refund(ctx, last.Tickets, byHost); err != nil {
		t.Fatal(err)
	}
	if err := bo.News(ctx); err != nil {
		t.Fatal(err)
	}
	if owes, owed := bo.debts(ana); owes != -500 || owed != -500 {
		t.Errorf("after a refund: owes %d, is owed %d", owes, owed)
	}
	w.books(ana, bo)
}

// What is refunded or was never booked is not owed: it cannot be settled.
func TestSettleAfterRefund(t *testing.T) {
	w, ctx := newTown(t), within(t)
	ana, bo := w.settle(1), w.settle(2)
	ana.evening(9, eur(500))
	got := bo.buys(ctx, ana, ledger.IOURail, 2)
	if _, err := ana.Refund(ctx, got.Tickets[:1], byHost); err != nil {
		t.Fatal(err)
	}
	// Bo has not heard of the refund: Ana's books know what is owed.
	if err := bo.Settle(ctx, ana.person, eur(1000), "cash"); !errors.Is(err, ledger.ErrTooMuch) {
		t.Errorf("more than is owed: %v", err)
	}
	if err := bo.News(ctx); err != nil {
		t.Fatal(err)
	}
	if err := bo.Settle(ctx, ana.person, eur(501), "cash"); !errors.Is(err, ledger.ErrTooMuch) {
		t.Errorf("more than is left: %v", err)
	}
	if err := bo.Settle(ctx, ana.person, eur(500), "cash"); err != nil {
		t.Fatal(err)
	}
	if err := ana.Received(ana.Claims()[0]); err != nil {
		t.Fatal(err)
	}
	if err := bo.News(ctx); err != nil {
		t.Fatal(err)
	}
	w.books(ana, bo)
}

// Attack: somebody says that another's debt is paid, or one that there is not, or says it too often; or answers with what the creditor
// has not signed.
func TestSettlementsThatAreLies(t *testing.T) {
	w, ctx := newTown(t), within(t)
	ana, bo, eve := w.settle(1), w.settle(2), w.settle(9)
	ana.evening(9, eur(500))
	bo.buys(ctx, ana, ledger.IOURail, 1)
	var bos doc.PrivateKey
	for _, k := range bo.buyers() {
		bos = k
	}
	word := func(by doc.PrivateKey, to ledger.Key, a ledger.Amount, nonce byte) []byte {
		raw, _, err := ledger.Sign(by, ledger.Settle{Debtor: by.Public(), Creditor: to, Money: eur(a), Means: "cash", Nonce: [16]byte{nonce}, Time: time.Now().UnixMilli()})
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	at := ana.device()
	sig := func(k doc.PrivateKey, to ledger.Key) [64]byte { return k.Sign("salon/market-debt/1", to[:]) }
	for name, q := range map[string][]any{
		"a debt of nobody":        {seed(9).Public(), word(seed(9), ana.person, 100, 1), sig(seed(9), at)},
		"to somebody else":        {bos.Public(), word(bos, eve.person, 100, 1), sig(bos, at)},
		"more than there is":      {bos.Public(), word(bos, ana.person, 501, 1), sig(bos, at)},
		"another's, by one's own": {bos.Public(), word(seed(9), ana.person, 100, 1), sig(bos, at)},
		"his word, sent by her":   {bos.Public(), word(bos, ana.person, 100, 1), sig(seed(9), at)},
		"asked, and not by him":   {bos.Public(), []byte{}, sig(seed(9), at)},
		"what he asked of her":    {bos.Public(), []byte{}, sig(bos, eve.device())},
	} {
		if s, err := eve.dialAs(eve.name)(ctx, ana.device()); err != nil {
			t.Fatal(err)
		} else if answer, err := ask(s, 14, q); err == nil && answer[0] != 9 {
			t.Errorf("%s: the answer is %x", name, answer)
		}
	}
	if n := len(ana.Claims()); n != 0 {
		t.Errorf("%d claims", n)
	}
	for i := range byte(6) {
		want := byte(15)
		if i >= 4 {
			want = 9 // busy
		}
		if answer := bo.asks(ctx, ana, 14, []any{bos.Public(), word(bos, ana.person, 100, i), sig(bos, at)}); answer[0] != want {
			t.Errorf("word %d: the answer is %x", i, answer)
		}
	}
	// Together they are more than is owed: what is confirmed stays within it.
	claims := ana.Claims()
	var all error
	for _, c := range claims {
		all = errors.Join(all, ana.Received(market.Claim{Number: c.Number, Debtors: c.Debtors, Money: c.Money, Means: c.Means}))
	}
	if len(claims) != 4 || all != nil {
		t.Errorf("%d claims, %v", len(claims), all)
	}
	if owed := ana.balance(ledger.Receivable(bos.Public())); owed != 100 {
		t.Errorf("%d is owed", owed)
	}
	// Eve answers in Ana's name.
	forged, _, err := ledger.Sign(eve.id.Device(), ledger.Settled{Settle: ledger.ID{1}, By: eve.device(), Time: 1})
	if err != nil {
		t.Fatal(err)
	}
	w.replies(ana, 15, []any{[]any{[]any{word(bos, ana.person, 500, 9), forged}}})
	if err := bo.News(ctx); err == nil || bo.balance(ledger.Payable(ana.person)) != -500 {
		t.Errorf("a settlement that nobody signed: %v", err)
	}
	w.replies(ana, 0, nil)
	if err := bo.News(ctx); err != nil {
		t.Fatal(err)
	}
	w.books(ana, bo)
}
