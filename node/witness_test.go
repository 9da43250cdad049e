package node

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"salon/ledger"
)

// copyLedger copies the ledger of a home that is closed.
func copyLedger(t *testing.T, from, to string) {
	t.Helper()
	if err := os.RemoveAll(to); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}

// What is sold is seen by others a moment later. The buyer has it proven where the sale is in the seller's books, and an audit says who
// saw what.
func TestWitnessedSale(t *testing.T) {
	ana, bo := startNode(t, "Ana", nil), startNode(t, "Bo", nil)
	var others []*Node
	for _, name := range []string{"Cy", "Di", "Eva"} {
		n := startNode(t, name, nil)
		others = append(others, n)
		for _, to := range []*Node{ana, bo} {
			if err := n.AddPeer(t.Context(), to.Status().Addrs[0]); err != nil {
				t.Fatal(err)
			}
		}
	}
	s := byTicket
	s.Title = "Evening"
	hosted, err := ana.StartRoom(s)
	if err != nil {
		t.Fatal(err)
	}
	link := hosted.View().Link
	bought, err := bo.BuyTickets(t.Context(), link, 1, fiveEuro, ledger.IOURail)
	if err != nil {
		t.Fatal(err)
	}
	books, err := ana.Ledger()
	if err != nil {
		t.Fatal(err)
	}
	awaitChange(t, ana, "the sale to be witnessed", func() bool {
		v, err := books.View()
		return err == nil && v.Witnesses >= 3 && v.Witnessed == v.Height
	})
	mine, err := bo.Ledger()
	if err != nil {
		t.Fatal(err)
	}
	var ev EvidenceView
	awaitChange(t, bo, "the receipt to be proven", func() bool {
		ev, err = mine.Evidence(bought.Receipt)
		return err == nil && ev.Proven != nil
	})
	if !ev.Good || ev.Fork != nil || ev.Proven.Height >= ev.Proven.Size || len(ev.Proven.Witnesses) < 3 || len(ev.Witnesses) != 0 {
		t.Errorf("%+v, %+v", ev, ev.Proven)
	}
	for _, w := range ev.Proven.Witnesses {
		named := false
		for _, n := range append(others, bo) {
			named = named || n.author().Device == w.Device && (w.Name == "" || w.Name == n.displayName() && w.Person == n.Person())
		}
		if !named {
			t.Errorf("seen by %+v", w)
		}
	}
	// Who only buys shows nobody how long the books are.
	for _, n := range append(others, ana) {
		w, err := n.seenLogs()
		if err != nil {
			t.Fatal(err)
		}
		if list, err := w.Of(bo.Person(), 8); err != nil || len(list) != 0 {
			t.Errorf("%s has seen the buyer's: %v, %v", n.displayName(), list, err)
		}
	}
	v, err := bo.Audit(t.Context(), ana.Person())
	if err != nil || !v.Good || v.Network == nil {
		t.Fatalf("%+v, %v", v, err)
	}
	agree := 0
	for _, one := range v.Network.Seen {
		if one.Verdict == "agrees" {
			agree++
		}
	}
	if agree < 3 || len(v.Network.Receipts) != 1 || !v.Network.Receipts[0].Proven || len(v.Network.Forks) != 0 {
		t.Errorf("%+v", v.Network)
	}
	if list, err := bo.OnSale(t.Context(), link); err != nil || len(list) != 1 || list[0].Fork != nil {
		t.Errorf("%+v, %v", list, err)
	}
}

