package node

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/network"

	"salon/ledger"
	"salon/ledger/doc"
	"salon/node/market"
	"salon/room"
)

// A shop is the node's ledger with its market. Most nodes never buy or sell: it begins with the first need.
type shop struct {
	market atomic.Pointer[market.Market] // nil until the ledger is open: who holds a room's lock does not wait for that

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
	m := market.New(market.Options{Store: store, Identity: n.id(), Log: n.o.Log, Dial: n.dialSeller,
		Credit: func(_ ledger.Key, cur ledger.Currency) ledger.Amount { return n.home.Credit(cur) }})
	if _, err := m.Tickets(time.Now()); err != nil { // reads the ledger, before anybody waits for it
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
	return m, nil
}

// openShop opens the ledger that a home has: what was begun goes on.
func (n *Node) openShop() {
	if !n.home.hasLedger() {
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
	m := n.shop.market.Load()
	if m == nil {
		n.counts.Add("ticket_without_ledger")
		s.Reset()
		return
	}
	m.Serve(n.ctx, string(s.Conn().RemotePeer()), s)
}

// dialSeller opens a stream to a device whose addresses are known.
func (n *Node) dialSeller(ctx context.Context, device ledger.Key) (market.Stream, error) {
	id, err := peerOf(device)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	return n.host.NewStream(ctx, id, market.Protocol)
}

// A Sale is how a host sells tickets to a room.
type Sale struct {
	Price ledger.Money
	Seats uint32
	// Credit is how much a buyer may owe in all, in the currency of the price. The zero Money leaves that as it is.
	Credit ledger.Money
}

// ticketsFor is how long after its doors open the tickets of a room are good.
const ticketsFor = 24 * time.Hour

// sell puts the tickets of a new room on sale.
func (n *Node) sell(c room.Charter, s Sale, now time.Time) error {
	if s.Price.Amount == 0 || s.Seats == 0 || s.Seats > ledger.MaxSeats || !s.Credit.IsZero() && s.Credit.Cur != s.Price.Cur {
		return &UserError{Code: "bad_sale", Text: fmt.Sprintf("A room for ticket holders needs a price, such as 5 EUR, and 1 to %d seats; what buyers may owe is of the same currency.", ledger.MaxSeats)}
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
	doors := now
	if c.Starts != 0 {
		doors = time.UnixMilli(c.Starts)
	}
	_, err = m.Offer(ledger.Offer{Version: 1, Room: ledger.Room(c.Room), Name: "Ticket", Price: s.Price, Seats: s.Seats,
		Starts: now.UnixMilli(), Ends: doors.Add(ticketsFor).UnixMilli(), RefundTo: doors.UnixMilli(), Split: []ledger.Share{{Cut: ledger.CutRelays, BasisPoints: 200}}})
	return err
}

// ticketTo is a ticket that this node has to a room, and the key that holds it; nil if it has none.
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
