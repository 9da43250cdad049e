package market_test

import (
	"errors"
	"testing"
	"time"

	"salon/ledger"
	"salon/ledger/doc"
	"salon/node/market"
)

// shared offers seats at 5 EUR, of which others get shares.
func (p *party) shared(split ...ledger.Share) ledger.Entry {
	return p.evening(50, eur(500), func(o *ledger.Offer) { o.Split, o.RefundTo = split, o.Starts })
}

func coHost(p *party, bp uint16) ledger.Share {
	return ledger.Share{Cut: ledger.CutCoHost, To: p.person, BasisPoints: bp}
}

// paysOut pays out as a person does.
func (p *party) paysOut(t *testing.T, rail string) []market.PaidOut {
	t.Helper()
	done, err := p.PayOut(within(t), market.Payout{Rail: rail, Means: "bank", Least: ledger.Least})
	if err != nil {
		t.Fatal(err)
	}
	return done
}

func (p *party) share(t *testing.T, to *party) market.Share {
	t.Helper()
	list, err := p.Shares()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range list {
		if s.To == to.person {
			return s
		}
	}
	return market.Share{}
}

// A co-host's share: bought by IOU, paid out, told, sent by hand, confirmed, and in the books of both; crashes in between lose nothing.
func TestSharesArePaidOut(t *testing.T) {
	w := newTown(t)
	host, buyer, cohost := w.settle(1), w.settle(2), w.settle(3)
	host.shared(coHost(cohost, 1000))
	for range 2 {
		if _, err := buyer.Buy(within(t), buyer.wants(host, ledger.IOURail)); err != nil {
			t.Fatal(err)
		}
	}
	if done := host.paysOut(t, ledger.IOURail); len(done) != 1 || done[0].Money != eur(100) || done[0].Told {
		t.Fatalf("nobody knows where the co-host is: %+v", done)
	}
	host.crash()
	if done := host.paysOut(t, ledger.IOURail); len(done) != 0 {
		t.Fatalf("paid out twice: %+v", done)
	}
	cohost.payers = []ledger.Key{host.device()}
	for range 2 { // asking twice is asking once
		if err := cohost.Earn(within(t)); err != nil {
			t.Fatal(err)
		}
	}
	if got := cohost.balance(ledger.IncomeShares); got != -100 || cohost.kinds()[ledger.KindEarned] != 1 {
		t.Errorf("the co-host has earned %d, by %v", -got, cohost.kinds())
	}
	cohost.payers = nil // whose slips it has it asks anyway

	if done := host.paysOut(t, "hand"); len(done) != 1 || done[0].Paid != eur(100) || !done[0].Told {
		t.Fatalf("%+v", done)
	}
	if done := host.paysOut(t, "hand"); len(done) != 0 {
		t.Fatalf("sent twice: %+v", done)
	}
	claims := cohost.Claims()
	if len(claims) != 1 || claims[0].Money != eur(100) || claims[0].Means != "bank" {
		t.Fatalf("%+v", claims)
	}
	cohost.crash() // it forgets what it was told, and hears it again
	if err := cohost.Earn(within(t)); err != nil {
		t.Fatal(err)
	}
	if err := cohost.Received(cohost.Claims()[0]); err != nil {
		t.Fatal(err)
	}
	host.crash()
	if err := host.TellShares(within(t)); !errors.Is(err, market.ErrUnreached) {
		t.Errorf("after a crash nobody is known: %v", err)
	}
	if err := cohost.Earn(within(t)); err != nil {
		t.Fatal(err)
	}
	if s := host.share(t, cohost); s.Due != (ledger.Due{Owed: 100, Cleared: 100}) {
		t.Errorf("%+v", s)
	}
	if host.balance(ledger.Payable(cohost.person)) != 0 || host.balance(ledger.Asset("bank")) != -100 || cohost.balance(ledger.Asset("bank")) != 100 || cohost.balance(ledger.Receivable(host.device())) != 0 {
		t.Error("the books of the two do not mirror each other")
	}
	if going, err := host.Going(); err != nil || len(going) != 0 {
		t.Errorf("still on its way: %+v, %v", going, err)
	}
}

// A payment that a person did not make after all is owed again.
func TestSharesNotSent(t *testing.T) {
	w := newTown(t)
	host, buyer, cohost := w.settle(1), w.settle(2), w.settle(3)
	host.shared(coHost(cohost, 5000))
	if _, err := buyer.Buy(within(t), buyer.wants(host, ledger.IOURail)); err != nil {
		t.Fatal(err)
	}
	host.paysOut(t, "hand")
	going, err := host.Going()
	if err != nil || len(going) != 1 || going[0].To != cohost.person || going[0].Money != eur(250) {
		t.Fatalf("%+v, %v", going, err)
	}
	if err := host.NotSent(going[0].ID, false); err != nil {
		t.Fatal(err)
	}
	if err := host.NotSent(going[0].ID, false); !errors.Is(err, ledger.ErrUnknown) {
		t.Errorf("taken back twice: %v", err)
	}
	if s := host.share(t, cohost); s.Due.Left() != 250 {
		t.Errorf("%+v", s)
	}
}

