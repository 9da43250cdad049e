package browser

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"salon/node/client"
)

// A page of another site, even one that knows the key, can do nothing with the node and read nothing of it.
func TestForeignPage(t *testing.T) {
	p := alone(t, "Ana", setup{})
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, "<!doctype html><title>Another site</title><p>Nothing to see</p>")
	}))
	defer site.Close()
	c := must[*client.Client](t)(client.Running(context.Background(), p.node.Home))
	script := func(source string) string { t.Helper(); return script[string](p, source) }
	var check struct{ ID string }
	must[any](t)(nil, c.Call(t.Context(), "POST", "/api/v1/check", nil, &check))
	for _, from := range []string{site.URL, strings.Replace(site.URL, "127.0.0.1", "localhost", 1)} {
		p.open(from)
		var open struct{ Socket string } // with a ticket that is good
		must[any](t)(nil, c.Call(t.Context(), "POST", "/api/v1/check/"+check.ID+"/socket/publish", nil, &open))
		for _, row := range []struct{ name, source string }{
			{"start a room", `fetch(API + "rooms", {method: "POST", headers: {"Content-Type": "application/json", Authorization: "Bearer " + KEY}, body: '{"title":"Stolen"}'})`},
			{"start a room without asking first", `fetch(API + "rooms", {method: "POST", mode: "no-cors", body: '{"title":"Stolen"}'})`},
			{"change the name", `fetch(API + "name", {method: "PUT", headers: {"Content-Type": "application/json", Authorization: "Bearer " + KEY}, body: '{"name":"Eve"}'})`},
			{"read who it is", `fetch(API + "status", {headers: {Authorization: "Bearer " + KEY}})`},
			{"read who it is, unasked", `fetch(API + "status", {mode: "no-cors", credentials: "include"})`},
			{"publish", `fetch(API + "rooms/aaaaaaaaaaaaaaaaaaaaaaaaaa/whip", {method: "POST", headers: {"Content-Type": "application/sdp", Authorization: "Bearer " + KEY}, body: "v=0"})`},
			{"read the page", `fetch(API.replace("/api/v1/", "/"))`},
			{"load the page's script", `new Promise((ok, no) => { const s = document.createElement("script"); s.src = API.replace("/api/v1/", "/app.js"); s.onload = ok; s.onerror = () => no(new Error("refused")); document.head.append(s); })`},
			{"listen to events", `new Promise((ok, no) => { const e = new EventSource(API + "events"); e.onopen = ok; e.onerror = () => { e.close(); no(new Error("refused")); }; })`},
			{"ask for a WebSocket", `fetch(API + "rooms/aaaaaaaaaaaaaaaaaaaaaaaaaa/socket/publish", {method: "POST", headers: {Authorization: "Bearer " + KEY}})`},
			{"open a WebSocket", `new Promise((ok, no) => { const s = new WebSocket(SOCKET); s.onopen = ok; s.onerror = () => no(new Error("refused")); })`},
			{"post a form", `new Promise((ok) => { const f = document.createElement("iframe"); f.name = "post"; document.body.append(f); const o = document.createElement("form"); o.method = "post"; o.action = API + "demo"; o.target = "post"; o.enctype = "text/plain"; document.body.append(o); f.onload = () => ok({type: "opaque"}); o.submit(); })`},
			{"show it in a frame", `new Promise((ok, no) => { const f = document.createElement("iframe"); f.src = API.replace("/api/v1/", "/"); document.body.append(f); f.onload = () => { try { ok({type: f.contentDocument ? "basic" : "opaque"}); } catch { ok({type: "opaque"}); } }; f.onerror = () => no(new Error("refused")); })`},
		} {
			source := strings.NewReplacer("API", asJSON(p.node.Origin()+"/api/v1/"), "KEY", asJSON(p.node.Key()),
				"SOCKET", asJSON("ws"+strings.TrimPrefix(p.node.Origin(), "http")+open.Socket)).Replace(row.source)
			// An opaque answer is one that the page can neither read nor learn the outcome of.
			got := script(fmt.Sprintf(`Promise.resolve(%s).then((r) => r?.type ?? "loaded", () => "refused")`, source))
			if got != "refused" && got != "opaque" {
				t.Errorf("%s from %s: %s", row.name, from, got)
			}
		}
	}
	status, err := c.Status(context.Background())
	if err != nil || status.Name != "Ana" {
		t.Errorf("afterwards the node is called %q, %v", status.Name, err)
	}
	if rooms, err := c.Rooms(context.Background()); err != nil || len(rooms) != 0 {
		t.Errorf("afterwards there are rooms: %v, %v", rooms, err)
	}
}
