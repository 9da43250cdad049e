package main

import (
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"go.etcd.io/bbolt"

	"salon/ledger"
	"salon/ledger/doc"
)

const (
	ledgerRounds   = 11
	ledgerSingle   = 60  // appends a round, one after the other
	ledgerBatch    = 512 // appends a round, at once
	ledgerWorkers  = 64
	ledgerEntries  = 100_000
	ledgerVerifies = 2 // rounds; ten seconds each
	ledgerSales    = 5_000
	ledgerTickets  = 1000 // checks a round

	ledgerAim = 1 / 0.7 // times what bare puts take
	verifyAim = 1.3     // times what the signatures take
)

// ledgerCost is what the ledger costs beside what it stands on: bbolt for writing, Ed25519 for verifying.
func ledgerCost(ctx context.Context, o options) ([]row, error) {
	l, err := newLedgerBench(o.dir)
	if err != nil {
		return nil, err
	}
	defer l.close()
	var rows []row
	for _, f := range []func(context.Context) ([]row, error){l.appends, l.large, l.sales} {
		more, err := f(ctx)
		rows = append(rows, more...)
		if err != nil {
			return rows, err
		}
	}
	return rows, nil
}

type ledgerBench struct {
	dir    string
	key    doc.PrivateKey
	cert   []byte
	person ledger.Key
	now    time.Time
	store  *ledger.Store
	bare   *bbolt.DB
	puts   uint64
	record []byte // of the size that the ledger writes
}

var bareBucket = []byte("entries")

func newLedgerBench(dir string) (*ledgerBench, error) {
	person := doc.NewPrivateKey()
	l := &ledgerBench{dir: filepath.Join(dir, "ledger"), key: doc.NewPrivateKey(), person: person.Public(), now: time.Now()}
	var err error
	l.cert, err = doc.SignCert(person, doc.Cert{Person: l.person, Device: l.key.Public(), NotBefore: l.now.Unix(), NotAfter: l.now.Unix() + 1e6})
	if err != nil {
		return nil, err
	}
	if l.store, err = l.open("small"); err != nil {
		return nil, err
	}
	if l.bare, err = bbolt.Open(filepath.Join(l.dir, "bare.db"), 0o600, nil); err != nil {
		return nil, err
	}
	entries, err := l.store.Append(l.now, l.decide(1))
	if err != nil {
		return nil, err
	}
	l.record = make([]byte, len(entries[0].Raw()))
	return l, l.bare.Update(func(tx *bbolt.Tx) error {
		_, err := tx.CreateBucket(bareBucket)
		return err
	})
}

func (l *ledgerBench) open(name string) (*ledger.Store, error) {
	return ledger.Open(ledger.Options{Dir: filepath.Join(l.dir, name), Key: l.key, Cert: l.cert, Now: l.now})
}

func (l *ledgerBench) close() { _ = errors.Join(l.store.Close(), l.bare.Close()) }

// decide appends n entries of the commonest size, without documents.
func (l *ledgerBench) decide(n int) func(*ledger.Books) ([]ledger.Draft, error) {
	return func(*ledger.Books) ([]ledger.Draft, error) {
		drafts := make([]ledger.Draft, n)
		for i := range drafts {
			drafts[i].Body = &ledger.RailKey{Rail: "lnd", Address: l.key.Public().String(), From: l.now.UnixMilli()}
		}
		return drafts, nil
	}
}

func (l *ledgerBench) put(tx *bbolt.Tx, n uint64) error {
	return tx.Bucket(bareBucket).Put(binary.BigEndian.AppendUint64(nil, n), l.record)
}

func (l *ledgerBench) append() error {
	_, err := l.store.Append(l.now, l.decide(1))
	return err
}

// appends compares durable appends with durable puts of as many bytes, one at a time and many at once.
func (l *ledgerBench) appends(ctx context.Context) ([]row, error) {
	single := row{what: "durable append, one by one (raw: bbolt.Update)", unit: "ms"}
	batch := row{what: "durable append, 64 at once (raw: bbolt.Batch)", unit: "ms"}
	one := func(f func() error) func() error {
		return func() error {
			for range ledgerSingle {
				if err := f(); err != nil {
					return err
				}
			}
			return nil
		}
	}
	many := func(f func() error) func() error { return func() error { return atOnce(ledgerBatch, f) } }
	bareOne := func() error {
		l.puts++
		return l.bare.Update(func(tx *bbolt.Tx) error { return l.put(tx, l.puts) })
	}
	var mu sync.Mutex
	bareMany := func() error {
		mu.Lock()
		l.puts++
		n := l.puts
		mu.Unlock()
		return l.bare.Batch(func(tx *bbolt.Tx) error { return l.put(tx, n) })
	}
	for round := range ledgerRounds {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		for _, c := range []struct {
			r    *row
			n    float64
			pair [2]func() error
		}{
			{&single, ledgerSingle, [2]func() error{one(l.append), one(bareOne)}},
			{&batch, ledgerBatch, [2]func() error{many(l.append), many(bareMany)}},
		} {
			used, _, err := inTurn(round, c.pair)
			if err != nil {
				return nil, err
			}
			c.r.values, c.r.raw = append(c.r.values, used[0].Seconds()*1e3/c.n), append(c.r.raw, used[1].Seconds()*1e3/c.n)
		}
	}
	return []row{
		single, ratio("  as many times the raw cost", single, ledgerAim), aSecond("  a second (raw: bbolt.Update)", single),
		batch, ratio("  as many times the raw cost", batch, ledgerAim), aSecond("  a second (raw: bbolt.Batch)", batch),
	}, nil
}

