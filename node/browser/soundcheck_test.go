package browser

import (
	"testing"
	"time"
)

// The sound check records five seconds, carries them the way of a room's sound, and plays them.
func TestSoundCheck(t *testing.T) {
	pcm := voice(t, anasVoice)
	p := alone(t, "Ana", setup{microphone: microphone(t, pcm)})
	p.open(p.node.Page)
	p.clicks("start-room")
	p.clicks("mic-check")
	p.sees("input-meter")
	p.clicks("sound-check")
	p.records(saidThere)
	p.listens()
	p.clicks("check-record")
	p.sees(`check[data-phase="recording"]`)
	p.sees(`check[data-phase="playing"]`)
	p.sees(`check[data-phase="done"]`)
	if text := p.reads("check-line"); !contains(text, "level") {
		t.Errorf("the verdict is %q", text)
	}
	// The browser begins to play with more delay than it needs, and hurries a little until it is rid of it.
	heardAtLeast(t, "what was recorded", 0.95, 100*time.Millisecond, p.recorded(saidThere, 5).Mono(), p.hears(4.5).Mono())
	p.clicks("check-finish")
	p.seesNo("check-dialog")
	p.sees("room-start")
}
