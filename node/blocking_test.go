package node

import (
	"context"
	"strings"
	"testing"

	"salon/room"
)

func block(t *testing.T, n *Node, p PersonView, blocked bool) {
	t.Helper()
	if _, err := n.SetPerson(Mark{PersonView: p, Blocked: blocked}); err != nil {
		t.Fatal(err)
	}
}

func viewOf(n *Node) PersonView { return PersonView{n.Person(), n.displayName()} }

// TestBlock: who is blocked goes from the host's room and is kept out, is told no more than that, and may come back when
// the block ends; nobody else notices.
func TestBlock(t *testing.T) {
	ctx := context.Background()
	ana, bo, cy := startNode(t, "Ana", nil), startNode(t, "Bo", nil), startNode(t, "Cy", nil)
	hosted, err := ana.StartRoom(Start{Title: "Quiet", Language: "en"})
	if err != nil {
		t.Fatal(err)
	}
	link := hosted.View().Link
	join := func(n *Node, want Phase) *Room {
		t.Helper()
		r, err := n.Join(ctx, link)
		if err != nil || r.Phase() != want {
			t.Fatalf("join: %v, %+v, want %s", err, r.View(), want)
		}
		return r
	}
	atBo, atCy := join(bo, Live), join(cy, Live)
	if err := atBo.Do(ctx, Action{Kind: "raise_hand"}); err != nil {
		t.Fatal(err)
	}
	if err := hosted.Do(ctx, Action{Kind: "grant", Person: bo.Person()}); err != nil {
		t.Fatal(err)
	}
	awaitChange(t, bo, "the seat", atBo.seated)

	block(t, ana, viewOf(bo), true)
	awaitChange(t, bo, "Bo to be out", func() bool { return atBo.Phase() == Removed })
	if v := hosted.View(); len(v.Stage) != 1 || len(v.Removed) != 1 || v.Removed[0] != viewOf(bo) {
		t.Errorf("the host sees %+v, removed %+v", v.Stage, v.Removed)
	}
	atBo = join(bo, Failed)
	if reason := atBo.View().Reason; reason != "The host does not let you in." {
		t.Errorf("Bo is told %q", reason)
	}
	if n := ana.Counts()["join_refused_blocked"]; n != 1 {
		t.Errorf("%d counted as join_refused_blocked", n)
	}
	// Let back in by hand, Bo is still blocked.
	if err := hosted.Do(ctx, Action{Kind: "readmit", Person: bo.Person()}); err != nil {
		t.Fatal(err)
	}
	join(bo, Failed)
	block(t, ana, viewOf(bo), true) // again: nothing to do
	if err := hosted.Do(ctx, Action{Kind: "remove", Person: bo.Person()}); err != nil {
		t.Fatal(err)
	}
	// Removed by hand, Bo stays removed when the block ends.
	block(t, ana, viewOf(bo), false)
	join(bo, Removed)
	if err := hosted.Do(ctx, Action{Kind: "readmit", Person: bo.Person()}); err != nil {
		t.Fatal(err)
	}
	atBo = join(bo, Live)

	// Put out by a block, Bo is let back in when it ends, also while the room is locked.
	block(t, ana, viewOf(bo), true)
	awaitChange(t, bo, "Bo to be out again", func() bool { return atBo.Phase() == Removed })
	if err := hosted.Do(ctx, Action{Kind: "lock"}); err != nil {
		t.Fatal(err)
	}
	block(t, ana, viewOf(bo), false)
	if v := hosted.View(); len(v.Removed) != 0 {
		t.Errorf("still removed: %+v", v.Removed)
	}
	join(bo, Live)

	if atCy.Phase() != Live {
		t.Errorf("Cy is %s", atCy.Phase())
	}
	// Muting puts nobody out.
	if _, err := ana.SetPerson(Mark{PersonView: viewOf(cy), Muted: true}); err != nil {
		t.Fatal(err)
	}
	hosted.mu.Lock()
	removed := hosted.state.IsRemoved(cy.Person())
	hosted.mu.Unlock()
	if removed {
		t.Error("muted and removed")
	}
}

// TestBlockReachesThoseWhoseConnectionBroke: a seat, a hand or an invitation that waits is given up as well.
func TestBlockReachesThoseWhoseConnectionBroke(t *testing.T) {
	ana := startNode(t, "Ana", nil)
	hosted, err := ana.StartRoom(Start{Title: "Gaps", Language: "en"})
	if err != nil {
		t.Fatal(err)
	}
	away := PersonView{person(t, 7), "Away"}
	if err := hosted.Do(t.Context(), Action{Kind: "invite", Person: away.Person}); err != nil {
		t.Fatal(err)
	}
	block(t, ana, PersonView{person(t, 8), "Elsewhere"}, true)
	block(t, ana, away, true)
	hosted.mu.Lock()
	defer hosted.mu.Unlock()
	if hosted.state.IsInvited(away.Person) || !hosted.state.IsRemoved(away.Person) {
		t.Error("the invited comes in after all")
	}
	if hosted.state.IsRemoved(person(t, 8)) {
		t.Error("who was never here takes a place among the removed")
	}
}