// inTurn runs both, whoever goes first taking turns, and says how long each took, and how much CPU.
func inTurn(round int, pair [2]func() error) (used, cpu [2]time.Duration, err error) {
	for k := range pair {
		k ^= round & 1
		began, before := time.Now(), ownCPU()
		if err := pair[k](); err != nil {
			return used, cpu, err
		}
		used[k], cpu[k] = time.Since(began), ownCPU()-before
	}
	return used, cpu, nil
}

// ratio is a row of its own for an aim that is a number of times the raw cost.
func ratio(what string, r row, aim float64) row {
	out := row{what: what, unit: "x", aim: aim}
	for i, v := range r.values {
		out.values = append(out.values, v/r.raw[i])
	}
	return out
}

// aSecond is how many of a row, whose unit is ms or µs, go into a second.
func aSecond(what string, r row) row {
	in := map[string]float64{"ms": 1e3, "µs": 1e6}[r.unit]
	out := row{what: what, unit: "1/s"}
	for i, v := range r.values {
		out.values, out.raw = append(out.values, in/v), append(out.raw, in/r.raw[i])
	}
	return out
}

// atOnce calls f n times from many goroutines.
func atOnce(n int, f func() error) error {
	var group sync.WaitGroup
	errs := make([]error, ledgerWorkers)
	for w := range ledgerWorkers {
		group.Go(func() {
			for i := w; i < n && errs[w] == nil; i += ledgerWorkers {
				errs[w] = f()
			}
		})
	}
	group.Wait()
	return errors.Join(errs...)
}

// large opens, verifies and weighs a ledger of 100,000 entries.
func (l *ledgerBench) large(ctx context.Context) ([]row, error) {
	s, err := l.open("large")
	if err != nil {
		return nil, err
	}
	for n := 0; n < ledgerEntries; n += 1000 {
		if _, err := s.Append(l.now, l.decide(1000)); err != nil {
			return nil, errors.Join(err, s.Close())
		}
	}
	if err := s.Close(); err != nil {
		return nil, err
	}
	opening := row{what: fmt.Sprintf("open, %d entries", ledgerEntries), unit: "s", aim: 1}
	verifying := row{what: fmt.Sprintf("verify, %d entries (raw: their signatures)", ledgerEntries), unit: "s"}
	cpu := row{what: "  the same in CPU", unit: "s"}
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, err
	}
	sig := ed25519.Sign(private, l.record)
	raw := func() error {
		return onEveryCore(ledgerEntries, func() bool { return ed25519.Verify(public, l.record, sig) })
	}
	for round := range ledgerVerifies {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		began := time.Now()
		if s, err = l.open("large"); err != nil {
			return nil, err
		}
		opening.values = append(opening.values, time.Since(began).Seconds())
		used, cost, err := inTurn(round, [2]func() error{func() error {
			n, err := s.Verify()
			if err == nil && n < ledgerEntries {
				err = fmt.Errorf("%d entries of %d verified", n, ledgerEntries)
			}
			return err
		}, raw})
		if err = errors.Join(err, s.Close()); err != nil {
			return nil, err
		}
		verifying.values, verifying.raw = append(verifying.values, used[0].Seconds()), append(verifying.raw, used[1].Seconds())
		cpu.values, cpu.raw = append(cpu.values, cost[0].Seconds()), append(cpu.raw, cost[1].Seconds())
	}
	size, err := l.bytes("large", ledgerEntries)
	size.what = "database, an entry without documents"
	size.aim = 600
	return []row{opening, verifying, ratio("  as many times the raw cost", verifying, verifyAim), cpu, ratio("  as many times the raw cost in CPU", cpu, verifyAim), size}, err
}

// bytes is what the pages in use of a ledger's database take, for each of n. The file itself grows by 16 MB at a time.
func (l *ledgerBench) bytes(name string, n int) (row, error) {
	db, err := bbolt.Open(filepath.Join(l.dir, name, "ledger.db"), 0o600, &bbolt.Options{ReadOnly: true, Timeout: time.Second})
	if err != nil {
		return row{}, err
	}
	total := 0
	err = db.View(func(tx *bbolt.Tx) error {
		return tx.ForEach(func(_ []byte, b *bbolt.Bucket) error {
			s := b.Stats()
			total += s.BranchAlloc + s.LeafAlloc
			return nil
		})
	})
	return row{unit: "bytes", values: []float64{float64(total) / float64(n)}}, errors.Join(err, db.Close())
}

