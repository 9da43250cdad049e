package node

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	"github.com/multiformats/go-multiaddr"

	"salon/ledger/doc"
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

// visiting is what only a guest of a room has. Room.mu guards the fields.
type visiting struct {
	parent  peer.AddrInfo
	ctl     *controlConn // nil while there is no connection
	nextID  uint64
	waiting map[uint64]chan any // for an Answer or People; each holds one
	depth   int                 // hops from the host
	consent consent
	ready   chan struct{} // closed when the first attempt is decided, well or badly
	decided sync.Once     // closes ready
	link    relay.Link    // the sound comes by it
	attempt int           // to connect, since the connection broke
	lost    time.Time     // when the connection broke, or the first attempt began; zero while there is one
	news    chan struct{} // holds one: how we are in the room may have changed
}

func newVisiting(parent peer.AddrInfo) *visiting {
	return &visiting{parent: parent, waiting: make(map[uint64]chan any), ready: make(chan struct{}), news: make(chan struct{}, 1), lost: time.Now()}
}

// changed has keepVisit look again.
func (v *visiting) changed() {
	select {
	case v.news <- struct{}{}:
	default:
	}
}

// errFinal ends the attempts to come back: the host has spoken.
type errFinal struct {
	phase Phase
	text  string
}

func (e *errFinal) Error() string { return e.text }

// visit keeps us in somebody's room until it is over or ctx ends.
func (r *Room) visit(ctx context.Context) {
	defer r.guest.decided.Do(func() { close(r.guest.ready) })
	for attempt := 0; ; attempt++ {
		joined, err := r.visitOnce(ctx)
		if ctx.Err() != nil {
			return
		}
		if joined {
			attempt = 0
		}
		var final *errFinal
		if errors.As(err, &final) {
			r.mu.Lock()
			r.setPhase(final.phase, final.text)
			r.mu.Unlock()
			return
		}
		r.guest.decided.Do(func() { close(r.guest.ready) })
		r.mu.Lock()
		been := r.phase == Live || r.phase == Reconnecting
		if hold := holdTime(r.charter); time.Since(r.guest.lost) > hold {
			r.setPhase(Ended, fmt.Sprintf("The host has been gone for %d minutes.", int(hold.Minutes())))
			r.mu.Unlock()
			return
		}
		if !been && attempt >= 2 {
			r.setPhase(Failed, fmt.Sprintf("The room cannot be reached: %v. Is the host's computer on, and on the same network?", err))
			r.mu.Unlock()
			return
		}
		if been {
			r.guest.attempt = attempt + 1
			r.setPhase(Reconnecting, "")
		}
		r.mu.Unlock()
		r.n.o.Log.Info("room connection lost", "room", r.id.String(), "err", err)
		wait := min(100*time.Millisecond<<min(attempt, 6), 3*time.Second)
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait + rand.N(wait/4)):
		}
	}
}

