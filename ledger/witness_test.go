package ledger

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"salon/ledger/doc"
)

func newWitness(t testing.TB, n uint32) *Witness { return openWitness(t, WitnessOptions{Key: seed(n)}) }

func openWitness(t testing.TB, o WitnessOptions) *Witness {
	t.Helper()
	if o.Path == "" {
		o.Path = filepath.Join(t.TempDir(), "witness.db")
	}
	w, err := OpenWitness(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w
}

// copied is a ledger as an old copy of its disk has it.
func copied(t *testing.T, o Options) Options {
	t.Helper()
	c := o
	c.Dir = t.TempDir()
	for _, name := range []string{databaseName, segmentName} {
		write(t, filepath.Join(c.Dir, name), read(t, filepath.Join(o.Dir, name)))
	}
	return c
}

// The example of https://c2sp.org/tlog-cosignature is of keys that are no names of ours; its form is ours all the same: type 4, a
// time, and what is signed.
func TestCosignature(t *testing.T) {
	device, by := seed(1), seed(2)
	c := Checkpoint{Log: ID{1}, Size: 7, Time: 1000}
	raw := ok(SignCheckpoint(device, c))
	signed, err := Cosign(by, raw, time.Unix(1679315147, 0))
	if err != nil {
		t.Fatal(err)
	}
	got, err := SignedBy(signed, device.Public())
	if err != nil || !slices.Equal(got.Seen, []Cosigner{{by.Public(), 1679315147}}) || !slices.Equal(got.Signers, []Key{device.Public()}) || got.Witnesses(device.Public()) != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	// A witness has not said that the log is its own.
	if _, err := SignedBy(signed, by.Public()); !errors.Is(err, ErrSigner) {
		t.Errorf("a witness as the log's device: %v", err)
	}
	text, _, _ := strings.Cut(string(raw), "\n\n")
	message := "cosignature/v1\ntime 1679315147\n" + text + "\n"
	if want := "cosignature/v1\ntime 1679315147\nsalon/ledger-checkpoint/1/0100000000000000000000000000000000000000000000000000000000000000\n7\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n1000\n"; message != want {
		t.Errorf("signed is %q", message)
	}
	n, _, _ := readCheckpoint(signed)
	i := slices.IndexFunc(n.Sigs, func(s note.Signature) bool { return s.Name == by.Public().String() })
	if i < 0 {
		t.Fatal("no line of the witness")
	}
	if got := n.Sigs[i].Base64; got != cosignatureLine(by, message) {
		t.Errorf("the line has %s, want %s", got, cosignatureLine(by, message))
	}
	for name, bad := range map[string]string{
		"another time":   strings.Replace(string(signed), n.Sigs[i].Base64, flipBase64(t, n.Sigs[i].Base64, 5), 1),
		"another key":    strings.Replace(string(signed), by.Public().String(), seed(3).Public().String(), 1),
		"another type":   strings.Replace(string(signed), n.Sigs[i].Base64, flipBase64(t, n.Sigs[i].Base64, 0), 1),
		"half a one":     strings.Replace(string(signed), n.Sigs[i].Base64, n.Sigs[i].Base64[:40], 1),
		"another's size": strings.Replace(string(signed), "\n7\n", "\n8\n", 1),
	} {
		if c, err := OpenCheckpoint([]byte(bad)); err == nil && len(c.Seen) > 0 {
			t.Errorf("%s: %+v", name, c)
		}
	}
	// What a witness adds besides its own is not kept.
	more := ok(Cosign(seed(4), signed, noon))
	if both := ok(Joined(raw, more, by.Public())); strings.Contains(string(both), seed(4).Public().String()) || !strings.Contains(string(both), by.Public().String()) {
		t.Errorf("kept: %s", both)
	}
	if _, err := Joined(raw, more, seed(5).Public()); !errors.Is(err, ErrSigner) {
		t.Errorf("by somebody who has not signed: %v", err)
	}
}

// cosignatureLine is made by hand from what the document says.
func cosignatureLine(k doc.PrivateKey, message string) string {
	public := k.Public()
	id := sha256.Sum256(append([]byte(public.String()+"\n\x04"), public[:]...))
	raw := append(id[:4], 0, 0, 0, 0, 0x64, 0x18, 0x50, 0xcb)
	return base64.StdEncoding.EncodeToString(append(raw, ed25519.Sign(k.Ed25519(), []byte(message))...))
}

func flipBase64(t *testing.T, s string, at int) string {
	t.Helper()
	raw, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	raw[at] ^= 1
	return base64.StdEncoding.EncodeToString(raw)
}

// Attacks on a witness, each with what it would take in without its rule.
func TestWitnessRefuses(t *testing.T) {
	o := options(t.TempDir(), 1)
	fill(t, o, 8)
	s := openStore(t, o)
	other := openStore(t, options(t.TempDir(), 2))
	w := newWitness(t, 7)
	later := s.add(t, noon, railKey(79))[0]
	good := ok(s.Showing(0, noon))
	change := func(f func(*Showing)) Showing { c := good; f(&c); return c }
	for name, c := range map[string]struct {
		s    Showing
		want error
	}{
		"no origin":               {change(func(s *Showing) { s.Open = nil }), nil},
		"another's origin":        {change(func(s *Showing) { s.Open = ok(other.first()) }), ErrSigner},
		"a later entry as origin": {change(func(s *Showing) { s.Open = later.Raw() }), ErrChain},
		"signed by another": {change(func(s *Showing) {
			s.Growth.Checkpoint = ok(SignCheckpoint(seed(9), ok(OpenCheckpoint(s.Growth.Checkpoint))))
		}), ErrSigner},
		"damaged": {change(func(s *Showing) { s.Growth.Checkpoint = flip(s.Growth.Checkpoint, 90) }), nil},
		"of another log": {change(func(s *Showing) {
			s.Growth.Checkpoint = ok(SignCheckpoint(seed(1001), Checkpoint{Log: ID{1}, Size: 3, Time: 1}))
		}), nil},
	} {
		signed, err := w.Show(c.s, noon)
		if err == nil || signed != nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if w.Size() != 0 {
		t.Errorf("%d logs are kept", w.Size())
	}
	if _, err := newWitness(t, 1001).Show(good, noon); !errors.Is(err, ErrSigner) {
		t.Errorf("its own log: %v", err)
	}
	first, err := w.Show(good, noon)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := w.Show(good, noon.Add(time.Hour)); err != nil || !bytes.Equal(again, first) {
		t.Errorf("asked again: %v", err)
	}
	s.add(t, noon, railKey(80))
	var kept *KeptError
	for name, from := range map[string]uint64{"without a proof": 0, "from another size": 5} {
		if _, err := w.Show(ok(s.Showing(from, noon)), noon); !errors.As(err, &kept) || ok(OpenCheckpoint(kept.Kept)).Size != 9 {
			t.Errorf("%s: %v", name, err)
		}
	}
	bad := ok(s.Showing(9, noon))
	bad.Growth.Proof = slices.Clone(bad.Growth.Proof)
	bad.Growth.Proof[0][0] ^= 1
	if _, err := w.Show(bad, noon); !errors.Is(err, ErrMismatch) {
		t.Errorf("with a damaged proof: %v", err)
	}
	if fork, err := w.Fork(s.key.Public()); err != nil || fork != nil {
		t.Errorf("damage is taken for a fork: %v", err)
	}
	if _, err := w.Show(ok(s.Showing(9, noon)), noon); err != nil {
		t.Error(err)
	}
	if _, err := w.Show(good, noon); !errors.As(err, &kept) || ok(OpenCheckpoint(kept.Kept)).Size != 10 {
		t.Errorf("rolled back: %v", err)
	}
	// It is on disk.
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	w = openWitness(t, WitnessOptions{Path: w.o.Path, Key: seed(7)})
	if _, err := w.Show(good, noon); !errors.As(err, &kept) || w.Size() != 1 {
		t.Errorf("after a restart: %v", err)
	}
}

// Attack: a seller goes on from an old copy of its disk, past what was seen. Sizes alone do not tell; the proof that it sends does,
// and is proof against it, at every pair of sizes.
func TestForkPastWhatWasSeen(t *testing.T) {
	for from := 3; from <= 10; from++ {
		for more := 1; more <= 5; more++ {
			o := options(t.TempDir(), 1)
			fill(t, o, from-1)
			old := copied(t, o)
			left, right := openStore(t, o), openStore(t, old)
			w, naive := newWitness(t, 7), newWitness(t, 8)
			left.add(t, noon, railKey(50))
			if _, err := w.Show(ok(left.Showing(0, noon)), noon); err != nil {
				t.Fatal(err)
			}
			for i := range more {
				right.add(t, noon, railKey(60+i))
			}
			size := uint64(from)
			if _, err := naive.Show(ok(right.Showing(0, noon)), noon); err != nil { // that is the attack
				t.Fatal(err)
			}
			_, err := w.Show(ok(right.Showing(size, noon)), noon)
			var forked *ForkedError
			if !errors.As(err, &forked) {
				t.Fatalf("from %d, %d more: %v", from, more, err)
			}
			if got, err := forked.Proof.Verify(); err != nil || got.Device != left.key.Public() {
				t.Fatalf("from %d, %d more: the proof: %v", from, more, err)
			}
			kept, err := w.Fork(left.key.Public())
			if err != nil || kept == nil {
				t.Fatalf("the proof is not kept: %v", err)
			}
			// Whoever has the proof needs nothing else, and it is kept there too.
			if first, err := naive.TakeFork(*kept); err != nil || !first {
				t.Errorf("told: %v, %v", first, err)
			}
			if first, err := naive.TakeFork(*kept); err != nil || first {
				t.Errorf("told again: %v, %v", first, err)
			}
			list, err := naive.ForksOf(seed(1).Public(), 8)
			if err != nil || len(list) != 1 {
				t.Errorf("asked for by person: %d, %v", len(list), err)
			}
			if err := right.CheckSeen(forked.Proof.A); !errors.Is(err, ErrRolledBack) {
				t.Errorf("what the old copy learns: %v", err)
			}
			if err := left.CheckSeen(forked.Proof.A); err != nil {
				t.Errorf("what the right one learns: %v", err)
			}
		}
	}
}

// Attack: a seller keeps two ledgers under one key, each of them in order.
func TestTwoLogs(t *testing.T) {
	a, b := options(t.TempDir(), 1), options(t.TempDir(), 1)
	b.Now = b.Now.Add(time.Minute)
	left, right := openStore(t, a), openStore(t, b)
	w := newWitness(t, 7)
	if _, err := w.Show(ok(left.Showing(0, noon)), noon); err != nil {
		t.Fatal(err)
	}
	_, err := w.Show(ok(right.Showing(0, noon)), noon)
	var forked *ForkedError
	if !errors.As(err, &forked) || forked.Proof.Kind != ForkLogs {
		t.Fatalf("the other log: %v", err)
	}
	if o, err := forked.Proof.Verify(); err != nil || o.Device != left.key.Public() {
		t.Errorf("the proof: %v", err)
	}
	// Who restores a backup begins the next epoch, and has done nothing wrong.
	backup := filepath.Join(t.TempDir(), "backup")
	if _, err := left.Backup(backup); err != nil {
		t.Fatal(err)
	}
	c := a
	c.Dir = t.TempDir()
	restored, err := Restore(c, backup, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer restored.Close()
	w = newWitness(t, 8)
	for _, s := range []*Store{left, restored} {
		if _, err := w.Show(ok(s.Showing(0, noon)), noon); err != nil {
			t.Errorf("a restored log: %v", err)
		}
	}
	origins := [][]byte{ok(left.first()), ok(restored.first())}
	if err := ProveFork(ForkLogs, left.key.Public(), origins[0], origins[1]); err == nil {
		t.Error("two epochs are proof")
	}
}

// Forged proofs against an honest seller.
func TestForgedForks(t *testing.T) {
	o := options(t.TempDir(), 1)
	fill(t, o, 6)
	s := openStore(t, o)
	eve := openStore(t, options(t.TempDir(), 9))
	small := ok(s.Showing(0, noon))
	s.add(t, noon, railKey(90))
	large := ok(s.Showing(6, noon))
	open := small.Open
	growth := func(f func(*Growth)) []byte {
		g := large.Growth
		g.Proof = slices.Clone(g.Proof)
		f(&g)
		return ok(doc.Marshal(g))
	}
	c := ok(OpenCheckpoint(large.Growth.Checkpoint))
	c.Root[0]++
	eves := ok(SignCheckpoint(seed(9), c))
	// A witness that has lost its memory has signed both branches of somebody's fork. That is no proof against it, or the log.
	both := func(c Checkpoint) []byte { return ok(Cosign(s.key, ok(SignCheckpoint(seed(9), c)), noon)) }
	for name, p := range map[string]ForkProof{
		"nothing":                        {},
		"one checkpoint twice":           {Kind: ForkCheckpoints, Open: open, A: small.Growth.Checkpoint, B: small.Growth.Checkpoint},
		"two sizes":                      {Kind: ForkCheckpoints, Open: open, A: small.Growth.Checkpoint, B: large.Growth.Checkpoint},
		"one by somebody else":           {Kind: ForkCheckpoints, Open: open, A: large.Growth.Checkpoint, B: eves},
		"both cosigned only":             {Kind: ForkCheckpoints, Open: open, A: both(c), B: both(ok(OpenCheckpoint(large.Growth.Checkpoint)))},
		"honest growth":                  {Kind: ForkGrowth, Open: open, A: small.Growth.Checkpoint, B: growth(func(*Growth) {})},
		"growth with another root":       {Kind: ForkGrowth, Open: open, A: small.Growth.Checkpoint, B: growth(func(g *Growth) { g.Root[0]++ })},
		"growth with a damaged proof":    {Kind: ForkGrowth, Open: open, A: small.Growth.Checkpoint, B: growth(func(g *Growth) { g.Proof[0][0]++ })},
		"growth with both damaged":       {Kind: ForkGrowth, Open: open, A: small.Growth.Checkpoint, B: growth(func(g *Growth) { g.Root[0]++; g.Proof[0][0]++ })},
		"growth to another's checkpoint": {Kind: ForkGrowth, Open: open, A: small.Growth.Checkpoint, B: growth(func(g *Growth) { g.Checkpoint = eves })},
		"growth backwards":               {Kind: ForkGrowth, Open: open, A: large.Growth.Checkpoint, B: growth(func(g *Growth) { g.Checkpoint = small.Growth.Checkpoint })},
		"one log twice":                  {Kind: ForkLogs, Open: open, A: open, B: open},
		"somebody else's log":            {Kind: ForkLogs, Open: open, A: open, B: ok(eve.first())},
		"another's origin":               {Kind: ForkCheckpoints, Open: ok(eve.first()), A: small.Growth.Checkpoint, B: small.Growth.Checkpoint},
		"of tickets":                     {Kind: ForkTickets, Open: open, A: open, B: open},
	} {
		if o, err := p.Verify(); err == nil {
			t.Errorf("%s is proof against %s", name, o.Device)
		}
		if first, err := newWitness(t, 7).TakeFork(p); err == nil || first {
			t.Errorf("%s is kept", name)
		}
	}
}

// Attack: a witness is flooded with invented logs. Those that have grown for a while, and those of people it knows, stay; what it
// keeps has a bound.
func TestFloodedWitness(t *testing.T) {
	friend := seed(1).Public()
	w := openWitness(t, WitnessOptions{Key: seed(7), Most: 8, Known: func(k Key) bool { return k == friend }})
	show := func(s *Store, from uint64, at time.Time) error {
		t.Helper()
		_, err := w.Show(ok(s.Showing(from, at)), at)
		return err
	}
	known := openStore(t, options(t.TempDir(), 1))
	grown := openStore(t, options(t.TempDir(), 2))
	if err := errors.Join(show(known, 0, noon), show(grown, 0, noon)); err != nil {
		t.Fatal(err)
	}
	grown.add(t, noon, railKey(1))
	if err := show(grown, 1, noon.Add(2*youngFor)); err != nil {
		t.Fatal(err)
	}
	for n := range 40 {
		at := noon.Add(2*youngFor + time.Duration(n)*time.Second)
		if err := show(openStore(t, options(t.TempDir(), uint32(100+n))), 0, at); err != nil {
			t.Fatal(err)
		}
	}
	if w.Size() != 8 {
		t.Errorf("%d logs are kept", w.Size())
	}
	for name, s := range map[string]*Store{"of a friend": known, "that has grown": grown} {
		if list, err := w.Of(s.key.Public(), 8); err != nil || len(list) != 1 {
			t.Errorf("the log %s: %d, %v", name, len(list), err)
		}
	}
	full := openWitness(t, WitnessOptions{Key: seed(7), Most: 1, Known: func(Key) bool { return true }})
	for n, want := range []error{nil, ErrFull} {
		if _, err := full.Show(ok(openStore(t, options(t.TempDir(), uint32(200+n))).Showing(0, noon)), noon); !errors.Is(err, want) {
			t.Errorf("a witness without a place: %v", err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if again := openWitness(t, WitnessOptions{Path: w.o.Path, Key: seed(7)}); again.Size() != 8 {
		t.Errorf("%d are there after a restart", again.Size())
	}
}

// Two who show the two branches at the same moment share a commit, and still only one is signed.
func TestForksAtOnce(t *testing.T) {
	o := options(t.TempDir(), 1)
	fill(t, o, 3)
	old := copied(t, o)
	left, right := openStore(t, o), openStore(t, old)
	left.add(t, noon, railKey(50))
	right.add(t, noon, railKey(51))
	w := newWitness(t, 7)
	shows := []Showing{ok(left.Showing(0, noon)), ok(right.Showing(0, noon))}
	errs := make([]error, 16)
	var all sync.WaitGroup
	for i := range errs {
		all.Go(func() { _, errs[i] = w.Show(shows[i%2], noon) })
	}
	all.Wait()
	signed := [2]int{}
	for i, err := range errs {
		switch {
		case err == nil:
			signed[i%2]++
		case !errors.Is(err, ErrFrozen):
			t.Error(err)
		}
	}
	if signed[0]*signed[1] != 0 || signed[0]+signed[1] != 8 {
		t.Errorf("signed %v", signed)
	}
}

// A receipt leads to its entry in a log that others have seen, and to no other entry, device or log.
func TestProveSale(t *testing.T) {
	s := openStore(t, options(t.TempDir(), 1))
	offer := s.add(t, noon, Draft{Body: evening(5, eur(500))})[0]
	w := newWitness(t, 7)
	seen := ok(w.Show(ok(s.Showing(0, noon)), noon))
	sold := ok(s.sellTo(noon, seed(8), offer, 1))
	another := receiptID(ok(s.sellTo(noon, seed(9), offer, 1)).Receipt)
	receipt := receiptID(sold.Receipt)
	size := ok(OpenCheckpoint(seen)).Size
	p, err := s.ProveSale(receipt, size, noon)
	if err != nil {
		t.Fatal(err)
	}
	_, c, _, err := p.Check(receipt, s.key.Public())
	if err != nil || len(c.Seen) != 0 {
		t.Fatalf("%+v, %v", c, err)
	}
	signed, err := w.Show(p.Show, noon) // the buyer's own witness, or another
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Cosigned(signed, seed(7).Public()); err != nil {
		t.Fatal(err)
	}
	s.add(t, noon, railKey(1)) // the proof stays that of what was cosigned
	p = ok(s.ProveSale(receipt, 0, noon))
	if _, c, _, err := p.Check(receipt, s.key.Public()); err != nil || c.Witnesses(s.key.Public()) != 1 {
		t.Errorf("%+v, %v", c, err)
	}
	raw := ok(doc.Marshal(p))
	var back Proven
	if err := doc.Unmarshal(raw, &back); err != nil {
		t.Fatal(err)
	}
	if err := w.KeepProven(receipt, back); err != nil {
		t.Fatal(err)
	}
	kept, err := w.Proven(receipt)
	if err != nil || kept == nil {
		t.Fatalf("not kept: %v", err)
	}
	if _, _, _, err := kept.Check(receipt, s.key.Public()); err != nil {
		t.Error(err)
	}
	if _, _, _, err := p.Check(another, s.key.Public()); err == nil {
		t.Error("proves another receipt")
	}
	if _, _, _, err := p.Check(receipt, seed(9).Public()); err == nil {
		t.Error("proves another's sale")
	}
	hidden := p
	hidden.Place = slices.Clone(p.Place)
	hidden.Place[0][0]++
	if _, _, _, err := hidden.Check(receipt, s.key.Public()); err == nil {
		t.Error("an entry that is not in the log is proven")
	}
	if _, err := s.ProveSale(ID{1}, 0, noon); !errors.Is(err, ErrUnknown) {
		t.Errorf("of nothing: %v", err)
	}
}

// An old copy that was told so writes nothing more.
func TestDoubt(t *testing.T) {
	o := options(t.TempDir(), 1)
	fill(t, o, 4)
	old := openStore(t, copied(t, o))
	s := openStore(t, o)
	s.add(t, noon, railKey(70))
	newest := ok(s.Checkpoint(noon))
	doubt := old.CheckSeen(newest)
	if !errors.Is(doubt, ErrRolledBack) {
		t.Fatal(doubt)
	}
	old.Doubt(doubt)
	if _, err := old.Append(noon, func(*Books) ([]Draft, error) { return []Draft{railKey(71)}, nil }); !errors.Is(err, ErrRolledBack) {
		t.Errorf("it goes on: %v", err)
	}
	w := newWitness(t, 7)
	log := ok(OpenCheckpoint(newest)).Log
	if err := w.Ahead(log, newest); err != nil {
		t.Fatal(err)
	}
	if got, err := w.IsAhead(log); err != nil || !bytes.Equal(got, newest) {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := w.IsAhead(ID{1}); err != nil || got != nil {
		t.Errorf("of another log: %q, %v", got, err)
	}
}

// Bytes of a stranger never panic, and what is taken for proof is.
func FuzzForkProof(f *testing.F) {
	k := seed(1001)
	o := ok(signEntry(k, Head{}, noon.UnixMilli(), &Opened{Cert: certOf(seed(1), k)}, nil))
	at := func(root byte, size uint64) []byte {
		c := Checkpoint{Log: o.ID, Size: size, Time: 1}
		c.Root[0] = root
		return ok(SignCheckpoint(k, c))
	}
	f.Add(ok(doc.Marshal(ForkProof{Kind: ForkCheckpoints, Open: o.Raw(), A: at(1, 5), B: at(2, 5)})))
	f.Add(ok(doc.Marshal(ForkProof{Kind: ForkGrowth, Open: o.Raw(), A: at(1, 4), B: ok(doc.Marshal(Growth{Checkpoint: at(3, 5)}))})))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var p ForkProof
		if doc.Unmarshal(raw, &p) != nil {
			return
		}
		if o, err := p.Verify(); err == nil && (o.Device.IsZero() || bytes.Equal(p.A, p.B)) {
			t.Errorf("proof against %s", o.Device)
		}
	})
}

func FuzzShowing(f *testing.F) {
	k := seed(1001)
	o := ok(signEntry(k, Head{}, noon.UnixMilli(), &Opened{Cert: certOf(seed(1), k)}, nil))
	c := Checkpoint{Log: o.ID, Size: 5, Time: 1}
	raw := ok(Cosign(seed(2), ok(SignCheckpoint(k, c)), noon))
	kept := Sighting{Open: o.Raw(), Checkpoint: raw}
	c.Size = 6
	show := Showing{Open: o.Raw(), From: 5, Growth: Growth{Checkpoint: ok(SignCheckpoint(k, c)), Proof: make([]tlog.Hash, 4)}}
	f.Add(ok(doc.Marshal(show)), ok(doc.Marshal(kept)))
	f.Add(ok(doc.Marshal(kept.Showing())), ok(doc.Marshal(kept)))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		var s Showing
		var kept Sighting
		if doc.Unmarshal(a, &s) != nil || doc.Unmarshal(b, &kept) != nil {
			return
		}
		var forked *ForkedError
		if err := s.Judge(&kept); errors.As(err, &forked) {
			if _, err := forked.Proof.Verify(); err != nil {
				t.Errorf("a fork that is none: %v", err)
			}
		}
		var p Proven
		_ = doc.Unmarshal(a, &p)
		_, _, _, _ = p.Check(ID{}, Key{})
	})
}

// What others hold, a buyer, a host or somebody with a share, is shown to witnesses; what this person buys, is owed or only notes is not.
func TestPromises(t *testing.T) {
	held := []Kind{KindOffer, KindAllot, KindAdopt, KindReclaim, KindSale, KindReport, KindGift, KindMove, KindRevoke, KindCancel, KindRefund, KindDivide, KindPayout,
		KindPaid,    // its Settle goes to whom the share is owed to
		KindDispute, // of what a seller took, the host follows it
	}
	for k := KindOpen; k < kinds; k++ {
		if k.IsPromise() != slices.Contains(held, k) {
			t.Errorf("%s is a promise: %t", k, k.IsPromise())
		}
	}
}
