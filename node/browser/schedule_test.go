package browser

import (
	"testing"
	"time"
)

// startsAt fills the date and time of a room that is being started.
func (p *person) startsAt(at time.Time) {
	p.t.Helper()
	script[bool](p, `(() => {
		const field = document.querySelector('[data-test="start-at"]');
		Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(field, `+asJSON(at.Format("2006-01-02T15:04"))+`);
		field.dispatchEvent(new Event("input", {bubbles: true}));
		return true;
	})()`)
}

// A room that starts later waits in everyone's list; its guests wait inside and hear nothing until the host opens the doors.
func TestScheduledRoom(t *testing.T) {
	pcm := voice(t, anasVoice)
	ana, bo := meet(t, microphone(t, breathless(pcm)), microphone(t, make([]float32, rate)))
	v := newViewer(t)
	ana.clicks("start-room")
	ana.types("room-title-input", "Tea at five")
	ana.clicks("more-options")
	ana.clicks("start-later")
	ana.clicks("record-asks")
	ana.startsAt(time.Now().Add(-2 * time.Hour))
	ana.clicks("room-start")
	ana.sees("start-at-wrong")
	if text := ana.reads("start-at-wrong"); !contains(text, "over") {
		t.Errorf("a start in the past: %q", text)
	}
	ana.startsAt(time.Now().Add(40 * time.Minute))
	ana.seesNo("start-at-wrong")
	v.looks(ana, "start later")
	ana.clicks("room-start")
	ana.sees("waiting-room")
	ana.sees("begin")
	ana.sees(`seat[data-speaking]`)
	v.looks(ana, "waiting room of the host")

	bo.sees("soon")
	if text := bo.reads("room-card"); !contains(text, "Tea at five", "Starts in 39 min", "Wait inside") && !contains(text, "Starts in 40 min") {
		t.Errorf("the card says %q", text)
	}
	v.looks(bo, "starting soon")
	link := script[string](ana, `document.querySelector('[data-test="share-link"]').value`)
	bo.open(bo.node.Origin() + "/#/link/" + link)
	bo.sees("preview-room")
	if text := bo.reads("preview-room"); !contains(text, "Starts", "Waiting inside", "only while the host says so", "Wait inside") {
		t.Errorf("the preview says %q", text)
	}
	v.looks(bo, "preview of a room that waits")
	bo.clicks("preview-listen")
	bo.sees("waiting-room")
	bo.seesNo("begin")
	if text := bo.reads("waiting-room"); !contains(text, "Starts in", "Ana opens the room") {
		t.Errorf("the waiting room says %q", text)
	}
	ana.until("see Bo wait", `document.querySelector('[data-test="waiting-here"]').innerText.startsWith("1 person")`)
	v.looks(bo, "waiting room of a guest")
	if quiet := bo.quietFor(2); quiet > -70 {
		t.Errorf("Bo hears %.0f dBFS before the doors are open", quiet)
	}

	ana.clicks("begin")
	bo.seesNo("waiting-room")
	ana.seesNo("waiting-room")
	bo.until("hear Ana", `ear.lastSound > performance.now() - 50`)
	if text := script[string](bo, `document.querySelector('[data-test="announcer"]').innerText`); !contains(text, "doors are open") {
		t.Errorf("a screen reader is told %q", text)
	}
}

// The doors open by themselves at the time that was said.
func TestDoorsOpenByThemselves(t *testing.T) {
	pcm := voice(t, anasVoice)
	ana, bo := meet(t, microphone(t, breathless(pcm)), microphone(t, make([]float32, rate)))
	type room struct{ ID string }
	r := api[room](ana, "POST", "rooms", map[string]any{
		"title": "Soon", "mode": "talk", "language": "en", "starts": time.Now().Add(12 * time.Second).UnixMilli(),
	})
	ana.open(ana.node.Origin() + "/#/room/" + r.ID)
	ana.sees("begin")
	bo.sees("soon")
	bo.clicks("listen")
	bo.sees("waiting-room")
	bo.seesNo("waiting-room")
	bo.until("hear Ana", `ear.lastSound > performance.now() - 50`)
	ana.seesNo("begin")
}

// In a room without an audience everyone who comes may speak, and is told so before.
func TestStageOnlyRoom(t *testing.T) {
	mute := microphone(t, make([]float32, rate))
	ana, bo := meet(t, mute, mute)
	ana.clicks("start-room")
	ana.types("room-title-input", "Round table")
	ana.clicks("more-options")
	ana.clicks("who-all")
	ana.clicks("room-start")
	ana.sees(`room[data-phase="live"][data-role="host"]`)
	bo.sees("stage-only")
	if text := bo.reads("listen"); !contains(text, "Come in") {
		t.Errorf("the card's button says %q", text)
	}
	link := script[string](ana, `document.querySelector('[data-test="share-link"]').value`)
	bo.open(bo.node.Origin() + "/#/link/" + link)
	bo.sees("preview-listen")
	if text := bo.reads("preview-listen") + bo.reads("preview-hint"); !contains(text, "Come in", "may speak", "microphone off") {
		t.Errorf("the preview says %q", text)
	}
	newViewer(t).looks(bo, "preview of a room without an audience")
	bo.clicks("preview-listen")
	bo.sees(`room[data-phase="live"][data-role="listener"]`)
	type view struct {
		StageOnly bool `json:"stage_only"`
		Me        struct{ Seated bool }
	}
	if v := api[view](bo, "GET", "rooms/"+script[string](bo, `location.hash.split("/").at(-1)`), nil); !v.StageOnly || v.Me.Seated {
		t.Errorf("Bo came in as %+v", v)
	}
}
