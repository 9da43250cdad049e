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
// for what is on sale are about an order or a quote, and may be asked again, on this stream or another, for the same answer.
//
//	buyer              seller
//	ask     room       shelf   what is on sale there
//	order   order      quote   seats are held
//	pay     quote      sold    receipt and tickets; or wait: nothing has come yet
//	ack     receipt            nothing: they are on the buyer's disk
//	tip     order      bid     so it can be paid; then as with a quote
//	via     device             what follows is for that device, and so are the answers
//	leave   leave      left    the subscription ends with what is paid
//	        any        refuse  why not
const Protocol = "/salon/ticket/1"

const (
	maxQuestion = 8 << 10   // an order with a long refund address and the longest note is 3 KiB
	maxAnswer   = 128 << 10 // 256 tickets are 45 KiB
	maxListings = 32        // of one room
	maxShelf    = 64 << 10  // bytes of them
	maxCode     = 32
)

type message interface{ kind() byte }

type ask struct {
	_    struct{} `cbor:",toarray"`
	Room ledger.Room
}

type shelf struct {
	_    struct{} `cbor:",toarray"`
	List []ledger.Listing
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

func (ask) kind() byte    { return 1 }
func (shelf) kind() byte  { return 2 }
func (order) kind() byte  { return 3 }
func (quote) kind() byte  { return 4 }
func (pay) kind() byte    { return 5 }
func (sold) kind() byte   { return 6 }
func (wait) kind() byte   { return 7 }
func (ack) kind() byte    { return 8 }
func (refuse) kind() byte { return 9 }

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
	case tip{}.kind():
		m, err = decoded[tip](body)
	case bid{}.kind():
		m, err = decoded[bid](body)
	case via{}.kind():
		m, err = decoded[via](body)
	case leave{}.kind():
		m, err = decoded[leave](body)
	case left{}.kind():
		m, err = decoded[left](body)
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
	{"failed", ErrFailed},
	{"busy", ErrBusy},
	{"unwell", ErrSeller},
}

// Why a sale does not come about, beside what the ledger says.
var (
	ErrRail   = errors.New("market: not sold by this way of paying")
	ErrFailed = errors.New("market: the payment failed, and no money has moved")
	ErrBusy   = errors.New("market: too many at once; ask again in a moment")
	ErrSeller = errors.New("market: the seller cannot sell just now")
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
