package node

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"salon/ledger"
	"salon/ledger/doc"
	"salon/relay"
	"salon/room"
)

// What relays carried, by the signed word of those they carried it for: a child signs for its parent, the parent keeps the
// last of each period, and shows them to the host when it asks.

const (
	acknowledgeEvery = time.Minute
	accountsMost     = 32 // parents in one room that we count for
	recordsMost      = 2048
	periodsMost      = 4 // of one device
	storeEvery       = 10 * time.Second
	servedRate       = 0.1 // records of a child: a second, and at once
	servedBurst      = 4

	recordFilesMost = 64      // rooms
	recordFileMax   = 8 << 20 // bytes
	recordsVersion  = 1
)

// carriedBy is what came from one parent. media.mu guards it.
type carriedBy struct{ frames, bytes uint64 }

// countFrom begins to count what comes from a parent, or goes on.
func (m *media) countFrom(p relay.Peer) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.carried[p] != nil {
		return
	}
	if len(m.carried) >= accountsMost { // the one that brought least is forgotten
		least := p
		for other, c := range m.carried {
			if least == p || c.frames < m.carried[least].frames {
				least = other
			}
		}
		delete(m.carried, least)
	}
	m.carried[p] = &carriedBy{}
}

// cameFrom is what a parent brought since countFrom.
func (m *media) cameFrom(p relay.Peer) carriedBy {
	m.mu.Lock()
	defer m.mu.Unlock()
	if c := m.carried[p]; c != nil {
		return *c
	}
	return carriedBy{}
}

// accounts are those of our parents in a room.
type accounts map[peer.ID]*account

type account struct {
	since  time.Time // when the period began; it lasts as long as we are in the room
	signed carriedBy // as we signed it last
	at     time.Time // when
}

// account begins to count for a parent that feeds us from now on. r.mu is held.
func (r *Room) account(parent peer.ID, now time.Time) {
	if parent == r.guest.host.ID {
		return // nobody pays a host for its own room
	}
	r.media.countFrom(relay.Peer(parent))
	if r.tally.accounts == nil {
		r.tally.accounts = make(accounts)
	}
	for id := range r.tally.accounts {
		if len(r.tally.accounts) >= accountsMost && id != parent && r.media.cameFrom(relay.Peer(id)) == (carriedBy{}) {
			delete(r.tally.accounts, id)
		}
	}
	if r.tally.accounts[parent] == nil && len(r.tally.accounts) < accountsMost {
		r.tally.accounts[parent] = &account{since: now, at: now}
	}
}

func (r *Room) acknowledgeIfDue(now time.Time) {
	if a := r.tally.accounts[r.guest.parent]; a != nil && now.Sub(a.at) >= acknowledgeEvery {
		r.acknowledge(r.guest.parent, r.guest.ctl, now)
	}
}

// acknowledge signs for a parent what it has carried for us so far. r.mu is held.
func (r *Room) acknowledge(parent peer.ID, ctl *controlConn, now time.Time) {
	a := r.tally.accounts[parent]
	if a == nil || ctl == nil {
		return
	}
	came := r.media.cameFrom(relay.Peer(parent))
	device, err := deviceOf(parent)
	if err != nil || came.frames <= a.signed.frames {
		return
	}
	raw, err := relay.SignService(r.n.id(), relay.Service{
		Room: r.id, Relay: device, Since: a.since.UnixMilli(), Until: now.UnixMilli(), Frames: came.frames, Bytes: came.bytes,
	})
	if err != nil {
		r.n.counts.Add("service_unsigned") // our clock was set back
		return
	}
	a.signed, a.at = came, now
	ctl.Send(relay.Served{Payload: raw})
}

// signOff is acknowledge for the last time, to a relay that has told us the end of the room: it is heard before we go.
func (r *Room) signOff(u *uplink) {
	r.mu.Lock()
	last := r.guest.up == u && r.tally.accounts[u.to.ID] != nil
	if last {
		r.acknowledge(u.to.ID, u.ctl, time.Now())
	}
	r.mu.Unlock()
	if last {
		u.ctl.Finish(relay.Bye{Code: "left"})
	}
}

