package ledger

import (
	"encoding/binary"
	"fmt"

	"salon/ledger/doc"
)

// An index is where the books are kept: keys and values, and the records of every entry so far. The database is one;
// a map is another, for replaying.
type index interface {
	get(key string) []byte        // nil if there is none
	put(key string, value []byte) // a nil value deletes
	record(n uint64) []byte       // of all epochs, from 0; nil if there is none
}

// Books are what follows from a log: who owes what, which seats are taken, which tickets are good. Append hands them to
// who wants to decide something; what is decided goes in as entries, and only these change the books.
type Books struct {
	Head
	Total uint64 // entries of all epochs
	Now   int64  // the time of the entry that is being applied, or that would be now

	ix     index
	entry  Entry // being applied
	posted postings
	err    error // the first failure to read what the index must hold
}

// The first byte of a key says what it is for; the rest are IDs, keys and big-endian numbers, all of fixed length but in
// balances, where the account comes last.
const (
	keyHead         = "!"
	keyHanded       = "H" // ticket that was given, by this node or to it -> true
	keyAllot        = "a" // entry of an allotment to somebody
	keyAdopted      = "A" // entry of an allotment to this device -> offer
	keyAllots       = "l" // offer -> its allotments
	keyBalance      = "b" // currency (3), account -> amount
	keyDispute      = "J" // receipt -> the newest dispute of it
	keyDisputed     = "K" // offer -> disputes that are open
	keyAtStake      = "T" // receipt -> what is disputed of it
	keyContested    = "Q" // receipt of which a seller has the money -> disputes of it that the seller has told of
	keyCount        = "c" // offer, buyer -> tickets and reservations
	keyDoc          = "d" // order, quote or receipt -> where it is
	keyVersion      = "e" // entry of an offer
	keyFree         = "f" // offer, number in the queue -> serial
	keyHold         = "h" // offer, number in the queue
	keyTaker        = "g" // person, device -> true: it takes money for that person, who was paid before
	keyMine         = "m" // key that this node's person has bought with -> true
	keyClass        = "k" // room, class -> offer
	keyOffer        = "o" // first version
	keyProof        = "p" // hash of rail and proof -> receipt
	keyQuote        = "q" // quote
	keyReceipt      = "r" // receipt
	keySeat         = "s" // offer, serial
	keyTicket       = "t" // ticket
	keyOrder        = "u" // order -> the newest quote for it
	keySubscription = "v" // offer, buyer
	keyWallet       = "w" // ticket that this node's person holds -> order
	keySent         = "N" // settle of a share -> true: a rail has brought it
	keySettle       = "x" // settle
	keySurplus      = "O" // receipt -> what came beyond it, and has not gone back
	keySuspended    = "S" // offer, buyer -> payments of a subscription that are disputed
	keyPay          = "y" // order that this node's person pays
	keyFrozen       = "z" // device -> true
	keyDivided      = "D" // room, currency (3) -> who got how much of its pool
	keyDue          = "F" // currency (3), person -> how far their shares are paid
	keySlip         = "L" // currency (3), cut, person -> the newest slip to them
	keyPaid         = "P" // settle of a share -> where it is, and whether it was taken back
	keyEarned       = "E" // currency (3), cut, device -> the newest slip of theirs to us
)

func be32(n uint32) string { return string(binary.BigEndian.AppendUint32(nil, n)) }
func be64(n uint64) string { return string(binary.BigEndian.AppendUint64(nil, n)) }

func (id ID) key() string  { return string(id[:]) }
func bytesOf(k Key) string { return string(k[:]) }

// load reads a value of the index. Whether there is one is in ok; a value that cannot be read ends up in b.err.
func load[T any](b *Books, key string) (v T, ok bool) {
	raw := b.ix.get(key)
	if raw == nil {
		return v, false
	}
	if err := doc.Unmarshal(raw, &v); err != nil {
		b.fail(fmt.Errorf("%w: index %q: %w", ErrCorrupt, key, err))
		return v, false
	}
	return v, true
}

func (b *Books) save(key string, v any) {
	raw, err := doc.Marshal(v)
	if err != nil {
		b.fail(err)
		return
	}
	b.ix.put(key, raw)
}

func (b *Books) drop(key string) { b.ix.put(key, nil) }

func (b *Books) fail(err error) {
	if b.err == nil {
		b.err = err
	}
}

// newBooks reads where the log stands.
func newBooks(ix index) (*Books, error) {
	b := &Books{ix: ix}
	if s, ok := load[headState](b, keyHead); ok {
		b.Head = Head{Log: s.Log, Size: s.Size, Last: s.Last, Time: s.Time, Person: s.Person, Device: s.Device, Epoch: s.Epoch, Before: s.Before}
		b.Total, b.Now = s.Total, s.Time
	}
	return b, b.err
}