// A refund lowers what is owed; once it is paid, the next payout is less.
func TestRefundsLowerShares(t *testing.T) {
	w := newTown(t)
	host, buyer, cohost := w.settle(1), w.settle(2), w.settle(3)
	host.shared(coHost(cohost, 5000))
	buy := func() ledger.ID {
		t.Helper()
		b, err := buyer.Buy(within(t), buyer.wants(host, ledger.IOURail))
		if err != nil {
			t.Fatal(err)
		}
		return b.Tickets[0]
	}
	refund := func(ticket ledger.ID) {
		t.Helper()
		if _, err := host.Refund(within(t), []ledger.ID{ticket}, market.Takeback{Why: ledger.ReasonHost}); err != nil {
			t.Fatal(err)
		}
	}
	one, two := buy(), buy()
	host.paysOut(t, ledger.IOURail)
	refund(one)
	cohost.payers = []ledger.Key{host.device()}
	if done := host.paysOut(t, ledger.IOURail); len(done) != 1 || done[0].Money.Amount != -250 {
		t.Fatalf("%+v", done)
	}
	if err := cohost.Earn(within(t)); err != nil {
		t.Fatal(err)
	}
	if got := cohost.balance(ledger.IncomeShares); got != -250 {
		t.Errorf("earned %d of one ticket that is left", -got)
	}
	host.paysOut(t, "hand")
	if err := cohost.Received(cohost.Claims()[0]); err != nil {
		t.Fatal(err)
	}
	refund(two)
	if done := host.paysOut(t, "hand"); len(done) != 0 || host.share(t, cohost).Waiting[ledger.CutCoHost] != -250 {
		t.Errorf("%+v, %+v", done, host.share(t, cohost))
	}
	for range 2 {
		buy()
	}
	if done := host.paysOut(t, "hand"); len(done) != 1 || done[0].Paid != eur(250) {
		t.Errorf("two more, less one: %+v", done)
	}
}

// Attack: somebody asks for another's shares, tells of debts of another's, or hands over records for another relay.
func TestStrangersSharesAreRefused(t *testing.T) {
	w := newTown(t)
	host, buyer, cohost, eve := w.settle(1), w.settle(2), w.settle(3), w.settle(9)
	host.shared(coHost(cohost, 5000))
	if _, err := buyer.Buy(within(t), buyer.wants(host, ledger.IOURail)); err != nil {
		t.Fatal(err)
	}
	host.paysOut(t, ledger.IOURail)
	var handed []doc.Author
	host.carriedBy = func(relay doc.Author, _ ledger.Room, _ []market.Carriage) error {
		handed = append(handed, relay)
		return nil
	}
	type question struct {
		_    struct{} `cbor:",toarray"`
		Cert []byte
		List []struct{}
		At   []byte
	}
	type records struct {
		_    struct{} `cbor:",toarray"`
		Cert []byte
		Room ledger.Room
		List []market.Carriage
	}
	for name, q := range map[string]struct {
		kind byte
		body any
	}{
		"asks for the co-host's": {60, question{Cert: cohost.id.Cert(), List: []struct{}{}}},
		"hands over as another":  {62, records{Cert: cohost.id.Cert(), Room: hall, List: []market.Carriage{}}},
	} {
		s, err := eve.dialAs(eve.name)(within(t), host.device())
		if err != nil {
			t.Fatal(err)
		}
		if answer, err := ask(s, q.kind, q.body); err != nil || answer[0] != 9 {
			t.Errorf("%s: %x, %v", name, answer, err)
		}
	}
	if err := cohost.HandOver(within(t), host.device(), hall, make([]market.Carriage, 3)); err != nil || len(handed) != 1 || handed[0] != cohost.id.Author() {
		t.Errorf("%v, %v", handed, err)
	}
	slip, _, err := ledger.Sign(eve.id.Device(), ledger.Slip{By: eve.device(), To: cohost.person, Cut: ledger.CutFund, Cur: "EUR", Total: 5, Change: 5, Number: 1, Time: time.Now().UnixMilli()})
	if err != nil {
		t.Fatal(err)
	}
	type told struct {
		_       struct{} `cbor:",toarray"`
		Cert    []byte
		Slips   [][]byte
		Settles [][]byte
	}
	s, err := eve.dialAs(eve.name)(within(t), cohost.device())
	if err != nil {
		t.Fatal(err)
	}
	if answer, err := ask(s, 61, told{Cert: host.id.Cert(), Slips: [][]byte{slip}, Settles: [][]byte{}}); err != nil || answer[0] != 9 {
		t.Errorf("a slip of eve's with the host's certificate: %x, %v", answer, err)
	}
	if n := cohost.kinds()[ledger.KindEarned]; n != 0 {
		t.Errorf("%d entries", n)
	}
}
