package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	"github.com/libp2p/go-libp2p/core/protocol"

	"salon/relay"
	"salon/room"
)

const (
	dialTimeout = 4 * time.Second
	pingEvery   = 2 * time.Second
	hostGone    = 6 * time.Second // without any message: pings are answered every two seconds
	// partTimeout is how long a control stream outlives the media stream beside it.
	partTimeout = time.Second / 2
)

// An uplink is the connection to a parent, or to a node that was asked to be one.
type uplink struct {
	to  peer.AddrInfo
	ctx context.Context
	end context.CancelFunc // everything of it

	ctl *controlConn // nil until there is a stream; written once, under media.mu

	answered bool // it has said why there is no place; only its reader's

	// media.mu guards the fields below.
	join  relay.Join // sent last
	link  relay.Link // the sound comes by it; nil before there is one
	heard time.Time  // when it last said something
	stall struct{ began, last time.Time }
	count *uint32 // of listeners, as it told last; nil if it has not
}

func newUplink(ctx context.Context, to peer.AddrInfo, j relay.Join) *uplink {
	u := &uplink{to: to, join: j, heard: time.Now()}
	u.ctx, u.end = context.WithCancel(ctx)
	return u
}

// ask asks again. media.mu is held.
func (u *uplink) ask(j relay.Join) {
	j.Version, j.Room, j.Name, j.Cert = u.join.Version, u.join.Room, u.join.Name, u.join.Cert
	j.Claim, j.Key = u.join.Claim, u.join.Key
	u.join = j
	u.send(j)
}

// send sends what is not lost on somebody who is only being dialled. media.mu is held.
func (u *uplink) send(m any) {
	if u.ctl != nil {
		u.ctl.Send(m)
	}
}

// errParted means that the place has given up an uplink.
var errParted = errors.New("node: it was left")

// attend connects an uplink, asks for a place, and takes what comes until the connection ends.
func (r *Room) attend(u *uplink) {
	err := r.connectTo(u)
	u.end()
	if err != nil && !u.answered { // else the answer says more than that the connection ended then
		r.wasRefused(u, err)
	}
	r.media.drive(func(p *relay.Place, now time.Time) {
		id := relay.Peer(u.to.ID)
		if r.media.above[id] != u {
			return
		}
		delete(r.media.above, id)
		if u.link != nil && r.media.links[id] == u.link {
			delete(r.media.links, id)
		}
		p.Gone(id, now)
	})
	r.lose(u.ctl)
	if !r.isFinal(err) {
		r.follow()
	}
}

func (r *Room) connectTo(u *uplink) error {
	// libp2p would not dial again for 5 s and more where nobody answered a moment ago: the host may just be starting.
	dial, stopDial := context.WithTimeout(network.WithForceDirectDial(u.ctx, "a host that may be back"), dialTimeout)
	defer stopDial()
	r.n.host.Peerstore().AddAddrs(u.to.ID, u.to.Addrs, peerstore.TempAddrTTL)
	if err := connect(dial, r.n.host, u.to); err != nil {
		return err
	}
	defer r.n.protect(u.to.ID)()
	// Both streams start at once: a parent keeps the media stream until it has answered the join.
	s, err := r.n.newControlStream(dial, u.to.ID)
	var other *errVersion
	if errors.As(err, &other) && u.to.ID == r.leader().ID {
		return &errFinal{Failed, other.text}
	}
	if err != nil {
		return err
	}
	ctl := newControlConn(s, nil)
	defer ctl.Close()
	defer context.AfterFunc(u.ctx, ctl.Close)()
	if err := r.join(u, ctl); err != nil {
		return err
	}
	link, err := r.openSound(dial, u.to.ID, protoMedia)
	if err != nil {
		return err
	}
	defer context.AfterFunc(u.ctx, func() { link.Close() })()
	defer link.Close()
	r.media.mu.Lock()
	u.link = link
	r.media.mu.Unlock()
	for parted := false; ; {
		m, err := ctl.Receive()
		if err != nil {
			return fmt.Errorf("the connection ended: %w", err)
		}
		if parted {
			continue // partWith waits for the end
		}
		if err := r.hearAbove(u, m); errors.Is(err, errParted) {
			parted = true
		} else if err != nil {
			return err
		}
	}
}

// join asks for the place that relay.Place wants.
func (r *Room) join(u *uplink, ctl *controlConn) error {
	name, cert := r.n.displayName(), r.n.id().Cert()
	r.mu.Lock()
	claim, key := r.claim(time.Now()), r.keyEpoch()
	r.mu.Unlock()
	r.media.mu.Lock()
	defer r.media.mu.Unlock()
	if r.media.above[relay.Peer(u.to.ID)] != u {
		return errParted
	}
	u.ctl = ctl
	j := u.join
	j.Version, j.Room, j.Name, j.Cert, j.HaveSeq = relay.ControlVersion, r.id, name, cert, r.guest.have.Load()
	if claim != nil {
		j.Claim, j.Key = claim, key
	}
	u.join = j
	ctl.Send(j)
	return nil
}

