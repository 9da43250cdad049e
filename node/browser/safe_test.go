package browser

import "testing"

// After the first room the page offers once to keep a copy of keys and books; the settings have it always.
func TestSafeIsOffered(t *testing.T) {
	p := alone(t, "Ana", setup{microphone: microphone(t, make([]float32, rate))})
	v := newViewer(t)
	p.open(p.node.Page)
	p.sees("empty")
	p.seesNo("safe-offer")
	room := api[struct{ ID string }](p, "POST", "rooms", map[string]any{"title": "Kitchen talk"})
	api[map[string]any](p, "POST", "rooms/"+room.ID+"/do", map[string]any{"action": "leave"})
	p.open(p.node.Origin() + "/#/wallet")
	p.sees("safe-offer")
	p.tells("safe-offer", "Keep a copy of your keys and books?", "this computer alone", "in the settings whenever you want it")
	v.looks(p, "offer of a copy")
	p.clicks("safe-later")
	p.seesNo("safe-offer")
	p.open(p.node.Origin() + "/#/")
	p.sees("empty")
	p.seesNo("safe-offer")

	p.open(p.node.Origin() + "/#/settings")
	p.tells("settings-keys", "Never saved")
	p.clicks("keys-save")
	p.types("safe-word", "kittens")
	p.tells("safe-dialog", "5 more characters at least")
	p.types("safe-word", "kittens")
	p.sees(`safe-strength[data-how="plain"]`)
	p.types("safe-word", " and a lighthouse")
	p.sees(`safe-strength[data-how="strong"]`)
	p.types("safe-again", "kittens")
	p.clicks("safe-go")
	p.tells("safe-differ", "not the same")
	v.looks(p, "passphrase")
	p.types("safe-again", "kittens and a lighthouse")
	script[bool](p, `window.saved = null; URL.createObjectURL = ((make) => (blob) => { window.saved = blob; return make.call(URL, blob); })(URL.createObjectURL); true`)
	p.clicks("safe-go")
	p.tells("safe-done", "in your downloads")
	v.looks(p, "copy saved")
	if head := script[string](p, `window.saved.slice(0, 9).text()`); head != "salonsafe" {
		t.Errorf("the file begins with %q", head)
	}
	p.clicks("close")
	p.tells("settings-keys", "Saved last")
	v.looks(p, "settings with keys")
}
