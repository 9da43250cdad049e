package market

import (
	"errors"
	"fmt"

	"salon/ledger"
	"salon/ledger/doc"
	"salon/node/framed"
)

// Protocol is how a buyer talks to a seller: the buyer asks, the seller answers each question once, in order. A message is
// framed as all of ours are, one byte says what it is, and the rest is deterministic CBOR, an array. All but the question
// for what is on sale are about an order, a quote, a receipt or a ticket, and may be asked again, on this stream or another, for the same answer.
//
//	buyer              seller
//	ask     room       shelf   what is on sale there
//	order   order      quote   seats are held
//	pay     quote      sold    receipt and tickets; or wait: nothing has come yet
//	ack     receipt            nothing: they are on the buyer's disk
//	news    of what    fate    money that went back, tickets that are void, the time of the room
//	move    transfer   moved   the ticket of the next generation
//	settle  of a key   settled what of its debts is cleared; it may say that one was paid, which a person confirms
//	vouch   whose      vouched so it is known whose the device is that orders: what its person may owe, it may
//	tip     order      bid     so it can be paid; then as with a quote
//	takes   currency   taken   by which ways a tip of it can be paid
//	waited  room       done    a wish was kept while this seller could not be reached; what is on sale is asked next
//	via     device             what follows is for that device, and so are the answers
//	leave   leave      left    the subscription ends with what is paid
//	        any        refuse  why not
//
// The seller tells a buyer who else sells, and a host's device talks to those that sell for it. What a host may ask, nobody else
// may: the connection says who it is.
//
//	others  room       sellers     who sells there, and where they are
//	lend    allotment  done        it is on the seller's disk
//	account allotment  accounted   what was sold, refunded and given back, from a place on
//	undo    seats      done        the money that was paid for them to the seller went back
//
// Shares of what was sold are told to whom they are owed, and what relays carried to the host (shares.go).
//
//	earn    confirmed  dues        what they are owed by now, and what is said to be on its way
//	dues    owed       earn        it is in their books, and what of it they have confirmed
//	carry   records    done        it is kept
const Protocol = "/salon/ticket/1"

const (
	maxQuestion = 8 << 10   // an order with a long refund address and the longest note is 3 KiB
	maxAnswer   = 128 << 10 // 256 tickets are 45 KiB
	maxListings = 32        // of one room
	maxShelf    = 64 << 10  // bytes of them
	maxRails    = 16        // that are shown
	maxCode     = 32
	maxSellers  = 16       // of one room
	maxNews     = 64 << 10 // bytes of an answer to account, beyond which nothing more goes into it
	maxAddrs    = 8        // of a seller
	maxUndo     = 256      // seats of a receipt
)

type message interface{ kind() byte }

type ask struct {
	_    struct{} `cbor:",toarray"`
	Room ledger.Room
}

type shelf struct {
	_     struct{} `cbor:",toarray"`
	List  []ledger.Listing
	Rails [][]string // of each, the ways to pay it
}

type order struct {
	_     struct{} `cbor:",toarray"`
	Order []byte
	Note  []byte // empty if the order names none
	Rail  string // by which the buyer can pay
}

type quote struct {
	_     struct{} `cbor:",toarray"`
	Quote []byte
}

type pay struct {
	_     struct{} `cbor:",toarray"`
	Quote ledger.ID
	Proof []byte // the IOU, on that rail
}

type sold struct {
	_       struct{} `cbor:",toarray"`
	Receipt []byte
	Tickets [][]byte
	Offer   []byte   // the entry that the order names, to hold the tickets to
	Refunds [][]byte // entries, if the money went back: it came too late for the seats
}

type wait struct {
	_ struct{} `cbor:",toarray"`
}

type ack struct {
	_       struct{} `cbor:",toarray"`
	Receipt ledger.ID
}

type refuse struct {
	_    struct{} `cbor:",toarray"`
	Code string
}

type news struct {
	_  struct{}  `cbor:",toarray"`
	Of ledger.ID // a receipt or a ticket; who knows it has it
}

type fate struct {
	_       struct{}    `cbor:",toarray"`
	Refunds [][]byte    // entries
	Void    []ledger.ID // tickets that are not good any more
	Starts  int64       // unix ms: from when to when tickets are good now
	Ends    int64
}

type move struct {
	_        struct{} `cbor:",toarray"`
	Transfer []byte
}

type moved struct {
	_      struct{} `cbor:",toarray"`
	Ticket []byte
}

