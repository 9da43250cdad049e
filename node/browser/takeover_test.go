package browser

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"salon/node/client"
	"salon/node/media"
)

// speaks publishes a file for the person from another program, until the test ends or it is replaced.
func (p *person) speaks(c *client.Client, room string) (ended chan error, stop func()) {
	p.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	p.t.Cleanup(cancel)
	src := must[media.Source](p.t)(media.OpenSource(anasVoice, media.Options{Channels: 1, Loop: true}))
	ended = make(chan error, 1)
	go func() { ended <- c.Speak(ctx, room, media.NewMic(src)) }()
	return ended, cancel
}

// A person has one microphone at the node. Whoever else speaks for them is not interrupted by a page that only is open, and
// the page says so.
func TestAnotherProgramSpeaks(t *testing.T) {
	p := alone(t, "Ana", setup{microphone: microphone(t, breathless(voice(t, anasVoice)))})
	c := must[*client.Client](t)(client.Running(context.Background(), p.node.Home))
	v := newViewer(t)
	p.open(p.node.Page)
	p.startsRoom("Kitchen", "talk")
	p.sees(`seat[data-speaking]`)
	room := script[string](p, `location.hash.split("/").at(-1)`)
	still := func(ended chan error) {
		t.Helper()
		select {
		case err := <-ended:
			t.Fatalf("the other program was interrupted: %v", err)
		default:
		}
	}

	// Its own sessions a page does not take for another program's.
	p.open(p.node.Origin() + "/#/room/" + room)
	p.do("reload", chromedp.Reload())
	p.sees(`seat[data-speaking]`)

	ended, _ := p.speaks(c, room)
	p.sees(`speak-taken[data-now="true"]`)
	if text := p.reads("speak-taken"); !contains(text, "another program speaks for you", "speak from here") {
		t.Errorf("the page says %q", text)
	}
	v.looks(p, "another program speaks")
	still(ended)
	p.clicks("speak-here")
	if err := <-ended; !errors.Is(err, client.ErrReplaced) {
		t.Errorf("the other program is told %v", err)
	}
	p.seesNo("speak-taken")
	p.until("speak again", `ear.connected > ear.clicked`)
	p.sees(`seat[data-speaking]`)

	// A page that is opened meanwhile leaves it alone, and does not go on air by itself when it ends.
	ended, stop := p.speaks(c, room)
	p.sees(`speak-taken[data-now="true"]`)
	p.do("reload", chromedp.Reload())
	p.sees("room")
	p.sees(`speak-taken[data-now="true"]`)
	still(ended)
	stop()
	p.sees(`speak-taken[data-now="false"]`)
	v.looks(p, "another program spoke")
	if r, err := c.Room(context.Background(), room); err != nil || r.Me.Publishing {
		t.Errorf("the page speaks by itself: %v", err)
	}

	// The newest has it, even if it came while this page's session was still being opened.
	p.clicks("speak-here")
	p.until("have the microphone", `fetch("/api/v1/rooms/`+room+`", {headers: {Authorization: "Bearer " + localStorage["salon.key"]}}).then((r) => r.json()).then((r) => r.me.publishing)`)
	ended, stop = p.speaks(c, room)
	p.sees(`speak-taken[data-now="true"]`)
	still(ended)
	stop()
	p.sees(`speak-taken[data-now="false"]`)
	p.clicks("speak-here")
	p.sees(`seat[data-speaking]`)
	p.seesNo("speak-taken")
}

// What would put a person on air, or leave a room of theirs behind, is asked or refused first.
func TestOneRoomAtATime(t *testing.T) {
	p := alone(t, "Ana", setup{microphone: microphone(t, breathless(voice(t, anasVoice)))})
	v := newViewer(t)
	p.open(p.node.Page)
	p.startsRoom("Kitchen", "talk")
	first := script[string](p, `location.hash.split("/").at(-1)`)

	script[bool](p, `(location.hash = "#/check", true)`)
	p.sees("check-on-stage")
	if text := p.reads("check-on-stage"); !contains(text, "Kitchen", "on stage") {
		t.Errorf("the sound check says %q", text)
	}
	v.looks(p, "sound check on stage")
	p.clicks("check-return")
	p.sees("room")

	script[bool](p, `(location.hash = "#/start", true)`)
	p.do("reload", chromedp.Reload()) // the page has no sound on now, and asks all the same
	p.sees("dock")
	p.types("room-title-input", strings.Repeat("茶", 60))
	p.sees("too-long")
	if text := p.reads("too-long"); !contains(text, "7 characters") {
		t.Errorf("the title is %q", text)
	}
	v.looks(p, "start with a long title")
	script[bool](p, `(document.querySelector('[data-test="room-title-input"]').select(), true)`)
	p.types("room-title-input", strings.Repeat("茶", 53))
	p.seesNo("too-long")
	p.clicks("room-start")
	p.sees("switch-dialog")
	v.looks(p, "start while hosting")
	p.clicks("switch-confirm")
	p.sees(`room[data-phase="live"][data-role="host"]`)
	p.until("see the second room", `document.querySelector("h1").innerText.startsWith("茶")`)
	p.until("be in one room", `fetch("/api/v1/rooms/`+first+`", {headers: {Authorization: "Bearer " + localStorage["salon.key"]}}).then((r) => r.status === 404)`)

	// An ended room does not stay with the node once it was seen.
	p.clicks("end")
	p.clicks("end-confirm")
	p.sees("room-over")
	second := script[string](p, `location.hash.split("/").at(-1)`)
	script[bool](p, `(location.hash = "#/room/%zz", true)`) // as good as no address
	p.sees("empty")
	p.until("be in no room", `fetch("/api/v1/rooms/`+second+`", {headers: {Authorization: "Bearer " + localStorage["salon.key"]}}).then((r) => r.status === 404)`)
}
