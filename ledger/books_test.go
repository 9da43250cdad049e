package ledger

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// A market is a host and a few buyers who do whatever comes to mind, in any order. After each step everything is
// checked that must always be true.
type market struct {
	*node
	rt      *rapid.T
	offer   Entry
	quotes  []ID
	paid    []ID // receipts
	issued  map[string]ID
	tickets []ID
	holders map[ID]uint32
	n       byte
}

// Invariants I1, I4 to I10 over random lives of a ledger.
func TestBooksAlwaysAddUp(t *testing.T) {
	computes(t)
	rapid.Check(t, func(rt *rapid.T) {
		seats := rapid.Uint32Range(1, 8).Draw(rt, "seats")
		m := &market{node: newNode(t, 1), rt: rt, issued: map[string]ID{}, holders: map[ID]uint32{}}
		o := evening(seats, eur(Amount(rapid.Int64Range(1, 999).Draw(rt, "price"))))
		o.PerBuyer = 4
		m.offer = m.must(o)
		rt.Repeat(map[string]func(*rapid.T){
			"order":    m.randomOrder,
			"pay":      m.randomPayment,
			"refund":   m.randomRefund,
			"revoke":   m.randomRevoke,
			"dispute":  m.randomDispute,
			"surplus":  m.randomSurplus,
			"transfer": m.randomTransfer,
			"gift":     m.randomGift,
			"wait": func(rt *rapid.T) {
				m.now = m.now.Add(time.Duration(rapid.IntRange(0, 7).Draw(rt, "minutes")) * time.Minute)
			},
			"": func(*rapid.T) { m.check() },
		})
		m.copy(t) // I9
	})
}

// allowed fails the test for a refusal that is none of those that this step may meet.
func (m *market) allowed(err error, any ...error) bool {
	for _, a := range any {
		if errors.Is(err, a) {
			return false
		}
	}
	if err != nil {
		m.rt.Fatalf("%v", err)
	}
	return true
}

func (m *market) randomOrder(rt *rapid.T) {
	order, _ := m.order(seed(rapid.Uint32Range(10, 13).Draw(rt, "buyer")), m.person.Public(), m.offer, rapid.Uint32Range(1, 3).Draw(rt, "count"))
	_, id, err := m.quote(order, byCard)
	if m.allowed(err, ErrSoldOut, ErrLimit, ErrNotOnSale) {
		m.quotes = append(m.quotes, id)
	}
}

func (m *market) randomPayment(rt *rapid.T) {
	if len(m.quotes) == 0 {
		return
	}
	id := rapid.SampledFrom(m.quotes).Draw(rt, "quote")
	before := m.books.Total
	sold, err := m.sell(Payment{Quote: id, Proof: id[:], Beyond: Amount(rapid.SampledFrom([]int64{0, 0, 30}).Draw(rt, "beyond"))})
	if !m.allowed(err) {
		return
	}
	if m.books.Total == before { // it was paid before
		return
	}
	m.paid = append(m.paid, receiptID(sold.Receipt))
	for _, raw := range sold.Tickets {
		m.took(raw)
	}
}

// took holds that no two tickets are of one seat and generation (invariant I6).
func (m *market) took(raw []byte) {
	tk, id, err := OpenDocument[Ticket](raw)
	if err != nil {
		m.rt.Fatal(err)
	}
	at := fmt.Sprint(tk.seatOf())
	if old, twice := m.issued[at]; twice {
		m.rt.Fatalf("seat %s is of ticket %s and %s", at, old.Short(), id.Short())
	}
	m.issued[at] = id
	m.tickets = append(m.tickets, id)
	for n := uint32(10); n < 14; n++ {
		if seed(n).Public() == tk.Holder {
			m.holders[id] = n
		}
	}
}

func (m *market) randomRefund(rt *rapid.T) {
	if len(m.paid) == 0 {
		return
	}
	id := rapid.SampledFrom(m.paid).Draw(rt, "receipt")
	m.n++
	if rapid.Bool().Draw(rt, "all") {
		_, err := m.try(func(b *Books) ([]Draft, error) { return b.GiveBack(id, "card", []byte{1, m.n}, ReasonHost) })
		m.allowed(err, ErrDuplicate, ErrDisputed)
		return
	}
	_, err := m.add(&Refund{Receipt: id, Money: eur(Amount(rapid.Int64Range(1, 3000).Draw(rt, "amount"))), Rail: "card", Reason: ReasonHost})
	m.allowed(err, ErrTooMuch, ErrDisputed)
}

