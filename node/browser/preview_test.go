package browser

import "testing"

// inNoRoom checks that the person's node is in no room.
func (p *person) inNoRoom() {
	p.t.Helper()
	joined := api[struct{ Rooms []struct{ ID string } }](p, "GET", "joined", nil)
	if len(joined.Rooms) != 0 {
		p.t.Errorf("%s is in %v", p.name, joined.Rooms)
	}
}

// A share link shows its room, and joins nothing until the person says so.
func TestPreview(t *testing.T) {
	mute := microphone(t, make([]float32, rate))
	ana, bo := meet(t, mute, mute)
	v := newViewer(t)
	ana.startsRoom("Behind the link", "talk")
	link := script[string](ana, `document.querySelector('[data-test="share-link"]').value`)

	// Pasted as it came, in a sentence.
	bo.sees("room-card")
	bo.clicks("connect")
	bo.types("link-input", "nothing of the kind")
	bo.clicks("link-look")
	bo.sees(`link-input[aria-invalid="true"]`)
	script[bool](bo, `document.querySelector('[data-test="link-input"]').select() ?? true`)
	bo.types("link-input", "Come in: "+link+" :-)")
	bo.clicks("link-look")
	bo.sees("preview-room")
	text := bo.reads("preview-room")
	if !contains(text, "Behind the link", "Ana", "English", "Captions", "none", "Price", "free", "Recording", "not restricted", "Listening\n0", "On stage\n1") {
		t.Errorf("the preview says %q", text)
	}
	if contains(text, "Starts") {
		t.Errorf("the preview of a room that has begun says when it starts: %q", text)
	}
	bo.inNoRoom()
	v.looks(bo, "preview")
	if n := script[string](ana, `document.querySelector('[data-test="listeners"]').dataset.count`); n != "0" {
		t.Errorf("Ana sees %s listeners of a room that was only looked at", n)
	}
	bo.clicks("preview-listen")
	bo.sees(`room[data-phase="live"][data-role="listener"]`)

	// Who is in already goes back, and nothing is joined twice.
	bo.open(bo.node.Origin() + "/#/link/" + link)
	bo.sees("preview-return")
	bo.clicks("preview-return")
	bo.sees(`room[data-phase="live"]`)
	bo.clicks("leave")
	bo.sees("room-card")

	// A locked room says so.
	ana.clicks("manage")
	ana.clicks("lock")
	ana.clicks("close")
	bo.open(bo.node.Origin() + "/#/link/" + link)
	bo.sees("preview-again")
	if text := bo.reads("preview-hint"); !contains(text, "locked") {
		t.Errorf("a locked room says %q", text)
	}
	v.looks(bo, "preview locked")

	// What cannot be shown says why.
	bo.open(bo.node.Origin() + "/#/link/" + link[:len(link)-9])
	bo.sees(`preview-failed[data-kind="damaged"]`)
	v.looks(bo, "preview damaged")
	ana.clicks("end")
	ana.clicks("end-confirm")
	ana.sees("room-over")
	bo.open(bo.node.Origin() + "/#/link/" + link)
	bo.sees(`preview-failed[data-kind="ended"]`)
	v.looks(bo, "preview ended")
	bo.clicks("back-to-rooms")
	bo.sees("empty")
	bo.inNoRoom()
}

// A link whose host is gone says so, and can be tried again.
func TestPreviewOffline(t *testing.T) {
	mute := microphone(t, make([]float32, rate))
	p := alone(t, "Ana", setup{microphone: mute})
	var link string
	t.Run("host", func(t *testing.T) { // whose node ends with it
		host := startNode(t, computer{}, "Bo")
		h := sitDown(t, computer{}, "Bo", host, setup{microphone: mute})
		h.open(host.Page)
		h.startsRoom("Gone", "talk")
		link = script[string](h, `document.querySelector('[data-test="share-link"]').value`)
	})
	p.open(p.node.Page)
	p.sees("empty")
	p.open(p.node.Origin() + "/#/link/" + link)
	p.sees(`preview-failed[data-kind="offline"]`)
	newViewer(t).looks(p, "preview offline")
	p.clicks("preview-retry")
	p.until("ask again", `performance.getEntriesByType("resource").filter((e) => e.name.endsWith("/preview")).length === 2`)
	p.sees(`preview-failed[data-kind="offline"]`)
}
