package browser

import (
	"strings"
	"testing"
	"time"
)

// tells checks what a view says, spaces that do not break as any other.
func (p *person) tells(test string, parts ...string) {
	p.t.Helper()
	p.sees(test)
	if text := strings.ReplaceAll(p.reads(test), "\u00a0", " "); !contains(text, parts...) {
		p.t.Errorf("%s: %s says %q, and not all of %q", p.name, test, text, parts)
	}
}

// Ana sells tickets to her room; Bo buys one in two clicks, hears her, and finds it in his wallet. She sees it sold.
func TestTickets(t *testing.T) {
	pcm := voice(t, anasVoice)
	ana, bo := meet(t, microphone(t, breathless(pcm)), microphone(t, make([]float32, rate)))
	v := newViewer(t)
	bo.sees("empty")
	bo.clicks("wallet-link")
	bo.sees("wallet-empty")
	v.looks(bo, "wallet empty")
	bo.clicks("wallet-to-rooms")

	// What is missing is asked for, and the fields say what.
	ana.clicks("start-room")
	ana.types("room-title-input", "Songs of the harbour")
	ana.clicks("more-options")
	ana.clicks("access-ticket")
	ana.sees("price-part")
	ana.clicks("room-start")
	ana.sees("price-wrong")
	ana.until("be in the field that is wrong", `document.activeElement?.dataset.test === "ticket-price"`)
	v.looks(ana, "start by ticket wrong")
	ana.types("ticket-price", "5")
	ana.seesNo("price-wrong")
	ana.tells("ticket-credit-hint", "nobody can buy")
	script[bool](ana, `document.querySelector('[data-test="ticket-credit"]').select() ?? true`)
	ana.types("ticket-credit", "5")
	script[bool](ana, `document.querySelector('[data-test="ticket-seats"]').select() ?? true`)
	ana.types("ticket-seats", "2")
	ana.types("ticket-tax", "incl. 19 % VAT")
	ana.tells("co-host-sold", "make somebody co-host", "second device", "sell seats")
	v.looks(ana, "start by ticket")
	ana.clicks("room-start")
	ana.sees(`room[data-phase="live"][data-role="host"]`)
	ana.sees(`sales[data-sold="0"]`)

	// The first click shows the terms, and buys nothing.
	bo.tells("room-card", "Songs of the harbour", "Ticket: 5 EUR", "Buy a ticket for 5 EUR")
	v.looks(bo, "card by ticket")
	bo.clicks("buy-ticket")
	bo.sees(`buy[data-at="terms"]`)
	bo.tells("buy-dialog", "Ticket", "5 EUR", "Fees", "none", "In all", "Tax", "incl. 19 % VAT", "Ana", "Money back", "IOU", "You will owe 5 EUR to Ana")
	if text := bo.reads("buy-dialog"); contains(text, "You paid") || contains(text, "has been paid") {
		t.Errorf("an IOU is called paid: %q", text)
	}
	v.looks(bo, "buy terms")
	v.mirrored(bo, "buy terms")
	if list := api[struct{ Tickets []any }](bo, "GET", "tickets", nil); len(list.Tickets) != 0 {
		t.Errorf("after one click there are %d tickets", len(list.Tickets))
	}

	// The second click buys and goes in.
	bo.clicks("buy-confirm")
	bo.sees(`room[data-phase="live"][data-role="listener"]`)
	bo.until("first sound", `ear.firstSound > 0`)
	bo.listens()
	// How well is for other tests; here it is her voice.
	if c := (comparison{"Bo, with his ticket, hears Ana", said(breathless(pcm)), bo.hears(10).Mono()}); !c.met(t, aim{0.8, time.Second}) {
		t.Errorf("%s: not well enough", c.what)
	}
	v.looks(bo, "in by ticket")

	ana.sees(`sales[data-sold="1"]`)
	v.looks(ana, "host by ticket")
	ana.clicks("sales")
	ana.tells("sales-dialog", "Sold", "1", "Reserved", "Left", "Refunded", "Income", "5 EUR", "You", "4.90 EUR", "98%", "Relays", "0.10 EUR", "owed")
	ana.sees("sold-ticket")
	v.looks(ana, "sales")
	v.mirrored(ana, "sales")
	ana.clicks("close")

	// His wallet: the ticket with its code, what he owes, the receipt, and who signed it.
	bo.clicks("wallet-link")
	bo.sees("ticket-qr")
	bo.until("be shown the code", `document.querySelector('[data-test="ticket-qr"]').naturalWidth > 0`)
	bo.tells("ticket-card", "Songs of the harbour", "Ana", "Seat 1", "good until")
	bo.tells("balance-owe", "You owe", "Ana", "5 EUR")
	bo.tells(`receipt[data-kind="got"]`, "You owe Ana for 1 ticket", "5 EUR", "incl. 19 % VAT")
	v.looks(bo, "wallet of a buyer")
	v.mirrored(bo, "wallet of a buyer")
	bo.clicks("ticket-code")
	bo.sees("code-dialog")
	v.looks(bo, "ticket code")
	bo.clicks("close")
	bo.clicks("verified")
	bo.sees(`evidence-result[data-good="true"]`)
	bo.tells("evidence-dialog", "The seller", "signed the ticket", "You, with a key made for this purchase, signed the order", "In the seller’s books")
	v.looks(bo, "verified")
	bo.clicks("close")
	script[bool](bo, `window.saved = null; URL.createObjectURL = ((make) => (blob) => { window.saved = blob; return make.call(URL, blob); })(URL.createObjectURL); true`)
	bo.clicks("export-csv")
	if csv := script[string](bo, `window.saved.text()`); !contains(csv, "date,entry,kind", ",got,ticket,", ",iou,EUR,-5.00,") {
		t.Errorf("the table is %q", csv)
	}
	bo.clicks("ticket-go-in")
	bo.sees(`room[data-phase="live"][data-role="listener"]`)

	ana.clicks("wallet-link")
	ana.sees(`income[data-unit="EUR"]`)
	ana.tells("income-all", "4.90 EUR")
	ana.tells("balance-owed", "Owed to you", "5 EUR")
	v.looks(ana, "wallet of a host")
	v.mirrored(ana, "wallet of a host")
}

