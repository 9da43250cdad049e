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
	Price   string  `json:"price"` // of all of them: at no other is it bought; "": it says what tickets cost, and buys none
	Rail    string  `json:"rail"`
	Made    int64   `json:"made"`    // unix ms
	Expires int64   `json:"expires"` // until when it is kept
	State   string  `json:"state"`   // waiting, changed, paying, bought or refused
	Asked   string  `json:"asked"`   // when it has changed: the price now
	Why     string  `json:"why"`     // when it is refused: a code
	Text    string  `json:"text"`    // that in words

	Title string     `json:"title"` // of the room; "" if this node does not know
	Host  PersonView `json:"host"`  // likewise
	Link  string     `json:"link"`
}

func (n *Node) wishView(w market.Wish, notes []roomNote, now time.Time) WishView {
	v := WishView{ID: w.ID(), Room: room.ID(w.Want.Room), Count: w.Want.Count, Rail: w.Want.Rail,
		Made: w.Made.UnixMilli(), Expires: w.Expires.UnixMilli(), State: string(w.State), Why: w.Why}
	note := n.knownRoom(v.Room, notes, now)
	if v.Title, v.Host, v.Link = note.Title, note.Host, note.Link; v.Host.Person.IsZero() {
		v.Host.Person = w.Want.Host
	}
	if !w.Want.Price.IsZero() {
		v.Price = w.Want.Price.String()
	}
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

// Wish keeps that somebody wants to buy tickets at a price, of all of them, or with the zero price to hear what they cost. It asks the
// sellers once, and again whenever one can be reached.
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
	n.noteRoom(ctx, link, false)
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
	return n.wishView(w, n.home.roomNotes(), time.Now()), nil
}

// wantOf is what to buy, and at whom.
func (n *Node) wantOf(link room.Link, count uint32, price ledger.Money, rail string, known bool) market.Want {
	return market.Want{Seller: link.Device, Host: link.Host, Room: ledger.Room(link.Room), Count: count, Price: price, Rail: rail, Known: known, Others: n.otherSellers(link)}
}

// Wishes lists what this node's person waits to buy.
func (n *Node) Wishes() []WishView {
	views := []WishView{}
	if m := n.shop.market.Load(); m != nil {
		notes, now := n.home.roomNotes(), time.Now()
		for _, w := range m.Wishes(now) {
			views = append(views, n.wishView(w, notes, now))
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
	v := n.wishView(w, n.home.roomNotes(), time.Now())
	to := ""
	if v.Title != "" {
		to = fmt.Sprintf(" to “%s”", v.Title)
	}
	switch {
	case w.State == market.WishBought:
		n.keysMatter()
		n.notice(fmt.Sprintf("The seller could be reached: you have %s%s for %s, which you waited for.", tickets(int(v.Count)), to, v.Price))
	case w.State == market.WishChanged && v.Price == "":
		n.notice(fmt.Sprintf("Tickets%s can be bought now, for %s. You wanted to be told.", to, v.Asked))
	case w.State == market.WishChanged:
		n.notice(fmt.Sprintf("Tickets%s that you waited for at %s cost %s now, or the terms are others. Nothing was bought: agree, or drop the wish.", to, v.Price, v.Asked))
	case w.State == market.WishRefused:
		n.notice(fmt.Sprintf("Tickets%s that you waited for cannot be had. Nothing was charged. %s", to, v.Text))
	}
}

func tickets(n int) string {
	if n == 1 {
		return "a ticket"
	}
	return fmt.Sprintf("%d tickets", n)
}

// wantedGather is how long it takes until who waited has said so: they ask again after half a minute.
const wantedGather = 35 * time.Second

// wanted tells the host how many people waited for tickets, once those who ask now have come.
func (n *Node) wanted(id ledger.Room, _ int) {
	n.shop.waitsMu.Lock()
	defer n.shop.waitsMu.Unlock()
	if n.shop.waits[id] {
		return
	}
	if n.shop.waits == nil {
		n.shop.waits = map[ledger.Room]bool{}
	}
	n.shop.waits[id] = true
	n.wg.Go(func() {
		timer := time.NewTimer(n.shop.gather)
		defer timer.Stop()
		select {
		case <-n.ctx.Done():
		case <-timer.C:
			n.tellWanted(id)
		}
	})
}

func (n *Node) tellWanted(id ledger.Room) {
	n.shop.waitsMu.Lock()
	delete(n.shop.waits, id)
	n.shop.waitsMu.Unlock()
	m := n.shop.market.Load()
	if m == nil {
		return
	}
	who := "1 person"
	if people := m.Wanted(id); people != 1 {
		who = fmt.Sprintf("%d people", people)
	}
	title := room.ID(id).String()[:10]
	if known := n.knownRoom(room.ID(id), nil, time.Now()).Title; known != "" {
		title = known
	} else if r := n.Room(room.ID(id)); r != nil {
		title = r.View().Title
	}
	n.notice(fmt.Sprintf("%s wanted tickets to “%s” while you could not be reached.", who, title))
}
