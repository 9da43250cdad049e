package market_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"salon/ledger"
	"salon/ledger/doc"
	"salon/node/market"
)

var nobodysKey doc.PrivateKey

// A ticket goes from Bo to Cy, from Cy's person to Di's device: each generation is good until the next. Who gave it has it no more, and
// who got it comes in.
func TestTransfer(t *testing.T) {
	w, ctx := newTown(t), within(t)
	ana, bo, cy, di := w.settle(1), w.settle(2), w.settle(3), w.settle(4)
	offer := ana.evening(5, eur(500))
	got := bo.buys(ctx, ana, ledger.IOURail, 2)
	first := bo.raw(got.Tickets[0])
	second, err := bo.Transfer(ctx, got.Tickets[0], cy.person, nobodysKey)
	if err != nil {
		t.Fatal(err)
	}
	text := market.Text(second)
	if raw, err := market.ParseText(" " + text + "\n"); err != nil || !slices.Equal(raw, second) {
		t.Fatalf("%s: %v", text, err)
	}
	for range 2 {
		if _, err := cy.Accept(second); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := bo.Accept(second); !errors.Is(err, ledger.ErrSigner) {
		t.Errorf("Bo accepts what he gave away: %v", err)
	}
	if a, b := bo.mine(), cy.mine(); len(a) != 1 || len(b) != 1 {
		t.Errorf("Bo has %v, Cy %v", a, b)
	}
	cys := slices.Collect(keys(cy.mine()))[0]
	// A person's ticket is shown by any device of theirs, and given away with the person's key alone.
	if _, holder, err := cy.Ticket(hall, time.Now()); err != nil || !holder.IsZero() {
		t.Errorf("the person's ticket has a key here (%v)", err)
	}
	if _, err := cy.Transfer(ctx, cys, di.device(), nobodysKey); !errors.Is(err, market.ErrNoKey) {
		t.Errorf("without the person's key: %v", err)
	}
	third, err := cy.Transfer(ctx, cys, di.device(), seed(3))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := di.Accept(third); err != nil {
		t.Fatal(err)
	}
	if raw, holder, err := di.Ticket(hall, time.Now()); err != nil || !slices.Equal(raw, third) || holder.Public() != di.device() {
		t.Errorf("Di's ticket: %v", err)
	}
	gate, err := ana.Gate(hall, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for i, raw := range [][]byte{first, second, third} {
		_, err := gate.Check(raw, time.Now().Add(time.Hour))
		if want := [...]error{ledger.ErrRevoked, ledger.ErrRevoked, nil}[i]; !errors.Is(err, want) {
			t.Errorf("generation %d at the door: %v, want %v", i+1, err, want)
		}
	}
	if s := ana.seats(offer); s != (ledger.Seats{Issued: 2, Left: 3}) {
		t.Errorf("%+v", s)
	}
	w.books(ana, bo, cy, di)
	for _, p := range []*party{ana, bo, cy, di} {
		p.crash()
	}
	if a, b, c := bo.mine(), cy.mine(), di.mine(); len(a) != 1 || len(b) != 0 || len(c) != 1 {
		t.Errorf("after a crash Bo has %v, Cy %v, Di %v", a, b, c)
	}
	// The host takes the seat back: the money goes to who paid, and Di hears of it.
	if _, err := ana.Refund(ctx, got.Tickets[:1], byHost); !errors.Is(err, market.ErrGivenAway) {
		t.Errorf("an old generation: %v", err)
	}
	dis := slices.Collect(keys(di.mine()))
	if _, err := ana.Refund(ctx, dis, byHost); err != nil {
		t.Fatal(err)
	}
	for _, p := range []*party{bo, di} {
		if err := p.News(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if di.mine()[dis[0]] != "void" || bo.balance(ledger.Payable(ana.person)) != -500 {
		t.Errorf("Di has %v, Bo owes %d", di.mine(), -bo.balance(ledger.Payable(ana.person)))
	}
	w.books(ana, bo, cy, di)
}

func keys(m map[ledger.ID]string) func(func(ledger.ID) bool) {
	return func(yield func(ledger.ID) bool) {
		for id := range m {
			if !yield(id) {
				return
			}
		}
	}
}

// raw is a ticket of a node.
func (p *party) raw(id ledger.ID) []byte {
	p.town.t.Helper()
	list, err := p.Tickets(time.Now())
	if err != nil {
		p.town.t.Fatal(err)
	}
	for _, h := range list {
		if h.ID == id {
			return h.Raw
		}
	}
	p.town.t.Fatalf("%s has no ticket %s", p.name, id.Short())
	return nil
}

// Attack: one ticket is given to two people, one after the other and both at once. One of them has it; the other is told, and the seat is
// taken once.
func TestTicketGivenTwice(t *testing.T) {
	for _, together := range []bool{false, true} {
		t.Run(fmt.Sprint("at once: ", together), func(t *testing.T) {
			w, ctx := newTown(t), within(t)
			ana, bo, cy, di := w.settle(1), w.settle(2), w.settle(3), w.settle(4)
			ana.evening(5, eur(500))
			got := bo.buys(ctx, ana, ledger.IOURail, 1)
			// Bo's second copy of his ledger does not know of the first gift.
			twin := w.twin(bo)
			type answer struct {
				raw []byte
				err error
			}
			answers := make(chan answer, 2)
			give := func(p *party, to ledger.Key) {
				raw, err := p.Transfer(ctx, got.Tickets[0], to, nobodysKey)
				answers <- answer{raw, err}
			}
			var a, b answer
			if together {
				go give(bo, cy.person)
				go give(twin, di.person)
				a, b = <-answers, <-answers
			} else {
				give(bo, cy.person)
				a = <-answers
				give(twin, di.person)
				b = <-answers
			}
			if (a.err == nil) == (b.err == nil) || !errors.Is(errors.Join(a.err, b.err), market.ErrGivenAway) {
				t.Errorf("%v and %v", a.err, b.err)
			}
			if !together && a.err != nil {
				t.Errorf("the first to come: %v", a.err)
			}
			if n := ana.kinds()[ledger.KindMove]; n != 1 {
				t.Errorf("it moved %d times", n)
			}
			w.books(ana, bo, cy, di)
		})
	}
}

// twin is another node of the same device, with a copy of its ledger as it is now.
func (w *town) twin(p *party) *party {
	w.t.Helper()
	dir := w.t.TempDir() + "/ledger"
	p.close()
	copyFolder(w.t, p.dir, dir)
	p.open()
	q := &party{town: w, name: p.name + "'s twin", person: p.person, id: p.id, dir: dir, credit: p.credit}
	q.open()
	w.t.Cleanup(q.close)
	return q
}

// A stream breaks at each message of a transfer, and both nodes crash. Saying it again brings the same ticket.
func TestTransferCrashAtEveryStep(t *testing.T) {
	for at := 1; at <= 2; at++ {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("message %d, delivered %v", at, after), func(t *testing.T) {
				w, ctx := newTown(t), within(t)
				ana, bo, cy := w.settle(1), w.settle(2), w.settle(3)
				ana.evening(5, eur(500))
				got := bo.buys(ctx, ana, ledger.IOURail, 1)
				w.breakAt(&cut{at: at, after: after})
				one, err := bo.Transfer(ctx, got.Tickets[0], cy.person, nobodysKey)
				if n := w.messages(); n < at {
					t.Errorf("it takes %d messages", n)
				}
				w.breakAt(nil)
				if delivered := at == 2 && after; (err == nil) != delivered {
					t.Errorf("the answer is lost: %v", err)
				}
				ana.crash()
				bo.crash()
				for range 2 { // the second time it is not ours any more, and known to whom it went
					two, err := bo.Transfer(ctx, got.Tickets[0], cy.person, nobodysKey)
					if err != nil {
						t.Fatalf("again: %v", err)
					}
					if one != nil && !slices.Equal(one, two) {
						t.Error("another ticket")
					}
					one = two
				}
				if _, err := bo.Transfer(ctx, got.Tickets[0], ana.device(), nobodysKey); !errors.Is(err, market.ErrGivenAway) {
					t.Errorf("to somebody else: %v", err)
				}
				if _, err := cy.Accept(one); err != nil {
					t.Fatal(err)
				}
				if n := ana.kinds()[ledger.KindMove]; n != 1 || len(bo.mine()) != 0 || len(cy.mine()) != 1 {
					t.Errorf("it moved %d times, Bo has %v, Cy %v", n, bo.mine(), cy.mine())
				}
				w.books(ana, bo, cy)
			})
		}
	}
}

// Attack: somebody gives away what is another's, accepts what is another's, or a ticket that was cut off or altered.
func TestTransfersThatAreRefused(t *testing.T) {
	w, ctx := newTown(t), within(t)
	ana, bo, eve := w.settle(1), w.settle(2), w.settle(9)
	ana.evening(5, eur(500))
	got := bo.buys(ctx, ana, ledger.IOURail, 1)
	raw := bo.raw(got.Tickets[0])
	if _, err := eve.Transfer(ctx, got.Tickets[0], eve.person, seed(9)); !errors.Is(err, ledger.ErrUnknown) {
		t.Errorf("a ticket that is not hers: %v", err)
	}
	if _, err := eve.Accept(raw); !errors.Is(err, ledger.ErrSigner) {
		t.Errorf("accepting it: %v", err)
	}
	for i := range raw {
		bad := slices.Clone(raw)
		bad[i] ^= 1
		if _, err := bo.Accept(bad); err == nil {
			t.Errorf("byte %d is another, and it is taken", i)
		}
	}
	text := market.Text(raw)
	for _, s := range []string{"", text[1:], text + "!", "salon:abc", text + string(make([]byte, 2000))} {
		if _, err := market.ParseText(s); !errors.Is(err, market.ErrText) {
			t.Errorf("%.40q: %v", s, err)
		}
	}
	// Eve has seen the ticket, and signs herself that it be hers.
	tr, _, err := ledger.Sign(seed(9), ledger.Transfer{Ticket: got.Tickets[0], By: seed(9).Public(), To: eve.device(), Time: time.Now().UnixMilli()})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if m := eve.asks(ctx, ana, 12, []any{tr}); m[0] != 9 {
			t.Errorf("the host answers %x", m)
		}
	}
	if n := ana.kinds()[ledger.KindMove]; n != 0 {
		t.Errorf("it moved %d times", n)
	}
	if n := len(eve.kinds()); n != 0 {
		t.Errorf("Eve's ledger has %v", eve.kinds())
	}
}

// A gift takes a seat, is held by a person, and can be taken back; nobody owes anything.
func TestGive(t *testing.T) {
	w, ctx := newTown(t), within(t)
	ana, cy := w.settle(1), w.settle(3)
	offer := ana.evening(1, eur(500))
	if _, err := cy.Give(hall, 0, cy.person); !errors.Is(err, ledger.ErrNotOnSale) {
		t.Errorf("to somebody else's room: %v", err)
	}
	tickets, err := ana.Give(hall, 0, cy.person)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ana.Give(hall, 0, cy.person); !errors.Is(err, ledger.ErrSoldOut) {
		t.Errorf("one more than there are: %v", err)
	}
	if _, err := cy.Accept(tickets[0]); err != nil {
		t.Fatal(err)
	}
	id := slices.Collect(keys(cy.mine()))[0]
	for range 2 {
		if _, err := ana.Refund(ctx, []ledger.ID{id}, byHost); err != nil {
			t.Fatal(err)
		}
	}
	if err := cy.News(ctx); err != nil {
		t.Fatal(err)
	}
	if s := ana.seats(offer); cy.mine()[id] != "void" || s != (ledger.Seats{Left: 1}) {
		t.Errorf("%v, %+v", cy.mine(), s)
	}
	w.books(ana, cy)
}

// asks sends a message of a kind to a node and returns the answer, as whoever speaks the protocol may.
func (p *party) asks(ctx context.Context, to *party, kind byte, body any) []byte {
	p.town.t.Helper()
	s, err := p.dialAs(p.name)(ctx, to.device())
	if err != nil {
		p.town.t.Fatal(err)
	}
	answer, err := ask(s, kind, body)
	if err != nil {
		p.town.t.Fatal(err)
	}
	return answer
}
