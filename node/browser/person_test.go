package browser

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// A person sits before a browser, with a node on the same computer.
type person struct {
	t        testing.TB
	name     string
	computer computer
	node     *salonNode
	ctx      context.Context // of the tab

	patience time.Duration // for what they wait for
}

// setup is how a person's browser differs from the usual.
type setup struct {
	microphone string                    // WAV file that is heard in it, again and again; empty: none is plugged in
	permission browser.PermissionSetting // empty: granted
	noUDP      bool                      // WebRTC may use no UDP, as some organisations rule
}

// unwanted are parts of Chromium's own window that are pages themselves: drawing those costs as much as opening salon's.
const unwanted = "InitialWebUI,WebUIReloadButton,WebUIToolbar,WebUIOmniboxPopup,PreloadTopChromeWebUI"

const allowed = browser.PermissionSettingGranted

// sitDown opens the person's browser. Nothing is shown yet.
func sitDown(t testing.TB, c computer, name string, n *salonNode, s setup) *person {
	t.Helper()
	options := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(findChromium()),
		chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck, chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("headless", true),
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true),
		chromedp.Flag("disable-default-apps", true),
		chromedp.Flag("disable-extensions", true),
		chromedp.Flag("disable-breakpad", true),
		// Two browsers on one screen that nobody sees: neither is in the background.
		chromedp.Flag("disable-backgrounding-occluded-windows", true),
		chromedp.Flag("disable-renderer-backgrounding", true),
		chromedp.Flag("disable-features", unwanted),
		// What moves is drawn all the while, on the processor that the tests share. Who wants to see it does moves.
		chromedp.Flag("force-prefers-reduced-motion", true),
		chromedp.Flag("force-color-profile", "srgb"),
		chromedp.Flag("lang", "en-US"),
		chromedp.WindowSize(1280, 900),
		chromedp.ModifyCmdFunc(func(cmd *exec.Cmd) { c.move(cmd) }),
	}
	if s.microphone != "" {
		options = append(options,
			chromedp.Flag("use-fake-device-for-media-stream", true),
			chromedp.Flag("use-file-for-fake-audio-capture", s.microphone))
	}
	if s.noUDP {
		options = append(options, chromedp.Flag("webrtc-ip-handling-policy", "disable_non_proxied_udp"))
	}
	allocator, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	ctx, cancelTab := chromedp.NewContext(allocator)
	t.Cleanup(cancelTab)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("chromium for %s: %v", name, err)
	}
	p := &person{t: t, name: name, computer: c, node: n, ctx: ctx, patience: patience}
	t.Cleanup(p.lastLook)
	if s.permission == "" {
		s.permission = allowed
	}
	p.permit(s.permission)
	p.beforeEveryPage(earScript)
	p.beforeEveryPage(announcements)
	return p
}

// permit answers the browser's question for the microphone.
func (p *person) permit(s browser.PermissionSetting) {
	p.t.Helper()
	_, err := chromedp.CallBrowser(p.ctx, browser.SetPermission, browser.SetPermissionParams{
		Permission: &browser.PermissionDescriptor{Name: "microphone"}, Setting: s, Origin: p.node.Origin(),
	})
	if err != nil {
		p.t.Fatal(err)
	}
}

// moves lets the pages move, as they do for everybody who did not ask their system for calm.
func (p *person) moves() {
	p.t.Helper()
	_, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-reduced-motion", Value: "no-preference"},
	}})
	if err != nil {
		p.t.Fatal(err)
	}
}

func (p *person) beforeEveryPage(script string) {
	p.t.Helper()
	_, err := chromedp.Call(p.ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: script})
	if err != nil {
		p.t.Fatal(err)
	}
}

// open goes to an address; the page of the person's node, as salon printed it, is node.Page.
func (p *person) open(address string) {
	p.t.Helper()
	p.do("open "+address, chromedp.Navigate(address))
}

// do runs what a person does; what it needs is waited for.
func (p *person) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, p.patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		p.t.Fatalf("%s: %s: %v\n%s", p.name, what, err, p.seen())
	}
}