// TestBlockedHost: the rooms of somebody blocked are not listed and cannot be joined by mistake; one that we are in
// already goes on. All of it is so after a restart too.
func TestBlockedHost(t *testing.T) {
	ctx := context.Background()
	ana := startNode(t, "Ana", nil)
	home := t.TempDir()
	meet := func(o *Options) { o.Peers, o.Home = []string{ana.Status().Addrs[0]}, home }
	bo := startNode(t, "Bo", meet)
	hosted, err := ana.StartRoom(Start{Title: "Kitchen talk", Language: "en"})
	if err != nil {
		t.Fatal(err)
	}
	heard := func(n *Node) func() bool {
		return func() bool { return len(n.dir.versions()) == 1 }
	}
	awaitChange(t, bo, "the room", heard(bo))
	joined, err := bo.Join(ctx, "kitchen")
	if err != nil || joined.Phase() != Live {
		t.Fatalf("join: %v", err)
	}
	var changed []ChangeKind
	stop := bo.Watch(func(c Change) { changed = append(changed, c.Kind) })
	block(t, bo, viewOf(ana), true)
	stop()
	kinds := map[ChangeKind]bool{}
	for _, k := range changed {
		kinds[k] = true
	}
	if !kinds[PeopleChanged] || !kinds[RoomsChanged] || !kinds[RoomChanged] {
		t.Errorf("told of %v", changed)
	}
	refs := func(n *Node, listed int, want map[string]string) {
		t.Helper()
		if got := n.Directory(); len(got) != listed {
			t.Errorf("listed: %+v, want %d", got, listed)
		}
		for ref, code := range want {
			r, err := n.Join(ctx, ref)
			switch {
			case err == nil && code != "":
				t.Errorf("joined by %q: %s", ref, r.Phase())
			case err != nil && Explain(err).Code != code:
				t.Errorf("join by %q: %v, want %q", ref, err, code)
			}
		}
	}
	v := hosted.View()
	// We are in it: who comes back to its page is not put out.
	refs(bo, 0, map[string]string{v.Link: "", v.ID.String(): ""})
	if v := joined.View(); v.Phase != Live || !v.Stage[0].MutedForMe || v.Stage[0].Volume != 1 {
		t.Errorf("in the room: %s, %+v", v.Phase, v.Stage)
	}
	if err := joined.Do(ctx, Action{Kind: "leave"}); err != nil {
		t.Fatal(err)
	}
	refused := map[string]string{v.Link: "host_blocked", v.ID.String(): "host_blocked", strings.ToUpper(v.ID.String()): "host_blocked", "kitchen": "no_room", v.ID.String()[:10]: "no_room"}
	refs(bo, 0, refused)
	if err := bo.Close(); err != nil {
		t.Fatal(err)
	}

	again := startNode(t, "Bo", meet)
	awaitChange(t, again, "the room", heard(again))
	refs(again, 0, refused)
	block(t, again, viewOf(ana), false)
	refs(again, 1, map[string]string{"kitchen": ""})
}

// TestMutedForMe: who is muted for the host is silent in the host's ear and in the program for all others as before.
func TestMutedForMe(t *testing.T) {
	ctx := context.Background()
	ana, bo, cy := startNode(t, "Ana", nil), startNode(t, "Bo", nil), startNode(t, "Cy", nil)
	if _, err := ana.SetPerson(Mark{PersonView: viewOf(bo), Muted: true}); err != nil { // before there is a room
		t.Fatal(err)
	}
	hosted, err := ana.StartRoom(Start{Title: "Loud", Language: "en"})
	if err != nil {
		t.Fatal(err)
	}
	atBo, err := bo.Join(ctx, hosted.View().Link)
	if err != nil {
		t.Fatal(err)
	}
	atCy, err := cy.Join(ctx, hosted.View().Link)
	if err != nil {
		t.Fatal(err)
	}
	if err := atBo.Do(ctx, Action{Kind: "raise_hand"}); err != nil {
		t.Fatal(err)
	}
	if err := hosted.Do(ctx, Action{Kind: "grant", Person: bo.Person()}); err != nil {
		t.Fatal(err)
	}
	awaitChange(t, bo, "the seat", atBo.seated)
	if err := atBo.Publish(ctx, newTone(t, 600)); err != nil {
		t.Fatal(err)
	}
	anaHears, cyHears := newEar(t), newEar(t)
	hosted.Play(anaHears)
	atCy.Play(cyHears)
	cyHears.hears(t, "Cy to hear Bo", true, 50)
	anaHears.hears(t, "Ana to hear nothing of Bo", false, 50)
	seatOf := func(r *Room) SeatView {
		for _, s := range r.View().Stage {
			if s.Role == room.Speaker.String() {
				return s
			}
		}
		t.Fatal("nobody speaks")
		return SeatView{}
	}
	if s := seatOf(hosted); !s.MutedForMe || s.Muted || s.Volume != 1 {
		t.Errorf("Ana sees %+v", s)
	}
	if s := seatOf(atCy); s.MutedForMe {
		t.Errorf("Cy sees %+v", s)
	}
	if _, err := ana.SetPerson(Mark{PersonView: viewOf(bo)}); err != nil {
		t.Fatal(err)
	}
	anaHears.hears(t, "Ana to hear Bo", true, 50)
	if s := seatOf(hosted); s.MutedForMe {
		t.Errorf("Ana sees %+v", s)
	}
}
