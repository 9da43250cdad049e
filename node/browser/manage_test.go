package browser

import "testing"

// The host runs the room: invites, mutes all, closes hands, locks, removes, and lets back in.
func TestManageRoom(t *testing.T) {
	pcm := voice(t, bosVoice)
	ana, bo := meet(t, microphone(t, make([]float32, rate)), microphone(t, breathless(pcm)))
	ana.startsRoom("Order", "talk")
	bo.sees("room-card")
	bo.clicks("listen")
	bo.sees(`room[data-phase="live"][data-role="listener"]`)

	ana.clicks("tab-people")
	ana.until("see Bo listen", `document.querySelector('[data-test="people"] [data-test="one"][data-role="listener"]')?.innerText.includes("Bo")`)

	// An invitation that is declined, and one that is accepted.
	ana.clicks("invite-listener")
	bo.sees("invitation")
	if role := script[string](bo, `document.querySelector('[data-test="invitation"]').getAttribute("role")`); role != "alert" {
		t.Errorf("the invitation is read out as %q", role)
	}
	bo.clicks("decline")
	bo.seesNo("invitation")
	ana.sees("invite-listener")
	ana.clicks("invite-listener")
	bo.clicks("accept")
	bo.sees(`room[data-role="speaker"]`)
	ana.until("hear Bo", `ear.lastSound > performance.now() - 50`)

	ana.clicks("manage")
	ana.sees("manage-dialog")
	ana.clicks("mute-all")
	bo.sees(`seat[data-role="speaker"][data-muted="true"]`)
	ana.seesNo("mute-all") // nobody is left to mute
	ana.until("hear nothing", `performance.now() - ear.lastSound > 1500`)

	// Hands are closed, and opened.
	bo.clicks(`seat[data-role="speaker"]`)
	bo.clicks("step-down")
	bo.sees(`room[data-role="listener"]`)
	ana.clicks("close-hands")
	bo.until("see that hands are closed", `document.querySelector('[data-test="raise-hand"]').getAttribute("aria-disabled") === "true"`)
	if text := bo.reads("raise-hand"); !contains(text, "closed") {
		t.Errorf("the button says %q", text)
	}
	ana.clicks("open-hands")
	bo.until("see that hands are open", `document.querySelector('[data-test="raise-hand"]').getAttribute("aria-disabled") !== "true"`)

	// Bo leaves a locked room, and cannot come back before it is unlocked.
	ana.clicks("lock")
	bo.sees("locked")
	bo.clicks("leave")
	bo.sees("room-card")
	bo.until("see the lock on the card", `!!document.querySelector('[data-test="room-card"] [data-test="locked"]')`)
	bo.clicks("listen")
	bo.sees(`room-over[data-phase="failed"]`)
	if text := bo.reads("reason"); !contains(text, "locked") {
		t.Errorf("a locked room says %q", text)
	}
	bo.clicks("back-to-rooms")
	ana.clicks("unlock")
	bo.clicks("listen")
	bo.sees(`room[data-phase="live"]`)

	// Removed, and let back in.
	ana.clicks("close")
	ana.clicks(`one[data-role="listener"] [data-test="one-open"]`)
	ana.clicks("remove-person")
	ana.clicks("remove-confirm")
	bo.sees(`room-over[data-phase="removed"]`)
	ana.clicks("manage")
	ana.until("see Bo among the removed", `document.querySelector('[data-test="removed"]')?.innerText.includes("Bo")`)
	ana.clicks("readmit")
	ana.seesNo("removed")
	bo.clicks("back-to-rooms")
	bo.clicks("listen")
	bo.sees(`room[data-phase="live"]`)
}

// A room that refuses costs nobody the room they are in, not even a host who agreed to end it for the other.
func TestRefusalCostsNoRoom(t *testing.T) {
	ana, bo := meet(t, microphone(t, make([]float32, rate)), microphone(t, make([]float32, rate)))
	ana.startsRoom("Behind doors", "talk")
	ana.clicks("manage")
	ana.clicks("lock")
	bo.startsRoom("My own", "talk")
	bo.clicks("back")
	bo.sees("dock")
	const locked = `[...document.querySelectorAll('[data-test="room-card"]')].find((card) => card.querySelector('[data-test="locked"]'))`
	bo.until("see the locked room", `!!`+locked)
	script[bool](bo, locked+`.querySelector('[data-test="listen"]').click() ?? true`)
	bo.clicks("switch-confirm")
	bo.sees(`room-over[data-phase="failed"]`)
	if text := bo.reads("reason"); !contains(text, "locked") {
		t.Errorf("a locked room says %q", text)
	}
	bo.clicks("back-to-rooms")
	bo.clicks("dock-return")
	bo.sees(`room[data-phase="live"][data-role="host"]`)
	if title := bo.reads("room-title"); !contains(title, "My own") {
		t.Errorf("back in %q", title)
	}
}
