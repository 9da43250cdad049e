package browser

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// meetOffline is meet on one computer that has no network at all.
func meetOffline(t *testing.T, anas, bos setup) (ana, bo *person) {
	t.Helper()
	c := offline(t)
	anasNode := startNode(t, c, "Ana")
	bosNode := startNode(t, c, "Bo", anasNode)
	ana = sitDown(t, c, "Ana", anasNode, anas)
	bo = sitDown(t, c, "Bo", bosNode, bos)
	ana.open(anasNode.Page)
	bo.open(bosNode.Page)
	return ana, bo
}

// Without a network Chromium has no WebRTC path to a player, and only sometimes one from a microphone; under a policy that
// forbids UDP it has neither. A conversation sounds and obeys as on any other day, without one word of it.
func TestOfflineConversation(t *testing.T) {
	for _, row := range []struct {
		name  string
		noUDP bool
	}{{"without a network", false}, {"nor UDP", true}} {
		t.Run(row.name, func(t *testing.T) {
			anasPCM, bosPCM := voice(t, anasVoice), breathless(voice(t, bosVoice))
			ana, bo := meetOffline(t, setup{microphone: microphone(t, anasPCM), noUDP: row.noUDP}, setup{microphone: microphone(t, bosPCM), noUDP: row.noUDP})
			over := func(p *person, sockets int) {
				t.Helper()
				if row.noUDP || sockets == 0 {
					p.until("have all its sound over WebSockets", `ear.sockets === `+asJSON(sockets))
				} else {
					p.until("hear over a WebSocket", `ear.sockets > 0`)
				}
			}
			ana.startsRoom("Cards and numbers", "talk")
			ana.sees(`seat[data-speaking]`)
			over(ana, 2)
			bo.sees("room-card")
			bo.clicks("listen")
			bo.until("first sound", `ear.firstSound > 0`)
			t.Logf("from Bo's click to the first sound: %.0f ms", script[float64](bo, `ear.firstSound - ear.clicked`))
			bo.until("play", playing)
			over(bo, 1)
			var anaSaid, toAna []float32
			measured(t, heardOffline, func() []comparison {
				ana.records(saidThere)
				bo.listens()
				ana.listens()
				toBo := bo.hears(12).Mono()
				toAna, anaSaid = ana.hears(12).Mono(), ana.recorded(saidThere, 12).Mono()
				return []comparison{{"Ana, heard by Bo", anaSaid, toBo}}
			})
			noneComesBack(t, "Ana", anaSaid, toAna)
			for _, p := range []*person{ana, bo} {
				p.seesNo("no-path")
				p.seesNo("speak-no-path")
			}
			if !row.noUDP {
				v := newViewer(t)
				v.looks(ana, "offline room")
				v.looks(bo, "offline room of another")
			}

			// Muting oneself.
			ana.clicks("mute-me")
			bo.until("hear nothing", `performance.now() - ear.lastSound > 1500`)
			if last := bo.quietFor(2); last > -70 {
				t.Errorf("Ana is muted, and Bo hears %.0f dBFS", last)
			}

			// Bo speaks, and is muted by the host.
			bo.clicks("raise-hand")
			ana.clicks("grant")
			bo.sees(`room[data-role="speaker"]`)
			ana.until("hear Bo", `ear.lastSound > performance.now() - 50`)
			over(bo, 2)
			measured(t, heardOffline, func() []comparison {
				bo.records(saidThere)
				ana.listens()
				toAna = ana.hears(7).Mono()
				return []comparison{{"Bo, heard by Ana", bo.recorded(saidThere, 7).Mono(), toAna}}
			})
			mutes(ana, bo)
			bo.clicks("unmute-me")
			ana.until("hear Bo again", `ear.lastSound > performance.now() - 50`)

			// A page that is loaded anew finds its way again.
			ana.do("reload", chromedp.Reload())
			ana.until("hear Bo after loading anew", `ear.lastSound > performance.now() - 50`)
			over(ana, 2)
			ana.clicks("end")
			ana.clicks("end-confirm")
			bo.sees("room-over")
			over(bo, 0)
		})
	}
}

