package browser

import (
	"regexp"
	"strings"
	"testing"

	"salon/node/client"
)

// alone starts one person with a node that nobody knows of.
func alone(t testing.TB, name string, s setup) *person {
	t.Helper()
	needBrowser(t)
	n := startNode(t, computer{}, name)
	return sitDown(t, computer{}, "Ana", n, s)
}

// The first start: a name, and then what one can do in a world without rooms.
func TestFirstRun(t *testing.T) {
	p := alone(t, "", setup{})
	p.open(p.node.Page)
	p.sees("welcome")
	p.sees("facts") // a live line, before anything was asked
	p.types("name-input", "Ana")
	p.clicks("name-save")
	p.sees("empty")
	if text := p.reads("empty"); !contains(text, "No rooms here yet", "Start a room", "Hear it work", "Connect") {
		t.Errorf("an empty world says %q", text)
	}
	if text := p.reads("facts"); !contains(text, "mDNS is off", "0 nodes") {
		t.Errorf("the line of facts says %q", text)
	}
	if hash := script[string](p, `location.hash`); strings.Contains(hash, "key") {
		t.Errorf("the key stays in the address bar: %q", hash)
	}
	p.until("be called Ana", `fetch("/api/v1/status", {headers: {Authorization: "Bearer " + localStorage["salon.key"]}}).then((r) => r.json()).then((s) => s.name === "Ana")`)
	p.open(p.node.Origin()) // without the key, which the page keeps
	p.sees("empty")

	for _, way := range []struct{ click, see string }{
		{"start-room", "room-title-input"}, {"connect", "connect-dialog"},
	} {
		p.clicks(way.click)
		p.sees(way.see)
		p.open(p.node.Origin())
	}
	script[bool](p, `localStorage.clear() ?? true`)
	p.open(p.node.Origin())
	p.sees("no-key")
	if text := p.reads("no-key"); !contains(text, "salon open") {
		t.Errorf("without a key the page says %q", text)
	}
}

// The address that salon starts a browser with opens the page once, and then leads nowhere.
func TestPassOpensThePageOnce(t *testing.T) {
	p := alone(t, "Ana", setup{})
	var pass struct{ URL string }
	if err := client.New(p.node.Origin(), p.node.Key()).Call(t.Context(), "POST", "/api/v1/passes", nil, &pass); err != nil {
		t.Fatal(err)
	}
	p.open(pass.URL)
	p.sees("empty")
	if hash := script[string](p, `location.hash`); hash != "" {
		t.Errorf("the address bar keeps %q", hash)
	}
	p.open(p.node.Origin())
	p.sees("empty") // the key is kept
	script[bool](p, `localStorage.clear() ?? true`)
	p.open("about:blank") // or the page that is there would only see its fragment change
	p.open(pass.URL)
	p.sees("no-key")
}

// The first minute: a name, the demonstration, a sound check, a room of one's own and its link, each a click or two.
func TestFirstMinute(t *testing.T) {
	p := alone(t, "", setup{microphone: microphone(t, breathless(voice(t, anasVoice)))})
	p.open(p.node.Page)
	at := func(what string) {
		t.Logf("%s after %.1f s", what, script[float64](p, `performance.now() / 1000`))
	}
	p.types("name-input", "Ana")
	p.clicks("name-save")
	p.clicks("hear-it-work")
	p.until("hear the demo", `ear.firstSound > 0`)
	at("the demonstration is heard")
	p.clicks("demo-stop")
	p.clicks("start-room")
	p.clicks("mic-check")
	p.clicks("sound-check")
	p.clicks("check-record")
	p.sees(`check[data-phase="done"]`)
	at("the sound check is done")
	p.clicks("check-finish")
	p.types("room-title-input", "First")
	p.clicks("room-start")
	p.sees(`room[data-phase="live"][data-role="host"]`)
	at("a room of one's own is live")
	p.clicks("copy-link")
	p.until("be told that it is copied", `document.querySelector('[data-test="copy-link"]').innerText.includes("Copied")`)
	at("its link is copied")
}

// "Hear it work" runs to its end, is heard in the browser, and shows what was measured.
func TestHearItWork(t *testing.T) {
	p := alone(t, "Ana", setup{})
	p.open(p.node.Page)
	host := voice(t, "../demo/voices/host.opus")
	var text string
	measured(t, wellHeard, func() []comparison {
		p.clicks("hear-it-work")
		p.sees("demo-steps")
		p.until("hear the demo", `ear.firstSound > 0`)
		p.listens()
		p.patiently(2, func() { p.sees("demo-result") })
		text = p.reads("demo-result")
		t.Log(text)
		steps := p.reads("demo-steps")
		if !contains(steps, "hand", "Measured") || script[int](p, `document.querySelectorAll('[data-test="demo-step"][data-state="failed"]').length`) != 0 {
			t.Errorf("the steps: %q", steps)
		}
		toMe := p.hears(1).Mono()
		p.clicks("demo-stop")
		p.sees("empty") // the demo's room is nowhere to be found
		return []comparison{{"the demo's host, in the browser", host, toMe}}
	})
	if !regexp.MustCompile(`(99(\.\d)?|100)\s*%`).MatchString(text) {
		t.Errorf("the result says %q", text)
	}
}