// sees waits until an element with that data-test, and further CSS, can be seen.
func (p *person) sees(test string) {
	p.t.Helper()
	p.until("see "+test, fmt.Sprintf(`!!document.querySelector(%s)?.checkVisibility()`, asJSON(selector(test))))
}

func (p *person) seesNo(test string) {
	p.t.Helper()
	p.until("see no "+test, fmt.Sprintf(`!document.querySelector(%s)`, asJSON(selector(test))))
}

// until waits for a JavaScript condition of the page. Of an element that is not there yet nothing holds.
func (p *person) until(what, condition string) {
	p.t.Helper()
	condition = `(() => { try { return (` + condition + `); } catch (e) { if (e instanceof TypeError) return false; throw e; } })()`
	p.do(what, func(ctx context.Context, target *chromedp.Target) (v chromedp.Void, err error) {
		for ctx.Err() == nil {
			v, err = chromedp.Poll[chromedp.Void](condition, chromedp.WithPollingInterval(20*time.Millisecond), chromedp.WithPollingTimeout(0))(ctx, target)
			if err == nil || !elsewhere(err) {
				break
			}
		}
		return v, err
	})
}

// elsewhere is Chromium's answer where another page took the place of the one that was asked, such as right after opening one.
func elsewhere(err error) bool {
	return strings.Contains(err.Error(), "Cannot find context with specified id") || strings.Contains(err.Error(), "Execution context was destroyed")
}

// clicks waits until the element can be used and clicks it with the mouse.
func (p *person) clicks(test string) {
	p.t.Helper()
	usable := selector(test) + `:not([aria-disabled="true"]):not(:disabled)`
	const often = 5
	for range often {
		p.until("use "+test, fmt.Sprintf(`!!document.querySelector(%s)?.checkVisibility()`, asJSON(usable)))
		if !script[bool](p, fmt.Sprintf(bare, asJSON(usable))) {
			continue
		}
		script[bool](p, fmt.Sprintf(watched, asJSON(selector(test))))
		p.do("click "+test, chromedp.Click(chromedp.CSS(usable)))
		if !script[bool](p, fmt.Sprintf(missed, asJSON(usable))) {
			return
		}
	}
	p.t.Fatalf("%s: %s is never where it was a moment ago\n%s", p.name, test, p.seen())
}

// bare scrolls what lies under something else, such as the controls of a room, to where a person would have it to click on it. It is
// false where that cannot be used any more.
const bare = `((e) => {
	if (!e) return false;
	const r = e.getBoundingClientRect();
	const top = document.elementFromPoint(r.x + r.width / 2, r.y + r.height / 2);
	if (!top || !e.contains(top)) e.scrollIntoView({ block: "center", behavior: "instant" });
	return true;
})(document.querySelector(%s))`

// missed reports whether the last click was beside an element that is still there.
const missed = `window.beside === true || window.beside === undefined && window.aimed === true && !!document.querySelector(%s)?.checkVisibility()`

// watched notes whether the next click is beside an element, or none at all, begun on it and ended elsewhere: what appeared above
// it moved it just then. A person sees that, and clicks again. A click that leads to another page leaves nothing.
const watched = `((e) => {
	window.beside = undefined, window.aimed = true;
	addEventListener("click", (event) => { window.beside = !event.target.closest?.(e); }, { capture: true, once: true });
	return true;
})(%s)`

// types writes into a field as from a keyboard.
func (p *person) types(test, text string) {
	p.t.Helper()
	p.sees(test)
	p.do("type into "+test, chromedp.SendKeys(chromedp.CSS(selector(test)), text))
}

// presses hits keys, one after the other, wherever the focus is.
func (p *person) presses(keys string) {
	p.t.Helper()
	// As from a keyboard: a key that the page takes for itself writes no letter then.
	raw := func(k *input.DispatchKeyEventParams) {
		if k.Type == kb.KeyDown {
			k.Type = kb.KeyRawDown
		}
	}
	p.do("press "+asJSON(keys), chromedp.KeyEvent(keys, raw))
}

