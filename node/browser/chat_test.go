package browser

import (
	"fmt"
	"strings"
	"testing"

	"salon/node/client"
)

// seesLine waits for a message.
func (p *person) seesLine(text string) {
	p.t.Helper()
	p.until("read "+text, fmt.Sprintf(`[...document.querySelectorAll('[data-test="chat-line"]')].some((e) => e.innerText.includes(%s))`, asJSON(text)))
}

// writes sends a message from the page.
func (p *person) writes(text string) {
	p.t.Helper()
	p.types("chat-input", text)
	p.clicks("chat-send")
	p.until("have sent it", `document.querySelector('[data-test="chat-input"]').value === ""`)
}

// The chat: links, mentions, what is removed or kept on top, slow mode, and its end.
func TestChat(t *testing.T) {
	silence := microphone(t, make([]float32, rate))
	ana, bo := meet(t, silence, silence)
	v := newViewer(t)
	ana.startsRoom("Side notes", "talk")
	cy := joins(t, "Cy", ana)
	bo.clicks("listen")
	bo.sees("chat-input")

	// What is a link can be clicked and gives nothing away; nothing else is more than text.
	bo.writes(`Notes (https://example.org/a_(b)?x=1), <img src=x onerror="document.title='hacked'"> javascript:alert(1)`)
	ana.seesLine("Notes")
	type anchor struct{ Href, Target, Rel, Text string }
	links := script[[]anchor](ana, `[...document.querySelectorAll('[data-test="chat-line"] .line-text a')].map((a) => ({Href: a.href, Target: a.target, Rel: a.rel, Text: a.innerText}))`)
	if len(links) != 1 || links[0].Href != "https://example.org/a_(b)?x=1" || links[0].Target != "_blank" || links[0].Rel != "noopener noreferrer nofollow" {
		t.Errorf("links %+v", links)
	}
	if n := script[int](ana, `document.querySelectorAll(".line-text :not(a, mark)").length`); n != 0 {
		t.Errorf("a message brought %d elements", n)
	}

	// A name is offered while it is typed; its person is told, and no one else.
	bo.types("chat-input", "And @an")
	bo.clicks("mention")
	bo.types("chat-input", "what do you say?")
	bo.clicks("chat-send")
	ana.sees(`chat-line[data-mention="true"]`)
	ana.says("Bo mentions you: And @Ana what do you say?")
	if script[bool](ana, `announced.some((text) => text.includes("Notes"))`) {
		t.Error("every message is read aloud")
	}

	// On top, and gone.
	seq := script[int](ana, `Number(document.querySelector('[data-test="chat-line"]').dataset.seq)`)
	line := fmt.Sprintf(`chat-line[data-seq="%d"]`, seq)
	ana.clicks(line + ` [data-test="line-menu"]`)
	v.looks(ana, "message menu")
	ana.clicks("pin-line")
	bo.sees("pinned")
	bo.says("kept on top")
	v.looks(ana, "chat")
	v.looks(bo, "chat of a listener")
	ana.clicks("unpin")
	bo.seesNo("pinned")
	ana.clicks(line + ` [data-test="line-menu"]`)
	ana.clicks("pin-line")
	bo.clicks(line + ` [data-test="line-menu"]`) // one's own
	if script[bool](bo, `!!document.querySelector('[data-test="pin-line"]')`) {
		t.Error("a listener is offered to keep a message on top")
	}
	bo.clicks("erase-line")
	ana.sees(line + `[data-erased="true"]`)
	ana.seesNo("pinned")
	if n := script[int](bo, `document.querySelectorAll('[data-test="line-menu"]').length`); n != 1 {
		t.Errorf("Bo may handle %d messages, not only the one that is his", n)
	}

	// Whoever reads further up stays there, and is told what came.
	for range 3 {
		cy.does(client.Action{Action: "say", Text: strings.Repeat("and so on ", 49)})
	}
	bo.until("have much to read", `document.querySelectorAll('[data-test="chat-line"]').length === 5`)
	script[bool](bo, `new Promise((done) => {
	  const lines = document.querySelector('[data-test="chat-lines"]');
	  lines.addEventListener("scroll", () => done(true), {once: true});
	  lines.scrollTop = 0;
	})`)
	cy.does(client.Action{Action: "say", Text: "Did you see this?"})
	bo.sees("new-lines")
	bo.clicks("new-lines")
	bo.seesNo("new-lines")
	bo.until("be at the end", `(() => { const l = document.querySelector('[data-test="chat-lines"]'); return l.scrollHeight - l.scrollTop - l.clientHeight < 2; })()`)

	// Somebody muted is folded away.
	bo.clicks(fmt.Sprintf(`chat-line[data-person=%q] .line-name`, cy.me))
	bo.clicks("mute-for-me")
	bo.sees(fmt.Sprintf(`chat-line[data-person=%q][data-folded="true"]`, cy.me))
	script[bool](bo, `[...document.querySelectorAll('[data-test="show-line"]')].at(-1).click() ?? true`)
	bo.seesLine("Did you see this?")

	// What cannot be sent stays in the field, with the reason.
	bo.puts("chat-input", strings.Repeat("x", 503))
	if text := bo.reads("chat-note"); !contains(text, "too long by 3 characters") {
		t.Errorf("a message of 503 characters: %q", text)
	}
	bo.puts("chat-input", strings.Repeat("y", 460))
	if text := bo.reads("chat-note"); !contains(text, "40 characters left") {
		t.Errorf("a message of 460 characters: %q", text)
	}
	bo.puts("chat-input", "Do not lose me")
	script[bool](bo, `(() => {
	  const real = fetch;
	  globalThis.fetch = (url, ...more) => {
	    if (!String(url).endsWith("/do")) return real(url, ...more);
	    globalThis.fetch = real;
	    return Promise.reject(new TypeError("cut off"));
	  };
	  return true;
	})()`)
	bo.clicks("chat-send")
	if text := bo.reads("chat-problem"); !contains(text, "not answering") {
		t.Errorf("what was not sent is explained by %q", text)
	}
	bo.clicks("back") // and it is there when one comes back
	bo.clicks("dock-return")
	bo.until("have the text still", `document.querySelector('[data-test="chat-input"]')?.value === "Do not lose me"`)
	bo.clicks("chat-send")
	ana.seesLine("Do not lose me")

	// Slow mode, and the end of the chat: those who lead write on.
	ana.clicks("manage")
	ana.chooses("slow-select", "60")
	bo.sees("slow")
	bo.says("Slow mode: one message every 60 seconds")
	api[any](ana, "POST", "rooms/"+ana.room()+"/do", map[string]any{"action": "slow", "seconds": 3600}) // so that this test is fast enough
	bo.until("be told to wait", `/You can write again in \d/.test(document.querySelector('[data-test="chat-note"]')?.innerText)`)
	bo.puts("chat-input", "Too early")
	bo.until("not be able to send", `document.querySelector('[data-test="chat-send"]').getAttribute("aria-disabled") === "true"`)
	v.looks(bo, "slow mode")
	ana.clicks("chat-switch")
	bo.sees("chat-is-closed")
	bo.says("The chat is closed")
	if script[bool](bo, `!!document.querySelector('[data-test="chat-input"]')`) {
		t.Error("a closed chat can be written in")
	}
	ana.clicks("close")
	ana.writes("Only I can now")
	bo.seesLine("Only I can now")
}

// puts replaces what is in a field, as pasting does.
func (p *person) puts(test, text string) {
	p.t.Helper()
	p.sees(test)
	script[bool](p, fmt.Sprintf(`((field) => { field.focus(); field.select(); return document.execCommand("insertText", false, %s); })(document.querySelector(%s))`,
		asJSON(text), asJSON(selector(test))))
}

// chooses takes an option of a list.
func (p *person) chooses(test, value string) {
	p.t.Helper()
	p.sees(test)
	script[bool](p, fmt.Sprintf(`((list) => { list.value = %s; list.dispatchEvent(new Event("change", {bubbles: true})); return true; })(document.querySelector(%s))`,
		asJSON(value), asJSON(selector(test))))
}
