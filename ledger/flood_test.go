package ledger

import (
	"encoding/binary"
	"errors"
	"os"
	"testing"
)

// Attack: ten thousand orders (a hundred thousand with SALON_SOAK=1) and never a payment, by one key and by as many. Those that come first hold every seat, and who would
// pay is told that it is sold out: that is as far as it goes. No more is held than there is to hold, an order beyond that is a look at the
// books and no entry of the log, and after five minutes everything is for sale again. (How much one peer may hold, node/market says.)
func TestOrdersThatAreNeverPaid(t *testing.T) {
	orders := 10_000
	switch {
	case os.Getenv("SALON_SOAK") != "":
		orders = 100_000
	case testing.Short() || raced:
		orders = 1_000
	}
	const seats = 50
	for name, keys := range map[string]int{"one key": 1, "many keys": orders} {
		t.Run(name, func(t *testing.T) {
			ana := newNode(t, 1)
			o := evening(seats, eur(500))
			o.PerBuyer = 0
			offer := ana.must(o)
			signed := make([][]byte, orders)
			inParallel(orders, func(i int) {
				k := seed(uint32(1<<20 + i%keys))
				o := Order{Purpose: ForTickets, Offer: offer.ID, Payee: ana.person.Public(), Buyer: k.Public(), Count: 1, Price: eur(500),
					Time: noon.UnixMilli(), Expires: noon.UnixMilli() + 1000}
				binary.BigEndian.PutUint64(o.Nonce[:], uint64(i))
				signed[i] = ok2(Sign(k, o))
			})
			before := ana.books.Total
			held, refused := 0, 0
			for _, raw := range signed {
				// As a seller does: it looks first, and appends if there is anything to append.
				b := *ana.books
				b.ix, b.Now = newDraft(ana.index, b.Total), noon.UnixMilli()
				_, drafts, err := b.Quote(ana.key, raw, nil, byCard)
				switch {
				case errors.Is(err, ErrSoldOut):
					refused++
				case err != nil:
					t.Fatal(err)
				default:
					ana.must(drafts[0].Body, drafts[0].Docs...)
					held++
				}
			}
			if held != seats || refused != orders-seats {
				t.Errorf("%d held, %d refused", held, refused)
			}
			if more := ana.books.Total - before; more != seats {
				t.Errorf("the log has grown by %d entries", more)
			}
			if _, err := ana.buy(seed(2), offer, 1); !errors.Is(err, ErrSoldOut) {
				t.Errorf("the attack is none: %v", err)
			}
			ana.now = ana.now.Add(HoldFor)
			if sold, err := ana.buy(seed(2), offer, seats); err != nil || len(sold.Tickets) != seats {
				t.Errorf("after five minutes: %d tickets, %v", len(sold.Tickets), err)
			}
		})
	}
}
