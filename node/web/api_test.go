package web

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"salon/ledger/doc"
	"salon/node"
)

// TestBodiesAreTakenStrictly: what is not exactly a call's JSON does nothing, and the answer says what to send.
func TestBodiesAreTakenStrictly(t *testing.T) {
	s := newSite(t, Options{})
	v := s.startRoom()
	do := "/api/v1/rooms/" + v.ID.String() + "/do"
	rooms := func() (n int) { return len(s.n.Rooms()) }
	for _, row := range []struct {
		method, path, body string
		status             int
		code               string
	}{
		{"POST", "/api/v1/rooms", `{"title":"A","mode":"talk"`, 400, "bad_json"},
		{"POST", "/api/v1/rooms", `{"title":"A","mode":"talk","tickets":3}`, 400, "bad_json"},
		{"POST", "/api/v1/rooms", `{"title":["A"]}`, 400, "bad_json"},
		{"POST", "/api/v1/rooms", `{"title":"A"}{"title":"B"}`, 400, "bad_json"},
		{"POST", "/api/v1/rooms", `[]`, 400, "bad_json"},
		{"POST", "/api/v1/rooms", ` `, 400, "bad_json"},
		{"POST", "/api/v1/rooms", `{"title":"A","mode":"shout","language":"en"}`, 400, "bad_mode"},
		{"POST", "/api/v1/rooms", `null`, 400, "bad_room"},
		{"POST", "/api/v1/rooms", `{"title":"","mode":"talk","language":"en"}`, 400, "bad_room"},
		{"POST", "/api/v1/rooms", `{"title":"` + strings.Repeat("long ", 100) + `","mode":"talk","language":"en"}`, 400, "bad_room"},
		{"POST", "/api/v1/rooms", `{"title":"A","mode":"talk","language":"klingon?"}`, 400, "bad_room"},
		{"PUT", "/api/v1/name", `{"name":"\u0007\u202e"}`, 400, "bad_name"},
		{"PUT", "/api/v1/name", `{"name":7}`, 400, "bad_json"},
		{"PUT", "/api/v1/volunteer", `{"on":true,"kbps":1}`, 400, "bad_limit"},
		{"PUT", "/api/v1/volunteer", `{"on":true,"kbps":1000000}`, 400, "bad_limit"},
		{"PUT", "/api/v1/volunteer", `{"on":1}`, 400, "bad_json"},
		{"POST", "/api/v1/join", `{}`, 400, "no_room"},
		{"POST", "/api/v1/join", `{"link":"salon:nonsense"}`, 400, "bad_link"},
		{"POST", "/api/v1/join", `{"room":"Library"}`, 404, "no_room"},
		{"POST", "/api/v1/peers", `{"addr":"here"}`, 400, "bad_addr"},
		{"PUT", "/api/v1/people/ana", `{"muted":true}`, 400, "bad_person"},
		{"PUT", "/api/v1/people/" + doc.PublicKey{}.String(), `{"muted":true}`, 400, "no_person"},
		{"PUT", "/api/v1/people/" + s.n.Person().String(), `{"blocked":true}`, 400, "yourself"},
		{"PUT", "/api/v1/people/" + stranger, `{"blocked":"yes"}`, 400, "bad_json"},
		{"PUT", "/api/v1/people/" + stranger, `{"person":"` + stranger + `","muted":true}`, 400, "bad_json"},
		{"POST", do, `{"action":"fly"}`, 400, "bad_action"},
		{"POST", do, `{"action":"mute","person":"me"}`, 400, "bad_json"},
		{"POST", do, `{"action":"volume","person":"` + s.n.Person().String() + `","volume":1e300}`, 400, "bad_volume"},
	} {
		before, name := rooms(), s.n.Status().Name
		if code := s.refusal(s.request(row.method, row.path, row.body), row.status); code != row.code {
			t.Errorf("%s %s %.60s: refused as %q, want %q", row.method, row.path, row.body, code, row.code)
		}
		if rooms() != before || s.n.Status().Name != name || len(s.n.People()) != 0 {
			t.Errorf("%s %s %.60s: something was done", row.method, row.path, row.body)
		}
	}
	r := s.request("POST", "/api/v1/rooms", `{"title":"A","mode":"talk","language":"en"}`)
	r.Header.Set("Content-Type", "text/plain") // what a form of another site can send without asking
	if code := s.refusal(r, http.StatusUnsupportedMediaType); code != "content_type" || rooms() != 1 {
		t.Errorf("text/plain: refused as %q, %d rooms", code, rooms())
	}
	if n := s.counts()["api_body_malformed"]; n < 8 {
		t.Errorf("%d counted as api_body_malformed; all: %v", n, s.counts())
	}
}