type settle struct {
	_      struct{} `cbor:",toarray"`
	Debtor ledger.Key
	Settle []byte   // empty: only asks
	Sig    [64]byte // of the debtor, under who is asked: what is owed between two is nobody else's business
}

type settled struct {
	_    struct{}  `cbor:",toarray"`
	List []cleared // the newest, the last one last
}

type cleared struct {
	_       struct{} `cbor:",toarray"`
	Settle  []byte
	Settled []byte
}

type vouch struct {
	_    struct{} `cbor:",toarray"`
	Cert []byte
}

type vouched struct {
	_ struct{} `cbor:",toarray"`
}

type others struct {
	_    struct{} `cbor:",toarray"`
	Room ledger.Room
}

type sellers struct {
	_    struct{} `cbor:",toarray"`
	List []stall
}

// stall is a seller: the listing proves that it is one. The addresses, multiaddrs, prove nothing.
type stall struct {
	_       struct{} `cbor:",toarray"`
	Listing ledger.Listing
	Addrs   [][]byte
}

type lend struct {
	_      struct{} `cbor:",toarray"`
	Cert   []byte   // as in a ledger.Listing
	Offer  []byte
	Allot  []byte        // empty: would it be taken?
	Credit ledger.Amount // by IOU, of each buyer, if the host is paid
}

type account struct {
	_     struct{} `cbor:",toarray"`
	Allot ledger.ID
	After uint64 // so much the host has
	End   bool   // nothing more is to be sold
}

type accounted struct {
	_    struct{} `cbor:",toarray"`
	News []deed
	More bool
}

// deed is what a seller has done. What says what the documents are.
type deed struct {
	_    struct{} `cbor:",toarray"`
	What deedKind
	Docs [][]byte
}

type deedKind uint8

const (
	deedSold     deedKind = iota + 1 // order, quote, receipt, tickets
	deedRefunded                     // entry: of a refund, or of a dispute that was lost
	deedReturned                     // ledger.Return
	deedDisputed                     // entry: of a dispute that was opened, or won
)

type undo struct {
	_       struct{} `cbor:",toarray"`
	Receipt ledger.ID
	Serials []uint32 // empty: all
	Reason  ledger.Reason
}

type done struct {
	_ struct{} `cbor:",toarray"`
}

func (ask) kind() byte    { return 1 }
func (shelf) kind() byte  { return 2 }
func (order) kind() byte  { return 3 }
func (quote) kind() byte  { return 4 }
func (pay) kind() byte    { return 5 }
func (sold) kind() byte   { return 6 }
func (wait) kind() byte   { return 7 }
func (ack) kind() byte    { return 8 }
func (refuse) kind() byte { return 9 }
func (news) kind() byte   { return 10 }
func (fate) kind() byte   { return 11 }
func (move) kind() byte   { return 12 }
func (moved) kind() byte  { return 13 }

func (settle) kind() byte  { return 14 }
func (settled) kind() byte { return 15 }
func (vouch) kind() byte   { return 16 }
func (vouched) kind() byte { return 17 }

func (others) kind() byte    { return 30 }
func (sellers) kind() byte   { return 31 }
func (lend) kind() byte      { return 32 }
func (account) kind() byte   { return 33 }
func (accounted) kind() byte { return 34 }
func (undo) kind() byte      { return 35 }
func (done) kind() byte      { return 36 }

func (waited) kind() byte { return 37 }

// encode frames a message.
func encode(m message) ([]byte, error) {
	body, err := doc.Marshal(m)
	if err != nil {
		return nil, err
	}
	return framed.Append(nil, append([]byte{m.kind()}, body...)), nil
}

var errMessage = errors.New("market: a message that nobody here sends")

