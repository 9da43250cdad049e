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
// Failed either: what was paid in the last moment may still be told. A payee says it once nothing can be paid any more.
const (
	Unknown State = iota // the rail has not heard of it
	Open                 // asked for, and nothing came yet
	Pending              // on its way
	Settled              // here, for good
	Failed               // for good: no money has moved, and none will
	Expired              // nobody paid in time, and nobody can
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
	// until ctx ends, f returns an error or the rail does not answer. What happened before is for Lookup. The zero Event comes
	// again where something may have been missed.
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

// A Verifier reads for itself what a request asks for. It asks nobody. Many a Payer is one.
type Verifier interface {
	// Check says why a bill would not be paid. What it refuses is not ordered to the end.
	Check(b Bill) error
	// Verify holds a proof of payment to a bill.
	Verify(b Bill, proof []byte) error
}

// A Backer is a Payer that says where money can be sent back to.
type Backer interface {
	Back(ctx context.Context) (string, error)
}

// Spending is what a Payer may spend in one payment and within a day, and what it has within the last one. Fees of others count.
type Spending struct {
	Payment, Day, Spent ledger.Money
	// Beyond the sum others may take this share of a payment, in basis points, or FeeLeast if that is more.
	FeeShare int
	FeeLeast ledger.Money
}

// A Purse is a Payer that says how much it may spend, and how much there is.
type Purse interface {
	Spending(now time.Time) (Spending, error)
	Balance(ctx context.Context) (ledger.Money, error)
}

// A Refunder is a Payee that can send money back, once for each ref. After ErrByHand a person has to.
type Refunder interface {
	Refund(ctx context.Context, ref ledger.ID, m ledger.Money, to string) (Event, error)
}

// A Tracker is a Refunder that says where money is that it was asked to send back: Unknown if it never was. It sends nothing.
type Tracker interface {
	Returned(ctx context.Context, ref ledger.ID, m ledger.Money, to string) (Event, error)
}

// A Checkout is a Payee whose payers go to a page of its own: the request of its invoices is the address of that page, and what they pay
// with, this node does not know. Money goes back the way it came: Refund takes, in the place of an address, the proof of the payment.
type Checkout interface {
	Payee
	Refunder
	Takes(cur ledger.Currency) bool
	// Least is the smallest payment in a currency.
	Least(cur ledger.Currency) ledger.Amount
	Returns()
	// Disputes calls f for every payment that its payer disputes, or has.
	Disputes(ctx context.Context, f func(Contest) error) error
}

// A Contest is what a rail says of a payment that its payer disputes.
type Contest struct {
	Proof []byte // of the payment
	Ref   string // the rail's name of the dispute
	State ledger.DisputeState
	Money ledger.Money
	Cost  ledger.Amount // what the rail keeps for it; known at its end
}

// A Rail is what this node can do by one way of paying; a nil half is one that it cannot.
type Rail struct {
	Payee Payee
	Payer Payer
	Hand  Verifier        // of what a person pays themselves; nil if one cannot
	Cur   ledger.Currency // the only one that it moves; empty for any
}

// pays reports whether something can be paid by it: by this node, or by hand.
func (r Rail) pays(byHand bool) bool { return byHand && r.Hand != nil || !byHand && r.Payer != nil }

// verifier reads what is asked for; nil if the rail cannot.
func (r Rail) verifier(byHand bool) Verifier {
	if byHand {
		return r.Hand
	}
	v, _ := r.Payer.(Verifier)
	return v
}

// takes reports whether a price can be received.
func (r Rail) takes(price ledger.Money) bool {
	if c, ok := r.Payee.(Checkout); ok && (!c.Takes(price.Cur) || price.Amount < c.Least(price.Cur)) {
		return false
	}
	return r.Payee != nil && (r.Cur == "" || r.Cur == price.Cur)
}

// TooLittle names a way of paying here that takes the currency of a price, and nothing as small, with the least that it does take.
func (m *Market) TooLittle(price ledger.Money) (rail string, least ledger.Money, is bool) {
	list, _ := m.rails.all()
	for name, r := range list {
		if c, ok := r.Payee.(Checkout); ok && c.Takes(price.Cur) && price.Amount < c.Least(price.Cur) {
			return name, ledger.Money{Amount: c.Least(price.Cur), Cur: price.Cur}, true
		}
	}
	return "", ledger.Money{}, false
}

// isRail reports whether a stranger's name of a rail can be shown.
func isRail(name string) bool {
	if name == "" || len(name) > 32 {
		return false
	}
	for _, c := range []byte(name) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '.' && c != '_' && c != '-' {
			return false
		}
	}
	return true
}
