package node

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/multiformats/go-multiaddr"

	"salon/relay"
	"salon/room"
)

// A connection on which the host never answers is closed, so that the next attempt dials anew: QUIC would keep one to a
// network that is gone for half a minute.
func TestSilentConnectionIsCut(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for a join's time-out")
	}
	deaf := loopHost(t, 7, "/ip4/127.0.0.1/udp/0/quic-v1")
	joins := make(chan struct{}, 8)
	deaf.SetStreamHandler(protoControl, func(network.Stream) { joins <- struct{}{} })
	deaf.SetStreamHandler(protoMedia, func(network.Stream) {})
	closed := make(chan struct{}, 8)
	deaf.Network().Notify(&network.NotifyBundle{DisconnectedF: func(network.Network, network.Conn) { closed <- struct{}{} }})

	ana, bo := startNode(t, "Ana", nil), startNode(t, "Bo", nil)
	hosted, err := ana.StartRoom(Start{Title: "Deaf", Language: "en"})
	if err != nil {
		t.Fatal(err)
	}
	link, err := room.ParseLink(hosted.View().Link)
	if err != nil {
		t.Fatal(err)
	}
	if link.Device, err = deviceOf(deaf.ID()); err != nil {
		t.Fatal(err)
	}
	link.Addrs = nil
	for _, a := range deaf.Addrs() {
		link.Addrs = append(link.Addrs, a.Bytes())
	}
	joined, err := bo.Join(context.Background(), link.String())
	if err != nil || joined.Phase() != Connecting {
		t.Fatalf("join: %v, %s", err, joined.Phase())
	}
	for _, what := range []chan struct{}{joins, closed, joins} {
		select {
		case <-what:
		case <-time.After(20 * time.Second):
			t.Fatalf("counts %v", bo.Counts())
		}
	}
	if bo.Counts()["connection_cut"] == 0 {
		t.Errorf("counts %v", bo.Counts())
	}
}

// Where everybody who is asked names somebody else, as in the moment in which a relay comes or goes, that is no end: there may be
// a place in a moment.
func TestRedirectsInCirclesAreNoEnd(t *testing.T) {
	const circles = 12
	ana, bo := startNode(t, "Ana", nil), startNode(t, "Bo", nil)
	hosted, err := ana.StartRoom(Start{Title: "Round and round", Language: "en"})
	if err != nil {
		t.Fatal(err)
	}
	var asked atomic.Int32
	ana.host.SetStreamHandler(protoControl, func(s network.Stream) {
		if asked.Add(1) > circles {
			ana.serve(s, ana.serveControl)
			return
		}
		ctl := newControlConn(s, nil)
		if _, err := ctl.Receive(); err == nil {
			ctl.Finish(relay.Redirect{To: []relay.Entry{entryOf(*host.InfoFromHost(ana.host))}})
		}
		ctl.Close()
	})
	joined, err := bo.Join(t.Context(), hosted.View().Link)
	if err != nil {
		t.Fatal(err)
	}
	awaitChange(t, bo, "an answer at the door", func() bool { return joined.Phase() != Connecting })
	if p := joined.Phase(); p != Live || asked.Load() <= circles {
		t.Errorf("asked %d times: %s, %q", asked.Load(), p, joined.View().Reason)
	}
}

// A host that announces other addresses than before is dialled there, and the link to share has them.
func TestHostThatMovedIsFound(t *testing.T) {
	ana := startNode(t, "Ana", nil)
	bo := startNode(t, "Bo", func(o *Options) { o.Peers = []string{ana.Status().Addrs[0]} })
	hosted, err := ana.StartRoom(Start{Title: "Moving", Language: "en"})
	if err != nil {
		t.Fatal(err)
	}
	awaitChange(t, bo, "the room to be found", func() bool { return len(bo.Directory()) == 1 })
	joined, err := bo.Join(context.Background(), hosted.View().Link)
	if err != nil || joined.Phase() != Live {
		t.Fatalf("join: %v", err)
	}
	moved := multiaddr.StringCast("/ip4/192.0.2.7/udp/4773/quic-v1")
	bo.dir.mu.Lock()
	l := bo.dir.rooms[joined.id]
	l.ann.Entries = [][]byte{moved.Bytes()}
	bo.dir.rooms[joined.id] = l
	bo.dir.mu.Unlock()
	joined.findParent()
	if !multiaddr.Contains(joined.guest.host.Addrs, moved) {
		t.Errorf("dials %v", joined.guest.host.Addrs)
	}
	if link, err := room.ParseLink(joined.View().Link); err != nil || len(link.Addrs) != 1 || string(link.Addrs[0]) != string(moved.Bytes()) {
		t.Errorf("the link to share has %v, %v", link.Addrs, err)
	}
}

// What a host says is shown to a person and printed on a terminal.
func TestStrangersTextIsFitToBeShown(t *testing.T) {
	for _, s := range []string{"\x1b[2J\x1b[31mred", "", strings.Repeat("long ", 100), "a\x00b", "\u202etxt.exe"} {
		err := refusal(relay.Refuse{Code: "full", Text: s})
		if got := err.Error(); strings.ContainsAny(got, "\x1b\x00\u202e") || len(got) > 200 || got == "" {
			t.Errorf("%q is shown as %q", s, got)
		}
	}
	if got := refusal(relay.Refuse{Code: "full", Text: "This room is full."}).Error(); got != "This room is full." {
		t.Errorf("shown as %q", got)
	}
}

// Rooms that are over do not use up the places of rooms to come.
func TestRoomsThatAreOverGiveWay(t *testing.T) {
	ana := startNode(t, "Ana", func(o *Options) { o.Hidden = true })
	for i := range 2 * maxRooms {
		r, err := ana.StartRoom(Start{Title: "Once more", Language: "en"})
		if err != nil {
			t.Fatalf("room %d: %v", i, err)
		}
		if err := r.Do(t.Context(), Action{Kind: "end"}); err != nil {
			t.Fatal(err)
		}
	}
}
