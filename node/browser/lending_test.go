package browser

import "testing"

// The host lends seats to a co-host, who sees what they may sell and for whom, and takes them back.
func TestLendingSeats(t *testing.T) {
	mute := microphone(t, make([]float32, rate))
	ana, di := meet(t, mute, mute)
	v := newViewer(t)
	who := api[struct{ Person, Name string }](di, "GET", "status", nil)
	room := api[struct{ ID, Link string }](ana, "POST", "rooms", map[string]any{"title": "Songs of the harbour", "access": "ticket", "price": "5 EUR", "seats": 20,
		"iou_limit": "5 EUR", "tax": "incl. 19 % VAT", "co_hosts": []any{map[string]string{"person": who.Person, "name": who.Name}}})
	ana.open(ana.node.Origin() + "/#/room/" + room.ID)
	ana.sees(`room[data-phase="live"][data-role="host"]`)
	api[map[string]any](di, "POST", "join", map[string]string{"link": room.Link})
	di.open(di.node.Origin() + "/#/room/" + room.ID)
	di.sees(`room[data-phase="live"][data-role="co-host"]`)

	ana.clicks("sales")
	ana.tells("lending", "Others who sell", "Buyers pay you as before")
	ana.clicks("lend-open")
	ana.clicks("lend")
	ana.until("be told how many", `document.querySelector('[data-test="lend-form"]').innerText.includes("From 1 to 20")`)
	ana.types("lend-seats", "5")
	ana.until("have Bo there to choose", `document.querySelector('[data-test="lend-who"]').value === `+asJSON(who.Person))
	ana.tells("lend-paid", "You", "buyers owe it to you", "Bo owes it to you")
	v.looks(ana, "lend seats")
	ana.clicks("lend")
	ana.sees(`lent[data-sold="0"][data-seller-paid="false"]`)
	ana.tells("lent", "Bo", "0 of 5 sold")
	v.looks(ana, "lent seats")

	di.tells("selling-line", "You sell for Ana: 0 of 5")
	v.looks(di, "co-host who sells")
	di.clicks("selling-line")
	di.tells("selling-row", "Songs of the harbour", "You sell for Ana: 0 of 5", "5 EUR each")
	v.looks(di, "wallet of a co-host who sells")

	ana.clicks("take-back-seats")
	ana.sees(`lent[data-back="true"]`)
	answers(di, "tickets/sellers", "Bo sells no more", func(s struct{ Selling []struct{ Back bool } }) bool { return len(s.Selling) == 1 && s.Selling[0].Back })
	di.sees(`selling-row[data-back="true"]`)

	// The seller may take the money: both are told who owes whom.
	ana.clicks("lend-open")
	ana.types("lend-seats", "3")
	ana.clicks("lend-pays-seller")
	v.looks(ana, "lend seats to a seller who is paid")
	ana.clicks("lend")
	ana.sees(`lent[data-seller-paid="true"]`)
	ana.tells("lending", "takes the money and owes it to you")
	di.until("see who is paid", `[...document.querySelectorAll('[data-test="selling-row"]')].some((e) => /Buyers pay you, and you owe it to Ana/.test(e.innerText))`)
	v.looks(di, "wallet of a co-host who sells and is paid")
}
