package market_test

import (
	"errors"
	"testing"
	"time"

	"salon/ledger"
	"salon/node/market"
)

// revises changes the only tier of a creator.
func (p *party) revises(price ledger.Money, perks string) market.OnSale {
	p.town.t.Helper()
	list, err := p.Offered(ledger.Room{})
	if err != nil || len(list) != 1 {
		p.town.t.Fatalf("%+v, %v", list, err)
	}
	l, err := p.ReviseTier(list[0].First(), func(o *ledger.Offer) { o.Price, o.Perks = price, perks })
	if err != nil {
		p.town.t.Fatal(err)
	}
	return l
}

// A creator changes a tier without ending it: who has paid keeps what they paid for, is told of what a renewal costs, and pays that only
// once they say so. It is one subscription, in whatever versions it was paid, at both.
func TestRevisedTier(t *testing.T) {
	w, ctx := newTown(t), within(t)
	ana, bo, cy := w.settle(1), w.settle(2), w.settle(3)
	first := ana.append(&ledger.Offer{Version: 1, Name: "Friends", Price: eur(300), Period: month, Perks: "A room a month"})
	before := bo.subscribes(ana, "Friends", ledger.IOURail, 1, eur(300))
	if _, err := bo.Subscribe(ctx, before); err != nil {
		t.Fatal(err)
	}
	paid := bo.subscription()
	if paid.Tier != "Friends" || paid.Perks != "A room a month" || paid.First != first.ID || paid.Changed() {
		t.Errorf("%+v", paid)
	}
	if !paid.Owed {
		t.Error("what an IOU was given for is not owed")
	}
	now := ana.revises(eur(400), "Two rooms a month")
	// What was paid for stays, whatever is said of it, and also for a node that begins anew.
	if err := bo.News(ctx); err != nil {
		t.Fatal(err)
	}
	mine := bo.subscription()
	if !mine.Changed() || mine.Now.ID != now.ID || mine.Now.Offer.Price != eur(400) || mine.Perks != "A room a month" || mine.Price != eur(300) || !mine.Through.Equal(paid.Through) {
		t.Errorf("told: %+v", mine)
	}
	bo.crash()
	if mine := bo.subscription(); mine.Perks != "A room a month" || mine.Changed() {
		t.Errorf("after a crash: %+v", mine)
	}
	// Neither the old price nor the new one is paid of what was seen before.
	if _, err := bo.Subscribe(ctx, before); !errors.Is(err, ledger.ErrMismatch) {
		t.Errorf("renewed at the old price: %v", err)
	}
	renewal := bo.subscribes(ana, "Friends", ledger.IOURail, 1, eur(400))
	renewal.Offer = first.ID
	var terms *market.TermsError
	if _, err := bo.Subscribe(ctx, renewal); !errors.As(err, &terms) || terms.Offer != now.ID {
		t.Errorf("renewed by terms that nobody has seen: %v", err)
	}
	if a := bo.balance(ledger.ExpenseSubscription); a != 300 {
		t.Errorf("%d were paid", a)
	}
	renewal.Offer = now.ID
	if _, err := bo.Subscribe(ctx, renewal); err != nil {
		t.Fatal(err)
	}
	if _, err := cy.Subscribe(ctx, cy.subscribes(ana, "Friends", ledger.IOURail, 1, eur(400))); err != nil {
		t.Fatal(err)
	}
	mine = bo.subscription()
	if mine.First != first.ID || mine.Offer != now.ID || mine.Perks != "Two rooms a month" || mine.Price != eur(400) || mine.Through.Sub(paid.Through) != month*time.Second {
		t.Errorf("renewed: %+v", mine)
	}
	for _, restart := range []bool{false, true} {
		if restart {
			ana.crash()
			bo.crash()
		}
		list, err := ana.Subscribers()
		if err != nil || len(list) != 2 {
			t.Fatalf("%+v, %v", list, err)
		}
		for _, s := range list {
			if s.Offer != first.ID || s.Buyer == bo.device() && !s.Through.Equal(mine.Through) {
				t.Errorf("%+v, paid through %v", s, mine.Through)
			}
		}
	}
	// What is owed for it is settled, and so it is paid.
	if err := bo.Settle(ctx, ana.person, eur(700), "cash"); err != nil || !bo.subscription().Owed {
		t.Fatalf("on his word alone: %v, %+v", err, bo.subscription())
	}
	for _, claim := range ana.Claims() {
		if err := ana.Received(claim); err != nil {
			t.Fatal(err)
		}
	}
	if err := bo.News(ctx); err != nil || bo.subscription().Owed {
		t.Errorf("settled: %v, %+v", err, bo.subscription())
	}
	if err := bo.Leave(ctx, bo.subscription()); err != nil || !bo.subscription().Ended {
		t.Errorf("%v, %+v", err, bo.subscription())
	}
	// Ended by its first version, it is gone in every one; who subscribes is told.
	if err := ana.EndOffer(now.First()); err != nil {
		t.Fatal(err)
	}
	if err := cy.News(ctx); err != nil || !cy.subscription().Now.Gone || cy.subscription().Changed() {
		t.Errorf("%v, %+v", err, cy.subscription())
	}
	if _, err := cy.Subscribe(ctx, cy.subscribes(ana, "Friends", ledger.IOURail, 1, eur(400))); !errors.Is(err, ledger.ErrNotOnSale) {
		t.Errorf("renewed though it is gone: %v", err)
	}
}