// randomDispute says what a rail says of a dispute, in whatever order and however often.
func (m *market) randomDispute(rt *rapid.T) {
	if len(m.paid) == 0 {
		return
	}
	id := rapid.SampledFrom(m.paid).Draw(rt, "receipt")
	c := Contest{Receipt: id, Ref: fmt.Sprintf("%s-%d", id.Short(), rapid.IntRange(0, 1).Draw(rt, "which")),
		State: DisputeState(rapid.IntRange(1, 3).Draw(rt, "state")), Money: eur(Amount(rapid.Int64Range(1, 3000).Draw(rt, "disputed")))}
	_, err := m.try(func(b *Books) ([]Draft, error) { return b.Contest(c) })
	m.allowed(err)
}

// randomSurplus sends back what came beyond a receipt, however often.
func (m *market) randomSurplus(rt *rapid.T) {
	if len(m.paid) == 0 {
		return
	}
	id := rapid.SampledFrom(m.paid).Draw(rt, "receipt")
	_, err := m.try(func(b *Books) ([]Draft, error) { return b.RepaySurplus(id, rapid.Bool().Draw(rt, "by word")) })
	m.allowed(err)
	_, err = m.add(&Surplus{Receipt: id, Money: eur(Amount(rapid.Int64Range(1, 40).Draw(rt, "amount"))), Back: true})
	m.allowed(err, ErrTooMuch)
}

func (m *market) randomRevoke(rt *rapid.T) {
	_, err := m.add(&Revoke{Offer: m.offer.ID, Serials: []uint32{rapid.Uint32Range(0, 8).Draw(rt, "serial")}, Reason: ReasonHost})
	m.allowed(err, ErrSeat)
}

func (m *market) randomTransfer(rt *rapid.T) {
	if len(m.tickets) == 0 {
		return
	}
	id := rapid.SampledFrom(m.tickets).Draw(rt, "ticket")
	from, to := m.holders[id], rapid.Uint32Range(10, 13).Draw(rt, "to")
	if from == to {
		return
	}
	raw, _, err := Sign(seed(from), Transfer{Ticket: id, By: seed(from).Public(), To: seed(to).Public(), Time: m.now.UnixMilli()})
	if err != nil {
		rt.Fatal(err)
	}
	var moved []byte
	_, err = m.try(func(b *Books) (d []Draft, err error) {
		moved, d, err = b.Transfer(m.key, raw)
		return d, err
	})
	if m.allowed(err, ErrUnknown, ErrExpired, ErrDisputed) {
		m.took(moved)
	}
}

func (m *market) randomGift(rt *rapid.T) {
	var tickets [][]byte
	_, err := m.try(func(b *Books) (d []Draft, err error) {
		tickets, d, err = b.Give(m.key, m.offer.ID, seed(rapid.Uint32Range(10, 13).Draw(rt, "holder")).Public())
		return d, err
	})
	if m.allowed(err, ErrSoldOut) {
		m.took(tickets[0])
	}
}

