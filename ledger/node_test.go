package ledger

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"salon/ledger/doc"
)

var noon = time.UnixMilli(1_800_000_000_000)

// computes skips a test with the race detector that works on a ledger in memory and starts nothing: it could find nothing there.
func computes(t *testing.T) {
	t.Helper()
	if raced {
		t.Skip("only computes: make test-pure runs it, without the race detector")
	}
}

// seed returns a key for tests: the same number, the same key.
func seed(n uint32) doc.PrivateKey {
	var s [32]byte
	binary.BigEndian.PutUint32(s[:], n)
	return doc.PrivateKeyFromSeed(s)
}

func ok[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func eur(cents Amount) Money { return Money{Amount: cents, Cur: "EUR"} }

func certOf(person, device doc.PrivateKey) []byte {
	return ok(doc.SignCert(person, doc.Cert{Person: person.Public(), Device: device.Public(),
		NotBefore: noon.Unix() - 3600, NotAfter: noon.Unix() + 365*24*3600}))
}

// A node keeps its ledger in memory: the same code as on disk, without the disk.
type node struct {
	t      testing.TB
	person doc.PrivateKey
	key    doc.PrivateKey // the device's
	*replica
	now    time.Time
	nonce  byte
	posted map[ID][]Posting // by entry
	net    Amount           // of all lines
}

// newNode makes the node of person number n, with a log that is open.
func newNode(t testing.TB, n uint32) *node {
	return newDevice(t, n, 1000+n)
}

func newDevice(t testing.TB, person, device uint32) *node {
	t.Helper()
	x := &node{t: t, person: seed(person), key: seed(device), replica: newReplica(), now: noon, posted: map[ID][]Posting{}}
	x.must(&Opened{Cert: certOf(x.person, x.key)})
	return x
}

func (x *node) cert() []byte { return certOf(x.person, x.key) }

// try appends what decide says, all or nothing, and checks what must always be true.
func (x *node) try(decide func(*Books) ([]Draft, error)) ([]Entry, error) {
	x.t.Helper()
	before := maps.Clone(x.index.values)
	d := newDraft(x.index, uint64(len(x.index.records)))
	entries, err := (&Store{key: x.key}).decide(d, &request{now: x.now, decide: decide})
	if err != nil {
		if !maps.EqualFunc(before, x.index.values, bytes.Equal) {
			x.t.Error("a refusal changed the books")
		}
		return nil, err
	}
	for i, e := range entries {
		// What was signed is parsed again, as another node would.
		parsed, err := parseRecord(d.records[i])
		if err != nil {
			x.t.Fatalf("%s: %v", e.Kind, err)
		}
		if err := x.take(d.records[i], parsed); err != nil {
			x.t.Fatalf("%s: appended and not replayed: %v", e.Kind, err)
		}
		x.posted[e.ID] = x.books.posted.list
		x.balanced(e)
		line, err := x.books.line(parsed)
		if err != nil {
			x.t.Errorf("%s: cannot be read as a line: %v", e.Kind, err)
		}
		x.net += line.Result().Net
	}
	for k, v := range d.values {
		if !bytes.Equal(x.index.values[k], v) {
			x.t.Errorf("appending and replaying disagree about %q", k)
		}
	}
	return entries, nil
}

// balanced is invariant I4.
func (x *node) balanced(e Entry) {
	var sum Amount
	for _, p := range x.posted[e.ID] {
		sum += p.Amount
	}
	if sum != 0 {
		x.t.Errorf("%s: postings sum to %d: %v", e.Kind, sum, x.posted[e.ID])
	}
}

// gained is what income and expenses say that this node has gained, and is what its lines say.
func (x *node) gained() (byAccounts, byLines Amount) {
	for account, a := range x.accounts() {
		if strings.HasPrefix(string(account), "income:") || strings.HasPrefix(string(account), "expense:") {
			byAccounts -= a
		}
	}
	return byAccounts, x.net
}

func (x *node) add(body Body, docs ...[]byte) (Entry, error) {
	x.t.Helper()
	entries, err := x.try(func(*Books) ([]Draft, error) { return []Draft{{Body: body, Docs: docs}}, nil })
	if err != nil {
		return Entry{}, err
	}
	return entries[0], nil
}

func (x *node) must(body Body, docs ...[]byte) Entry {
	x.t.Helper()
	e, err := x.add(body, docs...)
	if err != nil {
		x.t.Fatalf("%s: %v", body.Kind(), err)
	}
	return e
}

func (x *node) refuses(want error, body Body, docs ...[]byte) {
	x.t.Helper()
	if _, err := x.add(body, docs...); !errors.Is(err, want) {
		x.t.Errorf("%s: %v, want %v", body.Kind(), err, want)
	}
}

var hall = Room{1, 2, 3}

// evening is an offer of seats at a price.
func evening(seats uint32, price Money) *Offer {
	return &Offer{Version: 1, Room: hall, Name: "Evening", Price: price, Seats: seats, PerBuyer: 10,
		Starts: noon.Add(time.Hour).UnixMilli(), Ends: noon.Add(3 * time.Hour).UnixMilli(),
		RefundTo: noon.Add(time.Hour).UnixMilli(), Split: []Share{{Cut: CutRelays, BasisPoints: 200}}}
}

// order makes and signs an order. change may alter it before.
func (x *node) order(buyer doc.PrivateKey, payee Key, offer Entry, count uint32, change ...func(*Order)) ([]byte, ID) {
	x.t.Helper()
	o := Order{Purpose: ForTickets, Payee: payee, Buyer: buyer.Public(), Count: count, Time: x.now.UnixMilli(), Expires: x.now.Add(time.Hour).UnixMilli()}
	if body, isOffer := offer.Body.(*Offer); isOffer {
		o.Offer, o.Price = offer.ID, Money{Amount: body.Price.Amount * Amount(count), Cur: body.Price.Cur}
	}
	x.nonce++
	o.Nonce[0] = x.nonce
	for _, f := range change {
		f(&o)
	}
	raw, id, err := Sign(buyer, o)
	if err != nil {
		x.t.Fatal(err)
	}
	return raw, id
}

// quote answers an order.
func (x *node) quote(order []byte, terms Terms) ([]byte, ID, error) {
	x.t.Helper()
	var raw []byte
	_, err := x.try(func(b *Books) (d []Draft, err error) {
		raw, d, err = b.Quote(x.key, order, nil, terms)
		return d, err
	})
	if err != nil {
		return nil, ID{}, err
	}
	_, id, err := OpenDocument[Quote](raw)
	return raw, id, err
}

var byCard = Terms{Rail: "card", Request: "card:1"}

// sell books a payment.
func (x *node) sell(p Payment) (Sold, error) {
	x.t.Helper()
	var sold Sold
	_, err := x.try(func(b *Books) (d []Draft, err error) {
		sold, d, err = b.Sell(x.key, p)
		return d, err
	})
	return sold, err
}

// buy goes all the way by card, at the seller alone.
func (x *node) buy(buyer doc.PrivateKey, offer Entry, count uint32, change ...func(*Order)) (Sold, error) {
	x.t.Helper()
	order, orderID := x.order(buyer, x.person.Public(), offer, count, change...)
	_, quote, err := x.quote(order, byCard)
	if err != nil {
		return Sold{}, err
	}
	return x.sell(Payment{Quote: quote, Proof: orderID[:]})
}

// subscribes has somebody pay for so many periods, and returns the receipt.
func (x *node) subscribes(who doc.PrivateKey, tier Entry, periods uint32) ID {
	x.t.Helper()
	sold, err := x.buy(who, tier, periods, func(o *Order) { o.Purpose = ForSubscription })
	if err != nil {
		x.t.Fatal(err)
	}
	return receiptID(sold.Receipt)
}

func (x *node) balance(a Account) Amount { return x.books.Balance("EUR", a) }

func (x *node) state(first ID) offerState {
	s, _ := load[offerState](x.books, keyOffer+first.key())
	return s
}

// left is how many seats can be had now.
func (x *node) left(first ID) int {
	seats, err := x.books.Seats(first, x.now)
	if err != nil {
		x.t.Fatal(err)
	}
	return int(seats.Left)
}

// accounts lists all balances, for comparing.
func (x *node) accounts() map[Account]Amount {
	all := map[Account]Amount{}
	for k := range x.index.values {
		if strings.HasPrefix(k, keyBalance) {
			all[Account(k[4:])] = x.books.Balance(Currency(k[1:4]), Account(k[4:]))
		}
	}
	return all
}

func receiptID(raw []byte) ID {
	_, id, err := OpenDocument[Receipt](raw)
	if err != nil {
		panic(err)
	}
	return id
}

func ticketIDs(raws [][]byte) []ID {
	var ids []ID
	for _, raw := range raws {
		_, id, err := OpenDocument[Ticket](raw)
		if err != nil {
			panic(err)
		}
		ids = append(ids, id)
	}
	return ids
}

func docs(first []byte, more ...[]byte) [][]byte { return append([][]byte{first}, more...) }

// copy is the same node, to try something on.
func (x *node) copy(t testing.TB) *node {
	y := *x
	y.t, y.posted = t, maps.Clone(x.posted)
	y.replica = newReplica()
	for _, record := range x.index.records {
		e, err := parseRecord(record)
		if err != nil {
			t.Fatal(err)
		}
		if err := y.take(record, e); err != nil {
			t.Fatal(err)
		}
	}
	if !maps.EqualFunc(x.index.values, y.index.values, bytes.Equal) {
		t.Error("replaying the log gives other books") // invariant I9
	}
	return &y
}
