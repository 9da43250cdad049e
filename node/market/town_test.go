package market_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"salon/ledger"
	"salon/ledger/doc"
	"salon/node/framed"
	"salon/node/market"
	"salon/node/market/railtest"
)

func seed(n uint32) doc.PrivateKey {
	var s [32]byte
	binary.BigEndian.PutUint32(s[:], n)
	return doc.PrivateKeyFromSeed(s)
}

func eur(cents ledger.Amount) ledger.Money { return ledger.Money{Amount: cents, Cur: "EUR"} }

var hall = ledger.Room{1, 2, 3}

// A town is some nodes that reach each other over pipes, and a bank.
type town struct {
	t    testing.TB
	bank *railtest.Fake

	mu    sync.Mutex // guards the fields below
	nodes map[ledger.Key]*party
	cut   *cut
	heard func(from *party, message []byte) // called with each message before it is sent
	liars map[ledger.Key][]byte             // devices that answer with that where it is an answer
}

// cut breaks a stream at a message, the first being number 1, before that is delivered or right after.
type cut struct {
	at, n int
	after bool
}

// breakAt has a stream broken at c; nil: no more.
func (w *town) breakAt(c *cut) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = c
}

// messages is how many there were since breakAt.
func (w *town) messages() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.cut.n
}

type party struct {
	town   *town
	name   string
	person ledger.Key
	id     *doc.Identity
	dir    string
	credit ledger.Amount
	poor   bool                          // has no bank
	rails  func() map[string]market.Rail // beside the bank; nil for none
	store  *ledger.Store
	*market.Market
	through *party              // passes on what this node asks; nil: it dials itself
	sells   map[ledger.Key]bool // hosts that it sells for
	lent    map[ledger.Key]ledger.Amount
	met     map[ledger.Key][][]byte
	wishes  []byte
	hands   []byte
	damaged []market.Kept
	told    []market.Wish
	moving  sync.RWMutex // held while the node ends and begins; guards the fields below, and Market
	serving sync.WaitGroup
	shown   chan ledger.Shown
	places  map[ledger.Key][]byte
	ctx     context.Context
	stop    context.CancelFunc

	handsLost bool
	invoice   func(context.Context, string, ledger.Money) (string, error)
	paidAt    []byte
	payers    []ledger.Key
	carriedBy func(doc.Author, ledger.Room, []market.Carriage) error
}

func newTown(t testing.TB) *town {
	return &town{t: t, bank: railtest.NewFake("bank"), nodes: map[ledger.Key]*party{}, liars: map[ledger.Key][]byte{}}
}

// settle begins the node of person number n.
func (w *town) settle(n uint32) *party { return w.settleAt(n, 1000+n) }

// settleAt is settle on a device of that number.
func (w *town) settleAt(n, at uint32) *party {
	w.t.Helper()
	person, device, now := seed(n), seed(at), time.Now()
	cert, err := doc.SignCert(person, doc.Cert{Person: person.Public(), Device: device.Public(), NotBefore: now.Add(-time.Hour).Unix(), NotAfter: now.Add(365 * 24 * time.Hour).Unix()})
	if err != nil {
		w.t.Fatal(err)
	}
	id, err := doc.NewIdentity(device, cert)
	if err != nil {
		w.t.Fatal(err)
	}
	p := &party{town: w, name: fmt.Sprint("node ", at), person: person.Public(), id: id, dir: filepath.Join(w.t.TempDir(), "ledger"), credit: 100_000,
		shown: make(chan ledger.Shown, 100), sells: map[ledger.Key]bool{}, lent: map[ledger.Key]ledger.Amount{}, met: map[ledger.Key][][]byte{}}
	p.open()
	w.mu.Lock()
	w.nodes[device.Public()] = p
	w.mu.Unlock()
	w.t.Cleanup(p.close)
	return p
}

