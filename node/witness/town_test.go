package witness

import (
	"context"
	"encoding/binary"
	"errors"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"salon/ledger"
	"salon/ledger/doc"
)

// A town is a few nodes whose streams are pipes.
type town struct {
	t     *testing.T
	nodes map[ledger.Key]*townsman
	lost  error               // no stream comes about
	short map[ledger.Key]*int // streams to a device break off after so many questions in all
}

// A townsman is a node: a witness, and perhaps a seller or a buyer.
type townsman struct {
	*Service
	town   *town
	id     *doc.Identity
	person doc.PrivateKey
	store  *ledger.Store
	seen   *ledger.Witness
	knows  []ledger.Key
	counts map[string]int
	doubts []error
	mu     sync.Mutex // guards counts and doubts
	answer func(message) message
	news   chan struct{} // holds one
}

type pipeEnd struct{ net.Conn }

func (p pipeEnd) Reset() error { return p.Close() }

func key(n uint32) doc.PrivateKey {
	var s [32]byte
	binary.BigEndian.PutUint32(s[:], n)
	return doc.PrivateKeyFromSeed(s)
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func newTown(t *testing.T) *town { return &town{t: t, nodes: map[ledger.Key]*townsman{}} }

// add adds a node of person number n, with a ledger if dir says where.
func (tn *town) add(n uint32, dir string) *townsman {
	tn.t.Helper()
	person, device := key(n), key(1000+n)
	now := time.Now()
	cert := must(doc.SignCert(person, doc.Cert{Person: person.Public(), Device: device.Public(), NotBefore: now.Add(-time.Hour).Unix(), NotAfter: now.Add(24 * time.Hour).Unix()}))
	m := &townsman{town: tn, id: must(doc.NewIdentity(device, cert)), person: person, counts: map[string]int{}, news: make(chan struct{}, 1)}
	m.seen = must(ledger.OpenWitness(ledger.WitnessOptions{Path: filepath.Join(tn.t.TempDir(), "witness.db"), Key: device}))
	tn.t.Cleanup(func() { m.seen.Close() })
	if dir != "" {
		m.store = must(ledger.Open(ledger.Options{Dir: dir, Key: device, Cert: cert, Now: now}))
		tn.t.Cleanup(func() { m.store.Close() })
	}
	m.Service = New(Options{Identity: m.id, Name: func() string { return "Number" }, Open: func() (*ledger.Witness, error) { return m.seen, nil },
		Store: func() *ledger.Store { return m.store }, Peers: func() []ledger.Key { return slices.Clone(m.knows) }, Dial: m.dial,
		Doubted: func(err error) { m.mu.Lock(); defer m.mu.Unlock(); m.doubts = append(m.doubts, err) },
		Changed: func() {
			select {
			case m.news <- struct{}{}:
			default:
			}
		},
		Count: func(name string) { m.mu.Lock(); defer m.mu.Unlock(); m.counts[name]++ }})
	tn.nodes[device.Public()] = m
	return m
}

func (m *townsman) device() ledger.Key { return m.id.Author().Device }

func (m *townsman) count(name string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.counts[name]
}

func (m *townsman) dial(ctx context.Context, device ledger.Key) (Stream, error) {
	other := m.town.nodes[device]
	if other == nil || m.town.lost != nil {
		return nil, errors.Join(errors.New("nobody there"), m.town.lost)
	}
	a, b := net.Pipe()
	from := m.device().String()
	if other.answer != nil {
		go lie(b, other.answer)
	} else {
		go other.Serve(context.WithoutCancel(ctx), from, pipeEnd{b})
	}
	if n, ok := m.town.short[device]; ok {
		return shortEnd{pipeEnd{a}, n}, nil
	}
	return pipeEnd{a}, nil
}

// A shortEnd is a stream that breaks off when so many questions were asked, over it and others.
type shortEnd struct {
	pipeEnd
	left *int
}

func (e shortEnd) Write(b []byte) (int, error) {
	if *e.left--; *e.left < 0 {
		e.Close()
	}
	return e.pipeEnd.Write(b)
}

// sell sells a ticket, and returns the receipt.
func (m *townsman) sell(offer ledger.Entry, buyer doc.PrivateKey) (ledger.ID, ledger.Sold) {
	m.town.t.Helper()
	now := time.Now()
	body := offer.Body.(*ledger.Offer)
	o := ledger.Order{Purpose: ledger.ForTickets, Offer: offer.ID, Payee: m.person.Public(), Buyer: buyer.Public(), Count: 1, Price: body.Price,
		Time: now.UnixMilli(), Expires: now.Add(time.Hour).UnixMilli()}
	binary.BigEndian.PutUint64(o.Nonce[:], uint64(now.UnixNano()))
	raw, paid, err := ledger.Sign(buyer, o)
	if err != nil {
		m.town.t.Fatal(err)
	}
	var quote []byte
	var sold ledger.Sold
	for _, decide := range []func(b *ledger.Books) ([]ledger.Draft, error){
		func(b *ledger.Books) (d []ledger.Draft, err error) {
			quote, d, err = b.Quote(m.id.Device(), raw, nil, ledger.Terms{Rail: "card"})
			return d, err
		},
		func(b *ledger.Books) (d []ledger.Draft, err error) {
			_, id, err := ledger.OpenDocument[ledger.Quote](quote)
			if err != nil {
				return nil, err
			}
			sold, d, err = b.Sell(m.id.Device(), ledger.Payment{Quote: id, Proof: paid[:]})
			return d, err
		},
	} {
		if _, err := m.store.Append(now, decide); err != nil {
			m.town.t.Fatal(err)
		}
	}
	_, id, err := ledger.OpenDocument[ledger.Receipt](sold.Receipt)
	if err != nil {
		m.town.t.Fatal(err)
	}
	return id, sold
}

// offer puts tickets on sale.
func (m *townsman) offer() ledger.Entry {
	m.town.t.Helper()
	now := time.Now()
	entries, err := m.store.Append(now, func(*ledger.Books) ([]ledger.Draft, error) {
		return []ledger.Draft{{Body: &ledger.Offer{Version: 1, Room: ledger.Room{1}, Name: "Evening", Price: ledger.Money{Amount: 500, Cur: "EUR"}, Seats: 100,
			Starts: now.UnixMilli(), Ends: now.Add(time.Hour).UnixMilli(), Split: []ledger.Share{{Cut: ledger.CutRelays, BasisPoints: 200}}}}}, nil
	})
	if err != nil {
		m.town.t.Fatal(err)
	}
	return entries[0]
}

// copyOf is a ledger's folder as an old copy of the disk has it.
func copyOf(t *testing.T, dir string) string {
	t.Helper()
	to := t.TempDir()
	for _, name := range []string{"ledger.db", "ledger.segment"} {
		raw, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(to, name), raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return to
}

func TestGathering(t *testing.T) {
	tn := newTown(t)
	ana := tn.add(1, t.TempDir())
	var knows []ledger.Key
	for n := range uint32(4) {
		knows = append(knows, tn.add(2+n, "").device())
	}
	ana.knows = append([]ledger.Key{key(99).Public(), ana.device()}, knows...)
	offer := ana.offer()
	enough, err := ana.gather(t.Context(), ana.store)
	if !enough {
		t.Fatalf("not enough witnesses: %v", err)
	}
	raw, err := ana.store.Witnessed()
	if err != nil {
		t.Fatal(err)
	}
	c, err := ledger.SignedBy(raw, ana.device())
	if err != nil || len(c.Seen) != wanted {
		t.Fatalf("%+v, %v", c, err)
	}
	if who, name := ana.seen.Whose(c.Seen[0].By, time.Now()); who != tn.nodes[c.Seen[0].By].person.Public() || name != "Number" {
		t.Errorf("a witness is %s, %q", who, name)
	}
	// The next time each is told from where the log grew at once.
	ana.sell(offer, key(50))
	if enough, err := ana.gather(t.Context(), ana.store); !enough {
		t.Fatal(err)
	}
	raw, _ = ana.store.Witnessed()
	if next := must(ledger.OpenCheckpoint(raw)); next.Size != c.Size+2 || len(next.Seen) != wanted {
		t.Errorf("%+v", next)
	}
	if n := ana.count("witness_found"); n != 2*wanted {
		t.Errorf("%d were found", n)
	}
	// Nobody there: it says so, and tries again later.
	tn.lost = errors.New("no network")
	ana.sell(offer, key(51))
	if enough, err := ana.gather(t.Context(), ana.store); enough || !errors.Is(err, ErrUnreached) {
		t.Errorf("without a network: %v", err)
	}
}

// Attack: witnesses that lie. What they send is not taken, and the ledger goes on.
func TestLyingWitnesses(t *testing.T) {
	tn := newTown(t)
	dir := t.TempDir()
	ana, eve := tn.add(1, dir), tn.add(2, t.TempDir())
	offer := ana.offer()
	eve.offer()
	sh := must(ana.store.Showing(0, time.Now()))
	eves := must(eve.store.Showing(0, time.Now()))
	c := must(ledger.OpenCheckpoint(sh.Growth.Checkpoint))
	cert := func(m *townsman) []byte { return m.id.Cert() }
	liar := tn.add(3, "")
	own := func(raw []byte, at time.Time) []byte { return must(ledger.Cosign(liar.id.Device(), raw, at)) }
	other := c
	other.Size += 5
	for name, a := range map[string]message{
		"nothing that it was asked":     proven{},
		"garbage":                       signed{Checkpoint: []byte("garbage"), Cert: cert(liar)},
		"unsigned":                      signed{Checkpoint: sh.Growth.Checkpoint, Cert: cert(liar)},
		"by another witness":            signed{Checkpoint: must(ledger.Cosign(eve.id.Device(), sh.Growth.Checkpoint, time.Now())), Cert: cert(liar)},
		"of another log":                signed{Checkpoint: own(eves.Growth.Checkpoint, time.Now()), Cert: cert(liar)},
		"of a size that is invented":    signed{Checkpoint: own(must(ledger.SignCheckpoint(liar.id.Device(), other)), time.Now()), Cert: cert(liar)},
		"in the future":                 signed{Checkpoint: own(sh.Growth.Checkpoint, time.Now().Add(time.Hour)), Cert: cert(liar)},
		"another's certificate":         signed{Checkpoint: own(sh.Growth.Checkpoint, time.Now()), Cert: cert(eve)},
		"seen more, by its own word":    kept{Checkpoint: must(ledger.SignCheckpoint(liar.id.Device(), other))},
		"seen more of another log":      kept{Checkpoint: eves.Growth.Checkpoint},
		"a fork that is none":           forked{Proof: ledger.ForkProof{Kind: ledger.ForkCheckpoints, Open: sh.Open, A: sh.Growth.Checkpoint, B: sh.Growth.Checkpoint}},
		"a fork of itself":              forked{Proof: forkOf(t, liar)},
		"always seen something smaller": kept{Checkpoint: sh.Growth.Checkpoint},
	} {
		liar.answer = func(message) message { return a }
		if _, err := ana.showOwn(t.Context(), ana.store, ana.seen, liar.device()); err == nil {
			t.Errorf("%s is believed", name)
		}
	}
	if raw, err := ana.store.Witnessed(); err != nil || raw != nil {
		t.Errorf("kept: %s, %v", raw, err)
	}
	if len(ana.doubts) != 0 {
		t.Errorf("doubts: %v", ana.doubts)
	}
	ana.sell(offer, key(50))
}

// forkOf is a proof that somebody has signed two logs.
func forkOf(t *testing.T, m *townsman) ledger.ForkProof {
	t.Helper()
	store := must(ledger.Open(ledger.Options{Dir: t.TempDir(), Key: m.id.Device(), Cert: m.id.Cert(), Now: time.Now()}))
	defer store.Close()
	sh := must(store.Showing(0, time.Now()))
	c := must(ledger.OpenCheckpoint(sh.Growth.Checkpoint))
	c.Root[0]++
	p := ledger.ForkProof{Kind: ledger.ForkCheckpoints, Open: sh.Open, A: sh.Growth.Checkpoint, B: must(ledger.SignCheckpoint(m.id.Device(), c))}
	if _, err := p.Verify(); err != nil {
		t.Fatal(err)
	}
	return p
}

// A seller whose disk was set back learns it from the first witness that it meets, before or after it has gone past what was seen,
// and writes nothing more; nor does it after a restart.
func TestRolledBackSeller(t *testing.T) {
	for name, more := range map[string]int{"as it was": 0, "some sales later": 3} {
		tn := newTown(t)
		dir := t.TempDir()
		ana := tn.add(1, dir)
		w, naive := tn.add(2, ""), tn.add(3, "")
		offer := ana.offer()
		old := copyOf(t, dir)
		ana.sell(offer, key(50))
		ana.knows = []ledger.Key{w.device()}
		if _, err := ana.gather(t.Context(), ana.store); err != nil {
			t.Fatal(err)
		}
		back := tn.add(1, old)
		for i := range more {
			back.sell(offer, key(uint32(60+i)))
		}
		back.knows = []ledger.Key{naive.device()}
		if _, err := back.gather(t.Context(), back.store); err != nil { // that is the attack: who has seen nothing is told anything
			t.Errorf("%s: %v", name, err)
		}
		back.knows = []ledger.Key{w.device()}
		if _, err := back.gather(t.Context(), back.store); !errors.Is(err, ledger.ErrRolledBack) || len(back.doubts) != 1 {
			t.Fatalf("%s: %v, %v", name, err, back.doubts)
		}
		if _, err := back.store.Append(time.Now(), func(*ledger.Books) ([]ledger.Draft, error) { return nil, nil }); !errors.Is(err, ledger.ErrRolledBack) {
			t.Errorf("%s: it goes on: %v", name, err)
		}
		if err := back.store.Close(); err != nil {
			t.Fatal(err)
		}
		again := tn.add(1, old)
		again.seen = back.seen
		if err := again.Remembered(again.store); err != nil || len(again.doubts) != 1 {
			t.Errorf("%s: after a restart: %v, %v", name, err, again.doubts)
		}
		if fork, err := w.seen.Fork(ana.device()); err != nil || (fork != nil) != (more > 0) {
			t.Errorf("%s: the witness has proof: %v, %v", name, fork != nil, err)
		}
		if fine := tn.add(1, copyOf(t, dir)); fine.Remembered(fine.store) != nil || len(fine.doubts) != 0 {
			t.Errorf("%s: the right one: %v", name, fine.doubts)
		}
	}
}

// Attack: a seller keeps two books, shows one to its witnesses and the other to a buyer. Whatever it answers, the buyer finds out.
func TestTwoBooks(t *testing.T) {
	for _, how := range []string{"two logs", "two branches", "two branches, silent", "honest"} {
		t.Run(how, func(t *testing.T) {
			tn := newTown(t)
			dir := t.TempDir()
			ana := tn.add(1, dir)
			w := tn.add(2, "")
			bo := tn.add(3, "")
			offer := ana.offer()
			other := dir
			switch how {
			case "two logs":
				other = t.TempDir()
			case "two branches", "two branches, silent":
				other = copyOf(t, dir)
			}
			ana.sell(offer, key(50))
			ana.knows = []ledger.Key{w.device()}
			if _, err := ana.gather(t.Context(), ana.store); err != nil {
				t.Fatal(err)
			}
			seller := ana
			if other != dir {
				seller = tn.add(1, other) // answers in the other's place from here on
				if how == "two logs" {
					offer = seller.offer()
				}
				for i := range 4 {
					seller.sell(offer, key(uint32(70+i)))
				}
			}
			receipt, _ := seller.sell(offer, key(51))
			if how == "two branches, silent" {
				seller.answer = func(q message) message {
					if g, ok := q.(grow); ok && g.From != 0 {
						return refuse{Code: "unknown"}
					}
					m, err := seller.Service.answer(q, time.Now())
					if err != nil {
						return coded(err)
					}
					return m
				}
			}
			if _, err := bo.Prove(t.Context(), receipt, ana.device()); err != nil {
				t.Fatalf("who knows nobody is taken in: %v", err)
			}
			bo = tn.add(4, "")
			bo.knows = []ledger.Key{w.device()}
			p, err := bo.Prove(t.Context(), receipt, ana.device())
			switch how {
			case "honest":
				if err != nil {
					t.Fatal(err)
				}
				if _, c, _, err := p.Check(receipt, ana.device()); err != nil || c.Witnesses(ana.device()) != 1 {
					t.Errorf("%+v, %v", c, err)
				}
				if kept, err := bo.seen.Proven(receipt); err != nil || kept == nil {
					t.Errorf("not kept: %v", err)
				}
			case "two branches, silent":
				if !errors.Is(err, ErrHidden) {
					t.Errorf("a seller who does not prove: %v", err)
				}
			default:
				if !errors.Is(err, ledger.ErrFrozen) {
					t.Fatalf("not caught: %v", err)
				}
				for name, m := range map[string]*townsman{"the buyer": bo, "the witness": w} {
					if fork, err := m.seen.Fork(ana.device()); err != nil || fork == nil {
						t.Errorf("%s has no proof: %v", name, err)
					}
				}
				// And whoever asks the witness about that seller has the proof too.
				cy := tn.add(5, "")
				cy.knows = []ledger.Key{w.device()}
				if list, err := cy.Look(t.Context(), ana.person.Public(), cy.knows); err != nil || len(list) != 1 {
					t.Errorf("who asks: %d, %v", len(list), err)
				}
			}
		})
	}
}

// An audit asks everybody, compares, and says whom it could not ask.
func TestAudit(t *testing.T) {
	tn := newTown(t)
	dir := t.TempDir()
	ana := tn.add(1, dir)
	w, x := tn.add(2, ""), tn.add(3, "")
	offer := ana.offer()
	ana.knows = []ledger.Key{w.device()}
	if _, err := ana.gather(t.Context(), ana.store); err != nil {
		t.Fatal(err)
	}
	old := copyOf(t, dir)
	receipt, _ := ana.sell(offer, key(50))
	ana.knows = []ledger.Key{x.device()}
	if _, err := ana.gather(t.Context(), ana.store); err != nil {
		t.Fatal(err)
	}
	bo := tn.add(4, "")
	gone := key(98).Public()
	bo.knows = []ledger.Key{w.device(), x.device(), gone}
	audit := func() Report {
		t.Helper()
		r, err := bo.Audit(t.Context(), ana.person.Public(), nil, map[ledger.Key][]ledger.ID{ana.device(): {receipt}})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	r := audit()
	if !r.Good() || len(r.Seen) != 3 || len(r.Failed) != 1 || r.Failed[0].Device != gone || len(r.Receipts) != 1 || r.Receipts[0].Err != nil {
		t.Fatalf("%+v", r)
	}
	sizes := map[ledger.Key]uint64{}
	for _, one := range r.Seen {
		if sizes[one.By] = one.Size; one.Held != nil {
			t.Errorf("%s: %v", one.By.Short(), one.Held)
		}
	}
	if want := map[ledger.Key]uint64{w.device(): 2, x.device(): 4, ana.device(): 4}; !maps.Equal(sizes, want) {
		t.Errorf("seen: %v, want %v", sizes, want)
	}
	// The seller is away: what was seen stays to be told.
	self := tn.nodes[ana.device()]
	delete(tn.nodes, ana.device())
	if r := audit(); !r.Good() || len(r.Failed) != 2 || !errors.Is(r.Seen[0].Held, ErrApart) && r.Seen[0].By != bo.device() {
		t.Errorf("without the seller: %+v", r)
	}
	// It comes back with an old copy: fewer entries than others saw.
	tn.nodes[ana.device()] = self
	back := tn.add(1, old)
	if r := audit(); r.Good() {
		t.Errorf("rolled back: %+v", r)
	}
	for i := range 3 {
		back.sell(offer, key(uint32(80+i)))
	}
	r = audit()
	if r.Good() || len(r.Forks) != 1 {
		t.Fatalf("forked: %+v", r)
	}
	if o, err := r.Forks[0].Verify(); err != nil || o.Person != ana.person.Public() {
		t.Errorf("the evidence: %v", err)
	}
}

// The network breaks off after a seller has shown its log, and before it has proven that this grew from what a witness saw: nothing is
// said against the seller, and that it was not proven is said. A seller who is there and does not prove it hides something.
func TestAuditBrokenOff(t *testing.T) {
	tn := newTown(t)
	dir := t.TempDir()
	ana, w, bo := tn.add(1, dir), tn.add(2, ""), tn.add(4, "")
	offer := ana.offer()
	ana.knows = []ledger.Key{w.device()}
	if _, err := ana.gather(t.Context(), ana.store); err != nil {
		t.Fatal(err)
	}
	receipt, _ := ana.sell(offer, key(50))
	bo.knows = []ledger.Key{w.device()}
	for _, c := range []struct {
		how    string
		short  int // questions before a stream breaks off
		refuse bool
		want   error
		good   bool
	}{
		{"broken off", 1, false, ErrCut, true},
		{"refused", 9, true, ErrHidden, false},
		{"answered", 9, false, nil, true},
	} {
		tn.short = map[ledger.Key]*int{ana.device(): &c.short}
		if ana.answer = nil; c.refuse {
			ana.answer = func(q message) message {
				if g, ok := q.(grow); ok && g.From == 0 {
					return shown{Show: must(ana.store.Showing(0, time.Now()))}
				}
				return refuse{Code: "unknown"}
			}
		}
		r, err := bo.Audit(t.Context(), ana.person.Public(), nil, nil)
		if err != nil || len(r.Seen) != 2 {
			t.Fatalf("%s: seen %d times, %v", c.how, len(r.Seen), err)
		}
		for _, one := range r.Seen {
			if one.By == w.device() && (!errors.Is(one.Held, c.want) || c.want == ErrCut && errors.Is(one.Held, ErrHidden)) {
				t.Errorf("%s: %v", c.how, one.Held)
			}
		}
		if r.Good() != c.good {
			t.Errorf("%s: good %t", c.how, r.Good())
		}
	}
	// Nor is a buyer warned of a seller whose network breaks off while a receipt is proven.
	if _, err := bo.Audit(t.Context(), ana.person.Public(), nil, nil); err != nil { // so that bo has seen the log
		t.Fatal(err)
	}
	ana.sell(offer, key(51))
	once := 1
	ana.answer, tn.short = nil, map[ledger.Key]*int{ana.device(): &once}
	var told []error
	bo.proved(t.Context(), receipt, ana.device(), func(_ ledger.ID, _ ledger.Key, err error) { told = append(told, err) })
	if len(told) > 0 {
		t.Errorf("the buyer is warned: %v", told)
	}
}

// A peer that asks without end is told to wait; what it asks costs a bounded share, and others are answered.
func TestFlood(t *testing.T) {
	tn := newTown(t)
	w := tn.add(2, "")
	now := time.Now()
	n := 0
	for range 1000 {
		if w.gate.may("eve", now) {
			n++
		}
	}
	if n != askBurst || n > askBurstAll || !w.gate.may("bo", now) || w.gate.may("eve", now) || !w.gate.may("eve", now.Add(askEvery)) {
		t.Errorf("%d of 1000 were answered at once", n)
	}
	for i := range 3 * askBurstAll { // many peers together
		n += map[bool]int{true: 1}[w.gate.may("peer "+string(rune('a'+i%26))+string(rune('a'+i/26)), now.Add(time.Second))]
	}
	if n > askBurst+askBurstAll {
		t.Errorf("%d questions of many were answered at once", n-askBurst)
	}
	for i := range 3 * maxPaces {
		w.gate.may(string(binary.BigEndian.AppendUint32(nil, uint32(i))), now)
	}
	if len(w.gate.paces) > maxPaces {
		t.Errorf("%d peers are remembered", len(w.gate.paces))
	}
	if !w.gate.may("cy", now.Add(time.Hour)) {
		t.Error("nobody is answered an hour later")
	}
	for i, want := range []bool{true, true, false} {
		if got := w.gate.enter("eve"); got != want {
			t.Errorf("stream %d: %v", i, got)
		}
	}
}

// What is sold in a moment is shown once, and what is bought never.
func TestCollect(t *testing.T) {
	tn := newTown(t)
	ana := tn.add(1, t.TempDir())
	for n := range uint32(wanted) {
		ana.knows = append(ana.knows, tn.add(2+n, "").device())
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { ana.Collect(ctx, ana.store); close(done) }()
	offer := ana.offer()
	for i := range 5 {
		ana.sell(offer, key(uint32(50+i)))
	}
	for len(must(ana.store.Newest())) == 0 || must(ledger.OpenCheckpoint(must(ana.store.Newest()))).Witnesses(ana.device()) < wanted {
		select {
		case <-t.Context().Done():
			t.Fatal("not shown")
		case <-ana.news:
		}
	}
	cancel()
	<-done
	if n := ana.count("witness_found"); n != wanted {
		t.Errorf("%d were asked", n)
	}
}
