package browser

import "testing"

// Somebody with only a browser opens the link that the room's page shows, hears the host, is counted, and is told the end.
func TestGuestWithOnlyABrowser(t *testing.T) {
	needBrowser(t)
	n := startNodeWith(t, computers[0], "Ana", []string{"--guests", "0.0.0.0:0"})
	ana := sitDown(t, computers[0], "Ana", n, setup{microphone: microphone(t, voice(t, anasVoice))})
	gil := sitDown(t, computers[1], "Gil", n, setup{})
	v := newViewer(t)
	ana.open(n.Page)
	ana.startsRoom("Cards and numbers", "talk")
	ana.sees(`seat[data-speaking]`)
	ana.sees("guest-link")
	link := script[string](ana, `document.querySelector('[data-test="guest-link"]').value`)
	if !contains(link, n.Guests+"/r/") {
		t.Errorf("the link for guests is %q, the node serves them at %q", link, n.Guests)
	}
	v.looks(ana, "invite with a guest link")

	gil.open(link)
	gil.sees("guest")
	gil.sees("listen")
	if text := gil.reads("guest"); !contains(text, "Cards and numbers", "Ana", "could listen too") {
		t.Errorf("Gil sees %q", text)
	}
	v.looks(gil, "guest")
	gil.clicks("listen")
	gil.sees(`state[data-state="on"]`)
	gil.until("first sound", `ear.firstSound > 0`)
	t.Logf("from Gil's click to the first sound: %.0f ms", script[float64](gil, `ear.firstSound - ear.clicked`))
	measured(t, wellHeard, func() []comparison {
		ana.records(saidThere)
		gil.listens()
		toGil := gil.hears(12).Mono()
		return []comparison{{"Ana, heard by Gil", ana.recorded(saidThere, 12).Mono(), toGil}}
	})
	ana.until("see Gil counted", `document.querySelector('[data-test="listeners"]').dataset.count === "1"`)
	v.looks(gil, "guest who listens")

	gil.clicks("stop")
	ana.until("see nobody counted", `document.querySelector('[data-test="listeners"]').dataset.count === "0"`)
	gil.clicks("listen")
	gil.sees(`state[data-state="on"]`)
	ana.clicks("end")
	ana.clicks("end-confirm")
	gil.sees("over")
	v.looks(gil, "guest of a room that ended")
}
