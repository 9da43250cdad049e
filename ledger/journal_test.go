package ledger

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// What a person reads of a sale, its refund and its share, on disk, and the same for the buyer.
func TestJournal(t *testing.T) {
	s, o := filled(t)
	var got []string
	var sum Result
	if err := s.Journal(func(l Line) error {
		r := l.Result()
		sum.Gross, sum.Fee, sum.Shares, sum.Net = sum.Gross+r.Gross, sum.Fee+r.Fee, sum.Shares+r.Shares, sum.Net+r.Net
		if l.With != (Key{}) && l.With != seed(2).Public() {
			t.Errorf("line %d is about %s", l.Number, l.With.Short())
		}
		got = append(got, fmt.Sprintf("%d/%d %s %s x%d %s %d-%d-%d", l.Number, l.Epoch, l.Entry.Kind, l.Rail, l.Count, moneyOr(l.Sum, "-"), r.Gross, r.Fee, r.Shares))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"0/0 open  x0 - 0-0-0",
		"1/0 offer  x10 5.00 EUR 0-0-0",
		"2/0 reserve card x1 5.00 EUR 0-0-0",
		"3/0 sale card x1 5.00 EUR 500-7-10",
		"4/0 revoke  x1 - 0-0-0",
		"5/0 refund card x0 5.00 EUR -500-0--10",
	}
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || got[i] != want[i] {
			t.Fatalf("lines\n%q, want\n%q", got, want)
		}
	}
	balances, err := s.Balances()
	if err != nil {
		t.Fatal(err)
	}
	if want := []Balance{{Asset("card"), eur(-7)}, {ExpenseRail, eur(7)}}; fmt.Sprint(balances) != fmt.Sprint(want) {
		t.Errorf("balances %v, want %v", balances, want)
	}
	if sum != (Result{Gross: 0, Fee: 7, Shares: 0, Net: -7}) {
		t.Errorf("in all %+v", sum)
	}
	stop := errors.New("enough")
	if err := s.Journal(func(Line) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("it went on: %v", err)
	}
	newest := func(s *Store, n uint64) (got []string) {
		t.Helper()
		if err := s.Last(n, func(l Line) error {
			if len(l.Postings) > 0 {
				t.Errorf("line %d has postings, which may be another's", l.Number)
			}
			got = append(got, fmt.Sprintf("%d/%d %s %s x%d %s", l.Number, l.Epoch, l.Entry.Kind, l.Rail, l.Count, moneyOr(l.Sum, "-")))
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return got
	}
	for _, n := range []uint64{0, 1, 3, 6, 100} {
		for i, line := range newest(s, n) {
			if at := len(want) - int(min(n, 6)) + i; !strings.HasPrefix(want[at], line+" ") {
				t.Errorf("of the last %d, line %d is %q, want %q", n, i, line, want[at])
			}
		}
		if got := newest(s, n); len(got) != int(min(n, 6)) {
			t.Errorf("the last %d are %d", n, len(got))
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Journal(func(Line) error { return nil }); err == nil {
		t.Error("a journal of a ledger that is closed")
	}
	// Lines of an earlier epoch are of that epoch.
	next := options(t.TempDir(), 1)
	next.Now = noon.Add(time.Hour)
	r, err := Restore(next, o.Dir+"/"+segmentName, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var epochs []uint32
	if err := r.Journal(func(l Line) error { epochs = append(epochs, l.Epoch); return nil }); err != nil || fmt.Sprint(epochs) != "[0 0 0 0 0 0 1]" {
		t.Errorf("epochs %v, %v", epochs, err)
	}
	if got := fmt.Sprint(newest(r, 2)); got != "[5/0 refund card x0 5.00 EUR 6/1 open  x0 -]" {
		t.Errorf("the last two are %s", got)
	}
}

func moneyOr(m Money, none string) string {
	if m.IsZero() {
		return none
	}
	return m.Decimal() + " " + string(m.Cur)
}

// filled is a ledger in which person 2 bought a ticket by card, and gave it back.
func filled(t *testing.T) (*Store, Options) {
	t.Helper()
	o := options(t.TempDir(), 1)
	s := openStore(t, o)
	offer := s.add(t, noon, Draft{Body: evening(10, eur(500))})[0]
	body := offer.Body.(*Offer)
	order := Order{Purpose: ForTickets, Offer: offer.ID, Payee: seed(1).Public(), Buyer: seed(2).Public(), Count: 1, Price: body.Price, Time: noon.UnixMilli(), Expires: noon.Add(time.Hour).UnixMilli()}
	raw, _, err := Sign(seed(2), order)
	if err != nil {
		t.Fatal(err)
	}
	var quote []byte
	var sold Sold
	for _, decide := range []func(*Books) ([]Draft, error){
		func(b *Books) (d []Draft, err error) { quote, d, err = b.Quote(s.key, raw, nil, byCard); return d, err },
		func(b *Books) (d []Draft, err error) {
			_, id, err := OpenDocument[Quote](quote)
			if err != nil {
				return nil, err
			}
			sold, d, err = b.Sell(s.key, Payment{Quote: id, Proof: []byte("1"), Cost: 7})
			return d, err
		},
	} {
		if _, err := s.Append(noon, decide); err != nil {
			t.Fatal(err)
		}
	}
	s.add(t, noon, Draft{Body: &Revoke{Offer: offer.ID, Serials: []uint32{0}, Reason: ReasonAsked}})
	s.add(t, noon, Draft{Body: &Refund{Receipt: receiptID(sold.Receipt), Money: eur(500), Rail: "card", Reason: ReasonAsked}})
	return s, o
}
