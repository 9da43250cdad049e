package browser

import (
	"fmt"
	"testing"
)

// On a phone's screen one thing is shown at a time, and nothing is out of reach.
func TestPhone(t *testing.T) {
	silence := microphone(t, make([]float32, rate))
	ana, bo := meet(t, silence, silence)
	v := newViewer(t)
	phone := screens[1]
	v.emulate(bo, phone.width, phone.height, "light")
	fits := func(what string) {
		t.Helper()
		if wide := script[int64](bo, `document.documentElement.scrollWidth`); wide > phone.width {
			t.Errorf("%s is %d wide", what, wide)
		}
		if cut := script[string](bo, cutOff); cut != "" {
			t.Errorf("%s cuts off %s", what, cut)
		}
	}
	ana.startsRoom("In a pocket", "talk")
	bo.clicks("listen")
	bo.sees(`room[data-phase="live"]`)
	bo.sees("stage")
	fits("the stage")

	ana.writes("Hello, small screen")
	bo.sees(`unread[data-count="1"]`)
	bo.clicks("tab-chat")
	bo.seesLine("Hello, small screen")
	bo.seesNo("unread")
	bo.seesNo("stage")
	bo.writes("Hello, large screen")
	ana.seesLine("Hello, large screen")
	fits("the chat")
	// Field and controls are on the screen without scrolling.
	for _, test := range []string{"chat-input", "leave"} {
		if below := script[float64](bo, fmt.Sprintf(`document.querySelector('[data-test=%q]').getBoundingClientRect().bottom - innerHeight`, test)); below > 0 {
			t.Errorf("%s is %.0f px below the screen", test, below)
		}
	}
	bo.clicks("tab-people")
	bo.until("see Ana", `document.querySelector('[data-test="people"] [data-role="host"]')?.innerText.includes("Ana")`)
	bo.types("find-person", "bo")
	bo.until("see only Bo", `document.querySelectorAll('[data-test="one"]').length === 1 && !document.querySelector('[data-test="one"][data-role="host"]')`)
	bo.puts("find-person", "nobody at all")
	bo.sees("nobody")
	fits("the people")
	bo.clicks("tab-stage")
	bo.clicks(`react[data-emoji="🎉"]`)
	bo.clicks("raise-hand")
	bo.sees("hand-is-up")
	fits("the stage with a hand up")
	ana.clicks("grant")
	bo.clicks("mute-me")
	bo.clicks("quality")
	bo.sees("plot")
	bo.until("see seconds pass", `Number(document.querySelector('[data-test="plot"]').dataset.seconds) >= 3`)
	if text := script[string](bo, `document.querySelector('[data-test="plot"] svg').getAttribute("aria-label")`); !contains(text, "delay between", "lost") {
		t.Errorf("the plot says %q", text)
	}
	fits("the quality")
	bo.clicks("close")
	bo.clicks("leave")
	bo.sees("room-card")
}
