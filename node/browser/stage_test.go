package browser

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"salon/node"
	"salon/node/client"
)

// seesQueue waits for the queue of hands, in the order of the page.
func (p *person) seesQueue(want string) {
	p.t.Helper()
	p.until("see the queue "+want,
		`[...document.querySelectorAll('[data-test="hand"]')].map((e) => e.dataset.place + " " + e.querySelector("bdi").innerText).join(", ") === `+asJSON(want))
}

// Hands wait in a queue that everybody sees; the host changes its order, by mouse and by keyboard.
func TestHandQueue(t *testing.T) {
	silence := microphone(t, make([]float32, rate))
	ana, bo := meet(t, silence, silence)
	v := newViewer(t)
	ana.startsRoom("Questions", "talk")
	cy, dee := joins(t, "Cy", ana), joins(t, "Dee", ana)
	bo.clicks("listen")
	bo.sees(`room[data-phase="live"]`)
	cy.does(client.Action{Action: "raise_hand"})
	ana.seesQueue("1 Cy")
	dee.does(client.Action{Action: "raise_hand"})
	ana.seesQueue("1 Cy, 2 Dee")
	bo.clicks("raise-hand")
	bo.sees(`hand-is-up[data-place="3"]`)
	if text := bo.reads("hand-is-up"); !contains(text, "3rd in line") {
		t.Errorf("the third is told %q", text)
	}
	bo.seesQueue("1 Cy, 2 Dee, 3 Bo")
	v.looks(ana, "hands")
	v.looks(bo, "third in line")

	// By keyboard, one place after the other: the focus goes with the hand.
	ana.tabsTo(`hand[data-place="3"] [data-test="hand-up"]`)
	ana.presses(kb.Enter)
	ana.seesQueue("1 Cy, 2 Bo, 3 Dee")
	ana.until("have the focus on the hand that moved", `document.activeElement.closest('[data-place="2"]') && document.activeElement.dataset.test === "hand-up"`)
	ana.says("Bo is 2nd in line")
	ana.tabsTo(`hand[data-place="3"] [data-test="hand-first"]`)
	ana.presses(kb.Enter)
	ana.seesQueue("1 Dee, 2 Cy, 3 Bo")
	ana.until("have the focus on the hand at the front", `document.activeElement.closest('[data-place="1"]') && document.activeElement.dataset.test === "hand-first"`)

	// By mouse.
	ana.clicks(`hand[data-place="1"] [data-test="hand-down"]`)
	ana.seesQueue("1 Cy, 2 Dee, 3 Bo")
	ana.clicks(`hand[data-place="3"] [data-test="hand-first"]`)
	ana.seesQueue("1 Bo, 2 Cy, 3 Dee")
	bo.sees(`hand-is-up[data-place="1"]`)
	bo.says("You are next in line")
	ana.clicks(`hand[data-place="3"] [data-test="hand-first"]`)
	ana.seesQueue("1 Dee, 2 Bo, 3 Cy")
	ana.clicks(`hand[data-place="3"] [data-test="dismiss-hand"]`)
	ana.seesQueue("1 Dee, 2 Bo")
	cy.until("have no hand up", func(v node.RoomView) bool { return !v.Me.Hand })

	// On stage; the keyboard goes on with who is next.
	ana.tabsTo(`hand[data-place="1"] [data-test="grant"]`)
	ana.presses(kb.Enter)
	dee.until("be on stage", func(v node.RoomView) bool { return v.Me.Seated })
	ana.seesQueue("1 Bo")
	ana.until("have the focus on the next hand", `document.activeElement.matches('[data-place="1"] [data-test="grant"]')`)
	bo.sees(`hand-is-up[data-place="1"]`)
	bo.clicks("lower-hand")
	ana.seesQueue("")
}

// A talking stick goes round: one speaks, the others on stage wait and are not muted.
func TestTalkingStick(t *testing.T) {
	pcm := breathless(voice(t, bosVoice))
	ana, bo := meet(t, microphone(t, make([]float32, rate)), microphone(t, pcm))
	v := newViewer(t)
	ana.startsRoom("Round table", "talk")
	cy := joins(t, "Cy", ana)
	bo.clicks("listen")
	bo.clicks("raise-hand")
	ana.clicks("grant")
	bo.sees(`room[data-role="speaker"]`)
	ana.until("hear Bo", `ear.lastSound > performance.now() - 50`)

	ana.clicks("manage")
	ana.clicks("stick-switch")
	ana.clicks("close")
	ana.sees(`stick[data-mine="true"]`)
	bo.sees(`stick[data-mine="false"]`)
	if text := bo.reads("stick"); !contains(text, "Ana has the word", "not muted") {
		t.Errorf("who waits is told %q", text)
	}
	ana.until("hear nothing", `performance.now() - ear.lastSound > 1500`)
	bo.sees("mute-me") // closed, and not muted
	if muted := script[bool](bo, `!!document.querySelector('[data-test="seat"][data-muted="true"]')`); muted {
		t.Error("who waits for the stick is shown as muted")
	}
	bo.sees("talking-muted")
	if text := bo.reads("talking-muted"); !contains(text, "Ana has the word") {
		t.Errorf("who speaks without the stick is told %q", text)
	}
	v.looks(ana, "stick mine")
	v.looks(bo, "stick waiting")

	// Next, with one click.
	if text := ana.reads("stick-next"); !contains(text, "Next: Bo") {
		t.Errorf("the button says %q", text)
	}
	ana.clicks("stick-next")
	bo.sees(`stick[data-mine="true"]`)
	bo.says("You have the word")
	ana.until("hear Bo", `ear.lastSound > performance.now() - 50`)
	ana.sees(`seat[data-role="speaker"][data-stick="true"]`)
	v.looks(bo, "stick speaking")

	// Bo is done, and nobody has it.
	bo.clicks("lay-stick")
	ana.sees(`stick[data-holder=""]`)
	if text := ana.reads("stick"); !contains(text, "Nobody has the word") {
		t.Errorf("without a holder the host is told %q", text)
	}
	v.looks(ana, "stick free")
	cy.does(client.Action{Action: "raise_hand"})
	ana.clicks("grant")
	cy.until("be on stage", func(v node.RoomView) bool { return v.Me.Seated })

	// To anyone, from their menu; then away with it.
	ana.clicks(fmt.Sprintf(`seat[data-person=%q]`, cy.me))
	ana.clicks("pass-stick")
	cy.until("have the stick", func(v node.RoomView) bool { return v.Me.MaySpeak })
	bo.sees(fmt.Sprintf(`stick[data-holder=%q]`, cy.me))
	ana.clicks("stick-in")
	bo.seesNo("stick")
	bo.says("put away")
	ana.until("hear Bo again", `ear.lastSound > performance.now() - 50`)
}

