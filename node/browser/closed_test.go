package browser

import (
	"strings"
	"testing"
)

// A room by invitation says so wherever it is seen; its host renews the link and keeps a guest list, and who comes without an
// invitation is told what to do.
func TestClosedRoom(t *testing.T) {
	mute := microphone(t, make([]float32, rate))
	ana, bo := meet(t, mute, mute)
	v := newViewer(t)
	ana.clicks("start-room")
	ana.types("room-title-input", "Among friends")
	ana.clicks("more-options")
	ana.clicks("access-invite")
	v.looks(ana, "start by invitation")
	ana.clicks("room-start")
	ana.sees(`room[data-phase="live"][data-role="host"]`)
	ana.sees("by-invitation")
	ana.seesNo("guest-link")
	link := func() string { return script[string](ana, `document.querySelector('[data-test="share-link"]').value`) }
	old := link()
	ana.clicks("renew-link")
	ana.until("have a new link", `document.querySelector('[data-test="share-link"]').value !== `+asJSON(old))
	ana.until("be told so, by a screen reader too", `document.querySelector('[data-test="announcer"]').innerText.includes("new link")`)
	v.looks(ana, "closed room of the host")

	// From the list, without the link.
	bo.sees("by-invitation")
	if text := bo.reads("room-card"); !contains(text, "Among friends", "By invitation") {
		t.Errorf("the card says %q", text)
	}
	bo.clicks("listen")
	bo.sees("room-over")
	if text := bo.reads("room-over"); !contains(text, "By invitation", "link", "guest list") {
		t.Errorf("without an invitation the page says %q", text)
	}
	v.looks(bo, "kept out of a closed room")

	// On the guest list.
	type status struct{ Person string }
	who := api[status](bo, "GET", "status", nil).Person
	ana.clicks("manage")
	ana.types("admit-person", who)
	ana.clicks("admit")
	ana.until("see Bo on the list", `!!document.querySelector('[data-test="guest-list"] [data-person="`+who+`"]')`)
	v.looks(ana, "guest list")
	bo.clicks("back-to-rooms")
	bo.clicks("listen")
	bo.sees(`room[data-phase="live"][data-role="listener"]`)
	if !strings.HasPrefix(link(), "salon:") {
		t.Errorf("the link is %q", link())
	}
}
