package node

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"salon/ledger"
	"salon/room"
)

// A room says what its tickets cost wherever it is seen; its host, and nobody else, sees how they sell; and its buyer what was
// bought, where, and who signed it.
func TestTicketsAreTold(t *testing.T) {
	g := plantAs(t, byTicket, 1, 8)
	bo := startNode(t, "Bo", nil)
	link := g.host.View().Link
	if v, err := bo.Preview(t.Context(), link); err != nil || v.Price != "5.00 EUR" || v.Access != "ticket" || v.Invited {
		t.Errorf("before buying: %+v, %v", v, err)
	}
	g.buys(bo)
	if v, err := bo.Preview(t.Context(), link); err != nil || !v.Invited {
		t.Errorf("with a ticket: %+v, %v", v, err)
	}
	list, err := bo.Tickets()
	if err != nil || len(list) != 1 || list[0].Title != g.host.View().Title || list[0].Host != g.host.View().Host || list[0].Link == "" {
		t.Fatalf("%+v, %v", list, err)
	}
	text, err := bo.TicketText(list[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(text, ticketScheme))
	if err != nil {
		t.Fatal(err)
	}
	if tk, id, err := ledger.OpenDocument[ledger.Ticket](raw); err != nil || id.String() != list[0].ID || room.ID(tk.Room) != g.host.id {
		t.Errorf("as text it is %+v, %v", tk, err)
	}
	for _, id := range []string{"", "00", strings.Repeat("00", 32)} {
		if _, err := bo.TicketText(id); !errors.Is(err, errNoTicketHere) {
			t.Errorf("ticket %q: %v", id, err)
		}
	}

	l, err := bo.Ledger()
	if err != nil {
		t.Fatal(err)
	}
	ev, err := l.Evidence(list[0].ID)
	if err != nil || !ev.Good || len(ev.Witnesses) != 0 {
		t.Fatalf("%+v, %v", ev, err)
	}
	whose := map[string]string{}
	for _, s := range ev.Signed {
		whose[s.What] = s.Whose
		if s.What == "certificate" && s.By != g.host.n.Person() {
			t.Errorf("the certificate is of %s", s.By)
		}
	}
	for what, want := range map[string]string{"entry": "you", "order": "purchase", "iou": "purchase", "quote": "seller", "receipt": "seller", "ticket": "seller", "certificate": "person"} {
		if whose[what] != want {
			t.Errorf("%s is signed by %q, want %s", what, whose[what], want)
		}
	}
	if _, err := l.Evidence("nothing"); !errors.Is(err, errNoEntry) {
		t.Errorf("of nothing: %v", err)
	}

	sales, err := g.host.Sales()
	if err != nil || len(sales.Offers) != 1 || sales.Credit != "5.00 EUR" {
		t.Fatalf("%+v, %v", sales, err)
	}
	o := sales.Offers[0]
	if o.Sold != 1 || o.Left != 19 || o.Gross != "5.00 EUR" || len(o.Shares) != 2 || o.Shares[0].Money != "4.90 EUR" || o.Shares[1].To != "relays" || o.Shares[1].Money != "0.10 EUR" {
		t.Errorf("%+v", o)
	}
	if len(o.Sales) != 1 || o.Sales[0].Buyer != list[0].Holder || o.Sales[0].Rail != ledger.IOURail {
		t.Errorf("%+v", o.Sales)
	}
	if _, err := g.relays[0].Room(g.host.id).Sales(); !errors.Is(err, room.ErrNotAllowed) {
		t.Errorf("to a relay: %v", err)
	}
	if pending, err := bo.Pending(); err != nil || len(pending) != 0 {
		t.Errorf("pending: %+v, %v", pending, err)
	}
}

// Notes of rooms are for reading: the oldest make place, and a damaged file is none.
func TestRoomNotes(t *testing.T) {
	beside(t)
	h, err := OpenHome(t.TempDir(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	for i := range roomNotesMost + 2 {
		if err := h.keepRoomNote(roomNote{Room: room.ID{byte(i), byte(i >> 8)}, Title: "Evening", Host: PersonView{Person: h.id.Author().Person}}); err != nil {
			t.Fatal(err)
		}
	}
	again := roomNote{Room: room.ID{2}, Title: "Night", Host: PersonView{Person: h.id.Author().Person}}
	if err := h.keepRoomNote(again); err != nil {
		t.Fatal(err)
	}
	notes := h.roomNotes()
	if len(notes) != roomNotesMost || notes[0].Room != (room.ID{3}) || notes[len(notes)-1] != again {
		t.Errorf("%d notes, from %v to %v", len(notes), notes[0].Room, notes[len(notes)-1])
	}
	if err := writeFile(h.path("tickets.json"), []byte("{")); err != nil {
		t.Fatal(err)
	}
	if notes := h.roomNotes(); notes != nil {
		t.Errorf("damaged: %v", notes)
	}
}
