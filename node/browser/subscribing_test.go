package browser

import (
	"testing"

	"salon/node/market/lnd/lndtest"
	"salon/node/market/stripe/stripetest"
)

// A subscription is paid by an invoice that a wallet elsewhere pays, as a ticket is, and its fees and tax are known before. When it ends
// soon the page offers to renew it, and pays nothing by itself.
func TestSubscribeByLightning(t *testing.T) {
	net := &lndtest.Network{}
	alice, phone := net.New(t), net.New(t)
	mute := microphone(t, make([]float32, rate))
	ana, bo := meet(t, mute, mute)
	v := newViewer(t)
	api[any](ana, "PUT", "rails/lnd", map[string]any{"rest": alice.URL(), "macaroon": string(lndtest.InvoiceOnly), "cert": alice.Cert()})
	api[any](ana, "POST", "subscriptions/offers", map[string]any{"name": "Friends of the harbour", "price": "1000 sat", "period": 3600, "tax": "incl. 19 % VAT"})
	ana.startsRoom("Songs of the harbour", "talk")
	bo.clicks("listen")
	bo.sees(`room[data-phase="live"][data-role="listener"]`)
	bo.clicks(`seat[data-role="host"]`)
	bo.clicks("subscribe-person")
	bo.sees("subscribe-confirm")
	bo.tells("person-dialog", "1,000 sat for 1 hour", "what your wallet takes on top", "incl. 19 % VAT", "by Lightning", "Nothing is paid by the next click")
	v.looks(bo, "subscribe by Lightning")
	bo.clicks("subscribe-confirm")
	bo.sees("pay-code")
	v.looks(bo, "subscribe by invoice")
	phone.Pays(t.Context(), t, script[string](bo, `document.querySelector('[data-test="pay-invoice"]').value`))
	bo.sees("subscribe-done")
	bo.clicks("close")

	// As if it were the last third of that hour.
	script[bool](bo, `window.fetch = ((real) => async (path, init) => {
		const answer = await real(path, init);
		if (path !== "/api/v1/subscriptions" || init?.method === "POST") return answer;
		const all = await answer.json();
		for (const one of all.mine) one.renew = one.through < window.soon;
		return new Response(JSON.stringify(all));
	})(window.fetch), window.soon = Date.now() + 3600_000, true`)
	script[bool](bo, `location.hash = "#/", true`)
	bo.sees("renewal")
	bo.tells("renewal", "Time to renew", "Your subscription to Ana is paid until", "Nothing is charged by itself")
	v.looks(bo, "start with a subscription to renew")
	bo.clicks("renew")
	bo.sees("subscribe-confirm")
	bo.tells("subscribe-dialog", "You subscribe until", "Another period is added to that")
	bo.clicks("subscribe-confirm")
	bo.sees("pay-code")
	phone.Pays(t.Context(), t, script[string](bo, `document.querySelector('[data-test="pay-invoice"]').value`))
	bo.sees("subscribe-done")
	bo.clicks("subscribe-go-in")
	bo.seesNo("renewal")
	if net.Moved() != 2 {
		t.Errorf("money moved %d times", net.Moved())
	}
	receipts := script[int](bo, `fetch("/api/v1/ledger/entries", {headers: {Authorization: "Bearer " + `+asJSON(bo.node.Key())+`}}).then((r) => r.text()).then((t) => t.match(/"tax":"incl. 19 % VAT"/g).length)`)
	if receipts != 2 {
		t.Errorf("%d receipts state the tax", receipts)
	}
}

// A subscription and a tip are paid by card where their creator has it. That Stripe keeps its fee is said before.
func TestSubscribeByCard(t *testing.T) {
	at := stripetest.New(t)
	mute := microphone(t, make([]float32, rate))
	ana, bo := meet(t, mute, mute)
	v := newViewer(t)
	api[any](ana, "PUT", "rails/stripe", map[string]any{"key": stripetest.Key, "base": at.URL()})
	api[any](ana, "POST", "subscriptions/offers", map[string]any{"name": "Friends of the harbour", "price": "3 EUR"})
	ana.startsRoom("Songs of the harbour", "talk")
	bo.clicks("listen")
	bo.sees(`room[data-phase="live"][data-role="listener"]`)
	pays := func() {
		t.Helper()
		bo.sees("pay-page")
		if err := at.Pay(script[string](bo, `document.querySelector('[data-test="pay-page"]').href`)); err != nil {
			t.Fatal(err)
		}
	}
	bo.clicks(`seat[data-role="host"]`)
	bo.clicks("subscribe-person")
	bo.sees("subscribe-confirm")
	bo.tells("person-dialog", "Stripe keeps its fee of what Ana gets", "by card, at Stripe")
	bo.clicks("subscribe-confirm")
	pays()
	bo.sees("subscribe-done")
	bo.clicks("close")

	bo.clicks(`seat[data-role="host"]`)
	bo.clicks("tip-person")
	bo.types("tip-amount", "2 EUR")
	bo.sees("tip-terms")
	bo.tells("tip-terms", "2 EUR", "Stripe keeps its fee of what Ana gets")
	v.looks(bo, "tip by card")
	bo.clicks("tip-give")
	pays()
	bo.until("be told that it came", `/Ana.* has received 2.EUR/.test(document.querySelector('[data-test="notice"]')?.innerText ?? "")`)
	bo.until("see the tip", `/Bo.*Ana.*2\sEUR/s.test(document.querySelector('[data-test="tip-banner"]')?.innerText ?? "")`)
	if at.Charged() != 2 {
		t.Errorf("charged %d times", at.Charged())
	}
}

// Of whoever is proven to keep two books the page warns before a subscription or a tip is paid.
func TestForkBeforePaying(t *testing.T) {
	mute := microphone(t, make([]float32, rate))
	ana, bo := meet(t, mute, mute)
	v := newViewer(t)
	api[any](ana, "POST", "subscriptions/offers", map[string]any{"name": "Friends of the harbour", "price": "3 EUR"})
	ana.startsRoom("Songs of the harbour", "talk")
	bo.clicks("listen")
	bo.sees(`room[data-phase="live"][data-role="listener"]`)
	script[bool](bo, `window.fetch = ((real) => async (path, init) => {
		const answer = await real(path, init);
		if (path !== "/api/v1/subscriptions/tiers" && path !== "/api/v1/tips/ways") return answer;
		const found = await answer.json();
		const fork = { person: "", device: "", log: "", epoch: 1, how: "growth", proof: "" };
		return new Response(JSON.stringify(found.tiers ? { tiers: found.tiers.map((one) => ({ ...one, fork })) } : { ...found, fork }));
	})(window.fetch), true`)
	bo.clicks(`seat[data-role="host"]`)
	bo.clicks("tip-person")
	bo.types("tip-amount", "2 EUR")
	bo.sees("fork-note")
	bo.tells("tip-form", "two different books", "Give it all the same", "Ana takes no EUR but by word")
	v.looks(bo, "tip to somebody with two books")
	bo.clicks("close")
	bo.clicks(`seat[data-role="host"]`)
	bo.clicks("subscribe-person")
	bo.sees("fork-note")
	bo.tells("person-dialog", "two different books", "Subscribe all the same")
	v.looks(bo, "subscribe to somebody with two books")
}
