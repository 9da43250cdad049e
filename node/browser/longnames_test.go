package browser

import (
	"strings"
	"testing"
	"time"
)

// A long name, a sum of ten digits and a wallet's address are drawn where they belong, in the wallet, the ways to pay, and the sales: the
// page is given what the nodes of such people would say.
func TestLongNamesAndLargeSums(t *testing.T) {
	p := alone(t, "Ana", setup{microphone: microphone(t, make([]float32, rate))})
	v := newViewer(t)
	const long = "Maximiliane Bartholomäussdóttir-Wrzeszczykiewicz"
	now := time.Now().UnixMilli()
	const day = 86_400_000
	type fields = map[string]any
	key := func(letter string) string { return strings.Repeat(letter, 52) }
	bo := fields{"person": key("b"), "name": long}
	entries := asJSON(fields{"number": 0, "id": key("a"), "time": now, "kind": "sale", "purpose": "ticket", "with": key("q"), "rail": "stripe", "sum": "1234567.89 EUR", "net": "1209876.53 EUR", "count": 250}) + "\n" +
		asJSON(fields{"number": 1, "id": key("b"), "time": now, "kind": "got", "purpose": "subscription", "with": key("b"), "rail": "iou", "sum": "21000000 sat", "tax": "inkl. 7,7 % MWST CHE-123.456.789"})
	said := fields{
		"/api/v1/ledger": fields{"entries": 2, "witnesses": 12, "balances": []any{
			fields{"class": "have", "money": "1209876.53 EUR"}, fields{"class": "owe", "with": key("b"), "money": "21000.00 EUR"},
			fields{"class": "have", "money": "-12500 sat"}, fields{"class": "sent", "with": key("b"), "money": "2500 sat"}}},
		"/api/v1/tickets/pending": fields{"pending": []any{
			fields{"order": "a", "seller": bo, "count": 2, "sum": "21000000 sat", "rail": "lnd", "since": now, "expires": now + day, "why": "too_late", "purpose": "ticket"},
			fields{"order": "b", "seller": bo, "count": 1, "sum": "3.00 EUR", "rail": "stripe", "since": now, "expires": now + day, "why": "by_hand", "purpose": "subscription", "request": "https://example.org"},
			fields{"order": "c", "seller": bo, "count": 1, "sum": "3.00 EUR", "rail": "lnd", "since": now, "expires": now + day, "why": "on_its_way", "purpose": "tip"}}},
		"/api/v1/tickets": fields{"tickets": []any{fields{"id": key("t"), "room": key("u"), "serial": 99_999, "holder": key("q"), "starts": now + day, "ends": now + 2*day,
			"title": "Donaudampfschifffahrtsgesellschaftskapitänsmützen and what became of them", "host": bo, "link": "salon:x"}}},
		"/api/v1/ledger/shares": fields{"earned": []any{fields{"from": bo, "to": "relays", "total": "21000000 sat", "owed": "123456 sat"}},
			"owed": []any{fields{"person": key("b"), "name": long, "going": "2.50 EUR", "paid": "2500.00 EUR", "left": "1234.00 EUR", "least": "1.00 EUR"}}},
		"/api/v1/subscriptions": fields{"mine": []any{fields{"offer": "a", "creator": key("b"), "name": long, "price": "21000 sat", "through": now + day, "until": now + 4*day}},
			"offers": []any{fields{"id": "o", "name": "Patrons of the harbour and its lighthouse", "price": "30.00 EUR", "period": 2_592_000, "creator": key("a"), "open": 1204, "income": "36120.00 EUR"}}},
		"/api/v1/rails": fields{"rails": []any{
			fields{"name": "nwc", "address": "wss://relay.example.org/v1 " + strings.Repeat("69effe7b", 8), "receives": true, "pays": true, "max_payment": "50000 sat", "max_day": "200000 sat"},
			fields{"name": "stripe", "address": "acct_1234", "receives": true}}},
	}
	sold := fields{"wanted": 17, "credit": "12.50 EUR", "offers": []any{fields{"price": "12.50 EUR", "seats": 100_000, "sold": 61_234, "held": 4321, "left": 34_445, "refunded": 210, "gross": "765425.00 EUR", "back": "2625.00 EUR",
		"shares": []any{fields{"to": "host", "basis_points": 8825, "money": "675487.56 EUR"}, fields{"to": "co-host", "key": key("b"), "name": long, "basis_points": 1175, "money": "89937.44 EUR"}},
		"sales": []any{
			fields{"receipt": "1", "buyer": key("q"), "count": 1, "sum": "12.50 EUR", "rail": "stripe", "time": now, "dispute": "opened"},
			fields{"receipt": "2", "buyer": key("r"), "count": 2, "sum": "25.00 EUR", "rail": "lnd", "time": now, "refunded": "25.00 EUR"}}}}}
	p.beforeEveryPage(`{
		const real = fetch, said = ` + asJSON(said) + `, sold = ` + asJSON(sold) + `, entries = ` + asJSON(entries) + `;
		globalThis.fetch = (path, init) => (init?.method ?? "GET") !== "GET" ? real(path, init)
			: path === "/api/v1/ledger/entries" ? Promise.resolve(new Response(entries))
			: String(path).endsWith("/sales") ? Promise.resolve(Response.json(sold))
			: said[path] ? Promise.resolve(Response.json(said[path])) : real(path, init);
	}`)
	p.open(p.node.Page)
	p.sees("empty")
	p.clicks("wallet-link")
	p.tells("wallet-pending", "When it has arrived the tip counts by itself")
	p.tells(`balance[data-unit="sat"]`, "Paid, beyond what came in", "12,500 sat")
	v.looks(p, "wallet with long names")
	v.mirrored(p, "wallet with long names")
	p.open(p.node.Origin() + "/#/settings")
	p.clicks("rail-limits")
	v.looks(p, "settings with a long address")

	// Who is paid by card need let nobody owe.
	p.open(p.node.Origin() + "/#/start")
	p.clicks("more-options")
	p.clicks("access-ticket")
	p.tells("ticket-credit-hint", "Buyers can pay you by card", "With 0 everybody pays at once")
	room := api[struct{ ID string }](p, "POST", "rooms", fields{"title": "Songs", "access": "ticket", "price": "12.50 EUR", "seats": 9, "iou_limit": "0 EUR"})
	p.open(p.node.Origin() + "/#/room/" + room.ID)
	p.clicks("sales")
	p.tells("sales-list", "paid by card", "Disputed with the bank", "paid by Lightning", "25 EUR went back")
	v.looks(p, "sales with long names")
}
