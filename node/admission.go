package node

import (
	"context"
	"errors"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"salon/ledger/doc"
	"salon/relay"
	"salon/room"
)

const (
	joinTimeout = 5 * time.Second
	parkedMax   = 64 // media streams that came before their join was answered
	devicesMax  = 8  // of one person
)

// parked is a media stream whose join is still to be answered.
type parked struct {
	link relay.Link
	came time.Time
}

// welcome serves the control stream of a node that wants in. It returns when the child is gone.
func (r *Room) welcome(ctx context.Context, s network.Stream, ctl *controlConn, j relay.Join) {
	id := s.Conn().RemotePeer()
	c, refuse := r.admit(id, ctl, j)
	if refuse != nil {
		r.n.counts.Add("join_refused_" + refuse.Code)
		ctl.Finish(*refuse)
		return
	}
	defer r.n.protect(id)()
	defer r.dismiss(c, nil)
	stop := context.AfterFunc(ctx, ctl.Close)
	defer stop()
	for {
		m, err := ctl.Receive()
		if err != nil {
			if errors.Is(err, relay.ErrControl) || errors.Is(err, errTooLong) {
				r.n.counts.Add("control_malformed")
			}
			return
		}
		if bye := r.hear(c, m); bye {
			return
		}
	}
}

// admit decides on a join and, if it is granted, makes the joiner a child before any event can pass it by.
func (r *Room) admit(id peer.ID, ctl *controlConn, j relay.Join) (*child, *relay.Refuse) {
	device, err := deviceOf(id)
	if err != nil {
		return nil, &relay.Refuse{Code: "identity", Text: "This node does not name its device."}
	}
	cert, err := doc.OpenCert(j.Cert, time.Now())
	if err != nil || cert.Device != device {
		return nil, &relay.Refuse{Code: "identity", Text: "The certificate is not of this device, or your clock is wrong."}
	}
	name, err := room.CleanName(j.Name)
	if err != nil {
		name = "Guest " + cert.Person.Short()
	}
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.phase.Over() {
		return nil, &relay.Refuse{Code: "ended", Text: "This room has ended."}
	}
	if r.n.people.Blocks(cert.Person) {
		return nil, &relay.Refuse{Code: "blocked", Text: "The host does not let you in."}
	}
	if r.state.IsRemoved(cert.Person) {
		return nil, &relay.Refuse{Code: "removed", Text: "The host removed you from this room."}
	}
	if r.isOut(cert.Person, now) {
		return nil, &relay.Refuse{Code: "flood", Text: "Your node sent far too much and was put out. It may come back in a moment."}
	}
	if r.state.Locked && !r.letsIn(cert.Person) {
		return nil, &relay.Refuse{Code: "locked", Text: "The host has locked this room: nobody new comes in just now."}
	}
	old := r.host.children[id]
	if old == nil && len(r.host.children) >= r.n.o.MaxListeners {
		return nil, &relay.Refuse{Code: "full", Text: "This room is full. Try again later."}
	}
	if r.state.StageOnly && len(r.state.Seats) >= room.MaxSeats && !r.state.OnStage(cert.Person) && !r.state.Leads(cert.Person) {
		return nil, &relay.Refuse{Code: "full", Text: "Everybody here is on stage, and the stage is full. Try again later."}
	}
	if old == nil && r.devices(cert.Person) >= devicesMax {
		return nil, &relay.Refuse{Code: "devices", Text: "You are in this room with too many devices. Leave it on one of them first."}
	}
	charter, err := room.SignCharter(r.n.id(), r.charter)
	if err != nil {
		return nil, &relay.Refuse{Code: "internal", Text: "The host could not answer."}
	}
	snapshot, err := room.SignSnapshot(r.n.id(), r.state)
	if err != nil {
		return nil, &relay.Refuse{Code: "internal", Text: "The host could not answer."}
	}
	if old != nil {
		old.ctl.Close() // the same device came back before its old connection was given up
	}
	c := &child{id: id, author: doc.Author{Person: cert.Person, Device: device}, name: name, ctl: ctl, heard: now, conduct: r.conductOf(cert.Person)}
	r.host.children[id] = c
	r.names.learn(cert.Person, name)
	delete(r.host.recalls, id)
	ctl.Send(relay.Accept{Depth: 1, Path: [][]byte{[]byte(r.n.host.ID())}, Charter: charter, Snapshot: snapshot})
	n := r.audience()
	ctl.Send(relay.Counts{Listeners: n})
	if n != r.host.told {
		r.host.told = unlike // this one knows another: everybody is told again
	}
	if p, ok := r.host.parked[id]; ok {
		delete(r.host.parked, id)
		r.attach(c, p.link)
	}
	r.listeners = n
	r.n.roomChanged(r)
	r.greet(c.author)
	return c, nil
}

