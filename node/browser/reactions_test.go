package browser

import (
	"fmt"
	"testing"

	"salon/node/client"
)

// Reactions of many are few things on the screen: those of one kind and moment are one, with their number.
func TestReactions(t *testing.T) {
	silence := microphone(t, make([]float32, rate))
	ana, bo := meet(t, silence, silence)
	v := newViewer(t)
	ana.startsRoom("Applause", "talk")
	cy, dee := joins(t, "Cy", ana), joins(t, "Dee", ana)
	bo.clicks("listen")
	bo.sees("reactions")
	for _, p := range []*person{ana, bo} {
		p.moves()
		v.settles(p)
		script[bool](p, `(() => {
		  globalThis.seen = {};
		  globalThis.bubbles = 0;
		  new MutationObserver((changes) => {
		    for (const { addedNodes } of changes) for (const e of addedNodes) {
		      if (!e.dataset?.emoji) continue;
		      bubbles++;
		      seen[e.dataset.emoji] = (seen[e.dataset.emoji] ?? 0) + Number(e.dataset.count);
		    }
		  }).observe(document.querySelector('[data-test="air"]'), { childList: true });
		  return true;
		})()`)
	}
	const each = 15 // as fast as one person may
	for range each {
		cy.does(client.Action{Action: "react", Emoji: "❤️"})
		dee.does(client.Action{Action: "react", Emoji: "❤️"})
	}
	dee.does(client.Action{Action: "react", Emoji: "🔥"})
	bo.clicks(`react[data-emoji="👏"]`)
	for _, p := range []*person{ana, bo} {
		p.until("see all reactions", fmt.Sprintf(`seen["❤️"] === %d && seen["🔥"] === 1 && seen["👏"] === 1`, 2*each))
		if n := script[int](p, `bubbles`); n > each {
			t.Errorf("%s saw %d reactions drawn as %d", p.name, 2*each+2, n)
		}
		if script[bool](p, `announced.some((text) => /heart|applause|fire/i.test(text))`) {
			t.Errorf("%s had reactions read aloud", p.name)
		}
	}
	ana.until("see the air clear", `document.querySelectorAll('[data-test="air"] *').length === 0`)

	// Where nothing may move there are numbers.
	v.emulate(ana, screens[0].width, screens[0].height, "light") // without motion
	cy.does(client.Action{Action: "react", Emoji: "🎉"})
	ana.until("see a number", `document.querySelector('[data-test="react"][data-emoji="🎉"] .reaction-count')?.innerText === "1"`)
	if script[bool](ana, `!!document.querySelector('[data-test="air"] *')`) {
		t.Error("something moves all the same")
	}
	v.looks(ana, "reactions")
}