// TestJoinTellsWhoEntered: 201 goes to whoever brought the node into the room, of two who ask at once to one; all others,
// and who hosts it, hear 200.
func TestJoinTellsWhoEntered(t *testing.T) {
	ana, bo := newSite(t, Options{}), newSite(t, Options{})
	v := ana.startRoom()
	body := `{"link":"` + v.Link + `"}`
	ana.call("POST", "/api/v1/join", body, http.StatusOK, nil)
	for range 2 { // also after it was left
		codes := make(chan int, 2)
		for range 2 {
			go func() {
				code := 0
				if resp, err := http.DefaultClient.Do(bo.request("POST", "/api/v1/join", body)); err == nil {
					code = resp.StatusCode
					resp.Body.Close()
				}
				codes <- code
			}()
		}
		if a, b := <-codes, <-codes; a+b != http.StatusCreated+http.StatusOK {
			t.Errorf("two at once: %d and %d", a, b)
		}
		bo.call("POST", "/api/v1/join", body, http.StatusOK, nil)
		bo.call("POST", "/api/v1/rooms/"+v.ID.String()+"/do", `{"action":"leave"}`, http.StatusOK, nil)
	}
	bo.call("POST", "/api/v1/join", body, http.StatusCreated, nil)
}

// TestPeople: the list is kept as it is put, told to every page, and forgets who is neither blocked nor muted.
func TestPeople(t *testing.T) {
	s := newSite(t, Options{})
	list := func() (list peopleList) {
		s.call("GET", "/api/v1/people", "", http.StatusOK, &list)
		return list
	}
	if got := list(); got.People == nil || len(got.People) != 0 {
		t.Errorf("a new list: %v", got)
	}
	st := s.events("")
	st.state()
	put := func(body string, want node.Mark, told ...node.Mark) {
		t.Helper()
		var got node.Mark
		s.call("PUT", "/api/v1/people/"+stranger, body, http.StatusOK, &got)
		want.Person = doc.PublicKey{7}
		if got != want {
			t.Errorf("%s: %+v, want %+v", body, got, want)
		}
		for i := range told {
			told[i].Person = want.Person
		}
		e := st.next()
		for e.name != "people" {
			e = st.next()
		}
		var news peopleList
		if err := json.Unmarshal([]byte(e.data), &news); err != nil || !slices.Equal(news.People, told) || !slices.Equal(list().People, told) {
			t.Errorf("%s: told %s, listed %v, want %v", body, e.data, list(), told)
		}
	}
	ana := func(blocked, muted bool) node.Mark {
		return node.Mark{PersonView: node.PersonView{Name: "Ana"}, Blocked: blocked, Muted: muted}
	}
	put(`{"name":" Ana ","blocked":false,"muted":true}`, ana(false, true), ana(false, true))
	put(`{"name":"Ana","blocked":true,"muted":true}`, ana(true, true), ana(true, true))
	put(`{"blocked":true}`, ana(true, false), ana(true, false))
	put(`{"name":"Ana","blocked":false,"muted":false}`, ana(false, false))
}

