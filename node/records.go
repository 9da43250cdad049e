package node

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"io/fs"
	"slices"
	"sync"
	"time"

	"salon/ledger/doc"
	"salon/relay"
	"salon/room"
)

const (
	askedAtOnce  = 8               // relays
	pageTimeout  = 4 * time.Second // for one page of a relay's records
	errandsMost  = 64
	recordsRate  = 50.0 // pages that a parent may ask for: a second, and at once
	recordsBurst = 200.0
)

// A CarriedSum adds up service records: what a relay carried, by the word of those it was carried for.
type CarriedSum struct {
	People  int    `json:"people"`
	Devices int    `json:"devices"`
	Frames  uint64 `json:"frames"`
	Bytes   uint64 `json:"bytes"`
	Since   int64  `json:"since"` // unix ms: when the first period began; 0 without records
	Until   int64  `json:"until"` // unix ms: of the last word
}

// addUp adds up records whose signatures were checked. Periods of one device that overlap are one claim made twice: the
// larger counts.
func addUp(list []record) (sum CarriedSum, doubled int) {
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b record) int {
		return cmp.Or(slices.Compare(a.author.Device[:], b.author.Device[:]), cmp.Compare(a.Since, b.Since), cmp.Compare(b.Frames, a.Frames))
	})
	people, devices := make(map[doc.PublicKey]bool), make(map[doc.PublicKey]bool)
	var counted []record
	for _, r := range list {
		if n := len(counted); n > 0 && counted[n-1].author.Device == r.author.Device && r.Since < counted[n-1].Until {
			doubled++
			if r.Frames > counted[n-1].Frames {
				counted[n-1] = r
			}
			continue
		}
		counted = append(counted, r)
	}
	for _, r := range counted {
		people[r.author.Person], devices[r.author.Device] = true, true
		sum.Frames += r.Frames
		sum.Bytes += r.Bytes
		if sum.Since == 0 || r.Since < sum.Since {
			sum.Since = r.Since
		}
		sum.Until = max(sum.Until, r.Until)
	}
	sum.People, sum.Devices = len(people), len(devices)
	return sum, doubled
}

// A ServiceView is what a relay can show for one room that it carries or carried.
type ServiceView struct {
	Room  room.ID    `json:"room"`
	Title string     `json:"title"`
	Host  PersonView `json:"host"`
	CarriedSum
	Records []string `json:"records,omitempty"` // signed, in Base64; where one room was asked for
}

// Services are the rooms that this relay has records of, the latest first.
func (n *Node) Services() ([]ServiceView, error) {
	if n.relay == nil {
		return nil, errNoRelay
	}
	for _, r := range n.Rooms() {
		r.storeRecords(time.Now(), false) // what came just now
	}
	list := []ServiceView{}
	for _, id := range n.recordFiles() {
		if v, err := n.Service(id); err == nil {
			v.Records = nil
			list = append(list, v)
		}
	}
	return list, nil
}

// Service is what this relay can show for one room.
func (n *Node) Service(id room.ID) (ServiceView, error) {
	v := ServiceView{Room: id, Records: []string{}}
	if n.relay == nil {
		return v, errNoRelay
	}
	if r := n.Room(id); r != nil {
		r.storeRecords(time.Now(), false)
	}
	f, err := n.readRecords(id)
	if errors.Is(err, fs.ErrNotExist) {
		return v, &UserError{Code: "no_records", Text: "This relay has no records of that room."}
	}
	if err != nil {
		return v, err
	}
	v.Title, v.Host = f.Title, f.Host
	var all []record
	for _, raw := range f.Records {
		v.Records = append(v.Records, base64.StdEncoding.EncodeToString(raw))
		if s, author, err := relay.PeekService(raw); err == nil {
			all = append(all, record{raw: raw, Service: s, author: author})
		}
	}
	v.CarriedSum, _ = addUp(all)
	return v, nil
}

// A RecordsView is what the relays of a room of ours showed for it.
type RecordsView struct {
	Room   room.ID       `json:"room"`
	Relays []RelayRecord `json:"relays"`
}

// A RelayRecord is what one relay showed.
type RelayRecord struct {
	Device doc.PublicKey `json:"device"`
	Name   string        `json:"name"`
	CarriedSum
	Refused int  `json:"refused"` // records that prove nothing: badly signed, of another room or relay, or told twice
	Silent  bool `json:"silent"`  // it did not answer, or not to the end
}

