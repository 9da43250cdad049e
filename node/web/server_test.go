package web

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"salon/ledger/doc"
	"salon/node"
	"salon/node/rtc"
)

// patience bounds every wait of these tests; none is expected to come near it.
const patience = 20 * time.Second

// A site is a server on loopback and the node behind it.
type site struct {
	*Server
	t testing.TB
}

func newSite(t testing.TB, o Options) *site {
	t.Helper()
	return newSiteOf(t, o, nil)
}

// newSiteOf is newSite of a node that is a relay if what it may carry is not nil.
func newSiteOf(t testing.TB, o Options, carries *node.Relay) *site {
	t.Helper()
	return newSiteAt(t, t.TempDir(), o, carries)
}

// newSiteAt is newSiteOf on a home.
func newSiteAt(t testing.TB, home string, o Options, carries *node.Relay) *site {
	t.Helper()
	n, err := node.New(node.Options{Home: home, Hidden: true, NoMDNS: true, Relay: carries, Listen: []string{"/ip4/127.0.0.1/udp/0/quic-v1"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	o.Addr, o.LoopbackOnly = "127.0.0.1:0", true
	s, err := New(n, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return &site{s, t}
}

// request is one that the page could make.
func (s *site) request(method, path, body string) *http.Request {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.URL()+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+s.key)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	return r
}

// send returns status, header and body of the answer, which must be as openapi.json says.
func (s *site) send(r *http.Request) (int, http.Header, string) {
	s.t.Helper()
	c := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	defer c.CloseIdleConnections()
	resp, err := c.Do(r)
	if err != nil {
		s.t.Fatalf("%s %s: %v", r.Method, r.URL, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatalf("%s %s: %v", r.Method, r.URL, err)
	}
	s.answered(r, resp.StatusCode, resp.Header, string(b))
	return resp.StatusCode, resp.Header, string(b)
}

// call expects a status and decodes the answer into out, if that is not nil.
func (s *site) call(method, path, body string, status int, out any) {
	s.t.Helper()
	code, _, answer := s.send(s.request(method, path, body))
	if code != status {
		s.t.Fatalf("%s %s %s: %d %s, want %d", method, path, body, code, answer, status)
	}
	if out != nil {
		if err := json.Unmarshal([]byte(answer), out); err != nil {
			s.t.Fatal(err)
		}
	}
}

// refused expects a refusal in the API's own words and returns its code.
func (s *site) refusal(r *http.Request, status int) string {
	s.t.Helper()
	code, _, answer := s.send(r)
	var e struct {
		Error struct{ Code, Text string }
	}
	if err := json.Unmarshal([]byte(answer), &e); code != status || err != nil || e.Error.Code == "" || e.Error.Text == "" {
		s.t.Errorf("%s %s: %d %s, want %d and why", r.Method, r.URL, code, answer, status)
	}
	return e.Error.Code
}

func (s *site) startRoom() node.RoomView {
	s.t.Helper()
	var v node.RoomView
	s.call("POST", "/api/v1/rooms", `{"title":"Kitchen","mode":"talk","language":"en"}`, http.StatusCreated, &v)
	return v
}

// stranger is somebody whom the node never met.
var stranger = doc.PublicKey{7}.String()

// allRoutes are all calls of the API, each with a request that it takes and the Go type of its JSON. ROOM and CHECK stand
// for what is open.
var allRoutes = []struct {
	method, path, body, contentType string
	answer                          any // nil: no JSON
}{
	{"GET", "/api/v1/openapi.json", "", "", map[string]any{}},
	{"GET", "/api/v1/status", "", "", node.Status{}},
	{"PUT", "/api/v1/name", `{"name":"Eve"}`, "application/json", node.Status{}},
	{"PUT", "/api/v1/volunteer", `{"on":true,"kbps":500}`, "application/json", node.Status{}},
	{"GET", "/api/v1/rooms", "", "", roomList{}},
	{"POST", "/api/v1/rooms", `{"title":"Eve's","mode":"talk","language":"en"}`, "application/json", node.RoomView{}},
	{"POST", "/api/v1/join", `{"room":"Kitchen"}`, "application/json", node.RoomView{}},
	{"GET", "/api/v1/joined", "", "", joinedList{}},
	{"GET", "/api/v1/rooms/ROOM", "", "", node.RoomView{}},
	{"GET", "/api/v1/rooms/ROOM/stats", "", "", node.HearStats{}},
	{"GET", "/api/v1/rooms/ROOM/tree", "", "", node.TreeView{}},
	{"GET", "/api/v1/rooms/ROOM/records", "", "", node.RecordsView{}},
	{"GET", "/api/v1/rooms/ROOM/people", "", "", insideList{}},
	{"GET", "/api/v1/rooms/ROOM/chat", "", "", chatLines{}},
	{"GET", "/api/v1/rooms/ROOM/tips", "", "", tipList{}},
	{"POST", "/api/v1/tips", `{"to":"Kitchen","amount":"5 EUR"}`, "application/json", node.TippedView{}},
	{"POST", "/api/v1/tips/ways", `{"to":"Kitchen","amount":"5 EUR"}`, "application/json", node.TipWaysView{}},
	{"GET", "/api/v1/subscriptions", "", "", node.SubscriptionsView{}},
	{"POST", "/api/v1/subscriptions", `{"to":"Kitchen","tier":"Friends","price":"3 EUR"}`, "application/json", node.SubscriptionView{}},
	{"POST", "/api/v1/subscriptions/tiers", `{"to":"Kitchen"}`, "application/json", tierList{}},
	{"POST", "/api/v1/subscriptions/offers", `{"name":"Friends","price":"3 EUR"}`, "application/json", node.TierView{}},
	{"PUT", "/api/v1/subscriptions/offers", `{"offer":"Friends","price":"4 EUR"}`, "application/json", node.TierView{}},
	{"POST", "/api/v1/subscriptions/end", `{"offer":"abcdef"}`, "application/json", node.SubscriptionsView{}},
	{"POST", "/api/v1/address", `{"rail":"lnd","address":"node"}`, "application/json", node.PlaceView{}},
	{"POST", "/api/v1/charities", `{"word":"AAAA"}`, "application/json", node.PlaceView{}},
	{"POST", "/api/v1/preview", `{"room":"Kitchen"}`, "application/json", node.PreviewView{}},
	{"POST", "/api/v1/rooms/ROOM/do", `{"action":"end"}`, "application/json", node.RoomView{}},
	{"GET", "/api/v1/rooms/ROOM/qr.svg", "", "", nil},
	{"POST", "/api/v1/rooms/ROOM/whip", "v=0\r\n", "application/sdp", nil},
	{"OPTIONS", "/api/v1/rooms/ROOM/whip", "", "", nil},
	{"POST", "/api/v1/rooms/ROOM/whep", "v=0\r\n", "application/sdp", nil},
	{"OPTIONS", "/api/v1/rooms/ROOM/whep", "", "", nil},
	{"POST", "/api/v1/rooms/ROOM/socket/publish", "", "", rtc.Ticket{}},
	{"POST", "/api/v1/rooms/ROOM/socket/play", "", "", rtc.Ticket{}},
	{"PUT", "/api/v1/rooms/ROOM/speak", "\x01\xf8", Frames, framesTaken{}},
	{"GET", "/api/v1/rooms/ROOM/listen", "", "", nil},
	{"PATCH", "/api/v1/media/abc", "a=ice-ufrag:x\r\n", "application/trickle-ice-sdpfrag", nil},
	{"DELETE", "/api/v1/media/abc", "", "", nil},
	{"OPTIONS", "/api/v1/media/abc", "", "", nil},
	{"GET", "/api/v1/people", "", "", peopleList{}},
	{"PUT", "/api/v1/people/" + stranger, `{"blocked":true}`, "application/json", node.Mark{}},
	{"GET", "/api/v1/tickets", "", "", ticketList{}},
	{"POST", "/api/v1/tickets", `{"room":"Kitchen","price":"5 EUR"}`, "application/json", node.BoughtView{}},
	{"GET", "/api/v1/tickets/pending", "", "", pendingList{}},
	{"GET", "/api/v1/tickets/TICKET/qr.svg", "", "", nil},
	{"GET", "/api/v1/tickets/pending/ORDER/qr.svg", "", "", nil},
	{"POST", "/api/v1/tickets/pending/ORDER/proof", `{"preimage":""}`, "application/json", node.RemittanceView{}},
	{"GET", "/api/v1/ledger/evidence/ENTRY", "", "", node.EvidenceView{}},
	{"GET", "/api/v1/rooms/ROOM/sales", "", "", node.TakingsView{}},
	{"POST", "/api/v1/tickets/offers", `{"room":"Kitchen"}`, "application/json", offerList{}},
	{"PUT", "/api/v1/tickets/offers", `{"room":"Kitchen","seats":5}`, "application/json", node.OfferView{}},
	{"POST", "/api/v1/tickets/sold", `{"room":"Kitchen"}`, "application/json", soldList{}},
	{"POST", "/api/v1/tickets/refund", `{"room":"Kitchen","all":true}`, "application/json", node.RefundView{}},
	{"POST", "/api/v1/tickets/cancel", `{"room":"Kitchen"}`, "application/json", node.RefundView{}},
	{"POST", "/api/v1/tickets/close", `{"room":"Kitchen"}`, "application/json", node.OfferView{}},
	{"GET", "/api/v1/tickets/sales", "", "", saleList{}},
	{"GET", "/api/v1/tickets/due", "", "", dueList{}},
	{"POST", "/api/v1/tickets/sent", `{"receipt":"abcd"}`, "application/json", dueList{}},
	{"POST", "/api/v1/tickets/give", `{"room":"Kitchen","to":"` + stranger + `"}`, "application/json", node.GivenView{}},
	{"POST", "/api/v1/tickets/transfer", `{"ticket":"abcd","to":"` + stranger + `"}`, "application/json", node.GivenView{}},
	{"POST", "/api/v1/tickets/accept", `{"text":"salon-ticket:AAAA"}`, "application/json", node.CheckView{}},
	{"POST", "/api/v1/tickets/check", `{"text":"salon-ticket:AAAA"}`, "application/json", node.CheckView{}},
	{"POST", "/api/v1/tickets/news", "", "", ticketList{}},
	{"GET", "/api/v1/tickets/wishes", "", "", wishList{}},
	{"POST", "/api/v1/tickets/wishes", `{"room":"Kitchen","price":"5 EUR"}`, "application/json", node.WishView{}},
	{"PUT", "/api/v1/tickets/wishes/ROOM", `{"price":"5 EUR"}`, "application/json", node.WishView{}},
	{"DELETE", "/api/v1/tickets/wishes/ROOM", "", "", nil},
	{"GET", "/api/v1/tickets/sellers", "", "", node.SellersView{}},
	{"GET", "/api/v1/keys", "", "", node.KeysKept{}},
	{"PUT", "/api/v1/keys", `{"later":true}`, "application/json", node.KeysKept{}},
	{"POST", "/api/v1/keys/export", `{"passphrase":"correct horse battery staple"}`, "application/json", nil},
	{"POST", "/api/v1/tickets/sellers", `{"room":"Kitchen","who":"` + stranger + `","seats":1}`, "application/json", node.LendingView{}},
	{"DELETE", "/api/v1/tickets/sellers/" + stranger, "", "", nil},
	{"POST", "/api/v1/peers", `{"addr":"/ip4/127.0.0.1/tcp/1"}`, "application/json", peerCount{}},
	{"POST", "/api/v1/passes", "", "", passIssued{}},
	{"POST", "/api/v1/demo", "", "", demoStarted{}},
	{"DELETE", "/api/v1/demo", "", "", nil},
	{"POST", "/api/v1/check", "", "", checkCreated{}},
	{"POST", "/api/v1/check/CHECK/whip", "v=0\r\n", "application/sdp", nil},
	{"OPTIONS", "/api/v1/check/CHECK/whip", "", "", nil},
	{"POST", "/api/v1/check/CHECK/whep", "v=0\r\n", "application/sdp", nil},
	{"OPTIONS", "/api/v1/check/CHECK/whep", "", "", nil},
	{"POST", "/api/v1/check/CHECK/socket/publish", "", "", rtc.Ticket{}},
	{"POST", "/api/v1/check/CHECK/socket/play", "", "", rtc.Ticket{}},
	{"DELETE", "/api/v1/check/CHECK", "", "", nil},
	{"GET", "/api/v1/relay", "", "", node.Relayed{}},
	{"GET", "/api/v1/relay/records", "", "", serviceList{}},
	{"GET", "/api/v1/relay/records/ROOM", "", "", node.ServiceView{}},
	{"POST", "/api/v1/relay/block", `{"what":"Kitchen"}`, "application/json", node.Relayed{}},
	{"POST", "/api/v1/relay/unblock", `{"what":"kitchen"}`, "application/json", node.Relayed{}},
	{"GET", "/api/v1/ledger", "", "", node.LedgerView{}},
	{"GET", "/api/v1/ledger/entries", "", "", nil},
	{"GET", "/api/v1/ledger/verify", "", "", node.VerifyView{}},
	{"GET", "/api/v1/ledger/audit/" + stranger, "", "", node.AuditView{}},
	{"POST", "/api/v1/ledger/settle", `{"person":"` + stranger + `","money":"5 EUR"}`, "application/json", nil},
	{"GET", "/api/v1/ledger/claims", "", "", claimList{}},
	{"POST", "/api/v1/ledger/received", `{"claim":"abcdef"}`, "application/json", node.ClaimView{}},
	{"GET", "/api/v1/ledger/credit", "", "", creditList{}},
	{"PUT", "/api/v1/ledger/credit", `{"money":"5 EUR"}`, "application/json", creditList{}},
	{"GET", "/api/v1/ledger/shares", "", "", node.SharesView{}},
	{"POST", "/api/v1/ledger/shares", "", "", node.SharesView{}},
	{"POST", "/api/v1/ledger/payout", `{"rail":"iou"}`, "application/json", node.PayoutView{}},
	{"POST", "/api/v1/ledger/payout/undo", `{"payment":"abcdef"}`, "application/json", node.GoingView{}},
	{"GET", "/api/v1/ledger/backup", "", "", nil},
	{"GET", "/api/v1/rails", "", "", railList{}},
	{"PUT", "/api/v1/rails/lnd", `{"rest":"https://127.0.0.1:1","macaroon":"00","cert":""}`, "application/json", railList{}},
	{"PUT", "/api/v1/rails/lnaddress", `{"address":"ana@wallet.example"}`, "application/json", railList{}},
	{"PUT", "/api/v1/rails/nwc", `{"connection":"nostr+walletconnect://"}`, "application/json", railList{}},
	{"PUT", "/api/v1/rails/stripe", `{"key":"rk_test_00000000"}`, "application/json", railList{}},
	{"PUT", "/api/v1/rails/lnd/limits", `{"max_payment":"1 sat","max_day":"1 sat"}`, "application/json", railList{}},
	{"GET", "/api/v1/rails/lnd/purse", "", "", node.PurseView{}},
	{"DELETE", "/api/v1/rails/lnd", "", "", railList{}},
	{"GET", "/api/v1/events", "", "", nil},
	{"GET", "/api/v1/counts", "", "", map[string]uint64{}},
	{"GET", "/api/", "", "", nil},
	{"GET", "/api/v2/anything", "", "", nil},
}

// inPath are what stands for the parts of a path that differ from one thing to the next.
var inPath = strings.NewReplacer("/rooms/{id}", "/rooms/ROOM", "/records/{id}", "/records/ROOM", "/check/{id}", "/check/CHECK", "{session}", "abc", "{person}", stranger, "{entry}", "ENTRY", "{ticket}", "TICKET", "{device}", stranger, "/wishes/{id}", "/wishes/ROOM", "{rail}", "lnd", "{order}", "ORDER")

// What another site, another name of this machine, or another program sends does nothing, whichever call it is.
func TestGuardLetsNothingForeignThrough(t *testing.T) {
	s := newSite(t, Options{})
	room := s.startRoom()
	var check struct{ ID string }
	s.call("POST", "/api/v1/check", "", http.StatusCreated, &check)
	s.call("PUT", "/api/v1/name", `{"name":"Ana"}`, http.StatusOK, nil)
	_, port, err := net.SplitHostPort(s.l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	host := func(h string) func(*http.Request) { return func(r *http.Request) { r.Host = h } }
	header := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	without := func(change func(*http.Request)) func(*http.Request) {
		return func(r *http.Request) { r.Header.Del("Authorization"); change(r) }
	}
	foreign := map[string]struct {
		change func(*http.Request)
		code   string
	}{
		"another site":                  {header("Origin", "http://evil.example"), "foreign_origin"},
		"another site on our port":      {header("Origin", "http://evil.example:"+port), "foreign_origin"},
		"a file or a sandboxed frame":   {header("Origin", "null"), "foreign_origin"},
		"https is another origin":       {header("Origin", "https://127.0.0.1:"+port), "foreign_origin"},
		"another port of ours":          {header("Origin", "http://127.0.0.1:1"), "foreign_origin"},
		"another name of ours":          {header("Origin", "http://localhost:"+port), "foreign_origin"},
		"an origin that is none":        {header("Origin", "http://%zz"), "foreign_origin"},
		"a name set to 127.0.0.1":       {host("evil.example:" + port), "foreign_host"},
		"that name and its own origin":  {func(r *http.Request) { r.Host = "evil.example:" + port; r.Header.Set("Origin", "http://"+r.Host) }, "foreign_host"},
		"a name that begins like ours":  {host("127.0.0.1.evil.example:" + port), "foreign_host"},
		"a name that ends like ours":    {host("evil.localhost:" + port), "foreign_host"},
		"a name with a dot":             {host("localhost.:" + port), "foreign_host"},
		"a number that means 127.0.0.1": {host("2130706433:" + port), "foreign_host"},
		"no host's address":             {host("0.0.0.0:" + port), "foreign_host"},
		"another machine's address":     {host("192.0.2.1:" + port), "foreign_host"},
		"a name without a port":         {host("evil.example"), "foreign_host"},
		"a name with two ports":         {host("localhost:1:" + port), "foreign_host"},
		"a name before a loopback one":  {host("evil.example@127.0.0.1:" + port), "foreign_host"},
		"no name":                       {host(":" + port), "foreign_host"},
		"a name on another port":        {func(r *http.Request) { r.Host = "evil.example:1"; r.Header.Set("Origin", "http://"+r.Host) }, "foreign_host"},
		"a tunnel's and another port":   {func(r *http.Request) { r.Host = "127.0.0.1:8080"; r.Header.Set("Origin", "http://127.0.0.1:8081") }, "foreign_origin"},
		"a tunnel's port and no port":   {func(r *http.Request) { r.Host = "127.0.0.1:8080"; r.Header.Set("Origin", "http://127.0.0.1") }, "foreign_origin"},
		"no key":                        {without(func(*http.Request) {}), "no_key"},
		"a wrong key":                   {header("Authorization", "Bearer "+strings.Repeat("0", len(s.key))), "no_key"},
		"half a key":                    {header("Authorization", "Bearer "+s.key[:24]), "no_key"},
		"no word before the key":        {header("Authorization", s.key), "no_key"},
		"another word before the key":   {header("Authorization", "Basic "+s.key), "no_key"},
		"the key in the query":          {without(func(r *http.Request) { r.URL.RawQuery = "key=" + s.key + "&access_token=" + s.key }), "no_key"},
		"the key in a cookie":           {without(func(r *http.Request) { r.AddCookie(&http.Cookie{Name: "key", Value: s.key}) }), "no_key"},
		"a cross-site fetch":            {header("Sec-Fetch-Site", "cross-site"), "foreign_site"},
		"a fetch from another port":     {header("Sec-Fetch-Site", "same-site"), "foreign_site"},
	}
	names := strings.NewReplacer("ROOM", room.ID.String(), "CHECK", check.ID)
	for name, f := range foreign {
		t.Run(name, func(t *testing.T) {
			s := &site{s.Server, t}
			before := s.refused.snapshot()
			for _, r := range allRoutes {
				req := s.request(r.method, names.Replace(r.path), r.body)
				if req.Header.Set("Content-Type", r.contentType); r.contentType == "" {
					req.Header.Del("Content-Type")
				}
				f.change(req)
				if code := s.refusal(req, http.StatusForbidden); code != f.code {
					t.Errorf("%s %s: refused as %s, want %s", r.method, r.path, code, f.code)
				}
			}
			if n := s.refused.snapshot()["api_"+f.code] - before["api_"+f.code]; int(n) != len(allRoutes) {
				t.Errorf("%d of %d refusals counted", n, len(allRoutes))
			}
		})
	}
	// Nothing was done.
	if rooms := s.n.Rooms(); len(rooms) != 1 || rooms[0].Phase() != node.Live {
		t.Errorf("%d rooms", len(rooms))
	}
	if st := s.n.Status(); st.Name != "Ana" {
		t.Errorf("name %q", st.Name)
	}
	if people := s.n.People(); len(people) != 0 {
		t.Errorf("people marked: %v", people)
	}
	s.checks.mu.Lock()
	if len(s.checks.open) != 1 {
		t.Errorf("%d sound checks", len(s.checks.open))
	}
	s.checks.mu.Unlock()
	if st := s.rtc.Stats(); st.Opened != 0 || len(st.Refused) != 0 {
		t.Errorf("WHIP and WHEP were reached: %+v", st)
	}
	s.demo.mu.Lock()
	if s.demo.cancel != nil {
		t.Error("the demo runs")
	}
	s.demo.mu.Unlock()
}

// The page's own requests go through, by every name that this machine has for itself, also through a tunnel from another
// port and on port 80, which browsers do not name.
func TestGuardLetsThePageThrough(t *testing.T) {
	s := newSite(t, Options{})
	_, port, err := net.SplitHostPort(s.l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{
		"127.0.0.1:" + port, "localhost:" + port, "[::1]:" + port, "127.8.9.1:" + port,
		"127.0.0.1:8080", "localhost:1", "[::1]:8080", "127.0.0.1", "localhost", "[::1]",
	} {
		for _, site := range []string{"same-origin", "none", ""} {
			r := s.request("GET", "/api/v1/status", "")
			r.Host = host
			r.Header.Set("Origin", "http://"+host)
			if r.Header.Set("Sec-Fetch-Site", site); site == "" {
				r.Header.Del("Sec-Fetch-Site")
				r.Header.Del("Origin")
			}
			if code, h, body := s.send(r); code != http.StatusOK || h.Get("Cache-Control") != "no-store" {
				t.Errorf("%s, %q: %d %s", host, site, code, body)
			}
		}
	}
}

// The page itself holds no secret and needs none; no other site may frame it or read it.
func TestPageIsServedWithoutAKey(t *testing.T) {
	s := newSite(t, Options{})
	for path, status := range map[string]int{"/": 200, "/app.js": 200, "/app.css": 200, "/nothing": 404, "/server.go": 404, "/dist/": 404} {
		r := s.request("GET", path, "")
		r.Header.Del("Authorization")
		code, h, body := s.send(r)
		if code != status {
			t.Errorf("%s: %d, want %d", path, code, status)
		}
		if strings.Contains(body, s.key) {
			t.Errorf("%s holds the key", path)
		}
		csp := h.Get("Content-Security-Policy")
		if h.Get("X-Frame-Options") != "DENY" || h.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(csp, "default-src 'none'") || h.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: header %v", path, h)
		}
	}
	r := s.request("POST", "/", "x")
	s.refusal(r, http.StatusMethodNotAllowed)
	r = s.request("GET", "/", "")
	r.Host = "evil.example"
	s.refusal(r, http.StatusForbidden)
}

// No spelling of a path leads around the guard.
func TestNoPathLeadsAroundTheGuard(t *testing.T) {
	s := newSite(t, Options{})
	for _, path := range []string{"//api/v1/status", "/./api/v1/status", "/x/../api/v1/status", "/%61pi/v1/status", "/api%2Fv1/status", "/api/%761/status", "/api//v1/status", "/API/v1/status", "/api", "/api/v1/status/", "/api/v1/../v1/status", `/\api/v1/status`, "/api/v1/status;x"} {
		for _, method := range []string{"GET", "CONNECT", "HEAD", "QUERY"} {
			c, err := net.Dial("tcp", s.l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(c, "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", method, path, s.l.Addr())
			answer, err := io.ReadAll(c)
			c.Close()
			if err != nil || bytes.HasPrefix(answer, []byte("HTTP/1.1 2")) && bytes.Contains(answer, []byte("device")) || bytes.Contains(answer, []byte(`"person"`)) {
				t.Errorf("%s %s: %v\n%s", method, path, err, answer)
			}
		}
	}
}

func TestListenIsForThisMachineOnly(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", ":0", "[::]:0", "192.0.2.1:0", "example.com:0", "127.0.0.1", "localhost", "127.0.0.1:x", "127.0.0.1:99999"} {
		if l, err := listen(addr); err == nil {
			l.Close()
			t.Errorf("%q was listened on", addr)
		} else if !strings.Contains(err.Error(), "page") && !errors.Is(err, node.ErrOption) {
			t.Errorf("%q: %v", addr, err)
		}
	}
	for _, addr := range []string{"127.0.0.1:0", "localhost:0"} {
		l, err := listen(addr)
		if err != nil {
			t.Fatal(err)
		}
		if !l.Addr().(*net.TCPAddr).IP.IsLoopback() {
			t.Errorf("%q is %v", addr, l.Addr())
		}
		if again, err := listen(l.Addr().String()); err == nil {
			again.Close()
			t.Errorf("%v was listened on twice", l.Addr())
		}
		l.Close()
	}
}

// begin opens a connection and writes the beginning of a request to it.
func (s *site) begin(format string, args ...any) net.Conn {
	s.t.Helper()
	c, err := net.Dial("tcp", s.l.Addr().String())
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { c.Close() })
	if _, err := fmt.Fprintf(c, format, args...); err != nil {
		s.t.Fatal(err)
	}
	return c
}

// A client that announces a body and stalls, or dribbles, is let go in time, whoever it is and whatever it calls.
func TestSlowBodiesAreLetGo(t *testing.T) {
	s := newSite(t, Options{bodyWithin: 200 * time.Millisecond})
	room := s.startRoom()
	names := strings.NewReplacer("ROOM", room.ID.String(), "CHECK", "1")
	for _, r := range allRoutes {
		if r.path == "/api/v1/demo" && r.method == "POST" || r.path == "/api/v1/rooms/ROOM/speak" || r.path == "/api/v1/events" || r.path == "/api/v1/rooms/ROOM/listen" {
			continue // long by nature, or no body: speak has its own test
		}
		for _, key := range []string{s.key, "wrong"} {
			for name, dribble := range map[string]bool{"stalls": false, "dribbles": true} {
				t.Run(strings.Join([]string{r.method, r.path, key[:5], name}, " "), func(t *testing.T) {
					t.Parallel()
					s := &site{s.Server, t}
					c := s.begin("%s %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: %s\r\nContent-Length: 1000\r\n\r\n{",
						r.method, names.Replace(r.path), s.l.Addr(), key, r.contentType)
					if dribble {
						go func() {
							for tick := time.NewTicker(10 * time.Millisecond); ; <-tick.C {
								if _, err := c.Write([]byte(" ")); err != nil {
									tick.Stop()
									return
								}
							}
						}()
					}
					begun := time.Now()
					_ = c.SetReadDeadline(begun.Add(patience))
					// A reset is as good as an end: what counts is that the server lets go.
					if _, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) {
						t.Error("still connected")
					}
				})
			}
		}
	}
}

// The bound is on a request's body alone: what the node takes long for is not cut off, nor is a stream.
func TestSlowBoundEndsWithTheBody(t *testing.T) {
	const bound = 50 * time.Millisecond
	s := newSite(t, Options{bodyWithin: bound})
	s.startRoom()
	events := s.events("")
	events.next() // status
	time.AfterFunc(4*bound, func() { _ = s.n.SetName("Ana") })
	for e := events.next(); e.name != "status" || !strings.Contains(e.data, `"Ana"`); e = events.next() {
	}
	// One connection serves request after request, with the bound of a body between them.
	c := s.begin("")
	in := bufio.NewReader(c)
	put := func(name string) {
		t.Helper()
		body := fmt.Sprintf(`{"name":%q}`, name)
		fmt.Fprintf(c, "PUT /api/v1/name HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", s.l.Addr(), s.key, len(body), body)
		resp, err := http.ReadResponse(in, nil)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%v, %v", resp, err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
	}
	put("Bo")
	again := make(chan struct{})
	time.AfterFunc(4*bound, func() { close(again) })
	<-again
	put("Cy")
}

// 10 MB are refused before they are read, by every call.
func TestLargeBodiesAreRefused(t *testing.T) {
	s := newSite(t, Options{})
	room := s.startRoom()
	s.call("POST", "/api/v1/check", "", http.StatusCreated, nil)
	names := strings.NewReplacer("ROOM", room.ID.String(), "CHECK", "1")
	large := []byte(`{"name":"` + strings.Repeat("x", 10<<20) + `"}`)
	for _, r := range allRoutes {
		if r.body == "" || r.path == "/api/v1/rooms/ROOM/speak" {
			continue
		}
		t.Run(r.method+" "+r.path, func(t *testing.T) {
			s := &site{s.Server, t}
			c := s.begin("%s %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n",
				r.method, names.Replace(r.path), s.l.Addr(), s.key, r.contentType, len(large))
			written := make(chan int, 1)
			go func() {
				n, _ := c.Write(large)
				written <- n
			}()
			_ = c.SetReadDeadline(time.Now().Add(patience))
			resp, err := http.ReadResponse(bufio.NewReader(c), nil)
			if err != nil {
				t.Fatal(err)
			}
			if want := http.StatusRequestEntityTooLarge; resp.StatusCode != want && r.path != "/api/v1/media/abc" {
				t.Errorf("%s, want %d", resp.Status, want)
			}
			c.Close()
			if n := <-written; n == len(large) {
				t.Error("all of it was read")
			}
		})
	}
	if s.n.Status().Name != "" {
		t.Error("something was done")
	}
}

func TestCountsGatherEverything(t *testing.T) {
	s := newSite(t, Options{})
	r := s.request("GET", "/api/v1/status", "")
	r.Header.Del("Authorization")
	s.refusal(r, http.StatusForbidden)
	r = s.request("POST", "/api/v1/rooms/"+s.startRoom().ID.String()+"/whip", "not SDP")
	r.Header.Set("Content-Type", "application/sdp")
	s.refusal(r, http.StatusBadRequest)
	var counts map[string]uint64
	s.call("GET", "/api/v1/counts", "", http.StatusOK, &counts)
	media := false
	for name := range maps.Keys(counts) {
		media = media || strings.HasPrefix(name, "media_refused_")
	}
	if counts["api_no_key"] != 1 || !media {
		t.Errorf("counts %v", counts)
	}
}

// Closing ends every stream at once, and the address is free again.
func TestCloseEndsStreams(t *testing.T) {
	s := newSite(t, Options{})
	events := s.events("")
	events.next()
	listening := s.request("GET", "/api/v1/rooms/"+s.startRoom().ID.String()+"/listen", "")
	resp, err := http.DefaultClient.Do(listening)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	closed := make(chan error, 1)
	go func() { closed <- s.Close() }()
	if _, err := io.Copy(io.Discard, resp.Body); err == nil {
		t.Log("the recording ended in good order")
	}
	events.end()
	select {
	case err := <-closed:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Fatal("Close hangs")
	}
	l, err := net.Listen("tcp", s.l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
}