func (p *party) open() {
	p.town.t.Helper()
	store, err := ledger.Open(ledger.Options{Dir: p.dir, Key: p.id.Device(), Cert: p.id.Cert(), Now: time.Now()})
	if err != nil {
		p.town.t.Fatal(err)
	}
	p.ctx, p.stop = context.WithCancel(context.Background())
	p.store = store
	rails := map[string]market.Rail{"bank": {Payee: p.town.bank, Payer: p.town.bank, Cur: "EUR"}}
	if p.poor {
		rails = nil
	}
	if p.rails != nil {
		maps.Copy(rails, p.rails())
	}
	p.Market = market.New(market.Options{Store: store, Identity: p.id, Dial: p.dialAs(p.name), Rails: rails,
		Credit: func(ledger.Key, ledger.Currency) ledger.Amount { return p.credit },
		Via:    p.dialAs(p.name), Tipped: func(s ledger.Shown) { p.shown <- s },
		Place:  func(charity ledger.Key) []byte { return p.places[charity] },
		Device: p.town.deviceOf,
		Sells:  func(host ledger.Key, _ ledger.Room) bool { return p.sells[host] },
		Lent: func(host ledger.Key, _ ledger.Currency, credit ledger.Amount) error {
			if p.lent[host] = credit; host == p.person {
				p.credit = credit
			}
			return nil
		},
		Lends:  func(host ledger.Key, _ ledger.Currency) ledger.Amount { return p.lent[host] },
		Where:  func(device ledger.Key) [][]byte { return [][]byte{device[:4]} },
		Met:    p.meets,
		Payers: func() []ledger.Key { return p.payers },
		Carried: func(relay doc.Author, room ledger.Room, list []market.Carriage) error {
			return p.carriedBy(relay, room, list)
		},
		Wishes: p.wishes, KeepWishes: func(raw []byte) error { p.wishes = raw; return nil },
		Hands: p.hands, KeepHands: func(raw []byte) error { p.hands = raw; return nil }, HandsLost: p.handsLost,
		Invoice: p.invoice, Places: p.paidAt, KeepPlaces: func(raw []byte) error { p.paidAt = raw; return nil },
		Damaged: func(what market.Kept, _ error) { p.damaged = append(p.damaged, what) },
		Told:    func(w market.Wish) { p.told = append(p.told, w) }})
}

// meets takes where a seller is: a node that buys several things at once hears of it at once, too.
func (p *party) meets(device ledger.Key, addrs [][]byte) {
	p.town.mu.Lock()
	defer p.town.mu.Unlock()
	p.met[device] = addrs
}

// deviceOf is whose node it is that dialled.
func (w *town) deviceOf(name string) ledger.Key {
	w.mu.Lock()
	defer w.mu.Unlock()
	for device, p := range w.nodes {
		if p.name == name {
			return device
		}
	}
	return ledger.Key{}
}

func (p *party) close() {
	p.stop()
	p.serving.Wait()
	if err := p.store.Close(); err != nil {
		p.town.t.Error(err)
	}
}

// crash ends the node in the middle of what it does, and begins it again from its disk.
func (p *party) crash() {
	p.moving.Lock()
	defer p.moving.Unlock()
	p.close()
	p.open()
}

// run runs the node's own goroutines until the test ends or the node does.
func (p *party) run() { p.serving.Go(func() { p.Market.Run(p.ctx) }) }

var errNobody = errors.New("nobody there")

func (p *party) dialAs(name string) func(context.Context, ledger.Key) (market.Stream, error) {
	return func(_ context.Context, device ledger.Key) (market.Stream, error) {
		w := p.town
		asked := device
		if p.through != nil {
			asked = p.through.device()
		}
		w.mu.Lock()
		to, lie := w.nodes[asked], w.liars[device]
		w.mu.Unlock()
		if to == nil {
			return nil, errNobody
		}
		to.moving.RLock()
		defer to.moving.RUnlock()
		if lie != nil {
			a, b := net.Pipe()
			to.serving.Go(func() {
				defer b.Close()
				in, buf := bufio.NewReader(b), []byte(nil)
				for {
					var err error
					if buf, err = framed.Read(in, buf, 8<<10); err != nil {
						return
					}
					answer := lie
					if buf[0]+1 != lie[0] {
						answer = []byte{15, 0x81, 0x80} // of debts it says nothing
					}
					if _, err := b.Write(framed.Append(nil, answer)); err != nil {
						return
					}
				}
			})
			return &end{Conn: a, town: w, of: p}, nil
		}
		if to.ctx.Err() != nil {
			return nil, errNobody
		}
		a, b := net.Pipe()
		ctx, seller := to.ctx, to.Market
		to.serving.Go(func() { seller.Serve(ctx, name, &end{Conn: b, town: w, of: to}) })
		s := &end{Conn: a, town: w, of: p}
		if p.through != nil {
			return s, market.Forwarded(s, device)
		}
		return s, nil
	}
}

// An end of a stream. Each message is one write.
type end struct {
	net.Conn
	town *town
	of   *party // whose end it is
}

func (e *end) Reset() error { return e.Close() }

func (e *end) Write(b []byte) (int, error) {
	e.town.mu.Lock()
	c, now, heard := e.town.cut, false, e.town.heard
	if c != nil {
		c.n++
		now = c.n == c.at
	}
	e.town.mu.Unlock()
	if heard != nil {
		heard(e.of, b)
	}
	if now && !c.after {
		e.Close()
		return 0, net.ErrClosed
	}
	n, err := e.Conn.Write(b)
	if now {
		e.Close()
		return 0, net.ErrClosed
	}
	return n, err
}

// evening offers seats of a room that begins in an hour.
func (p *party) evening(seats uint32, price ledger.Money, change ...func(*ledger.Offer)) ledger.Entry {
	p.town.t.Helper()
	now := time.Now()
	o := &ledger.Offer{Version: 1, Room: hall, Name: "Evening", Price: price, Seats: seats,
		Starts: now.Add(time.Hour).UnixMilli(), Ends: now.Add(3 * time.Hour).UnixMilli()}
	for _, f := range change {
		f(o)
	}
	return p.append(o)
}