// devices counts those that somebody is here with. r.mu is held.
func (r *Room) devices(p doc.PublicKey) int {
	n := 0
	for _, c := range r.host.children {
		if c.author.Person == p {
			n++
		}
	}
	return n
}

// letsIn reports whether somebody may come into the locked room: who is in it, or was a moment ago. r.mu is held.
func (r *Room) letsIn(p doc.PublicKey) bool {
	return r.holds(p) || r.host.door.wasInside(p, time.Now())
}

// nameOf is what somebody who is connected, or has a place that waits, calls themselves. r.mu is held.
func (r *Room) nameOf(p doc.PublicKey) string {
	for _, c := range r.host.children {
		if c.author.Person == p {
			return c.name
		}
	}
	if seat, ok := r.state.SeatOf(p); ok {
		return seat.Name
	}
	hand, _ := r.state.HandOf(p)
	return hand.Name
}

// takeMedia gives a child its media link; one that comes before its join is answered waits a moment.
func (r *Room) takeMedia(id peer.ID, l relay.Link) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c := r.host.children[id]; c != nil && !r.phase.Over() {
		r.attach(c, l)
		return
	}
	if r.phase.Over() {
		l.Close()
		return
	}
	if _, again := r.host.parked[id]; !again && len(r.host.parked) >= parkedMax {
		// The oldest makes room: those of whoever means to join wait for a moment only.
		oldest := id
		for other, p := range r.host.parked {
			if oldest == id || p.came.Before(r.host.parked[oldest].came) {
				oldest = other
			}
		}
		r.unpark(oldest)
	}
	if old, ok := r.host.parked[id]; ok {
		old.link.Close()
	}
	r.host.parked[id] = parked{l, time.Now()}
	time.AfterFunc(joinTimeout, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.host.parked[id].link == l {
			r.unpark(id)
		}
	})
}

// unpark lets a media stream go that nobody joined for. r.mu is held.
func (r *Room) unpark(id peer.ID) {
	r.n.counts.Add("media_without_join")
	r.host.parked[id].link.Close()
	delete(r.host.parked, id)
}

// attach starts feeding a child. r.mu is held.
func (r *Room) attach(c *child, l relay.Link) {
	p := relay.Peer(c.id)
	r.media.setLink(p, l)
	var err error
	r.media.do(func(t *relay.Tree, now time.Time) {
		t.RemoveChild(p) // a link anew starts with a burst anew
		err = t.AddChild(p, now)
	})
	if err != nil {
		r.n.counts.Add("child_refused")
		l.Close()
		return
	}
	r.settleChild(c)
	r.wg.Go(func() {
		if err := r.media.carry(p, l); errors.Is(err, relay.ErrTrespass) {
			r.n.counts.Add("child_trespassed")
			r.dismiss(c, &relay.Bye{Code: "not_allowed", Text: "Your node kept sending more sound than it may."})
		}
		s := l.Stats()
		r.n.counts.AddMany("packet_malformed", s.Malformed)
		r.n.counts.AddMany("packet_unsent", s.Dropped)
	})
}

// dismiss takes a child out: with a word if bye is set, else because it is gone.
func (r *Room) dismiss(c *child, bye *relay.Bye) {
	if bye != nil {
		c.ctl.Part(*bye)
	} else {
		c.ctl.Close()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.host.children[c.id] != c {
		return
	}
	delete(r.host.children, c.id)
	r.media.dropLink(relay.Peer(c.id))
	r.media.do(func(t *relay.Tree, _ time.Time) { t.RemoveChild(relay.Peer(c.id)) })
	r.listeners = r.audience()
	r.n.roomChanged(r)
	if r.phase.Over() {
		return
	}
	if !c.left && !r.state.IsRemoved(c.author.Person) {
		r.host.door.broke(c.author.Person, time.Now())
		if bye == nil && !r.isOut(c.author.Person, time.Now()) { // whoever was sent away comes back on their own, if at all
			r.host.recalls.lose(c.id, r.n.o.MaxListeners, time.Now())
		}
	}
}