// TestSoundChecksAreBounded: a check that is over is gone for all its calls, and there are only so many at once.
func TestSoundChecksAreBounded(t *testing.T) {
	s := newSite(t, Options{})
	var c struct{ ID string }
	for range checksMax {
		s.call("POST", "/api/v1/check", "", http.StatusCreated, &c)
	}
	if code := s.refusal(s.request("POST", "/api/v1/check", ""), http.StatusServiceUnavailable); code != "too_many_checks" {
		t.Errorf("refused as %q", code)
	}
	s.call("DELETE", "/api/v1/check/"+c.ID, "", http.StatusNoContent, nil)
	for _, call := range []struct{ method, path string }{{"DELETE", ""}, {"POST", "/whip"}, {"POST", "/whep"}} {
		if code := s.refusal(s.request(call.method, "/api/v1/check/"+c.ID+call.path, ""), http.StatusNotFound); code != "no_check" {
			t.Errorf("%s%s of a check that is over: refused as %q", call.method, call.path, code)
		}
	}
	s.call("POST", "/api/v1/check", "", http.StatusCreated, nil)
}

// FuzzAPI sends any body to every call that takes JSON. None may fail on its own side, and every answer is JSON as
// openapi.json describes it.
func FuzzAPI(f *testing.F) {
	s := newSite(f, Options{})
	open := func(t testing.TB) *node.Room {
		rm, err := s.n.StartRoom(node.Start{Title: "Kitchen", Language: "en"})
		if err != nil {
			t.Fatal(err)
		}
		return rm
	}
	hosted := open(f)
	calls := []struct{ method, path string }{
		{"PUT", "/api/v1/name"}, {"POST", "/api/v1/rooms"}, {"POST", "/api/v1/join"}, {"POST", "/api/v1/peers"}, {"POST", "/api/v1/rooms/ROOM/do"},
		{"PUT", "/api/v1/people/" + stranger},
	}
	for i, body := range []string{
		`{"name":"Eve"}`, `{"title":"A","mode":"concert","language":"de"}`, `{"room":"Kitchen"}`, `{"addr":"here"}`,
		`{"action":"mute","person":"` + s.n.Person().String() + `","volume":0.5}`, `{"action":"raise_hand"}`, `{"action":"end"}`, `null`, `{"name":"\ud800"}`, `{"NAME":"x","name":1e999}`,
	} {
		f.Add(uint8(i), []byte(body))
	}
	f.Add(uint8(len(calls)-1), []byte(`{"name":"\u202e","blocked":true,"muted":false}`))
	f.Fuzz(func(t *testing.T, call uint8, body []byte) {
		c := calls[int(call)%len(calls)]
		if namesAnAddress(body) {
			return // a node would dial it
		}
		if hosted.Phase().Over() {
			hosted = open(t)
		}
		path := strings.Replace(c.path, "ROOM", hosted.View().ID.String(), 1)
		r := httptest.NewRequestWithContext(t.Context(), c.method, s.URL()+path, strings.NewReader(string(body)))
		r.Header.Set("Authorization", "Bearer "+s.key)
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		s.http.Handler.ServeHTTP(w, r)
		answer, err := io.ReadAll(w.Result().Body)
		if err != nil || !json.Valid(answer) {
			t.Errorf("%s %s: %q is not JSON: %v", c.method, c.path, answer, err)
		}
		(&site{s.Server, t}).answered(r, w.Code, w.Header(), string(answer))
		switch code := w.Code; {
		case code >= 500 && code != http.StatusServiceUnavailable, code < 200, code >= 300 && code < 400:
			t.Errorf("%s %s: %d %s", c.method, c.path, code, answer)
		}
		for _, rm := range s.n.Rooms() {
			if rm != hosted {
				if err := rm.Do(t.Context(), node.Action{Kind: "leave"}); err != nil {
					t.Error(err)
				}
			}
		}
	})
}

func namesAnAddress(body []byte) bool {
	var v any
	if json.Unmarshal(body, &v) != nil {
		v = string(body) // a decoder may have read some of it
	}
	s := fmt.Sprint(v)
	return strings.Contains(s, "/") || strings.Contains(s, "salon:") || strings.Contains(s, `\u`)
}