// What a ledger of before says of a subscription has no terms in it: it goes on all the same, and is one with its renewals.
func TestSubscribedWithoutTerms(t *testing.T) {
	w, ctx := newTown(t), within(t)
	ana, bo := w.settle(1), w.settle(2)
	first := ana.tier("Friends", eur(300))
	bo.subscribedBefore(ana, first)
	if mine := bo.subscription(); mine.Tier != "" || mine.First != first.ID || mine.Period != month*time.Second {
		t.Errorf("%+v", mine)
	}
	now := ana.revises(eur(400), "")
	if _, err := bo.Subscribe(ctx, bo.subscribes(ana, "Friends", ledger.IOURail, 1, eur(400))); err != nil {
		t.Fatal(err)
	}
	if mine, theirs := bo.subscription(), ana.subscriber(); mine.Offer != now.ID || mine.Tier != "Friends" || !mine.Through.Equal(theirs.Through) {
		t.Errorf("%+v and %+v", mine, theirs)
	}
}

// subscribedBefore writes into both ledgers what a program of before would have: an order by IOU whose payment keeps no terms.
func (p *party) subscribedBefore(creator *party, offer ledger.Entry) {
	p.town.t.Helper()
	t, now := p.town.t, time.Now()
	o, ok := offer.Body.(*ledger.Offer)
	if !ok {
		t.Fatal("no offer")
	}
	order, orderID, err := ledger.Sign(p.id.Device(), ledger.Order{Purpose: ledger.ForSubscription, Offer: offer.ID, Payee: creator.person, Buyer: p.device(), Count: 1,
		Price: o.Price, Nonce: [16]byte{9}, Time: now.UnixMilli(), Expires: now.Add(time.Minute).UnixMilli()})
	if err != nil {
		t.Fatal(err)
	}
	var raw []byte
	if _, err := creator.store.Append(now, func(b *ledger.Books) (drafts []ledger.Draft, err error) {
		raw, drafts, err = b.Quote(creator.id.Device(), order, nil, ledger.Terms{Rail: ledger.IOURail, Credit: ledger.MaxAmount})
		return drafts, err
	}); err != nil {
		t.Fatal(err)
	}
	q, quoteID, err := ledger.OpenDocument[ledger.Quote](raw)
	if err != nil {
		t.Fatal(err)
	}
	iou, iouID, err := ledger.Sign(p.id.Device(), ledger.IOU{Quote: quoteID, Debtor: p.device(), Creditor: creator.person, Money: q.Total(), Time: now.UnixMilli()})
	if err != nil {
		t.Fatal(err)
	}
	p.append(&ledger.Pay{Order: orderID, Quote: quoteID, IOU: iouID, Cert: creator.id.Cert()}, order, raw, iou)
	var sold ledger.Sold
	if _, err := creator.store.Append(now, func(b *ledger.Books) (drafts []ledger.Draft, err error) {
		sold, drafts, err = b.Sell(creator.id.Device(), ledger.Payment{Quote: quoteID, IOU: iou, Credit: ledger.MaxAmount})
		return drafts, err
	}); err != nil {
		t.Fatal(err)
	}
	_, receipt, err := ledger.OpenDocument[ledger.Receipt](sold.Receipt)
	if err != nil {
		t.Fatal(err)
	}
	p.append(&ledger.Got{Receipt: receipt}, sold.Receipt)
}
