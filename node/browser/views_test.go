package browser

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// A viewer looks at what a person sees, on a wide screen and a phone's, light and dark: it takes pictures and checks what
// holds for every view. A test that reaches a view hands it to looks, and all of this is done.
type viewer struct {
	t   *testing.T
	dir string
	axe string // axe-core; empty if it is not to be had here
}

func newViewer(t *testing.T) viewer {
	t.Helper()
	dir := os.Getenv("SALON_SCREENSHOTS")
	if dir == "" {
		dir = t.TempDir()
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	source, whyNot := axe()
	if source == "" {
		t.Run("accessibility", func(t *testing.T) { t.Skip(whyNot) })
	}
	return viewer{t, dir, source}
}

var screens = []struct{ width, height int64 }{{1280, 900}, {390, 844}}

// looks keeps pictures of the view, and checks what no view may do: be wider than the screen, hide a button's text, or shut
// out who sees, hears or points differently.
func (v viewer) looks(p *person, view string) {
	v.t.Helper()
	found := make(barriers)
	for _, screen := range screens {
		for _, scheme := range []string{"light", "dark"} {
			v.emulate(p, screen.width, screen.height, scheme)
			for _, tab := range []string{"chat", "people"} {
				if strings.HasPrefix(view, tab) { // on a narrow screen it is not beside the stage but in its place
					script[bool](p, fmt.Sprintf(`document.querySelector('[data-test="tab-%s"]')?.click(), true`, tab))
				}
			}
			if wide := script[int64](p, `document.documentElement.scrollWidth`); wide > screen.width {
				v.t.Errorf("%s on a screen of %d is %d wide", view, screen.width, wide)
			}
			if cut := script[string](p, cutOff); cut != "" {
				v.t.Errorf("%s on a screen of %d cuts off %s", view, screen.width, cut)
			}
			if broken := script[string](p, brokenPictures); broken != "" {
				v.t.Errorf("%s has pictures that are not shown: %s", view, broken)
			}
			if mute := script[string](p, nameless); mute != "" {
				v.t.Errorf("%s has what a screen reader cannot name: %s", view, mute)
			}
			// As tall as it is, without what is fixed to the bottom lying in the middle.
			if tall := script[int64](p, `document.documentElement.scrollHeight`); tall > screen.height {
				v.emulate(p, screen.width, tall, scheme)
			}
			if v.axe != "" {
				found.look(p, v.axe, fmt.Sprint(screen.width, " ", scheme))
			}
			ctx, cancel := context.WithTimeout(p.ctx, patience)
			picture, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
			cancel()
			if err != nil {
				v.t.Fatal(err)
			}
			name := fmt.Sprintf("%s-%d-%s.png", strings.ReplaceAll(view, " ", "-"), screen.width, scheme)
			if err := os.WriteFile(filepath.Join(v.dir, name), picture, 0o644); err != nil {
				v.t.Fatal(err)
			}
		}
	}
	found.tell(v, view)
	v.emulate(p, screens[0].width, screens[0].height, "light")
}

// cutOff names buttons and headings whose text does not fit into them.
const cutOff = `[...document.querySelectorAll("button, a.button, h1, h2, h3")]
	.filter((e) => e.checkVisibility() && getComputedStyle(e).overflow !== "visible" && e.scrollWidth > e.clientWidth + 1)
	.map((e) => e.innerText).join(", ")`

// brokenPictures lists those that the browser could not show.
const brokenPictures = `[...document.images].filter((i) => i.complete && !i.naturalWidth).map((i) => i.src.slice(0, 60)).join(", ")`

// nameless lists what can be used but has no name.
const nameless = `[...document.querySelectorAll("button, a, input, select, textarea, summary")]
	.filter((e) => e.checkVisibility() && !(e.innerText || "").trim() && !e.ariaLabel && !e.labels?.length)
	.map((e) => e.outerHTML.slice(0, 120)).join(", ")`

func (v viewer) emulate(p *person, width, height int64, scheme string) {
	v.t.Helper()
	_, err := chromedp.Call(p.ctx, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: width, Height: height, DeviceScaleFactor: 1, Mobile: width < 600,
	})
	if err == nil {
		_, err = chromedp.Call(p.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
		}})
	}
	if err != nil {
		v.t.Fatal(err)
	}
	// Two frames later everything is where it belongs, or on the way from one colour to the other.
	script[bool](p, `new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))
		.then(() => Promise.allSettled(document.getAnimations().filter((a) => a instanceof CSSTransition).map((a) => a.finished)))
		.then(() => true)`)
}

