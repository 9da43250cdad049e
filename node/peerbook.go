package node

import (
	"encoding/json"
	"errors"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"
)

const (
	bookSize     = 64  // peers remembered
	bookAddrs    = 8   // addresses of each
	bookAddrSize = 128 // bytes of one
	bookMaxBytes = 256 << 10
)

// A peerBook remembers nodes we met, so that a second start needs nobody to introduce it.
type peerBook struct {
	path string

	mu    sync.Mutex // guards the fields below
	peers []bookEntry
	dirty bool
}

type bookEntry struct {
	ID    peer.ID   `json:"id"`
	Addrs []string  `json:"addrs"`
	Seen  time.Time `json:"seen"`
}

// openPeerBook reads the book; a damaged one starts empty, for it holds nothing that cannot be met again.
func openPeerBook(path string) (*peerBook, error) {
	b := &peerBook{path: path}
	raw, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return b, nil
	}
	if err != nil {
		return nil, err
	}
	if len(raw) > bookMaxBytes || json.Unmarshal(raw, &b.peers) != nil {
		b.peers = nil
	}
	b.peers = slices.DeleteFunc(b.peers, func(e bookEntry) bool { return e.ID.Validate() != nil })
	b.peers = b.peers[:min(len(b.peers), bookSize)]
	return b, nil
}

// Met notes that a peer could be reached at addrs.
func (b *peerBook) Met(id peer.ID, addrs []multiaddr.Multiaddr, now time.Time) {
	e := bookEntry{ID: id, Seen: now.UTC()}
	for _, a := range addrs {
		// A peer says of itself where it listens: what is too long would make the book too large to be read.
		if len(e.Addrs) < bookAddrs && len(a.Bytes()) <= bookAddrSize {
			e.Addrs = append(e.Addrs, a.String())
		}
	}
	if len(e.Addrs) == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.peers = slices.DeleteFunc(b.peers, func(o bookEntry) bool { return o.ID == id })
	b.peers = slices.Insert(b.peers, 0, e)
	b.peers = b.peers[:min(len(b.peers), bookSize)]
	b.dirty = true
}

// Recent lists up to n peers, last met first.
func (b *peerBook) Recent(n int) []peer.AddrInfo {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []peer.AddrInfo
	for _, e := range b.peers[:min(len(b.peers), n)] {
		p := peer.AddrInfo{ID: e.ID}
		for _, s := range e.Addrs {
			if a, err := multiaddr.NewMultiaddr(s); err == nil {
				p.Addrs = append(p.Addrs, a)
			}
		}
		if p.ID.Validate() == nil && len(p.Addrs) > 0 {
			out = append(out, p)
		}
	}
	return out
}

// Save writes the book if it changed.
func (b *peerBook) Save() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.dirty {
		return nil
	}
	raw, err := json.MarshalIndent(b.peers, "", " ")
	if err != nil {
		return err
	}
	if err := writeFile(b.path, append(raw, '\n')); err != nil {
		return err
	}
	b.dirty = false
	return nil
}
