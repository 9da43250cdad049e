package node

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"

	"salon/relay"
)

// Two salons whose rooms are of different versions cannot be in one: each would hear noise of the other, or nothing. They find out
// before anything else, and say so.

// controlName begins the name of protoControl, before its version.
const controlName = "/salon/room/"

// controlBefore are the versions before ours: who speaks one of them is told why it is refused. Such a salon knows no code for that;
// "identity" ends its attempts, and it shows the text.
var controlBefore = []protocol.ID{controlName + "2", controlName + "3"}

// serveOld is the handler of the control streams of versions before ours.
func (n *Node) serveOld(s network.Stream) {
	n.counts.Add("join_old_version")
	ctl := newControlConn(s, nil)
	ctl.Finish(relay.Refuse{Code: "identity", Text: "The salon at the other end is newer than yours, and the two do not understand each other. Update yours."})
	ctl.Close()
}

// roomVersion is the version of rooms that a control protocol is of; 0 if it is none.
func roomVersion(p protocol.ID) int {
	rest, is := strings.CutPrefix(string(p), controlName)
	v, err := strconv.Atoi(rest)
	if !is || err != nil || v < 1 {
		return 0
	}
	return v
}

// newControlStream opens a control stream to a node that we are connected to. If that one's rooms are of another version the
// error is an *errVersion, which says so.
func (n *Node) newControlStream(ctx context.Context, to peer.ID) (network.Stream, error) {
	s, err := n.host.NewStream(ctx, to, protoControl)
	if err == nil {
		return s, nil
	}
	known, _ := n.host.Peerstore().GetProtocols(to) // what it told when we connected
	return nil, otherVersion(known, err)
}

// An errVersion is that two salons do not understand each other, in words for a person.
type errVersion struct{ text string }

func (e *errVersion) Error() string { return e.text }

// otherVersion is what is to be said of a node that takes these protocols, if its rooms are of another version than ours; else err.
func otherVersion(known []protocol.ID, err error) error {
	theirs, ours := 0, roomVersion(protoControl)
	for _, p := range known {
		v := roomVersion(p)
		if v == ours {
			return err
		}
		theirs = max(theirs, v)
	}
	which, who := "older", "It has to be updated."
	switch {
	case theirs == 0:
		return err
	case theirs > ours:
		which, who = "newer", "Update yours."
	}
	return &errVersion{fmt.Sprintf("The salon at the other end is %s than yours, and the two do not understand each other. %s", which, who)}
}
