package browser

import "testing"

// The sound check records five seconds, carries them the way of a room's sound, and plays them.
func TestSoundCheck(t *testing.T) {
	pcm := voice(t, anasVoice)
	p := alone(t, "Ana", setup{microphone: microphone(t, pcm)})
	p.open(p.node.Page)
	p.clicks("start-room")
	p.clicks("mic-check")
	p.sees("input-meter")
	p.clicks("sound-check")
	measured(t, heardFromStart, func() []comparison { return checksSound(p, func() {}) })
	if text := p.reads("check-line"); !contains(text, "level") {
		t.Errorf("the verdict is %q", text)
	}
	p.clicks("check-finish")
	p.seesNo("check-dialog")
	p.sees("room-start")
}

// checksSound records in the sound check, and is what was said and what was played of it; recording is called meanwhile.
func checksSound(p *person, recording func()) []comparison {
	p.t.Helper()
	p.records(saidThere)
	p.listens()
	p.clicks("check-record")
	p.sees(`check[data-phase="recording"]`)
	recording()
	p.sees(`check[data-phase="playing"]`)
	p.sees(`check[data-phase="done"]`)
	return []comparison{{"what was recorded", p.recorded(saidThere, 5).Mono(), p.hears(4.5).Mono()}}
}

// A sound check that breaks off says so, and it plays where the person chose.
func TestSoundCheckBreaksOff(t *testing.T) {
	p := alone(t, "Ana", setup{microphone: microphone(t, breathless(voice(t, anasVoice)))})
	p.beforeEveryPage(`
		localStorage["salon.speaker"] = "headset";
		window.sinks = [];
		HTMLMediaElement.prototype.setSinkId = async function (id) { sinks.push(id); };
	`)
	p.open(p.node.Page)
	p.sees("empty")
	script[bool](p, `(location.hash = "#/check", true)`)
	p.until("play on the chosen loudspeaker", `sinks.includes("headset")`)
	p.clicks("check-record")
	p.sees(`check[data-phase="recording"]`)
	script[bool](p, `fetch("/api/v1/check/1", {method: "DELETE", headers: {Authorization: "Bearer " + localStorage["salon.key"]}}).then((r) => r.ok)`)
	p.sees(`check[data-phase="failed"]`)
	if text := p.reads("check-line"); !contains(text, "did not work", "broke off") {
		t.Errorf("the page says %q", text)
	}
	p.clicks("check-record") // and can be begun again
	p.sees(`check[data-phase="recording"]`)
}
