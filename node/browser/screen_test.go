package browser

import "testing"

// forgetful is a matchMedia that does what Chromium's does, whenever the test likes: a list that was asked between a change and the
// drawing after it does not tell of the change. now(calm) changes what the person wants, drawn() is that drawing.
const forgetful = `(() => {
	const whole = globalThis.matchMedia.bind(globalThis), lists = new Set();
	let calm = false;
	class List extends EventTarget {
		known = calm;
		get matches() { return this.known = calm; }
	}
	globalThis.matchMedia = (query) => {
		if (!query.includes("prefers-reduced-motion")) return whole(query);
		const list = new List();
		lists.add(list);
		return list;
	};
	globalThis.now = (wanted) => { calm = wanted; };
	globalThis.drawn = () => {
		for (const list of lists) if (list.known !== list.matches) list.dispatchEvent(new Event("change"));
	};
})()`

// Who changes their mind about motion is heard, even by a page that is drawn anew just then for something else.
func TestMotionChanges(t *testing.T) {
	p := alone(t, "Ana", setup{microphone: microphone(t, make([]float32, rate))})
	p.beforeEveryPage(forgetful)
	p.open(p.node.Page)
	p.startsRoom("Calm and lively", "talk")
	p.clicks(`react[data-emoji="❤️"]`)
	p.until("see it rise", `!!document.querySelector(".bubbling") && !document.querySelector(".reaction-count")`)
	script[bool](p, `(() => {
		now(true);
		return document.querySelector('[data-test="reactions"]').dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight", bubbles: true }));
	})()`)
	p.until("be drawn anew", `document.querySelectorAll('[data-test="react"]')[1].tabIndex === 0`)
	script[bool](p, `drawn() === undefined`)
	p.clicks(`react[data-emoji="❤️"]`)
	p.until("see a number instead", `!document.querySelector(".bubbling") && !!document.querySelector(".reaction-count")`)
}
