// Package framed is the framing of every stream of ours: an unsigned varint length, then that many bytes.
package framed

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
)

// ErrTooLong means a message longer than the protocol allows.
var ErrTooLong = errors.New("node: message longer than the protocol allows")

// Append appends a message with its length.
func Append(b, msg []byte) []byte {
	return append(binary.AppendUvarint(b, uint64(len(msg))), msg...)
}

// Read reads one message of at most max bytes into buf, growing it only as far as bytes arrive: a peer that announces
// much and sends little costs little.
func Read(r *bufio.Reader, buf []byte, max int) ([]byte, error) {
	n, err := binary.ReadUvarint(r)
	if err != nil {
		return nil, err
	}
	if n > uint64(max) {
		return nil, ErrTooLong
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
