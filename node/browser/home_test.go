package browser

import (
	"fmt"
	"testing"
)

// Of many rooms one is found by a part of its title, its host, or its language.
func TestFindRoom(t *testing.T) {
	mute := microphone(t, make([]float32, rate))
	ana, bo := meet(t, mute, mute)
	titles := []struct{ title, language string }{
		{"Bees", "en"}, {"Chess", "en"}, {"Bêtises", "fr"}, {"Tea", "en"}, {"Clouds", "en"}, {"Rivers", "en"}, {"Trains", "en"}, {"Moss", "de"},
	}
	for i, room := range titles {
		host := []*person{ana, bo}[i%2] // of one host no more than a few are listed
		api[map[string]any](host, "POST", "rooms", map[string]any{"title": room.title, "mode": "talk", "language": room.language})
	}
	shown := func(n int) string {
		return fmt.Sprintf(`document.querySelectorAll('[data-test="room-card"]').length === %d`, n)
	}
	bo.until("see all rooms", shown(len(titles)))
	newViewer(t).looks(bo, "many rooms")
	bo.types("search-text", "be")
	bo.until("see two", shown(2)) // accents make no difference
	if text := bo.reads("found"); text != "2 of 8 rooms" {
		t.Errorf("found: %q", text)
	}
	bo.until("be told", `document.querySelector('[data-test="announcer"]').innerText.includes("2 of 8 rooms")`)
	script[bool](bo, `document.querySelector('[data-test="search-language"]').value = "fr", document.querySelector('[data-test="search-language"]').dispatchEvent(new Event("change", {bubbles: true}))`)
	bo.until("see one", shown(1))
	if text := bo.reads("room-card"); !contains(text, "Bêtises", "French") {
		t.Errorf("the room that is left: %q", text)
	}
	bo.types("search-text", "zz")
	bo.sees("not-found")
	bo.clicks("show-all")
	bo.until("see all rooms again", shown(len(titles)))
}
