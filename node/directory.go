package node

import (
	"cmp"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"salon/ledger/doc"
	"salon/room"
)

const (
	directorySize = 4096 // rooms known at once
	roomsPerHost  = 4    // live rooms one person may announce
	keptPerHost   = 20   // rooms of one person, those that have just ended included

	// A host announces its room at most twice a second. Some at once, because what it sends bunches on the way, and who
	// ignores the newest knows an older state until the next one 10 s later.
	roomEvery = 400 * time.Millisecond
	roomBurst = 3 * roomEvery

	// A neighbour brings each room that it knows once in 10 s, 410 a second when its directory is full, and all of them at
	// once when it has just found us.
	neighbourEvery = time.Second / 500
	neighbourBurst = directorySize * neighbourEvery
	neighboursMost = 1024 // remembered; twice as many as are connected in passing by default

	// displaceEvery is how often a neighbour that brought its share may put a new room in the place of another of its
	// own. What floods it comes through no faster than that, so that an honest room it brings stays for a while.
	displaceEvery = 250 * time.Millisecond

	// wordFor is how long after a host's announcement ran out it still shows whom they named to lead the room on: who comes
	// later than the host went finds the room all the same.
	wordFor = 12 * time.Hour
	// wordWaits is how long such a word waits for somebody named to announce the room: they do so every 10 s.
	wordWaits = 30 * time.Second
)

// Why an announcement was not taken that may well hold. None is held against the peer that sent it.
var (
	errCrowded = errors.New("node: too many rooms")
	errOld     = errors.New("node: announcement not newer than the one known")
	errFlood   = errors.New("node: announcements come too fast")
	errUnnamed = errors.New("node: announced by somebody whom its host did not name, as far as we heard")
)

// A directory holds the newest announcement of every room that is live as far as we heard.
// Rooms leave it when their announcement expires; an ended room stays, unlisted, until then, so that an
// announcement still on its way cannot bring it back: a room ends once.
//
// When it is full, a new room displaces one of the neighbour's that brought most: whoever floods us displaces its own.
type directory struct {
	mu         sync.Mutex // guards the fields below
	rooms      map[room.ID]listing
	brought    map[peer.ID]int // how many of rooms are from each neighbour
	neighbours map[peer.ID]*neighbour
}

type listing struct {
	ann    room.Announcement
	device doc.PublicKey
	raw    []byte
	from   peer.ID   // the neighbour that brought it first; empty for our own
	since  time.Time // first heard of
	until  time.Time // when to forget it
	whole  time.Time // when roomBurst may come at once again

	word    []byte          // the latest announcement that the host signed
	named   []doc.PublicKey // co-hosts, by that one
	version uint64          // of that one
	hidden  bool            // nobody has announced the room since: only whom the host named is known
}

// A neighbour is what a connected node has used of what it may bring.
type neighbour struct {
	whole    time.Time // when neighbourBurst may come at once again
	displace time.Time // when it may displace a room of its own again
}

func newDirectory() *directory {
	return &directory{rooms: make(map[room.ID]listing), brought: make(map[peer.ID]int), neighbours: make(map[peer.ID]*neighbour)}
}