// TestViews looks at every view there is.
func TestViews(t *testing.T) {
	needBrowser(t)
	v := newViewer(t)
	mic := microphone(t, breathless(voice(t, anasVoice)))
	anasNode := startNode(t, computers[0], "")
	bosNode := startNode(t, computers[1], "Bo", anasNode)
	ana := sitDown(t, computers[0], "Ana", anasNode, setup{microphone: mic})
	bo := sitDown(t, computers[1], "Bo", bosNode, setup{microphone: mic})

	ana.open(anasNode.Origin())
	ana.sees("no-key")
	v.looks(ana, "no key")
	ana.open("about:blank") // or the page would load itself anew while we look
	ana.open(anasNode.Page)
	ana.sees("welcome")
	v.looks(ana, "welcome")
	ana.types("name-input", "Ana")
	ana.clicks("name-save")
	ana.sees("empty")
	v.looks(ana, "empty world")
	ana.clicks("connect")
	ana.sees("connect-dialog")
	v.looks(ana, "connect")
	ana.clicks("close")
	ana.clicks("profile")
	ana.sees("profile-dialog")
	v.looks(ana, "profile")
	ana.clicks("close")
	ana.clicks("hear-it-work")
	ana.sees(`demo-step[data-step="join"]`)
	ana.until("hear the demo", `ear.firstSound > 0`)
	v.looks(ana, "demo")
	ana.clicks("demo-stop")
	ana.clicks("start-room")
	ana.clicks("mic-check")
	ana.sees("input-meter")
	v.looks(ana, "start a room")
	ana.clicks("sound-check")
	ana.sees("check")
	v.looks(ana, "sound check")
	ana.clicks("check-record")
	ana.sees(`check[data-phase="done"]`)
	v.looks(ana, "sound check done")
	ana.clicks("check-finish")
	ana.types("room-title-input", "What the old lighthouse keeper told us about winter storms")
	ana.clicks("room-start")
	ana.sees(`seat[data-speaking]`)
	v.looks(ana, "host alone")

	bo.open(bosNode.Page)
	bo.sees("room-card")
	v.looks(bo, "live now")
	bo.clicks("listen")
	bo.until("first sound", `ear.firstSound > 0`)
	v.looks(bo, "listener")
	ana.clicks("manage")
	ana.clicks("lock")
	ana.sees("unlock")
	v.looks(ana, "manage")
	ana.clicks("unlock")
	ana.clicks("close")
	ana.clicks("tab-people")
	ana.clicks("invite-listener")
	bo.sees("invitation")
	v.looks(bo, "invited")
	ana.sees("uninvite")
	v.looks(ana, "people")
	ana.clicks("uninvite")
	bo.seesNo("invitation")
	bo.clicks("raise-hand")
	bo.sees("hand-is-up")
	v.looks(bo, "hand up")
	ana.sees("hand")
	v.looks(ana, "host with a hand")
	ana.clicks("grant")
	bo.sees(`seat[data-role="speaker"][data-speaking]`)
	v.looks(bo, "speaker")
	bo.clicks("sound-settings")
	bo.sees("sound-dialog")
	v.looks(bo, "sound settings")
	bo.clicks("close")
	ana.clicks(`seat[data-role="speaker"]`)
	ana.sees("person-dialog")
	v.looks(ana, "person")
	ana.clicks("mute-person")
	bo.sees(`seat[data-role="speaker"][data-muted="true"]`)
	bo.sees("talking-muted")
	v.looks(bo, "talking while muted")
	bo.clicks("back")
	bo.sees("dock")
	v.looks(bo, "elsewhere with a room")
	bo.clicks("dock-return")
	bo.sees("room")
	script[bool](bo, `ear.microphones.at(-1).stop() ?? ear.microphones.at(-1).dispatchEvent(new Event("ended"))`)
	bo.sees("mic-problem")
	v.looks(bo, "microphone unplugged")
	ana.clicks("end")
	ana.sees("end-dialog")
	v.looks(ana, "end")
	ana.clicks("end-confirm")
	bo.sees("room-over")
	v.looks(bo, "room over")
}

// Written from right to left, nothing is wider than the screen.
func TestRightToLeft(t *testing.T) {
	p := alone(t, "Ana", setup{})
	v := newViewer(t)
	p.beforeEveryPage(`new MutationObserver(() => document.documentElement.dir === "rtl" || (document.documentElement.dir = "rtl")).observe(document, {childList: true, subtree: true, attributes: true})`)
	p.open(p.node.Page)
	p.sees("empty")
	v.looks(p, "rtl empty world")
	p.clicks("connect")
	p.sees("connect-dialog")
	v.looks(p, "rtl connect")
	p.clicks("close")
	p.clicks("start-room")
	p.clicks("more-options")
	p.clicks("start-later")
	v.looks(p, "rtl start a room")
	p.open(p.node.Origin() + "/#/settings")
	p.sees("people-none")
	v.looks(p, "rtl settings")
	p.open(p.node.Origin() + "/#/link/salon:AAAA")
	p.sees("preview-failed")
	v.looks(p, "rtl preview")
	if dir := script[string](p, `getComputedStyle(document.body).direction`); dir != "rtl" {
		t.Errorf("all of this was written %s", dir)
	}
}

// The page is small and there at once.
func TestFirstPaint(t *testing.T) {
	p := alone(t, "Ana", setup{})
	p.open(p.node.Page)
	p.sees("empty")
	paint := script[float64](p, `new Promise((done) => new PerformanceObserver((list) => done(list.getEntriesByName("first-contentful-paint")[0].startTime)).observe({type: "paint", buffered: true}))`)
	sizes := script[map[string]int](p, `Object.fromEntries(performance.getEntriesByType("resource").filter((e) => /app\.(js|css)/.test(e.name)).map((e) => [e.name.split("/").at(-1), e.decodedBodySize]))`)
	t.Logf("first contentful paint after %.0f ms; bytes: %v", paint, sizes)
	if paint > 2000 {
		t.Errorf("first paint after %.0f ms", paint)
	}
	if sizes["app.js"] == 0 {
		t.Errorf("sizes %v", sizes)
	}
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, _ = w.Write(must[[]byte](t)(os.ReadFile("../web/dist/app.js")))
	w.Close()
	if t.Logf("the script has %d bytes gzipped", packed.Len()); packed.Len() > 120_000 {
		t.Errorf("the script has %d bytes gzipped: at most 120 kB", packed.Len())
	}
	others := script[[]string](p, `performance.getEntriesByType("resource").map((e) => e.name).filter((name) => !name.startsWith(location.origin))`)
	if len(others) > 0 {
		t.Errorf("the page asks other hosts: %v", others)
	}
}