func (p *party) append(body ledger.Body, docs ...[]byte) ledger.Entry {
	p.town.t.Helper()
	entries, err := p.store.Append(time.Now(), func(*ledger.Books) ([]ledger.Draft, error) {
		return []ledger.Draft{{Body: body, Docs: docs}}, nil
	})
	if err != nil {
		p.town.t.Fatal(err)
	}
	return entries[0]
}

func (p *party) device() ledger.Key { return p.id.Author().Device }

// wants is one ticket at 5 EUR.
func (p *party) wants(seller *party, rail string) market.Want {
	return market.Want{Seller: seller.device(), Host: seller.person, Room: hall, Count: 1, Price: eur(500), Rail: rail}
}

func (p *party) balance(a ledger.Account) (sum ledger.Amount) {
	p.town.t.Helper()
	if err := p.store.View(func(b *ledger.Books) error { sum = b.Balance("EUR", a); return nil }); err != nil {
		p.town.t.Fatal(err)
	}
	return sum
}

// has is what is on an account in bitcoin.
func (p *party) has(a ledger.Account) (sum ledger.Amount) {
	p.town.t.Helper()
	if err := p.store.View(func(b *ledger.Books) error { sum = b.Balance(ledger.Bitcoin, a); return nil }); err != nil {
		p.town.t.Fatal(err)
	}
	return sum
}

func (p *party) seats(offer ledger.Entry) (s ledger.Seats) {
	p.town.t.Helper()
	err := p.store.View(func(b *ledger.Books) (err error) {
		s, err = b.Seats(offer.ID, time.Now())
		return err
	})
	if err != nil {
		p.town.t.Fatal(err)
	}
	return s
}

// kinds counts the entries of a node by kind.
func (p *party) kinds() map[ledger.Kind]int {
	p.town.t.Helper()
	n := map[ledger.Kind]int{}
	err := p.store.Entries(0, func(_ uint64, e ledger.Entry) bool { n[e.Kind]++; return true })
	if err != nil {
		p.town.t.Fatal(err)
	}
	delete(n, ledger.KindOpen)
	return n
}

// tickets are those that a node has taken home.
func (p *party) tickets() (list []ledger.Ticket) {
	p.town.t.Helper()
	err := p.store.Entries(0, func(_ uint64, e ledger.Entry) bool {
		if got, ok := e.Body.(*ledger.Got); ok {
			for i := range got.Tickets {
				tk, _, err := ledger.OpenDocument[ledger.Ticket](e.Docs[1+i])
				if err != nil {
					p.town.t.Error(err)
				}
				list = append(list, tk)
			}
		}
		return true
	})
	if err != nil {
		p.town.t.Fatal(err)
	}
	return list
}

// debts are what both sides say that the payer owes the payee by IOU: with fresh keys, the payee knows no name.
func (p *party) debts(payee *party) (owes, owed ledger.Amount) {
	owes = -p.balance(ledger.Payable(payee.person))
	for k := range p.buyers() {
		owed += payee.balance(ledger.Receivable(k))
	}
	return owes, owed
}

// buyers are the keys that a node has bought with.
func (p *party) buyers() map[ledger.Key]doc.PrivateKey {
	p.town.t.Helper()
	keys := map[ledger.Key]doc.PrivateKey{}
	err := p.store.Entries(0, func(_ uint64, e ledger.Entry) bool {
		if _, ok := e.Body.(*ledger.Pay); ok {
			o, _, err := ledger.OpenDocument[ledger.Order](e.Docs[0])
			if err != nil {
				p.town.t.Error(err)
			}
			keys[o.Buyer] = p.KeyOf(o)
		}
		return true
	})
	if err != nil {
		p.town.t.Fatal(err)
	}
	return keys
}

func within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// ask sends a message of a kind over a stream and reads the answer.
func ask(s market.Stream, kind byte, body any) ([]byte, error) {
	defer s.Close()
	raw, err := doc.Marshal(body)
	if err != nil {
		return nil, err
	}
	if _, err := s.Write(framed.Append(nil, append([]byte{kind}, raw...))); err != nil {
		return nil, err
	}
	in := bufio.NewReader(s)
	answer, err := framed.Read(in, nil, 128<<10)
	if err != nil {
		return nil, err
	}
	bye := append([]byte{8, 0x81, 0x58, 0x20}, make([]byte, 32)...)
	if _, err := s.Write(framed.Append(nil, bye)); err == nil {
		_, _ = in.ReadByte() // until the other side has hung up
	}
	return answer, nil
}

// copyFolder copies the files of a folder.
func copyFolder(t testing.TB, from, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}
