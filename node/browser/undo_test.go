package browser

import (
	"testing"

	"github.com/chromedp/chromedp"
)

// A notice is in reach while a dialog is open.
func TestNoticeOverDialog(t *testing.T) {
	p := alone(t, "Ana", setup{})
	p.open(p.node.Page)
	p.clicks("connect")
	p.types("peer-input", "nonsense")
	p.clicks("peer-add")
	p.sees("notice")
	if !script[bool](p, `document.querySelector("dialog[open]").contains(document.querySelector('[data-test="notice"]'))`) {
		t.Error("the notice is outside the dialog, where nothing can be clicked")
	}
	p.do("dismiss", chromedp.Click(chromedp.CSS(`[data-test="notice"] button`)))
	p.seesNo("notice")
	p.clicks("close")
	p.until("have the notices back", `document.querySelector('[data-test="notices"]').closest("dialog") === null`)
}
