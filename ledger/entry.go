package ledger

import (
	"fmt"

	"salon/ledger/doc"
)

// entryKind is the domain of entries. Where an entry is taken in as a document of somebody else's, it is its kind too.
const entryKind = "entry"

// A Kind says what an entry is.
type Kind uint8

// The kinds of entries. What each holds is in wire.go.
const (
	KindOpen Kind = iota + 1
	KindRailKey
	KindOffer
	KindAllot
	KindAdopt
	KindReclaim
	KindReserve
	KindSale
	KindReport
	KindGift
	KindMove
	KindRevoke
	KindCancel
	KindRefund
	KindPay
	KindGot
	KindVoid
	KindRefunded
	KindClear
	KindDivide
	KindPayout
	KindUnsubscribe
	KindFreeze
	KindHanded
	KindPaid
	KindUnpaid
	KindEarned
	KindDispute
	KindSurplus
	KindSent
	kinds
)

var kindNames = [kinds]string{
	KindOpen: "open", KindRailKey: "railkey", KindOffer: "offer", KindAllot: "allot", KindAdopt: "adopt",
	KindReclaim: "reclaim", KindReserve: "reserve", KindSale: "sale", KindReport: "report", KindGift: "gift",
	KindMove: "move", KindRevoke: "revoke", KindCancel: "cancel", KindRefund: "refund", KindPay: "pay", KindGot: "got",
	KindVoid: "void", KindRefunded: "refunded", KindClear: "clear", KindDivide: "divide", KindPayout: "payout",
	KindUnsubscribe: "unsubscribe", KindFreeze: "freeze", KindHanded: "handed",
	KindPaid: "paid", KindUnpaid: "unpaid", KindEarned: "earned",
	KindDispute: "dispute", KindSurplus: "surplus", KindSent: "sent",
}

// String returns the word for the kind that is shown to people.
func (k Kind) String() string {
	if k == 0 || k >= kinds {
		return fmt.Sprintf("kind %d", uint8(k))
	}
	return kindNames[k]
}

// A Body is what an entry says: an Open, an Offer, a Sale...
type Body interface {
	Kind() Kind
	// check refuses fields that are out of range by themselves.
	check() error
	// names lists the documents that are stored with the entry, in order.
	names() []name
	// apply changes the books, or refuses. It sees the books as every entry before has left them.
	apply(b *Books, e Entry) error
}

// A name is that of a document: its kind, for the domain, and its ID.
type name struct {
	kind string
	id   ID
}

// newBody makes an empty body of each kind, to decode into.
var newBody = [kinds]func() Body{
	KindOpen: body[Opened], KindRailKey: body[RailKey], KindOffer: body[Offer], KindAllot: body[Allot],
	KindAdopt: body[Adopt], KindReclaim: body[Reclaim], KindReserve: body[Reserve], KindSale: body[Sale],
	KindReport: body[Report], KindGift: body[Gift], KindMove: body[Move], KindRevoke: body[Revoke],
	KindCancel: body[Cancel], KindRefund: body[Refund], KindPay: body[Pay], KindGot: body[Got], KindVoid: body[Void],
	KindRefunded: body[Refunded], KindClear: body[Clear], KindDivide: body[Divide], KindPayout: body[Payout],
	KindUnsubscribe: body[Unsubscribe], KindFreeze: body[Freeze], KindHanded: body[Handed],
	KindPaid: body[Paid], KindUnpaid: body[Unpaid], KindEarned: body[Earned],
	KindDispute: body[Dispute], KindSurplus: body[Surplus], KindSent: body[Sent],
}

// body makes a body of a struct whose pointer has the methods.
func body[T any, P interface {
	*T
	Body
}]() Body {
	return P(new(T))
}

// An Entry is one signed line of a log.
type Entry struct {
	ID   ID
	Kind Kind
	Log  ID // the ID of the log's first entry; in that one its own
	Seq  uint64
	Prev ID
	Time int64 // unix milliseconds
	Body Body
	Docs [][]byte // as Body names them; notes are empty, once it is stored

	notes  map[ID][]byte // on their way to the disk
	signed statement
	raw    []byte
}

// Raw returns the entry as it was signed, to send it to others. It must not be changed.
func (e Entry) Raw() []byte { return e.raw }

// ParseEntry decodes an entry and checks its fields. It verifies no signature: see Verify.
func ParseEntry(raw []byte) (Entry, error) {
	var w entryWire
	s, err := parse(entryKind, raw, maxEntry, &w)
	if err != nil {
		return Entry{}, err
	}
	e := Entry{ID: s.id, Kind: w.Kind, Log: w.Log, Seq: w.Seq, Prev: w.Prev, Time: w.Time, signed: s, raw: raw}
	if e.Kind == 0 || e.Kind >= kinds {
		return Entry{}, fmt.Errorf("%w: %d", ErrKind, e.Kind)
	}
	if err := e.checkPlace(); err != nil {
		return Entry{}, err
	}
	if e.Seq == 0 {
		e.Log = e.ID
	}
	e.Body = newBody[e.Kind]()
	if err := doc.Unmarshal(w.Body, e.Body); err != nil {
		return Entry{}, fmt.Errorf("%s: %w", e.Kind, err)
	}
	if err := e.Body.check(); err != nil {
		return Entry{}, fmt.Errorf("%s: %w", e.Kind, err)
	}
	return e, nil
}