// A purchase that does not come about says why, that nothing is owed, and what to do.
func TestTicketRefused(t *testing.T) {
	mute := microphone(t, make([]float32, rate))
	ana, bo := meet(t, mute, mute)
	v := newViewer(t)
	type view struct{ ID, Link string }
	start := map[string]any{"title": "Nobody may owe", "access": "ticket", "price": "7 EUR", "seats": 1, "iou_limit": "0 EUR"}
	room := api[view](ana, "POST", "rooms", start)
	bo.open(bo.node.Origin() + "/#/link/" + room.Link)
	bo.tells("preview-room", "Price", "7 EUR", "who holds a ticket")
	v.looks(bo, "preview by ticket")
	bo.clicks("buy-ticket")
	bo.clicks("buy-confirm")
	bo.sees("buy-no")
	bo.tells("buy-dialog", "Ana does not let you owe that much", "owe nothing more", "guest list")
	v.looks(bo, "buy without credit")

	// Without a ticket the door says so, and sells one.
	bo.clicks("buy-guest")
	bo.tells("room-over", "For ticket holders", "Buy a ticket")
	v.looks(bo, "kept out without a ticket")

	// The last seat is somebody else's.
	api[view](ana, "POST", "rooms/"+room.ID+"/do", map[string]any{"action": "end"})
	start["title"], start["iou_limit"] = "One seat", "7 EUR"
	room = api[view](ana, "POST", "rooms", start)
	cy := startNode(t, computers[1], "Cy", ana.node)
	guest := sitDown(t, computers[1], "Cy", cy, setup{microphone: mute})
	guest.open(cy.Page)
	guest.sees("room-card")
	guest.clicks("buy-ticket")
	guest.clicks("buy-confirm")
	guest.sees(`room[data-phase="live"]`)
	bo.open(bo.node.Origin() + "/#/link/" + room.Link)
	bo.clicks("buy-ticket")
	bo.clicks("buy-confirm")
	bo.tells("buy-no", "Sold out")
	v.looks(bo, "buy sold out")
}

// A seller whose computer is gone charges nothing, and the page says so.
func TestTicketFromNobody(t *testing.T) {
	p := alone(t, "Bo", setup{microphone: microphone(t, make([]float32, rate))})
	v := newViewer(t)
	t.Run("host", func(t *testing.T) { // whose node ends with it
		ana := sitDown(t, computer{}, "Ana", startNode(t, computer{}, "Ana", p.node), setup{})
		ana.open(ana.node.Page)
		room := api[struct{ Link string }](ana, "POST", "rooms", map[string]any{"title": "Gone", "access": "ticket", "price": "5 EUR", "seats": 3, "iou_limit": "5 EUR"})
		p.open(p.node.Page)
		p.sees("facts")
		p.open(p.node.Origin() + "/#/link/" + room.Link)
		p.sees("preview-room")
	})
	p.clicks("buy-ticket")
	p.tells("buy-no", "Ana cannot be reached")
	p.tells("buy-dialog", "Nothing is charged")
	v.looks(p, "buy from nobody")
}

