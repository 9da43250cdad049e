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
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// A viewer looks at what a person sees, on a wide screen and a phone's, light and dark: it takes pictures and checks what
// holds for every view. A test that reaches a view hands it to looks, and all of this is done.
type viewer struct {
	t   *testing.T
	dir string // for the pictures; empty if nobody wants them
	axe string // axe-core; empty if it is not to be had here
}

func newViewer(t *testing.T) viewer {
	t.Helper()
	dir := os.Getenv("SALON_SCREENSHOTS")
	if dir != "" {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	source, whyNot := axe()
	if source == "" {
		t.Run("accessibility", func(t *testing.T) { t.Skip(whyNot) })
	}
	return viewer{t, dir, source}
}

var screens = []struct{ width, height int64 }{{1280, 900}, {390, 844}}

// looks keeps pictures of the view, and checks what no view may do: be wider than the screen, hide a button's text, or shut
// out who sees, hears or points differently. A screen is laid out once; the dark only changes its colours.
func (v viewer) looks(p *person, view string) {
	v.t.Helper()
	found := make(barriers)
	for _, screen := range screens {
		v.sized(p, screen.width, screen.height)
		v.coloured(p, "light")
		v.settles(p)
		for _, tab := range []string{"chat", "people"} {
			if strings.HasPrefix(view, tab) { // on a narrow screen it is not beside the stage but in its place
				script[bool](p, fmt.Sprintf(`document.querySelector('[data-test="tab-%s"]')?.click(), true`, tab))
			}
		}
		height := screen.height
		// As tall as it is, without what is fixed to the bottom lying in the middle; a notice may come meanwhile.
		whole := func(view string) {
			for range 3 {
				tall := v.checks(p, view, screen.width)
				if tall <= height {
					return
				}
				height = tall
				v.sized(p, screen.width, height)
				v.settles(p)
			}
		}
		whole(view)
		for _, scheme := range []string{"light", "dark"} {
			rules := axeRules
			if scheme == "dark" { // which changes colours, and nothing else
				rules = axeColours
				v.coloured(p, scheme)
				v.settles(p)
				whole(view + " in the dark")
			}
			if v.axe != "" {
				found.look(p, v.axe, rules, fmt.Sprint(screen.width, " ", scheme))
			}
			if v.dir != "" {
				v.keeps(p, fmt.Sprintf("%s-%d-%s.png", strings.ReplaceAll(view, " ", "-"), screen.width, scheme))
			}
		}
	}
	found.tell(v, view)
	v.emulate(p, screens[0].width, screens[0].height, "light")
}

// mirrored looks at a view again, as it is drawn for who reads from right to left.
func (v viewer) mirrored(p *person, view string) {
	v.t.Helper()
	script[bool](p, `document.documentElement.dir = "rtl", true`)
	v.looks(p, "rtl "+view)
	script[bool](p, `document.documentElement.dir = "ltr", true`)
}

// keeps writes a picture of what is seen now.
func (v viewer) keeps(p *person, name string) {
	v.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	fast := true
	picture, err := chromedp.Call(ctx, page.CaptureScreenshot, page.CaptureScreenshotParams{OptimizeForSpeed: &fast})
	if err != nil {
		v.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(v.dir, name), picture.Data, 0o644); err != nil {
		v.t.Fatal(err)
	}
}

// checks fails the test for what holds for no view, and returns how tall this one is.
func (v viewer) checks(p *person, view string, width int64) (tall int64) {
	v.t.Helper()
	found := script[struct {
		Wide, Tall              int64
		Cut, Lost, Broken, Mute string
	}](p, faults)
	if found.Wide > width {
		v.t.Errorf("%s on a screen of %d is %d wide", view, width, found.Wide)
	}
	if found.Cut != "" {
		v.t.Errorf("%s on a screen of %d cuts off %s", view, width, found.Cut)
	}
	if found.Lost != "" {
		v.t.Errorf("%s on a screen of %d has rows that are none, which other rules of the same class undo: %s", view, width, found.Lost)
	}
	if found.Broken != "" {
		v.t.Errorf("%s has pictures that are not shown: %s", view, found.Broken)
	}
	if found.Mute != "" {
		v.t.Errorf("%s has what a screen reader cannot name: %s", view, found.Mute)
	}
	return found.Tall
}

// cutOff names buttons and headings whose text does not fit into them.
const cutOff = `[...document.querySelectorAll("button, a.button, h1, h2, h3")]
	.filter((e) => e.checkVisibility() && getComputedStyle(e).overflow !== "visible" && e.scrollWidth > e.clientWidth + 1)
	.map((e) => e.innerText).join(", ")`

// faults are what no view may have: what cutOff names, what is written side by side but
// drawn one below the other, pictures that the browser could not show, and what can be used but has no name.
const faults = `({
	wide: document.documentElement.scrollWidth,
	tall: document.documentElement.scrollHeight,
	cut: ` + cutOff + `,
	lost: [...document.querySelectorAll(".row")]
		.filter((e) => e.checkVisibility() && getComputedStyle(e).flexDirection !== "row").map((e) => e.className + ": " + e.innerText).join(", "),
	broken: [...document.images].filter((i) => i.complete && !i.naturalWidth).map((i) => i.src.slice(0, 60)).join(", "),
	mute: [...document.querySelectorAll("button, a, input, select, textarea, summary")]
		.filter((e) => e.checkVisibility() && !(e.innerText || "").trim() && !e.ariaLabel && !e.labels?.length)
		.map((e) => e.outerHTML.slice(0, 120)).join(", "),
})`

// emulate gives a person another screen and other colours, and keeps still what moves.
func (v viewer) emulate(p *person, width, height int64, scheme string) {
	v.t.Helper()
	v.sized(p, width, height)
	v.coloured(p, scheme)
	v.settles(p)
}

func (v viewer) sized(p *person, width, height int64) {
	v.t.Helper()
	_, err := chromedp.Call(p.ctx, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: width, Height: height, DeviceScaleFactor: 1, Mobile: width < 600,
	})
	if err != nil {
		v.t.Fatal(err)
	}
}

