package node

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
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

// visiting is what only a guest of a room has, or a relay. Room.mu guards the fields.
type visiting struct {
	host    peer.AddrInfo   // where the room is led
	others  []peer.AddrInfo // relays that carry the room, as the host told in its link or announcement
	sent    []peer.AddrInfo // where our parent sent us
	shunned map[peer.ID]time.Time
	parent  peer.ID      // who feeds us
	ctl     *controlConn // nil while there is no connection
	nextID  uint64
	waiting map[uint64]waiting // for an Answer or People
	depth   int                // hops from the host
	path    [][]byte           // from our parent up to the host
	consent consent
	ready   chan struct{} // closed when the first attempt is decided, well or badly
	decided sync.Once     // closes ready
	link    relay.Link    // the sound comes by it
	attempt int           // to connect, since the connection broke
	lost    time.Time     // when the connection broke, or the first attempt began; zero while there is one
	news    chan struct{} // holds one: how we are in the room may have changed
	moves   chan struct{} // holds one: our parent sends us elsewhere
	forger  peer.ID       // a relay that altered sound, of which the host is still to be told
}

// A waiting is a question that went up.
type waiting struct {
	answer func(m any) // must not block
	until  time.Time   // for a question of a child's: ours waits for itself
}

func newVisiting(host peer.AddrInfo) *visiting {
	return &visiting{
		host: host, waiting: make(map[uint64]waiting), shunned: make(map[peer.ID]time.Time),
		ready: make(chan struct{}), news: make(chan struct{}, 1), moves: make(chan struct{}, 1), lost: time.Now(),
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

const (
	redirectsMost = 3
	triesMost     = 12              // in one attempt
	shunGone      = 5 * time.Second // a relay that was lost, or did not let us in: the host may not know yet
	shunForged    = 10 * time.Minute
)

// shun keeps us from a relay for a while; nothing keeps us from the host. r.mu is held.
func (v *visiting) shun(id peer.ID, d time.Duration, now time.Time) {
	maps.DeleteFunc(v.shunned, func(_ peer.ID, until time.Time) bool { return now.After(until) })
	if until := now.Add(d); id != v.host.ID && id != "" && v.shunned[id].Before(until) {
		v.shunned[id] = until
	}
}

// candidates are who may feed us, in the order in which to ask: where our parent sent us, then the host, then the relays
// that the host announced. r.mu is held.
func (v *visiting) candidates(now time.Time) []peer.AddrInfo {
	list := slices.Concat(v.sent, []peer.AddrInfo{v.host}, v.others)
	v.sent = nil
	return v.usable(list, now)
}

// usable leaves out whom we shun.
func (v *visiting) usable(list []peer.AddrInfo, now time.Time) []peer.AddrInfo {
	return slices.DeleteFunc(list, func(p peer.AddrInfo) bool { return now.Before(v.shunned[p.ID]) })
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
	var now *path // what feeds us
	for attempt := 0; ; attempt++ {
		next, err := r.findPlace(ctx)
		if next != nil {
			r.partWith(now) // only now: what feeds us goes on until somebody else does
			now, attempt = next, 0
			select {
			case err = <-now.ended:
				now.stop()
				now = nil
			case <-r.guest.moves:
				attempt = -1
				continue
			}
		}
		if ctx.Err() != nil || r.isFinal(err) {
			break
		}
		r.guest.decided.Do(func() { close(r.guest.ready) })
		if r.givesUp(attempt, now != nil, err) {
			break
		}
		r.n.o.Log.Info("room connection lost", "room", r.id.String(), "err", err)
		wait := min(100*time.Millisecond<<min(max(attempt, 0), 6), 3*time.Second)
		var ended chan error
		if now != nil {
			ended = now.ended
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait + rand.N(wait/4)):
		case err = <-ended: // before we found another place
			now.stop()
			now = nil
		}
		if ctx.Err() != nil || r.isFinal(err) {
			break
		}
	}
	if now != nil {
		now.stop()
	}
}

// isFinal ends the room for us if the host has spoken.
func (r *Room) isFinal(err error) bool {
	var final *errFinal
	if !errors.As(err, &final) {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.setPhase(final.phase, final.text)
	return true
}

// givesUp notes that nobody let us in, and reports whether we try no more. moving means that we are still fed meanwhile.
func (r *Room) givesUp(attempt int, moving bool, err error) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	var crowded *errCrowdedRoom
	been := r.phase == Live || r.phase == Reconnecting
	hold := holdTime(r.charter)
	switch {
	case moving:
	case time.Since(r.guest.lost) > hold:
		r.setPhase(Ended, fmt.Sprintf("The host has been gone for %d minutes.", int(hold.Minutes())))
		return true
	case !been && errors.As(err, &crowded):
		if attempt >= crowdedTries {
			r.setPhase(Failed, crowded.text)
			return true
		}
	case !been && attempt >= 2:
		r.setPhase(Failed, fmt.Sprintf("The room cannot be reached: %v. Is the host's computer on, and on the same network?", err))
		return true
	case been:
		r.guest.attempt = attempt + 1
		r.setPhase(Reconnecting, "")
	}
	return false
}

// A path is the connection to a parent that let us in.
type path struct {
	ctl   *controlConn
	ended chan error // holds one: why it carries no more
	rest  func()     // ends what watches it
	stop  func()     // ends it
}

// partWith closes a path, if it is one, because another has taken its place.
func (r *Room) partWith(p *path) {
	if p == nil {
		return
	}
	p.rest()
	r.wg.Go(func() {
		p.ctl.Part(relay.Bye{Code: byeMoved})
		p.stop()
	})
}

// errElsewhere is a parent's word that others have a place.
type errElsewhere struct{ to []peer.AddrInfo }

func (e *errElsewhere) Error() string { return "it sends us elsewhere" }

// findPlace asks all who may feed us, one after another, until one does.
func (r *Room) findPlace(ctx context.Context) (*path, error) {
	r.findParent()
	r.mu.Lock()
	next := r.guest.candidates(time.Now())
	r.mu.Unlock()
	var first error
	redirects := 0
	for tries := 0; len(next) > 0 && tries < triesMost && ctx.Err() == nil; tries++ {
		to := next[0]
		next = next[1:]
		p, err := r.joinAt(ctx, to)
		if err == nil {
			return p, nil
		}
		var sent *errElsewhere
		if errors.As(err, &sent) && redirects < redirectsMost {
			redirects++
			r.mu.Lock()
			next = append(r.guest.usable(sent.to, time.Now()), next...)
			r.mu.Unlock()
			continue
		}
		var final *errFinal
		if errors.As(err, &final) && to.ID == r.guest.host.ID {
			return nil, err
		}
		if to.ID != r.guest.host.ID { // only the host's word is the last
			r.mu.Lock()
			r.guest.shun(to.ID, shunGone, time.Now())
			r.mu.Unlock()
		}
		if first == nil || to.ID == r.guest.host.ID {
			first = err
		}
	}
	return nil, cmp.Or(first, error(errNobody))
}

var errNobody = errors.New("node: nobody to ask for a place")

// joinAt joins at one node. The path goes on until its end is called.
func (r *Room) joinAt(ctx context.Context, parent peer.AddrInfo) (p *path, err error) {
	ctx, cancel := context.WithCancel(ctx)
	var undo []func()
	stop := func() {
		cancel()
		for _, f := range slices.Backward(undo) {
			f()
		}
	}
	defer func() {
		if err != nil {
			stop()
		}
	}()
	// libp2p would not dial again for 5 s and more where nobody answered a moment ago: the host may just be starting.
	dial, stopDial := context.WithTimeout(network.WithForceDirectDial(ctx, "a host that may be back"), dialTimeout)
	defer stopDial()
	r.n.host.Peerstore().AddAddrs(parent.ID, parent.Addrs, peerstore.TempAddrTTL)
	if err := connect(dial, r.n.host, parent); err != nil {
		return nil, err
	}
	undo = append(undo, r.n.protect(parent.ID))
	// Both streams start at once: the host keeps the media stream until it has answered the join.
	cs, err := r.n.host.NewStream(dial, parent.ID, protoControl)
	if err != nil {
		return nil, err
	}
	ctl := newControlConn(cs, nil)
	undo = append(undo, ctl.Close)
	stopCtl := context.AfterFunc(ctx, ctl.Close)
	undo = append(undo, func() { stopCtl() })
	r.mu.Lock()
	join := relay.Join{Version: relay.ControlVersion, Room: r.id, Name: r.n.displayName(), Cert: r.n.id().Cert(), Carry: r.offers()}
	if r.state != nil {
		join.HaveSeq = r.state.Seq
	}
	r.mu.Unlock()
	ctl.Send(join)
	link, err := r.openMedia(dial, parent.ID)
	if err != nil {
		return nil, err
	}
	undo = append(undo, func() { link.Close() })

	answered := time.AfterFunc(joinTimeout, ctl.Close)
	m, err := ctl.Receive()
	if !answered.Stop() {
		r.n.cut(parent.ID, r)
	}
	if err != nil {
		return nil, fmt.Errorf("the host did not answer: %w", err)
	}
	switch m := m.(type) {
	case relay.Accept:
		if err := r.enter(ctl, parent.ID, m); err != nil {
			return nil, &errFinal{Failed, "The host's answer cannot be trusted: " + err.Error()}
		}
	case relay.Redirect:
		return nil, &errElsewhere{entriesOf(m)}
	case relay.Refuse:
		return nil, r.turnedAway(m)
	default:
		return nil, fmt.Errorf("the host answered a join with %T", m)
	}
	watch, rest := context.WithCancel(ctx)
	p = &path{ctl: ctl, ended: make(chan error, 1), rest: rest, stop: stop}
	r.feed(ctx, ctl, parent.ID, link)
	r.wg.Go(func() { r.mend(watch, ctl, parent.ID) })
	r.wg.Go(func() { r.ping(watch, ctl) })
	r.wg.Go(func() {
		err := r.listenTo(ctl, parent.ID)
		if errors.Is(err, errHostGone) {
			r.n.cut(parent.ID, r)
		}
		r.exit(ctl)
		p.ended <- err
	})
	return p, nil
}

// offers is how many children we offer to carry. r.mu is held.
func (r *Room) offers() uint32 {
	if r.carries == nil {
		return 0
	}
	return uint32(max(r.places(), 1))
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
	if err != nil || l.ann.Host != r.charter.Host || now.ID != r.guest.host.ID {
		return
	}
	r.guest.know(l.ann.Entries)
	r.link.Addrs = l.ann.Entries
}

// uses reports whether the room is live by a connection to p.
func (r *Room) uses(p peer.ID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.feeds != nil && r.feeds.children[p] != nil {
		return true
	}
	return r.guest != nil && r.phase == Live && r.guest.parent == p
}

var errHostGone = errors.New("node: nothing comes from the host")

// turnedAway is what a Refuse means for us.
func (r *Room) turnedAway(m relay.Refuse) error {
	if p := r.Phase(); m.Code == "full" && (p == Reconnecting || p == Live || r.carries != nil) {
		return errors.New(m.Text) // our place is kept, and somebody else may find another one
	}
	return refusal(m)
}

// errCrowdedRoom is a host's word that there is no place just now.
type errCrowdedRoom struct{ text string }

func (e *errCrowdedRoom) Error() string { return e.text }

// crowdedTries is how often we ask for a place in a crowded room again: for about six seconds.
const crowdedTries = 6

// refusal is what a Refuse means for somebody new.
func refusal(m relay.Refuse) error {
	text := strangersText(m.Text, "The host did not let you in.")
	if m.Code == codeCrowded {
		return &errCrowdedRoom{text}
	}
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

// enter takes the host's snapshot as the room's state. It came from the host itself or through parent.
func (r *Room) enter(ctl *controlConn, parent peer.ID, m relay.Accept) error {
	charter, state, err := r.openState(m.Charter, m.Snapshot)
	if err != nil {
		return err
	}
	self := []byte(r.n.host.ID())
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.fits(charter, state); err != nil {
		return err
	}
	if m.Depth == 0 || m.Depth > relay.MaxDepth || len(m.Path) != int(m.Depth) {
		return fmt.Errorf("its way to the host is %d hops long and names %d", m.Depth, len(m.Path))
	}
	if slices.ContainsFunc(m.Path, func(id []byte) bool { return bytes.Equal(id, self) }) {
		return errors.New("it is fed by us")
	}
	old := r.state != nil && cmp.Or(state.Term.Compare(r.state.Term), cmp.Compare(state.Seq, r.state.Seq)) < 0
	if old && parent == r.guest.host.ID {
		return errors.New("its state is older than what it told before")
	}
	if !old { // else a relay has still to hear what we know, and the events that we miss come from it all the same
		r.charter, r.state = charter, state
	}
	r.link.Host = charter.Host
	if r.guest.ctl != nil {
		r.acknowledge(time.Now()) // to the one we leave
		r.lose()                  // what was asked there is not answered here
	}
	r.guest.ctl, r.guest.parent = ctl, parent
	r.account(parent, time.Now())
	r.guest.depth, r.guest.path, r.guest.lost = int(m.Depth), m.Path, time.Time{}
	select {
	case <-r.guest.moves: // the one we have left said it
	default:
	}
	if r.carries != nil {
		r.carries.begin(m.Charter, m.Snapshot, state.Seq)
		r.broadcast(relay.Snapshot{Charter: m.Charter, Payload: m.Snapshot})
		r.tellWay()
		r.tellAnew()
	}
	if r.guest.forger != "" {
		ctl.Send(relay.Distrust{Peer: []byte(r.guest.forger)})
		r.guest.forger = ""
	}
	r.setPhase(Live, "")
	r.settle()
	r.guest.decided.Do(func() { close(r.guest.ready) })
	return nil
}

// openState opens a signed charter and snapshot.
func (r *Room) openState(rawCharter, rawState []byte) (charter room.Charter, state *room.State, err error) {
	now := time.Now()
	if charter, err = room.OpenCharter(rawCharter, now); err != nil {
		return charter, nil, fmt.Errorf("charter: %w", err)
	}
	state, author, err := room.OpenSnapshot(rawState, now)
	if err != nil {
		return charter, nil, fmt.Errorf("snapshot: %w", err)
	}
	if author.Person != charter.Host {
		return charter, nil, errors.New("it is signed by somebody who is not the host")
	}
	return charter, state, nil
}

// fits checks that a charter and a state are this room's. r.mu is held.
func (r *Room) fits(charter room.Charter, state *room.State) error {
	if charter.Room != r.id || state.Charter.Room != r.id || (!r.link.Host.IsZero() && charter.Host != r.link.Host) {
		return errors.New("it is signed by somebody who is not the host")
	}
	if !reflect.DeepEqual(charter, state.Charter) {
		return errors.New("its charter is not that of its state")
	}
	return nil
}

// renew takes a snapshot that came in the middle of a visit.
func (r *Room) renew(ctl *controlConn, m relay.Snapshot) error {
	charter, state, err := r.openState(m.Charter, m.Payload)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.fits(charter, state); err != nil {
		return err
	}
	if r.guest.ctl != ctl {
		return nil // somebody else feeds us by now
	}
	if r.carries != nil {
		r.carries.begin(m.Charter, m.Payload, state.Seq)
		r.broadcast(m)
	}
	if cmp.Or(state.Term.Compare(r.state.Term), cmp.Compare(state.Seq, r.state.Seq)) <= 0 {
		return nil // what we know already
	}
	r.charter, r.state = charter, state
	r.settle()
	return nil
}

// reroute takes a new way to the host.
func (r *Room) reroute(ctl *controlConn, m relay.Path) error {
	self := []byte(r.n.host.ID())
	if m.Depth == 0 || m.Depth > relay.MaxDepth || len(m.Path) != int(m.Depth) || slices.ContainsFunc(m.Path, func(id []byte) bool { return bytes.Equal(id, self) }) {
		return errors.New("node: the way to the host is too long, or leads through us")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.guest.ctl != ctl {
		return nil
	}
	r.guest.depth, r.guest.path = int(m.Depth), m.Path
	if r.carries != nil {
		r.tellWay()
		r.tellCounts()
	}
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

// distrust leaves whoever fed us what its source did not sign, and does not come back to a relay soon.
func (r *Room) distrust() {
	r.mu.Lock()
	if r.guest.parent != r.guest.host.ID {
		r.n.counts.Add("carrier_forged")
		r.n.o.Log.Warn("relay altered sound", "relay", r.guest.parent.String())
		r.guest.forger = r.guest.parent
	}
	r.guest.shun(r.guest.parent, shunForged, time.Now())
	r.mu.Unlock()
	r.reconnect()
}

// exit forgets a connection; commands that wait for its answer get none.
func (r *Room) exit(ctl *controlConn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.guest.ctl != ctl {
		return
	}
	r.guest.ctl, r.guest.lost = nil, time.Now()
	r.guest.shun(r.guest.parent, shunGone, r.guest.lost)
	r.lose()
}

// lose answers what waits for an answer that will not come. r.mu is held.
func (r *Room) lose() {
	for id, w := range r.guest.waiting {
		w.answer(relay.Answer{ID: id, Code: errNotConnected.Code, Text: errNotConnected.Text})
		delete(r.guest.waiting, id)
	}
}

// listenTo takes the control messages of the host, or of a relay, until the connection ends.
func (r *Room) listenTo(ctl *controlConn, parent peer.ID) error {
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
		case relay.Snapshot:
			if err := r.renew(ctl, m); err != nil {
				return err
			}
		case relay.Path:
			if err := r.reroute(ctl, m); err != nil {
				return err
			}
		case relay.Redirect:
			r.goElsewhere(ctl, m)
		case relay.Way:
			r.takeWay(ctl, m)
		case relay.AskRecords:
			r.answerRecords(ctl, m)
		case relay.Reactions:
			if r.carries != nil {
				r.mu.Lock()
				r.broadcast(m)
				r.mu.Unlock()
			}
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
			if parent != r.guest.host.ID && !r.isOver(m.Code) {
				return errors.New(text) // a relay's word is not the host's
			}
			r.signOff(ctl)
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

// isOver reports whether the host said of us what a relay says now.
func (r *Room) isOver(code string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return code == "removed" && r.state.IsRemoved(r.n.Person()) || code == "ended" && r.state.Ended
}

// goElsewhere begins to look for another place; ctl feeds us until there is one.
func (r *Room) goElsewhere(ctl *controlConn, m relay.Redirect) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.guest.ctl != ctl {
		return
	}
	r.guest.shun(r.guest.parent, shunGone, time.Now())
	r.guest.sent = r.guest.usable(entriesOf(m), time.Now())
	select {
	case r.guest.moves <- struct{}{}:
	default:
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
		if r.carries != nil && ev.Seq == r.carries.seq+1 { // we know it, from whoever fed us before; it leads on from the snapshot
			r.handOn(relay.Event{Payload: raw}, ev.Seq)
		}
		return nil // the snapshot held it already
	}
	effects, err := r.state.Apply(ev)
	if err != nil {
		return fmt.Errorf("event %d: %w", ev.Seq, err)
	}
	r.charter = r.state.Charter
	if r.carries != nil {
		r.handOn(relay.Event{Payload: raw}, ev.Seq)
		r.carryOut(ev, effects)
	}
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
	if r.carries != nil {
		r.handOn(relay.Charter{Payload: raw}, r.carries.seq)
	}
	return nil
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
	if ctl == nil || r.carries == nil && len(r.guest.waiting) >= 64 {
		r.mu.Unlock()
		return nil, errNotConnected
	}
	r.guest.nextID++
	id := r.guest.nextID
	answer := make(chan any, 1)
	r.guest.waiting[id] = waiting{func(m any) { answer <- m }, time.Now().Add(2 * joinTimeout)} // at most once
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
	every := pingEvery
	if r.carries != nil {
		every = pingCarry
	}
	t := time.NewTicker(every)
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
			if r.carries != nil {
				continue // it reports what its children lose
			}
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
	if m, ok := m.(relay.Carry); ok {
		n.serveCarry(ctl, s.Conn().RemotePeer(), m)
		return
	}
	j, ok := m.(relay.Join)
	if err != nil || !ok {
		n.counts.Add("join_malformed")
		return
	}
	r := n.fed(room.ID(j.Room))
	if r == nil && n.resumes(room.ID(j.Room)) {
		n.counts.Add("join_early")
		ctl.Finish(relay.Refuse{Code: "early", Text: "The host is just coming back."})
		return
	}
	if r == nil {
		n.counts.Add("join_no_room")
		ctl.Finish(relay.Refuse{Code: "no_room", Text: "This room has ended, or it is not to be had here."})
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
	r := n.fed(room.ID(b))
	if r == nil {
		n.counts.Add("media_no_room")
		s.Reset()
		return
	}
	r.takeMedia(s.Conn().RemotePeer(), n.newLink(s, in, false))
}

// leaveRoom tells the host that we go. Through a relay we sign it: it is not the relay that gives up our place.
func (r *Room) leaveRoom() {
	r.mu.Lock()
	r.acknowledge(time.Now())
	ctl, relayed := r.guest.ctl, r.guest.parent != r.guest.host.ID
	r.guest.nextID++
	id := r.guest.nextID
	r.mu.Unlock()
	if ctl != nil && relayed && r.carries == nil {
		c := room.Command{Room: r.id, Kind: room.Leave, Time: time.Now().UnixMilli(), Nonce: r.n.nonce()}
		if raw, err := room.SignCommand(r.n.id(), c); err == nil {
			ctl.Send(relay.Command{ID: id, Payload: raw})
		}
	}
	if ctl != nil {
		ctl.Part(relay.Bye{Code: "left"})
	}
}
