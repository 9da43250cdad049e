package node

import (
	"context"
	"errors"
	"time"

	"salon/ledger/doc"
	"salon/relay"
	"salon/room"
)

const (
	sinceMost  = 128  // events that a newcomer is sent after the snapshot, half of what may wait for it; beyond, it is told to come again
	passedMost = 1024 // questions that wait for their answer

	// passRate and passBurst are how many questions of those below go up: far less than what a parent throws a relay out
	// for, so that strangers cannot have it thrown out.
	passRate, passBurst = carryFactor * controlRate / 4, carryFactor * controlBurst / 4

	presenceEvery = 100 * time.Millisecond
	pingCarry     = 500 * time.Millisecond // by a relay: see deadCarryAfter
)

// carrying is what a node has in a room that it carries for others and does not hear. Whoever joins gets the latest
// snapshot that the host signed and came by here, and every signed event after it, byte for byte; when these become many, a
// new snapshot is asked for. Room.mu guards the fields.
type carrying struct {
	charter, snapshot []byte   // signed by the host
	since             []passed // control messages that came after it
	from, seq         uint64   // the last event in the snapshot, and in since
	asking            bool     // for a new snapshot

	told     map[doc.PublicKey]relay.Guest // who is below us, as our parent knows it
	counted  relay.Counts                  // as our parent knows them
	due      bool                          // presence is about to be told
	passing  allowance                     // of questions that go up
	asked    allowance                     // likewise, for the key
	reported time.Time
	heard    HearStats // by ourselves, when last reported; of who hears too
}

// A passed is a control message of the host's.
type passed struct {
	raw []byte
	seq uint64 // of the last event then
}

func newCarrying() *carrying {
	return &carrying{told: make(map[doc.PublicKey]relay.Guest)}
}

// begin starts anew from what the host signed.
func (c *carrying) begin(charter, snapshot []byte, seq uint64) {
	c.charter, c.snapshot, c.from, c.seq, c.since, c.asking = charter, snapshot, seq, seq, nil, false
}

// handOn passes a message of the host's to everybody below, and keeps it for those who come; seq is that of the last event
// then. r.mu is held.
func (r *Room) handOn(m any, seq uint64) {
	b, err := relay.EncodeControl(m)
	if err != nil {
		r.n.o.Log.Error("handed on", "err", err) // it came in this very form
		return
	}
	r.broadcastRaw(b)
	c := r.carries
	c.since, c.seq = append(c.since, passed{b, seq}), seq
	switch {
	case len(c.since) > 4*sinceMost && r.guest.ctl != nil:
		r.guest.ctl.Close() // our parent does not answer
	case len(c.since) >= sinceMost/2:
		r.askSnapshot()
	}
}

// askSnapshot asks for a new snapshot, which everybody below gets too. r.mu is held.
func (r *Room) askSnapshot() {
	if !r.carries.asking && r.guest.ctl != nil {
		r.carries.asking = true
		r.guest.ctl.Send(relay.Snapshot{})
	}
}

// answerSnapshot gives a child the state as it is. r.mu is held.
func (r *Room) answerSnapshot(c *child, now time.Time) {
	if !c.questions.take(now, whoRate, whoBurst) {
		r.n.counts.Add("snapshot_refused")
		return
	}
	if r.host == nil {
		r.askSnapshot()
		return
	}
	charter, snapshot, err := r.signedState()
	if err != nil {
		r.n.o.Log.Error("snapshot", "err", err)
		return
	}
	c.ctl.Send(relay.Snapshot{Charter: charter, Payload: snapshot})
}

// passUp asks our parent what a child asked, and gives the child the answer. r.mu is held.
func (r *Room) passUp(c *child, id uint64, question func(id uint64) any) {
	r.askAbove(question, func(m any) {
		switch m := m.(type) {
		case relay.Answer:
			m.ID = id
			c.ctl.Send(m)
		case relay.People:
			m.ID = id
			c.ctl.Send(m)
		}
	})
}

// askAbove asks our parent for a child. r.mu is held, and when it is answered too.
func (r *Room) askAbove(question func(id uint64) any, answer func(m any)) {
	switch {
	case r.guest.ctl == nil:
		answer(relay.Answer{Code: errNotConnected.Code, Text: errNotConnected.Text})
		return
	case len(r.guest.waiting) >= passedMost || !r.carries.passing.take(time.Now(), passRate, passBurst):
		r.n.counts.Add("pass_flood")
		u := explain(room.ErrBusy)
		answer(relay.Answer{Code: u.Code, Text: u.Text})
		return
	}
	r.guest.nextID++
	r.guest.waiting[r.guest.nextID] = waiting{answer, time.Now().Add(joinTimeout), r.guest.ctl}
	r.guest.ctl.Send(question(r.guest.nextID))
}

