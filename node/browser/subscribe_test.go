package browser

import (
	"testing"
	"time"
)

// Ana offers a subscription where she starts a room for subscribers; Bo is told at its door, subscribes and comes in. Both find it in
// their wallets, he cancels, and she offers it no more.
func TestSubscribe(t *testing.T) {
	mute := microphone(t, make([]float32, rate))
	ana, bo := meet(t, mute, mute)
	v := newViewer(t)
	ana.clicks("start-room")
	ana.types("room-title-input", "Behind the scenes")
	ana.clicks("more-options")
	ana.clicks("access-subscribers")
	ana.tells("need-tier", "You offer no subscription yet")
	ana.tells("co-host-sold", "outlives your computer")
	ana.seesNo("co-host-hint")
	ana.clicks("create-tier")
	ana.sees("tier-wrong")
	v.looks(ana, "start for subscribers wrong")
	ana.types("tier-name", "Friends of the harbour")
	ana.types("tier-price", "3")
	v.looks(ana, "start for subscribers")
	ana.clicks("create-tier")
	ana.tells("has-tiers", "Friends of the harbour", "3 EUR for 30 days", "0 subscribers")
	ana.clicks("room-start")
	ana.sees(`room[data-phase="live"][data-role="host"]`)

	bo.tells("room-card", "Behind the scenes", "For subscribers")
	bo.clicks("listen")
	bo.tells("room-over", "For subscribers", "subscribe first")
	v.looks(bo, "kept out without a subscription")
	bo.clicks("subscribe")
	bo.sees(`subscribing[data-at="tiers"]`)
	bo.tells("subscribe-dialog", "Friends of the harbour: 3 EUR for 30 days", "Fees", "none", "by hand; nothing is charged by itself", "3 days more",
		"it stays good to the end of its period", "IOU", "You will owe 3 EUR to Ana")
	v.looks(bo, "subscribe")
	if mine := api[struct{ Mine []any }](bo, "GET", "subscriptions", nil).Mine; len(mine) != 0 {
		t.Errorf("after one click there are %d subscriptions", len(mine))
	}
	bo.clicks("subscribe-confirm")
	bo.sees("subscribe-done")
	bo.tells("subscribe-dialog", "You subscribe to Ana", "Good until", "not paid yet: you owe it to Ana")
	v.looks(bo, "subscribed")
	bo.clicks("subscribe-go-in")
	bo.sees(`room[data-phase="live"][data-role="listener"]`)

	bo.clicks("subscribe-host")
	bo.sees("subscribed")
	bo.clicks("close")

	// From a seat on the stage: the same, and that one has it already.
	bo.clicks("seat")
	bo.clicks("subscribe-person")
	bo.sees("subscribed")
	bo.tells("person-dialog", "You subscribe until", "Add 30 days")
	v.looks(bo, "subscribe again")
	bo.clicks("close")

	bo.clicks("wallet-link")
	bo.tells("subscription", "Ana", "3 EUR", "good until", "you still owe it")
	v.looks(bo, "wallet of a subscriber")
	bo.clicks("cancel-subscription")
	bo.tells("subscription", "no days of grace follow")
	bo.clicks("cancel-subscription-yes")
	bo.sees(`subscription[data-ended="true"]`)
	bo.tells("subscription", "cancelled; good until")

	ana.clicks("wallet-link")
	ana.tells("own-tier", "Friends of the harbour", "1 subscriber", "3 EUR in all")
	ana.tells("subscriber", "Friends of the harbour")
	answers(ana, "subscriptions", "Ana knows that he has cancelled", func(s struct{ Subscribers []struct{ Ended bool } }) bool {
		return len(s.Subscribers) == 1 && s.Subscribers[0].Ended
	})
	ana.until("see that he has cancelled", `document.querySelector('[data-test="subscriber"]')?.innerText.includes("cancelled")`)
	v.looks(ana, "wallet of a host with subscribers")
	ana.clicks("stop-tier")
	ana.clicks("stop-tier-yes")
	ana.seesNo("own-tier")
	ana.clicks("add-tier")
	ana.sees("tier-form")
	v.looks(ana, "another tier")
}

// Where nobody who sells can be reached the page keeps what one wants, and charges nothing.
func TestWishInThePage(t *testing.T) {
	p := alone(t, "Bo", setup{microphone: microphone(t, make([]float32, rate))})
	v := newViewer(t)
	var id string
	t.Run("host", func(t *testing.T) { // whose node ends with it
		ana := sitDown(t, computer{}, "Ana", startNode(t, computer{}, "Ana", p.node), setup{})
		ana.open(ana.node.Page)
		room := api[struct{ ID, Link string }](ana, "POST", "rooms", map[string]any{"title": "Songs of the harbour", "access": "ticket", "price": "5 EUR", "seats": 3, "iou_limit": "5 EUR"})
		id = room.ID
		p.open(p.node.Page)
		p.sees("facts")
		p.open(p.node.Origin() + "/#/link/" + room.Link)
		p.sees("preview-room")
	})
	p.clicks("buy-ticket")
	p.tells("buy-no", "Ana cannot be reached")
	p.tells("wish-offer", "Buy for 5 EUR when Ana is back", "no other price", "nothing is charged", "Tell me when tickets can be bought")
	v.looks(p, "wish")
	p.clicks("wish")
	p.tells("wish-kept", "Your wish is kept", "5 EUR", "Nothing is charged before", "Ana hears that somebody waited")
	v.looks(p, "wish kept")
	p.clicks("wish-to-wallet")
	p.tells("wish-row", "1 ticket", "Songs of the harbour", "5 EUR when Ana can be reached", "nothing is charged before")
	v.looks(p, "wallet with a wish")
	p.clicks("wish-drop")
	p.seesNo("wish-row")

	// What may become of one.
	now := time.Now()
	wish := func(n, state string, more map[string]any) map[string]any {
		w := map[string]any{"id": n, "room": id, "count": 1, "price": "5.00 EUR", "rail": "iou", "made": now.UnixMilli(), "expires": now.Add(7 * 24 * time.Hour).UnixMilli(),
			"state": state, "asked": "", "why": "", "text": "", "title": "Songs of the harbour", "host": map[string]string{"person": id, "name": "Ana"}, "link": "salon:x"}
		for k, v := range more {
			w[k] = v
		}
		return w
	}
	said := map[string]any{"wishes": []any{
		wish("a", "waiting", map[string]any{"price": ""}),
		wish("b", "changed", map[string]any{"asked": "6.00 EUR"}),
		wish("c", "changed", map[string]any{"price": "", "asked": "6.00 EUR"}),
		wish("d", "paying", nil),
		wish("e", "bought", nil),
		wish("f", "refused", map[string]any{"why": "sold_out", "text": "Sold out."}),
	}}
	script[bool](p, `window.fetch = ((real) => (path, init) => path === "/api/v1/tickets/wishes" ? Promise.resolve(new Response(JSON.stringify(said))) : real(path, init))(window.fetch),
		window.said = `+asJSON(said)+`, true`)
	p.clicks("back")
	p.clicks("wallet-link")
	p.tells("wishes", "You are told when Ana can be reached", "It costs 6 EUR now, not 5 EUR", "Buy for 6 EUR", "can be bought now, for 6 EUR", "on its way", "Bought for 5 EUR", "Sold out")
	v.looks(p, "wallet with wishes of all kinds")
}
