package node

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"salon/ledger/doc"
)

// TestLockedRoom: a locked room keeps newcomers out and lets back in whoever lost the connection.
func TestLockedRoom(t *testing.T) {
	ctx := context.Background()
	ana, bo, cy := startNode(t, "Ana", nil), startNode(t, "Bo", nil), startNode(t, "Cy", nil)
	hosted, err := ana.StartRoom(Start{Title: "Closed doors", Language: "en"})
	if err != nil {
		t.Fatal(err)
	}
	link := hosted.View().Link
	do := func(kind string, p doc.PublicKey) {
		t.Helper()
		if err := hosted.Do(ctx, Action{Kind: kind, Person: p}); err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
	}
	atBo, err := bo.Join(ctx, link)
	if err != nil || atBo.Phase() != Live {
		t.Fatalf("join: %v", err)
	}
	do("lock", doc.PublicKey{})
	do("lock", doc.PublicKey{}) // is so already: no error
	awaitChange(t, bo, "the lock", func() bool { return atBo.View().Locked })

	atCy, err := cy.Join(ctx, link)
	if err != nil || atCy.Phase() != Failed || !strings.Contains(atCy.View().Reason, "locked") {
		t.Fatalf("a newcomer: %v, %+v", err, atCy.View())
	}
	// A broken connection, not a leave.
	hosted.mu.Lock()
	for _, c := range hosted.host.children {
		c.ctl.Close()
	}
	hosted.mu.Unlock()
	awaitChange(t, bo, "the break", func() bool { return atBo.Phase() == Reconnecting })
	awaitChange(t, bo, "the way back", func() bool { return atBo.Phase() == Live })

	do("unlock", doc.PublicKey{})
	if atCy, err = cy.Join(ctx, link); err != nil || atCy.Phase() != Live {
		t.Fatalf("after unlocking: %v, %+v", err, atCy.View())
	}
	// Who leaves a locked room is out.
	do("lock", doc.PublicKey{})
	if err := atCy.Do(ctx, Action{Kind: "leave"}); err != nil {
		t.Fatal(err)
	}
	awaitChange(t, ana, "Cy to be gone", func() bool { return hosted.View().Listeners == 1 })
	if atCy, err = cy.Join(ctx, link); err != nil || atCy.Phase() != Failed {
		t.Fatalf("back after leaving: %v, %s", err, atCy.Phase())
	}
	if n := ana.Counts()["join_refused_locked"]; n != 2 {
		t.Errorf("%d counted as join_refused_locked, want 2", n)
	}
}

// TestHostClosesHandsMutesAllAndReadmits: the host's controls reach everybody, and only the host has them.
func TestHostClosesHandsMutesAllAndReadmits(t *testing.T) {
	ctx := context.Background()
	ana, bo := startNode(t, "Ana", nil), startNode(t, "Bo", nil)
	hosted, err := ana.StartRoom(Start{Title: "Order", Language: "en"})
	if err != nil {
		t.Fatal(err)
	}
	link := hosted.View().Link
	atBo, err := bo.Join(ctx, link)
	if err != nil || atBo.Phase() != Live {
		t.Fatalf("join: %v", err)
	}
	act := func(r *Room, kind string, p doc.PublicKey, want string) {
		t.Helper()
		got := ""
		err := r.Do(ctx, Action{Kind: kind, Person: p})
		if err != nil {
			got = Explain(err).Code
		}
		if got != want {
			t.Fatalf("%s: %v (%q), want %q", kind, err, got, want)
		}
	}
	none := doc.PublicKey{}
	for _, kind := range []string{"lock", "unlock", "close_hands", "open_hands", "mute_all"} {
		act(atBo, kind, none, "not_allowed")
	}
	act(atBo, "readmit", ana.Person(), "not_allowed")
	act(hosted, "readmit", none, "no_person")
	act(hosted, "readmit", bo.Person(), "not_removed")

	act(hosted, "close_hands", none, "")
	awaitChange(t, bo, "hands to close", func() bool { return atBo.View().HandsClosed })
	act(atBo, "raise_hand", none, "hands_closed")
	act(hosted, "open_hands", none, "")
	act(atBo, "raise_hand", none, "")
	act(hosted, "grant", bo.Person(), "")
	awaitChange(t, bo, "the seat", atBo.seated)

	act(hosted, "mute_all", none, "")
	awaitChange(t, bo, "the mute", func() bool { return atBo.View().Me.Muted })
	for _, s := range hosted.View().Stage {
		if s.Muted != (s.Person == bo.Person()) {
			t.Errorf("muted: %+v", s)
		}
	}

	act(hosted, "remove", bo.Person(), "")
	awaitChange(t, bo, "to be out", func() bool { return atBo.Phase() == Removed })
	if v := hosted.View(); len(v.Removed) != 1 || v.Removed[0] != (PersonView{bo.Person(), "Bo"}) {
		t.Errorf("the host sees as removed: %+v", v.Removed)
	}
	if atBo, err = bo.Join(ctx, link); err != nil || atBo.Phase() != Removed {
		t.Fatalf("back after removal: %v, %s", err, atBo.Phase())
	}
	act(hosted, "lock", none, "")
	act(hosted, "readmit", bo.Person(), "")
	if atBo, err = bo.Join(ctx, link); err != nil || atBo.Phase() != Live || len(hosted.View().Removed) != 0 {
		t.Fatalf("back after readmission: %v, %s", err, atBo.Phase())
	}
}