// askAbout asks the host, through our parent, about a newcomer of whom only the host can know whether they may come in:
// another relay, or somebody in front of a locked room.
func (r *Room) askAbout(ctx context.Context, who doc.Author, carry uint32) (asked bool, no any) {
	r.mu.Lock()
	if r.carries == nil {
		r.mu.Unlock()
		return false, nil
	}
	needed := r.state != nil && (carry > 0 || r.state.Locked && !r.letsIn(who.Person))
	may := !needed || r.carries.passing.take(time.Now(), passRate, passBurst)
	r.mu.Unlock()
	switch {
	case !needed:
		return false, nil
	case !may:
		r.n.counts.Add("pass_flood")
		return false, relay.Refuse{Code: codeEarly, Text: "The host cannot be asked just now."}
	}
	m, err := r.exchange(ctx, func(id uint64) (any, error) {
		return relay.Admit{ID: id, Person: who.Person, Device: who.Device, Carry: carry}, nil
	})
	if err != nil {
		return false, relay.Refuse{Code: codeEarly, Text: "The host cannot be asked just now."}
	}
	if a, ok := m.(relay.Answer); ok && a.Code == "" {
		return true, nil
	} else if ok {
		return false, relay.Refuse{Code: a.Code, Text: a.Text}
	}
	return false, relay.Refuse{Code: codeEarly, Text: "The host cannot be asked just now."}
}

// answerAdmit answers a relay that asks about a newcomer. r.mu is held.
func (r *Room) answerAdmit(c *child, m relay.Admit) {
	if r.host == nil {
		r.passUp(c, m.ID, func(id uint64) any { m.ID = id; return m })
		return
	}
	a := r.answerVolunteer(doc.Author{Person: m.Person, Device: m.Device}, m.Carry, m.Up, time.Now())
	a.ID = m.ID
	c.ctl.Send(a)
}

// hearsToo reports whether we carry the room and are in it ourselves: we volunteered, or led it before. r.mu is held.
func (r *Room) hearsToo() bool { return r.carries != nil && !r.carried }

// presenceSoon has our parent told within presenceEvery who came and went below us, and how many listen. r.mu is held.
func (r *Room) presenceSoon() {
	if r.carries == nil || r.carries.due {
		return
	}
	r.carries.due = true
	time.AfterFunc(presenceEvery, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.carries != nil { // else we lead by now
			r.carries.due = false
			r.tellPresence()
		}
	})
}

// tellPresence tells our parent who came and went below us. r.mu is held.
func (r *Room) tellPresence() {
	c := r.carries
	if r.guest.ctl == nil || r.state == nil || r.phase.Over() {
		return
	}
	want := r.named()
	var m relay.Present
	for device := range c.told {
		if _, still := want[device]; !still {
			m.Gone = append(m.Gone, device)
		}
	}
	for device, g := range want {
		if c.told[device] == g {
			continue
		}
		if m.Here = append(m.Here, g); len(m.Here) == relay.MaxGuests {
			r.guest.ctl.Send(m)
			m = relay.Present{}
		}
	}
	if len(m.Here)+len(m.Gone) > 0 {
		r.guest.ctl.Send(m)
	}
	c.told = want
	r.tellCounts()
}

// named is whom our parent is told of: everybody with a place in the room, and as many others as may be. r.mu is held.
func (r *Room) named() map[doc.PublicKey]relay.Guest {
	all := make(map[doc.PublicKey]relay.Guest)
	for _, c := range r.feeds.children {
		if c.carry == 0 && !c.left && !c.warm {
			g := relay.Guest{Person: c.author.Person, Device: c.author.Device, Name: c.name}
			if addrs := r.n.addrsOf(c.id); r.state.Leads(c.author.Person) && len(addrs) > 0 {
				g.At = addrs[0].String()
			}
			all[c.author.Device] = g
		}
	}
	for device, g := range r.feeds.below.guests {
		all[device] = g.Guest
	}
	if me := r.n.author(); r.hearsToo() { // as a relay would name us whom it feeds
		all[me.Device] = relay.Guest{Person: me.Person, Device: me.Device, Name: r.n.displayName()}
	}
	if len(all) <= namesMost {
		return all
	}
	placed := map[doc.PublicKey]bool{r.charter.Host: true}
	for _, s := range r.charter.CoHosts {
		placed[s.Person] = true
	}
	for _, s := range r.state.Seats {
		placed[s.Person] = true
	}
	for _, h := range r.state.Hands {
		placed[h.Person] = true
	}
	for _, p := range r.state.Invited {
		placed[p] = true
	}
	some := make(map[doc.PublicKey]relay.Guest)
	others := 0
	take := func(g relay.Guest) {
		if _, have := some[g.Device]; have {
			return
		}
		if !placed[g.Person] {
			if others == namesMost {
				return
			}
			others++
		}
		some[g.Device] = g
	}
	for device := range r.carries.told { // who was told of stays so: the others would only come and go
		if g, still := all[device]; still {
			take(g)
		}
	}
	for _, g := range all {
		take(g)
	}
	return some
}