// checkPlace checks what can be seen of an entry's place without its log: an Open comes first, and nothing else does.
func (e Entry) checkPlace() error {
	first := e.Seq == 0
	if first != (e.Kind == KindOpen) || first != e.Log.IsZero() || first != e.Prev.IsZero() {
		return fmt.Errorf("%w: %s at height %d", ErrChain, e.Kind, e.Seq)
	}
	return checkTimes(e.Time)
}

// Verify checks the signature of the device that the entry's log belongs to.
func (e Entry) Verify(device Key) error { return e.signed.verify(device) }

// signEntry makes the entry that follows head.
func signEntry(k doc.PrivateKey, h Head, at int64, body Body, docs [][]byte) (Entry, error) {
	if err := body.check(); err != nil {
		return Entry{}, fmt.Errorf("%s: %w", body.Kind(), err)
	}
	b, err := doc.Marshal(body)
	if err != nil {
		return Entry{}, err
	}
	e := Entry{Kind: body.Kind(), Log: h.Log, Seq: h.Size, Prev: h.Last, Time: max(at, h.Time), Body: body, Docs: docs}
	if err := e.checkPlace(); err != nil {
		return Entry{}, err
	}
	w := entryWire{Kind: e.Kind, Log: e.Log, Seq: e.Seq, Prev: e.Prev, Time: e.Time, Body: b}
	if e.signed, e.raw, err = sign(k, entryKind, w); err != nil {
		return Entry{}, err
	}
	e.ID = e.signed.id
	if len(e.raw) > maxEntry {
		return Entry{}, fmt.Errorf("%s: %w: %d bytes", e.Kind, doc.ErrTooLarge, len(e.raw))
	}
	if e.Seq == 0 {
		e.Log = e.ID
	}
	return e, nil
}

// record is the entry with its documents, as it is stored.
func (e Entry) record() ([]byte, error) { return doc.Marshal(recordWire{Entry: e.raw, Docs: e.Docs}) }

// parseRecord is the way back from record. It checks that the documents are those that the entry names, and no signature.
func parseRecord(raw []byte) (Entry, error) {
	var w recordWire
	if len(raw) > maxRecord {
		return Entry{}, fmt.Errorf("%w: record of %d bytes", doc.ErrTooLarge, len(raw))
	}
	if err := doc.Unmarshal(raw, &w); err != nil {
		return Entry{}, err
	}
	e, err := ParseEntry(w.Entry)
	if err != nil {
		return Entry{}, err
	}
	e.Docs = w.Docs
	return e, e.checkDocs()
}

// checkDocs holds the documents to the IDs in the body.
func (e Entry) checkDocs() error {
	names := e.Body.names()
	if len(names) != len(e.Docs) {
		return fmt.Errorf("%w: %s with %d of %d", ErrDocument, e.Kind, len(e.Docs), len(names))
	}
	for i, n := range names {
		body := e.Docs[i]
		switch n.kind {
		case noteKind:
			if len(body) == 0 { // stored elsewhere, or erased
				continue
			}
		case checkpointKind, growthKind:
		default:
			var s signedWire
			if err := doc.Unmarshal(body, &s); err != nil {
				return fmt.Errorf("%s: %w", n.kind, err)
			}
			body = s.Body
		}
		if identify(n.kind, body) != n.id {
			return fmt.Errorf("%w: %s", ErrDocument, n.kind)
		}
	}
	return nil
}

// verifyDocs checks the fields and signatures of the documents, but not the signatures of own: a device that is about to
// sign the entry has just signed those. The zero key is nobody's.
func (e Entry) verifyDocs(own Key) error {
	for i, n := range e.Body.names() {
		if err := verifyDoc(n.kind, e.Docs[i], own); err != nil {
			return err
		}
	}
	return nil
}

func verifyDoc(kind string, raw []byte, own Key) error {
	switch kind {
	case noteKind:
		return checkNote(raw)
	case entryKind:
		// Somebody else's entry: which device must have signed it is for apply to say.
		_, err := ParseEntry(raw)
		return err
	case checkpointKind:
		_, err := OpenCheckpoint(raw)
		return err
	case growthKind:
		_, err := readGrowth(raw)
		return err
	}
	open, known := documents[kind]
	if !known {
		return fmt.Errorf("%w: document %q", ErrKind, kind)
	}
	s, by, err := open(raw)
	if err != nil || by == own {
		return err
	}
	return s.verify(by)
}

// documents decodes and checks each kind of document, and says who must have signed it.
var documents = map[string]func(raw []byte) (statement, Key, error){
	"order": peekSigner[Order], "quote": peekSigner[Quote], "receipt": peekSigner[Receipt], "ticket": peekSigner[Ticket],
	"transfer": peekSigner[Transfer], "iou": peekSigner[IOU], "settle": peekSigner[Settle],
	"settled": peekSigner[Settled], "return": peekSigner[Return], "revocations": peekSigner[Revocations],
	"card": peekSigner[Card], "leave": peekSigner[Leave], "banner": peekSigner[Banner], "slip": peekSigner[Slip],
}

func peekSigner[D Document](raw []byte) (statement, Key, error) {
	d, s, err := peek[D](raw)
	return s, d.signer(), err
}
