package node

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"salon/ledger/doc"
	"salon/room"
)

const (
	syncRooms   = 1000
	syncTimeout = 5 * time.Second
)

type dirRequest struct {
	Have []dirVersion `cbor:"1,keyasint"` // at most 256; who knows more rooms asks without the others
}

type dirVersion struct {
	_       struct{} `cbor:",toarray"`
	Room    room.ID
	Version uint64
}

// syncDirectory asks a peer for the rooms we do not know, so that a late joiner need not wait for the next
// announcement. It returns how many were taken.
func syncDirectory(ctx context.Context, h host.Host, p peer.ID, d *directory, take func(from peer.ID, raw []byte) error) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, syncTimeout)
	defer cancel()
	s, err := h.NewStream(ctx, p, protoDirectory)
	if err != nil {
		return 0, err
	}
	defer s.Close()
	if err := s.SetDeadline(time.Now().Add(syncTimeout)); err != nil {
		return 0, err
	}
	var req dirRequest
	for id, v := range d.versions() {
		if len(req.Have) == 256 {
			break
		}
		req.Have = append(req.Have, dirVersion{Room: id, Version: v})
	}
	raw, err := doc.Marshal(req)
	if err != nil {
		return 0, err
	}
	if _, err := s.Write(appendMessage(nil, raw)); err != nil {
		s.Reset()
		return 0, fmt.Errorf("ask for the directory: %w", err)
	}
	_ = s.CloseWrite() // fails where the peer has answered and closed by now: the answer is here all the same
	r := bufio.NewReader(s)
	taken := 0
	for range syncRooms {
		msg, err := readMessage(r, nil, room.MaxAnnouncement)
		if err != nil {
			return taken, nil // the answer ends where the stream does
		}
		if err := take(p, msg); err == nil {
			taken++
		} else if isHostile(err) {
			s.Reset()
			return taken, err
		}
	}
	return taken, nil
}

// serveDirectory answers one request and ends.
func serveDirectory(s network.Stream, d *directory, counts *counters) {
	defer s.Close()
	if err := s.SetDeadline(time.Now().Add(syncTimeout)); err != nil {
		s.Reset()
		return
	}
	raw, err := readMessage(bufio.NewReader(s), nil, maxControl)
	if err != nil {
		counts.Add("directory_request_unreadable")
		s.Reset()
		return
	}
	var req dirRequest
	if err := doc.Unmarshal(raw, &req); err != nil {
		counts.Add("directory_request_malformed")
		s.Reset()
		return
	}
	have := make(map[room.ID]uint64, len(req.Have))
	for _, v := range req.Have {
		have[v.Room] = v.Version
	}
	w := bufio.NewWriterSize(s, 16<<10)
	for _, a := range d.Missing(have, syncRooms, time.Now()) {
		if _, err := w.Write(appendMessage(nil, a)); err != nil {
			s.Reset()
			return
		}
	}
	if err := w.Flush(); err != nil {
		s.Reset()
	}
}

// isHostile tells an announcement that only a liar or a broken node sends from one that came late.
func isHostile(err error) bool {
	return err != nil && !errors.Is(err, errOld) && !errors.Is(err, errCrowded) && !errors.Is(err, errFlood) && !errors.Is(err, errUnnamed) && !errors.Is(err, room.ErrStale) && !errors.Is(err, room.ErrFuture)
}
