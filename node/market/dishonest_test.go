package market

import (
	"bufio"
	"context"
	"errors"
	"net"
	"path/filepath"
	"testing"
	"time"

	"salon/ledger"
	"salon/ledger/doc"
	"salon/node/framed"
)

// somebody makes a person with a device.
func somebody(t *testing.T, n byte) *doc.Identity {
	t.Helper()
	person, device, now := doc.PrivateKeyFromSeed([32]byte{n}), doc.PrivateKeyFromSeed([32]byte{n, 1}), time.Now()
	cert, err := doc.SignCert(person, doc.Cert{Person: person.Public(), Device: device.Public(), NotBefore: now.Unix() - 60, NotAfter: now.Unix() + 3600})
	if err != nil {
		t.Fatal(err)
	}
	id, err := doc.NewIdentity(device, cert)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

type pipeEnd struct{ net.Conn }

func (p pipeEnd) Reset() error { return p.Close() }

// Attack: who is asked for a tip is not who it says, asks for something else, or sends a receipt for something else. The giver pays
// nothing, or keeps the payment open; nothing is booked as given.
func TestDishonestPayee(t *testing.T) {
	ana, eve, bo := somebody(t, 1), somebody(t, 9), somebody(t, 2)
	sign := func(t *testing.T, by *doc.Identity, d ledger.Document) ([]byte, ledger.ID) {
		raw, id, err := ledger.Sign(by.Device(), d)
		if err != nil {
			t.Fatal(err)
		}
		return raw, id
	}
	quoteOf := func(o ledger.Order, id ledger.ID, by *doc.Identity) ledger.Quote {
		now := time.Now()
		return ledger.Quote{Order: id, By: by.Author().Device, Rail: ledger.IOURail, Price: o.Price, Time: now.UnixMilli(), Expires: now.Add(ledger.HoldFor).UnixMilli()}
	}
	same := func(*ledger.Quote) {}
	for _, c := range []struct {
		name    string
		by      *doc.Identity // signs quote and receipt
		cert    *doc.Identity
		quote   func(*ledger.Quote)
		receipt func(*ledger.Receipt)
		paid    bool // the giver has begun to pay
		err     error
	}{
		{"somebody else, openly", eve, eve, same, nil, false, ledger.ErrSigner},
		{"somebody else, with the payee's certificate", eve, ana, same, nil, false, ledger.ErrSigner},
		{"more than was offered", ana, ana, func(q *ledger.Quote) { q.Price.Amount = 25000 }, nil, false, ledger.ErrMismatch},
		{"the same in another currency", ana, ana, func(q *ledger.Quote) { q.Price.Cur = "USD" }, nil, false, ledger.ErrMismatch},
		{"a fee that nobody agreed to", ana, ana, func(q *ledger.Quote) { q.Fee = 1 }, nil, false, ledger.ErrMismatch},
		{"another rail", ana, ana, func(q *ledger.Quote) { q.Rail = "bank" }, nil, false, ledger.ErrMismatch},
		{"another order", ana, ana, func(q *ledger.Quote) { q.Order[0]++ }, nil, false, ledger.ErrMismatch},
		{"seats", ana, ana, func(q *ledger.Quote) { q.Serials = []uint32{1} }, nil, false, ledger.ErrMismatch},
		{"a receipt for less", ana, ana, same, func(r *ledger.Receipt) { r.Paid.Amount-- }, true, ledger.ErrMismatch},
		{"a receipt in USD", ana, ana, same, func(r *ledger.Receipt) { r.Paid.Cur = "USD" }, true, ledger.ErrMismatch},
		{"a receipt for another order", ana, ana, same, func(r *ledger.Receipt) { r.Order[0]++ }, true, ledger.ErrUnknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			store, err := ledger.Open(ledger.Options{Dir: filepath.Join(t.TempDir(), "ledger"), Key: bo.Device(), Cert: bo.Cert(), Now: time.Now()})
			if err != nil {
				t.Fatal(err)
			}
			defer store.Close()
			served := make(chan struct{})
			m := New(Options{Store: store, Identity: bo, Dial: func(context.Context, ledger.Key) (Stream, error) {
				a, b := net.Pipe()
				go func() {
					defer close(served)
					defer b.Close()
					in := bufio.NewReader(b)
					hear := func() message {
						buf, err := framed.Read(in, nil, maxQuestion)
						if err != nil {
							return nil
						}
						m, err := decode(buf)
						if err != nil {
							t.Error(err)
						}
						return m
					}
					say := func(m message) {
						out, err := encode(m)
						if err != nil {
							t.Error(err)
						}
						_, _ = b.Write(out) // the giver may be gone
					}
					asked, ok := hear().(tip)
					if !ok {
						t.Error("no tip")
						return
					}
					o, id, err := ledger.OpenDocument[ledger.Order](asked.Order)
					if err != nil {
						t.Error(err)
						return
					}
					q := quoteOf(o, id, c.by)
					c.quote(&q)
					raw, quote := sign(t, c.by, q)
					say(bid{Quote: raw, Cert: c.cert.Cert(), Place: []byte{}})
					payment, ok := hear().(pay)
					if !ok || c.receipt == nil {
						return
					}
					_, iou, err := ledger.OpenDocument[ledger.IOU](payment.Proof)
					if err != nil {
						t.Error(err)
						return
					}
					r := ledger.Receipt{Order: id, Quote: quote, By: q.By, Rail: q.Rail, Proof: iou[:], Paid: q.Total(), Time: q.Time}
					c.receipt(&r)
					receipt, _ := sign(t, c.by, r)
					say(sold{Receipt: receipt, Tickets: [][]byte{}, Offer: []byte{}, Refunds: [][]byte{}})
				}()
				return pipeEnd{a}, nil
			}})
			_, err = m.Tip(t.Context(), Gift{Device: ana.Author().Device, Payee: ana.Author().Person, Money: ledger.Money{Amount: 250, Cur: "EUR"}, Rail: ledger.IOURail, Name: "Bo"})
			if !errors.Is(err, c.err) {
				t.Errorf("%v, want %v", err, c.err)
			}
			<-served
			n := map[ledger.Kind]int{}
			if err := store.Entries(0, func(_ uint64, e ledger.Entry) bool { n[e.Kind]++; return true }); err != nil {
				t.Fatal(err)
			}
			if n[ledger.KindGot] != 0 || (n[ledger.KindPay] == 1) != c.paid {
				t.Errorf("the giver's ledger has %v", n)
			}
		})
	}
}
