// Package lightning spends from a Lightning wallet for the market, whoever runs the wallet. Always:
//
//   - Nothing is paid but an invoice that asks for the price, and, where its payee can have it so, names the order.
//   - An invoice is paid once: before it is sent, and whenever it is not known how that ended, the wallet is asked.
//   - Nothing is paid beyond the limits, which a restart does not forget.
//   - What a wallet did not answer is unknown, and is asked for again. It is never taken for a failure.
package lightning

import (
	"context"
	"errors"
	"fmt"
	"time"

	"salon/ledger"
	"salon/node/market"
)

// A Wallet holds the money, and sends it. Its methods may be called at once by many.
type Wallet interface {
	// Send pays an invoice. It waits for a while; what has not ended then is pending. An error says nothing of the payment.
	Send(ctx context.Context, o Outgoing) (Payment, error)
	// Track says where the payment of an invoice is, ErrUnknown that it was never sent and is on its way to nobody.
	Track(ctx context.Context, o Outgoing) (Payment, error)
	// Back makes an invoice over any sum, which money can be sent back to for half a year.
	Back(ctx context.Context) (string, error)
	// Balance is what there is to spend, fees and reserves included, in msat.
	Balance(ctx context.Context) (ledger.Amount, error)
}

// ErrUnknown is what a wallet says of a payment that it was never asked for.
var ErrUnknown = errors.New("lightning: the wallet knows of no such payment")

// An Outgoing payment is one invoice and what may be spent on it.
type Outgoing struct {
	Ref     ledger.ID // what it is for
	Request string    // a BOLT11 string
	Hash    [32]byte  // of the preimage
	Expires time.Time // the invoice
	Amount  ledger.Amount
	Open    bool          // the invoice leaves the sum to the payer
	MaxFee  ledger.Amount // for others on the way
	Sent    time.Time     // when the wallet was last asked to pay it; zero means never
}

// A Payment is what a wallet says of one.
type Payment struct {
	State    market.State // Pending, Settled or Failed
	Preimage []byte       // when settled
	Value    ledger.Amount
	Fee      ledger.Amount // what others took of it
	Why      string        // when failed
}

// A File is small and written whole: after a crash it has the old content or the new.
type File interface {
	Read() ([]byte, error) // os.ErrNotExist before the first Write
	Write([]byte) error    // durable
}

// Limits are what may be spent, fees of others included, in msat.
type Limits struct{ Payment, Day ledger.Amount } // in one payment, and within 24 hours

// NewLimits refuses sums that cannot be limits.
func NewLimits(payment, day ledger.Money) (Limits, error) {
	for _, m := range []ledger.Money{payment, day} {
		if m.Cur != ledger.Bitcoin || m.Amount <= 0 {
			return Limits{}, errors.New("what may be spent is a sum such as '50000 sat'")
		}
	}
	if payment.Amount > day.Amount {
		return Limits{}, fmt.Errorf("more in one payment, %s, than in a day, %s", payment, day)
	}
	return Limits{payment.Amount, day.Amount}, nil
}
