package node

import (
	"slices"
	"testing"

	"salon/room"
)

// Attack: somebody comes as the host, with a Cyrillic letter for a Latin one, and raises a hand. Host and guests are told, on stage, in
// the list of people and in the list of hands; nobody is refused for a name, and whose name it is, is not warned of.
func TestNameLikeTheHosts(t *testing.T) {
	g := gather(t, Start{}, "Bo")
	bo, eve := g.guests["Bo"], g.join("An\u0430")
	g.do(eve, Action{Kind: "raise_hand"})
	g.all("the hand", func(v RoomView) bool { return len(v.Hands) == 1 })
	want := CautionView{Person: eve.n.Person(), Why: cautionAlike, Like: "Ana"}
	for _, r := range []*Room{g.host, bo} {
		if v := r.View(); len(v.Cautions) != 1 || v.Cautions[0] != want {
			t.Errorf("with a hand: %+v", v.Cautions)
		}
		list, _, err := r.People(t.Context(), "", "")
		if err != nil || len(list) != 3 {
			t.Fatalf("%+v, %v", list, err)
		}
		for _, f := range list {
			if is := f.Person == eve.n.Person(); (f.Caution != nil) != is || is && *f.Caution != want {
				t.Errorf("%q: %+v", f.Name, f.Caution)
			}
		}
	}
	if v := eve.View(); len(v.Cautions) != 1 || v.Cautions[0].Person != g.host.n.Person() {
		t.Errorf("the other way round: %+v", v.Cautions)
	}
}

// A room's host is not who its name says: this person has bought from another, or has them on their list. The list of rooms and the look
// before going in say so.
func TestHostLikeSomebodyKnown(t *testing.T) {
	g := gather(t, Start{})
	bo := startNode(t, "Bo", nil)
	link := g.host.View().Link
	look := func() *CautionView {
		t.Helper()
		p, err := bo.Preview(t.Context(), link)
		if err != nil {
			t.Fatal(err)
		}
		return p.Caution
	}
	if c := look(); c != nil {
		t.Errorf("of somebody whom nobody is taken for: %+v", c)
	}
	if err := bo.home.keepRoomNote(roomNote{Room: room.ID{1}, Title: "Long ago", Host: PersonView{somePerson(7), "\u0410na"}}); err != nil {
		t.Fatal(err)
	}
	bo.learnContacts()
	if c := look(); c == nil || *c != (CautionView{Person: g.host.n.Person(), Why: cautionAlike, Like: "\u0410na"}) {
		t.Errorf("like a host of before: %+v", c)
	}
	if _, err := bo.SetPerson(Mark{PersonView: PersonView{g.host.n.Person(), "Ana"}, Muted: true}); err != nil {
		t.Fatal(err)
	}
	if c := look(); c != nil {
		t.Errorf("somebody who is known by the name: %+v", c)
	}
	if _, err := bo.SetPerson(marked(9, "Eve", true, false)); err != nil {
		t.Fatal(err)
	}
	if c := bo.caution(somePerson(10), "EVE", nil); c == nil || c.Like != "Eve" {
		t.Errorf("like somebody who is blocked: %+v", c)
	}
	if err := bo.SetName("Robert"); err != nil {
		t.Fatal(err)
	}
	if c := bo.caution(somePerson(10), "R\u043ebert", nil); c == nil || c.Why != cautionAlike {
		t.Errorf("like oneself: %+v", c)
	}
	if c := bo.caution(somePerson(10), "P\u0430ul", nil); c == nil || c.Why != cautionMixed || c.Like != "" {
		t.Errorf("of two alphabets: %+v", c)
	}
}

// Names are cleaned before they are shown: what turns the text round, or is not seen, is in none.
func TestNamesThatHide(t *testing.T) {
	n := startNode(t, "Ana", nil)
	for _, name := range []string{"\u202eanA", "A\u200bna", "\u2066Ana\u2069"} {
		clean, err := room.CleanName(name)
		if err == nil && clean != "Ana" && clean != "anA" {
			t.Errorf("%q is shown as %q", name, clean)
		}
		if c := n.caution(somePerson(1), name, nil); c == nil || c.Why != cautionAlike {
			t.Errorf("%q: %+v", name, c)
		}
	}
}

// Who has only a browser is warned of names like those of who leads the room, and of mixed ones; whom this node's person knows, they are
// not told.
func TestNamesForGuests(t *testing.T) {
	g := gather(t, Start{})
	eve, fay := g.join("An\u0430"), g.join("Eve")
	for _, r := range []*Room{eve, fay} {
		g.do(r, Action{Kind: "raise_hand"})
		g.all("the hand", func(v RoomView) bool { return len(v.Hands) == 1 })
		g.do(g.host, about("grant", r))
		g.all("the seat", func(v RoomView) bool { return len(v.Hands) == 0 })
	}
	if _, err := g.host.n.SetPerson(marked(9, "EVE", true, false)); err != nil {
		t.Fatal(err)
	}
	v, err := g.host.GuestView()
	if err != nil {
		t.Fatal(err)
	}
	want := []GuestName{{Name: "Ana"}, {Name: "An\u0430", Why: cautionAlike, Like: "Ana"}, {Name: "Eve"}}
	if !slices.Equal(v.Stage, want) || v.Host != want[0] {
		t.Errorf("%+v with %+v", v.Host, v.Stage)
	}
}