// served is a record as it came, opened.
type served struct {
	raw    []byte
	record relay.Service
	author doc.Author
	err    error
}

var errTooOften = errors.New("node: records come too often")

// openServed checks a record that a child sent. It takes no lock: c.tally.served is of the child's reader alone.
func (c *child) openServed(m relay.Served, now time.Time) (s served) {
	if !c.tally.served.take(now, servedRate, servedBurst) {
		s.err = errTooOften
		return s
	}
	s.raw = m.Payload
	s.record, s.author, s.err = relay.OpenService(m.Payload, now)
	return s
}

// takeServed keeps a child's word on what we carried for it. r.mu is held.
func (r *Room) takeServed(c *child, s served) {
	switch {
	case errors.Is(s.err, errTooOften):
		r.n.counts.Add("service_flood")
	case s.err != nil:
		r.n.counts.Add("service_malformed")
	case r.tally.records == nil:
		r.n.counts.Add("service_unasked")
	case s.author != c.author, room.ID(s.record.Room) != r.id, s.record.Relay != r.n.author().Device:
		r.n.counts.Add("service_foreign")
	default:
		x := record{raw: s.raw, Service: s.record, author: s.author}
		if c.ticket != (ledger.Ticket{}) {
			x.claim = c.claim
		}
		if why := r.tally.records.take(x); why != "" {
			r.n.counts.Add(why)
		}
	}
}

// A record is one that was checked.
type record struct {
	raw []byte
	relay.Service
	author doc.Author
	claim  []byte // with which its author came in by ticket; nil if they came in otherwise
}

type recordKey struct {
	device doc.PublicKey
	since  int64
}

func (r record) key() recordKey { return recordKey{r.author.Device, r.Since} }

// records are those of one room that a relay holds: the last of each period of each child.
type records struct {
	by     map[recordKey]record
	dirty  bool
	stored time.Time

	storing sync.Mutex // whoever comes second finds what the first has written; taken before Room.mu
}

// take keeps a record, and says under what name it is counted if it does not.
func (l *records) take(n record) (refused string) {
	if before, known := l.by[n.key()]; known {
		if !n.Follows(before.Service) {
			return "service_shrunk"
		}
	} else if !l.makeWay(n) {
		return "service_too_many"
	}
	l.by[n.key()] = n
	l.dirty = true
	return ""
}

// makeWay sees to a place for a new period: of the same device, if that has many, or of whoever was carried least for.
func (l *records) makeWay(n record) bool {
	periods := 0
	for _, o := range l.by {
		if o.author.Device == n.author.Device {
			periods++
		}
	}
	if periods < periodsMost && len(l.by) < recordsMost {
		return true
	}
	var least *record
	for _, o := range l.by {
		if (periods < periodsMost || o.author.Device == n.author.Device) && (least == nil || o.Frames < least.Frames) {
			least = &o
		}
	}
	if least.Frames >= n.Frames {
		return false
	}
	delete(l.by, least.key())
	return true
}

// sorted are the records in an order that pages can be made of.
func (l *records) sorted() []record {
	if l == nil {
		return nil
	}
	return slices.SortedFunc(maps.Values(l.by), func(a, b record) int {
		return cmp.Or(slices.Compare(a.author.Device[:], b.author.Device[:]), cmp.Compare(a.Since, b.Since))
	})
}

// A recordFile is what the home keeps of a room's records.
type recordFile struct {
	Version int        `json:"version"`
	Title   string     `json:"title"`
	Host    PersonView `json:"host"`
	Records [][]byte   `json:"records"` // signed
	// Of a room by ticket: with what the authors came in, one for each device, and where the host is.
	Claims [][]byte      `json:"claims,omitempty"`
	Device doc.PublicKey `json:"host_device,omitzero"`
	Addrs  [][]byte      `json:"host_addrs,omitempty"` // multiaddrs
}

func (n *Node) recordsFolder() string { return n.home.path("service") }

