package browser

import (
	"fmt"
	"testing"
)

// comesToTell is tells of a view that learns it by asking again.
func (p *person) comesToTell(test, part string) {
	p.t.Helper()
	p.sees(test)
	p.until("be told "+part, fmt.Sprintf(`document.querySelector(%q)?.innerText.replaceAll("\u00a0", " ").includes(%q)`, selector(test), part))
}

// Ana shares half of what her tickets bring with Bo: the form says what she keeps, a buyer sees where the money goes, and both wallets
// tell what was earned, from the sale to the money that has come.
func TestShares(t *testing.T) {
	mute := microphone(t, make([]float32, rate))
	ana, bo := meet(t, mute, mute)
	v := newViewer(t)
	bo.sees("empty")
	me := api[struct{ Person string }](bo, "GET", "status", nil)
	ana.clicks("start-room")
	ana.types("room-title-input", "Duets")
	ana.clicks("more-options")
	ana.clicks("access-ticket")
	ana.types("ticket-price", "5")
	script[bool](ana, `document.querySelector('[data-test="ticket-credit"]').select() ?? true`)
	ana.types("ticket-credit", "5")
	ana.tells("share-left", "You keep 98%")
	ana.clicks("share-add")
	ana.types("share-who", "Somebody")
	ana.clicks("room-start")
	ana.tells("share-wrong", "Nobody you know is called Somebody")
	v.looks(ana, "start with shares wrong")
	script[bool](ana, `document.querySelector('[data-test="share-who"]').select() ?? true`)
	ana.types("share-who", me.Person)
	script[bool](ana, `document.querySelector('[data-test="share-part"]').select() ?? true`)
	ana.types("share-part", "50")
	ana.tells("share-left", "You keep 48%")
	v.looks(ana, "start with shares")
	ana.clicks("room-start")
	ana.sees(`room[data-phase="live"][data-role="host"]`)
	ana.sees(`sales[data-sold="0"]`)

	bo.clicks("buy-ticket")
	bo.sees(`buy[data-at="terms"]`)
	bo.tells("buy-split", "48% Ana", "50% Bo (co-host)", "2% relays that carry the room")
	v.looks(bo, "buy terms with shares")
	bo.clicks("buy-confirm")
	bo.sees(`room[data-phase="live"][data-role="listener"]`)
	ana.sees(`sales[data-sold="1"]`)
	ana.clicks("sales")
	ana.comesToTell("sales-split", "Bo (a co-host)") // it was asked for before he came in, and is again every two seconds
	ana.tells("sales-split", "50%", "2.50 EUR", "48%", "2.40 EUR")
	v.looks(ana, "sales with shares")
	ana.clicks("close")
	room := api[struct{ Rooms []struct{ ID string } }](ana, "GET", "joined", nil).Rooms[0].ID
	api[struct{}](ana, "POST", "rooms/"+room+"/do", map[string]any{"action": "cohost", "person": me.Person})

	ana.clicks("wallet-link")
	ana.tells("owed", "2.50 EUR")
	ana.clicks("payout-iou")
	ana.comesToTell("payout-said", "They are told")
	ana.comesToTell("owed", "you owe 2.50 EUR")
	v.looks(ana, "wallet with shares")
	ana.clicks("payout-hand")
	ana.clicks("payout-sure")
	ana.comesToTell("owed", "2.50 EUR on its way")

	bo.clicks("wallet-link")
	api[struct{}](bo, "POST", "ledger/shares", nil)
	bo.tells("earned", "Ana", "as a co-host", "2.50 EUR still to come")
	bo.tells("claims", "They say that they paid you 2.50 EUR")
	v.looks(bo, "wallet with earnings")
	bo.clicks("claim-came")
	bo.seesNo("claims")
	api[struct{}](bo, "POST", "ledger/shares", nil)
	ana.comesToTell("owed", "2.50 EUR paid")
}