// A concert is in stereo over WebSockets too.
func TestOfflineConcert(t *testing.T) {
	left, right := breathless(voice(t, anasVoice)), breathless(voice(t, bosVoice))
	right = said(right)[:len(left)]
	ana, bo := meetOffline(t, setup{microphone: microphone(t, left, right), noUDP: true}, setup{noUDP: true})
	ana.startsRoom("Two voices", "concert")
	ana.sees(`seat[data-speaking]`)
	bo.clicks("listen")
	bo.until("first sound", `ear.firstSound > 0`)
	var own, h hearing
	measured(t, heardOffline, func() []comparison {
		own, h = concertHeard(ana, bo)
		return []comparison{{"left", own.Left, h.Left}, {"right", own.Right, h.Right}}
	})
	staysApart(t, own, h)
	bo.until("hear over a WebSocket", `ear.sockets === 1`)
	ana.until("speak and hear over WebSockets", `ear.sockets === 2`)
}

// The sound check goes the same way.
func TestOfflineSoundCheck(t *testing.T) {
	c := offline(t)
	p := sitDown(t, c, "Ana", startNode(t, c, "Ana"), setup{microphone: microphone(t, voice(t, anasVoice)), noUDP: true})
	p.open(p.node.Page)
	p.clicks("start-room")
	p.clicks("mic-check")
	p.clicks("sound-check")
	measured(t, heardFromStart, func() []comparison {
		return checksSound(p, func() { p.until("record over a WebSocket", `ear.sockets === 1`) })
	})
}

// A page that comes through a tunnel, as README.md has it for a machine without a display, has no UDP to its node.
func TestThroughATunnel(t *testing.T) {
	far := offline(t)
	n := startNode(t, far, "Ana")
	tunnel(t, computers[0], far, strings.TrimPrefix(n.Origin(), "http://"))
	p := sitDown(t, computers[0], "Ana", n, setup{})
	p.open(n.Page)
	p.clicks("hear-it-work")
	p.until("hear the demo", `ear.firstSound > 0`)
	p.until("hear over a WebSocket", `ear.sockets === 1`)
}

// A browser that cannot code sound by itself says what to do.
func TestOfflineInAnOlderBrowser(t *testing.T) {
	c := offline(t)
	p := sitDown(t, c, "Ana", startNode(t, c, "Ana"), setup{noUDP: true})
	p.beforeEveryPage(`delete window.AudioEncoder; delete window.AudioDecoder;`)
	p.open(p.node.Page)
	p.startsRoom("Kitchen", "talk")
	p.sees("no-path")
	if text := p.reads("no-path"); !contains(text, "finds no way", "even one without internet", "current Chromium") {
		t.Errorf("the page says %q", text)
	}
	newViewer(t).looks(p, "offline in an older browser")
}

// When a network comes up the page goes back to WebRTC, and what it plays does not break off for it.
func TestBackFromOffline(t *testing.T) {
	pcm := voice(t, anasVoice)
	ana, bo := meetOffline(t, setup{microphone: microphone(t, pcm)}, setup{})
	ana.startsRoom("Cards and numbers", "talk")
	ana.sees(`seat[data-speaking]`)
	bo.clicks("listen")
	bo.until("first sound", `ear.firstSound > 0`)
	bo.until("hear over a WebSocket", `ear.sockets === 1`)
	bo.until("play", playing)
	plugIn(t, ana.computer)
	for _, p := range []*person{ana, bo} {
		p.patiently(3, func() { p.until("hear over WebRTC", `ear.sockets === 0 && ear.connected > 0`) })
		p.until("play", playing)
	}
	bo.until("hear Ana", `ear.lastSound > performance.now() - 50`)
	measured(t, heardOffline, func() []comparison {
		ana.records(saidThere)
		bo.listens()
		toBo := bo.hears(12).Mono()
		return []comparison{{"Ana, heard by Bo", ana.recorded(saidThere, 12).Mono(), toBo}}
	})
}
