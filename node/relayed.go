package node

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"salon/ledger/doc"
	"salon/relay"
	"salon/room"
)

const (
	blockedRoomsMost = 1000
	blockedRoomsMax  = 64 << 10 // bytes of the file
)

// A Relayed is what a relay carries.
type Relayed struct {
	Open         bool          `json:"open"`  // it carries rooms of every host who asks
	Hosts        []PersonView  `json:"hosts"` // whose rooms it carries in any case
	Rooms        []CarriedView `json:"rooms"`
	Children     int           `json:"children"` // nodes that it feeds now
	MaxRooms     int           `json:"max_rooms"`
	MaxChildren  int           `json:"max_children"`   // in all rooms together
	Bandwidth    int           `json:"bandwidth_kbps"` // 0 for no bound
	BlockedRooms []room.ID     `json:"blocked_rooms"`
}

// A CarriedView is one room that a relay carries.
type CarriedView struct {
	ID        room.ID    `json:"id"`
	Title     string     `json:"title"`
	Host      PersonView `json:"host"`
	Phase     Phase      `json:"phase"`
	Depth     int        `json:"depth"`     // hops from the host
	Children  int        `json:"children"`  // nodes fed here
	Listeners uint32     `json:"listeners"` // people at and below this node
	Free      uint32     `json:"free"`      // places at and below it
}

var errNoRelay = &UserError{Code: "no_relay", Text: "This node is no relay. Start one with 'salon relay'."}

// Relayed is what this node carries for others; the error says that it is no relay.
func (n *Node) Relayed() (Relayed, error) {
	if n.relay == nil {
		return Relayed{}, errNoRelay
	}
	v := Relayed{
		Open: n.relay.Open, Hosts: []PersonView{}, Rooms: []CarriedView{}, Children: int(n.feeds.Load()),
		MaxRooms: n.relay.Rooms, MaxChildren: n.relay.Listeners, Bandwidth: n.relay.Bandwidth,
	}
	for _, p := range n.relay.hosts {
		name := n.people.of(p).Name
		if name == "" {
			name = "Guest " + p.Short()
		}
		v.Hosts = append(v.Hosts, PersonView{p, name})
	}
	n.mu.Lock()
	v.BlockedRooms = append([]room.ID{}, n.blockedRooms...)
	n.mu.Unlock()
	for _, r := range n.carried() {
		r.mu.Lock()
		c := CarriedView{ID: r.id, Title: r.charter.Title, Host: r.names.view(r.charter.Host), Phase: r.phase, Depth: max(r.guest.at.depth, 0), Children: r.feeds.fed}
		r.media.drive(func(p *relay.Place, _ time.Time) { c.Free = p.Load().All })
		if r.state != nil {
			c.Listeners = r.audience()
		}
		r.mu.Unlock()
		v.Rooms = append(v.Rooms, c)
	}
	slices.SortFunc(v.Rooms, func(a, b CarriedView) int { return strings.Compare(a.ID.String(), b.ID.String()) })
	return v, nil
}

// carried are the rooms that we carry and that are not over.
func (n *Node) carried() []*Room {
	return slices.DeleteFunc(n.Rooms(), func(r *Room) bool { return !r.carried || r.Phase().Over() })
}

// BlockCarried has this relay carry a room no more, or no room of a host, from now on, after a restart too. what is the ID
// or title of a room that it carries, or of its host the ID or name, or the beginning of one.
func (n *Node) BlockCarried(what string) (Relayed, error) {
	v, err := n.Relayed()
	if err != nil {
		return v, err
	}
	id, host, err := v.meant(what)
	switch {
	case err != nil:
		return v, err
	case !host.Person.IsZero():
		_, err = n.SetPerson(Mark{PersonView: host, Blocked: true})
	default:
		err = n.blockRoom(id)
	}
	if err != nil {
		return v, err
	}
	n.leaveBlocked()
	return n.Relayed()
}