func (v viewer) coloured(p *person, scheme string) {
	v.t.Helper()
	_, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}})
	if err != nil {
		v.t.Fatal(err)
	}
}

// settles waits two frames: then everything is where it belongs, or on the way from one colour to the other, which it waits for. Of a
// page that it takes to be still Chromium draws no frame now and then; a picture makes it draw one. Animation.finished would be simpler,
// but of a transition whose element is gone it is never fulfilled.
func (v viewer) settles(p *person) {
	v.t.Helper()
	script[bool](p, `window.drawn = false, requestAnimationFrame(() => requestAnimationFrame(() => { window.drawn = true; })), true`)
	for end := time.Now().Add(patience); ; {
		if script[bool](p, `Promise.race([
			new Promise((done) => {
				const changes = () => document.getAnimations().some((a) => a instanceof CSSTransition && a.playState === "running");
				const look = () => window.drawn && !changes() ? done(true) : setTimeout(look, 5);
				look();
			}),
			new Promise((done) => setTimeout(() => done(false), 1000)),
		])`) {
			return
		}
		if time.Now().After(end) {
			v.t.Fatalf("%s: the page does not come to rest: %s", p.name, script[string](p, `document.visibilityState + ", " +
				(window.drawn ? "drawn" : "not drawn") + document.getAnimations().map((a) => ", " + a.playState + " " + a.transitionProperty + " of " + a.effect.target.className).join("")`))
		}
		if _, err := chromedp.Call(p.ctx, page.CaptureScreenshot, page.CaptureScreenshotParams{}); err != nil {
			v.t.Fatal(err)
		}
	}
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