// TestInvitation: the host asks a listener on stage, who is heard once they accepted and not before.
func TestInvitation(t *testing.T) {
	ctx := context.Background()
	ana, bo := startNode(t, "Ana", nil), startNode(t, "Bo", nil)
	hosted, err := ana.StartRoom(Start{Title: "Come up", Language: "en"})
	if err != nil {
		t.Fatal(err)
	}
	ear := newEar(t)
	hosted.Play(ear)
	atBo, err := bo.Join(ctx, hosted.View().Link)
	if err != nil || atBo.Phase() != Live {
		t.Fatalf("join: %v", err)
	}
	do := func(r *Room, kind string, p doc.PublicKey) {
		t.Helper()
		if err := r.Do(ctx, Action{Kind: kind, Person: p}); err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
	}
	if err := atBo.Do(ctx, Action{Kind: "accept"}); err == nil || Explain(err).Code != "not_invited" {
		t.Fatalf("accepted what was not offered: %v", err)
	}
	do(hosted, "invite", bo.Person())
	awaitChange(t, bo, "the invitation", func() bool { return atBo.View().Me.Invited })
	for _, r := range []*Room{hosted, atBo} {
		want := []FaceView{{PersonView: PersonView{ana.Person(), "Ana"}, Role: "host", Seated: true},
			{PersonView: PersonView{bo.Person(), "Bo"}, Role: "listener", Invited: true}}
		if list, next, err := r.People(ctx, "", ""); err != nil || next != "" || !slices.Equal(list, want) {
			t.Errorf("in the room are %+v, %q, %v", list, next, err)
		}
	}
	do(atBo, "decline", doc.PublicKey{})
	awaitChange(t, bo, "the refusal", func() bool { return !atBo.View().Me.Invited })

	do(hosted, "invite", bo.Person())
	do(atBo, "accept", doc.PublicKey{})
	awaitChange(t, bo, "the seat", atBo.seated)
	if v := atBo.View(); v.Me.Invited || v.Me.Muted || v.Me.Role != "speaker" {
		t.Errorf("on stage as %+v", v.Me)
	}
	if err := atBo.Publish(ctx, newTone(t, 600)); err != nil {
		t.Fatal(err)
	}
	ear.hears(t, "Bo, who accepted", true, 25)

	// An invitation ends with the presence of the invited.
	do(atBo, "return", doc.PublicKey{})
	do(hosted, "invite", bo.Person())
	do(atBo, "leave", doc.PublicKey{})
	awaitChange(t, ana, "the invitation to end", func() bool {
		hosted.mu.Lock()
		defer hosted.mu.Unlock()
		return !hosted.state.IsInvited(bo.Person())
	})
}

func TestDoorForgets(t *testing.T) {
	d, now := newDoor(holdRoom), time.Unix(1e9, 0)
	a, b := doc.PublicKey{1}, doc.PublicKey{2}
	d.broke(a, now)
	if !d.wasInside(a, now.Add(holdRoom)) || d.wasInside(a, now.Add(holdRoom+1)) || d.wasInside(b, now) {
		t.Errorf("%+v", d.lost)
	}
	d.broke(b, now.Add(2*holdRoom))
	if len(d.lost) != 1 {
		t.Errorf("%d are remembered", len(d.lost))
	}
}

// However many come and go, the latest are remembered.
func TestDoorIsBounded(t *testing.T) {
	d, now := newDoor(holdRoom), time.Unix(1e9, 0)
	for i := range 2 * maxLost {
		now = now.Add(time.Millisecond)
		d.broke(doc.PublicKey{byte(i), byte(i >> 8)}, now)
	}
	if last := 2*maxLost - 1; len(d.lost) != maxLost || !d.wasInside(doc.PublicKey{byte(last), byte(last >> 8)}, now) {
		t.Errorf("%d are remembered", len(d.lost))
	}
}