func onEveryCore(n int, f func() bool) error {
	var group sync.WaitGroup
	cores := runtime.GOMAXPROCS(0)
	bad := make([]bool, cores)
	for c := range cores {
		group.Go(func() {
			for i := c; i < n; i += cores {
				bad[c] = bad[c] || !f()
			}
		})
	}
	group.Wait()
	for _, b := range bad {
		if b {
			return errRaw
		}
	}
	return nil
}

// sales sells tickets by IOU, and checks them at a gate.
func (l *ledgerBench) sales(ctx context.Context) ([]row, error) {
	s, err := l.open("sales")
	if err != nil {
		return nil, err
	}
	defer s.Close()
	starts, ends := l.now.Add(time.Hour), l.now.Add(3*time.Hour)
	room := ledger.Room{1}
	entries, err := s.Append(l.now, func(*ledger.Books) ([]ledger.Draft, error) {
		return []ledger.Draft{{Body: &ledger.Offer{Version: 1, Room: room, Name: "Evening", Price: ledger.Money{Amount: 500, Cur: "EUR"}, Seats: ledger.MaxSeats,
			Starts: starts.UnixMilli(), Ends: ends.UnixMilli(), Split: []ledger.Share{{Cut: ledger.CutRelays, BasisPoints: 200}}}}}, nil
	})
	if err != nil {
		return nil, err
	}
	selling := row{what: "order to ticket by IOU, books and disk alone", unit: "ms"}
	var ticket []byte
	var mu sync.Mutex
	var n uint64
	buy := func() error {
		mu.Lock()
		n++
		nonce := n
		mu.Unlock()
		began := time.Now()
		sold, err := l.buy(s, entries[0], nonce)
		mu.Lock()
		defer mu.Unlock()
		selling.values = append(selling.values, time.Since(began).Seconds()*1e3)
		if err == nil {
			ticket = sold.Tickets[0]
		}
		return err
	}
	for range ledgerRounds {
		if err := errors.Join(ctx.Err(), buy()); err != nil {
			return nil, err
		}
	}
	selling.values = selling.values[:ledgerRounds]
	kept := selling
	if err := atOnce(ledgerSales, buy); err != nil {
		return nil, err
	}

	gate := ledger.NewGate(room, l.key.Public(), []ledger.Class{{Starts: starts, Ends: ends}}, nil)
	checking := row{what: "ticket check, CPU (raw: Ed25519)", unit: "µs", aim: 200}
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, err
	}
	sig := ed25519.Sign(private, ticket)
	pair := [2]func() error{func() error {
		for range ledgerTickets {
			if _, err := gate.Check(ticket, starts); err != nil {
				return err
			}
		}
		return nil
	}, func() error {
		for range ledgerTickets {
			if !ed25519.Verify(public, ticket, sig) {
				return errRaw
			}
		}
		return nil
	}}
	for round := range ledgerRounds {
		_, cpu, err := inTurn(round, pair)
		if err != nil {
			return nil, err
		}
		checking.values = append(checking.values, cpu[0].Seconds()*1e6/ledgerTickets)
		checking.raw = append(checking.raw, cpu[1].Seconds()*1e6/ledgerTickets)
	}
	if err := s.Close(); err != nil {
		return nil, err
	}
	size, err := l.bytes("sales", ledgerSales)
	size.what = "database, a sale: 2 entries, 5 documents"
	return []row{kept, size, checking, aSecond("  a second and core (raw: Ed25519)", checking)}, err
}

// buy goes from an order to its ticket.
func (l *ledgerBench) buy(s *ledger.Store, offer ledger.Entry, n uint64) (ledger.Sold, error) {
	buyer := doc.NewPrivateKey()
	price := offer.Body.(*ledger.Offer).Price
	order := ledger.Order{Purpose: ledger.ForTickets, Offer: offer.ID, Payee: l.person, Buyer: buyer.Public(), Count: 1, Price: price,
		Time: l.now.UnixMilli(), Expires: l.now.Add(time.Hour).UnixMilli()}
	binary.BigEndian.PutUint64(order.Nonce[:], n)
	rawOrder, _, err := ledger.Sign(buyer, order)
	if err != nil {
		return ledger.Sold{}, err
	}
	var rawQuote []byte
	if _, err := s.Append(l.now, func(b *ledger.Books) (d []ledger.Draft, err error) {
		rawQuote, d, err = b.Quote(l.key, rawOrder, nil, ledger.Terms{Rail: ledger.IOURail, Credit: price.Amount})
		return d, err
	}); err != nil {
		return ledger.Sold{}, err
	}
	_, quote, err := ledger.OpenDocument[ledger.Quote](rawQuote)
	if err != nil {
		return ledger.Sold{}, err
	}
	iou, _, err := ledger.Sign(buyer, ledger.IOU{Quote: quote, Debtor: buyer.Public(), Creditor: l.person, Money: price, Time: l.now.UnixMilli()})
	if err != nil {
		return ledger.Sold{}, err
	}
	var sold ledger.Sold
	_, err = s.Append(l.now, func(b *ledger.Books) (d []ledger.Draft, err error) {
		sold, d, err = b.Sell(l.key, ledger.Payment{Quote: quote, IOU: iou, Credit: price.Amount})
		return d, err
	})
	return sold, err
}
