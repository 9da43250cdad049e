package node

import (
	"bufio"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"salon/ledger/doc"
	"salon/room"
)

// twoHosts are connected: the first serves f, the second asks.
func twoHosts(t *testing.T, f func(network.Stream)) (serves, asks host.Host) {
	t.Helper()
	const listen = "/ip4/127.0.0.1/udp/0/quic-v1"
	serves, asks = loopHost(t, 1, listen), loopHost(t, 2, listen)
	serves.SetStreamHandler(protoDirectory, f)
	meet(t, asks, serves)
	return serves, asks
}

func TestLateJoinerIsToldWhatItLacks(t *testing.T) {
	beside(t)
	now := time.Now()
	here, counts := newDirectory(), newCounters()
	x, y := twoHosts(t, func(s network.Stream) { serveDirectory(s, here, counts) })
	const rooms = 300 // more than a request can name
	for n := range uint32(rooms) {
		change := func(a *room.Announcement) { a.Ended = n == 7 }
		if _, err := here.Take(somebody, announced(t, testIdentity(t, n), 1, 5, now, change), now); err != nil {
			t.Fatal(err)
		}
	}
	mine := newDirectory()
	sync := func(want int) {
		t.Helper()
		n, err := syncDirectory(context.Background(), y, x.ID(), mine, func(from peer.ID, raw []byte) error { _, err := mine.Take(from, raw, now); return err })
		if err != nil || n != want {
			t.Fatalf("%d taken, want %d: %v; counts %v", n, want, err, counts.Snapshot())
		}
	}
	sync(rooms)
	if got := len(mine.Live(now)); got != rooms-1 {
		t.Errorf("%d live rooms, want %d: the ended one is known and not listed", got, rooms-1)
	}
	sync(0)
	if _, err := here.Take(somebody, announced(t, testIdentity(t, 3), 1, 6, now, nil), now); err != nil {
		t.Fatal(err)
	}
	sync(1)
}

// What a peer answers is bounded in number, and its first lie ends it.
func TestDirectoryAnswerIsNotTrusted(t *testing.T) {
	now := time.Now()
	good := announced(t, testIdentity(t, 1), 1, 5, now, nil)
	forged := announced(t, testIdentity(t, 1), 2, 5, now, nil)
	forged[len(forged)-1] ^= 1
	stale := announced(t, testIdentity(t, 1), 3, 5, now.Add(-time.Hour), nil)
	for _, c := range []struct {
		name   string
		answer [][]byte
		repeat int
		taken  int
		err    error
	}{
		{"one room", [][]byte{good}, 1, 1, nil},
		{"nothing", nil, 1, 0, nil},
		{"one again and again", [][]byte{good}, 3 * syncRooms, 1, nil},
		{"late ones are no crime", [][]byte{stale, good}, 1, 1, nil},
		{"a forged one ends it", [][]byte{good, forged, announced(t, testIdentity(t, 2), 1, 5, now, nil)}, 1, 1, doc.ErrSignature},
		{"one that is too long ends it", [][]byte{good, make([]byte, room.MaxAnnouncement+1), good}, 1, 1, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			x, y := twoHosts(t, func(s network.Stream) {
				defer s.Close()
				// Who closes before it has heard what is asked lets nobody ask.
				if _, err := readMessage(bufio.NewReader(s), nil, maxControl); err != nil {
					return
				}
				for range c.repeat {
					for _, a := range c.answer {
						if _, err := s.Write(appendMessage(nil, a)); err != nil {
							return
						}
					}
				}
			})
			d := newDirectory()
			asked := 0
			n, err := syncDirectory(context.Background(), y, x.ID(), d, func(from peer.ID, raw []byte) error {
				asked++
				_, err := d.Take(from, raw, now)
				return err
			})
			if n != c.taken || !errors.Is(err, c.err) || asked > syncRooms {
				t.Errorf("%d taken of %d looked at, %v; want %d, %v", n, asked, err, c.taken, c.err)
			}
		})
	}
}

func TestDirectoryRequestIsNotTrusted(t *testing.T) {
	counts := newCounters()
	served := make(chan struct{}, 8)
	x, y := twoHosts(t, func(s network.Stream) {
		serveDirectory(s, newDirectory(), counts)
		served <- struct{}{}
	})
	for name, c := range map[string]struct {
		wire  []byte
		count string
	}{
		"too long":       {appendMessage(nil, make([]byte, maxControl+1)), "directory_request_unreadable"},
		"cut off":        {appendMessage(nil, make([]byte, 100))[:50], "directory_request_unreadable"},
		"garbage":        {appendMessage(nil, []byte{0xff, 1, 2, 3}), "directory_request_malformed"},
		"many versions":  {appendMessage(nil, manyVersions(t, 1025)), "directory_request_malformed"},
		"another format": {appendMessage(nil, []byte{0xa1, 0x09, 0x00}), "directory_request_malformed"},
	} {
		before := counts.Snapshot()[c.count]
		s, err := y.NewStream(context.Background(), x.ID(), protoDirectory)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = s.Write(c.wire) // it may be refused before all of it is written
		_ = s.CloseWrite()
		<-served
		if got := counts.Snapshot()[c.count]; got != before+1 {
			t.Errorf("%s: counts %v, want one more %s", name, counts.Snapshot(), c.count)
		}
		s.Reset()
	}
}

// manyVersions is a request that names n rooms; doc writes no array of so many, so the head is by hand.
func manyVersions(t *testing.T, n int) []byte {
	t.Helper()
	b := []byte{0xa1, 0x01, 0x99, byte(n >> 8), byte(n)}
	for range n {
		one, err := doc.Marshal(dirVersion{Version: 1})
		if err != nil {
			t.Fatal(err)
		}
		b = append(b, one...)
	}
	return b
}
