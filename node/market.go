package node

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"salon/ledger"
	"salon/ledger/doc"
	"salon/node/market"
	"salon/room"
)

// A shop is the node's ledger with its market. Most nodes never buy or sell: it begins with the first need.
type shop struct {
	market  atomic.Pointer[market.Market] // nil until the ledger is open: who holds a room's lock does not wait for that
	sellers *sellerBook
	asked   atomic.Bool // a stream is being read that may want this node to sell
	rails   railSet
	gather  time.Duration // see wantedGather

	waitsMu sync.Mutex           // guards the field below; taken last
	waits   map[ledger.Room]bool // rooms whose host is to hear soon how many waited

	mu    sync.Mutex // guards the fields below; held while the ledger opens
	store *ledger.Store
	err   error // why the ledger that there is cannot be opened; until the node starts again
}

// Market is what this node buys and sells with. A home without a ledger gets one.
func (n *Node) Market() (*market.Market, error) {
	n.shop.mu.Lock()
	defer n.shop.mu.Unlock()
	if m := n.shop.market.Load(); m != nil || n.shop.err != nil {
		return m, n.shop.err
	}
	store, err := ledger.Open(n.home.LedgerOptions(time.Now()))
	if err != nil {
		n.shop.err = ledgerError(err)
		return nil, n.shop.err
	}
	if err := n.witness.Remembered(store); err != nil {
		n.o.Log.Error("what others saw of the ledger is not known", "err", err)
	}
	o := n.marketOptions(market.Options{Store: store, Identity: n.id(), Log: n.o.Log, Dial: n.dialSeller, Rails: n.openRails(store),
		Credit: n.credit(store), Vouched: n.vouched, Via: n.dialOnStage, Tipped: n.tipped, Place: n.home.charity})
	m := market.New(o)
	if _, err := m.Tickets(time.Now()); err != nil { // reads the ledger, before anybody waits for it
		return nil, errors.Join(err, store.Close())
	}
	if err := n.signAddress(m, time.Now()); err != nil && !errors.Is(err, ledger.ErrRolledBack) {
		return nil, errors.Join(err, store.Close())
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.ctx.Err() != nil {
		return nil, errors.Join(errors.New("node: closing"), store.Close())
	}
	n.shop.store = store
	n.shop.market.Store(m)
	n.wg.Go(func() { m.Run(n.ctx) })
	n.wg.Go(func() { n.keepPapersAway(n.ctx, m) })
	n.watchLedger(store)
	return m, nil
}

// openShop opens the ledger that a home has: what was begun goes on. Who has set up a way of being paid gets one, since tips come
// unasked.
func (n *Node) openShop() {
	if !n.home.hasLedger() && len(Rails(n.home.Dir)) == 0 {
		return
	}
	if _, err := n.Market(); err != nil {
		n.o.Log.Error("ledger not opened", "err", err)
		n.notice(explain(err).Text + " Rooms work meanwhile; buying and selling do not.")
	}
}

// closeShop is for when nobody uses the market any more.
func (n *Node) closeShop() error {
	n.shop.mu.Lock()
	defer n.shop.mu.Unlock()
	if n.shop.store == nil {
		return nil
	}
	return n.shop.store.Close()
}

// serveTicket answers a buyer.
func (n *Node) serveTicket(s network.Stream) {
	m, from := n.shop.market.Load(), string(s.Conn().RemotePeer())
	if m == nil {
		n.openForHost(from, s)
		return
	}
	m.Serve(n.ctx, from, s)
}

// findSeller puts in the peerstore what is known of where a device is: from rooms that we are in and that are announced, and from when
// we met it.
func (n *Node) findSeller(device ledger.Key, id peer.ID) {
	now := time.Now()
	var places [][]byte
	for _, r := range n.Rooms() {
		r.mu.Lock()
		if r.link.Device == device {
			places = append(places, r.link.Addrs...)
		}
		r.mu.Unlock()
	}
	for _, l := range n.dir.Live(now) {
		if l.device == device {
			places = append(places, l.ann.Entries...)
		}
	}
	if to, err := addrInfo(device, places); err == nil {
		n.host.Peerstore().AddAddrs(to.ID, to.Addrs, sellerAddrs)
	}
	for _, met := range n.book.Recent(bookSize) {
		if met.ID == id {
			n.host.Peerstore().AddAddrs(id, met.Addrs, sellerAddrs)
		}
	}
}

// dialSeller opens a stream to a device, if it is known where it is, or that is in a room with us: who leads that passes on what we
// say.
func (n *Node) dialSeller(ctx context.Context, device ledger.Key) (market.Stream, error) {
	id, err := peerOf(device)
	if err != nil {
		return nil, err
	}
	if len(n.host.Peerstore().Addrs(id)) == 0 {
		n.findSeller(device, id)
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	leader := n.leaderNear(device)
	if leader == "" || n.host.Network().Connectedness(id) == network.Connected {
		return n.host.NewStream(ctx, id, market.Protocol)
	}
	s, err := n.host.NewStream(ctx, leader, market.Protocol)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(s.SetDeadline(time.Now().Add(dialTimeout)), market.Forwarded(s, device)); err != nil {
		s.Reset()
		return nil, err
	}
	return s, nil
}

// sellerCame has what is open with a device gone on with: a purchase whose seller was away.
func (n *Node) sellerCame(id peer.ID) {
	m := n.shop.market.Load()
	if m == nil {
		return
	}
	if device, err := deviceOf(id); err == nil {
		m.Came(device)
	}
}

// A Sale is how a host sells tickets to a room.
type Sale struct {
	Price ledger.Money
	Seats uint32
	// Credit is how much a buyer may owe in all, in the currency of the price. The zero Money leaves that as it is.
	Credit ledger.Money
	Tax    string      // what the host states of tax, such as "incl. 19 % VAT"; empty for nothing
	Shares []SplitView // nil: the usual ones, 2 % for relays
}

// ticketsFor is how long after its doors open the tickets of a room are good.
const ticketsFor = 24 * time.Hour

// sell puts the tickets of a new room on sale.
func (n *Node) sell(c room.Charter, s Sale, now time.Time) error {
	if s.Price.Amount == 0 || s.Seats == 0 || s.Seats > ledger.MaxSeats || !s.Credit.IsZero() && s.Credit.Cur != s.Price.Cur {
		return &UserError{Code: "bad_sale", Text: fmt.Sprintf("A room for ticket holders needs a price, such as 5 EUR, and 1 to %d seats; what buyers may owe is of the same currency.", ledger.MaxSeats)}
	}
	tax, err := taxLine(s.Tax)
	if err != nil {
		return err
	}
	split, err := n.Split(s.Shares, false)
	if err != nil {
		return err
	}
	m, err := n.Market()
	if err != nil {
		return err
	}
	if !s.Credit.IsZero() {
		if err := n.home.SetCredit(s.Credit.Cur, s.Credit.Amount); err != nil {
			return err
		}
	}
	if err := enough(m, s.Price); err != nil {
		return err
	}
	doors := now
	if c.Starts != 0 {
		doors = time.UnixMilli(c.Starts)
	}
	_, err = m.Offer(ledger.Offer{Version: 1, Room: ledger.Room(c.Room), Name: "Ticket", Price: s.Price, Seats: s.Seats, Tax: tax,
		Starts: now.UnixMilli(), Ends: doors.Add(ticketsFor).UnixMilli(), RefundTo: doors.UnixMilli(), Split: split})
	return err
}

// enough refuses a price that a way of paying here takes nothing as small as: a buyer would learn it only while paying.
func enough(m *market.Market, price ledger.Money) error {
	rail, least, small := m.TooLittle(price)
	if !small {
		return nil
	}
	return &UserError{Code: "bad_sale", Text: fmt.Sprintf("Nobody could pay %s by card: %s takes no less than %s. Ask at least that, or first take %s out of your ways of paying ('salon ledger rail remove %s').",
		price, rail, least, rail, rail)}
}

// taxLine is what somebody states of tax as the ledger takes it.
func taxLine(line string) (string, error) {
	clean, err := doc.CleanText(line, ledger.MaxTax)
	if err != nil {
		return "", &UserError{Code: "bad_tax", Text: fmt.Sprintf("A tax line has at most %d visible characters, such as: incl. 19 %% VAT.", ledger.MaxTax)}
	}
	return clean, nil
}

// ticketTo is a ticket that this node has to a room, nil if it has none, and the key that holds it, zero if the person does.
func (n *Node) ticketTo(id room.ID, now time.Time) ([]byte, doc.PrivateKey) {
	m := n.shop.market.Load()
	if m == nil {
		return nil, doc.PrivateKey{}
	}
	raw, holder, err := m.Ticket(ledger.Room(id), now)
	if err != nil {
		n.o.Log.Error("tickets", "err", err)
	}
	return raw, holder
}
