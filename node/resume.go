package node

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"salon/ledger/doc"
	"salon/relay"
	"salon/room"
)

// findKept reads what a crash left in the home, before anything new is put there.
func (n *Node) findKept(now time.Time) {
	rooms, damaged := n.home.keptRooms(now)
	n.unfinished = rooms
	for _, err := range damaged {
		n.counts.Add("kept_room_damaged")
		n.o.Log.Error("room cannot be taken up again", "err", err)
		n.notice(fmt.Sprintf("A room that you were in when salon was cut short cannot be taken up again: its file was damaged and is set aside. %v.", err))
	}
}

// Notices is what a person should know of the start of the node, of rooms with tickets that broke off, and of money that they have to
// send back, in sentences.
func (n *Node) Notices() []string {
	more := append(n.brokenOff(), n.toSendByHand()...)
	n.mu.Lock()
	defer n.mu.Unlock()
	return append(slices.Clone(n.notices), more...)
}

func (n *Node) notice(text string) {
	n.mu.Lock()
	n.notices = append(n.notices, text)
	n.mu.Unlock()
	n.watch.tell(Change{Kind: StatusChanged})
}

// takeKept is those rooms of what a crash left that want says, nil all, and in which somebody may still wait; one by ticket in which
// nobody does only if late. Each is taken
// once; until it is dropped, whoever comes for it is told to come again.
func (n *Node) takeKept(want func(Unfinished) bool, late bool, now time.Time) []Unfinished {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.unfinished = slices.DeleteFunc(n.unfinished, func(u Unfinished) bool { return u.isGone(now) })
	var taken []Unfinished
	for i := range n.unfinished {
		if u := &n.unfinished[i]; !u.taken && (late || !u.isLate(now)) && (want == nil || want(*u)) {
			u.taken = true
			taken = append(taken, *u)
		}
	}
	return taken
}

// dropKept forgets what a crash left of a room: it was taken up, or cannot be.
func (n *Node) dropKept(id room.ID) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.unfinished = slices.DeleteFunc(n.unfinished, func(u Unfinished) bool { return u.Room == id })
}

// resumes reports whether a room of ours may yet be taken up again.
func (n *Node) resumes(id room.ID) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	now := time.Now()
	return slices.ContainsFunc(n.unfinished, func(u Unfinished) bool {
		return u.Room == id && u.Ours && (u.isSold() && !u.isGone(now) || now.Sub(u.alive).Abs() <= holdTime(u.state.Charter))
	})
}

// TakeUp opens a room by ticket again that broke off, in which nobody waits any more: its tickets and its link are good again. ref is
// the beginning of its ID, or its title.
func (n *Node) TakeUp(ref string) (*Room, error) {
	ref = strings.TrimSpace(ref)
	n.mu.Lock()
	var found []room.ID
	for _, u := range n.unfinished {
		if ref != "" && u.isSold() && !u.taken && (strings.HasPrefix(u.Room.String(), strings.ToLower(ref)) || u.Named(ref)) {
			found = append(found, u.Room)
		}
	}
	n.mu.Unlock()
	switch len(found) {
	case 0:
		return nil, &UserError{Code: "nothing_to_take_up", Text: "There is no such room of yours that broke off and can be opened again. 'salon ticket sales' lists how yours stand."}
	case 1:
	default:
		return nil, &UserError{Code: "ambiguous", Text: fmt.Sprintf("%d rooms of yours match %q. Give more of the ID.", len(found), ref)}
	}
	rooms, err := n.takeUp(func(u Unfinished) bool { return u.Room == found[0] }, true)
	if len(rooms) == 0 {
		if err == nil {
			err = errors.New("it was taken up just now")
		}
		return nil, &UserError{Code: "nothing_to_take_up", Text: fmt.Sprintf("The room cannot be opened again: %v.", err)}
	}
	return rooms[0], nil
}

// Resume takes up again the rooms that this node was in when a crash, or the battery, ended it: its own with every seat,
// role, hand and mute, somebody else's in the place that the host keeps. want says which, nil all. Those that cannot be
// taken up are told of in Notices.
func (n *Node) Resume(want func(Unfinished) bool) []*Room {
	rooms, _ := n.takeUp(want, false)
	return rooms
}

func (n *Node) takeUp(want func(Unfinished) bool, late bool) (rooms []*Room, last error) {
	now := time.Now()
	for _, u := range n.takeKept(want, late, now) {
		r, err := n.resume(u, now)
		n.dropKept(u.Room)
		if last = err; err != nil {
			n.counts.Add("kept_room_refused")
			n.o.Log.Error("room cannot be taken up again", "room", u.Room.String(), "err", err)
			n.notice(fmt.Sprintf("%q, which you were in when salon was cut short, cannot be taken up again: %v", u.Title, err))
			continue
		}
		n.o.Log.Info("room taken up again", "room", u.Room.String())
		rooms = append(rooms, r)
	}
	return rooms, last
}