// Take checks an announcement from cheap to dear and keeps it. from is the neighbour that brought it, empty for one of
// our own. It reports whether it is news to a reader.
func (d *directory) Take(from peer.ID, raw []byte, now time.Time) (changed bool, err error) {
	a, author, err := room.ParseAnnouncement(raw)
	if err != nil {
		return false, err
	}
	err = a.CheckTime(now)
	hidden := errors.Is(err, room.ErrStale) && isWord(a, author, now)
	if err != nil && !hidden {
		return false, err
	}
	if err := d.judge(from, a, author, now); err != nil {
		return false, err
	}
	if err := room.VerifyAnnouncement(raw, now); err != nil {
		return false, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.fits(from, a, author, now); err != nil {
		return false, err // another one was faster
	}
	l := listing{ann: *a, device: author.Device, raw: slices.Clone(raw), from: from, since: now, until: a.Until(now), hidden: hidden}
	if hidden {
		l.until = now.Add(wordWaits)
	}
	old, known := d.rooms[a.Room]
	switch {
	case known && hidden && !old.hidden: // somebody named announces it, or the host did a moment ago
		old.word, old.named, old.version = l.raw, a.Successors, a.Version
		d.rooms[a.Room] = old
		return false, nil
	case known:
		l.from, l.since, l.whole, l.word, l.named, l.version = old.from, old.since, old.whole, old.word, old.named, old.version
		changed = !hidden && (old.hidden || !sameToReader(old.ann, *a))
	default:
		gone := len(d.rooms) >= directorySize && d.displace(from, now)
		if from != "" {
			d.brought[from]++
		}
		changed = !a.Ended && !hidden || gone
	}
	if author.Person == a.Host {
		l.word, l.named, l.version = l.raw, a.Successors, a.Version
	}
	spend(&l.whole, roomEvery, roomBurst, now)
	d.rooms[a.Room] = l
	return changed, nil
}

// isWord reports whether an announcement that ran out still shows whom the host named.
func isWord(a *room.Announcement, by doc.Author, now time.Time) bool {
	return by.Person == a.Host && !a.Ended && len(a.Successors) > 0 && now.Sub(time.UnixMilli(a.Expires)) < wordFor
}

func sameToReader(a, b room.Announcement) bool {
	return a.Ended == b.Ended && a.Title == b.Title && a.HostName == b.HostName && a.Listeners == b.Listeners && a.Speakers == b.Speakers && a.Mode == b.Mode && a.Locked == b.Locked
}

// judge is what an announcement must pass before its signature is looked at, which costs more than all the rest. What
// fails the signature afterwards has used its neighbour's allowance, not its room's.
func (d *directory) judge(from peer.ID, a *room.Announcement, by doc.Author, now time.Time) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	old, known := d.rooms[a.Room]
	switch {
	case by.Person != a.Host && from != "" && !slices.Contains(old.named, by.Person):
		return errUnnamed
	case known && old.isLate(a, by):
		return errOld
	case from == "" || known && a.Ended: // an end is always taken, and comes once
	case !spend(&d.neighbour(from, now).whole, neighbourEvery, neighbourBurst, now):
		return errFlood
	}
	return d.fits(from, a, by, now)
}

// isLate reports whether an announcement says nothing that is not known. The host's word holds whatever a co-host's clock
// said meanwhile.
func (l *listing) isLate(a *room.Announcement, by doc.Author) bool {
	if by.Person == a.Host {
		return l.version >= a.Version || l.ann.Ended
	}
	return l.ann.Version >= a.Version || l.ann.Ended
}

// fits reports whether there is a place for an announcement. Our own always have one. d.mu is held.
func (d *directory) fits(from peer.ID, a *room.Announcement, by doc.Author, now time.Time) error {
	if old, ok := d.rooms[a.Room]; ok { // a copy: what is spent of it here only counts once take keeps it
		switch {
		case old.isLate(a, by):
			return errOld
		case from != "" && !a.Ended && !spend(&old.whole, roomEvery, roomBurst, now):
			return errFlood
		}
		return nil
	}
	if from == "" {
		return nil
	}
	live, kept := 0, 0
	for _, l := range d.rooms {
		if l.ann.Host == a.Host {
			kept++
			if !l.ann.Ended && !l.hidden {
				live++
			}
		}
	}
	if kept >= keptPerHost || !a.Ended && live >= roomsPerHost {
		return errCrowded
	}
	if len(d.rooms) >= directorySize && (a.Ended || !d.mayDisplace(from, now)) {
		return errCrowded
	}
	return nil
}

// most is the neighbour that brought most rooms, and how many. d.mu is held.
func (d *directory) most() (p peer.ID, rooms int) {
	for q, n := range d.brought {
		if n > rooms {
			p, rooms = q, n
		}
	}
	return p, rooms
}

// ownPlace reports whether a new room of a neighbour has to displace another of its own, because it has its share: were
// it to displace one of the neighbour that brought most, it would be that one. d.mu is held.
func (d *directory) ownPlace(from peer.ID) bool {
	_, rooms := d.most()
	return from != "" && d.brought[from]+1 >= rooms
}

// mayDisplace reports whether displace would find a place for a new room of a neighbour. d.mu is held.
func (d *directory) mayDisplace(from peer.ID, now time.Time) bool {
	return !d.ownPlace(from) || d.brought[from] > 0 && !d.neighbour(from, now).displace.After(now)
}