// UnblockCarried lets this relay carry a room again that it was to carry no more, when its host asks. what is the ID of the room, or
// its beginning: what a room was called is not kept.
func (n *Node) UnblockCarried(what string) (Relayed, error) {
	v, err := n.Relayed()
	if err != nil {
		return v, err
	}
	var found []room.ID
	for _, id := range v.BlockedRooms {
		if what != "" && strings.HasPrefix(id.String(), strings.ToLower(strings.TrimSpace(what))) {
			found = append(found, id)
		}
	}
	switch len(found) {
	case 0:
		return v, &UserError{Code: "no_room", Text: fmt.Sprintf("No room whose ID begins like %q is blocked here. A host is let in again with 'salon people unblock'.", what)}
	case 1:
	default:
		return v, &UserError{Code: "ambiguous", Text: fmt.Sprintf("%q is the beginning of several rooms: name one by its whole ID.", what)}
	}
	n.mu.Lock()
	err = n.keepBlocked(slices.DeleteFunc(slices.Clone(n.blockedRooms), func(id room.ID) bool { return id == found[0] }))
	n.mu.Unlock()
	if err != nil {
		return v, err
	}
	return n.Relayed()
}

// leaveBlocked leaves the rooms that we must not carry any more.
func (n *Node) leaveBlocked() {
	for _, r := range n.carried() {
		if no := r.mayCarryOn(); no != nil && no.Code == "blocked" {
			n.leave(r)
		}
	}
}

// mayCarryOn says why a room must not be carried any more, if so.
func (r *Room) mayCarryOn() *relay.Refuse {
	r.mu.Lock()
	c := r.charter
	r.mu.Unlock()
	return r.n.mayCarry(c, r.leader().ID)
}

// meant finds the room or the host that somebody means.
func (v Relayed) meant(what string) (id room.ID, host PersonView, err error) {
	if id, err := room.ParseID(what); err == nil {
		return id, host, nil
	}
	if key, err := doc.ParsePublicKey(what); err == nil {
		return id, PersonView{Person: key}, nil
	}
	type found struct {
		id   room.ID
		host PersonView
	}
	begins := func(list ...string) bool {
		return slices.ContainsFunc(list, func(s string) bool {
			return strings.HasPrefix(strings.ToLower(s), strings.ToLower(strings.TrimSpace(what)))
		})
	}
	all := make(map[found]bool)
	for _, r := range v.Rooms {
		if begins(r.ID.String(), r.Title) {
			all[found{id: r.ID}] = true
		}
		if begins(r.Host.Person.String(), r.Host.Name) {
			all[found{host: r.Host}] = true
		}
	}
	if strings.TrimSpace(what) == "" || len(all) == 0 {
		return id, host, &UserError{Code: "no_room", Text: fmt.Sprintf("This relay carries no room, and none of a host, that begins like %q.", what)}
	}
	if len(all) > 1 {
		return id, host, &UserError{Code: "ambiguous", Text: fmt.Sprintf("%q is the beginning of several rooms and hosts: name one by its whole ID.", what)}
	}
	for f := range all {
		id, host = f.id, f.host
	}
	return id, host, nil
}

// blockRoom keeps a room out, the longest blocked making room for it.
func (n *Node) blockRoom(id room.ID) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if slices.Contains(n.blockedRooms, id) {
		return nil
	}
	list := append(slices.Clone(n.blockedRooms), id)
	return n.keepBlocked(list[max(len(list)-blockedRoomsMost, 0):])
}

// keepBlocked puts another list of blocked rooms in the place of what there is. n.mu is held.
func (n *Node) keepBlocked(list []room.ID) error {
	raw, err := json.Marshal(list)
	if err != nil {
		return err
	}
	if err := writeFile(n.home.path("blocked-rooms.json"), raw); err != nil {
		return err
	}
	n.blockedRooms = list
	return nil
}

// readBlockedRooms reads what blockRoom wrote.
func (n *Node) readBlockedRooms() error {
	raw, err := readAtMost(n.home.path("blocked-rooms.json"), blockedRoomsMax)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = json.Unmarshal(raw, &n.blockedRooms)
	}
	if err != nil {
		return fmt.Errorf("list of blocked rooms: %w", err) // a relay must not carry what its operator forbade
	}
	return nil
}

// blocksRoom reports whether a room is not to be carried.
func (n *Node) blocksRoom(id room.ID) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Contains(n.blockedRooms, id)
}
