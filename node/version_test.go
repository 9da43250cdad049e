package node

import (
	"errors"
	"strings"
	"testing"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/protocol"

	"salon/relay"
	"salon/room"
)

func TestOtherVersion(t *testing.T) {
	sorry := errors.New("sorry")
	for name, c := range map[string]struct {
		known []protocol.ID
		want  string // part of the text, "" for the error as it was
	}{
		"ours":                      {[]protocol.ID{"/salon/room/3", protoControl, "/salon/room/9"}, ""},
		"an older one":              {[]protocol.ID{"/ipfs/id/1.0.0", "/salon/room/1", "/salon/room/3"}, "is older than yours"},
		"a newer one":               {[]protocol.ID{"/salon/room/3", "/salon/room/17"}, "is newer than yours"},
		"no salon":                  {[]protocol.ID{"/ipfs/id/1.0.0", "/salon/room/x", "/salon/room/-1", "/salon/room/", "/salon/media/9"}, ""},
		"one that has told nothing": {nil, ""},
	} {
		err := otherVersion(c.known, sorry)
		var other *errVersion
		if is := errors.As(err, &other); is != (c.want != "") || !is && err != sorry || is && !strings.Contains(other.text, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, p := range controlBefore {
		if v := roomVersion(p); v == 0 || v >= roomVersion(protoControl) {
			t.Errorf("%s is not before ours", p)
		}
	}
}

// Somebody whose salon is older is refused in a way that it understands: with a code that ends its attempts, and words.
func TestOldSalonIsRefused(t *testing.T) {
	ana := startNode(t, "Ana", nil)
	hosted, err := ana.StartRoom(Start{Title: "New", Language: "en"})
	if err != nil {
		t.Fatal(err)
	}
	old := loopHost(t, 7, "/ip4/127.0.0.1/udp/0/quic-v1")
	meet(t, old, ana.host)
	for _, proto := range controlBefore {
		s, err := old.NewStream(t.Context(), ana.host.ID(), proto)
		if err != nil {
			t.Fatal(err)
		}
		ctl := newControlConn(s, nil)
		ctl.Send(relay.Join{Version: 3, Room: hosted.id, Name: "Old"})
		m, err := ctl.Receive()
		if r, is := m.(relay.Refuse); err != nil || !is || r.Code != "identity" || !strings.Contains(r.Text, "newer than yours") {
			t.Errorf("%s: %+v, %v", proto, m, err)
		}
		ctl.Close()
	}
	if n := ana.Counts()["join_old_version"]; n != uint64(len(controlBefore)) {
		t.Errorf("%d were counted", n)
	}
}

// A room of another version's is not entered, and one is told why.
func TestRoomOfAnotherVersion(t *testing.T) {
	bo := startNode(t, "Bo", nil)
	for i, c := range []struct {
		which string
		proto protocol.ID
	}{{"older", "/salon/room/3"}, {"newer", "/salon/room/5"}} {
		t.Run(c.which, func(t *testing.T) {
			host := loopHost(t, byte(7+i), "/ip4/127.0.0.1/udp/0/quic-v1")
			host.SetStreamHandler(c.proto, func(s network.Stream) { s.Reset() })
			device, err := deviceOf(host.ID())
			if err != nil {
				t.Fatal(err)
			}
			link := room.Link{Room: room.ID{byte(1 + i)}, Host: person(t, 7), Device: device}
			for _, m := range host.Addrs() {
				link.Addrs = append(link.Addrs, m.Bytes())
			}
			want := "is " + c.which + " than yours"
			if _, err := bo.Preview(t.Context(), link.String()); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("looked: %v", err)
			}
			joined, err := bo.Join(t.Context(), link.String())
			if err != nil {
				t.Fatal(err)
			}
			awaitChange(t, bo, "the refusal", func() bool { return joined.Phase() == Failed })
			if v := joined.View(); !strings.Contains(v.Reason, want) {
				t.Errorf("refused with %q", v.Reason)
			}
		})
	}
}
