package browser

import (
	"testing"

	"github.com/chromedp/chromedp"

	"salon/ledger/doc"
)

// Colours that the person chose hold against the system's, from the first moment after a reload.
func TestThemeIsKept(t *testing.T) {
	p := alone(t, "Ana", setup{})
	v := newViewer(t)
	p.open(p.node.Page)
	p.clicks("profile")
	p.clicks("open-settings")
	p.sees("settings")
	v.looks(p, "settings")
	ground := func() string {
		return script[string](p, `getComputedStyle(document.documentElement).backgroundColor`)
	}
	light := ground()
	p.clicks("theme-dark")
	dark := ground()
	if light == dark {
		t.Errorf("light and dark are both %s", light)
	}
	p.do("reload", chromedp.Reload())
	p.sees("settings")
	if ground() != dark {
		t.Errorf("after a reload it is %s, not %s", ground(), dark)
	}
	if !script[bool](p, `document.querySelector('[data-test="theme-dark"]').checked`) {
		t.Error("the choice is not shown")
	}
	v.emulate(p, 1280, 900, "dark")
	p.clicks("theme-light")
	if ground() != light {
		t.Errorf("light, against a dark system, is %s, not %s", ground(), light)
	}
	p.clicks("theme-system")
	if ground() != dark {
		t.Errorf("as the system, which is dark, it is %s", ground())
	}
}

// Passing rooms on is off until the person says so, with its cost in words; the node keeps it.
func TestVolunteering(t *testing.T) {
	p := alone(t, "Ana", setup{})
	p.open(p.node.Page)
	p.sees("empty")
	p.open(p.node.Origin() + "/#/settings")
	switched := func(on string) string {
		return `document.querySelector('[data-test="volunteer-switch"]').getAttribute("aria-checked") === "` + on + `"`
	}
	p.until("be off", switched("false"))
	if text := p.reads("settings-volunteer"); !contains(text, "up to 1 Mbit/s of your upload", "learn your address", "You feed nobody.") {
		t.Errorf("the settings say %q", text)
	}
	script[bool](p, `document.querySelector('[data-test="volunteer-switch"]').focus() ?? true`)
	p.do("switch it on", chromedp.KeyEvent(" "))
	p.until("be on", switched("true"))
	if text := p.reads("volunteer-now"); !contains(text, "a minute after you came into a room") {
		t.Errorf("then they say %q", text)
	}
	script[bool](p, `(() => {
		const list = document.querySelector('[data-test="volunteer-limit"]');
		list.value = "5000";
		return list.dispatchEvent(new Event("change", { bubbles: true }));
	})()`)
	p.until("see the limit", `document.querySelector('[data-test="settings-volunteer"]').innerText.includes("up to 5 Mbit/s")`)
	newViewer(t).looks(p, "settings volunteer")
	if s := api[map[string]any](p, "PUT", "volunteer", map[string]any{"on": false}); s["volunteer"].(map[string]any)["kbps"] != 5000.0 {
		t.Errorf("the node says %v", s["volunteer"])
	}
	p.until("be off again", switched("false"))
}

// A name is changed in the settings, which say what follows from it.
func TestRename(t *testing.T) {
	p := alone(t, "Ana", setup{})
	p.open(p.node.Page)
	p.sees("empty")
	p.open(p.node.Origin() + "/#/settings")
	if text := p.reads("settings-you"); !contains(text, "People see it in the rooms that you join") {
		t.Errorf("the settings say %q", text)
	}
	script[bool](p, `document.querySelector('[data-test="profile-name"]').select() ?? true`)
	p.types("profile-name", "Ana Maria")
	p.clicks("profile-save")
	p.until("be told", `document.querySelector('[data-test="notices"]').innerText.includes("You are Ana Maria now")`)
	if text := p.reads("profile"); !contains(text, "Ana Maria") {
		t.Errorf("the head of the page says %q", text)
	}
	if text := p.reads("settings-about"); !contains(text, "salon", "mDNS is off") {
		t.Errorf("about: %q", text)
	}
}

// Whom one muted or blocked is listed, taken off the list, and put back by Undo.
func TestPeopleList(t *testing.T) {
	p := alone(t, "Ana", setup{})
	p.beforeEveryPage(watchTimers)
	p.open(p.node.Page)
	p.sees("empty")
	p.open(p.node.Origin() + "/#/settings/people")
	p.sees("people-none")
	p.until("begin reading there", `document.activeElement.innerText.includes("muted or blocked")`)
	// The page that is open hears of it.
	larry := doc.NewPrivateKey().Public().String()
	api[map[string]any](p, "PUT", "people/"+larry, map[string]any{"name": "Loud Larry", "muted": true, "blocked": true})
	p.sees("known")
	if text := p.reads("known"); !contains(text, "Loud Larry", "blocked, muted") {
		t.Errorf("the list says %q", text)
	}
	newViewer(t).looks(p, "settings people")
	p.clicks("unmute")
	p.seesNo("unmute")
	p.sees("unblock")
	p.clicks("unblock")
	p.sees("people-none")
	list := func() []struct{ Name string } {
		return api[struct {
			People []struct{ Name string }
		}](p, "GET", "people", nil).People
	}
	if l := list(); len(l) != 0 {
		t.Errorf("the node still lists %v", l)
	}
	p.do("undo", chromedp.KeyEvent("z", chromedp.KeyModifiers(chromedp.ModifierCtrl)))
	p.sees("unblock")
	p.seesNo("unmute") // that was taken off before
	p.do("undo", chromedp.KeyEvent("z", chromedp.KeyModifiers(chromedp.ModifierCtrl)))
	p.sees("unmute")
	if l := list(); len(l) != 1 {
		t.Errorf("after Undo the node lists %v", l)
	}
}

// An answer that comes late does not put a list away that is newer than its question.
func TestPeopleListLate(t *testing.T) {
	p := alone(t, "Ana", setup{})
	p.beforeEveryPage(`window.late = [];
		window.fetch = ((real) => async (path, init) => {
			const answer = await real(path, init);
			if (path === "/api/v1/people") await new Promise((go) => window.late.push(go));
			return answer;
		})(window.fetch)`)
	p.open(p.node.Page)
	p.sees("empty")
	p.open(p.node.Origin() + "/#/settings/people")
	p.until("have asked", `window.late.length === 1`)
	larry := doc.NewPrivateKey().Public().String()
	api[map[string]any](p, "PUT", "people/"+larry, map[string]any{"name": "Loud Larry", "muted": true})
	p.sees("known")
	script[bool](p, `(window.late[0](), new Promise((done) => setTimeout(() => requestAnimationFrame(() => done(true)))))`)
	if !script[bool](p, `!!document.querySelector('[data-test="known"]')`) {
		t.Error("the older answer has put the list away")
	}
}