// tabsTo goes to an element with the Tab key alone, as who has no mouse, and sees there that it has the focus.
func (p *person) tabsTo(test string) {
	p.t.Helper()
	p.sees(test)
	at := fmt.Sprintf(`document.activeElement.matches(%s)`, asJSON(selector(test)))
	for i := range 120 {
		if script[bool](p, at) {
			// What a mouse was on before shows nothing.
			if i > 0 && script[string](p, `getComputedStyle(document.activeElement).outlineStyle`) == "none" {
				p.t.Errorf("%s: nothing shows that %s has the focus", p.name, test)
			}
			return
		}
		p.presses(kb.Tab)
	}
	p.t.Fatalf("%s: the Tab key does not come to %s\n%s", p.name, test, p.seen())
}

// reads is the text of an element that can be seen.
func (p *person) reads(test string) string {
	p.t.Helper()
	p.sees(test)
	return script[string](p, fmt.Sprintf(`document.querySelector(%s).innerText`, asJSON(selector(test))))
}

// announcements keeps what the page says to those who do not see it: each is there only until the next.
const announcements = `(() => {
  globalThis.announced = [];
  new MutationObserver(() => {
    const text = document.querySelector('[data-test="announcer"]')?.textContent.trim();
    if (text && announced.at(-1) !== text) announced.push(text);
  }).observe(document, { subtree: true, childList: true, characterData: true });
})()`

// says waits until the page has said something since it was opened.
func (p *person) says(words string) {
	p.t.Helper()
	p.until("be told "+words, `announced.some((text) => text.toLowerCase().includes(`+asJSON(strings.ToLower(words))+`))`)
}

// selector turns `seat[data-muted="true"]` into CSS.
func selector(test string) string {
	name, rest, _ := strings.Cut(test, "[")
	if rest != "" {
		rest = "[" + rest
	}
	return fmt.Sprintf(`[data-test=%q]%s`, name, rest)
}

// script runs JavaScript in the page and waits for its promise.
func script[T any](p *person, source string) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, p.patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](source, chromedp.EvalAwaitPromise))
	if err != nil {
		p.t.Fatalf("%s: %v in %.200s\n%s", p.name, err, source, p.seen())
	}
	return v
}

// api asks the person's own node, from its page.
func api[T any](p *person, method, path string, body any) T {
	p.t.Helper()
	init := map[string]any{"method": method, "headers": map[string]string{
		"Authorization": "Bearer " + p.node.Key(), "Content-Type": "application/json",
	}}
	if body != nil {
		init["body"] = asJSON(body)
	}
	return script[T](p, fmt.Sprintf(`fetch(%s, %s).then((r) => r.json())`, asJSON("/api/v1/"+path), asJSON(init)))
}

// seen is the text on the screen.
func (p *person) seen() string {
	ctx, cancel := context.WithTimeout(p.ctx, 2*time.Second)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string](`location.href.split("#key")[0] + "\n" + document.body?.innerText`))
	if err != nil {
		return err.Error()
	}
	return text
}

// lastLook keeps a picture of what a failed test saw last.
func (p *person) lastLook() {
	dir := os.Getenv("SALON_SCREENSHOTS")
	if !p.t.Failed() || dir == "" {
		return
	}
	ctx, cancel := context.WithTimeout(p.ctx, 2*time.Second)
	defer cancel()
	if picture, err := chromedp.Run(ctx, chromedp.CaptureScreenshot()); err == nil {
		name := strings.ReplaceAll("failed "+p.t.Name()+" "+p.name, "/", " ") + ".png"
		_ = os.WriteFile(filepath.Join(dir, name), picture, 0o644)
	}
}

// patiently does something that takes longer by its nature.
func (p *person) patiently(times int, what func()) {
	p.t.Helper()
	p.patience *= time.Duration(times)
	what()
	p.patience /= time.Duration(times)
}