// A host whose disk was set back learns so from the first witness that it meets, sells nothing more and says how to go on; after a
// restore it sells again. Had it sold before, whoever asks is warned.
func TestOldCopyOfALedger(t *testing.T) {
	home := t.TempDir()
	folder, old := filepath.Join(home, ledgerFolder), filepath.Join(t.TempDir(), "old")
	cy, bo := startNode(t, "Cy", nil), startNode(t, "Bo", nil)
	meet := func(n *Node) {
		t.Helper()
		for _, other := range []*Node{cy, bo} {
			if err := other.AddPeer(t.Context(), n.Status().Addrs[0]); err != nil {
				t.Fatal(err)
			}
		}
	}
	host := func(n *Node, title string) (string, error) {
		s := byTicket
		s.Title = title
		r, err := n.StartRoom(s)
		if err != nil {
			return "", err
		}
		return r.View().Link, nil
	}
	witnessed := func(n *Node) {
		t.Helper()
		books, err := n.Ledger()
		if err != nil {
			t.Fatal(err)
		}
		awaitChange(t, n, "the books to be witnessed", func() bool {
			v, err := books.View()
			return err == nil && v.Witnesses >= 2 && v.Witnessed == v.Height
		})
	}
	ana := startMortal(t, home, "Ana", anywhere)
	if _, err := host(ana, "First"); err != nil {
		t.Fatal(err)
	}
	if _, err := ana.OfferSubscription(TierWish{Name: "Friends", Price: threeEuro, Period: month}); err != nil {
		t.Fatal(err)
	}
	ana.crash(t)
	copyLedger(t, folder, old)

	ana = startMortal(t, home, "Ana", anywhere)
	meet(ana)
	link, err := host(ana, "Second")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bo.BuyTickets(t.Context(), link, 1, fiveEuro, ledger.IOURail); err != nil {
		t.Fatal(err)
	}
	witnessed(ana)
	ana.crash(t)

	// The disk is set back. Nobody is there to notice, and so it goes on.
	copyLedger(t, old, folder)
	ana = startMortal(t, home, "Ana", anywhere)
	for _, title := range []string{"Third", "Fourth", "Fifth", "Sixth", "Seventh"} { // past what was seen
		if link, err = host(ana, title); err != nil {
			t.Fatalf("that is the attack: %v", err)
		}
	}
	meet(ana)
	awaitChange(t, ana, "the host to learn it", func() bool { return strings.Contains(strings.Join(ana.Notices(), ""), "old copy") })
	var no *UserError
	if _, err := host(ana, "Eighth"); err == nil || !errors.As(explain(err), &no) || no.Code != "ledger_old_copy" || !strings.Contains(no.Text, "salon ledger restore") {
		t.Errorf("it sells on: %v", err)
	}
	list, err := bo.OnSale(t.Context(), link)
	if err != nil || len(list) != 1 || list[0].Fork == nil || list[0].Fork.Person != ana.Person() {
		t.Errorf("a buyer is not warned: %+v, %v", list, err)
	}
	if v, err := bo.TipWays(t.Context(), link, "EUR"); err != nil || v.Fork == nil || v.Fork.Person != ana.Person() || v.To != ana.Person() {
		t.Errorf("whoever would give a tip is not warned: %+v, %v", v, err)
	}
	if list, err := bo.Tiers(t.Context(), link); err != nil || len(list) != 1 || list[0].Fork == nil || list[0].Fork.Person != ana.Person() {
		t.Errorf("whoever would subscribe is not warned: %+v, %v", list, err)
	}
	if v, err := bo.Audit(t.Context(), ana.Person()); err != nil || v.Good || v.Network == nil || len(v.Network.Forks) != 1 {
		t.Errorf("audit: %+v, %v", v.Network, err)
	}
	backup := filepath.Join(t.TempDir(), "backup")
	books, err := ana.Ledger()
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(backup)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(books.Backup(f), f.Close()); err != nil {
		t.Fatal(err)
	}
	ana.crash(t)

	// After a restart it has not forgotten.
	ana = startMortal(t, home, "Ana", anywhere)
	if _, err := host(ana, "Ninth"); err == nil || explain(err).Code != "ledger_old_copy" {
		t.Errorf("after a restart: %v", err)
	}
	ana.crash(t)
	h, err := OpenHome(home, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	l, _, err := RestoreLedger(h, backup, nil, true, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	h.Close()
	ana = startMortal(t, home, "Ana", anywhere)
	defer func() {
		if err := ana.Close(); err != nil {
			t.Error(err)
		}
	}()
	meet(ana)
	if _, err := host(ana, "Tenth"); err != nil {
		t.Errorf("after the restore: %v", err)
	}
	witnessed(ana)
}