func (n *Node) resume(u Unfinished, now time.Time) (*Room, error) {
	if u.Ours {
		return n.leadOn(u, now)
	}
	return n.visit(u.link, &u, false)
}

// leadOn opens a room of ours again.
func (n *Node) leadOn(u Unfinished, now time.Time) (*Room, error) {
	u.state = u.state.Clone() // who asks meanwhile whether it is taken up again reads what is kept
	own := u.state
	kept, err := n.askWhoLeads(u)
	if err != nil {
		return nil, err
	}
	if kept != nil {
		u.state = kept.state
	}
	handed := own.Incarnation
	if kept == nil && len(u.Host.Successors) > 0 && handed < room.MaxIncarnation/2 {
		handed += risesMost // another device of ours may have led meanwhile, and cannot be asked
	}
	ev, err := u.state.Resume(n.author(), handed, now)
	if err != nil {
		return nil, err
	}
	before := []*room.State{own.Clone(), u.state.Clone()}
	if _, err := u.state.Apply(ev); err != nil {
		return nil, err
	}
	r := n.newRoom(u.Room)
	r.charter, r.state, r.phase = u.state.Charter, u.state, Live
	r.heir.others, _ = parsePeers(u.Host.Successors)
	r.heir.events = openTail(u.Host.Tail, own, now) // of a device that led in the place of another of ours, which may lead too by now
	r.link = n.shareLink(r.charter, n.listedRelays())
	for _, s := range before {
		r.noteSigners(s)
	}
	r.feeds = newFeeding()
	r.host = r.newHosting()
	r.reopen(u.Host, now)
	if kept != nil {
		r.awaitInside(now)
	}
	// Nobody can be told of the new reign before it is kept: there is nobody in the room yet.
	r.mu.Lock()
	err = r.keep(r.state, ev, nil)
	r.mu.Unlock()
	if err != nil {
		return nil, err
	}
	if err := n.add(r); err != nil {
		return nil, err
	}
	if kept == nil {
		return r, r.begin(false, now)
	}
	r.voice.beginAt(kept.number+handAhead, now.Add(handAhead*relay.FrameDuration))
	if err := r.begin(false, now, func(ctx context.Context) { r.tellRival(ctx, kept.at) }); err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range own.Removed { // at the end, and nobody saw it
		if !r.state.IsRemoved(p) {
			_ = r.decide(n.author(), room.Command{Room: r.id, Kind: room.Remove, To: p, Time: now.UnixMilli()}, now)
		}
	}
	return r, nil
}

// A keptFor is a room of ours that somebody else led meanwhile.
type keptFor struct {
	at     peer.AddrInfo
	state  *room.State
	number uint64 // of the next frame of their program
}

// askWhoLeads asks all who may lead a room of ours meanwhile whether they do, and takes the one that holds. Where they are too
// far behind to be asked, or nobody leads, that is nil; the error is that it was too long ago.
func (n *Node) askWhoLeads(u Unfinished) (best *keptFor, err error) {
	list, err := parsePeers(u.Host.Successors)
	if err != nil {
		n.o.Log.Warn("successors", "err", err)
	}
	answers := make(chan *keptFor, len(list))
	for _, p := range list {
		n.wg.Go(func() {
			m, err := n.exchangeClaims(n.ctx, p, relay.Claim{Room: u.Room})
			if err != nil || m == nil {
				answers <- nil
				return
			}
			s, err := n.openKept(p.ID, *m, u.state)
			if err != nil {
				n.o.Log.Warn("claim", "room", u.Room.String(), "from", p.ID.String(), "err", err)
				answers <- nil
				return
			}
			answers <- &keptFor{p, s, m.Number}
		})
	}
	for range list {
		if a := <-answers; a != nil && (best == nil || a.state.Compare(best.state) > 0) {
			best = a
		}
	}
	if best == nil && time.Since(u.alive) > holdTime(u.state.Charter) && !u.isSold() {
		return nil, errors.New("nobody waits in it any more")
	}
	return best, nil
}

// openKept checks somebody's proof that they lead a room of ours on from what we knew.
func (n *Node) openKept(from peer.ID, m relay.Claim, own *room.State) (*room.State, error) {
	now := time.Now()
	charter, err := room.OpenCharter(m.Charter, now)
	if err != nil {
		return nil, err
	}
	s, author, err := room.OpenSnapshot(m.Snapshot, now)
	if err != nil {
		return nil, err
	}
	id, err := peerOf(author.Device)
	if err != nil || id != from || author != s.Leader() || charter.Room != own.Charter.Room || !reflect.DeepEqual(charter, s.Charter) {
		return nil, room.ErrNotLeader
	}
	return s, own.LeadsOn(s)
}

