package node

import (
	"strings"
	"testing"
	"time"

	"salon/ledger"
	"salon/node/market"
	"salon/room"
)

// listed is the list of void tickets that a node has, as its epoch and when it was signed.
func (r *Room) listed(t *testing.T) ledger.Revocations {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	raw, _ := r.papers.all.Void()
	list, _, err := ledger.OpenDocument[ledger.Revocations](raw)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// silent makes a node one that has heard from the room's host a time ago for the last time.
func (r *Room) silent(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	at := time.Now().Add(-d)
	r.papers.silence = ledger.Silence{}
	r.papers.silence.Hear(at, at)
}

// TestHostIsSilent: whoever leads a room by ticket and has not heard from its host for twelve minutes keeps who is in, and lets nobody
// new in by ticket: those are told so in words.
func TestHostIsSilent(t *testing.T) {
	s := startSuccessionAs(t, byTicket)
	fay, gus := startNode(t, "Fay", nil), startNode(t, "Gus", nil)
	s.buys(fay)
	s.buys(gus)
	awaitChange(t, s.bo.n, "Bo to have the papers", s.bo.hasPapers)
	s.ana.crash(t)
	s.ledBy(s.boIs, s.bo, s.cy, s.dan)
	awaitChange(t, s.bo.n, "Cy and Dan to have shown their tickets again", func() bool {
		s.bo.mu.Lock()
		defer s.bo.mu.Unlock()
		return len(s.bo.host.keyholder.members) == 2
	})
	link := s.bo.View().Link
	enters := func(n *Node) *Room {
		t.Helper()
		r, err := n.Join(t.Context(), link)
		if err != nil {
			t.Fatal(err)
		}
		awaitChange(t, n, "the answer at the door", func() bool { return r.Phase().Over() || r.Phase() == Live && r.hasKey() })
		return r
	}
	s.bo.mu.Lock()
	s.bo.heir.grace = time.Time{}
	s.bo.mu.Unlock()
	s.bo.silent(ledger.ListFresh + ledger.ListAdmits/2)
	if r := enters(fay); r.Phase() != Live {
		t.Errorf("five minutes before the end Fay is %s, %q", r.Phase(), r.View().Reason)
	}
	s.bo.silent(ledger.ListFresh + ledger.ListAdmits + time.Minute)
	if v := enters(gus).View(); v.Phase != Failed || v.Refused != "host_silent" || !strings.Contains(v.Reason, "out of reach") {
		t.Errorf("after twelve minutes Gus is %s, %s: %q", v.Phase, v.Refused, v.Reason)
	}
	// Who is in asks again, with what they showed or something newer, also on another device.
	raw, holder := s.dan.n.ticketTo(s.host.id, time.Now())
	x := newIntruder(t, s.bo)
	claim := room.Claim{Room: s.host.id, Ticket: raw, Held: room.Held(holder, s.host.id, x.author()), Time: time.Now().UnixMilli() + 1000}
	ask := func(code string) {
		t.Helper()
		tk, _, err := ledger.OpenDocument[ledger.Ticket](raw)
		if err != nil {
			t.Fatal(err)
		}
		s.bo.mu.Lock()
		defer s.bo.mu.Unlock()
		if got := s.bo.heardOf(tk, time.Now()); got != code {
			t.Errorf("a ticket that is in: %q, want %q", got, code)
		}
	}
	ask("")
	s.bo.mu.Lock()
	clear(s.bo.host.tickets.seats) // as for who has just begun to lead the room
	s.bo.mu.Unlock()
	ask(errHostSilent.Code)
	s.bo.mu.Lock()
	code, _ := s.bo.decideAsk(s.dan.n.author(), room.Claim{Room: s.host.id, Key: [32]byte{1}, Ticket: raw, Held: room.Held(holder, s.host.id, s.dan.n.author()), Time: time.Now().UnixMilli()}, [32]byte{1}, 0, time.Now())
	other, _ := s.bo.decideAsk(x.author(), claim, [32]byte{2}, 0, time.Now())
	s.bo.heir.grace = time.Now().Add(lockedGrace)
	s.bo.mu.Unlock()
	if code != "" || other != "" {
		t.Errorf("a device that is in is told %q, and another with its ticket %q", code, other)
	}
	s.bo.mu.Lock()
	clear(s.bo.host.tickets.seats)
	s.bo.mu.Unlock()
	ask("")
	for name, r := range map[string]*Room{"Cy": s.cy, "Dan": s.dan} {
		if v := r.View(); name == "Cy" && v.Phase != Live {
			t.Errorf("%s is %s: %q", name, v.Phase, v.Reason)
		}
	}
	s.bo.silent(0)
	if r := enters(gus); r.Phase() != Live {
		t.Errorf("with the host back Gus is %s, %q", r.Phase(), r.View().Reason)
	}
}

// TestListIsSignedAnew: each minute the host says again which tickets are void, in the room or out of it, though nothing has changed.
func TestListIsSignedAnew(t *testing.T) {
	s := startSuccessionAs(t, byTicket)
	defer func() {
		if err := s.ana.Close(); err != nil {
			t.Error(err)
		}
	}()
	awaitChange(t, s.bo.n, "Bo to have the papers", s.bo.hasPapers)
	was := s.bo.listed(t)
	now := time.UnixMilli(was.Time)
	s.host.renewPapers(now.Add(ledger.ListEvery - time.Second))
	if got := s.host.listed(t); got.Time != was.Time {
		t.Error("it was signed anew too soon")
	}
	s.host.renewPapers(now.Add(ledger.ListEvery))
	awaitChange(t, s.bo.n, "Bo to have a newer one", func() bool { return s.bo.listed(t).Time > was.Time })
	if got := s.bo.listed(t); got.Epoch != was.Epoch || string(got.Gens) != string(was.Gens) {
		t.Errorf("it says something else: %+v, %+v", got, was)
	}

	s.do(s.host, Action{Kind: "hand_over"})
	s.do(s.host, Action{Kind: "leave"})
	s.ledBy(s.boIs, s.bo, s.cy, s.dan)
	var at listing
	awaitChange(t, s.ana, "Ana to see who leads her room", func() bool {
		l, ok := s.ana.dir.Get(s.host.id, time.Now())
		at = l
		return ok && l.device == s.bo.n.author().Device && s.ana.Room(s.host.id) == nil
	})
	m, err := s.ana.Market()
	if err != nil {
		t.Fatal(err)
	}
	told := map[room.ID]toldAway{}
	show := func() market.Stamp {
		t.Helper()
		if err := s.ana.showPapers(t.Context(), m, at, told); err != nil {
			t.Fatal(err)
		}
		return told[s.host.id].stamp
	}
	stamp := show()
	first := told[s.host.id].at
	if show(); !told[s.host.id].at.Equal(first) {
		t.Error("Bo is told what he was told a moment ago")
	}
	told[s.host.id] = toldAway{stamp, first.Add(-ledger.ListEvery)}
	if show(); told[s.host.id].at.Before(first) {
		t.Error("Bo is not told again after a minute")
	}
}