// A co-host leads as the host does: comes on stage, keeps order, appoints nobody, and ends the room.
func TestCoHost(t *testing.T) {
	silence := microphone(t, make([]float32, rate))
	ana, bo := meet(t, silence, silence)
	v := newViewer(t)
	ana.startsRoom("Together", "talk")
	cy := joins(t, "Cy", ana)
	bo.clicks("listen")
	bo.sees(`room[data-phase="live"]`)
	ana.clicks("tab-people")
	anasList := func(name string) string {
		return fmt.Sprintf(`[...document.querySelectorAll('[data-test="one"]')].find((e) => e.innerText.includes(%q))`, name)
	}
	ana.until("see Bo in the list", `!!`+anasList("Bo"))

	// Bo and Cy are co-hosts; then Cy before Bo, then only Bo.
	for _, name := range []string{"Bo", "Cy"} {
		script[bool](ana, anasList(name)+`.querySelector('[data-test="one-open"]').click() ?? true`)
		ana.clicks("cohost-person")
		ana.until("see the order", fmt.Sprintf(`[...document.querySelectorAll('[data-test="co-host"]')].at(-1)?.innerText.includes(%q)`, name))
		if name == "Cy" {
			v.looks(ana, "co-hosts")
			ana.clicks(`co-host[data-place="2"] [data-test="cohost-up"]`)
			ana.until("see Cy first", `document.querySelector('[data-test="co-host"]').innerText.includes("Cy")`)
			ana.clicks(`co-host[data-place="1"] [data-test="uncohost"]`)
			ana.sees("cohost-person") // once more
		}
		ana.clicks("close")
	}
	bo.sees(`room[data-role="co-host"]`)
	bo.says("co-host")
	cy.until("be co-host no more", func(v node.RoomView) bool { return !v.Me.Leads })

	// On stage without being asked, and in charge.
	bo.clicks("come-on-stage")
	bo.sees(`seat[data-role="co-host"]`)
	ana.sees(`seat[data-role="co-host"]`)
	v.looks(bo, "co-host")
	cy.does(client.Action{Action: "raise_hand"})
	bo.clicks("grant")
	cy.until("be on stage", func(v node.RoomView) bool { return v.Me.Seated })
	bo.clicks("manage")
	for _, step := range []struct{ click, tag string }{
		{"lock", "locked"}, {"record-switch", "recording"}, {"stage-only-switch", "stage-only"}, {"chat-switch", "chat-closed"},
	} {
		bo.clicks(step.click)
		ana.sees(step.tag)
	}
	v.looks(bo, "manage as co-host")
	bo.clicks("close")
	ana.clicks("recording")
	if text := ana.reads("recording-dialog"); !contains(text, "being recorded", "unseen") {
		t.Errorf("recording is explained by %q", text)
	}
	ana.clicks("close")
	v.looks(ana, "all tags")
	bo.clicks(fmt.Sprintf(`seat[data-person=%q]`, cy.me))
	bo.clicks("remove-person")
	bo.clicks("remove-confirm")
	cy.until("be out", func(v node.RoomView) bool { return v.Phase == node.Removed })
	bo.clicks(`notice[class] .round`) // it offers to take that back, and would lie over what is next

	// The host's place, and who is co-host, are the host's.
	bo.clicks(`seat[data-role="host"]`)
	bo.sees("person-dialog")
	bo.sees("mute-person")
	for _, power := range []string{"return-person", "remove-person", "cohost-person"} {
		if script[bool](bo, fmt.Sprintf(`!!document.querySelector('[data-test=%q]')`, power)) {
			t.Errorf("a co-host is offered %s for the host", power)
		}
	}
	bo.clicks("close")

	// The end, after a question.
	bo.sees("leave")
	bo.clicks("manage")
	bo.clicks("end")
	bo.clicks("end-confirm")
	ana.sees(`room-over[data-phase="ended"]`)
	bo.sees(`room-over[data-phase="ended"]`)
}

// In a room where everybody may speak nobody raises a hand.
func TestStageOnly(t *testing.T) {
	silence := microphone(t, make([]float32, rate))
	ana, bo := meet(t, silence, silence)
	ana.startsRoom("Kitchen table", "talk")
	bo.clicks("listen")
	bo.sees("raise-hand")
	ana.clicks("manage")
	ana.clicks("stage-only-switch")
	bo.sees("stage-only")
	bo.says("Everyone may come on stage")
	bo.seesNo("raise-hand")
	bo.clicks("come-on-stage")
	bo.sees(`room[data-role="speaker"]`)
	bo.sees("mute-me")
	ana.until("see Bo on stage", `document.querySelectorAll('[data-test="seat"]').length === 2`)
}
