package ledger

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A shop is one seller's ledger that is closed and opened again while people buy.
type shop struct {
	o       Options
	person  Key
	mu      sync.RWMutex // guards the field below; who uses the store holds it for reading
	store   *Store
	crashes int
}

// with runs f on the store, again after each restart that came in between.
func (s *shop) with(t *testing.T, f func(*Store) error) error {
	for {
		s.mu.RLock()
		err := f(s.store)
		s.mu.RUnlock()
		if !errors.Is(err, ErrClosed) {
			return err
		}
		s.restart(t, false)
	}
}

// restart closes the store under the feet of whoever uses it, or opens it after somebody did.
func (s *shop) restart(t *testing.T, close bool) {
	if close {
		s.mu.RLock()
		err := s.store.Close()
		s.mu.RUnlock()
		if err != nil {
			t.Error(err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.store.Checkpoint(noon); !errors.Is(err, ErrClosed) {
		return // somebody was faster
	}
	s.crashes++
	store, err := Open(s.o)
	if err != nil {
		t.Error(err)
		return
	}
	s.store = store
}

// buyAt goes to one shop, and asks again after every restart. A buyer who has a quote pays, and will not let go until
// there is a receipt.
func buyAt(t *testing.T, s *shop, offer Entry, n int) (Sold, error) {
	buyer := seed(uint32(10_000 + n))
	o := offer.Body.(*Offer)
	order := Order{Purpose: ForTickets, Offer: offer.ID, Payee: s.person, Buyer: buyer.Public(), Count: 1, Price: o.Price, Time: noon.UnixMilli(), Expires: noon.Add(time.Hour).UnixMilli()}
	binary.BigEndian.PutUint64(order.Nonce[:], uint64(n))
	raw, _, err := Sign(buyer, order)
	if err != nil {
		return Sold{}, err
	}
	var quote ID
	err = s.with(t, func(store *Store) error {
		var rawQuote []byte
		_, err := store.Append(noon, func(b *Books) (d []Draft, err error) {
			rawQuote, d, err = b.Quote(store.key, raw, nil, Terms{Rail: IOURail, Credit: 500})
			return d, err
		})
		if err == nil {
			_, quote, err = OpenDocument[Quote](rawQuote)
		}
		return err
	})
	if err != nil {
		return Sold{}, err
	}
	iou, _, err := Sign(buyer, IOU{Quote: quote, Debtor: buyer.Public(), Creditor: s.person, Money: o.Price, Time: noon.UnixMilli()})
	if err != nil {
		return Sold{}, err
	}
	var sold Sold
	err = s.with(t, func(store *Store) error {
		_, err := store.Append(noon, func(b *Books) (d []Draft, err error) {
			sold, d, err = b.Sell(store.key, Payment{Quote: quote, IOU: iou, Credit: 500})
			return d, err
		})
		return err
	})
	return sold, err
}

// A thousand buyers at once, fifty seats, three sellers, and restarts at any moment: fifty tickets, everybody else is
// told so, and nobody has paid without a ticket. (One seeded run here; SALON_SOAK=1 makes it a hundred.)
func TestRushInParallel(t *testing.T) {
	runs, buyers := 1, 1000
	if testing.Short() {
		buyers = 200
	}
	if os.Getenv("SALON_SOAK") != "" {
		runs = 100
	}
	for run := range runs {
		rushOnce(t, uint64(run), buyers)
		t.Logf("seed %d: fifty of %d", run, buyers)
	}
}

func rushOnce(t *testing.T, seedOf uint64, buyers int) {
	open := func(person, device uint32) *shop {
		o := Options{Dir: t.TempDir(), Key: seed(device), Cert: certOf(seed(person), seed(device)), Now: noon}
		store, err := Open(o)
		if err != nil {
			t.Fatal(err)
		}
		return &shop{o: o, person: seed(person).Public(), store: store}
	}
	host := open(1, 1001)
	shops := []*shop{host, open(3, 1003), open(4, 1004)}
	offer := host.store.add(t, noon, Draft{Body: evening(50, eur(500))})[0]
	for i, s := range shops[1:] {
		a := host.store.add(t, noon, Draft{Body: &Allot{Offer: offer.ID, Seller: s.o.Key.Public(), Payee: s.person, From: uint32(35 - 15*i), To: uint32(50 - 15*i), Expires: noon.Add(time.Hour).UnixMilli()}})[0]
		adopt := Draft{Body: &Adopt{Offer: offer.ID, Allot: a.ID, Cert: host.o.Cert}, Docs: [][]byte{offer.Raw(), a.Raw()}}
		s.store.add(t, noon, adopt)
	}
	var issued, refused atomic.Int64
	var serials sync.Map
	var group sync.WaitGroup
	jobs := make(chan int)
	for range 64 {
		group.Go(func() {
			for n := range jobs {
				sold, err := buyAt(t, shops[n%3], offer, n)
				switch {
				case errors.Is(err, ErrSoldOut):
					refused.Add(1)
				case err != nil:
					t.Errorf("buyer %d: %v", n, err)
				case len(sold.Tickets) != 1:
					t.Errorf("buyer %d paid and has %d tickets", n, len(sold.Tickets))
				default:
					tk, _, err := OpenDocument[Ticket](sold.Tickets[0])
					if _, twice := serials.LoadOrStore(tk.Serial, true); err != nil || twice {
						t.Errorf("serial %d is sold twice, %v", tk.Serial, err)
					}
					issued.Add(1)
				}
			}
		})
	}
	random := rand.New(rand.NewPCG(seedOf, 1))
	for n := range buyers {
		jobs <- n
		if random.IntN(60) == 0 {
			shops[random.IntN(3)].restart(t, true)
		}
	}
	close(jobs)
	group.Wait()
	if issued.Load() != 50 || refused.Load() != int64(buyers-50) {
		t.Errorf("run %d: %d issued, %d refused", seedOf, issued.Load(), refused.Load())
	}
	owed := Amount(0)
	for _, s := range shops {
		balances, err := s.store.Balances()
		if err != nil {
			t.Error(err)
		}
		for _, b := range balances {
			if strings.HasPrefix(string(b.Account), "recv:") {
				owed += b.Money.Amount
			}
		}
		if err := s.store.Close(); err != nil {
			t.Error(err)
		}
		healthy(t, s.o.Dir)
	}
	if owed != 50*500 {
		t.Errorf("run %d: buyers owe %d for 50 tickets", seedOf, owed)
	}
}
