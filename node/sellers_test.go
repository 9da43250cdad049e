package node

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"salon/ledger"
)

// While the host sleeps a co-host sells to whoever has asked the host before, and keeps its books for the host. Who knows nobody
// else waits with a wish, which costs nothing, and has a ticket when the host is back.
func TestSalesWhileTheHostSleeps(t *testing.T) {
	home := t.TempDir()
	ana, di := startMortal(t, home, "Ana", anywhere), startNode(t, "Di", nil)
	s := byTicket
	s.Title, s.CoHosts = "Evening", []PersonView{{Person: di.Person(), Name: "Di"}}
	hosted, err := ana.StartRoom(s)
	if err != nil {
		t.Fatal(err)
	}
	link := hosted.View().Link
	lend := Lend{Room: "Evening", Who: di.author().Device, Seats: 5}
	var no *UserError
	if _, err := ana.LendSeats(t.Context(), lend); !errors.As(err, &no) || no.Code != "no_seller" {
		t.Errorf("to a device that was never met: %v", err)
	}
	standby, err := di.Join(t.Context(), link)
	if err != nil {
		t.Fatal(err)
	}
	awaitChange(t, di, "Di to be in", func() bool { return standby.Phase() == Live })
	lent, err := ana.LendSeats(t.Context(), lend)
	if err != nil || lent.Seller != di.author().Device || lent.Payee != ana.Person() {
		t.Fatalf("%+v, %v", lent, err)
	}
	if _, err := ana.LendSeats(t.Context(), lend); !errors.As(err, &no) || no.Code != "seller_has_seats" {
		t.Errorf("once more: %v", err)
	}
	var v SellersView
	awaitChange(t, ana, "the seller's name", func() bool { // of who is in the room: Di may be coming back
		v, err = ana.Sellers()
		return err != nil || len(v.Lent) != 1 || v.Lent[0].Name == "Di"
	})
	if err != nil || len(v.Lent) != 1 || v.Lent[0].Seats != 5 || v.Lent[0].Sold != 0 {
		t.Errorf("lent: %+v, %v", v, err)
	}
	bo, cy := startNode(t, "Bo", nil), startNode(t, "Cy", nil)
	if list, err := bo.OnSale(t.Context(), link); err != nil || len(list) != 1 {
		t.Fatalf("on sale: %v, %v", list, err)
	}
	ana.crash(t) // who closes a node ends its rooms, and their sale
	if list, err := bo.OnSale(t.Context(), link); err != nil || len(list) != 1 || list[0].Host != hosted.View().Host.Person {
		t.Errorf("while the host sleeps: %v, %v", list, err)
	}
	if b, err := bo.BuyTickets(t.Context(), link, 1, fiveEuro, ledger.IOURail); err != nil || len(b.Tickets) != 1 {
		t.Fatalf("%+v, %v", b, err)
	}
	if v, err := di.Sellers(); err != nil || len(v.Selling) != 1 || v.Selling[0].Sold != 1 || v.Selling[0].Host.Person != ana.Person() || len(v.Lent) != 0 {
		t.Errorf("Di sells: %+v, %v", v, err)
	}
	if list, err := bo.Tickets(); err != nil || len(list) != 1 || list[0].Seller != di.author().Device {
		t.Errorf("sold by %+v, %v", list, err)
	}
	if _, err := cy.BuyTickets(t.Context(), link, 1, fiveEuro, ledger.IOURail); !errors.Is(err, errUnreachable) {
		t.Errorf("who knows nobody else: %v", err)
	}
	wish, err := cy.Wish(t.Context(), link, 1, fiveEuro, ledger.IOURail, false)
	if err != nil || wish.State != "waiting" || len(cy.Wishes()) != 1 {
		t.Fatalf("%+v, %v", wish, err)
	}

	if wish.Link != link || wish.Host.Person != ana.Person() {
		t.Errorf("the wish does not know the room: %+v", wish)
	}

	ana = startMortal(t, home, "Ana", anywhere)
	ana.shop.gather = 0 // nobody else waits
	defer func() {
		if err := ana.Close(); err != nil {
			t.Error(err)
		}
	}()
	m, err := ana.Market()
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []*Node{di, cy} {
		if err := n.AddPeer(t.Context(), ana.Status().Addrs[0]); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	kinds := map[string]int{}
	books, err := ana.Ledger()
	if err != nil {
		t.Fatal(err)
	}
	if err := books.Entries(func(e EntryView) error { kinds[e.Kind]++; return nil }); err != nil || kinds["report"] != 1 {
		t.Errorf("the host has heard of %v, %v", kinds, err)
	}
	shop, err := cy.Market()
	if err != nil {
		t.Fatal(err)
	}
	if err := shop.TryWishes(t.Context()); err != nil {
		t.Error(err)
	}
	if list := cy.Wishes(); len(list) != 1 || list[0].State != "bought" {
		t.Errorf("%+v", list)
	}
	if v, err := ana.Sellers(); err != nil || len(v.Lent) != 1 || v.Lent[0].Sold != 1 {
		t.Errorf("the host has heard of %+v, %v", v, err)
	}
	if n := m.Wanted(ledger.Room(hosted.ID())); n != 1 {
		t.Errorf("%d waited", n)
	}
	awaitChange(t, ana, "Ana to be told who waited", func() bool {
		return slices.ContainsFunc(ana.Status().Notices, func(text string) bool { return strings.Contains(text, "1 person wanted tickets") })
	})
	if list, err := cy.Tickets(); err != nil || len(list) != 1 || list[0].Seller != ana.author().Device {
		t.Errorf("%+v, %v", list, err)
	}
	if err := cy.DropWish(wish.ID); err != nil || len(cy.Wishes()) != 0 {
		t.Error(err)
	}
}
