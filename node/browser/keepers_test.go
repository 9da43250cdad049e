package browser

import "testing"

// The host of a room by invitation makes somebody keeper of the door, sees that, and takes it back.
func TestKeepersInThePage(t *testing.T) {
	mute := microphone(t, make([]float32, rate))
	ana, bo := meet(t, mute, mute)
	v := newViewer(t)
	room := api[struct{ ID, Link string }](ana, "POST", "rooms", map[string]any{"title": "Among friends", "access": "invite"})
	ana.open(ana.node.Origin() + "/#/room/" + room.ID)
	ana.sees(`room[data-phase="live"][data-role="host"]`)
	api[map[string]any](bo, "POST", "join", map[string]string{"link": room.Link})
	ana.clicks("manage")
	ana.tells("keepers", "Keepers of the door", "from their menu")
	ana.clicks("close")
	ana.clicks("tab-people")
	bos := `[data-test="one"][data-person="` + api[struct{ Person string }](bo, "GET", "status", nil).Person + `"] [data-test="one-open"]`
	ana.until("see Bo in the list", `!!document.querySelector('`+bos+`')`)
	script[bool](ana, `document.querySelector('`+bos+`').click() ?? true`)
	ana.clicks("keeper-person")
	answers(ana, "rooms/"+room.ID, "Bo is keeper", func(r struct{ Keepers []struct{ Name string } }) bool {
		return len(r.Keepers) == 1 && r.Keepers[0].Name == "Bo"
	})
	ana.clicks("manage")
	ana.tells("keeper", "Bo")
	v.looks(ana, "manage with a keeper")
	ana.clicks("unkeeper")
	ana.seesNo("keeper")
}
