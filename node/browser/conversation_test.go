package browser

import (
	"strings"
	"testing"

	"salon/node/busy"
	"salon/node/heard"
)

// meet starts two nodes, each with a browser on its page; both see an empty world.
func meet(t testing.TB, anasMicrophone, bosMicrophone string) (ana, bo *person) {
	t.Helper()
	needBrowser(t)
	anasNode := startNode(t, computers[0], "Ana")
	bosNode := startNode(t, computers[1], "Bo", anasNode)
	ana = sitDown(t, computers[0], "Ana", anasNode, setup{microphone: anasMicrophone})
	bo = sitDown(t, computers[1], "Bo", bosNode, setup{microphone: bosMicrophone})
	ana.open(anasNode.Page)
	bo.open(bosNode.Page)
	return ana, bo
}

// startsRoom clicks through to a room of one's own.
func (p *person) startsRoom(title, mode string) {
	p.t.Helper()
	p.clicks("start-room")
	p.types("room-title-input", title)
	p.clicks("mode-" + mode)
	p.tells("co-host-hint", "co-host", "second device")
	p.clicks("room-start")
	p.sees(`room[data-phase="live"][data-role="host"]`)
}

// noneComesBack checks that nobody hears their own voice; the others must be silent, or it could hide behind theirs.
func noneComesBack(t testing.TB, name string, said, got []float32) {
	t.Helper()
	leak := heard.Leak(said, got)
	t.Logf("%s's own voice comes back at %.0f dB; all that is heard is %.0f dBFS", name, leak, loudness(got))
	if leak > -50 {
		t.Errorf("%s's own voice comes back at %.0f dB", name, leak)
	}
}

// The whole story of a talk between two people on one network.
func TestConversation(t *testing.T) {
	anasPCM, bosPCM := voice(t, anasVoice), breathless(voice(t, bosVoice))
	ana, bo := meet(t, microphone(t, anasPCM), microphone(t, bosPCM))
	bo.sees("empty")
	ana.startsRoom("Cards and numbers", "talk")
	ana.sees(`seat[data-speaking]`) // the node has her microphone

	// Bo was told no address, and finds the room.
	bo.sees("room-card")
	if text := bo.reads("room-card"); !contains(text, "Cards and numbers", "Ana") {
		t.Errorf("Bo sees a card with %q", text)
	}
	bo.clicks("listen")
	bo.sees(`room[data-phase="live"][data-role="listener"]`)
	bo.until("first sound", `ear.firstSound > 0`)
	bo.until("play", playing)
	var toBo, toAna, anaSaid, boSaid []float32
	measured(t, wellHeard, func() []comparison {
		ana.records(saidThere)
		bo.listens()
		ana.listens()
		toBo, toAna = bo.hears(12).Mono(), ana.hears(12).Mono()
		anaSaid = ana.recorded(saidThere, 12).Mono()
		return []comparison{{"Ana, heard by Bo", anaSaid, toBo}}
	})
	noneComesBack(t, "Ana", anaSaid, toAna)
	ana.until("see Bo counted", `document.querySelector('[data-test="listeners"]').dataset.count === "1"`)

	// A hand, and a seat.
	bo.clicks("raise-hand")
	bo.sees("hand-is-up")
	ana.sees("hand")
	if text := ana.reads("hand"); !contains(text, "Bo") {
		t.Errorf("Ana sees a hand of %q", text)
	}
	ana.clicks("mute-me") // so that whatever Bo hears now is Bo
	ana.clicks("grant")
	bo.sees(`room[data-role="speaker"]`)
	ana.until("hear Bo", `ear.lastSound > performance.now() - 50`)
	measured(t, wellHeard, func() []comparison {
		bo.records(saidThere)
		bo.listens()
		ana.listens()
		toAna, toBo = ana.hears(7).Mono(), bo.hears(7).Mono()
		boSaid = bo.recorded(saidThere, 7).Mono()
		return []comparison{{"Bo, heard by Ana", boSaid, toAna}}
	})
	noneComesBack(t, "Bo", boSaid, toBo)

	// Ana mutes Bo, who goes on talking.
	mutes(ana, bo)
	if lastWords := ana.quietFor(2); lastWords > -70 {
		t.Errorf("Ana still hears %.0f dBFS", lastWords)
	}

	// Bo may come back, and is heard again.
	bo.clicks("unmute-me")
	ana.until("hear Bo again", `ear.lastSound > performance.now() - 50`)

	// Back to the audience, and the end.
	bo.clicks(`seat[data-role="speaker"]`)
	bo.clicks("step-down")
	bo.sees(`room[data-role="listener"]`)
	ana.until("see Bo off the stage", `document.querySelectorAll('[data-test="seat"]').length === 1`)
	ana.clicks("end")
	ana.clicks("end-confirm")
	bo.sees("room-over")
	if text := bo.reads("room-over"); !contains(text, "Cards and numbers", "ended") {
		t.Errorf("Bo is told %q", text)
	}
	bo.clicks("back-to-rooms")
	bo.sees("empty")
	ana.clicks("back-to-rooms")
	ana.sees("empty")
}