// lastHeard is when our parent last said something, and for how long it has said that it hears nothing itself; 0 if it does.
func (r *Room) lastHeard(u *uplink, now time.Time) (heard time.Time, stalled time.Duration) {
	r.media.mu.Lock()
	defer r.media.mu.Unlock()
	if due := r.media.sink.due(); now.Sub(u.stall.last) < stallOver && (!due || r.media.place.Stalls()) {
		stalled = now.Sub(u.stall.began) + 1
	}
	return u.heard, stalled
}

// hearAbove takes one control message of a parent, or of a node that was asked to be one. The error ends the connection.
func (r *Room) hearAbove(u *uplink, m any) error {
	now := time.Now()
	id := relay.Peer(u.to.ID)
	r.media.mu.Lock()
	parted, join := r.media.above[id] != u, u.join
	u.heard = now
	r.media.mu.Unlock()
	if parted {
		return errParted
	}
	switch m.(type) {
	case relay.Refuse, relay.Redirect, relay.Wait:
		u.answered = true
	case relay.Event, relay.Charter, relay.Tail, relay.Lead, relay.Boxes, relay.Ask, relay.Successors, relay.Inside, relay.Papers, relay.Tip:
		if r.guest.have.Load() == 0 {
			return fmt.Errorf("a parent sent %T before a place", m) // we know no state that it could be about
		}
	}
	switch m := m.(type) {
	case relay.Accept:
		if !join.Warm {
			if err := r.enter(u, join.HaveSeq, m); err != nil {
				if u.to.ID == r.leader().ID && !errors.Is(err, errOldTerm) {
					return &errFinal{Failed, "The host's answer cannot be trusted: " + err.Error()}
				}
				return fmt.Errorf("an answer that cannot be trusted: %w", err)
			}
		}
		r.takePlace(u, m)
	case relay.Refuse:
		err := r.turnedAway(u, join, m)
		var final *errFinal
		if errors.As(err, &final) {
			return err
		}
		r.wasRefused(u, err)
		r.tellPlace(u, m)
	case relay.Stall:
		r.media.mu.Lock()
		if now.Sub(u.stall.last) > stallOver {
			u.stall.began = now
		}
		u.stall.last = now
		r.media.mu.Unlock()
		r.tellPlace(u, m)
	case relay.Redirect, relay.Wait, relay.Path, relay.Others, relay.Drain, relay.Retract:
		r.tellPlace(u, m)
	case relay.Event:
		return r.witness(m.Payload)
	case relay.Answer:
		r.answered(m.ID, m)
	case relay.People:
		r.answered(m.ID, m)
	case relay.Charter:
		return r.recharter(m.Payload)
	case relay.Snapshot:
		return r.renew(m)
	case relay.Reactions:
		r.mu.Lock()
		current := r.guest.up == u
		if current && r.carries != nil {
			r.broadcast(m)
		}
		r.mu.Unlock()
		if current {
			r.showReactions(m.Counts)
		}
	case relay.Tip:
		r.tipFromAbove(u, m.Payload, now)
	case relay.Route:
		r.takeRoute(u.ctl, m)
	case relay.AskRecords:
		r.answerRecords(u.ctl, m)
	case relay.Boxes:
		return r.takeBoxes(u, m)
	case relay.Ask:
		r.takeAsked(u, m, now)
	case relay.Successors:
		r.takeSuccessors(u, m)
	case relay.PutOut:
		r.takeOut(m, now)
	case relay.Tail:
		r.hearTail(m)
	case relay.Taken:
		r.tailTaken(u, m)
	case relay.Inside:
		r.takeInside(u, m)
	case relay.Papers:
		return r.takePapers(m, u.ctl, now)
	case relay.Lead:
		r.takeLead(u, m)
	case relay.Counts:
		r.media.mu.Lock()
		u.count = &m.Listeners
		r.media.mu.Unlock()
		r.mu.Lock()
		if r.guest.up == u { // else it is about to be
			r.listeners = m.Listeners
		}
		r.mu.Unlock()
		r.changed()
	case relay.Pong:
		r.mu.Lock()
		asked := r.guest.up == u // nobody else is
		r.mu.Unlock()
		if asked {
			r.voice.clock(m.T0, m.T1, m.T2, now)
		}
	case relay.Bye:
		if err := r.sentAway(u, m); err != nil {
			return err
		}
		r.tellPlace(u, m)
	default:
		return fmt.Errorf("the host sent %T", m)
	}
	return nil
}