// What is on its way stands first in the wallet, with the reason.
func TestPendingPurchase(t *testing.T) {
	p := alone(t, "Bo", setup{})
	v := newViewer(t)
	p.open(p.node.Page)
	p.sees("empty")
	who := api[struct{ Person string }](p, "GET", "status", nil).Person
	now := time.Now()
	said := map[string]any{
		"/api/v1/ledger": map[string]any{"entries": 2, "witnesses": 0, "balances": []any{}},
		"/api/v1/tickets/pending": map[string]any{"pending": []any{
			map[string]any{"order": "a", "seller": map[string]string{"person": who, "name": "Ana"}, "count": 2, "sum": "10.00 EUR", "rail": "iou",
				"since": now.UnixMilli(), "expires": now.Add(5 * time.Minute).UnixMilli(), "why": "unreachable"},
			map[string]any{"order": "b", "seller": map[string]string{"person": who, "name": ""}, "count": 1, "sum": "2500 sat", "rail": "iou",
				"since": now.UnixMilli(), "expires": now.Add(5 * time.Minute).UnixMilli(), "why": "asked"},
		}},
	}
	script[bool](p, `window.fetch = ((real) => (path, init) =>
		path === "/api/v1/ledger/entries" ? Promise.resolve(new Response("")) :
		said[path] ? Promise.resolve(new Response(JSON.stringify(said[path]))) : real(path, init))(window.fetch), window.said = `+asJSON(said)+`, true`)
	p.clicks("wallet-link")
	p.tells("wallet-pending", "On its way", "2 tickets from Ana", "10 EUR", "Ana cannot be reached", "asks again every minute", "you owe nothing", "2,500 sat", "has not answered yet")
	v.looks(p, "wallet with what is on its way")
}

// The mark says where a sale is in the seller's books, and who saw these; a seller who keeps two of them is warned of, loudly, and
// before anything is bought.
func TestWitnessesOnThePage(t *testing.T) {
	mute := microphone(t, make([]float32, rate))
	ana, bo := meet(t, mute, mute)
	v := newViewer(t)
	room := api[struct{ ID, Link string }](ana, "POST", "rooms", map[string]any{"title": "Two books", "access": "ticket", "price": "5 EUR", "seats": 9, "iou_limit": "5 EUR"})
	api[any](bo, "POST", "tickets", map[string]any{"link": room.Link, "price": "5 EUR"})
	who := api[struct{ Person string }](ana, "GET", "status", nil).Person
	now := time.Now().UnixMilli()
	witnesses := []any{
		map[string]any{"device": strings.Repeat("c", 52), "person": strings.Repeat("d", 52), "name": "Cy", "time": now},
		map[string]any{"device": strings.Repeat("e", 52), "time": now - 5000},
	}
	evidence := map[string]any{"entry": strings.Repeat("ab", 32), "kind": "got", "time": now, "log": strings.Repeat("cd", 32), "height": 2, "good": true, "size": 0,
		"signed": []any{map[string]any{"what": "receipt", "by": who, "whose": "seller"}}, "witnesses": []any{},
		"proven": map[string]any{"log": "l", "height": 3, "size": 12, "witnesses": witnesses}}
	fake := func() {
		script[bool](bo, `window.fetch = ((real) => (path, init) => String(path).includes("/ledger/evidence/") ? Promise.resolve(new Response(JSON.stringify(window.evidence))) :
			real(path, init).then((r) => String(path).includes("/tickets/offers") && window.fork ? r.json().then((b) => new Response(JSON.stringify({ ...b, offers: b.offers.map((o) => ({ ...o, fork: window.fork })) }))) : r))(window.fetch), true`)
	}
	say := func(what string, x any) { script[bool](bo, `window.`+what+` = `+asJSON(x)+`, true`) }
	bo.open(bo.node.Page)
	bo.sees("room-card")
	fake()
	say("evidence", evidence)
	bo.clicks("wallet-link")
	bo.clicks("verified")
	bo.tells("evidence-proven", "entry 4 of 12")
	bo.tells("evidence-witnesses", "2 witnesses saw the same books")
	bo.tells("evidence-saw", "Cy", "Somebody without a name")
	bo.seesNo("fork-note")
	v.looks(bo, "verified and witnessed")
	bo.clicks("close")

	fork := map[string]any{"person": who, "device": who, "log": "l", "epoch": 0, "how": "growth", "proof": ""}
	delete(evidence, "proven")
	evidence["fork"] = fork
	say("evidence", evidence)
	bo.clicks("verified")
	bo.tells("fork-note", "has signed two different books", "That is proven")
	bo.tells("evidence-proven", "Not proven yet")
	v.looks(bo, "verified and forked")
	bo.clicks("close")

	guest := startNode(t, computers[1], "Cy", ana.node)
	bo = sitDown(t, computers[1], "Cy", guest, setup{microphone: mute})
	bo.open(guest.Page)
	bo.sees("room-card")
	fake()
	say("fork", fork)
	bo.clicks("buy-ticket")
	bo.sees(`buy[data-at="terms"]`)
	bo.tells("fork-note", "Careful", "leave out or change what others had seen", "may be sold twice")
	bo.tells("buy-confirm", "Buy all the same")
	v.looks(bo, "buy from a forked seller")
}
