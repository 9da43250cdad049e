package node

import (
	"context"
	"fmt"
	"time"

	"salon/ledger"
	"salon/node/market"
	"salon/relay"
	"salon/room"
)

// The papers of a room by ticket say which tickets are good: what its host offers, what of it others sell, and which tickets are
// void, each signed by the host (ledger.Papers). They travel along the tree: down to relays, which check with them before they
// give a place, and to those who may lead the room next, who must let in whom the host would; and up from whoever has newer ones,
// such as a host who is a guest in their own room. Who has the host's signature need not ask who it came from.
//
// A relay without them lets nobody in by ticket, for the moment that they take to come: they are the next thing that it hears after
// its place. Were the question passed up instead, strangers could have a relay ask the host as often as they like.

const (
	papersRest = 100 * time.Millisecond // between two looks at the ledger: a rush is many entries

	showRate, showBurst = 4, 40 // papers that a child may show: a second, and at once

	papersAtOnce = 64 << 10 // bytes of listings in one message
)

// papers is what a node has of a room's. Room.mu guards the fields.
type papers struct {
	all     *ledger.Papers // nil until there are some
	gate    *ledger.Gate   // nil until there are enough
	version uint64         // counts up with each change
	last    relay.Papers   // the change that led to it
	silence ledger.Silence // of the host, by the lists of void tickets that came
	up      *controlConn   // the parent that was told of them
	upKnows uint64         // the version that it was told of

	// Of the host's own ledger, when it was last looked at:
	read   bool
	height uint64
	stamp  market.Stamp
	price  string // of the cheapest ticket then; "" if none is on sale
	wrong  string // why it could not be
}

// keepPapers keeps a room's papers up to date, here and beside us, until ctx ends.
func (r *Room) keepPapers(ctx context.Context) {
	for {
		var news <-chan struct{}
		if m := r.n.shop.market.Load(); m != nil {
			news = m.Appended()
		}
		looked := time.Now()
		r.renewPapers(looked)
		r.mu.Lock()
		needed := r.state == nil || r.charter.Access == room.ByTicket
		r.tellPapers(nil)
		r.askForChildren(looked)
		r.turnOutVoid() // who was on stage then may not be now
		r.mu.Unlock()
		if !needed {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(countsEvery):
			continue
		case <-news:
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(papersRest - time.Since(looked)):
		}
	}
}

// renewPapers looks at the ledger of the room's host, if that is ours.
func (r *Room) renewPapers(now time.Time) {
	r.mu.Lock()
	own := r.charter.Access == room.ByTicket && r.charter.Host == r.n.Person() && !r.carried && r.state != nil && !r.phase.Over()
	p := r.papers
	var due []byte
	if p.all != nil {
		if list, signed := p.all.Void(); now.Sub(signed).Abs() >= ledger.ListEvery {
			due = list
		}
	}
	r.mu.Unlock()
	if !own || !r.n.home.hasLedger() {
		return
	}
	list, at, stamp, err := r.n.ownPapers(r.id, p, due, now)
	price := p.price
	if err == nil && !(p.read && p.height == at) {
		price = r.n.ownPrice(r.id)
	}
	r.mu.Lock()
	if r.papers.wrong = ""; err != nil {
		if r.papers.wrong = err.Error(); r.papers.wrong != p.wrong {
			r.n.o.Log.Error("tickets cannot be checked", "room", r.id.String(), "err", err)
		}
	} else {
		r.papers.read, r.papers.height, r.papers.stamp, r.papers.price = true, at, stamp, price
	}
	r.mu.Unlock()
	for _, m := range list {
		if err := r.takePapers(m, nil, now); err != nil {
			r.n.o.Log.Error("tickets cannot be checked", "room", r.id.String(), "err", err)
		}
	}
}

// ownPapers are those that our ledger has, if they are not what they were. A list that is due to be signed anew is, if it still says
// what there is to say.
func (n *Node) ownPapers(id room.ID, p papers, due []byte, now time.Time) (list []relay.Papers, height uint64, stamp market.Stamp, err error) {
	m, err := n.Market()
	if err != nil {
		return nil, 0, stamp, err
	}
	if height, err = m.Height(); err != nil {
		return nil, 0, stamp, err
	}
	var listings []ledger.Listing
	var void []byte
	if stamp = p.stamp; !p.read || p.height != height {
		listings, void, stamp, err = m.Papers(ledger.Room(id), p.stamp, now)
	}
	if err == nil && p.read && len(void) == 0 && len(due) > 0 {
		void, err = m.Resign(due, now)
	}
	return paperMessages(listings, void), height, stamp, err
}

