package node

import (
	"slices"

	"salon/ledger/doc"
	"salon/node/alike"
)

// Why a name is shown with a warning.
const (
	cautionAlike = "alike" // it looks like that of somebody else whom this person knows
	cautionMixed = "mixed" // a word of it has letters of several alphabets
)

// A CautionView warns of a name that may be taken for another. It is no judgement of who bears it: two people may have one name.
type CautionView struct {
	Person doc.PublicKey `json:"person"`
	Why    string        `json:"why"`
	Like   string        `json:"like,omitempty"` // the name of whom they are not
}

// learnContacts notes the names of those whom this person knows: their own, those on their list, and the hosts of rooms that they have
// bought tickets to.
func (n *Node) learnContacts() {
	known := &alike.Known{}
	known.Add(n.Person(), n.displayName())
	for _, m := range n.people.List() {
		known.Add(m.Person, m.Name)
	}
	for _, note := range n.home.roomNotes() {
		known.Add(note.Host.Person, note.Host.Name)
	}
	n.contacts.Store(known) // it is not changed from here on
}

// caution warns of a name; nil if there is no reason to. Who leads a room is known in it, too.
func (n *Node) caution(who doc.PublicKey, name string, leads *alike.Known) *CautionView {
	if who == n.Person() {
		return nil
	}
	return cautionOf(who, name, n.contacts.Load(), leads)
}

// cautionOf warns of a name, for whoever knows those people.
func cautionOf(who doc.PublicKey, name string, all ...*alike.Known) *CautionView {
	if who.IsZero() || name == "" {
		return nil
	}
	for _, known := range all {
		if like, found := known.Like(who, name); found {
			return &CautionView{Person: who, Why: cautionAlike, Like: like}
		}
	}
	if alike.Mixed(name) {
		return &CautionView{Person: who, Why: cautionMixed}
	}
	return nil
}

// leaders are the host and the co-hosts of a room, by the names that they have in it. r.mu is held.
func (r *Room) leaders() *alike.Known {
	known := &alike.Known{}
	known.Add(r.charter.Host, r.names.of[r.charter.Host])
	if r.state != nil {
		for _, h := range r.state.Charter.CoHosts {
			known.Add(h.Person, h.Name)
		}
	}
	return known
}

// cautions are the warnings of those whom a view of the room names, and of who has written. r.mu is held.
func (r *Room) cautions(v *RoomView) (list []CautionView) {
	leads, seen := r.leaders(), map[doc.PublicKey]bool{}
	add := func(who doc.PublicKey, name string) {
		if seen[who] {
			return
		}
		seen[who] = true
		if c := r.n.caution(who, name, leads); c != nil {
			list = append(list, *c)
		}
	}
	add(v.Host.Person, v.Host.Name)
	for _, p := range slices.Concat(v.CoHosts, v.Keepers, v.Listed, v.Removed) {
		add(p.Person, p.Name)
	}
	for _, s := range v.Stage {
		add(s.Person, s.Name)
	}
	for _, h := range v.Hands {
		add(h.Person, h.Name)
	}
	for _, l := range r.state.Chat {
		add(l.Person, l.Name)
	}
	return list
}
