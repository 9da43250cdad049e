package browser

import "testing"

// Somebody comes by the host's name, with a Cyrillic letter in it. Who sees them on stage, in the list of people or before paying, sees a
// mark, and reads what it means.
func TestNameLikeAnother(t *testing.T) {
	mute := microphone(t, make([]float32, rate))
	ana, bo := meet(t, mute, mute)
	v := newViewer(t)
	api[any](bo, "PUT", "name", map[string]any{"name": "An\u0430"})
	room := api[struct{ ID, Link string }](ana, "POST", "rooms", map[string]any{"title": "Songs of the harbour", "access": "ticket", "price": "5 EUR", "seats": 9, "iou_limit": "5 EUR"})
	bo.open(bo.node.Origin() + "/#/link/" + room.Link)
	bo.sees("caution")
	v.looks(bo, "a room of somebody of one's own name")
	bo.clicks("buy-ticket")
	bo.sees("buy-word")
	bo.tells("caution-note", "looks like “An\u0430”", "their key says")
	v.looks(bo, "buy from somebody of one's own name")
	bo.clicks("buy-confirm")
	bo.sees(`room[data-phase="live"]`)
	bo.clicks("raise-hand")
	bo.writes("Send the money to me")
	ana.open(ana.node.Origin() + "/#/room/" + room.ID)
	ana.clicks("tab-people")
	ana.sees("hand")
	ana.until("see the mark in the list", `!!document.querySelector('[data-test="people"] [data-test="one"][data-role="listener"] [data-test="caution"]')`)
	ana.until("see no mark on themself", `!document.querySelector('[data-test="seat"][data-role="host"] [data-test="caution"]')`)
	v.looks(ana, "people with a name like the host's")
	ana.clicks("tab-chat")
	ana.seesLine("Send the money to me")
	ana.until("see the mark in the chat", `!!document.querySelector('[data-test="chat-line"] [data-test="caution"]')`)
	v.looks(ana, "chat of a name like the host's")
	ana.clicks("tab-people")
	ana.clicks(`one[data-role="listener"] [data-test="one-open"]`)
	ana.tells("caution-note", "looks like “Ana”", "somebody else")
	v.looks(ana, "somebody with a name like the host's")
}

// Whoever has only a browser knows nobody but who leads the room: a name like the host's, or of two alphabets, carries the mark there,
// with its meaning beside it.
func TestGuestSeesNameLikeAnother(t *testing.T) {
	needBrowser(t)
	v := newViewer(t)
	mute := microphone(t, make([]float32, rate))
	anasNode := startNodeWith(t, computers[0], "Ana", []string{"--guests", "0.0.0.0:0"})
	bosNode := startNode(t, computers[1], "An\u0430", anasNode)
	ana := sitDown(t, computers[0], "Ana", anasNode, setup{microphone: mute})
	bo := sitDown(t, computers[1], "Bo", bosNode, setup{microphone: mute})
	ana.open(anasNode.Page)
	ana.startsRoom("Songs of the harbour", "talk")
	bo.open(bosNode.Page)
	bo.clicks("listen")
	bo.clicks("raise-hand")
	ana.clicks("grant")
	bo.sees(`seat[data-role="speaker"]`)

	gil := sitDown(t, computers[1], "Gil", bosNode, setup{})
	gil.open(script[string](ana, `document.querySelector('[data-test="guest-link"]').value`))
	gil.sees("caution-note")
	gil.tells("caution-note", "An\u0430", "looks like “Ana”", "somebody else")
	if marks := script[int](gil, `document.querySelectorAll('[data-test="caution"]').length`); marks != 1 {
		t.Errorf("%d marks, though Ana is Ana", marks)
	}
	v.looks(gil, "guest of a room with a name like the host's")
}
