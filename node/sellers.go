package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"salon/ledger"
	"salon/ledger/doc"
	"salon/node/market"
	"salon/node/market/lnaddress"
	"salon/relay"
	"salon/room"
)

// Who sells tickets to a room beside its host is remembered, with where they are: when the host sleeps, it cannot say so.

const (
	sellersRooms = 64
	sellersMost  = 16 // of one room
	sellersMax   = 1 << 20
)

type sellerBook struct {
	path string

	mu   sync.Mutex    // guards the fields below
	list []roomSellers // the one that came last, last; at most sellersRooms
}

type roomSellers struct {
	Room    room.ID    `json:"room"`
	Sellers []seatedAt `json:"sellers"`
}

// seatedAt is a device and where it was.
type seatedAt struct {
	Device doc.PublicKey `json:"device"`
	Addrs  [][]byte      `json:"addrs"` // multiaddrs
}

// openSellers reads what was kept. Without a file that can be understood there are none: they are heard of again.
func openSellers(h *Home) *sellerBook {
	b := &sellerBook{path: h.path("sellers.json")}
	raw, err := readAtMost(b.path, sellersMax)
	if err != nil || json.Unmarshal(raw, &b.list) != nil {
		b.list = nil
	}
	b.list = b.list[:min(len(b.list), sellersRooms)]
	return b
}

func (b *sellerBook) of(id room.ID) []seatedAt {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range b.list {
		if r.Room == id {
			return r.Sellers[:min(len(r.Sellers), sellersMost)]
		}
	}
	return nil
}

// keep stores who sells tickets to a room. The room that came first makes room for it.
func (b *sellerBook) keep(id room.ID, sellers []seatedAt) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := slices.DeleteFunc(slices.Clone(b.list), func(r roomSellers) bool { return r.Room == id })
	if len(sellers) > 0 {
		list = append(list, roomSellers{id, sellers[:min(len(sellers), sellersMost)]})
	}
	b.list = list[max(len(list)-sellersRooms, 0):]
	raw, err := json.Marshal(b.list)
	if err != nil {
		return err
	}
	return replaceFile(b.path, raw, false)
}

const (
	placesFile = "places.json" // where people whom shares are owed to are paid
	placesMax  = 4 << 20
)

// marketOptions are those by which a market knows the world.
func (n *Node) marketOptions(o market.Options) market.Options {
	o.Device = func(from string) ledger.Key {
		device, _ := deviceOf(peer.ID(from))
		return device
	}
	o.Sells = n.sellsFor
	o.Lent = func(host ledger.Key, cur ledger.Currency, credit ledger.Amount) error {
		if host == n.Person() {
			return n.home.SetCredit(cur, credit)
		}
		return n.home.setLent(host, cur, credit)
	}
	o.Lends = n.home.lent
	o.Where = n.knownAddrs
	o.Met = n.sellerAt
	o.Told, o.Wanted = n.wishTold, n.wanted
	o.Payers, o.Devices, o.Carried = n.payers.devices, n.devicesOf, n.takeCarriage
	files := map[market.Kept]string{market.KeptHands: n.home.path(handsFile), market.KeptWishes: n.home.path(wishesFile)}
	o.Damaged = func(what market.Kept, err error) { n.keepAside(what, files[what], err) }
	read := func(what market.Kept) []byte {
		raw, err := readAtMost(files[what], wishesMax)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			n.o.Log.Error("kept beside the ledger, and cannot be read", "what", string(what), "err", err)
			n.keepAside(what, files[what], err)
			o.HandsLost = o.HandsLost || what == market.KeptHands
		}
		return raw
	}
	o.Hands, o.Wishes = read(market.KeptHands), read(market.KeptWishes)
	o.KeepHands = func(raw []byte) error { return replaceFile(files[market.KeptHands], raw, true) }
	o.Invoice = func(ctx context.Context, address string, sum ledger.Money) (string, error) {
		return lnaddress.Invoice(ctx, address, sum, nil)
	}
	places := n.home.path(placesFile)
	o.Places, _ = readAtMost(places, placesMax) // without it they are asked again
	o.KeepPlaces = func(raw []byte) error { return replaceFile(places, raw, false) }
	o.KeepWishes = func(raw []byte) error { return replaceFile(files[market.KeptWishes], raw, true) }
	return o
}

// keepAside keeps a file that cannot be read, which a new one takes the place of, and tells the person what that means.
func (n *Node) keepAside(what market.Kept, path string, why error) {
	aside := strings.TrimSuffix(path, ".json") + ".damaged-" + time.Now().UTC().Format("20060102T150405.000") + ".json"
	where := "it is kept as " + aside
	if err := os.Rename(path, aside); err != nil {
		where = "it could not be kept aside: " + err.Error()
	}
	text := "Your wishes for tickets cannot be read, and none of them is tried"
	if what == market.KeptHands {
		text = "Which purchases you pay by hand cannot be read. All that are under way count as paid by hand, so that none is paid twice; what you have paid brings its tickets"
	}
	n.notice(fmt.Sprintf("%s: %v (%s).", text, why, where))
}

