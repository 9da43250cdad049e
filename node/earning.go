package node

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"time"

	"salon/ledger"
	"salon/ledger/doc"
	"salon/node/market"
	"salon/relay"
	"salon/room"
)

// Who has a share in what a host sells asks for it: who carried a room by ticket hands the host what those said whom it fed, and a
// co-host of one asks what they are owed. Whom to ask is remembered, for rooms end before money comes.

const (
	handEvery  = time.Minute
	payersMost = 256
	payersMax  = 1 << 20
	payersFile = "payers.json"
)

// A payerBook is who may owe this node's person shares.
type payerBook struct {
	mu     sync.Mutex        // guards the fields below
	list   []seatedAt        // the one that came last, last; at most payersMost
	handed map[room.ID]int64 // of the rooms carried: when their records were last handed over, by the file's time
}

func openPayers(h *Home) *payerBook {
	b := &payerBook{handed: make(map[room.ID]int64)}
	raw, err := readAtMost(h.path(payersFile), payersMax)
	if err != nil || json.Unmarshal(raw, &b.list) != nil {
		b.list = nil // they are met again, or tell us
	}
	b.list = b.list[:min(len(b.list), payersMost)]
	return b
}

func (b *payerBook) all() []seatedAt {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.list)
}

func (b *payerBook) devices() (list []ledger.Key) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range b.list {
		list = append(list, p.Device)
	}
	return list
}

// meet keeps a payer. It reports whether it is new.
func (b *payerBook) meet(h *Home, p seatedAt) (bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	i := slices.IndexFunc(b.list, func(o seatedAt) bool { return o.Device == p.Device })
	if i >= 0 && (len(p.Addrs) == 0 || slices.EqualFunc(b.list[i].Addrs, p.Addrs, slices.Equal)) {
		return false, nil
	}
	list := slices.DeleteFunc(slices.Clone(b.list), func(o seatedAt) bool { return o.Device == p.Device })
	list = append(list, p)
	b.list = list[max(len(list)-payersMost, 0):]
	raw, err := json.Marshal(b.list)
	if err != nil {
		return i < 0, err
	}
	return i < 0, replaceFile(h.path(payersFile), raw, false)
}

// handOverSoon has what was carried handed over.
func (n *Node) handOverSoon() {
	select {
	case n.handing <- struct{}{}:
	default:
	}
}

// tendShares sees to the shares that this node's person may have, until the node closes.
func (n *Node) tendShares() {
	for _, p := range n.payers.all() {
		n.sellerAt(p.Device, p.Addrs)
	}
	every := time.NewTicker(handEvery)
	defer every.Stop()
	for {
		n.meetPayers()
		if err := n.handOver(n.ctx); err != nil && n.ctx.Err() == nil {
			n.o.Log.Info("records not handed over yet", "err", err)
		}
		select {
		case <-n.ctx.Done():
			return
		case <-n.handing:
			if err := n.AskShares(n.ctx); err != nil && n.ctx.Err() == nil {
				n.o.Log.Info("somebody was not asked for shares", "err", err)
			}
		case <-every.C:
		}
	}
}

// meetPayers remembers the hosts of rooms that sell and that we are a co-host of.
func (n *Node) meetPayers() {
	for _, r := range n.Rooms() {
		r.mu.Lock()
		coHost := slices.ContainsFunc(r.charter.CoHosts, func(s room.Successor) bool { return s.Person == n.Person() })
		sells := r.charter.Access == room.ByTicket && r.charter.Host != n.Person()
		p := seatedAt{Device: r.link.Device, Addrs: r.link.Addrs}
		r.mu.Unlock()
		if coHost && sells && !p.Device.IsZero() {
			n.meetPayer(p)
		}
	}
}

func (n *Node) meetPayer(p seatedAt) {
	fresh, err := n.payers.meet(n.home, p)
	if err == nil && fresh {
		_, err = n.Market() // its ledger will have what comes
	}
	if err != nil {
		n.o.Log.Error("whom to ask for shares is not kept", "err", err)
	}
}

// handOver shows the hosts of rooms by ticket what was carried for them, where there is something new to show.
func (n *Node) handOver(ctx context.Context) (err error) {
	for _, id := range n.recordFiles() {
		f, one := n.readRecords(id)
		if one != nil || len(f.Claims) == 0 || f.Device.IsZero() {
			continue
		}
		last := f.latest()
		n.payers.mu.Lock()
		known := n.payers.handed[id] == last
		n.payers.mu.Unlock()
		if known {
			continue
		}
		n.meetPayer(seatedAt{Device: f.Device, Addrs: f.Addrs})
		n.sellerAt(f.Device, f.Addrs)
		m, one := n.Market()
		if one != nil {
			return errors.Join(err, one)
		}
		if one := m.HandOver(ctx, f.Device, ledger.Room(id), f.carriages()); one != nil {
			err = errors.Join(err, one)
			continue
		}
		n.payers.mu.Lock()
		n.payers.handed[id] = last
		n.payers.mu.Unlock()
		n.counts.Add("records_handed_over")
	}
	return err
}

// claims are what the authors of records came in with.
func (f recordFile) claims() map[doc.PublicKey][]byte {
	by := make(map[doc.PublicKey][]byte)
	for _, raw := range f.Claims {
		if author, err := room.PeekClaim(raw); err == nil {
			by[author.Device] = raw
		}
	}
	return by
}

// latest is when the newest record was signed, with how many there are: another sum is another list.
func (f recordFile) latest() (sum int64) {
	for _, raw := range f.Records {
		if s, _, err := relay.PeekService(raw); err == nil {
			sum += s.Until - s.Since + 1
		}
	}
	return sum
}

// carriages are the records that count: of those who came in by ticket.
func (f recordFile) carriages() (list []market.Carriage) {
	claims := f.claims()
	for _, raw := range f.Records {
		if _, author, err := relay.PeekService(raw); err == nil && claims[author.Device] != nil {
			list = append(list, market.Carriage{Record: raw, Claim: claims[author.Device]})
		}
	}
	return list
}
