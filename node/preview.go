package node

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/libp2p/go-libp2p/core/peerstore"

	"salon/relay"
	"salon/room"
)

// Preview tells what a room is like, by ID, prefix or share link, and joins nothing: it asks the host.
func (n *Node) Preview(ctx context.Context, ref string) (PreviewView, error) {
	link, err := n.resolve(ref)
	if err != nil {
		return PreviewView{}, err
	}
	if r := n.Room(link.Room); r != nil && !r.Phase().Over() {
		return r.preview(), nil
	}
	a, c, err := n.look(ctx, link)
	if err != nil {
		return PreviewView{}, err
	}
	n.lookedAt.add(roomNote{Room: a.Room, Title: a.Title, Host: PersonView{a.Host, a.HostName}})
	ticket, _ := n.ticketTo(link.Room, time.Now())
	return PreviewView{
		ID: a.Room, Title: a.Title, Host: PersonView{a.Host, a.HostName}, Mode: a.Mode.String(), Language: a.Language,
		Listeners: a.Listeners, Speakers: a.Speakers, Locked: a.Locked, StageOnly: a.StageOnly,
		Waiting: a.Starts != 0, Starts: c.Starts, RecordAsks: c.RecordAsks, Price: a.Price, Caution: n.caution(a.Host, a.HostName, nil),
		Access: a.Access.String(), Invited: a.Access == room.Anyone || link.Secret != [32]byte{} || n.passes.of(link.Room) != nil || ticket != nil || a.Access == room.BySubscription && n.subscribesTo(link.Host, time.Now()),
	}, nil
}

// preview is what a room that we are in is like.
func (r *Room) preview() PreviewView {
	v := r.View()
	price := ""
	if l, ok := r.n.dir.Get(r.id, time.Now()); ok { // those of our own are there too
		price = l.ann.Price
	}
	return PreviewView{
		ID: v.ID, Title: v.Title, Host: v.Host, Mode: v.Mode, Language: v.Language, Listeners: v.Listeners, Speakers: uint32(len(v.Stage)),
		Locked: v.Locked, StageOnly: v.StageOnly, Waiting: v.Waiting, Starts: v.Starts, RecordAsks: v.RecordAsks, Access: v.Access, Invited: true, Price: price, Joined: true,
		Caution: r.n.caution(v.Host.Person, v.Host.Name, nil),
	}
}

// look asks the host of a room what it is like.
func (n *Node) look(ctx context.Context, link room.Link) (*room.Announcement, room.Charter, error) {
	fail := func(err error) (*room.Announcement, room.Charter, error) { return nil, room.Charter{}, err }
	parent, err := addrInfo(link.Device, link.Addrs)
	if err != nil {
		return fail(&UserError{Code: "bad_link", Text: "This link is damaged."})
	}
	if parent.ID == n.host.ID() {
		return fail(&UserError{Code: "own_room", Text: "This was a room of yours, and it is over."})
	}
	if l, ok := n.dir.Get(link.Room, time.Now()); ok {
		if now, err := addrInfo(l.device, l.ann.Entries); err == nil && now.ID == parent.ID {
			parent.Addrs = append(parent.Addrs, now.Addrs...)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	unreachable := func(err error) error {
		if other := (*errVersion)(nil); errors.As(err, &other) {
			return &UserError{Code: "unreachable", Text: other.text}
		}
		return &UserError{Code: "unreachable", Text: fmt.Sprintf("The room cannot be reached: %v. Is the host's computer on, and on the same network?", err)}
	}
	n.host.Peerstore().AddAddrs(parent.ID, parent.Addrs, peerstore.TempAddrTTL)
	if err := connect(ctx, n.host, parent); err != nil {
		return fail(unreachable(err))
	}
	s, err := n.newControlStream(ctx, parent.ID)
	if err != nil {
		return fail(unreachable(err))
	}
	ctl := newControlConn(s, bufio.NewReader(s))
	defer ctl.Close()
	stop := context.AfterFunc(ctx, ctl.Close)
	defer stop()
	ctl.Send(relay.Look{Room: link.Room})
	m, err := ctl.Receive()
	if err != nil {
		return fail(unreachable(err))
	}
	now := time.Now()
	switch m := m.(type) {
	case relay.Sight:
		a, err := openSight(m, link, now)
		if err != nil {
			return fail(&UserError{Code: "untrusted", Text: "The host's answer cannot be trusted: " + err.Error() + "."})
		}
		c, err := room.OpenCharter(m.Charter, now)
		if err != nil || c.Room != link.Room {
			return fail(&UserError{Code: "untrusted", Text: "The host's answer cannot be trusted: its charter is of another room, or damaged."})
		}
		return a, c, nil
	case relay.Refuse:
		return fail(&UserError{Code: "no_room", Text: strangersText(m.Text, "This room has ended.")})
	}
	return fail(unreachable(fmt.Errorf("it answered with %T", m)))
}

// openSight checks the announcement in a host's answer: that it is of the room asked for, and holds now.
func openSight(m relay.Sight, link room.Link, now time.Time) (*room.Announcement, error) {
	a, author, err := room.ParseAnnouncement(m.Announcement)
	if err != nil {
		return nil, err
	}
	if a.Room != link.Room || author.Device != link.Device {
		return nil, room.ErrOtherRoom
	}
	if err := a.CheckTime(now); err != nil {
		return nil, err
	}
	return a, room.VerifyAnnouncement(m.Announcement, now)
}

// sightLasts is how long an answer to a Look is given again: each costs two signatures.
const sightLasts = time.Second

// A sight is what a host answered to a Look last. Room.mu guards it.
type sight struct {
	said relay.Sight
	at   time.Time
}

// show answers a Look.
func (n *Node) show(ctl *controlConn, id room.ID) {
	r := n.hosted(id)
	if r == nil || r.Phase().Over() {
		ctl.Finish(relay.Refuse{Code: "no_room", Text: "This room has ended, or it is not hosted here."})
		return
	}
	s, err := r.sight(time.Now())
	if err != nil {
		n.o.Log.Error("sight", "room", id.String(), "err", err)
		return
	}
	ctl.Finish(s)
}

// sight describes our room, signed.
func (r *Room) sight(now time.Time) (relay.Sight, error) {
	r.mu.Lock()
	if r.host == nil {
		r.mu.Unlock()
		return relay.Sight{}, errNotConnected
	}
	last := r.host.sight
	r.mu.Unlock()
	if age := now.Sub(last.at); age >= 0 && age < sightLasts {
		return last.said, nil
	}
	a, err := room.SignAnnouncement(r.n.id(), r.announcement(0, false))
	if err != nil {
		return relay.Sight{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	c, err := r.signedCharter()
	if err != nil {
		return relay.Sight{}, err
	}
	if r.host == nil {
		return relay.Sight{}, errNotConnected
	}
	r.host.sight = sight{relay.Sight{Announcement: a, Charter: c}, now}
	return r.host.sight.said, nil
}