// playing is true of a page whose one audio element really plays.
const playing = `(() => {
  const audio = document.querySelector('audio[data-test="room-audio"]');
  return !!audio && !audio.paused && !audio.muted && audio.volume === 1 && audio.currentTime > 0;
})()`

// mutes has Ana mute Bo, who is not heard a second later, on a machine that has the time.
func mutes(ana, bo *person) {
	ana.t.Helper()
	watch := busy.Begin()
	ana.clicks(`seat[data-role="speaker"]`)
	ana.clicks("mute-person")
	clicked := script[float64](ana, `ear.clicked`)
	bo.sees(`seat[data-role="speaker"][data-muted="true"]`)
	ana.until("hear nothing", `performance.now() - ear.lastSound > 1500`)
	muted := script[float64](ana, `ear.lastSound`) - clicked
	machine := watch.Stop()
	ana.t.Logf("from Ana's click on mute to the last sound of Bo: %.0f ms; %v", muted, machine)
	if muted > 1000 && machine.HadTime() {
		ana.t.Errorf("Bo is heard %.0f ms after being muted", muted)
	}
}

// quietFor is the level of so many seconds.
func (p *person) quietFor(seconds float64) float64 {
	p.t.Helper()
	p.listens()
	return loudness(p.hears(seconds).Mono())
}

// A concert arrives in stereo: another voice on each side.
func TestConcert(t *testing.T) {
	left, right := breathless(voice(t, anasVoice)), breathless(voice(t, bosVoice))
	right = said(right)[:len(left)]
	ana, bo := meet(t, microphone(t, left, right), microphone(t, make([]float32, rate)))
	ana.startsRoom("Two voices", "concert")
	ana.sees(`seat[data-speaking]`) // the node has the microphone
	bo.sees("room-card")
	for _, time := range []string{"first", "second"} { // a browser starts its sound only once
		if time == "second" {
			bo.clicks("leave")
		}
		bo.clicks("listen")
		bo.until("first sound", `ear.firstSound > 0`)
		t.Logf("the %s time, from the click to the first sound: %.0f ms, to the connection: %.0f ms", time,
			script[float64](bo, `ear.firstSound - ear.clicked`), script[float64](bo, `ear.connected - ear.clicked`))
	}
	bo.until("play", playing)
	var own, h hearing
	measured(t, wellHeard, func() []comparison {
		own, h = concertHeard(ana, bo)
		return []comparison{{"left", own.Left, h.Left}, {"right", own.Right, h.Right}}
	})
	staysApart(t, own, h)
}

// concertHeard is what Ana's microphone gives, and what Bo hears of it. (The browser says the file of a microphone as evenly as it has
// time to: that is for the browser to answer for.)
func concertHeard(ana, bo *person) (own, heard hearing) {
	ana.t.Helper()
	ana.records(saidThere)
	bo.listens()
	heard = bo.hears(12)
	return ana.recorded(saidThere, 12), heard
}

// staysApart checks that neither voice is heard on the other's side.
func staysApart(t testing.TB, own, h hearing) {
	t.Helper()
	for _, row := range []struct {
		name      string
		own, side []float32
	}{{"left", own.Left, h.Right}, {"right", own.Right, h.Left}} {
		if share := heard.Overlap(row.own, row.side).HeardShare; share > 0.5 {
			t.Errorf("the %s voice is heard on the other side: %.0f %%", row.name, 100*share)
		}
	}
}

func contains(text string, words ...string) bool {
	for _, w := range words {
		if !strings.Contains(strings.ToLower(text), strings.ToLower(w)) {
			return false
		}
	}
	return true
}
