package node

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"

	"salon/relay"
	"salon/room"
)

// visiting is what only a guest of a room has, or a relay. Room.mu guards the fields.
type visiting struct {
	host    peer.AddrInfo   // where the room is led
	others  []peer.AddrInfo // relays that carry the room, as the host told in its link or announcement
	at      position        // in the tree, when last looked
	up      *uplink         // to who feeds us; nil while nobody does
	ctl     *controlConn    // its control stream
	parent  peer.ID         // who feeds us, or did last
	nextID  uint64
	waiting map[uint64]waiting // for an Answer or People
	consent consent
	ready   chan struct{} // closed when the first attempt is decided, well or badly
	decided sync.Once     // closes ready
	why     error         // why somebody gave us no place, the host rather than others
	said    saying        // by others, of our ticket
	attempt int           // to find a place, since the way to the host was lost
	lost    time.Time     // when that was, or the first attempt began; zero while there is one
	news    chan struct{} // holds one: how we are in the room may have changed

	have atomic.Uint64 // the last event that we know; not guarded by Room.mu
}

// A waiting is a question that went up.
type waiting struct {
	answer func(m any) // must not block
	until  time.Time   // for a question of a child's: ours waits for itself
	ctl    *controlConn
}

func newVisiting(host peer.AddrInfo) *visiting {
	return &visiting{
		host: host, waiting: make(map[uint64]waiting), ready: make(chan struct{}), news: make(chan struct{}, 1), lost: time.Now(),
	}
}

// changed has keepVisit look again.
func (v *visiting) changed() {
	select {
	case v.news <- struct{}{}:
	default:
	}
}

// know takes up the entry points of a link or an announcement: addresses of the host, and relays with their name.
func (v *visiting) know(entries [][]byte) {
	v.others = nil
	for _, b := range entries {
		m, err := multiaddr.NewMultiaddrBytes(b)
		if err != nil {
			continue
		}
		if p, err := peer.AddrInfoFromP2pAddr(m); err != nil {
			if !multiaddr.Contains(v.host.Addrs, m) {
				v.host.Addrs = append(v.host.Addrs, m)
			}
		} else if p.ID != v.host.ID {
			v.others = append(v.others, *p)
		}
	}
}

// findParent takes up the addresses that the host announces now: it may have moved to another network.
func (r *Room) findParent() {
	l, ok := r.n.dir.Get(r.id, time.Now())
	if !ok || len(l.ann.Entries) == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	now, err := addrInfo(l.device, nil)
	if err != nil || l.ann.Host != r.charter.Host || r.host != nil {
		return
	}
	if now.ID != r.guest.host.ID {
		r.heir.hint = now // somebody leads it there, or did
		return
	}
	r.guest.know(l.ann.Entries)
	r.link.Addrs = l.ann.Entries
}

// uses reports whether the room has a connection to p.
func (r *Room) uses(p peer.ID) bool {
	r.media.mu.Lock()
	defer r.media.mu.Unlock()
	id := relay.Peer(p)
	return r.media.above[id] != nil || r.media.below[id] != nil || r.media.links[id] != nil
}

// lose answers what waits for an answer that will not come by ctl.
func (r *Room) lose(ctl *controlConn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, w := range r.guest.waiting {
		if w.ctl == ctl {
			w.answer(relay.Answer{ID: id, Code: errNotConnected.Code, Text: errNotConnected.Text})
			delete(r.guest.waiting, id)
		}
	}
}

// answered hands what the host answered to whoever asked.
func (r *Room) answered(id uint64, m any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if w, asked := r.guest.waiting[id]; asked {
		delete(r.guest.waiting, id)
		w.answer(m)
	}
}

// ask sends a signed command to the host and waits for its answer.
func (r *Room) ask(ctx context.Context, c room.Command) error {
	m, err := r.exchange(ctx, func(id uint64) (any, error) {
		raw, err := room.SignCommand(r.n.id(), c)
		return relay.Command{ID: id, Payload: raw}, err
	})
	a, ok := m.(relay.Answer)
	if lost := errors.Is(err, errNotConnected) || ok && a.Code == errNotConnected.Code; lost && c.Kind == room.End && r.hasEnded() {
		return nil // whoever is sent away for that may not get the answer
	}
	switch {
	case err != nil:
		return err
	case !ok:
		return errNotConnected
	case a.Code != "":
		return answered(a)
	}
	return nil
}

// hasEnded reports whether the host said that the room is over.
func (r *Room) hasEnded() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state != nil && r.state.Ended
}

// exchange sends the host what question makes of an ID, and waits for what answers it.
func (r *Room) exchange(ctx context.Context, question func(id uint64) (any, error)) (any, error) {
	r.mu.Lock()
	if r.phase.Over() {
		r.mu.Unlock()
		return nil, errOver
	}
	ctl := r.guest.ctl
	if ctl == nil || r.carries == nil && len(r.guest.waiting) >= 64 {
		r.mu.Unlock()
		return nil, errNotConnected
	}
	r.guest.nextID++
	id := r.guest.nextID
	answer := make(chan any, 1)
	r.guest.waiting[id] = waiting{func(m any) { answer <- m }, time.Now().Add(2 * joinTimeout), ctl} // at most once
	r.mu.Unlock()
	forget := func() {
		r.mu.Lock()
		delete(r.guest.waiting, id)
		r.mu.Unlock()
	}
	m, err := question(id)
	if err != nil {
		forget()
		return nil, err
	}
	ctl.Send(m)
	ctx, cancel := context.WithTimeout(ctx, joinTimeout)
	defer cancel()
	select {
	case m := <-answer:
		return m, nil
	case <-ctx.Done():
		forget()
		return nil, errNotConnected
	}
}
