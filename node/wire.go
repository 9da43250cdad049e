package node

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"

	"salon/relay"
)

// The framing of every stream of ours: an unsigned varint length, then that many bytes.

// Protocols are versioned by their last part; a change of format changes it.
const (
	protoDirectory = "/salon/directory/1" // one request, one answer
	protoControl   = "/salon/room/3"      // control messages of relay/control.go
	protoMedia     = "/salon/media/1"     // room ID, then packets of relay/packet.go
	protoLane      = "/salon/lane/1"      // likewise, to who leads the room next
)

const (
	maxControl   = relay.MaxControl
	maxMedia     = 16 << 10
	maxDirectory = 1 << 20
)

var errTooLong = errors.New("node: message longer than the protocol allows")

func appendMessage(b, msg []byte) []byte {
	return append(binary.AppendUvarint(b, uint64(len(msg))), msg...)
}

// readMessage reads one message of at most max bytes into buf, growing it only as far as bytes arrive: a peer that
// announces much and sends little costs little.
func readMessage(r *bufio.Reader, buf []byte, max int) ([]byte, error) {
	n, err := binary.ReadUvarint(r)
	if err != nil {
		return nil, err
	}
	if n > uint64(max) {
		return nil, errTooLong
	}
	buf = buf[:0]
	for len(buf) < int(n) {
		step := min(int(n)-len(buf), 16<<10)
		buf = append(buf, make([]byte, step)...)
		if _, err := io.ReadFull(r, buf[len(buf)-step:]); err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
	return buf, nil
}
