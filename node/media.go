package node

import (
	"context"
	"sync"
	"time"

	"salon/relay"
)

const (
	// mediaTick is how often the tree looks for losses and flushes bundles: half a frame.
	mediaTick = relay.FrameDuration / 2
	// lossEvery is how often the tree is told what the links lose.
	lossEvery = time.Second
)

// media drives one room's relay.Tree: links in, links out, what is for us to the sink.
type media struct {
	sink mediaSink

	mu    sync.Mutex // guards the fields below; calls into the sink happen under it
	tree  *relay.Tree
	links map[relay.Peer]relay.Link

	carried map[relay.Peer]*carriedBy // by parents
}

// A mediaSink hears every frame that reaches this node. Its calls must be quick.
type mediaSink interface {
	frame(f relay.Frame, resent bool, now time.Time)
	auth(a *relay.Auth, now time.Time)
}

func newMedia(o relay.Options, sink mediaSink) *media {
	m := &media{sink: sink, links: make(map[relay.Peer]relay.Link), carried: make(map[relay.Peer]*carriedBy)}
	m.tree = relay.New(o, (*mediaOut)(m))
	return m
}

// mediaOut is media as its tree sees it: called under mu.
type mediaOut media

func (m *mediaOut) Send(to relay.Peer, p *relay.Packet) {
	if l := m.links[to]; l != nil {
		l.Send(p)
	}
}

func (m *mediaOut) Deliver(f relay.Frame, from relay.Peer, resent bool) {
	if c := m.carried[from]; c != nil {
		c.frames++
		c.bytes += uint64(len(f.Sealed))
	}
	m.sink.frame(f, resent, time.Now())
}

func (m *mediaOut) DeliverAuth(a *relay.Auth, _ relay.Peer) { m.sink.auth(a, time.Now()) }

// do runs f on the tree.
func (m *media) do(f func(t *relay.Tree, now time.Time)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f(m.tree, time.Now())
}

// publish sends one frame of ours, and the auth it completed, into the tree.
func (m *media) publish(f relay.Frame, a *relay.Auth) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	if a != nil {
		m.tree.PublishAuth(a, now) // first, so that it rides with the frame that completes it
	}
	m.tree.Publish(f, now)
}

// carry reads packets from a neighbour's link until the link ends, or with relay.ErrTrespass, then takes the link out.
func (m *media) carry(p relay.Peer, l relay.Link) error {
	var pkt relay.Packet
	var err error
	for err == nil && l.Receive(&pkt) == nil {
		m.mu.Lock()
		if m.links[p] == l {
			err = m.tree.Receive(p, &pkt, time.Now())
		}
		m.mu.Unlock()
	}
	l.Close()
	m.mu.Lock()
	if m.links[p] == l {
		delete(m.links, p)
	}
	m.mu.Unlock()
	return err
}

// setLink makes l the way to p; an older one is closed.
func (m *media) setLink(p relay.Peer, l relay.Link) {
	m.mu.Lock()
	old := m.links[p]
	m.links[p] = l
	m.mu.Unlock()
	if old != nil {
		old.Close()
	}
}

// dropLink closes the way to p, if any.
func (m *media) dropLink(p relay.Peer) {
	m.mu.Lock()
	l := m.links[p]
	delete(m.links, p)
	m.mu.Unlock()
	if l != nil {
		l.Close()
	}
}

// run ticks the tree until ctx ends, then closes every link.
func (m *media) run(ctx context.Context) {
	t, loss := time.NewTicker(mediaTick), time.NewTicker(lossEvery)
	defer t.Stop()
	defer loss.Stop()
	for {
		select {
		case <-ctx.Done():
			m.mu.Lock()
			links := m.links
			m.links = make(map[relay.Peer]relay.Link)
			m.mu.Unlock()
			for _, l := range links {
				l.Close()
			}
			return
		case <-t.C:
			m.mu.Lock()
			m.tree.Tick(time.Now())
			m.mu.Unlock()
		case <-loss.C:
			m.mu.Lock()
			for p, l := range m.links {
				_ = m.tree.SetLoss(p, l.Stats().Loss) // who is no peer any more loses nothing
			}
			m.mu.Unlock()
		}
	}
}
