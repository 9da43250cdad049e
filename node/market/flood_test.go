package market_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"salon/ledger"
	"salon/ledger/doc"
	"salon/node/framed"
)

// orders sends one order after the other to a seller, each of another number, on streams of one peer, and pays none. It counts the
// answers by kind.
func (w *town) orders(ctx context.Context, peer string, key doc.PrivateKey, seller *party, offer ledger.Entry, numbers []uint32) map[byte]int {
	w.t.Helper()
	type order struct {
		_     struct{} `cbor:",toarray"`
		Order []byte
		Note  []byte
		Rail  string
	}
	answers := map[byte]int{}
	const perStream = 50
	for len(numbers) > 0 {
		s, err := (&party{town: w}).dialAs(peer)(ctx, seller.device())
		if err != nil {
			w.t.Fatal(err)
		}
		for _, n := range numbers[:min(len(numbers), perStream)] {
			now := time.Now()
			o := ledger.Order{Purpose: ledger.ForTickets, Offer: offer.ID, Payee: seller.person, Buyer: key.Public(), Count: 1, Price: eur(500),
				Time: now.UnixMilli(), Expires: now.Add(time.Minute).UnixMilli()}
			binary.BigEndian.PutUint32(o.Nonce[:], n)
			raw, _, err := ledger.Sign(key, o)
			if err != nil {
				w.t.Fatal(err)
			}
			body, err := doc.Marshal(order{Order: raw, Note: []byte{}, Rail: ledger.IOURail})
			if err != nil {
				w.t.Fatal(err)
			}
			if _, err := s.Write(framed.Append(nil, append([]byte{3}, body...))); err != nil {
				w.t.Fatal(err)
			}
			head := make([]byte, 1)
			size, shift := 0, 0
			for {
				if _, err := io.ReadFull(s, head); err != nil {
					w.t.Fatal(err)
				}
				if size |= int(head[0]&0x7f) << shift; head[0] < 0x80 {
					break
				}
				shift += 7
			}
			answer := make([]byte, size)
			if _, err := io.ReadFull(s, answer); err != nil {
				w.t.Fatal(err)
			}
			answers[answer[0]]++
		}
		s.Close()
		numbers = numbers[min(len(numbers), perStream):]
	}
	return answers
}

func numbers(from, n uint32) []uint32 {
	list := make([]uint32, n)
	for i := range list {
		list[i] = from + uint32(i)
	}
	return list
}

// Attack: order after order and never a payment, by one key on one connection, and by many of both. One peer holds eight seats;
// many hold no more than there are, and each order beyond that costs the seller a look, and its ledger nothing. After five minutes
// everything is for sale again, to whoever pays. (SALON_SOAK=1 makes it a hundred thousand orders, each way.)
func TestFloodOfOrders(t *testing.T) {
	const quoted, refused = 4, 9
	peers, each, one := uint32(100), uint32(10), uint32(1000)
	switch {
	case testing.Short():
		peers = 20
	case os.Getenv("SALON_SOAK") != "":
		peers, each, one = 10_000, 10, 100_000
	}
	synctest.Test(t, func(t *testing.T) {
		w, ctx := newTown(t), t.Context()
		ana, bo := w.settle(1), w.settle(2)
		offer := ana.evening(50, eur(500))
		if got := w.orders(ctx, "eve", seed(66), ana, offer, numbers(0, one)); got[quoted] != 8 || got[refused] != int(one)-8 {
			t.Errorf("one key: %v", got)
		}
		time.Sleep(ledger.HoldFor)
		sum := map[byte]int{}
		for n := range peers {
			for kind, count := range w.orders(ctx, fmt.Sprint("eve ", n), seed(1<<20+n), ana, offer, numbers(n*each, each)) {
				sum[kind] += count
			}
		}
		if sum[quoted] != 50 || sum[refused] != int(peers*each)-50 {
			t.Errorf("many keys: %v", sum)
		}
		if n := ana.kinds()[ledger.KindReserve]; n != 58 {
			t.Errorf("%d orders are in the ledger", n)
		}
		if _, err := bo.Buy(ctx, bo.wants(ana, ledger.IOURail)); err == nil {
			t.Error("a seat that is held is sold")
		}
		time.Sleep(ledger.HoldFor)
		want := bo.wants(ana, ledger.IOURail)
		want.Count, want.Price = 50, eur(25_000)
		if got, err := bo.Buy(ctx, want); err != nil || len(got.Tickets) != 50 {
			t.Errorf("afterwards: %+v, %v", got, err)
		}
		if s := ana.seats(offer); s != (ledger.Seats{Issued: 50}) {
			t.Errorf("%+v", s)
		}
	})
}
