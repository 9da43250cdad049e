package browser

import (
	"context"
	"testing"

	"salon/node"
	"salon/node/client"
)

// A guest is in somebody's room with a node and without a browser: one of the many whom a room is full of.
type guest struct {
	*client.Client
	t    testing.TB
	name string
	room string
	me   string // person key
}

// joins starts a node for a guest, on the first computer, who goes into the room of a host there.
func joins(t testing.TB, name string, host *person) *guest {
	t.Helper()
	n := startNode(t, computers[0], name, host.node)
	g := &guest{t: t, name: name, room: host.room()}
	g.Client = must[*client.Client](t)(client.Running(context.Background(), n.Home))
	link := script[string](host, `document.querySelector('[data-test="share-link"]').value`)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	v, _, err := g.Join(ctx, link)
	if err != nil {
		t.Fatalf("%s: join: %v", name, err)
	}
	g.me = v.Me.Person.String()
	g.until("be in the room", func(v node.RoomView) bool { return v.Phase == node.Live })
	return g
}

// does something in the room.
func (g *guest) does(a client.Action) {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := g.Carry(ctx, g.room, a); err != nil {
		g.t.Fatalf("%s: %s: %v", g.name, a.Action, err)
	}
}

// until waits for the room to be as wanted, as the guest sees it.
func (g *guest) until(what string, so func(node.RoomView) bool) {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := g.Watch(ctx, g.room, func(v node.RoomView) bool { return !so(v) }); err != nil {
		g.t.Fatalf("%s: %s: %v", g.name, what, err)
	}
}

// room is the ID of the room that the person looks at.
func (p *person) room() string {
	p.t.Helper()
	return script[string](p, `location.hash.split("/").at(-1)`)
}