// visitOnce joins and stays until the connection ends. joined reports whether the host let us in.
func (r *Room) visitOnce(ctx context.Context) (joined bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r.findParent()
	parent := r.guest.parent
	// libp2p would not dial again for 5 s and more where nobody answered a moment ago: the host may just be starting.
	dial, stopDial := context.WithTimeout(network.WithForceDirectDial(ctx, "a host that may be back"), dialTimeout)
	defer stopDial()
	r.n.host.Peerstore().AddAddrs(parent.ID, parent.Addrs, peerstore.TempAddrTTL)
	if err := connect(dial, r.n.host, parent); err != nil {
		return false, err
	}
	defer r.n.protect(parent.ID)()
	// Both streams start at once: the host keeps the media stream until it has answered the join.
	cs, err := r.n.host.NewStream(dial, parent.ID, protoControl)
	if err != nil {
		return false, err
	}
	ctl := newControlConn(cs, nil)
	defer ctl.Close()
	stop := context.AfterFunc(ctx, ctl.Close)
	defer stop()
	r.mu.Lock()
	join := relay.Join{Version: relay.ControlVersion, Room: r.id, Name: r.n.displayName(), Cert: r.n.id().Cert()}
	if r.state != nil {
		join.HaveSeq = r.state.Seq
	}
	r.mu.Unlock()
	ctl.Send(join)
	link, err := r.openMedia(dial, parent.ID)
	if err != nil {
		return false, err
	}
	defer link.Close()

	answered := time.AfterFunc(joinTimeout, ctl.Close)
	m, err := ctl.Receive()
	if !answered.Stop() {
		r.n.cut(parent.ID, r)
	}
	if err != nil {
		return false, fmt.Errorf("the host did not answer: %w", err)
	}
	switch m := m.(type) {
	case relay.Accept:
		if err := r.enter(ctl, m); err != nil {
			return false, &errFinal{Failed, "The host's answer cannot be trusted: " + err.Error()}
		}
	case relay.Refuse:
		return false, refusal(m)
	default:
		return false, fmt.Errorf("the host answered a join with %T", m)
	}
	defer r.exit(ctl)
	r.feed(ctx, ctl, parent.ID, link)
	r.wg.Go(func() { r.mend(ctx, ctl, parent.ID) })
	r.wg.Go(func() { r.ping(ctx, ctl) })
	err = r.listenTo(ctl)
	if errors.Is(err, errHostGone) {
		r.n.cut(parent.ID, r)
	}
	return true, err
}

// findParent takes up the addresses that the host announces now: it may have moved to another network.
func (r *Room) findParent() {
	l, ok := r.n.dir.Get(r.id, time.Now())
	if !ok || len(l.ann.Entries) == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	now, err := addrInfo(l.device, l.ann.Entries)
	if err != nil || l.ann.Host != r.charter.Host || now.ID != r.guest.parent.ID {
		return
	}
	for _, a := range now.Addrs {
		if !multiaddr.Contains(r.guest.parent.Addrs, a) {
			r.guest.parent.Addrs = append(r.guest.parent.Addrs, a)
		}
	}
	r.link.Addrs = l.ann.Entries
}

// uses reports whether the room is live by a connection to p.
func (r *Room) uses(p peer.ID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.host != nil {
		return r.host.children[p] != nil
	}
	return r.phase == Live && r.guest.parent.ID == p
}

var errHostGone = errors.New("node: nothing comes from the host")

func refusal(m relay.Refuse) error {
	text := strangersText(m.Text, "The host did not let you in.")
	switch m.Code {
	case "removed":
		return &errFinal{Removed, text}
	case "ended", "no_room":
		return &errFinal{Ended, text}
	case "full", "identity", "locked", "devices", "blocked":
		return &errFinal{Failed, text}
	}
	return errors.New(text)
}

// strangersText is what a host says, fit to be shown to a person, or else what is said instead.
func strangersText(s, instead string) string {
	if clean, err := doc.CleanText(s, 200); err == nil && clean != "" {
		return clean
	}
	return instead
}