// sellsFor reports whether this node takes seats to sell from a host: it is a co-host of that room.
func (n *Node) sellsFor(host ledger.Key, id ledger.Room) bool {
	r := n.Room(room.ID(id))
	if r == nil {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state != nil && r.state.Charter.Host == host && r.state.IsCoHost(n.Person())
}

// openForHost opens the ledger of a node that never bought or sold, if its person's other device, or the host of a room in which it
// is a co-host, wants it to sell.
func (n *Node) openForHost(from string, s network.Stream) {
	if !n.shop.asked.CompareAndSwap(false, true) {
		n.counts.Add("ticket_without_ledger")
		s.Reset()
		return
	}
	host, id, again, err := market.Lends(s)
	n.shop.asked.Store(false)
	if err == nil && (host == n.Person() || n.sellsFor(host, id)) {
		if m, err := n.Market(); err == nil {
			m.Serve(n.ctx, from, again)
			return
		}
	}
	n.counts.Add("ticket_without_ledger")
	s.Reset()
}

// knownAddrs is where a device was reached.
func (n *Node) knownAddrs(device ledger.Key) [][]byte {
	id, err := peerOf(device)
	if err != nil {
		return nil
	}
	return entryOf(peer.AddrInfo{ID: id, Addrs: n.host.Peerstore().Addrs(id)}).Addrs
}

// sellerAt takes where a seller is said to be.
func (n *Node) sellerAt(device ledger.Key, addrs [][]byte) {
	id, err := peerOf(device)
	if err != nil {
		return
	}
	to, err := addrInfoOf(relay.Entry{Peer: []byte(id), Addrs: addrs})
	if err == nil {
		n.host.Peerstore().AddAddrs(to.ID, to.Addrs, sellerAddrs)
	}
}

// otherSellers are the devices, beside the one in the link, that are known to sell tickets to a room, or lead it.
func (n *Node) otherSellers(link room.Link) []ledger.Key {
	var list []ledger.Key
	add := func(device ledger.Key, addrs [][]byte) {
		if device == link.Device || device == n.author().Device || slices.Contains(list, device) {
			return
		}
		n.sellerAt(device, addrs)
		list = append(list, device)
	}
	if l, live := n.dir.Get(link.Room, time.Now()); live && l.ann.Host == link.Host {
		add(l.device, l.ann.Entries)
	}
	for _, s := range n.shop.sellers.of(link.Room) {
		add(s.Device, s.Addrs)
	}
	return list
}

// learnSellers asks who else sells tickets to a room, and remembers it.
func (n *Node) learnSellers(ctx context.Context, m *market.Market, link room.Link) {
	list, err := m.Sellers(ctx, link.Device, link.Host, ledger.Room(link.Room))
	if err != nil {
		return // we know those of before
	}
	var known []seatedAt
	for _, device := range list {
		known = append(known, seatedAt{device, n.knownAddrs(device)})
	}
	if err := n.shop.sellers.keep(link.Room, known); err != nil {
		n.o.Log.Warn("sellers not kept", "err", err)
	}
}

// A LendingView is a range of seats that another device sells.
type LendingView struct {
	ID      string        `json:"id"`
	Room    room.ID       `json:"room"`
	Seller  doc.PublicKey `json:"seller"` // the device
	Payee   doc.PublicKey `json:"payee"`  // the person who is paid
	Seats   uint32        `json:"seats"`
	Expires int64         `json:"expires"` // unix ms

	Sold  uint32     `json:"sold"` // tickets that are good, as far as this node has heard
	Held  uint32     `json:"held"` // for who is buying just now; the seller's node knows
	Back  bool       `json:"back"` // what was left came back, and nothing more is sold
	Price string     `json:"price"`
	Title string     `json:"title"` // of the room; "" if this node does not know
	Host  PersonView `json:"host"`
	Name  string     `json:"name"` // of the seller, while they are in the room here; else ""
}

// SellersView is what others sell for this node's person, and what this node sells for others.
type SellersView struct {
	Lent    []LendingView `json:"lent"`
	Selling []LendingView `json:"selling"`
}

// Sellers lists what was lent to sell and has not run out.
func (n *Node) Sellers() (SellersView, error) {
	v := SellersView{Lent: []LendingView{}, Selling: []LendingView{}}
	m := n.shop.market.Load()
	if m == nil {
		return v, nil
	}
	lent, err := m.Lendings()
	if err != nil {
		return v, err
	}
	selling, err := m.Selling()
	if err != nil {
		return v, err
	}
	now, notes := time.Now(), n.home.roomNotes()
	views := func(list []market.Lending) []LendingView {
		views := []LendingView{}
		for _, l := range list {
			if now.Before(l.Expires) {
				views = append(views, n.lendingView(l, notes, now))
			}
		}
		return views
	}
	v.Lent, v.Selling = views(lent), views(selling)
	return v, nil
}

func (n *Node) lendingView(l market.Lending, notes []roomNote, now time.Time) LendingView {
	id := room.ID(l.Room)
	note := n.knownRoom(id, notes, now)
	v := LendingView{ID: l.ID.String(), Room: id, Seller: l.Seller, Payee: l.Payee, Seats: l.Seats, Expires: l.Expires.UnixMilli(),
		Sold: l.Sold, Held: l.Held, Back: l.Back, Price: l.Offer.Price.String(), Title: note.Title, Host: note.Host}
	if r := n.Room(id); r != nil {
		here := r.View()
		v.Title, v.Host, v.Name = here.Title, here.Host, r.guestName(l.Seller)
	}
	if v.Host.Person.IsZero() {
		v.Host.Person = l.Host
	}
	return v
}

// A Lend says who else sells tickets to a room of ours.
type Lend struct {
	Room  string        // share link, ID, or the beginning of ID or title
	Who   doc.PublicKey // a device, or a person who is in the room
	Seats uint32
	// SellerIsPaid lets the seller's person take the money, and owe it to the host. Otherwise the host is paid.
	SellerIsPaid bool
	For          time.Duration // 0 means until the tickets run out
}

// lendFor is how long an allotment lasts unless the host says otherwise.
const lendFor = 30 * 24 * time.Hour

var errNoSeller = &UserError{Code: "no_seller", Text: "This device is not known here. Name a device that this node has met, or a person who is in the room."}

// LendSeats lets another device sell seats.
func (n *Node) LendSeats(ctx context.Context, l Lend) (LendingView, error) {
	of, m, err := n.ownRoom(l.Room)
	if err != nil {
		return LendingView{}, err
	}
	id := room.ID(of)
	author, err := n.sellerIn(id, l.Who)
	if err != nil {
		return LendingView{}, err
	}
	if l.Seats == 0 || l.For < 0 || l.For > lendFor {
		return LendingView{}, &UserError{Code: "bad_sale", Text: fmt.Sprintf("An allotment is of at least one seat, and for at most %d days.", lendFor/(24*time.Hour))}
	}
	if l.For == 0 {
		l.For = lendFor
	}
	payee := n.Person()
	if l.SellerIsPaid {
		if payee = author.Person; payee.IsZero() {
			return LendingView{}, errNoSeller
		}
	}
	until := time.Now().Add(l.For)
	lent, err := m.Lend(ctx, of, 0, author.Device, payee, l.Seats, until)
	switch {
	case errors.Is(err, ledger.ErrDuplicate):
		return LendingView{}, &UserError{Code: "seller_has_seats", Text: "This device sells seats of this room already. Take them back first."}
	case err != nil:
		return LendingView{}, sellerError(err)
	}
	all, err := n.Sellers()
	if err != nil {
		return LendingView{}, err
	}
	i := slices.IndexFunc(all.Lent, func(v LendingView) bool { return v.ID == lent.String() })
	if i < 0 {
		return LendingView{}, ledger.ErrUnknown
	}
	return all.Lent[i], nil
}

// sellerIn finds the device of somebody in a room, or one that this node has met. Whose that is, is not known then.
func (n *Node) sellerIn(id room.ID, who doc.PublicKey) (doc.Author, error) {
	if who == n.author().Device {
		return doc.Author{}, &UserError{Code: "own_room", Text: "This device sells the room anyway."}
	}
	if r := n.Room(id); r != nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.state != nil {
			for _, s := range r.state.Seats {
				if s.Person == who || s.Device == who {
					return doc.Author{Person: s.Person, Device: s.Device}, nil
				}
			}
		}
		if r.host != nil {
			for _, m := range r.host.keyholder.members {
				if m.author.Person == who || m.author.Device == who {
					return m.author, nil
				}
			}
		}
	}
	if len(n.knownAddrs(who)) == 0 {
		return doc.Author{}, errNoSeller
	}
	return doc.Author{Device: who}, nil
}

// TakeBackSeats ends what a device sells of our rooms.
func (n *Node) TakeBackSeats(ctx context.Context, device doc.PublicKey) error {
	m, err := n.Market()
	if err != nil {
		return err
	}
	if err := m.TakeBack(ctx, device); err != nil {
		return sellerError(err)
	}
	return nil
}
