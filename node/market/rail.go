package market

import (
	"context"
	"time"

	"salon/ledger"
	"salon/ledger/doc"
)

// A State says where a payment is.
type State uint8

// The states. Pending is never Failed: while a payment is pending nothing else may be tried for its order. Expired is not
// Failed either: what was paid in the last moment may still arrive.
const (
	Unknown State = iota // the rail has not heard of it
	Open                 // asked for, and nothing came yet
	Pending              // on its way
	Settled              // here, for good
	Failed               // for good: no money has moved, and none will
	Expired              // nobody paid in time
)

var stateNames = [...]string{"unknown", "open", "pending", "settled", "failed", "expired"}

// String returns the word that the log has for it.
func (s State) String() string {
	if int(s) >= len(stateNames) {
		return "no state"
	}
	return stateNames[s]
}

// A Request asks for money to be received.
type Request struct {
	Ref     ledger.ID // the order: however often it is asked for, it is one payment
	Amount  ledger.Money
	Expires time.Time
}

// An Invoice is what the payer needs, and what the rail takes on top.
type Invoice struct {
	Request string // a BOLT11 string, an address of a page; in the quote
	Fee     ledger.Amount
}

// A Bill is a quote from the payer's side.
type Bill struct {
	Ref      ledger.ID // the order
	Quote    ledger.ID
	Request  string
	Total    ledger.Money
	Buyer    doc.PrivateKey // signed the order
	Creditor ledger.Key     // the person who is paid
	Time     time.Time      // of the quote
	Expires  time.Time
}

// An Event is what a rail says of a payment. The same may be said many times, and older news after newer.
type Event struct {
	Ref      ledger.ID
	State    State
	Received ledger.Money  // when settled: all that came
	Proof    []byte        // likewise: a preimage, the number of a charge, an IOU
	Cost     ledger.Amount // what the rail kept of it
}

// A Payee is the half of a rail that receives. Its methods may be called at once by many, and again after a crash.
type Payee interface {
	// Create makes an invoice. One Ref has one invoice.
	Create(ctx context.Context, r Request) (Invoice, error)
	// Lookup says where a payment is.
	Lookup(ctx context.Context, ref ledger.ID) (Event, error)
	// Watch calls f with the zero Event once it hears, and then with what happens, each thing at least once and in any order,
	// until ctx ends, f returns an error or the rail does not answer. What happened before is for Lookup.
	Watch(ctx context.Context, f func(Event) error) error
}

// A Taker is a Payee that nobody but the payer tells of a payment: the proof comes with the payer's message. Its Lookup knows
// what the ledger knows.
type Taker interface {
	Take(ctx context.Context, b Bill, proof []byte) (Event, error)
}

// A Payer is the half that pays. Paying a bill again is asking where its payment is; an error says nothing about that.
type Payer interface {
	Pay(ctx context.Context, b Bill) (Event, error)
}

// A Refunder is a Payee that can send money back, once for each ref.
type Refunder interface {
	Refund(ctx context.Context, ref ledger.ID, m ledger.Money, to string) (Event, error)
}

// A Rail is what this node can do by one way of paying; a nil half is one that it cannot.
type Rail struct {
	Payee Payee
	Payer Payer
}
