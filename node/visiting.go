package node

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"

	"salon/ledger/doc"
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

// errNobody is why there is no place while nobody has said why: all who answered named somebody else.
var errNobody error = &errCrowdedRoom{"There is no place in this room just now. Try again in a moment."}

// errFinal ends the attempts to come back: the host has spoken.
type errFinal struct {
	phase Phase
	text  string
}

func (e *errFinal) Error() string { return e.text }

// isFinal ends the room for us if the host has spoken.
func (r *Room) isFinal(err error) bool {
	var final *errFinal
	if !errors.As(err, &final) {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.host != nil {
		return false // it was about our place with who led before us
	}
	r.setPhase(final.phase, final.text)
	return true
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

// wasRefused notes why an uplink gave us no place; what the host says counts most.
func (r *Room) wasRefused(u *uplink, why error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.guest.why == nil || u.to.ID == r.guest.host.ID {
		r.guest.why = why
	}
}

// turnedAway is what a Refuse means for us: an *errFinal if the host has spoken, an *errCrowdedRoom if there may be a place in a
// moment, or why somebody else may have one.
func (r *Room) turnedAway(u *uplink, join relay.Join, m relay.Refuse) error {
	text := strangersText(m.Text, "The host did not let you in.")
	r.mu.Lock()
	r.refused = m.Code
	if m.Code == "not_asked" {
		r.stopLending() // the next question is a listener's
	}
	if m.Code == errTicketOnly.Code && !join.Warm && r.isAgreed(m.Code, u.to.ID, time.Now()) {
		r.mu.Unlock()
		return refusal(m)
	}
	p, led, carries := r.phase, r.guest.host.ID, r.carries != nil
	if m.Code == "no_room" && r.state != nil && r.state.Term.Order != 0 {
		led = "" // a co-host who leads no more is not the last
	}
	r.mu.Unlock()
	switch {
	case u.to.ID == led && !join.Warm && join.Depth == 0 && !(m.Code == "full" && (p == Reconnecting || p == Live || carries)):
		return refusal(m)
	case m.Code == "full", m.Code == codeCrowded, m.Code == codeEarly:
		return &errCrowdedRoom{text}
	}
	return errors.New(text)
}

// errCrowdedRoom is somebody's word that there is no place just now, and may be one in a moment.
type errCrowdedRoom struct{ text string }

func (e *errCrowdedRoom) Error() string { return e.text }

func isCrowded(err error) bool {
	var crowded *errCrowdedRoom
	return errors.As(err, &crowded)
}

// refusal is what a Refuse means for somebody new.
func refusal(m relay.Refuse) error {
	text := strangersText(m.Text, "The host did not let you in.")
	switch m.Code {
	case codeCrowded, codeEarly:
		return &errCrowdedRoom{text}
	case "removed":
		return &errFinal{Removed, text}
	case "ended", "no_room":
		return &errFinal{Ended, text}
	case "full", "identity", "locked", "devices", "blocked", errInviteOnly.Code, errTicketOnly.Code, errSubscribersOnly.Code, errHostSilent.Code, codeElsewhere:
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

// enter takes the host's snapshot as the room's state. It came from the host itself or through a parent, who was told the last
// event that we knew.
func (r *Room) enter(u *uplink, knew uint64, m relay.Accept) error {
	charter, state, err := r.openState(m.Charter, m.Snapshot)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.host != nil {
		return errOldTerm // we lead it by now
	}
	if err := r.fits(charter, state); err != nil {
		return err
	}
	if id, _ := peerOf(state.Program.Device); u.to.ID == id && r.state != nil && r.state.Outbids(state) {
		return errOldTerm
	}
	if u.to.ID == r.guest.host.ID && state.Seq < knew && !r.isNews(state) {
		return errors.New("its state is older than what it told before")
	}
	r.logCharter(charter, m.Charter)
	r.adopt(charter, state, relay.Snapshot{Charter: m.Charter, Payload: m.Snapshot})
	r.link.Host = charter.Host
	r.obey()
	r.settle()
	return nil
}

// isNews reports whether a state is not older than ours. r.mu is held.
func (r *Room) isNews(state *room.State) bool {
	return r.state == nil || state.Compare(r.state) >= 0
}

// adopt takes a state, unless ours is newer: then the events that we miss come all the same. Who carries the room begins anew
// from it, if that leads further than what there is. r.mu is held.
func (r *Room) adopt(charter room.Charter, state *room.State, signed relay.Snapshot) {
	same := r.state == nil || !state.Outbids(r.state) && !r.state.Outbids(state)
	if c := r.carries; c != nil && (c.snapshot == nil || same && (state.Seq > c.seq || c.asking && state.Seq == c.seq) || !same && r.isNews(state)) {
		c.begin(signed.Charter, signed.Payload, state.Seq)
		r.broadcast(signed)
	} else if c != nil {
		c.asking = false
	}
	if r.isNews(state) {
		if r.heir.owes && state.Program.Device != r.n.author().Device {
			r.owe(state)
			r.heir.owes = false
		}
		r.charter, r.state = charter, state
	}
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
	if author != state.Leader() {
		return charter, nil, errors.New("it is signed by somebody who does not lead the room")
	}
	return charter, state, nil
}

// fits checks that a charter and a state are this room's, and not from before what the host told since. r.mu is held.
func (r *Room) fits(charter room.Charter, state *room.State) error {
	if err := r.isOurs(charter, state); err != nil {
		return err
	}
	if charter.Compare(r.charter) < 0 {
		return errOldTerm // from before somebody was a co-host, or was one no more
	}
	return nil
}

// isOurs checks that a charter and a state are this room's. r.mu is held.
func (r *Room) isOurs(charter room.Charter, state *room.State) error {
	if charter.Room != r.id || state.Charter.Room != r.id || (!r.link.Host.IsZero() && charter.Host != r.link.Host) {
		return errors.New("it is signed by somebody who is not the host")
	}
	if !reflect.DeepEqual(charter, state.Charter) {
		return errors.New("its charter is not that of its state")
	}
	return nil
}

// errOldTerm is somebody who leads the room, or did, and does not know yet that others do.
var errOldTerm = errors.New("node: it knows of no later leader than one who was before")

// renew takes a snapshot that came in the middle of a visit.
func (r *Room) renew(m relay.Snapshot) error {
	charter, state, err := r.openState(m.Charter, m.Payload)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.fits(charter, state); err != nil {
		return err
	}
	if r.host != nil {
		return nil // we lead it by now
	}
	r.logCharter(charter, m.Charter)
	r.adopt(charter, state, m)
	r.obey()
	r.settle()
	return nil
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

// sentAway is what a Bye means for us: the error that the host has spoken, or nil, which is that somebody else may feed us.
func (r *Room) sentAway(u *uplink, m relay.Bye) error {
	text := strangersText(m.Text, "The host closed the connection.")
	if u.to.ID != r.leader().ID && !r.isOver(m.Code) {
		return nil // a relay's word is not the host's
	}
	if m.Text == "" && m.Code != "removed" && m.Code != "ended" {
		return nil // not for a person: it is about our place in the tree
	}
	r.signOff(u)
	switch m.Code {
	case "removed":
		return &errFinal{Removed, text}
	case "ended":
		return &errFinal{Ended, text}
	}
	return &errFinal{Failed, text}
}

// isOver reports whether the host said of us what a relay says now.
func (r *Room) isOver(code string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state != nil && (code == "removed" && r.state.IsRemoved(r.n.Person()) || code == "ended" && r.state.Ended)
}

// witness applies one of the host's events. One that does not follow makes us come back for a snapshot.
func (r *Room) witness(raw []byte) error {
	ev, author, err := room.OpenEvent(raw, time.Now())
	if err != nil {
		return fmt.Errorf("event: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.host != nil {
		return nil // ours, come back from whoever led before
	}
	if ev.Seq <= r.state.Seq && ev.Term.Compare(r.state.Term) > 0 {
		return errOldTerm // what we know is of a history that lost: we come back for the other
	}
	if ev.Seq <= r.state.Seq {
		if !r.state.Leads(author.Person) {
			return room.ErrNotLeader
		}
		if r.carries != nil && ev.Seq == r.carries.seq+1 && r.state.Holds(room.Told{Event: ev, Leader: author.Device}) { // we know it, from another parent; it leads on from the snapshot
			r.handOn(relay.Event{Payload: raw}, ev.Seq)
		}
		return nil // the snapshot held it already
	}
	if err := r.state.MaySign(author, ev); err != nil {
		return err
	}
	effects, err := r.state.Apply(ev)
	if err != nil {
		return fmt.Errorf("event %d: %w", ev.Seq, err)
	}
	r.charter = r.state.Charter
	if (ev.Kind == room.TookOver || ev.Kind == room.Resumed) && ev.Device == r.n.author().Device {
		return r.begun(ev, raw, effects, time.Now()) // it is ours, and takes effect
	}
	r.logEvent(ev, raw)
	if r.obey(); r.heir.asked != 0 {
		r.wg.Go(r.propose)
	}
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
	if r.host != nil {
		return nil
	}
	if c.Room != r.id || c.Host != r.charter.Host {
		return errors.New("node: a charter of another room")
	}
	r.logCharter(c, raw)
	if c.Compare(r.state.Charter) == 0 && !reflect.DeepEqual(c, r.state.Charter) {
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