func (n *Node) recordsPath(id room.ID) string {
	return filepath.Join(n.recordsFolder(), id.String()+".json")
}

// openRecords reads what is kept of a room. What is damaged is set aside.
func (n *Node) openRecords(id room.ID) *records {
	l := &records{by: make(map[recordKey]record)}
	f, err := n.readRecords(id)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		n.counts.Add("service_damaged")
		n.o.Log.Error("service records damaged", "room", id.String(), "err", err)
		_ = os.Rename(n.recordsPath(id), n.recordsPath(id)+damagedSuffix)
	}
	claims := f.claims()
	for _, raw := range f.Records {
		if s, author, err := relay.PeekService(raw); err == nil && len(l.by) < recordsMost {
			r := record{raw, s, author, claims[author.Device]}
			l.by[r.key()] = r
		}
	}
	return l
}

func (n *Node) readRecords(id room.ID) (f recordFile, err error) {
	raw, err := readAtMost(n.recordsPath(id), recordFileMax)
	if err != nil {
		return f, err
	}
	if err := json.Unmarshal(raw, &f); err != nil {
		return recordFile{}, err
	}
	if f.Version != recordsVersion {
		return recordFile{}, fmt.Errorf("version %d", f.Version)
	}
	return f, nil
}

// storeRecords writes what is new to the home; if late, only when the last time is a while ago.
func (r *Room) storeRecords(now time.Time, late bool) {
	r.mu.Lock()
	l := r.tally.records
	r.mu.Unlock()
	if l == nil {
		return
	}
	l.storing.Lock()
	defer l.storing.Unlock()
	r.mu.Lock()
	if !l.dirty || late && now.Sub(l.stored) < storeEvery {
		r.mu.Unlock()
		return
	}
	l.dirty, l.stored = false, now
	f := recordFile{Version: recordsVersion, Title: r.charter.Title, Host: r.names.view(r.charter.Host)}
	shown := make(map[doc.PublicKey]bool)
	for _, x := range l.sorted() {
		f.Records = append(f.Records, x.raw)
		if x.claim != nil && !shown[x.author.Device] {
			shown[x.author.Device] = true
			f.Claims = append(f.Claims, x.claim)
		}
	}
	if len(f.Claims) > 0 {
		f.Device, f.Addrs = r.link.Device, r.link.Addrs
	}
	r.mu.Unlock()
	if err := r.n.writeRecords(r.id, f); err != nil {
		r.n.counts.Add("service_unkept")
		r.n.o.Log.Error("service records", "room", r.id.String(), "err", err)
		r.mu.Lock()
		l.dirty = true
		r.mu.Unlock()
	}
}

func (n *Node) writeRecords(id room.ID, f recordFile) error {
	if err := os.MkdirAll(n.recordsFolder(), 0o700); err != nil {
		return err
	}
	if _, err := os.Stat(n.recordsPath(id)); errors.Is(err, fs.ErrNotExist) {
		n.pruneRecords(recordFilesMost - 1)
	}
	raw, err := json.Marshal(f)
	if err != nil {
		return err
	}
	return writeFile(n.recordsPath(id), raw)
}

// pruneRecords removes the records of the rooms carried longest ago, but for some.
func (n *Node) pruneRecords(keep int) {
	list := n.recordFiles()
	for _, f := range list[min(keep, len(list)):] {
		_ = os.Remove(n.recordsPath(f))
	}
}

// recordFiles are the rooms that records are kept of, the latest first.
func (n *Node) recordFiles() (list []room.ID) {
	entries, err := os.ReadDir(n.recordsFolder())
	if err != nil {
		return nil
	}
	at := make(map[room.ID]time.Time)
	for _, e := range entries {
		name, isOne := strings.CutSuffix(e.Name(), ".json")
		id, err := room.ParseID(name)
		info, gone := e.Info()
		if !isOne || err != nil || gone != nil {
			continue
		}
		at[id] = info.ModTime()
		list = append(list, id)
	}
	slices.SortFunc(list, func(a, b room.ID) int { return at[b].Compare(at[a]) })
	return list
}