// ownPrice is what the cheapest ticket to a room of ours costs; "" if none is on sale.
func (n *Node) ownPrice(id room.ID) string {
	if m := n.shop.market.Load(); m != nil {
		if p, sells, err := m.Price(ledger.Room(id)); err == nil && sells {
			return p.String()
		}
	}
	return ""
}

// paperMessages cuts papers into messages. The list of void tickets comes last: nobody is let in before the others are there.
func paperMessages(listings []ledger.Listing, void []byte) (list []relay.Papers) {
	var m relay.Papers
	size := 0
	for _, l := range listings {
		n := len(l.Cert) + len(l.Offer) + len(l.Allot)
		if len(m.Listings) == relay.MaxListings || len(m.Listings) > 0 && size+n > papersAtOnce {
			list, m, size = append(list, m), relay.Papers{}, 0
		}
		m.Listings = append(m.Listings, relay.Listing{Cert: l.Cert, Offer: l.Offer, Allot: l.Allot})
		size += n
	}
	if size+len(void) > relay.MaxControl/2 && len(m.Listings) > 0 {
		list, m = append(list, m), relay.Papers{}
	}
	if m.Void = void; len(void) > 0 || len(m.Listings) > 0 {
		list = append(list, m)
	}
	return list
}

// hearPapers takes papers that a child shows: a relay, or one who may lead the room.
func (r *Room) hearPapers(c *child, m relay.Papers, now time.Time) {
	r.mu.Lock()
	may := r.feeds.children[c.id] == c && r.state != nil && (c.carry > 0 || r.state.Leads(c.author.Person))
	r.mu.Unlock()
	if !may || !c.shows.take(now, showRate, showBurst) {
		r.n.counts.Add("papers_unasked")
		return
	}
	if err := r.takePapers(m, c.ctl, now); err != nil {
		r.n.counts.Add("papers_refused")
		r.n.o.Log.Warn("papers", "room", r.id.String(), "from", c.id.String(), "err", err)
	}
}

// takePapers takes papers that came by a connection, nil for our own. What is new goes on to everybody beside us, and puts out at once
// whose ticket is void. It takes r.mu by itself: to verify them is done without.
func (r *Room) takePapers(m relay.Papers, via *controlConn, now time.Time) error {
	var listings []ledger.Listing
	for _, l := range m.Listings[:min(len(m.Listings), relay.MaxListings)] {
		listings = append(listings, ledger.Listing{Cert: l.Cert, Offer: l.Offer, Allot: l.Allot})
	}
	r.mu.Lock()
	if r.state == nil || r.state.Charter.Access != room.ByTicket || r.phase.Over() {
		r.mu.Unlock()
		return nil
	}
	all := r.papers.all
	if all == nil {
		all = ledger.NewPapers(ledger.Room(r.id), r.state.Charter.Host)
		r.papers.all = all
	}
	listings, void := all.News(listings, m.Void)
	read := all.Empty()
	r.mu.Unlock()
	if len(listings) == 0 && len(void) == 0 {
		return nil
	}
	if err := read.Read(listings, void, now); err != nil {
		return fmt.Errorf("papers: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !all.Merge(read) || r.phase.Over() {
		return nil
	}
	p := &r.papers
	if gate, err := all.Gate(); err == nil {
		p.gate = gate
	}
	_, signed := all.Void()
	p.silence.Hear(signed, now)
	p.version, p.last = p.version+1, m
	r.tellPapers(via)
	r.turnOutVoid()
	r.changed()
	return nil
}

// tellPapers tells our papers to everybody beside us who wants them and does not know them: relays, whoever may lead the room, and our
// parent. The latest change came by via, if it is not nil. r.mu is held.
func (r *Room) tellPapers(via *controlConn) {
	p := &r.papers
	if p.version == 0 || r.state == nil || r.phase.Over() {
		return
	}
	tell := func(ctl *controlConn, knows *uint64) {
		before := *knows
		*knows = p.version
		switch {
		case before == p.version, before+1 == p.version && ctl == via:
		case before > 0 && before+1 == p.version:
			ctl.Send(p.last)
		default:
			for _, m := range paperMessages(p.all.All()) {
				ctl.Send(m)
			}
		}
	}
	if r.feeds != nil {
		for _, c := range r.feeds.children {
			if !c.warm && (c.carry > 0 || r.state.Leads(c.author.Person)) {
				tell(c.ctl, &c.papers)
			}
		}
	}
	if r.host != nil || r.guest == nil || r.guest.ctl == nil || r.carries == nil && !r.state.Leads(r.n.Person()) {
		return
	}
	if p.up != r.guest.ctl {
		p.up, p.upKnows = r.guest.ctl, 0
	}
	tell(p.up, &p.upKnows)
}