// decode reads what stands in a frame.
func decode(b []byte) (message, error) {
	if len(b) == 0 {
		return nil, errMessage
	}
	var m message
	var err error
	switch body := b[1:]; b[0] {
	case ask{}.kind():
		m, err = decoded[ask](body)
	case shelf{}.kind():
		m, err = decoded[shelf](body)
	case order{}.kind():
		m, err = decoded[order](body)
	case quote{}.kind():
		m, err = decoded[quote](body)
	case pay{}.kind():
		m, err = decoded[pay](body)
	case sold{}.kind():
		m, err = decoded[sold](body)
	case wait{}.kind():
		m, err = decoded[wait](body)
	case ack{}.kind():
		m, err = decoded[ack](body)
	case refuse{}.kind():
		m, err = decoded[refuse](body)
	case news{}.kind():
		m, err = decoded[news](body)
	case fate{}.kind():
		m, err = decoded[fate](body)
	case move{}.kind():
		m, err = decoded[move](body)
	case moved{}.kind():
		m, err = decoded[moved](body)
	case settle{}.kind():
		m, err = decoded[settle](body)
	case settled{}.kind():
		m, err = decoded[settled](body)
	case vouch{}.kind():
		m, err = decoded[vouch](body)
	case vouched{}.kind():
		m, err = decoded[vouched](body)
	case tip{}.kind():
		m, err = decoded[tip](body)
	case bid{}.kind():
		m, err = decoded[bid](body)
	case via{}.kind():
		m, err = decoded[via](body)
	case takes{}.kind():
		m, err = decoded[takes](body)
	case taken{}.kind():
		m, err = decoded[taken](body)
	case leave{}.kind():
		m, err = decoded[leave](body)
	case left{}.kind():
		m, err = decoded[left](body)
	case others{}.kind():
		m, err = decoded[others](body)
	case sellers{}.kind():
		m, err = decoded[sellers](body)
	case lend{}.kind():
		m, err = decoded[lend](body)
	case account{}.kind():
		m, err = decoded[account](body)
	case accounted{}.kind():
		m, err = decoded[accounted](body)
	case undo{}.kind():
		m, err = decoded[undo](body)
	case done{}.kind():
		m, err = decoded[done](body)
	case earn{}.kind():
		m, err = decoded[earn](body)
	case dues{}.kind():
		m, err = decoded[dues](body)
	case carry{}.kind():
		m, err = decoded[carry](body)
	case waited{}.kind():
		m, err = decoded[waited](body)
	default:
		err = fmt.Errorf("%w: kind %d", errMessage, b[0])
	}
	if err != nil {
		return nil, err
	}
	return m, nil
}

func decoded[M message](b []byte) (M, error) {
	var m M
	err := doc.Unmarshal(b, &m)
	return m, err
}

// codes are the reasons that a seller gives, and what they mean to the buyer. The first that fits is given.
var codes = []struct {
	code string
	err  error
}{
	{"sold_out", ledger.ErrSoldOut},
	{"limit", ledger.ErrLimit},
	{"not_on_sale", ledger.ErrNotOnSale},
	{"cancelled", ledger.ErrCancelled},
	{"expired", ledger.ErrExpired},
	{"credit", ledger.ErrCredit},
	{"changed", ledger.ErrMismatch},
	{"unknown", ledger.ErrUnknown},
	{"paid", ledger.ErrPaid},
	{"restored", ledger.ErrRestored},
	{"no_rail", ErrRail},
	{"currency", ErrCurrency},
	{"failed", ErrFailed},
	{"busy", ErrBusy},
	{"given_away", ErrGivenAway},
	{"too_much", ledger.ErrTooMuch},
	{"disputed", ledger.ErrDisputed},
	{"elsewhere", ErrElsewhere},
	{"not_yours", ErrNotYours},
	{"by_hand", ErrNoWayBack},
	{"on_its_way", ErrOnItsWay},
	{"unwell", ErrSeller},
}

// Why a sale does not come about, beside what the ledger says.
var (
	ErrRail     = errors.New("market: not sold by this way of paying")
	ErrCurrency = errors.New("market: this way of paying has another currency")
	ErrFailed   = errors.New("market: the payment failed, and no money has moved")
	ErrBusy     = errors.New("market: too many at once; ask again in a moment")
	ErrSeller   = errors.New("market: the seller cannot sell just now")
	ErrSpending = errors.New("market: more than may be spent")                                           // the buyer's own limit
	ErrByHand   = errors.New("market: money to be sent back by a person")                                // the rail cannot
	ErrServed   = errors.New("market: the invoice for money back has served, and another one is needed") // beside ErrByHand
	ErrSentAnew = errors.New("market: this money was sent to another invoice, which may be paid yet")    // beside ErrByHand
	ErrNotYours = errors.New("market: that is not for you to ask")
	ErrNoProof  = errors.New("market: this way of paying has no proof that others can check")
)

// coded is what a seller tells of an error: its reason, and nothing of its insides.
func coded(err error) refuse {
	for _, c := range codes {
		if errors.Is(err, c.err) {
			return refuse{Code: c.code}
		}
	}
	return refuse{Code: "unwell"}
}

// err is the way back from coded.
func (r refuse) err() error {
	for _, c := range codes {
		if c.code == r.Code {
			return c.err
		}
	}
	return ErrSeller
}