// displace makes place for a new room in a full directory, and reports whether a live one had to go for it. d.mu is held.
func (d *directory) displace(from peer.ID, now time.Time) (live bool) {
	loser, _ := d.most()
	if d.ownPlace(from) {
		loser = from
		d.neighbour(from, now).displace = now.Add(displaceEvery)
	}
	// Any one of its rooms, as the map has them. Always the newest would be the one that was let in just before: through
	// a neighbour that is itself being flooded no honest room would ever come to stay.
	for id, l := range d.rooms {
		if l.from == loser && loser != "" {
			d.forget(id)
			return !l.ann.Ended && !l.hidden
		}
	}
	return false
}

// forget removes a room. d.mu is held.
func (d *directory) forget(id room.ID) {
	if from := d.rooms[id].from; d.brought[from] > 1 {
		d.brought[from]--
	} else {
		delete(d.brought, from)
	}
	delete(d.rooms, id)
}

// neighbour is what a neighbour has used. d.mu is held.
func (d *directory) neighbour(p peer.ID, now time.Time) *neighbour {
	n := d.neighbours[p]
	if n != nil {
		return n
	}
	if len(d.neighbours) >= neighboursMost {
		d.forgetNeighbours(now)
	}
	if len(d.neighbours) >= neighboursMost {
		var least peer.ID // that has the least to wait
		for q, n := range d.neighbours {
			if least == "" || n.whole.Before(d.neighbours[least].whole) {
				least = q
			}
		}
		delete(d.neighbours, least)
	}
	n = new(neighbour)
	d.neighbours[p] = n
	return n
}

// mayBring takes something that is no announcement of a room out of what a neighbour may bring.
func (d *directory) mayBring(from peer.ID, now time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return spend(&d.neighbour(from, now).whole, neighbourEvery, neighbourBurst, now)
}

// forgetNeighbours forgets those that have nothing to wait for. d.mu is held.
func (d *directory) forgetNeighbours(now time.Time) {
	for p, n := range d.neighbours {
		if !n.whole.After(now) && !n.displace.After(now) {
			delete(d.neighbours, p)
		}
	}
}

// spend takes cost out of an allowance that may be used whole again at *whole, unless it does not hold so much.
func spend(whole *time.Time, cost, allowance time.Duration, now time.Time) bool {
	next := now
	if whole.After(now) {
		next = *whole
	}
	next = next.Add(cost)
	if next.Sub(now) > allowance {
		return false
	}
	*whole = next
	return true
}

// Expire forgets rooms whose announcement ran out and reports whether a listed one was among them.
func (d *directory) Expire(now time.Time) (changed bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for id, l := range d.rooms {
		if now.After(l.until) {
			d.forget(id)
			changed = changed || !l.ann.Ended && !l.hidden
		}
	}
	d.forgetNeighbours(now)
	return changed
}

// Live lists the rooms one can join, newest first.
func (d *directory) Live(now time.Time) []listing {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []listing
	for _, l := range d.rooms {
		if !l.ann.Ended && !l.hidden && !now.After(l.until) {
			out = append(out, l)
		}
	}
	slices.SortFunc(out, func(a, b listing) int {
		return cmp.Or(b.since.Compare(a.since), cmp.Compare(a.ann.Room.String(), b.ann.Room.String()))
	})
	return out
}

// Get finds a live room.
func (d *directory) Get(id room.ID, now time.Time) (listing, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	l, ok := d.rooms[id]
	return l, ok && !l.ann.Ended && !l.hidden && !now.After(l.until)
}

// versions is what we tell a peer we have.
func (d *directory) versions() map[room.ID]uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := make(map[room.ID]uint64, len(d.rooms))
	for id, l := range d.rooms {
		if !l.hidden {
			out[id] = l.ann.Version
		}
	}
	return out
}

// Missing returns announcements that a peer which has those versions lacks, at most max. Before a co-host's it has the host's
// that named them, which the peer may never have heard.
func (d *directory) Missing(have map[room.ID]uint64, max int, now time.Time) [][]byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out [][]byte
	for id, l := range d.rooms {
		if len(out) == max {
			break
		}
		v, ok := have[id]
		if ok && v >= l.ann.Version || l.hidden || now.After(l.until) {
			continue
		}
		if l.ann.Version != l.version && !ok && l.word != nil && len(out)+2 <= max {
			out = append(out, l.word)
		}
		out = append(out, l.raw)
	}
	return out
}
