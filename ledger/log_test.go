package ledger

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"

	"salon/ledger/doc"
)

// Attacks on one log: each entry is signed and well formed, and in the wrong place (invariant I1) or by the wrong key (I2).
func TestFollow(t *testing.T) {
	ana, eve := newNode(t, 1), seed(9)
	ana.now = ana.now.Add(time.Minute)
	ana.must(railKey(1).Body)
	head := ana.books.Head
	next := func(k doc.PrivateKey, change func(*Head)) Entry {
		h := head
		change(&h)
		e, err := signEntry(k, h, h.Time, railKey(2).Body, nil)
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	for _, c := range []struct {
		name string
		e    Entry
		want error
	}{
		{"the next entry", next(ana.key, func(*Head) {}), nil},
		{"by another device", next(eve, func(*Head) {}), doc.ErrSignature},
		{"a height left out", next(ana.key, func(h *Head) { h.Size++ }), ErrChain},
		{"a height again", next(ana.key, func(h *Head) { h.Size-- }), ErrChain},
		{"after another entry", next(ana.key, func(h *Head) { h.Last[0]++ }), ErrChain},
		{"in another log", next(ana.key, func(h *Head) { h.Log[0]++ }), ErrChain},
		{"before the last", next(ana.key, func(h *Head) { h.Time-- }), ErrChain},
	} {
		if got, err := head.Follow(c.e); !errors.Is(err, c.want) || err != nil && got != head {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	if _, err := (Head{}).Follow(next(ana.key, func(*Head) {})); !errors.Is(err, ErrChain) {
		t.Errorf("a log that begins in the middle: %v", err)
	}
	// The first entry names the device, by a certificate that the person has signed.
	open := func(k doc.PrivateKey, cert []byte) error {
		e, err := signEntry(k, Head{}, noon.UnixMilli(), &Opened{Cert: cert}, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = Head{}.Follow(e)
		return err
	}
	good := certOf(seed(1), ana.key)
	if err := open(ana.key, good); err != nil {
		t.Error(err)
	}
	if err := open(eve, good); !errors.Is(err, doc.ErrSignature) {
		t.Errorf("with somebody else's certificate: %v", err)
	}
	if err := open(ana.key, flip(good, 20)); err == nil {
		t.Error("with a certificate that is damaged")
	}
	old := ok(doc.SignCert(seed(1), doc.Cert{Person: seed(1).Public(), Device: ana.key.Public(), NotBefore: 1, NotAfter: 2}))
	if err := open(ana.key, old); !errors.Is(err, doc.ErrExpired) {
		t.Errorf("with an old certificate: %v", err)
	}
}

// A store is asked to append what is no business of this log.
func TestEpochs(t *testing.T) {
	ana := newNode(t, 1)
	first := ana.books.Log
	ana.refuses(ErrChain, &Opened{Cert: certOf(ana.person, ana.key)})
	ana.refuses(ErrChain, &Opened{Cert: certOf(ana.person, ana.key), Epoch: 1, Before: ID{9}})
	ana.refuses(ErrSigner, &Opened{Cert: certOf(seed(2), ana.key), Epoch: 1, Before: first})
	ana.must(&Opened{Cert: certOf(ana.person, ana.key), Epoch: 1, Before: first})
	ana.refuses(ErrChain, &Opened{Cert: certOf(ana.person, ana.key), Epoch: 1, Before: ana.books.Log})
	ana.must(railKey(1).Body)
	if ana.books.Size != 2 || ana.books.Total != 3 || ana.books.Before != first {
		t.Errorf("%+v, %d in all", ana.books.Head, ana.books.Total)
	}
}

// logs makes a log of n entries, and returns it with its checkpoints by size.
func logOf(t *testing.T, n int) *Store {
	t.Helper()
	s := openStore(t, options(t.TempDir(), 1))
	for i := 1; i < n; i++ {
		s.add(t, noon, railKey(i))
	}
	return s
}

func (s *Store) checkpointed(t *testing.T) ([]byte, Checkpoint) {
	t.Helper()
	raw, err := s.Checkpoint(noon)
	if err != nil {
		t.Fatal(err)
	}
	c, err := SignedBy(raw, s.key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return raw, c
}

func TestCheckpointText(t *testing.T) {
	k := seed(1)
	c := Checkpoint{Log: fill32[ID](0xab), Size: 7, Root: fill32[[32]byte](0), Time: 1000}
	const text = "salon/ledger-checkpoint/1/abababababababababababababababababababababababababababababababab\n7\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n1000\n"
	if c.text() != text {
		t.Errorf("text %q", c.text())
	}
	raw, err := SignCheckpoint(k, c)
	if err != nil {
		t.Fatal(err)
	}
	got, err := SignedBy(raw, k.Public())
	if err != nil || got.Log != c.Log || got.Size != 7 || got.Time != 1000 || !slices.Equal(got.Signers, []Key{k.Public()}) {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := SignedBy(raw, seed(2).Public()); !errors.Is(err, ErrSigner) {
		t.Errorf("taken for somebody else's: %v", err)
	}
	for i := range raw {
		b := flip(raw, i)
		if c, err := SignedBy(b, k.Public()); err == nil {
			t.Errorf("byte %d flipped: %+v", i, c)
		}
	}
	for _, bad := range []string{"8", "07", "+7", "0", "-1", "7\n7"} {
		if c, err := parseCheckpoint(text[:len(checkpointOrigin)+65] + bad + text[len(checkpointOrigin)+66:]); err == nil {
			if bad != "8" {
				t.Errorf("size %q is read as %d", bad, c.Size)
			}
		}
	}
	if _, err := SignCheckpoint(k, Checkpoint{Log: ID{1}}); !errors.Is(err, ErrField) {
		t.Errorf("signed nothing: %v", err)
	}
}

func TestProofs(t *testing.T) {
	s := logOf(t, 20)
	_, small := s.checkpointed(t)
	var entries []Entry
	if err := s.Entries(0, func(_ uint64, e Entry) bool { entries = append(entries, e); return true }); err != nil {
		t.Fatal(err)
	}
	s.add(t, noon, railKey(100), railKey(101))
	_, large := s.checkpointed(t)
	for seq, e := range entries {
		p, err := s.ProveEntry(uint64(seq), small.Size)
		if err != nil || small.Includes(e, p) != nil {
			t.Fatalf("entry %d: %v, %v", seq, err, small.Includes(e, p))
		}
		if other := entries[(seq+1)%len(entries)]; small.Includes(other, p) == nil {
			t.Errorf("the proof of entry %d proves entry %d", seq, other.Seq)
		}
	}
	p, err := s.ProveGrowth(small.Size, large.Size)
	if err != nil || large.Grows(small, p) != nil {
		t.Errorf("%v, %v", err, large.Grows(small, p))
	}
	if err := small.Grows(large, p); !errors.Is(err, ErrRolledBack) {
		t.Errorf("it shrinks: %v", err)
	}
	other := large
	other.Root[0]++
	if err := other.Grows(small, p); !errors.Is(err, ErrFrozen) {
		t.Errorf("another log: %v", err)
	}
	if err := other.Grows(large, nil); !errors.Is(err, ErrFrozen) {
		t.Errorf("another log of the same size: %v", err)
	}
	for _, err := range []error{second(s.ProveEntry(20, 20)), second(s.ProveEntry(0, 99)), second(s.ProveGrowth(0, 5)), second(s.ProveGrowth(6, 5)), second(s.ProveGrowth(5, 99))} {
		if !errors.Is(err, ErrUnknown) {
			t.Errorf("a proof of nothing: %v", err)
		}
	}
	// Nothing new: the checkpoint stays, with the signatures that came.
	raw, _ := s.checkpointed(t)
	cosigned, err := Cosign(seed(50), raw, noon)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Cosigned(cosigned, seed(50).Public()); err != nil {
		t.Fatal(err)
	}
	if _, c := s.checkpointed(t); c.Witnesses(s.key.Public()) != 1 {
		t.Errorf("%d witnesses", c.Witnesses(s.key.Public()))
	}
	s.add(t, noon, railKey(102))
	s.checkpointed(t)
	if raw, err := s.Witnessed(); err != nil || !bytes.Contains(raw, []byte(seed(50).Public().String())) {
		t.Errorf("what was cosigned is lost with the next entry: %s, %v", raw, err)
	}
	if err := s.Cosigned(cosigned, seed(50).Public()); !errors.Is(err, ErrMismatch) {
		t.Errorf("an old one: %v", err)
	}
}

// Attack: two branches of one log, each shown to somebody else. A witness that has signed one does not sign the other,
// and what it has is proof against the owner.
func TestForkedLog(t *testing.T) {
	dir := t.TempDir()
	o := options(dir, 1)
	fill(t, o, 10)
	copied := options(t.TempDir(), 1)
	for _, name := range []string{databaseName, segmentName} {
		write(t, copied.Dir+"/"+name, read(t, dir+"/"+name))
	}
	left, right := openStore(t, o), openStore(t, copied)
	witness := newWitness(t, 7)
	device := left.key.Public()
	if _, err := witness.Show(ok(left.Showing(0, noon)), noon); err != nil {
		t.Fatal(err)
	}
	a := left.add(t, noon, railKey(1))[0]
	b := right.add(t, noon, railKey(2))[0]
	signed, err := witness.Show(ok(left.Showing(10, noon)), noon)
	if err != nil {
		t.Fatal(err)
	}
	_, cL := left.checkpointed(t)
	if c, err := SignedBy(signed, device); err != nil || c.Root != cL.Root || len(c.Seen) != 1 || c.Seen[0] != (Cosigner{seed(7).Public(), noon.Unix()}) {
		t.Errorf("cosigned %+v, %v", c, err)
	}
	if err := left.Cosigned(signed, seed(7).Public()); err != nil {
		t.Error(err)
	}
	// Who has seen only the base is taken in by the other branch: that is the attack.
	naive := newWitness(t, 8)
	if _, err := naive.Show(ok(right.Showing(10, noon)), noon); err != nil {
		t.Error(err)
	}
	var forked *ForkedError
	if signed, err := witness.Show(ok(right.Showing(0, noon)), noon); !errors.As(err, &forked) || signed != nil {
		t.Fatalf("the other branch: %v", err)
	}
	if o, err := forked.Proof.Verify(); err != nil || o.Device != device || forked.Proof.Kind != ForkCheckpoints {
		t.Errorf("the proof: %v", err)
	}
	kept, rawR := forked.Proof.A, forked.Proof.B
	if err := ProveFork(ForkEntries, device, a.Raw(), b.Raw()); err != nil {
		t.Errorf("the entries: %v", err)
	}
	// The proof is taken in; from then on nothing is bought there.
	bo := newNode(t, 2)
	idOf := func(raw []byte) ID { return identify(checkpointKind, raw) }
	bo.must(&Freeze{Fork: ForkCheckpoints, By: device, A: idOf(kept), B: idOf(rawR)}, kept, rawR)
	if !bo.books.Frozen(device) {
		t.Error("not frozen")
	}
	order, orderID := bo.order(bo.key, seed(1).Public(), Entry{}, 1, func(o *Order) { o.Purpose, o.Price = ForTip, eur(1) })
	quote, quoteID, err := Sign(left.key, Quote{Order: orderID, By: device, Rail: "card", Price: eur(1), Time: noon.UnixMilli(), Expires: noon.UnixMilli() + 1000})
	if err != nil {
		t.Fatal(err)
	}
	bo.refuses(ErrFrozen, &Pay{Order: orderID, Quote: quoteID, Cert: o.Cert}, order, quote)
}

func TestForkProofs(t *testing.T) {
	k, eve := seed(1), seed(9)
	ticket := func(by doc.PrivateKey, serial, gen uint32, holder uint32) []byte {
		raw, _, err := Sign(by, Ticket{Room: hall, Serial: serial, Gen: gen, Holder: seed(holder).Public(), NotBefore: 1, NotAfter: 2, By: by.Public()})
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	if err := ProveFork(ForkTickets, k.Public(), ticket(k, 1, 1, 2), ticket(k, 1, 1, 3)); err != nil {
		t.Errorf("one seat sold twice: %v", err)
	}
	for name, err := range map[string]error{
		"the same ticket":       ProveFork(ForkTickets, k.Public(), ticket(k, 1, 1, 2), ticket(k, 1, 1, 2)),
		"two seats":             ProveFork(ForkTickets, k.Public(), ticket(k, 1, 1, 2), ticket(k, 2, 1, 3)),
		"two generations":       ProveFork(ForkTickets, k.Public(), ticket(k, 1, 1, 2), ticket(k, 1, 2, 3)),
		"one by somebody else":  ProveFork(ForkTickets, k.Public(), ticket(k, 1, 1, 2), ticket(eve, 1, 1, 3)),
		"both by somebody else": ProveFork(ForkTickets, k.Public(), ticket(eve, 1, 1, 2), ticket(eve, 1, 1, 3)),
		"tickets as entries":    ProveFork(ForkEntries, k.Public(), ticket(k, 1, 1, 2), ticket(k, 1, 1, 3)),
		"no such fork":          ProveFork(0, k.Public(), ticket(k, 1, 1, 2), ticket(k, 1, 1, 3)),
	} {
		if err == nil {
			t.Errorf("%s is proof", name)
		}
	}
	entry := func(by doc.PrivateKey, n int, seq uint64) []byte {
		e, err := signEntry(by, Head{Log: ID{1}, Size: seq, Last: ID{2}}, 0, railKey(n).Body, nil)
		if err != nil {
			t.Fatal(err)
		}
		return e.Raw()
	}
	for name, err := range map[string]error{
		"two heights":           ProveFork(ForkEntries, k.Public(), entry(k, 1, 5), entry(k, 2, 6)),
		"the same entry":        ProveFork(ForkEntries, k.Public(), entry(k, 1, 5), entry(k, 1, 5)),
		"one by somebody else":  ProveFork(ForkEntries, k.Public(), entry(k, 1, 5), entry(eve, 2, 5)),
		"both by somebody else": ProveFork(ForkEntries, k.Public(), entry(eve, 1, 5), entry(eve, 2, 5)),
	} {
		if err == nil {
			t.Errorf("%s is proof", name)
		}
	}
	receipt := func(by doc.PrivateKey, quote byte, rail, proof string) []byte {
		raw, _, err := Sign(by, Receipt{Order: ID{quote}, Quote: ID{quote}, By: by.Public(), Rail: rail, Proof: []byte(proof), Paid: eur(1)})
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	if err := ProveFork(ForkReceipts, k.Public(), receipt(k, 1, "lnd", "preimage"), receipt(k, 2, "lnd", "preimage")); err != nil {
		t.Errorf("one payment for two: %v", err)
	}
	for name, err := range map[string]error{
		"the same receipt":     ProveFork(ForkReceipts, k.Public(), receipt(k, 1, "lnd", "preimage"), receipt(k, 1, "lnd", "preimage")),
		"two payments":         ProveFork(ForkReceipts, k.Public(), receipt(k, 1, "lnd", "preimage"), receipt(k, 2, "lnd", "another")),
		"two rails":            ProveFork(ForkReceipts, k.Public(), receipt(k, 1, "lnd", "preimage"), receipt(k, 2, "card", "preimage")),
		"one by somebody else": ProveFork(ForkReceipts, k.Public(), receipt(k, 1, "lnd", "preimage"), receipt(eve, 2, "lnd", "preimage")),
	} {
		if err == nil {
			t.Errorf("%s is proof", name)
		}
	}
	ana := newNode(t, 2)
	a, b := ticket(k, 1, 1, 2), ticket(k, 2, 1, 3)
	ids := ticketIDs([][]byte{a, b})
	ana.refuses(ErrMismatch, &Freeze{Fork: ForkTickets, By: k.Public(), A: ids[0], B: ids[1]}, a, b)
}
