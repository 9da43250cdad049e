package browser

import "testing"

// The end of a room says what it was, and where one could go next.
func TestEndOfRoom(t *testing.T) {
	mute := microphone(t, make([]float32, rate))
	ana, bo := meet(t, mute, mute)
	v := newViewer(t)
	ana.startsRoom("The last one", "talk")
	bo.sees("room-card")
	bo.clicks("listen")
	bo.sees(`room[data-phase="live"]`)
	ana.until("see Bo counted", `document.querySelector('[data-test="listeners"]').dataset.count === "1"`)
	bo.until("hear the room", `document.querySelector('[data-test="quality"]') !== null`)
	api[map[string]any](bo, "POST", "rooms", map[string]any{"title": "The next one", "mode": "talk", "language": "en"})
	ana.clicks("end")
	ana.clicks("end-confirm")
	ana.sees("most")
	if text := ana.reads("summary"); !contains(text, "Lasted", "sec", "Most listeners at once\n1") {
		t.Errorf("Ana, who hosted, is told %q", text)
	}
	if on := script[string](ana, `document.activeElement.innerText`); !contains(on, "has ended") {
		t.Errorf("Ana goes on reading at %q", on)
	}
	bo.sees("summary")
	if text := bo.reads("summary"); !contains(text, "Host", "Ana", "Lasted") || contains(text, "Most listeners") {
		t.Errorf("Bo, who listened, is told %q", text)
	}
	ana.sees("next-room")
	v.looks(ana, "room over for its host")
	v.looks(bo, "room over for a guest")
	ana.clicks("next-room")
	ana.sees(`room[data-phase="live"][data-role="listener"]`)
	if title := ana.reads("room-title"); title != "The next one" {
		t.Errorf("the next room is %q", title)
	}
}
