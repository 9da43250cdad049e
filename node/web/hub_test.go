package web

import (
	"bufio"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"salon/ledger/doc"
	"salon/node"
)

type event struct{ id, name, data string }

// A stream is an open page's events.
type stream struct {
	t      testing.TB
	resp   *http.Response
	events chan event
}

// events opens the event stream, after an id if that is not empty.
func (s *site) events(after string) *stream {
	s.t.Helper()
	r := s.request("GET", "/api/v1/events", "")
	if after != "" {
		r.Header.Set("Last-Event-ID", after)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	if ct := resp.Header.Get("Content-Type"); resp.StatusCode != http.StatusOK || ct != "text/event-stream" {
		s.t.Fatalf("%s, %s", resp.Status, ct)
	}
	st := &stream{s.t, resp, make(chan event, 1000)}
	go st.read(theFile(s.t))
	s.t.Cleanup(st.close)
	return st
}

// read takes events until the stream ends. They must be as openapi.json says.
func (st *stream) read(f *apiFile) {
	defer close(st.events)
	lines := bufio.NewScanner(st.resp.Body)
	lines.Buffer(nil, 1<<20)
	var e event
	for lines.Scan() {
		field, value, _ := strings.Cut(lines.Text(), ": ")
		switch field {
		case "id":
			e.id = value
		case "event":
			e.name = value
		case "data":
			e.data += value
		case "":
			if e.name != "" {
				if wrong := e.wrong(f); wrong != "" {
					st.t.Errorf("event %s: %s", e.name, wrong)
				}
				st.events <- e
			}
			e = event{}
		}
	}
}

func (st *stream) close() { st.resp.Body.Close() }

func (st *stream) next() event {
	st.t.Helper()
	select {
	case e, ok := <-st.events:
		if !ok {
			st.t.Fatal("the stream ended")
		}
		return e
	case <-time.After(patience):
		st.t.Fatalf("no event in %v", patience)
		return event{}
	}
}

// end waits for the stream to end.
func (st *stream) end() {
	st.t.Helper()
	late := time.After(patience)
	for {
		select {
		case _, ok := <-st.events:
			if !ok {
				return
			}
		case <-late:
			st.t.Fatal("the stream goes on")
		}
	}
}

// state reads the whole state that a page is told first, and returns the names of its events and the id from which the
// page may go on.
func (st *stream) state() (names []string, id string) {
	st.t.Helper()
	for id == "" {
		e := st.next()
		names, id = append(names, e.name), e.id
	}
	return names, id
}

func notices(from, to int) (want []string) {
	for i := from; i < to; i++ {
		want = append(want, fmt.Sprintf(`{"n":%d}`, i))
	}
	return want
}

func (s *site) notice(from, to int) {
	for i := from; i < to; i++ {
		s.hub.tell("notice", map[string]int{"n": i})
	}
}

// next notices are exactly those, in order.
func (st *stream) notices(from, to int) (last string) {
	st.t.Helper()
	var got []string
	for len(got) < to-from {
		e := st.next()
		if e.name != "notice" {
			st.t.Errorf("unexpected %s", e.name)
			continue
		}
		got, last = append(got, e.data), e.id
	}
	if !slices.Equal(got, notices(from, to)) {
		st.t.Errorf("got %v, want %d to %d", got, from, to)
	}
	return last
}

// settled returns when nothing is left to be told of what happened until now.
func (s *site) settled() {
	s.t.Helper()
	st := s.events("")
	defer st.close()
	st.state()
	name := fmt.Sprint("settled ", time.Now().UnixNano())
	if err := s.n.SetName(name); err != nil {
		s.t.Fatal(err)
	}
	for e := st.next(); e.name != "status" || !strings.Contains(e.data, name); e = st.next() {
	}
}

func TestEventsBeginWithTheWholeState(t *testing.T) {
	s := newSite(t, Options{})
	one, two := s.startRoom(), s.startRoom()
	st := s.events("")
	var got []event
	for len(got) == 0 || got[len(got)-1].id == "" {
		got = append(got, st.next())
	}
	if len(got) != 5 || got[0].name != "status" || got[1].name != "people" || got[2].name != "rooms" || got[3].name != "room" || got[4].name != "room" {
		t.Fatalf("%v", got)
	}
	both := got[3].data + got[4].data
	if !strings.Contains(both, one.ID.String()) || !strings.Contains(both, two.ID.String()) {
		t.Errorf("%s", both)
	}
	if !strings.Contains(got[0].data, `"version"`) || !strings.Contains(got[1].data, `"people":[]`) || !strings.Contains(got[2].data, `"rooms":[]`) {
		t.Errorf("%v", got[:3])
	}
}

// A page that lost its connection is told exactly what it missed.
func TestEventsResume(t *testing.T) {
	s := newSite(t, Options{})
	s.settled()
	st := s.events("")
	_, id := st.state()
	s.notice(0, 3)
	st.notices(0, 2)
	st.close()
	s.notice(3, 5)
	st = s.events(id)
	st.notices(0, 5)
	s.notice(5, 6)
	id = st.notices(5, 6)
	st.close()
	st = s.events(id) // nothing missed
	s.notice(6, 7)
	st.notices(6, 7)
}

// What was missed and is no longer kept is the whole state again; so is an id of before a restart.
func TestEventsReset(t *testing.T) {
	s := newSite(t, Options{})
	s.settled()
	st := s.events("")
	_, id := st.state()
	st.close()
	s.notice(0, hubKeeps)
	st = s.events(id)
	st.notices(0, hubKeeps) // the last that can be resumed
	st.close()
	s.notice(hubKeeps, hubKeeps+1)
	for name, after := range map[string]string{"too old": id, "of before": "5", "of the future": "18446744073709551615"} {
		st := s.events(after)
		if names, id := st.state(); !slices.Equal(names, []string{"reset", "status", "people", "rooms"}) || id == after {
			t.Errorf("%s: %v, %s", name, names, id)
		}
		s.notice(1, 2)
		st.notices(1, 2)
		st.close()
	}
	for _, after := range []string{"0", "-1", "x", "99999999999999999999999"} {
		st := s.events(after)
		if names, _ := st.state(); names[len(names)-3] != "status" {
			t.Errorf("%q: %v", after, names)
		}
		st.close()
	}
}

// Changes are told once they can be seen, and a room that was left is told gone.
func TestEventsTellChanges(t *testing.T) {
	s := newSite(t, Options{})
	st := s.events("")
	st.state()
	s.call("PUT", "/api/v1/name", `{"name":"Ana"}`, http.StatusOK, nil)
	for e := st.next(); e.name != "status" || !strings.Contains(e.data, `"name":"Ana"`); e = st.next() {
	}
	room := s.startRoom()
	for e := st.next(); e.name != "room" || !strings.Contains(e.data, room.ID.String()); e = st.next() {
	}
	s.call("POST", "/api/v1/rooms/"+room.ID.String()+"/do", `{"action":"leave"}`, http.StatusOK, nil)
	for e := st.next(); e.name != "left" || !strings.Contains(e.data, room.ID.String()); e = st.next() {
	}
}

// A page that takes nothing is dropped; nobody waits for it.
func TestSlowPageIsDropped(t *testing.T) {
	s := newSite(t, Options{})
	s.settled()
	slow, _, ok := s.hub.join(0)
	if !ok {
		t.Fatal("no place")
	}
	defer s.hub.leave(slow)
	quick := s.events("")
	quick.state()
	late := func() bool {
		select {
		case <-slow.late:
			return true
		default:
			return false
		}
	}
	// The quick one has each before the next is told.
	tell := func(from, to int) {
		t.Helper()
		for i := from; i < to; i++ {
			s.notice(i, i+1)
			e := quick.next()
			for e.name == "levels" {
				e = quick.next()
			}
			if e.data != notices(i, i+1)[0] {
				t.Fatalf("%+v, want notice %d", e, i)
			}
		}
	}
	tell(0, clientHolds)
	for range 100 { // levels are drawn over in a moment
		s.hub.note(node.Change{Kind: node.LevelsHeard, Levels: map[doc.PublicKey]uint8{{1}: 5}})
	}
	if late() {
		t.Error("dropped although all of it can wait")
	}
	tell(clientHolds, clientHolds+10)
	if !late() {
		t.Error("not dropped")
	}
}

// The stream of a page that is late ends, so that it comes back and asks for what it missed.
func TestLatePageIsSentAway(t *testing.T) {
	s := newSite(t, Options{})
	st := s.events("")
	st.state()
	s.hub.mu.Lock()
	for c := range s.hub.clients {
		c.once.Do(func() { close(c.late) })
	}
	s.hub.mu.Unlock()
	st.end()
}

func TestPagesAreBounded(t *testing.T) {
	s := newSite(t, Options{})
	var open []*client
	for range hubClients {
		c, _, ok := s.hub.join(0)
		if !ok {
			t.Fatalf("no place after %d", len(open))
		}
		open = append(open, c)
	}
	if code := s.refusal(s.request("GET", "/api/v1/events", ""), http.StatusServiceUnavailable); code != "too_many_pages" {
		t.Errorf("refused as %s", code)
	}
	if n := s.refused.snapshot()["api_too_many_pages"]; n != 1 {
		t.Errorf("counted %d", n)
	}
	s.hub.leave(open[0])
	s.events("").state()
}

// What is kept for those who come back is bounded.
func TestKeptEventsAreBounded(t *testing.T) {
	s := newSite(t, Options{})
	s.notice(0, 3*hubKeeps)
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	if len(s.hub.kept) != hubKeeps || cap(s.hub.kept) > 4*hubKeeps {
		t.Errorf("%d events kept in %d places", len(s.hub.kept), cap(s.hub.kept))
	}
}
