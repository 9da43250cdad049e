package browser

import (
	"encoding/hex"
	"strings"
	"testing"

	"salon/node"
	"salon/node/market/lnd/lndtest"
	"salon/node/market/stripe/stripetest"
)

// A host connects a Lightning node in the settings; a guest without one buys a ticket by an invoice that a wallet elsewhere pays: closing
// the dialog loses nothing, and the ticket comes by itself.
func TestPayingByInvoice(t *testing.T) {
	net := &lndtest.Network{}
	alice, phone := net.New(t), net.New(t)
	mute := microphone(t, make([]float32, rate))
	ana, bo := meet(t, mute, mute)
	v := newViewer(t)
	ana.open(ana.node.Origin() + "/#/settings")
	ana.sees("rails-none")
	ana.clicks("add-lnd-open")
	v.looks(ana, "settings with a Lightning node to connect")
	put := map[string]any{"rest": alice.URL(), "macaroon": string(lndtest.InvoiceOnly), "cert": alice.Cert()}
	api[any](ana, "PUT", "rails/lnd", put)
	room := api[struct{ ID, Link string }](ana, "POST", "rooms", map[string]any{"title": "Songs of the harbour", "access": "ticket", "price": "2500 sat", "seats": 9, "iou_limit": "2500 sat"})
	ana.open(ana.node.Origin() + "/#/")
	ana.open(ana.node.Origin() + "/#/settings")
	ana.sees("rail")
	ana.tells("settings-rails", "Lightning node (lnd)", "It spends nothing")
	v.looks(ana, "settings with a Lightning node")

	bo.open(bo.node.Origin() + "/#/link/" + room.Link)
	bo.clicks("buy-ticket")
	bo.sees("way-lnd-by-hand")
	bo.tells("buy-dialog", "A Lightning wallet", "By your word", "Nothing is paid by the next click")
	v.looks(bo, "buy by Lightning")
	bo.clicks("buy-confirm")
	bo.sees("pay-code")
	bo.tells("hand-pay", "2,500 sat", "Waiting until Ana has received it", "You may close this")
	v.looks(bo, "buy by invoice")
	bo.clicks("close")
	bo.clicks("wallet-link")
	bo.tells("wallet-pending", "1 ticket from Ana", "You pay this yourself")
	v.looks(bo, "wallet with a payment of one's own to make")
	bo.tells("wallet-balances", "You owe nothing") // and nothing is sent
	bo.clicks("pay-again")
	bo.sees("pay-code")
	request := script[string](bo, `document.querySelector('[data-test="pay-invoice"]').value`)
	if to := script[string](bo, `document.querySelector('[data-test="pay-open"]').href`); to != "lightning:"+request {
		t.Errorf("a wallet is opened with %s", to)
	}
	v.looks(bo, "wallet with an invoice to pay")
	bo.clicks("close")

	// Were there no receipt, Bo could show that he paid: by what his wallet, and nobody else, knows then.
	bo.clicks("proof")
	bo.types("proof-preimage", strings.Repeat("ab", 32))
	bo.clicks("proof-make")
	bo.sees("proof-wrong")
	bo.tells("proof-wrong", "preimage of another invoice")
	v.looks(bo, "proof of a payment by hand")
	script[bool](bo, `document.querySelector('[data-test="proof-preimage"]').select() ?? true`)
	bo.types("proof-preimage", hex.EncodeToString(alice.Preimage(request)))
	bo.clicks("proof-make")
	bo.sees("proof-made")
	bo.tells("proof-made", "2,500 sat", "Ana", "1 ticket", "salon ledger proof")
	v.looks(bo, "proof of a payment")
	text := script[string](bo, `document.querySelector('[data-test="proof-text"]').value`)
	if shown, err := node.ReadRemittance(text); err != nil || shown.Sum != "2500 sat" || shown.Request != request {
		t.Errorf("what Bo can show: %+v, %v", shown, err)
	}
	bo.clicks("close")
	bo.clicks("pay-again")
	phone.Pays(t.Context(), t, request)
	bo.seesNo("pay-dialog")
	bo.sees("ticket-card")
	bo.comesToTell("balance-have", "Paid, beyond what came in\n2,500 sat")

	// A tip, while one is in the room: it is shown by itself when it came.
	bo.clicks("ticket-go-in")
	bo.clicks(`seat[data-role="host"]`)
	bo.clicks("tip-person")
	bo.types("tip-amount", "100 sat")
	bo.sees("way-lnd-by-hand")
	v.looks(bo, "tip by Lightning")
	bo.clicks("tip-give")
	bo.sees("pay-code")
	phone.Pays(t.Context(), t, script[string](bo, `document.querySelector('[data-test="pay-invoice"]').value`))
	bo.until("be told that it came", `/Ana.* has received 100.sat/.test(document.querySelector('[data-test="notice"]')?.innerText ?? "")`)
	if net.Moved() != 2 {
		t.Errorf("money moved %d times", net.Moved())
	}
}

// A host takes cards; a guest pays on a page of Stripe's, and comes in when the host's node has heard of it. What the bank takes back
// is shown to the host, and the ticket is not good meanwhile.
func TestPayingByCard(t *testing.T) {
	at := stripetest.New(t)
	mute := microphone(t, make([]float32, rate))
	ana, bo := meet(t, mute, mute)
	v := newViewer(t)
	ana.open(ana.node.Origin() + "/#/settings")
	ana.clicks("add-stripe-open")
	ana.sees("stripe-key")
	v.looks(ana, "settings with Stripe to connect")
	api[any](ana, "PUT", "rails/stripe", map[string]any{"key": stripetest.Key, "base": at.URL()})
	room := api[struct{ ID, Link string }](ana, "POST", "rooms", map[string]any{"title": "Songs of the harbour", "access": "ticket", "price": "5 EUR", "seats": 9, "iou_limit": "5 EUR"})
	bo.open(bo.node.Origin() + "/#/link/" + room.Link)
	bo.clicks("buy-ticket")
	bo.sees("way-stripe-by-hand")
	bo.tells("buy-dialog", "By card", "by card, at Stripe", "known to Stripe alone")
	v.looks(bo, "buy by card")
	bo.clicks("buy-confirm")
	bo.sees("pay-page")
	v.looks(bo, "buy on a page")
	page := script[string](bo, `document.querySelector('[data-test="pay-page"]').href`)
	if rel := script[string](bo, `document.querySelector('[data-test="pay-page"]').rel`); rel != "noopener noreferrer" {
		t.Errorf("the page is opened with %q", rel)
	}
	if err := at.Pay(page); err != nil {
		t.Fatal(err)
	}
	bo.sees(`room[data-phase="live"][data-role="listener"]`)
	if at.Charged() != 1 {
		t.Errorf("charged %d times", at.Charged())
	}
}
