package ledger

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"go.etcd.io/bbolt"

	"salon/ledger/doc"
)

// options are those of a person's ledger in a folder.
func options(dir string, person uint32) Options {
	return Options{Dir: dir, Key: seed(1000 + person), Cert: certOf(seed(person), seed(1000+person)), Now: noon}
}

func openStore(t testing.TB, o Options) *Store {
	t.Helper()
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// railKey is the smallest entry there is.
func railKey(n int) Draft {
	return Draft{Body: &RailKey{Rail: "lnd", Address: fmt.Sprint("node", n), From: 0, To: 1}}
}

func (s *Store) add(t testing.TB, at time.Time, drafts ...Draft) []Entry {
	t.Helper()
	entries, err := s.Append(at, func(*Books) ([]Draft, error) { return drafts, nil })
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

// sellTo sells a ticket by card, all in one go.
func (s *Store) sellTo(now time.Time, buyer doc.PrivateKey, offer Entry, n uint64) (Sold, error) {
	o := offer.Body.(*Offer)
	order := Order{Purpose: ForTickets, Offer: offer.ID, Buyer: buyer.Public(), Count: 1, Price: o.Price, Time: now.UnixMilli(), Expires: now.Add(time.Hour).UnixMilli()}
	binary.BigEndian.PutUint64(order.Nonce[:], n)
	var sold Sold
	_, err := s.Append(now, func(b *Books) ([]Draft, error) {
		order.Payee = b.Person
		raw, _, err := Sign(buyer, order)
		if err != nil {
			return nil, err
		}
		_, d, err := b.Quote(s.key, raw, nil, byCard)
		return d, err
	})
	if err != nil {
		return sold, err
	}
	_, err = s.Append(now, func(b *Books) (d []Draft, err error) {
		_, id, err := Sign(buyer, order)
		if err != nil {
			return nil, err
		}
		quote, _ := load[ID](b, keyOrder+id.key())
		sold, d, err = b.Sell(s.key, Payment{Quote: quote, Proof: id[:]})
		return d, err
	})
	return sold, err
}

func healthy(t testing.TB, dir string) Health {
	t.Helper()
	h, err := Fsck(dir, false)
	if err != nil || len(h.Problems) > 0 {
		t.Fatalf("fsck: %v, %v", h.Problems, err)
	}
	return h
}

func TestStoreComesBack(t *testing.T) {
	o := options(t.TempDir(), 1)
	s := openStore(t, o)
	offer := s.add(t, noon, Draft{Body: evening(10, eur(500))})[0]
	sold, err := s.sellTo(noon, seed(2), offer, 1)
	if err != nil || len(sold.Tickets) != 1 {
		t.Fatalf("%d tickets, %v", len(sold.Tickets), err)
	}
	if _, err := Open(o); !errors.Is(err, ErrInUse) {
		t.Errorf("opened twice: %v", err)
	}
	if _, err := Fsck(o.Dir, false); !errors.Is(err, ErrInUse) {
		t.Errorf("checked while open: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Append(noon, func(*Books) ([]Draft, error) { return []Draft{railKey(1)}, nil }); !errors.Is(err, ErrClosed) {
		t.Errorf("appended after the end: %v", err)
	}
	if h := healthy(t, o.Dir); h.Entries != 4 || h.Head.Person != seed(1).Public() {
		t.Errorf("%+v", h)
	}
	if _, err := Open(options(o.Dir, 2)); !errors.Is(err, ErrSigner) {
		t.Errorf("opened by somebody else: %v", err)
	}
	s = openStore(t, o)
	if again, err := s.sellTo(noon, seed(2), offer, 1); err != nil || !bytes.Equal(again.Receipt, sold.Receipt) {
		t.Errorf("the same order after a restart: %v", err)
	}
	var kinds []string
	if err := s.Entries(0, func(_ uint64, e Entry) bool { kinds = append(kinds, e.Kind.String()); return true }); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(kinds, " "); got != "open offer reserve sale" {
		t.Errorf("the log is %s", got)
	}
}

// All of a decision or none of it, also when others share its transaction.
func TestAppendIsAllOrNothing(t *testing.T) {
	s := openStore(t, options(t.TempDir(), 1))
	bad := Draft{Body: &Cancel{Offer: ID{1}, Reason: ReasonHost}}
	var group sync.WaitGroup
	for i := range 20 {
		group.Go(func() {
			drafts := []Draft{railKey(i), railKey(i)}
			if i%2 == 1 {
				drafts = append(drafts, bad)
			}
			entries, err := s.Append(noon, func(*Books) ([]Draft, error) { return drafts, nil })
			if i%2 == 1 && (!errors.Is(err, ErrUnknown) || entries != nil) || i%2 == 0 && (err != nil || len(entries) != 2) {
				t.Errorf("append %d: %d entries, %v", i, len(entries), err)
			}
		})
	}
	group.Wait()
	n := 0
	if err := s.Entries(0, func(uint64, Entry) bool { n++; return true }); err != nil || n != 21 {
		t.Errorf("%d entries, %v", n, err)
	}
}

// What could not be read back is not written.
func TestTooLarge(t *testing.T) {
	o := options(t.TempDir(), 1)
	s := openStore(t, o)
	legs := make([]Leg, maxLegs+1)
	for i := range legs {
		legs[i] = Leg{Cut: CutFund, To: seed(uint32(i)).Public(), Amount: 1}
	}
	checkpoint := Draft{Body: &Opened{Cert: o.Cert, Epoch: 1, Before: ID{1}, Last: make([]byte, maxCheckpoint+1)}}
	for name, d := range map[string]Draft{"a payout": {Body: &Payout{Cur: "EUR", Legs: legs, Slips: make([]ID, len(legs))}}, "a checkpoint": checkpoint} {
		_, err := s.Append(noon, func(*Books) ([]Draft, error) { return []Draft{d}, nil })
		if !errors.Is(err, doc.ErrTooLarge) && !errors.Is(err, ErrField) {
			t.Errorf("%s: %v", name, err)
		}
	}
	s.add(t, noon, railKey(1))
	// The largest sale that there may be, and it is read back.
	many := evening(maxCount, eur(500))
	many.PerBuyer = 0
	offer := s.add(t, noon, Draft{Body: many})[0]
	var tickets [][]byte
	if _, err := s.Append(noon, func(b *Books) ([]Draft, error) {
		order, _, err := Sign(seed(2), Order{Purpose: ForTickets, Offer: offer.ID, Payee: b.Person, Buyer: seed(2).Public(), Count: maxCount, Price: eur(500 * maxCount), Time: noon.UnixMilli(), Expires: noon.UnixMilli() + 1000})
		if err != nil {
			return nil, err
		}
		_, d, err := b.Quote(s.key, order, nil, byCard)
		return d, err
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Append(noon, func(b *Books) ([]Draft, error) {
		e, err := b.recorded(b.Total - 1)
		if err != nil {
			return nil, err
		}
		sold, d, err := b.Sell(s.key, Payment{Quote: e.Body.(*Reserve).Quote, Proof: []byte("1")})
		tickets = sold.Tickets
		return d, err
	}); err != nil || len(tickets) != maxCount {
		t.Fatalf("%d tickets, %v", len(tickets), err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	healthy(t, o.Dir)
}

// The clock of the machine may go back; time in the log does not.
func TestClockGoesBack(t *testing.T) {
	s := openStore(t, options(t.TempDir(), 1))
	a := s.add(t, noon.Add(time.Hour), railKey(1))[0]
	b := s.add(t, noon, railKey(2))[0]
	if b.Time != a.Time {
		t.Errorf("after %d comes %d", a.Time, b.Time)
	}
}

// fill makes a ledger of n entries of many kinds, and closes it.
func fill(t testing.TB, o Options, n int) {
	t.Helper()
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	offer := s.add(t, noon, Draft{Body: evening(uint32(n), eur(500))})[0]
	for i := 2; i < n; i++ {
		switch {
		case i%3 == 0 && i+1 < n:
			if _, err := s.sellTo(noon, seed(uint32(5000+i)), offer, uint64(i)); err != nil {
				t.Fatal(err)
			}
			i++
		default:
			s.add(t, noon, railKey(i))
		}
	}
	if _, err := s.Checkpoint(noon); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func write(t testing.TB, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// A crash takes off the end of the segment, anywhere; the database has it still.
func TestTornSegment(t *testing.T) {
	o := options(t.TempDir(), 1)
	fill(t, o, 12)
	path := filepath.Join(o.Dir, segmentName)
	whole := read(t, path)
	for cut := 0; cut < len(whole); cut += 41 {
		write(t, path, whole[:cut])
		s, err := Open(o)
		if err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if got := read(t, path); !bytes.Equal(got, whole) {
			t.Fatalf("cut at %d: %d bytes come back of %d", cut, len(got), len(whole))
		}
	}
	// The file had grown, and its bytes had not come.
	write(t, path, append(bytes.Clone(whole), make([]byte, 5000)...))
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	healthy(t, o.Dir)
	if got := read(t, path); !bytes.Equal(got, whole) {
		t.Errorf("%d bytes of %d", len(got), len(whole))
	}
}

// Attack, and accident: the database is gone, or an older copy of it. It is never gone on from as if nothing was.
func TestDatabaseIsRebuilt(t *testing.T) {
	o := options(t.TempDir(), 1)
	fill(t, o, 12)
	db := filepath.Join(o.Dir, databaseName)
	old := read(t, db)
	s := openStore(t, o)
	s.add(t, noon, railKey(100))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	newest, used := read(t, db), 0
	bolt, err := openDatabase(db, true)
	if err != nil {
		t.Fatal(err)
	}
	err = bolt.View(func(tx *bbolt.Tx) error { used = int(tx.Size()); return nil })
	if err := errors.Join(err, bolt.Close()); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"older": old, "gone": nil, "cut off": newest[:3*4096], "cut to nothing": {}, "a page short": newest[:used-4096], "not one": bytes.Repeat([]byte("x"), 100_000)} {
		t.Run(name, func(t *testing.T) {
			if content == nil {
				if err := os.Remove(db); err != nil {
					t.Fatal(err)
				}
			} else {
				write(t, db, content)
			}
			if s, err := Open(o); !errors.Is(err, ErrCorrupt) {
				if err == nil {
					err = s.Close()
				}
				t.Fatalf("opened: %v", err)
			}
			if h, err := Fsck(o.Dir, false); err != nil || len(h.Problems) == 0 {
				t.Fatalf("fsck sees nothing: %+v, %v", h, err)
			}
			h, err := Fsck(o.Dir, true)
			if err != nil || len(h.Repaired) != 1 || h.Entries != 13 {
				t.Fatalf("%+v, %v", h, err)
			}
			healthy(t, o.Dir)
			s, err := Open(o)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// If both copies are damaged the log's end may be lost: nothing goes on from there.
func TestBothDamaged(t *testing.T) {
	o := options(t.TempDir(), 1)
	fill(t, o, 30)
	seg, db := filepath.Join(o.Dir, segmentName), filepath.Join(o.Dir, databaseName)
	b := read(t, seg)
	b[len(b)/2] ^= 1
	write(t, seg, b)
	write(t, db, read(t, db)[:9000])
	before := [][]byte{read(t, seg), read(t, db)}
	h, err := Fsck(o.Dir, true)
	if !errors.Is(err, ErrCorrupt) || len(h.Problems) != 2 || len(h.Repaired) != 0 {
		t.Errorf("%+v, %v", h, err)
	}
	if !bytes.Equal(before[0], read(t, seg)) || !bytes.Equal(before[1], read(t, db)) {
		t.Error("what was left was changed")
	}
}

// Each byte of the segment of a 300-entry ledger is flipped: fsck always sees it, and says where.
func TestEveryByteOfTheSegment(t *testing.T) {
	o := options(t.TempDir(), 1)
	fill(t, o, 300)
	whole := read(t, filepath.Join(o.Dir, segmentName))
	var starts []int
	for at := len(segmentMagic); at < len(whole); at += frameHeader + int(binary.BigEndian.Uint32(whole[at:])) {
		starts = append(starts, at)
	}
	if len(starts) != 300 {
		t.Fatalf("%d entries", len(starts))
	}
	good, err := replaySegment(osFiles{}, filepath.Join(o.Dir, segmentName))
	if err != nil {
		t.Fatal(err)
	}
	step := 1
	if testing.Short() || raced { // every byte without the race detector, which make test does too
		step = 101
	}
	// Accident: the checksum of the record shows it. Only the framing is read; that fsck says the same, is seen below.
	n, s := -1, &segment{f: &memFile{b: whole}}
	for at := 0; at < len(whole); at += step {
		for n+1 < len(starts) && at >= starts[n+1] {
			n++
		}
		whole[at] ^= 0x10
		err := s.start(false)
		if err == nil {
			_, err = s.scanFrom(int64(starts[max(n, 0)]), uint64(max(n, 0)))
		}
		whole[at] ^= 0x10
		var d *DamageError
		if !errors.As(err, &d) || n >= 0 && (d.Record != uint64(n) || d.Offset != int64(starts[n])) {
			t.Fatalf("byte %d, of record %d at byte %d: %v", at, n, starts[max(n, 0)], err)
		}
	}
	// Attack: whoever flips the byte writes the right checksum too. Then the IDs or the signatures show it.
	device := good.books.Device
	inParallel(len(good.index.records), func(n int) {
		record := bytes.Clone(good.index.records[n])
		for at := 0; at < len(record); at += step {
			record[at] ^= 0x10
			e, err := parseRecord(record)
			if err == nil {
				err = e.Verify(device)
			}
			if err == nil {
				err = e.verifyDocs(Key{})
			}
			if err == nil {
				t.Errorf("byte %d of record %d: nobody sees it", at, n)
			}
			record[at] ^= 0x10
		}
	})
	// And fsck as a whole, where it says where.
	for _, n := range []int{0, 1, 150, 299} {
		dir := t.TempDir()
		b := flip(whole, starts[n]+frameHeader+40)
		size := int(binary.BigEndian.Uint32(b[starts[n]:]))
		fixed := appendFrame(nil, b[starts[n]+frameHeader:starts[n]+frameHeader+size])
		copy(b[starts[n]:], fixed)
		write(t, filepath.Join(dir, segmentName), b)
		write(t, filepath.Join(dir, databaseName), read(t, filepath.Join(o.Dir, databaseName)))
		h, err := Fsck(dir, false)
		if err != nil || len(h.Problems) != 1 || !strings.Contains(h.Problems[0].Error(), fmt.Sprintf("segment: record %d at byte %d:", n, starts[n])) {
			t.Errorf("record %d: %v, %v", n, h.Problems, err)
		}
		if h, err := Fsck(dir, true); err != nil || len(h.Repaired) != 1 {
			t.Errorf("record %d: %+v, %v", n, h, err)
		}
		if !bytes.Equal(read(t, filepath.Join(dir, segmentName)), whole) {
			t.Errorf("record %d did not come back", n)
		}
	}
}

func flip(b []byte, at int) []byte {
	c := bytes.Clone(b)
	c[at] ^= 0x10
	return c
}

// Bytes of the database are flipped: fsck sees it, or it is one of those that mean nothing.
func TestBytesOfTheDatabase(t *testing.T) {
	o := options(t.TempDir(), 1)
	fill(t, o, 30)
	path := filepath.Join(o.Dir, databaseName)
	whole := read(t, path)
	step := 499
	if testing.Short() || raced {
		step = 9973
	}
	seen, meaningless := 0, 0
	for at := 0; at < len(whole); at += step {
		write(t, path, flip(whole, at))
		h, err := Fsck(o.Dir, false)
		switch {
		case err != nil:
			t.Fatalf("byte %d: %v", at, err)
		case len(h.Problems) > 0:
			seen++
			if !errors.Is(h.Problems[0], ErrCorrupt) || !strings.Contains(h.Problems[0].Error(), "database") {
				t.Errorf("byte %d: %v", at, h.Problems[0])
			}
			if h.Entries != 30 {
				t.Errorf("byte %d: %d entries are left", at, h.Entries)
			}
		default: // fsck has read every record, hash and line of the books, and they were as they must be
			meaningless++
		}
	}
	t.Logf("%d seen, %d in bytes that nothing is in", seen, meaningless)
	if seen == 0 {
		t.Error("no flip was seen")
	}
	write(t, path, whole)
	healthy(t, o.Dir)
}

// What no entry tells, fsck holds to what the entries make of it.
func TestBooksAreCompared(t *testing.T) {
	o := options(t.TempDir(), 1)
	fill(t, o, 12)
	path := filepath.Join(o.Dir, databaseName)
	whole := read(t, path)
	for name, change := range map[string]func(tx *bbolt.Tx) error{
		"a balance": func(tx *bbolt.Tx) error {
			return tx.Bucket(bucketIndex).Put([]byte(keyBalance+"EUR"+string(IncomeTickets)), []byte{0})
		},
		"a line more": func(tx *bbolt.Tx) error { return tx.Bucket(bucketIndex).Put([]byte("zz"), []byte{0}) },
		"a line less": func(tx *bbolt.Tx) error {
			return tx.Bucket(bucketIndex).Delete([]byte(keyBalance + "EUR" + string(IncomeTickets)))
		},
		"a hash":      func(tx *bbolt.Tx) error { return tx.Bucket(bucketHashes).Put(hashKey(0, 3), make([]byte, 32)) },
		"a hash less": func(tx *bbolt.Tx) error { return tx.Bucket(bucketHashes).Delete(hashKey(0, 3)) },
		"a checkpoint": func(tx *bbolt.Tx) error {
			b := ok(newBooks(txIndex{tx}))
			raw := ok(SignCheckpoint(seed(1001), Checkpoint{Log: b.Log, Size: 5, Root: [32]byte{1}}))
			return tx.Bucket(bucketOwn).Put(b.Log[:], raw)
		},
		"a record": func(tx *bbolt.Tx) error { return tx.Bucket(bucketRecords).Delete(number(5)) },
	} {
		t.Run(name, func(t *testing.T) {
			write(t, path, whole)
			db, err := bbolt.Open(path, 0o600, nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(db.Update(change), db.Close()); err != nil {
				t.Fatal(err)
			}
			h, err := Fsck(o.Dir, true)
			if err != nil || len(h.Problems) != 1 || len(h.Repaired) != 1 {
				t.Fatalf("%+v, %v", h, err)
			}
			t.Log(h.Problems[0])
			healthy(t, o.Dir)
		})
	}
}

func TestBackupAndRestore(t *testing.T) {
	o := options(t.TempDir(), 1)
	s := openStore(t, o)
	offer := s.add(t, noon, Draft{Body: evening(10, eur(500))})[0]
	var first Sold
	for i := range uint64(3) {
		sold, err := s.sellTo(noon, seed(2), offer, i)
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			first = sold
		}
	}
	backup := filepath.Join(t.TempDir(), "backup")
	if n, err := s.Backup(backup); err != nil || n != 8 {
		t.Fatalf("%d entries, %v", n, err)
	}
	// Two more are sold, and one is given away, which the backup does not know, and others have seen.
	giveAway := func(s *Store, to uint32) (ticket []byte) {
		raw, _, err := Sign(seed(2), Transfer{Ticket: ticketIDs(first.Tickets)[0], By: seed(2).Public(), To: seed(to).Public()})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Append(noon, func(b *Books) (d []Draft, err error) {
			ticket, d, err = b.Transfer(s.key, raw)
			return d, err
		}); err != nil {
			t.Fatal(err)
		}
		return ticket
	}
	lost := giveAway(s, 5)
	for i := range uint64(2) {
		if _, err := s.sellTo(noon, seed(3), offer, 10+i); err != nil {
			t.Fatal(err)
		}
	}
	newest, err := s.Checkpoint(noon)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	again := options(t.TempDir(), 1)
	again.Now = noon.Add(time.Minute)
	if _, err := Restore(Options{Dir: o.Dir, Key: o.Key, Cert: o.Cert}, backup, nil); !errors.Is(err, os.ErrExist) {
		t.Errorf("restored over a ledger: %v", err)
	}
	r, err := Restore(again, backup, newest)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var head Head
	var income Amount
	if err := r.View(func(b *Books) error {
		head, income = b.Head, b.Balance("EUR", IncomeTickets)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if head.Epoch != 1 || head.Size != 1 || income != -1500 {
		t.Errorf("epoch %d, %d entries, income %d", head.Epoch, head.Size, income)
	}
	// Attack: the seats that were sold after the backup are sold again. They are not, before the host says from where on.
	now := noon.Add(time.Hour)
	if _, err := r.sellTo(now, seed(4), offer, 20); !errors.Is(err, ErrRestored) {
		t.Errorf("sold after a restore: %v", err)
	}
	next := evening(10, eur(500))
	next.First, next.Version, next.FirstFree = offer.ID, 2, 2
	if _, err := r.Append(now, func(*Books) ([]Draft, error) { return []Draft{{Body: next}}, nil }); !errors.Is(err, ErrMismatch) {
		t.Errorf("offered again below what is sold: %v", err)
	}
	next.FirstFree = 5
	second := r.add(t, now, Draft{Body: next})[0]
	sold, err := r.sellTo(now, seed(4), second, 21)
	if err != nil {
		t.Fatal(err)
	}
	if tk, _, _ := OpenDocument[Ticket](sold.Tickets[0]); tk.Serial != 5 {
		t.Errorf("serial %d is sold again", tk.Serial)
	}
	// A ticket that was given away after the backup is given away again, by who had it then. The two must not be of one
	// generation, or the host has signed its own fork proof.
	if ProveFork(ForkTickets, r.key.Public(), lost, giveAway(r, 6)) == nil {
		t.Error("one seat and generation was signed twice")
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	healthy(t, again.Dir)

	// Attack: the old copy goes on as if nothing was. A checkpoint that others hold shows it.
	old := options(t.TempDir(), 1)
	write(t, filepath.Join(old.Dir, segmentName), read(t, backup))
	if h, err := Fsck(old.Dir, true); err != nil || h.Entries != 8 {
		t.Fatalf("%+v, %v", h, err)
	}
	back := openStore(t, old)
	if err := back.CheckSeen(newest); !errors.Is(err, ErrRolledBack) {
		t.Errorf("an old copy: %v", err)
	}
}

// A backup that travels is the file that Backup writes, and one that does not arrive whole never gets the name.
func TestBackupThatTravels(t *testing.T) {
	o := options(t.TempDir(), 1)
	fill(t, o, 12)
	s := openStore(t, o)
	var sent bytes.Buffer
	n, err := s.WriteBackup(&sent)
	if err != nil || n == 0 {
		t.Fatal(n, err)
	}
	dir := t.TempDir()
	direct, path := filepath.Join(dir, "direct"), filepath.Join(dir, "backup")
	if _, err := s.Backup(direct); err != nil || !bytes.Equal(read(t, direct), sent.Bytes()) {
		t.Errorf("sent %d bytes, the file has %d, %v", sent.Len(), len(read(t, direct)), err)
	}
	h, err := KeepBackup(path, bytes.NewReader(sent.Bytes()))
	if err != nil || h.Entries != n || h.Head.Person != seed(1).Public() {
		t.Errorf("kept %+v, %v", h, err)
	}
	if st, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && st.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", st.Mode(), err)
	}
	for name, bad := range map[string][]byte{
		"empty": nil, "cut off": sent.Bytes()[:sent.Len()-1], "flipped": flip(sent.Bytes(), sent.Len()/2), "no entries": []byte(segmentMagic),
	} {
		if _, err := KeepBackup(path, bytes.NewReader(bad)); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := KeepBackup(path, iotest.ErrReader(io.ErrUnexpectedEOF)); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a reader that fails: %v", err)
	}
	if !bytes.Equal(read(t, path), sent.Bytes()) {
		t.Error("the backup from before is gone")
	}
	another, longer := options(t.TempDir(), 2), options(t.TempDir(), 1)
	fill(t, another, 3)
	s.add(t, noon, railKey(1))
	if _, err := s.Backup(filepath.Join(longer.Dir, segmentName)); err != nil {
		t.Fatal(err)
	}
	for name, there := range map[string][]byte{
		"a letter":                   []byte("Dear Ana, this is no backup."),
		"a backup of another ledger": read(t, filepath.Join(another.Dir, segmentName)),
		"a backup with more entries": read(t, filepath.Join(longer.Dir, segmentName)),
		"what was a backup, perhaps": flip(sent.Bytes(), 20),
		"the beginning of one":       []byte(segmentMagic),
	} {
		other := filepath.Join(dir, "other")
		write(t, other, there)
		if _, err := KeepBackup(other, bytes.NewReader(sent.Bytes())); !errors.Is(err, os.ErrExist) || !bytes.Equal(read(t, other), there) {
			t.Errorf("over %s: %v", name, err)
		}
	}
	if left, err := filepath.Glob(filepath.Join(dir, "*.new")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// A backup that is taken while the ledger grows is a whole ledger: of all that was there when it was asked for.
func TestBackupWhileItGrows(t *testing.T) {
	o := options(t.TempDir(), 1)
	s := openStore(t, o)
	var growing sync.WaitGroup
	for range 4 {
		growing.Go(func() {
			for range 25 {
				if _, err := s.Append(noon, func(*Books) ([]Draft, error) { return []Draft{railKey(1)}, nil }); err != nil {
					t.Error(err)
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { growing.Wait(); close(done) }()
	path := filepath.Join(t.TempDir(), "backup")
	for ended := false; !ended; {
		select {
		case <-done:
			ended = true
		default:
		}
		var total uint64
		if err := s.View(func(b *Books) error { total = b.Total; return nil }); err != nil {
			t.Fatal(err)
		}
		var sent bytes.Buffer
		if n, err := s.WriteBackup(&sent); err != nil || n < total {
			t.Fatalf("%d of %d entries, %v", n, total, err)
		}
		if h, err := KeepBackup(path, &sent); err != nil || h.Entries < total || ended && h.Entries != 101 {
			t.Fatalf("%d entries, %d were there, %v", h.Entries, total, err)
		}
	}
}

func TestDamagedBackup(t *testing.T) {
	o := options(t.TempDir(), 1)
	fill(t, o, 12)
	backup := filepath.Join(t.TempDir(), "backup")
	whole := read(t, filepath.Join(o.Dir, segmentName))
	write(t, backup, flip(whole, len(whole)/2))
	dir := options(filepath.Join(t.TempDir(), "new"), 1)
	if _, err := Restore(dir, backup, nil); !errors.Is(err, ErrCorrupt) {
		t.Errorf("restored: %v", err)
	}
	if _, err := os.Stat(dir.Dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("something was made of it: %v", err)
	}
}

// inParallel calls f for 0 to n-1 on every core, and returns when all are done.
func inParallel(n int, f func(i int)) {
	workers := min(runtime.GOMAXPROCS(0), n)
	var group sync.WaitGroup
	for w := range workers {
		group.Go(func() {
			for i := n * w / workers; i < n*(w+1)/workers; i++ {
				f(i)
			}
		})
	}
	group.Wait()
}
