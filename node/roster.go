package node

import (
	"context"
	"slices"
	"strings"
	"time"

	"salon/ledger/doc"
	"salon/relay"
	"salon/room"
)

const (
	rosterLasts = time.Second // people come and go more often than anybody reads the list
	maxNames    = 4096

	maxSearch, maxAfter = 200, 400 // bytes

	// A person's questions for the people: a second, and at once.
	whoRate, whoBurst = 4, 20
)

// A roster is who is in a hosted room, by name; each person once. Room.mu guards it.
type roster struct {
	faces []relay.Face
	keys  []string // of faces, ascending: what they are sorted and paged by
	names []string // of faces, in small letters
	made  time.Time
}

// rosterKey sorts by name, whatever the case, and then by key, so that everybody has a place of their own.
func rosterKey(f relay.Face) string { return strings.ToLower(f.Name) + "\x00" + f.Person.String() }

// people answers which people are in our room. r.mu is held.
func (r *Room) people(w relay.Who, now time.Time) relay.People {
	ro := &r.host.roster
	if ro.faces == nil || now.Sub(ro.made) > rosterLasts || now.Before(ro.made) {
		*ro = r.makeRoster(now)
	}
	out := relay.People{ID: w.ID}
	search := strings.ToLower(strings.TrimSpace(w.Search))
	start, found := slices.BinarySearch(ro.keys, w.After)
	if found {
		start++
	}
	for i := start; i < len(ro.faces); i++ {
		if !strings.Contains(ro.names[i], search) {
			continue
		}
		if len(out.List) == relay.MaxFaces {
			out.Next = rosterKey(out.List[len(out.List)-1])
			break
		}
		out.List = append(out.List, ro.faces[i])
	}
	return out
}

// answerWho answers a child's question for the people. r.mu is held.
func (r *Room) answerWho(c *child, w relay.Who, now time.Time) {
	asks := &c.conduct.questions
	if c.carry > 0 {
		asks = &c.questions
	}
	if len(w.Search) > maxSearch || len(w.After) > maxAfter || !asks.take(now, c.factor()*whoRate, c.factor()*whoBurst) {
		r.n.counts.Add("who_refused")
		u := explain(room.ErrBusy)
		c.ctl.Send(relay.Answer{ID: w.ID, Code: u.Code, Text: u.Text})
		return
	}
	if r.host == nil {
		r.passUp(c, w.ID, func(id uint64) any { w.ID = id; return w })
		return
	}
	c.ctl.Send(r.people(w, now))
}

// makeRoster lists the people with a connection, those below relays as far as these name them, and ourselves. r.mu is held.
func (r *Room) makeRoster(now time.Time) roster {
	me := r.n.author().Person
	seen := map[doc.PublicKey]bool{me: true}
	ro := roster{faces: []relay.Face{{Person: me, Name: r.n.displayName()}}, made: now}
	add := func(p doc.PublicKey, name string) {
		if !seen[p] && !r.state.IsRemoved(p) {
			seen[p] = true
			ro.faces = append(ro.faces, relay.Face{Person: p, Name: name})
		}
	}
	for _, c := range r.feeds.children {
		if c.carry == 0 { // a relay is nobody who listens
			add(c.author.Person, c.name)
		}
	}
	for _, g := range r.feeds.below.guests {
		add(g.Person, g.Name)
	}
	slices.SortFunc(ro.faces, func(a, b relay.Face) int { return strings.Compare(rosterKey(a), rosterKey(b)) })
	for _, f := range ro.faces {
		ro.keys = append(ro.keys, rosterKey(f))
		ro.names = append(ro.names, strings.ToLower(f.Name))
	}
	return ro
}

// People lists the people in the room by name: those whose names contain search, after the page that ended with after.
// Next is the after of the next page, "" when there is none.
func (r *Room) People(ctx context.Context, search, after string) (list []FaceView, next string, err error) {
	if len(search) > maxSearch || len(after) > maxAfter {
		return nil, "", &UserError{Code: "bad_search", Text: "That is too long to search for."}
	}
	w := relay.Who{Search: search, After: after}
	var m relay.People
	r.mu.Lock()
	leads := r.host != nil
	if leads {
		m = r.people(w, time.Now())
	}
	r.mu.Unlock()
	if !leads {
		got, err := r.exchange(ctx, func(id uint64) (any, error) { w.ID = id; return w, nil })
		if err != nil {
			return nil, "", err
		}
		switch got := got.(type) {
		case relay.People:
			m = got
		case relay.Answer:
			return nil, "", answered(got)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.state == nil {
		return nil, "", errNotConnected
	}
	list = []FaceView{}
	known := r.leaders()
	for _, f := range m.List[:min(len(m.List), relay.MaxFaces)] {
		name, err := room.CleanName(f.Name)
		if err != nil {
			name = "Guest " + f.Person.Short()
		}
		r.names.learn(f.Person, name)
		_, hand := r.state.HandOf(f.Person)
		list = append(list, FaceView{
			PersonView: PersonView{f.Person, name}, Role: r.state.RoleOf(f.Person).String(), Seated: r.state.OnStage(f.Person),
			Hand: hand, Invited: r.state.IsInvited(f.Person), Caution: r.n.caution(f.Person, name, known),
		})
	}
	return list, m.Next, nil
}

// names is what people of a room are called, as far as we have met them: a room's state holds keys alone where it is about
// somebody who is not on stage. Room.mu guards it.
type names struct{ of map[doc.PublicKey]string }

func (n *names) learn(p doc.PublicKey, name string) {
	if n.of == nil {
		n.of = make(map[doc.PublicKey]string)
	}
	if _, known := n.of[p]; !known && len(n.of) >= maxNames {
		for other := range n.of { // any: who is still here is met again
			delete(n.of, other)
			break
		}
	}
	n.of[p] = name
}

// view gives somebody a name.
func (n *names) view(p doc.PublicKey) PersonView {
	if name := n.of[p]; name != "" {
		return PersonView{p, name}
	}
	return PersonView{p, "Guest " + p.Short()}
}

// meet learns the names that the state tells. r.mu is held.
func (r *Room) meet() {
	for _, s := range r.state.Seats {
		r.names.learn(s.Person, s.Name)
	}
	for _, h := range r.state.Hands {
		r.names.learn(h.Person, h.Name)
	}
	for _, h := range r.state.Charter.CoHosts {
		r.names.learn(h.Person, h.Name)
	}
	if n := len(r.state.Chat); n > 0 {
		l := r.state.Chat[n-1]
		r.names.learn(l.Person, l.Name)
	}
}

// nameFor is what somebody in the room is called.
func (r *Room) nameFor(p doc.PublicKey) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.host != nil {
		if name := r.nameOf(p); name != "" {
			return name
		}
	}
	return r.names.view(p).Name
}