// tellCounts tells our parent how many listen below us. r.mu is held.
func (r *Room) tellCounts() {
	now := relay.Counts{Listeners: r.audience()}
	if now != r.carries.counted && r.guest.ctl != nil && r.state != nil {
		r.carries.counted = now
		r.guest.ctl.Send(now)
	}
}

// tellAnew tells a parent that is new to us all that it must know. r.mu is held.
func (r *Room) tellAnew() {
	r.carries.told, r.carries.counted = make(map[doc.PublicKey]relay.Guest), relay.Counts{Listeners: unlike}
	r.tellPresence()
	r.tellWays(r.allWays(), nil)
	for _, c := range r.feeds.children {
		c.asked = room.Term{} // a word for them may have been lost on the way
	}
}

// tendCarried runs the clock of a room that we carry, or may volunteer to: counts in both directions, children that are silent.
func (r *Room) tendCarried(ctx context.Context) {
	second := time.NewTicker(countsEvery)
	defer second.Stop()
	for {
		select {
		case <-ctx.Done():
			if !r.leads() {
				r.letAllGo()
			}
			r.mu.Lock()
			r.recount() // its guests are gone
			r.mu.Unlock()
			if r.n.lending.forget(r.id) {
				r.n.watch.tell(Change{Kind: StatusChanged})
			}
			return
		case now := <-second.C:
			r.mu.Lock()
			r.lend(now)
			if r.carries != nil && r.state != nil {
				if r.listeners != r.feeds.told {
					r.feeds.told = r.listeners
					r.broadcast(relay.Counts{Listeners: r.listeners})
				}
				r.tellCounts()
				r.reportUp(now)
				r.lookAtChildren(now)
				r.offer()
			}
			for id, w := range r.guest.waiting {
				if now.After(w.until) {
					w.answer(relay.Answer{ID: id, Code: errNotConnected.Code, Text: errNotConnected.Text})
					delete(r.guest.waiting, id)
				}
			}
			r.mu.Unlock()
		}
	}
}

// reportUp tells our parent what our children lost. r.mu is held.
func (r *Room) reportUp(now time.Time) {
	if now.Sub(r.carries.reported) < pingEvery || r.guest.ctl == nil {
		return
	}
	r.carries.reported = now
	var sum relay.Report
	for _, c := range r.feeds.children {
		sum.Expected += c.report.Expected
		sum.Received += c.report.Received
		sum.Resent += c.report.Resent
		sum.Concealed += c.report.Concealed
		sum.Late += c.report.Late
		c.report = relay.Report{}
	}
	if r.hearsToo() {
		h, told := r.voice.hearStats(), r.carries.heard
		if r.carries.heard = h; told != (HearStats{}) {
			sum.Expected += h.Expected - told.Expected
			sum.Received += h.Received - told.Received
			sum.Resent += h.Resent - told.Resent
			sum.Concealed += h.Concealed - told.Concealed
		}
	}
	r.guest.ctl.Send(sum)
}

// letAllGo ends the connections of everybody below when we carry the room no more. They look for another place.
func (r *Room) letAllGo() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.feeds == nil {
		return
	}
	for _, c := range r.feeds.children {
		r.sendAway(c, relay.Bye{Code: "gone", Text: "This relay carries the room no more."})
	}
}

// carry begins to carry somebody's room.
func (n *Node) carry(link room.Link) error {
	if r := n.Room(link.Room); r != nil && r.Phase().Over() {
		n.leave(r)
	}
	_, err := n.visit(link, nil, true)
	if errors.Is(err, errInRoom) {
		return nil // it was asked twice
	}
	return err
}