func (m *market) check() {
	s := m.state(m.offer.ID)
	seats := m.offer.Body.(*Offer).Seats
	if uint64(s.Issued)+uint64(s.Reserved)+s.left() != uint64(seats) { // I5, and no seat is lost
		m.rt.Fatalf("%d issued, %d reserved, %d left, of %d", s.Issued, s.Reserved, s.left(), seats)
	}
	good := uint32(0)
	for serial := range seats {
		if at, _ := load[seatState](m.books, keySeat+m.offer.ID.key()+be32(serial)); !at.Ticket.IsZero() {
			good++
		}
	}
	if good != s.Issued {
		m.rt.Fatalf("%d tickets are good, %d counted", good, s.Issued)
	}
	var sum Amount
	for _, a := range m.accounts() {
		sum += a
	}
	if sum != 0 {
		m.rt.Fatalf("the accounts sum to %d: %v", sum, m.accounts())
	}
	if byAccounts, byLines := m.gained(); byAccounts != byLines {
		m.rt.Fatalf("the accounts say that %d were gained, the lines %d", byAccounts, byLines)
	}
	// I7, by the money: what came in less what went out is what the income and the shares say.
	if m.balance(Asset("card")) < 0 {
		m.rt.Fatalf("more went out than came in: %v", m.accounts())
	}
	for _, id := range m.paid {
		rs, _ := load[receiptState](m.books, keyReceipt+id.key())
		r, err := document[Receipt](m.books, id)
		if err != nil || rs.Refunded > r.Paid.Amount {
			m.rt.Fatalf("%d of %s refunded, %v", rs.Refunded, r.Paid, err)
		}
		// I8: receipt, quote and order are of one price, the offer's, and of as many seats.
		p, err := m.books.paidFor(id)
		if err != nil {
			m.rt.Fatal(err)
		}
		price, err := m.offer.Body.(*Offer).Price.Amount.Times(p.order.Count)
		if err != nil || p.order.Price != eur(price) || p.quote.Price != p.order.Price || r.Paid != p.quote.Total() ||
			rs.Seats != p.order.Count && rs.Seats != 0 || len(p.quote.Serials) != int(p.order.Count) {
			m.rt.Fatalf("order of %s, quote of %s, paid %s for %d seats, %v", p.order.Price, p.quote.Price, r.Paid, rs.Seats, err)
		}
	}
}

// A thousand buyers, fifty seats, three sellers that do not talk to each other: exactly fifty tickets, and whoever got
// none is told so before any money moves.
func TestRush(t *testing.T) {
	computes(t)
	host, one := newNode(t, 1), newDevice(t, 3, 1003)
	two := newDevice(t, 4, 1004)
	offer := host.must(evening(50, eur(500)))
	cert := certOf(host.person, host.key)
	for i, x := range []*node{one, two} {
		a := host.must(&Allot{Offer: offer.ID, Seller: x.key.Public(), Payee: x.person.Public(), From: uint32(35 - 15*i), To: uint32(50 - 15*i), Expires: noon.Add(time.Hour).UnixMilli()})
		x.must(&Adopt{Offer: offer.ID, Allot: a.ID, Cert: cert}, offer.Raw(), a.Raw())
	}
	buyers, refused := 1000, 0
	if testing.Short() {
		buyers = 200
	}
	serials := map[uint32]bool{}
	for i := range buyers {
		x := []*node{host, one, two}[i%3]
		report, docs, err := x.soldBy(t, x.person.Public(), offer, uint32(2000+i), 1)
		if errors.Is(err, ErrSoldOut) {
			refused++
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		tk, _, _ := OpenDocument[Ticket](docs[3])
		if serials[tk.Serial] {
			t.Fatalf("serial %d is sold twice", tk.Serial)
		}
		serials[tk.Serial] = true
		if x != host {
			host.must(report, docs...)
		}
	}
	if len(serials) != 50 || refused != buyers-50 {
		t.Errorf("%d sold, %d refused", len(serials), refused)
	}
	if got := host.balance(IncomeTickets); got != -50*500 {
		t.Errorf("income %d", got)
	}
	if s := host.state(offer.ID); s.Issued != 50 || s.Reserved != 0 {
		t.Errorf("%+v", s)
	}
}

// An index in layers is an index.
func TestDraft(t *testing.T) {
	below := newMemory()
	below.put("a", []byte{1})
	below.put("b", []byte{2})
	below.records = [][]byte{{1}}
	d := newDraft(below, 1)
	d.put("a", nil)
	d.put("c", []byte{3})
	d.records = [][]byte{{2}}
	for key, want := range map[string][]byte{"a": nil, "b": {2}, "c": {3}, "d": nil} {
		if !bytes.Equal(d.get(key), want) {
			t.Errorf("%s is %x, want %x", key, d.get(key), want)
		}
	}
	if below.get("a") == nil || below.get("c") != nil {
		t.Error("it went through")
	}
	for n, want := range [][]byte{{1}, {2}, nil} {
		if !bytes.Equal(d.record(uint64(n)), want) {
			t.Errorf("record %d is %x", n, d.record(uint64(n)))
		}
	}
	d.keep()
	if !maps.EqualFunc(below.values, map[string][]byte{"b": {2}, "c": {3}}, bytes.Equal) {
		t.Errorf("kept %v", below.values)
	}
}
