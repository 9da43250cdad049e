package ledger

import "fmt"

// A Deal is how far a quote has come at its seller.
type Deal struct {
	Order Order
	Quote Quote
	Sold  *Sold // nil until it is paid
}

// Deal finds what a quote of this node is for, and what it brought.
func (b *Books) Deal(quote ID) (Deal, error) {
	st, ok := load[quoteState](b, keyQuote+quote.key())
	if !ok {
		return Deal{}, fmt.Errorf("%w: quote %s", ErrUnknown, quote.Short())
	}
	var d Deal
	var err error
	if d.Quote, err = document[Quote](b, quote); err != nil {
		return d, err
	}
	if d.Order, err = document[Order](b, d.Quote.Order); err != nil {
		return d, err
	}
	if st.Sold {
		sold, err := b.sold(st)
		if err != nil {
			return d, err
		}
		d.Sold = &sold
	}
	return d, b.err
}

// QuoteOf finds the quote for an order at its seller: the one that is paid, or else the newest.
func (b *Books) QuoteOf(order ID) (ID, bool) { return load[ID](b, keyOrder+order.key()) }

// A Paying is how far the payer is with an order.
type Paying struct {
	Quote    ID
	Progress Progress
	Receipt  ID // zero until it came
}

// Paying finds a payment that this node has begun.
func (b *Books) Paying(order ID) (Paying, bool) {
	st, ok := load[payState](b, keyPay+order.key())
	return Paying{Quote: st.Quote, Progress: st.State, Receipt: st.Receipt}, ok
}

// IsSettled reports whether a Settle is in these books.
func (b *Books) IsSettled(settle ID) bool {
	done, _ := load[bool](b, keySettle+settle.key())
	return done
}
