package node

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"slices"
	"strings"

	"salon/ledger"
	"salon/ledger/doc"
	"salon/node/market"
	"salon/node/market/bolt11"
	"salon/node/market/lightning"
	"salon/node/market/lnaddress"
	"salon/node/market/lnd"
)

// A RemittanceView is what shows anybody that a payment was made, also where nobody gave a receipt for it.
type RemittanceView struct {
	Text    string        `json:"text"` // all of it, to hand on
	Order   string        `json:"order"`
	Purpose string        `json:"purpose"` // ticket, tip, charity or subscription
	Count   uint32        `json:"count"`
	Sum     string        `json:"sum"`    // with the fee
	Payer   doc.PublicKey `json:"payer"`  // the key that ordered: a device, or made for this purchase
	Payee   doc.PublicKey `json:"payee"`  // the person who was to be paid
	Device  doc.PublicKey `json:"device"` // that asked for it, and may take money for them
	Rail    string        `json:"rail"`
	Time    int64         `json:"time"`     // unix ms: when it was asked for
	Request string        `json:"request"`  // what was paid: an invoice
	PaidTo  string        `json:"paid_to"`  // the Lightning node that signed the invoice
	Proof   string        `json:"preimage"` // of the invoice, hex: nobody has it before it is paid
}

// remittanceScheme is what such a text begins with.
const remittanceScheme = "salon-paid:"

// remittanceBase64 is strict, so that no two texts are one payment.
var remittanceBase64 = base64.RawURLEncoding.Strict()

// provable are the ways of paying with proofs that anybody can verify, and whether their invoices leave it to the quote what they are for.
var provable = map[string]bool{lnd.Name: false, lnaddress.Name: true}

var (
	errWrongProof = &UserError{Code: "wrong_proof", Text: "That is the preimage of another invoice: nothing of this payment is proven by it."}
	errNoneOpen   = &UserError{Code: "not_pending", Text: "No payment of that order is open. What has a receipt needs no other proof: 'salon ledger export' has it."}
)

// IsRemittance reports whether a text is meant to show a payment.
func IsRemittance(text string) bool {
	return strings.HasPrefix(strings.TrimSpace(text), remittanceScheme)
}

// ReadRemittance verifies all that somebody shows of a payment. It asks nobody, and needs no node.
func ReadRemittance(text string) (RemittanceView, error) {
	code, found := strings.CutPrefix(strings.TrimSpace(text), remittanceScheme)
	raw, err := remittanceBase64.DecodeString(code)
	var r ledger.Remittance
	if err == nil {
		r, err = ledger.ParseRemittance(raw)
	}
	if !found || err != nil {
		return RemittanceView{}, &UserError{Code: "bad_proof", Text: "This is not what shows a payment, or only a part of it."}
	}
	return remittanceView(r)
}

func remittanceView(r ledger.Remittance) (RemittanceView, error) {
	paid, err := r.Open()
	if err != nil {
		return RemittanceView{}, err
	}
	plain, can := provable[paid.Quote.Rail]
	if !can {
		return RemittanceView{}, market.ErrNoProof
	}
	if err := lightning.Verify(market.BillOf(paid), plain, paid.Proof); err != nil {
		return RemittanceView{}, err
	}
	invoice, err := bolt11.Parse(paid.Quote.Request)
	if err != nil {
		return RemittanceView{}, err
	}
	raw, err := r.Encode()
	o, q := paid.Order, paid.Quote
	return RemittanceView{Text: remittanceScheme + remittanceBase64.EncodeToString(raw), Order: paid.OrderID.String(), Purpose: o.Purpose.String(), Count: o.Count,
		Sum: q.Total().String(), Payer: o.Buyer, Payee: o.Payee, Device: q.By, Rail: q.Rail, Time: q.Time, Request: q.Request,
		PaidTo: hex.EncodeToString(invoice.Payee[:]), Proof: hex.EncodeToString(paid.Proof)}, err
}

// Remittance makes what shows anybody that an order was paid whose seller gives no receipt. The order is named by the beginning of its ID.
// preimage is what the wallet of this person shows, where they paid by hand; else it is empty, and our own rail is asked.
func (n *Node) Remittance(ctx context.Context, order, preimage string) (RemittanceView, error) {
	m := n.shop.market.Load()
	if m == nil {
		return RemittanceView{}, errNoneOpen
	}
	open, err := m.Unfinished()
	if err != nil {
		return RemittanceView{}, err
	}
	open = slices.DeleteFunc(open, func(u market.Unfinished) bool { return order == "" || !strings.HasPrefix(u.Order.String(), order) })
	if len(open) != 1 {
		return RemittanceView{}, errNoneOpen
	}
	proof, err := hex.DecodeString(strings.TrimSpace(preimage))
	if err != nil {
		return RemittanceView{}, errWrongProof
	}
	if open[0].ByHand && len(proof) == 0 {
		return RemittanceView{}, &UserError{Code: "no_preimage", Text: "You paid this by hand: give the preimage that your wallet shows of the payment."}
	}
	if _, can := provable[open[0].Rail]; !can {
		return RemittanceView{}, market.ErrNoProof
	}
	r, err := m.Remitted(ctx, open[0].Order, proof)
	if errors.Is(err, ledger.ErrMismatch) {
		return RemittanceView{}, errWrongProof
	}
	if err != nil {
		return RemittanceView{}, err
	}
	return remittanceView(r)
}
