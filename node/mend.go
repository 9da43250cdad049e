package node

import (
	"context"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"salon/relay"
)

const (
	mendEvery = 50 * time.Millisecond
	// sleptFor is how far the wall clock runs ahead of the other one, which stands still while the machine sleeps, before
	// the connection is taken for one of before the sleep.
	sleptFor = 5 * time.Second
)

// mend looks after the path of one connection to the host until that ends.
func (r *Room) mend(ctx context.Context, ctl *controlConn, parent peer.ID) {
	t := time.NewTicker(mendEvery)
	defer t.Stop()
	last := time.Now()
	r.voice.newPath(last)
	for {
		select {
		case <-ctx.Done():
			return
		case <-ctl.done:
			return
		case <-t.C:
		}
		now := time.Now()
		do, ping := r.voice.lookAtPath(now)
		if now.Round(0).Sub(last.Round(0))-now.Sub(last) > sleptFor {
			r.n.counts.Add("path_woken")
			do = newConnection
		}
		last = now
		if ping {
			ctl.Send(relay.Ping{T0: now.UnixMicro()})
		}
		switch do {
		case newStream:
			r.n.counts.Add("path_new_stream")
			r.wg.Go(func() { r.newStream(ctx, ctl, parent) })
		case newConnection:
			r.n.counts.Add("path_new_connection")
			r.n.cut(parent, r)
			ctl.Close()
			return
		}
	}
}

// newStream replaces the stream that should bring the sound, and what was known of it: the host begins anew with it.
func (r *Room) newStream(ctx context.Context, ctl *controlConn, parent peer.ID) {
	soon, cancel := context.WithTimeout(ctx, streamWithin)
	defer cancel()
	link, err := r.openMedia(soon, parent)
	if err != nil {
		return // the mender's next step does without
	}
	r.voice.forgetProgram()
	r.media.do(func(t *relay.Tree, _ time.Time) { t.Reset(relay.Program) })
	r.feed(ctx, ctl, parent, link)
}

// openMedia opens a stream for the sound.
func (r *Room) openMedia(ctx context.Context, parent peer.ID) (relay.Link, error) {
	s, err := r.n.host.NewStream(ctx, parent, protoMedia)
	if err != nil {
		return nil, err
	}
	if at, ok := ctx.Deadline(); ok {
		_ = s.SetWriteDeadline(at)
	}
	if _, err := s.Write(appendMessage(nil, r.id[:])); err != nil {
		s.Reset()
		return nil, err
	}
	_ = s.SetWriteDeadline(time.Time{})
	return r.n.newLink(s, nil, true), nil
}

// feed takes the sound from link from now on, until ctx ends. When link ends before, so does the connection, unless another
// link has taken its place.
func (r *Room) feed(ctx context.Context, ctl *controlConn, parent peer.ID, link relay.Link) {
	r.mu.Lock()
	current := r.guest.ctl == ctl
	if current {
		r.guest.link = link
	}
	r.mu.Unlock()
	if !current {
		link.Close()
		return
	}
	p := relay.Peer(parent)
	r.media.setLink(p, link)
	r.media.do(func(t *relay.Tree, now time.Time) { t.SetParent(p, now) })
	stop := context.AfterFunc(ctx, func() { link.Close() })
	r.wg.Go(func() {
		defer stop()
		_ = r.media.carry(p, link)
		r.mu.Lock()
		replaced := r.guest.link != link
		r.mu.Unlock()
		if replaced {
			return
		}
		// A host that parts ends both streams: its last word may still be on the way.
		select {
		case <-ctl.over:
		case <-time.After(partTimeout):
		}
		ctl.Close()
	})
}

// newPath is called when a connection to the host begins.
func (v *voice) newPath(now time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.came, v.ponged = false, false
	v.mender.begin(now)
}

// lookAtPath says what is to be done about the path from the host.
func (v *voice) lookAtPath(now time.Time) (do repair, ping bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	s := signs{sound: v.came, pong: v.ponged, rtt: v.rtt}
	v.came, v.ponged = false, false
	if v.onStage() {
		s.hoped = v.stage.hopes()
	} else {
		s.due = v.route.program != 0
	}
	return v.mender.look(now, s)
}

// forgetProgram begins the program anew, with whatever number it has.
func (v *voice) forgetProgram() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.program.reset(v)
}

// hopes reports whether somebody should be heard: they publish, may speak, are there, and were heard before.
func (s *stage) hopes() bool {
	for _, in := range s.in {
		if in != nil && !in.muted && !in.forged && !in.away && !in.arrived.IsZero() {
			return true
		}
	}
	return false
}
