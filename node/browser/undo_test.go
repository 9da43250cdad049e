package browser

import (
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
)

// watchTimers notes what the page sets its timers to, and which of them it cleared. Those that put a notice away run a
// hundred times slower: a machine that is busy may need longer than the notice stays.
const watchTimers = `
window.timers = [];
{
  const set = window.setTimeout, clear = window.clearTimeout;
  window.setTimeout = (f, ms, ...more) => {
    const id = set(f, ms >= 2000 && ms <= 8000 ? 100 * ms : ms, ...more);
    timers.push({id, ms, cleared: false});
    return id;
  };
  window.clearTimeout = (id) => {
    for (const timer of timers) if (timer.id === id) timer.cleared = true;
    clear(id);
  };
}`

// Who leaves a room by a slip is back with one click, or one key; a notice waits for whoever is at it.
func TestUndoLeaving(t *testing.T) {
	mute := microphone(t, make([]float32, rate))
	ana, bo := meet(t, mute, mute)
	bo.beforeEveryPage(watchTimers)
	bo.open("about:blank")
	bo.open(bo.node.Page)
	ana.startsRoom("Slippery", "talk")
	bo.sees("room-card")
	bo.clicks("listen")
	bo.sees(`room[data-phase="live"]`)

	bo.clicks("leave")
	bo.sees("undo")
	if text := bo.reads("notice"); !contains(text, "left Slippery", "Undo") {
		t.Errorf("the notice says %q", text)
	}
	bo.sees("room-card")
	bo.until("be counted out", `document.querySelector('[data-test="room-card"]').innerText.includes("0 listening")`)

	// While it has the focus it stays, or the mouse, which lies where the button to leave was.
	bo.do("take the mouse away", chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, 5, 5))
	bo.until("have set a timer", `timers.some((timer) => timer.ms === 8000 && !timer.cleared)`)
	script[bool](bo, `document.querySelector('[data-test="undo"]').focus() ?? true`)
	bo.until("stop the timer", `timers.every((timer) => timer.ms !== 8000 || timer.cleared)`)
	script[bool](bo, `document.activeElement.blur() ?? true`)
	bo.until("go on", `timers.some((timer) => timer.ms >= 2000 && timer.ms < 8000 && timer.ms !== 7000 && !timer.cleared)`)
	bo.clicks("undo")
	bo.sees(`room[data-phase="live"][data-role="listener"]`)
	bo.seesNo("undo")
	bo.until("hear the room", `document.querySelector('[data-test="quality"]') !== null`)

	// The key does it too, but belongs to a field while one writes in it.
	bo.clicks("leave")
	bo.sees("undo")
	bo.clicks("start-room")
	bo.types("room-title-input", "Other")
	bo.do("undo the writing", chromedp.KeyEvent("z", chromedp.KeyModifiers(chromedp.ModifierCtrl)))
	bo.sees("undo")
	script[bool](bo, `document.activeElement.blur() ?? true`)
	bo.do("undo leaving", chromedp.KeyEvent("z", chromedp.KeyModifiers(chromedp.ModifierCtrl)))
	bo.sees(`room[data-phase="live"]`)

	// Out, and into a room of one's own: coming back would end it, so the room is only shown.
	bo.clicks("leave")
	bo.sees("undo")
	bo.startsRoom("My own", "talk")
	bo.clicks("undo")
	bo.sees("preview-room")
	bo.sees("dock")
}

// Who was removed by a slip may come back without a look for the list of the removed.
func TestUndoRemoving(t *testing.T) {
	mute := microphone(t, make([]float32, rate))
	ana, bo := meet(t, mute, mute)
	ana.beforeEveryPage(watchTimers)
	ana.open("about:blank")
	ana.open(ana.node.Page)
	ana.startsRoom("By mistake", "talk")
	bo.sees("room-card")
	bo.clicks("listen")
	bo.sees(`room[data-phase="live"]`)
	ana.clicks("tab-people")
	ana.clicks(`one[data-role="listener"] [data-test="one-open"]`)
	ana.clicks("remove-person")
	ana.clicks("remove-confirm")
	bo.sees(`room-over[data-phase="removed"]`)
	ana.clicks("undo")
	ana.clicks("manage")
	ana.sees("manage-dialog")
	ana.seesNo("removed")
	bo.clicks("back-to-rooms")
	bo.clicks("listen")
	bo.sees(`room[data-phase="live"]`)
}

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
	// A mouse aims at what stands still.
	p.until("stand still", `((at) => { const stood = window.stood === at; window.stood = at; return stood; })(JSON.stringify(document.querySelector('[data-test="notice"] button').getBoundingClientRect()))`)
	p.do("dismiss", chromedp.Click(chromedp.CSS(`[data-test="notice"] button`)))
	p.seesNo("notice")
	p.clicks("close")
	p.until("have the notices back", `document.querySelector('[data-test="notices"]').closest("dialog") === null`)
}
