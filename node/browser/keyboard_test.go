package browser

import (
	"testing"

	"github.com/chromedp/chromedp/kb"
)

// A person without a mouse joins, asks to speak, writes, reacts, mutes, and leaves. Only keys are used.
func TestKeyboardAlone(t *testing.T) {
	silence := microphone(t, make([]float32, rate))
	ana, bo := meet(t, silence, silence)
	ana.startsRoom("No mouse", "talk")
	bo.sees("room-card")
	bo.tabsTo("listen")
	bo.presses(kb.Enter)
	bo.sees(`room[data-phase="live"][data-role="listener"]`)

	bo.tabsTo("raise-hand")
	bo.presses(" ")
	ana.sees("hand")
	bo.sees(`lower-hand[aria-disabled="false"]`)
	bo.presses("h") // and down again
	ana.seesNo("hand")
	bo.sees(`raise-hand[aria-disabled="false"]`)
	bo.presses("h")
	ana.tabsTo("grant")
	ana.presses(kb.Enter)
	bo.sees("mute-me")
	bo.presses("m")
	bo.sees("unmute-me")
	ana.sees(`seat[data-role="speaker"][data-muted="true"]`)

	// The chat: "c" goes there, and in the field letters are letters.
	bo.presses("c")
	bo.until("be in the field", `document.activeElement.dataset.test === "chat-input"`)
	bo.presses("hmm? @a")
	bo.sees("mention-list")
	bo.presses(kb.Enter)
	bo.until("have the name in the field", `document.activeElement.value === "hmm? @Ana "`)
	bo.presses("hello" + kb.Enter)
	ana.sees(`chat-line[data-mention="true"]`)
	ana.says("Bo mentions you")
	bo.sees("unmute-me") // still

	// One's own message goes again: a menu, and Escape out of it gives the focus back.
	bo.tabsTo("line-menu")
	bo.presses(kb.Enter)
	bo.sees("line-dialog")
	bo.presses(kb.Escape)
	bo.seesNo("line-dialog")
	bo.until("be back at the message", `document.activeElement.dataset.test === "line-menu"`)
	bo.presses(kb.Enter)
	bo.tabsTo("erase-line")
	bo.presses(kb.Enter)
	ana.sees(`chat-line[data-erased="true"]`)

	// Reactions are one stop, with arrows between.
	bo.tabsTo("react")
	bo.presses(kb.ArrowRight + kb.ArrowRight + kb.Enter)
	ana.until("see laughter", `[...document.querySelectorAll('[data-test="air"] [data-emoji], .reaction-count')].length > 0`)

	// The tabs, the keys' own overview, and the way out.
	bo.tabsTo("tab-chat")
	bo.presses(kb.ArrowRight)
	bo.sees("people")
	bo.presses("?")
	bo.sees("keys-dialog")
	bo.presses(kb.Escape)
	bo.seesNo("keys-dialog")
	bo.tabsTo("leave")
	bo.presses(kb.Enter)
	bo.sees("room-card")
	ana.until("see Bo gone", `document.querySelectorAll('[data-test="seat"]').length === 1`)
}