// enter takes the host's snapshot as the room's state.
func (r *Room) enter(ctl *controlConn, m relay.Accept) error {
	now := time.Now()
	charter, err := room.OpenCharter(m.Charter, now)
	if err != nil {
		return fmt.Errorf("charter: %w", err)
	}
	state, author, err := room.OpenSnapshot(m.Snapshot, now)
	if err != nil {
		return fmt.Errorf("snapshot: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.state != nil && cmp.Or(state.Term.Compare(r.state.Term), cmp.Compare(state.Seq, r.state.Seq)) < 0 {
		return errors.New("its state is older than what it told before")
	}
	if charter.Room != r.id || state.Charter.Room != r.id || author.Person != charter.Host || (!r.link.Host.IsZero() && charter.Host != r.link.Host) {
		return errors.New("it is signed by somebody who is not the host")
	}
	if !reflect.DeepEqual(charter, state.Charter) {
		return errors.New("its charter is not that of its state")
	}
	r.charter, r.state = charter, state
	r.link.Host = charter.Host
	r.guest.ctl = ctl
	r.guest.depth, r.guest.lost = int(m.Depth), time.Time{}
	r.setPhase(Live, "")
	r.settle()
	r.guest.decided.Do(func() { close(r.guest.ready) })
	return nil
}

// reconnect leaves the connection that feeds us; visit makes another.
func (r *Room) reconnect() {
	r.mu.Lock()
	ctl := r.guest.ctl
	r.mu.Unlock()
	if ctl != nil {
		ctl.Close()
	}
}

// exit forgets a connection; commands that wait for its answer get none.
func (r *Room) exit(ctl *controlConn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.guest.ctl != ctl {
		return
	}
	r.guest.ctl, r.guest.lost = nil, time.Now()
	for id, ch := range r.guest.waiting {
		ch <- relay.Answer{ID: id, Code: errNotConnected.Code, Text: errNotConnected.Text}
		delete(r.guest.waiting, id)
	}
}

// listenTo takes the host's control messages until the connection ends.
func (r *Room) listenTo(ctl *controlConn) error {
	silent := time.AfterFunc(hostGone, ctl.Close)
	defer silent.Stop()
	for {
		m, err := ctl.Receive()
		if err != nil {
			if !silent.Stop() {
				return errHostGone
			}
			return err
		}
		silent.Reset(hostGone)
		switch m := m.(type) {
		case relay.Event:
			if err := r.witness(m.Payload); err != nil {
				return err
			}
		case relay.Answer:
			r.answered(m.ID, m)
		case relay.People:
			r.answered(m.ID, m)
		case relay.Charter:
			if err := r.recharter(m.Payload); err != nil {
				return err
			}
		case relay.Reactions:
			r.showReactions(m.Counts)
		case relay.Counts:
			r.mu.Lock()
			r.listeners = m.Listeners
			r.mu.Unlock()
			r.changed()
		case relay.Pong:
			r.voice.clock(m.T0, m.T1, m.T2, time.Now())
		case relay.Bye:
			text := strangersText(m.Text, "The host closed the connection.")
			switch m.Code {
			case "removed":
				return &errFinal{Removed, text}
			case "ended":
				return &errFinal{Ended, text}
			}
			return &errFinal{Failed, text}
		default:
			return fmt.Errorf("the host sent %T", m)
		}
	}
}

// witness applies one of the host's events. One that does not follow makes us come back for a snapshot.
func (r *Room) witness(raw []byte) error {
	ev, author, err := room.OpenEvent(raw, time.Now())
	if err != nil {
		return fmt.Errorf("event: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if author.Person != r.charter.Host {
		return errors.New("node: event signed by somebody who is not the host")
	}
	if ev.Seq <= r.state.Seq {
		return nil // the snapshot held it already
	}
	if _, err := r.state.Apply(ev); err != nil {
		return fmt.Errorf("event %d: %w", ev.Seq, err)
	}
	r.charter = r.state.Charter
	r.settle()
	return nil
}

// recharter takes a new version of the charter, which an event has told of: from now on we can show it to others.
func (r *Room) recharter(raw []byte) error {
	c, err := room.OpenCharter(raw, time.Now())
	if err != nil {
		return fmt.Errorf("charter: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if c.Room != r.id || c.Host != r.charter.Host {
		return errors.New("node: a charter of another room")
	}
	if c.Version == r.state.Charter.Version && !reflect.DeepEqual(c, r.state.Charter) {
		return errors.New("node: the charter is not what the events say")
	}
	return nil
}

// answered hands what the host answered to whoever asked.
func (r *Room) answered(id uint64, m any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if ch := r.guest.waiting[id]; ch != nil {
		ch <- m
		delete(r.guest.waiting, id)
	}
}

// ask sends a signed command to the host and waits for its answer.
func (r *Room) ask(ctx context.Context, c room.Command) error {
	m, err := r.exchange(ctx, func(id uint64) (any, error) {
		raw, err := room.SignCommand(r.n.id(), c)
		return relay.Command{ID: id, Payload: raw}, err
	})
	if err != nil {
		return err
	}
	a, ok := m.(relay.Answer)
	switch {
	case !ok:
		return errNotConnected
	case a.Code != "":
		return answered(a)
	}
	return nil
}

// exchange sends the host what question makes of an ID, and waits for what answers it.
func (r *Room) exchange(ctx context.Context, question func(id uint64) (any, error)) (any, error) {
	r.mu.Lock()
	if r.phase.Over() {
		r.mu.Unlock()
		return nil, errOver
	}
	ctl := r.guest.ctl
	if ctl == nil || len(r.guest.waiting) >= 64 {
		r.mu.Unlock()
		return nil, errNotConnected
	}
	r.guest.nextID++
	id := r.guest.nextID
	answer := make(chan any, 1)
	r.guest.waiting[id] = answer
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

func (r *Room) ping(ctx context.Context, ctl *controlConn) {
	t := time.NewTicker(pingEvery)
	defer t.Stop()
	told := r.voice.hearStats(0)
	for {
		ctl.Send(relay.Ping{T0: time.Now().UnixMicro()})
		select {
		case <-ctx.Done():
			return
		case <-ctl.done:
			return
		case <-t.C:
			s := r.voice.hearStats(0)
			ctl.Send(relay.Report{Expected: s.Expected - told.Expected, Received: s.Received - told.Received, Resent: s.Resent - told.Resent, Concealed: s.Concealed - told.Concealed})
			told = s
		}
	}
}

// serveControl is the handler of every control stream: its first message says which room.
func (n *Node) serveControl(s network.Stream) {
	ctl := newControlConn(s, nil)
	defer ctl.Close()
	late := time.AfterFunc(joinTimeout, func() {
		n.counts.Add("join_slow")
		ctl.Close()
	})
	m, err := ctl.Receive()
	if !late.Stop() {
		return
	}
	if look, ok := m.(relay.Look); ok {
		n.show(ctl, room.ID(look.Room))
		return
	}
	j, ok := m.(relay.Join)
	if err != nil || !ok {
		n.counts.Add("join_malformed")
		return
	}
	r := n.hosted(room.ID(j.Room))
	if r == nil && n.resumes(room.ID(j.Room)) {
		n.counts.Add("join_early")
		ctl.Finish(relay.Refuse{Code: "early", Text: "The host is just coming back."})
		return
	}
	if r == nil {
		n.counts.Add("join_no_room")
		ctl.Finish(relay.Refuse{Code: "no_room", Text: "This room has ended, or it is not hosted here."})
		return
	}
	r.welcome(n.ctx, s, ctl, j)
}

// serveMedia is the handler of every media stream.
func (n *Node) serveMedia(s network.Stream) {
	in := bufio.NewReaderSize(s, 8<<10)
	_ = s.SetReadDeadline(time.Now().Add(joinTimeout))
	b, err := readMessage(in, nil, len(room.ID{}))
	_ = s.SetReadDeadline(time.Time{})
	if err != nil || len(b) != len(room.ID{}) {
		n.counts.Add("media_malformed")
		s.Reset()
		return
	}
	r := n.hosted(room.ID(b))
	if r == nil {
		n.counts.Add("media_no_room")
		s.Reset()
		return
	}
	r.takeMedia(s.Conn().RemotePeer(), n.newLink(s, in, false))
}

// leaveRoom tells the host that we go.
func (r *Room) leaveRoom() {
	r.mu.Lock()
	ctl := r.guest.ctl
	r.mu.Unlock()
	if ctl != nil {
		ctl.Part(relay.Bye{Code: "left"})
	}
}
