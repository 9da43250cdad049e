package browser

import "testing"

// A creator changes what a subscription costs and brings. Who has paid reads what a renewal is before it is theirs to pay, keeps what
// they paid for, and pays the new price with a click that says it.
func TestChangedTier(t *testing.T) {
	mute := microphone(t, make([]float32, rate))
	ana, bo := meet(t, mute, mute)
	v := newViewer(t)
	api[any](ana, "PUT", "ledger/credit", map[string]any{"money": "20 EUR"})
	ana.startsRoom("Songs of the harbour", "talk")
	ana.clicks("wallet-link")
	ana.clicks("add-tier")
	ana.types("tier-name", "Friends of the harbour")
	ana.types("tier-perks", "A room a month")
	ana.types("tier-price", "3")
	ana.types("tier-tax", "incl. 19 % VAT")
	v.looks(ana, "a tier with perks and tax")
	ana.clicks("create-tier")
	ana.tells("own-tier", "Friends of the harbour", "3 EUR for 30 days", "A room a month")

	who := api[struct{ Person string }](ana, "GET", "status", nil)
	bo.clicks("listen")
	bo.sees(`room[data-phase="live"][data-role="listener"]`)
	bo.clicks(`seat[data-role="host"]`)
	bo.clicks("subscribe-person")
	bo.sees("subscribe-confirm")
	bo.tells("person-dialog", "It brings", "A room a month", "incl. 19 % VAT", "You will owe 3 EUR")
	bo.clicks("subscribe-confirm")
	bo.sees("subscribe-done")
	bo.clicks("close")

	ana.clicks("change-tier")
	ana.retypes("change-price", "0")
	ana.clicks("change-save")
	ana.tells("change-form", "a number above zero")
	ana.retypes("change-price", "4")
	ana.retypes("change-perks", "Two rooms a month")
	v.looks(ana, "change a tier")
	ana.clicks("change-save")
	ana.until("see the new price", `/4.EUR/.test(document.querySelector('[data-test="own-tier"]')?.innerText ?? "")`)
	ana.tells("own-tier", "4 EUR for 30 days", "Two rooms a month", "1 subscriber")

	api[any](bo, "POST", "tickets/news", map[string]any{})
	bo.clicks("wallet-link")
	bo.sees("next-terms")
	bo.tells("subscription", "Friends of the harbour", "3 EUR", "A room a month", "A renewal is 4 EUR for 30 days: Two rooms a month", "nothing is renewed by itself")
	v.looks(bo, "wallet of a subscriber whose tier was changed")
	bo.clicks("renew")
	bo.sees("terms-changed")
	bo.tells("subscribe-dialog", "it was 3 EUR, and is 4 EUR", "stays as it was", "You will owe 4 EUR to Ana")
	v.looks(bo, "renew at another price")
	if mine := api[struct{ Mine []struct{ Price string } }](bo, "GET", "subscriptions", nil).Mine; len(mine) != 1 || mine[0].Price != "3.00 EUR" {
		t.Errorf("before the click: %+v", mine)
	}
	bo.clicks("subscribe-confirm")
	bo.sees("subscribe-done")
	if mine := api[struct {
		Mine []struct{ Price, Creator string }
	}](bo, "GET", "subscriptions", nil).Mine; len(mine) != 1 || mine[0].Price != "4.00 EUR" || mine[0].Creator != who.Person {
		t.Errorf("after it: %+v", mine)
	}
}

// retypes writes over what stands in a field.
func (p *person) retypes(test, text string) {
	p.t.Helper()
	p.sees(test)
	script[bool](p, `document.querySelector(`+asJSON(selector(test))+`).select(), true`)
	p.types(test, text)
}