// apply takes the next entry into the books. The caller has verified its signatures. After an error the books are in
// pieces, and the caller throws away what was put.
func (b *Books) apply(e Entry) error {
	if err := e.checkDocs(); err != nil {
		return err
	}
	head, err := b.follow(e)
	if err != nil {
		return err
	}
	b.entry, b.Now, b.posted = e, e.Time, postings{}
	if e.Seq == 0 {
		b.Head = head // an Open is judged by the log that it opens
	}
	if err := e.Body.apply(b, e); err != nil {
		return fmt.Errorf("%s: %w", e.Kind, err)
	}
	for i, n := range e.Body.names() {
		if !lookedUp[n.kind] {
			continue
		}
		if key := keyDoc + n.id.key(); b.ix.get(key) == nil {
			b.save(key, docState{Record: b.Total, Index: uint16(i)})
		}
	}
	b.post()
	b.Head = head
	b.Total++
	b.save(keyHead, headState{Log: head.Log, Size: head.Size, Last: head.Last, Time: head.Time, Person: head.Person,
		Device: head.Device, Epoch: head.Epoch, Before: head.Before, Total: b.Total})
	return b.err
}

// lookedUp are the kinds of documents that later entries refer to.
var lookedUp = map[string]bool{Order{}.kind(): true, Quote{}.kind(): true, Receipt{}.kind(): true}

// follow is Head.place, but that an Open may come after another log: it begins the next epoch.
func (b *Books) follow(e Entry) (Head, error) {
	open, ok := e.Body.(*Opened)
	if !ok {
		return b.Head.place(e)
	}
	if b.Size > 0 && (open.Before != b.Log || open.Epoch <= b.Epoch) || b.Size == 0 && open.Epoch != 0 {
		return b.Head, fmt.Errorf("%w: epoch %d after epoch %d", ErrChain, open.Epoch, b.Epoch)
	}
	if e.Time < b.Time {
		return b.Head, fmt.Errorf("%w: entry %d is older than the one before", ErrChain, e.Seq)
	}
	head, err := Head{}.place(e)
	if err == nil && b.Size > 0 && head.Person != b.Person {
		err = fmt.Errorf("%w: the log of another person", ErrSigner)
	}
	return head, err
}

// post books the entry's postings.
func (b *Books) post() {
	for _, p := range b.posted.list {
		key := keyBalance + string(b.posted.cur) + string(p.Account)
		old, _ := load[Amount](b, key)
		sum, err := old.Plus(p.Amount)
		if err != nil {
			b.fail(err)
		}
		if sum == 0 {
			b.drop(key)
		} else {
			b.save(key, sum)
		}
	}
}

// Balance returns what is on an account.
func (b *Books) Balance(cur Currency, a Account) Amount {
	sum, _ := load[Amount](b, keyBalance+string(cur)+string(a))
	return sum
}

// document finds one of the entry being applied, or one that an earlier entry took in.
func document[D Document](b *Books, id ID) (D, error) {
	var d D
	for i, n := range b.entry.names() {
		if n.id == id && n.kind == d.kind() {
			d, _, err := peek[D](b.entry.Docs[i])
			return d, err
		}
	}
	at, ok := load[docState](b, keyDoc+id.key())
	if !ok {
		return d, fmt.Errorf("%w: %s %s", ErrUnknown, d.kind(), id.Short())
	}
	e, err := b.recorded(at.Record)
	if err != nil {
		return d, err
	}
	if int(at.Index) >= len(e.Docs) || e.Body.names()[at.Index].kind != d.kind() {
		return d, fmt.Errorf("%w: %s is not a %s", ErrMismatch, id.Short(), d.kind())
	}
	d, _, err = peek[D](e.Docs[at.Index])
	return d, err
}

// names is that of the body, if there is one: outside of apply no entry is at hand.
func (e Entry) names() []name {
	if e.Body == nil {
		return nil
	}
	return e.Body.names()
}

// recorded reads an entry back.
func (b *Books) recorded(n uint64) (Entry, error) {
	raw := b.ix.record(n)
	if raw == nil {
		return Entry{}, fmt.Errorf("%w: record %d", ErrUnknown, n)
	}
	e, err := parseRecord(raw)
	if err != nil {
		return Entry{}, fmt.Errorf("%w: record %d: %w", ErrCorrupt, n, err)
	}
	return e, nil
}

// memory is an index in memory.
type memory struct {
	values  map[string][]byte
	records [][]byte
}

func newMemory() *memory { return &memory{values: map[string][]byte{}} }

func (m *memory) get(key string) []byte { return m.values[key] }

func (m *memory) put(key string, value []byte) {
	if value == nil {
		delete(m.values, key)
		return
	}
	m.values[key] = value
}

func (m *memory) record(n uint64) []byte {
	if n >= uint64(len(m.records)) {
		return nil
	}
	return m.records[n]
}

// draft is an index on top of another: what is put stays in it until it is kept, or is thrown away.
type draft struct {
	below   index
	values  map[string][]byte
	records [][]byte
	first   uint64 // number of records[0]
}

func newDraft(below index, total uint64) *draft {
	return &draft{below: below, values: map[string][]byte{}, first: total}
}

func (d *draft) get(key string) []byte {
	if v, ok := d.values[key]; ok {
		return v
	}
	return d.below.get(key)
}

func (d *draft) put(key string, value []byte) { d.values[key] = value }

func (d *draft) record(n uint64) []byte {
	if n >= d.first && n-d.first < uint64(len(d.records)) {
		return d.records[n-d.first]
	}
	return d.below.record(n)
}

// keep puts everything into the index below.
func (d *draft) keep() {
	for k, v := range d.values {
		d.below.put(k, v)
	}
}
