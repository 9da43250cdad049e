package browser

import (
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"testing"

	"github.com/chromedp/cdproto/fetch"
	"github.com/chromedp/chromedp"
)

// whipWHEP is a folder with the published WHIP and WHEP client of another author, whose modules browsers run as they are.
func whipWHEP(t testing.TB) string {
	t.Helper()
	if _, err := exec.LookPath("npm"); err != nil {
		t.Skip("no npm to fetch the independent client with")
	}
	dir := t.TempDir()
	// The registry is in the network that the tests were started in.
	c := computer{}
	if computers[0].lan {
		c.enter = own()
	}
	cmd := c.command("npm", "install", "--prefix", dir, "--ignore-scripts", "--no-audit", "--no-fund", "whip-whep@1.2.0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Skipf("npm cannot fetch the independent client: %v\n%s", err, out)
	}
	return filepath.Join(dir, "node_modules", "whip-whep")
}

// serves answers what the page asks for below /independent/ of its own origin from a folder: no other origin may talk
// to the node. Everything else is the node's.
func (p *person) serves(dir string) {
	p.t.Helper()
	paused := chromedp.Events(p.ctx, fetch.RequestPaused)
	pattern := &fetch.RequestPattern{URLPattern: p.node.Origin() + "/independent/*"}
	if _, err := chromedp.Call(p.ctx, fetch.Enable, fetch.EnableParams{Patterns: []*fetch.RequestPattern{pattern}}); err != nil {
		p.t.Fatal(err)
	}
	go func() {
		for event, err := range paused {
			if err != nil {
				return // the tab is closed
			}
			answer := fetch.FulfillRequestParams{RequestID: event.RequestID, ResponseCode: 200}
			kind, body := "text/html", []byte("<!doctype html><title>A page of another author</title>")
			if name := path.Base(event.Request.URL); path.Ext(name) == ".js" {
				kind = "text/javascript"
				if body, err = os.ReadFile(filepath.Join(dir, name)); err != nil {
					answer.ResponseCode = 404
				}
			}
			answer.Body = body
			answer.ResponseHeaders = []*fetch.HeaderEntry{{Name: "Content-Type", Value: kind}}
			if _, err := chromedp.Call(p.ctx, fetch.FulfillRequest, answer); err != nil {
				return
			}
		}
	}()
	p.open(p.node.Origin() + "/independent/page.html")
}

// A client that was not written for salon publishes to one node and plays from another.
func TestIndependentClient(t *testing.T) {
	needBrowser(t)
	dir := whipWHEP(t)
	anasNode := startNode(t, computers[0], "Ana")
	bosNode := startNode(t, computers[1], "Bo", anasNode)
	ana := sitDown(t, computers[0], "Ana", anasNode, setup{microphone: microphone(t, voice(t, anasVoice))})
	bo := sitDown(t, computers[1], "Bo", bosNode, setup{})
	ana.serves(dir)
	bo.serves(dir)

	type view struct{ ID, Link string }
	room := api[view](ana, "POST", "rooms", map[string]string{"title": "Standards", "mode": "talk"})
	const publish = `(async (url, key) => {
		const { WHIPClient } = await import("/independent/whip.js");
		const pc = new RTCPeerConnection();
		const audio = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
		const stream = await navigator.mediaDevices.getUserMedia({ audio });
		pc.addTransceiver(stream.getAudioTracks()[0], { direction: "sendonly", streams: [stream] });
		window.whip = new WHIPClient();
		await whip.publish(pc, url, key);
	})`
	const play = `(async (url, key) => {
		const { WHEPClient } = await import("/independent/whep.js");
		const pc = new RTCPeerConnection();
		pc.addTransceiver("audio", { direction: "recvonly" });
		const audio = document.body.appendChild(new Audio());
		pc.addEventListener("track", (event) => { audio.srcObject = event.streams[0] ?? new MediaStream([event.track]); });
		document.body.addEventListener("click", () => void audio.play());
		window.whep = new WHEPClient();
		await whep.view(pc, url, key);
	})`
	call := func(p *person, source, way string) {
		t.Helper()
		// The client takes absolute addresses only.
		script[chromedp.Void](p, source+`(`+asJSON(p.node.Origin()+"/api/v1/rooms/"+room.ID+"/"+way)+`,`+asJSON(p.node.Key())+`)`)
	}
	call(ana, publish, "whip")
	api[view](bo, "POST", "join", map[string]string{"link": room.Link})
	call(bo, play, "whep")
	bo.do("click", chromedp.MouseClickXY(100, 100))
	bo.until("first sound", `ear.firstSound > 0`)
	heard := func() []comparison {
		ana.records(saidThere)
		bo.listens()
		toBo := bo.hears(10).Mono()
		return []comparison{{"whip-whep to whip-whep", ana.recorded(saidThere, 10).Mono(), toBo}}
	}
	measured(t, heardFromStart, heard)
	measured(t, wellHeard, heard)

	// Ending it ends it at the node.
	script[chromedp.Void](bo, `whep.stop()`)
	script[chromedp.Void](ana, `whip.stop()`)
	type me struct{ Publishing, Playing bool }
	type state struct{ Me me }
	answers(ana, "rooms/"+room.ID, "the session that published is over", func(s state) bool { return !s.Me.Publishing })
	answers(bo, "rooms/"+room.ID, "the session that played is over", func(s state) bool { return !s.Me.Playing })
}
