package node

import (
	"context"
	"fmt"
	"time"

	"salon/ledger"
	"salon/node/market"
	"salon/room"
)

const (
	wishesFile = "wishes.json"
	wishesMax  = 1 << 20
	wishesFor  = 7 * 24 * time.Hour
)

// A WishView is what somebody wants to buy once a seller can be reached.
type WishView struct {
	ID      string  `json:"id"`
	Room    room.ID `json:"room"`
	Count   uint32  `json:"count"`
	Price   string  `json:"price"` // of all of them: at no other is it bought
	Rail    string  `json:"rail"`
	Made    int64   `json:"made"`    // unix ms
	Expires int64   `json:"expires"` // until when it is kept
	State   string  `json:"state"`   // waiting, changed, paying, bought or refused
	Asked   string  `json:"asked"`   // when it has changed: the price now
	Why     string  `json:"why"`     // when it is refused: a code
	Text    string  `json:"text"`    // that in words
}

func wishView(w market.Wish) WishView {
	v := WishView{ID: w.ID(), Room: room.ID(w.Want.Room), Count: w.Want.Count, Price: w.Want.Price.String(), Rail: w.Want.Rail,
		Made: w.Made.UnixMilli(), Expires: w.Expires.UnixMilli(), State: string(w.State), Why: w.Why}
	if !w.Price.IsZero() {
		v.Asked = w.Price.String()
	}
	v.Text = v.Why
	for _, e := range explained {
		if v.Why != "" && e.Code == v.Why {
			v.Text = e.Text
		}
	}
	return v
}

// Wish keeps that somebody wants to buy tickets at a price, of all of them. It asks the sellers once, and again whenever one can be
// reached.
func (n *Node) Wish(ctx context.Context, ref string, count uint32, price ledger.Money, rail string, known bool) (WishView, error) {
	link, err := n.seller(ref)
	if err != nil {
		return WishView{}, err
	}
	m, err := n.Market()
	if err != nil {
		return WishView{}, err
	}
	w, err := m.Wish(n.wantOf(link, count, price, rail, known), time.Now(), wishesFor)
	if err != nil {
		return WishView{}, err
	}
	return n.tryWish(ctx, m, w)
}

// tryWish asks the sellers now, and says where the wish is then.
func (n *Node) tryWish(ctx context.Context, m *market.Market, w market.Wish) (WishView, error) {
	if err := m.TryWishes(ctx); err != nil {
		n.o.Log.Warn("a wish cannot be tried", "err", err)
	}
	for _, now := range m.Wishes(time.Now()) {
		if now.ID() == w.ID() {
			w = now
		}
	}
	return wishView(w), nil
}

// wantOf is what to buy, and at whom.
func (n *Node) wantOf(link room.Link, count uint32, price ledger.Money, rail string, known bool) market.Want {
	return market.Want{Seller: link.Device, Host: link.Host, Room: ledger.Room(link.Room), Count: count, Price: price, Rail: rail, Known: known, Others: n.otherSellers(link)}
}

// Wishes lists what this node's person waits to buy.
func (n *Node) Wishes() []WishView {
	views := []WishView{}
	if m := n.shop.market.Load(); m != nil {
		for _, w := range m.Wishes(time.Now()) {
			views = append(views, wishView(w))
		}
	}
	return views
}

// DropWish forgets a wish.
func (n *Node) DropWish(id string) error {
	m := n.shop.market.Load()
	if m == nil {
		return market.ErrNoWish
	}
	return m.Drop(id, time.Now())
}

// AgreeWish lets a wish that has changed be bought at the price that is asked now.
func (n *Node) AgreeWish(ctx context.Context, id string, price ledger.Money) (WishView, error) {
	m := n.shop.market.Load()
	if m == nil {
		return WishView{}, market.ErrNoWish
	}
	w, err := m.Agree(id, price, time.Now())
	if err != nil {
		return WishView{}, err
	}
	return n.tryWish(ctx, m, w)
}

// wishTold says what has become of a wish.
func (n *Node) wishTold(w market.Wish) {
	v := wishView(w)
	switch w.State {
	case market.WishBought:
		n.notice(fmt.Sprintf("The seller could be reached: you have %d tickets for %s that you waited for.", v.Count, v.Price))
	case market.WishChanged:
		n.notice(fmt.Sprintf("Tickets that you waited for at %s cost %s now, or the terms are others. Nothing was bought: agree, or drop the wish.", v.Price, v.Asked))
	case market.WishRefused:
		n.notice(fmt.Sprintf("Tickets that you waited for at %s cannot be had. Nothing was charged. %s", v.Price, v.Text))
	}
}