// Records asks every relay of a room of ours for its records, checks each signature, and adds them up.
func (r *Room) Records(ctx context.Context) (RecordsView, error) {
	t, err := r.Tree()
	if err != nil {
		return RecordsView{}, err
	}
	asked := make(map[doc.PublicKey]bool) // one that moves is there twice, until its old parent has told that it is gone
	nodes := slices.DeleteFunc(t.Nodes[1:], func(n TreeNode) bool {
		again := asked[n.Device]
		asked[n.Device] = true
		return again
	})
	v := RecordsView{Room: r.id, Relays: make([]RelayRecord, len(nodes))}
	places := make(chan struct{}, askedAtOnce)
	var wg sync.WaitGroup
	for i, node := range nodes {
		places <- struct{}{}
		wg.Go(func() {
			v.Relays[i] = r.recordsOf(ctx, node)
			<-places
		})
	}
	wg.Wait()
	return v, nil
}

// recordsOf asks one relay, page by page.
func (r *Room) recordsOf(ctx context.Context, node TreeNode) RelayRecord {
	out := RelayRecord{Device: node.Device, Name: node.Name}
	known := make(map[recordKey]record)
	for from := uint32(0); ; {
		page, ok := r.askRecords(ctx, node.Device, from)
		if !ok {
			out.Silent = true
			break
		}
		for _, raw := range page.List {
			s, author, err := relay.OpenService(raw, time.Now())
			n := record{raw: raw, Service: s, author: author}
			if err != nil || room.ID(s.Room) != r.id || s.Relay != node.Device || author.Device == node.Device {
				out.Refused++
			} else if before, twice := known[n.key()]; !twice || n.Follows(before.Service) {
				known[n.key()] = n
			}
		}
		from += uint32(len(page.List))
		if !page.More || len(page.List) == 0 || from >= recordsMost {
			break
		}
	}
	var list []record
	for _, n := range known {
		list = append(list, n)
	}
	var doubled int
	out.CarriedSum, doubled = addUp(list)
	out.Refused += doubled
	return out
}

// askRecords asks a relay for a page.
func (r *Room) askRecords(ctx context.Context, device doc.PublicKey, from uint32) (page relay.Records, ok bool) {
	answer := make(chan relay.Records, 1)
	r.mu.Lock()
	c := r.towards(device)
	if c == nil {
		r.mu.Unlock()
		return page, false
	}
	if r.tally.asked == nil {
		r.tally.asked = make(map[uint64]chan<- relay.Records)
	}
	id := r.n.nonce()
	r.tally.asked[id] = answer
	c.ctl.Send(relay.AskRecords{ID: id, Relay: device, From: from})
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		delete(r.tally.asked, id)
		r.mu.Unlock()
	}()
	ctx, cancel := context.WithTimeout(ctx, pageTimeout)
	defer cancel()
	select {
	case page = <-answer:
		return page, true
	case <-ctx.Done():
		return page, false
	}
}

// towards is the relay below us that is a device, or has it below; nil if there is none. r.mu is held.
func (r *Room) towards(device doc.PublicKey) *child {
	var far *child
	for _, c := range r.feeds.children {
		switch {
		case c.carry == 0 || c.warm:
		case c.author.Device == device:
			return c
		case slices.ContainsFunc(c.tally.branches.List, func(b relay.Branch) bool { return b.Device == device }):
			far = c
		}
	}
	return far
}

// answerRecords answers the host, or passes its question on to whom it is for.
func (r *Room) answerRecords(ctl *controlConn, m relay.AskRecords) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if r.carries == nil || r.guest.ctl != ctl || !r.tally.questions.take(now, recordsRate, recordsBurst) {
		r.n.counts.Add("records_refused")
		return
	}
	if m.Relay == r.n.author().Device {
		all := r.tally.records.sorted()
		rest := all[min(int(m.From), len(all)):]
		page := relay.Records{ID: m.ID, More: len(rest) > relay.MaxRecords}
		for _, x := range rest[:min(len(rest), relay.MaxRecords)] {
			page.List = append(page.List, x.raw)
		}
		ctl.Send(page)
		return
	}
	c := r.towards(m.Relay)
	if c == nil {
		return // it has gone
	}
	t := &r.tally
	if t.errands == nil {
		t.errands = make(map[uint64]time.Time)
	}
	for id, until := range t.errands {
		if now.After(until) {
			delete(t.errands, id)
		}
	}
	if len(t.errands) < errandsMost {
		t.errands[m.ID] = now.Add(pageTimeout)
		c.ctl.Send(m)
	}
}

// takeRecords takes what a relay below shows: the host asked for it, or we pass it on. r.mu is held.
func (r *Room) takeRecords(m relay.Records) {
	if len(m.List) > relay.MaxRecords {
		r.n.counts.Add("records_refused")
		return
	}
	if answer := r.tally.asked[m.ID]; answer != nil {
		delete(r.tally.asked, m.ID)
		answer <- m // it holds one, and this was the only one
		return
	}
	if _, errand := r.tally.errands[m.ID]; errand && r.guest != nil && r.guest.ctl != nil {
		delete(r.tally.errands, m.ID)
		r.guest.ctl.Send(m)
		return
	}
	r.n.counts.Add("records_unasked")
}
