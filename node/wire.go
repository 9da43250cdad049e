package node

import (
	"bufio"

	"salon/node/framed"
	"salon/relay"
)

// Protocols are versioned by their last part; a change of format changes it.
const (
	protoDirectory = "/salon/directory/1" // one request, one answer
	protoControl   = controlName + "4"    // control messages of relay/control.go, and the room's documents and frames
	protoMedia     = "/salon/media/1"     // room ID, then packets of relay/packet.go
	protoLane      = "/salon/lane/1"      // likewise, to who leads the room next
)

const (
	maxControl   = relay.MaxControl
	maxMedia     = 16 << 10
	maxDirectory = 1 << 20
)

var errTooLong = framed.ErrTooLong

func appendMessage(b, msg []byte) []byte { return framed.Append(b, msg) }

func readMessage(r *bufio.Reader, buf []byte, max int) ([]byte, error) {
	return framed.Read(r, buf, max)
}