// tellPlace hands a message of an uplink to the place.
func (r *Room) tellPlace(u *uplink, m any) {
	r.media.drive(func(p *relay.Place, now time.Time) {
		if r.media.above[relay.Peer(u.to.ID)] == u {
			p.Control(relay.Peer(u.to.ID), m, now)
		}
	})
	r.follow()
}

// takePlace hands an Accept to the place, and the sound to the tree if we are fed, or may be, from there.
func (r *Room) takePlace(u *uplink, m relay.Accept) {
	var link relay.Link
	id := relay.Peer(u.to.ID)
	r.media.drive(func(p *relay.Place, now time.Time) {
		if r.media.above[id] != u {
			return
		}
		p.Control(id, m, now)
		if (p.Parent() == id || p.Warm() == id) && r.media.links[id] != u.link {
			link = u.link
			r.media.links[id] = link
		}
	})
	if link != nil {
		r.wg.Go(func() { r.takeSound(u, link) })
	}
	r.follow()
}

// takeSound takes the sound from an uplink's link. When the link ends, so does the uplink, unless another link has taken its
// place.
func (r *Room) takeSound(u *uplink, link relay.Link) {
	_ = r.media.carry(relay.Peer(u.to.ID), link)
	r.media.mu.Lock()
	replaced := u.link != link
	r.media.mu.Unlock()
	if replaced {
		return
	}
	// A host that parts ends both streams: its last word may still be on the way.
	select {
	case <-u.ctl.over:
	case <-time.After(partTimeout):
	}
	u.ctl.Close()
}

// newStream replaces the stream that should bring the sound, and what was known of it: the parent begins anew with it.
func (r *Room) newStream(u *uplink) {
	soon, cancel := context.WithTimeout(u.ctx, streamWithin)
	defer cancel()
	link, err := r.openSound(soon, u.to.ID, protoMedia)
	if err != nil {
		return // the mender's next step does without
	}
	defer context.AfterFunc(u.ctx, func() { link.Close() })()
	id := relay.Peer(u.to.ID)
	r.voice.forgetProgram()
	r.media.mu.Lock()
	current := r.media.above[id] == u
	old := u.link
	if current {
		u.link, r.media.links[id] = link, link
		r.media.tree.Reset(relay.Program)
	}
	r.media.mu.Unlock()
	if !current {
		link.Close()
		return
	}
	old.Close()
	r.takeSound(u, link)
}

// openSound opens a stream for sound, by one of the protocols for that.
func (r *Room) openSound(ctx context.Context, to peer.ID, by protocol.ID) (relay.Link, error) {
	s, err := r.n.host.NewStream(ctx, to, by)
	if err != nil {
		return nil, err
	}
	if at, ok := ctx.Deadline(); ok {
		_ = s.SetWriteDeadline(at)
	}
	if _, err := s.Write(appendMessage(nil, r.id[:])); err != nil {
		s.Reset()
		return nil, err
	}
	_ = s.SetWriteDeadline(time.Time{})
	return r.n.newLink(s, nil, true), nil
}

// partWith ends an uplink that the place has given up, after a Bye if there is a code. One that does not end its side either
// has a connection that nobody answers on: what comes next dials anew.
func (r *Room) partWith(u *uplink, code string) {
	defer u.end()
	silent := code == "late"
	if code != "" && !silent && u.ctl != nil {
		r.mu.Lock()
		r.acknowledge(u.to.ID, u.ctl, time.Now())
		r.mu.Unlock()
		silent = !u.ctl.Part(relay.Bye{Code: code})
	}
	r.lose(u.ctl)
	if silent {
		r.n.cut(u.to.ID, nil)
	}
}

// leaveRoom tells our parents that we go. Through a relay we sign it: it is not the relay that gives up our place.
func (r *Room) leaveRoom() {
	r.mu.Lock()
	r.acknowledge(r.guest.parent, r.guest.ctl, time.Now())
	ctl, relayed := r.guest.ctl, r.guest.parent != r.guest.host.ID
	r.guest.nextID++
	id := r.guest.nextID
	r.mu.Unlock()
	if ctl != nil && relayed && !r.carried {
		c := room.Command{Room: r.id, Kind: room.Leave, Time: time.Now().UnixMilli(), Nonce: r.n.nonce()}
		if raw, err := room.SignCommand(r.n.id(), c); err == nil {
			ctl.Send(relay.Command{ID: id, Payload: raw})
		}
	}
	r.media.mu.Lock()
	warm := r.media.above[r.media.place.Warm()]
	r.media.mu.Unlock()
	if warm != nil && warm.ctl != ctl {
		warm.send(relay.Bye{Code: byeMoved}) // it has nothing of ours to give up
	}
	if ctl != nil {
		ctl.Part(relay.Bye{Code: "left"})
	}
}