// tellRival tells whoever led a room of ours meanwhile that we do again.
func (r *Room) tellRival(ctx context.Context, p peer.AddrInfo) {
	for try := range 5 {
		err := r.claimTo(ctx, p)
		if err == nil {
			return
		}
		r.n.o.Log.Debug("claim", "to", p.ID.String(), "try", try, "err", err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// reopen remembers who was inside when the node was cut short, who was removed, and which relays were put out. Nothing of the room
// runs yet.
func (r *Room) reopen(k *keptHost, now time.Time) {
	r.keys.link, r.link.Secret = k.Link, k.Link
	for epoch, secret := range k.Keys {
		if r.state.IsKey(epoch, secret) {
			r.keys.secrets[epoch] = secret
		}
	}
	if _, have := r.keys.secrets[r.state.KeyEpoch]; !have && r.state.IsClosed() {
		r.rekeySoon() // nobody can be let hear without
	}
	for _, p := range k.Inside {
		r.host.door.lost[p] = now
	}
	for _, p := range k.Barred {
		r.host.door.barred[p] = true
	}
	for p, name := range k.Names {
		if clean, err := room.CleanName(name); err == nil {
			r.names.learn(p, clean)
		}
	}
	r.reopenOuts(k.Outs, now)
}

// comeBack makes a visit that begins one that goes on. Nothing of the room runs yet.
func (r *Room) comeBack(before *Unfinished) {
	k := before.Guest
	r.guest.know(before.link.Addrs)
	r.charter.Title, r.charter.Mode = before.Title, before.Mode
	r.phase = Reconnecting
	r.guest.lost = before.alive
	r.guest.consent = consent{asked: k.Asked, muted: k.Muted, had: k.Placed}
	if k.Led != nil && before.state != nil {
		r.ledBefore(before.state, k.Led, time.Now())
	}
}

// ledBefore makes a visit to a room that we led in its host's place when the node was cut short: if nobody leads it by now, vigil
// has us do so again. Nothing of the room runs yet.
func (r *Room) ledBefore(s *room.State, k *keptLed, now time.Time) {
	r.state, r.charter = s, s.Charter
	r.heir.charters = []signedCharter{{s.Charter, k.Charter}}
	r.heir.led, r.heir.back, r.heir.host = s.Program.Device, now, r.guest.host
	r.heir.others, _ = parsePeers(k.Successors)
	r.heir.inside = make(map[doc.PublicKey]bool)
	for _, p := range k.Inside {
		r.heir.inside[p] = true
	}
	for epoch, secret := range k.Keys {
		if s.IsKey(epoch, secret) {
			r.keys.secrets[epoch] = secret
		}
	}
	for p, name := range k.Names {
		if clean, err := room.CleanName(name); err == nil {
			r.names.learn(p, clean)
		}
	}
	r.reopenOuts(k.Outs, now)
	r.heir.events = openTail(k.Tail, s, now)
	r.heir.owes = len(r.heir.events) > 0
}

// keptAsGuest is how we shall be in a room that we lead in its host's place: a guest of the host's. r.mu is held.
func (r *Room) keptAsGuest() keptGuest {
	k := r.keptVisit()
	if device, err := deviceOf(r.heir.host.ID); err == nil {
		link := r.link
		link.Device, link.Addrs = device, nil
		for _, m := range r.heir.host.Addrs {
			link.Addrs = append(link.Addrs, m.Bytes())
		}
		k.Link = link.String()
	}
	return k
}

// keptVisit is how we are in somebody's room. r.mu is held.
func (r *Room) keptVisit() keptGuest {
	c := r.guest.consent
	return keptGuest{
		Link: r.link.String(), Title: r.charter.Title, Mode: r.charter.Mode.String(), Placed: c.had, Asked: c.asked, Muted: c.muted,
		HoldMS: holdTime(r.charter).Milliseconds(),
	}
}

// keepVisit stores how we are in somebody's room at every change, and that we are, until ctx ends.
func (r *Room) keepVisit(ctx context.Context) {
	tick := time.NewTicker(keptEvery)
	defer tick.Stop()
	home := r.n.home
	var stored keptGuest
	for {
		var err error
		r.mu.Lock()
		now, over, demo, live := r.keptVisit(), r.phase.Over(), r.demo, r.phase == Live
		owes := r.heir.owes || len(r.heir.tail) > 0
		r.mu.Unlock()
		switch {
		case over || demo:
			err = home.forgetRoom(r.id)
		case live && (owes || now == stored): // what we did when we led stays until it is told
			err = home.roomLives(r.id, time.Now())
		case live:
			if err = home.keepRoom(r.id, kept{Guest: &now}, false); err == nil {
				stored = now
			}
		}
		if err != nil {
			r.n.counts.Add("room_unkept")
			stored = keptGuest{}
		}
		if over || ctx.Err() != nil {
			return
		}
		select {
		case <-ctx.Done(): // once more: it may be over
			if r.leads() {
				return // it is kept as a room that we lead
			}
		case <-r.guest.news:
		case <-tick.C:
		}
	}
}
