package node

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"
)

func testPeer(t testing.TB, n uint32) peer.ID {
	t.Helper()
	id, err := peerOf(testIdentity(t, n).Author().Device)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func addrs(t testing.TB, list ...string) (out []multiaddr.Multiaddr) {
	t.Helper()
	for _, s := range list {
		m, err := multiaddr.NewMultiaddr(s)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, m)
	}
	return out
}

func openBook(t *testing.T, path string) *peerBook {
	t.Helper()
	b, err := openPeerBook(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestPeerBookOutlivesTheNode(t *testing.T) {
	path := filepath.Join(t.TempDir(), "peers.json")
	b := openBook(t, path)
	if err := b.Save(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("an empty book was written")
	}
	b.Met(testPeer(t, 1), addrs(t, "/ip4/127.0.0.1/udp/4773/quic-v1", "/ip4/127.0.0.1/tcp/4773"), noon)
	b.Met(testPeer(t, 2), addrs(t, "/ip4/127.0.0.2/tcp/4773"), noon)
	b.Met(testPeer(t, 3), nil, noon) // nowhere to be found
	b.Met(testPeer(t, 1), addrs(t, "/ip4/127.0.0.3/tcp/4773"), noon)
	if err := b.Save(); err != nil {
		t.Fatal(err)
	}
	if s, err := os.Stat(path); err != nil || s.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", s.Mode(), err)
	}
	got := openBook(t, path).Recent(10)
	if len(got) != 2 || got[0].ID != testPeer(t, 1) || got[1].ID != testPeer(t, 2) {
		t.Fatalf("%v", got)
	}
	if len(got[0].Addrs) != 1 || got[0].Addrs[0].String() != "/ip4/127.0.0.3/tcp/4773" {
		t.Errorf("addresses %v", got[0].Addrs)
	}
	if got := openBook(t, path).Recent(1); len(got) != 1 || got[0].ID != testPeer(t, 1) {
		t.Errorf("Recent(1) = %v", got)
	}
}

func TestPeerBookThatIsDamagedStartsAnew(t *testing.T) {
	good, err := json.Marshal([]bookEntry{{ID: testPeer(t, 1), Addrs: []string{"/ip4/127.0.0.1/tcp/1"}, Seen: noon}})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		file string
		want int
	}{
		"empty":              {"", 0},
		"cut off":            {string(good[:len(good)/2]), 0},
		"not JSON":           {"\x00\x01", 0},
		"another shape":      {`{"peers":[]}`, 0},
		"nothing":            {"null", 0},
		"no peer":            {`[null,{}]`, 0},
		"a bad ID":           {strings.Replace(string(good), "12D3Koo", "21E4Lpp", 1), 0},
		"a bad address":      {strings.Replace(string(good), "/ip4/", "/ip5/", 1), 0},
		"good":               {string(good), 1},
		"larger than a book": {"[" + strings.Repeat(" ", bookMaxBytes) + string(good[1:]), 0},
		"too many":           {"[" + strings.Repeat(string(good[1:len(good)-1])+",", 2*bookSize) + string(good[1:]), bookSize},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "peers.json")
			if err := os.WriteFile(path, []byte(c.file), 0o600); err != nil {
				t.Fatal(err)
			}
			b := openBook(t, path)
			if got := b.Recent(10 * bookSize); len(got) != c.want {
				t.Errorf("%d peers, want %d", len(got), c.want)
			}
			b.Met(testPeer(t, 9), addrs(t, "/ip4/127.0.0.1/tcp/9"), noon)
			if err := b.Save(); err != nil {
				t.Fatal(err)
			}
			if got := openBook(t, path).Recent(1); len(got) != 1 || got[0].ID != testPeer(t, 9) {
				t.Errorf("after the next meeting: %v", got)
			}
		})
	}
}

// However many peers there are and however long the addresses that they claim, the book stays small enough to be read.
func TestPeerBookIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "peers.json")
	b := openBook(t, path)
	var claim []string
	for i := range 3 * bookAddrs {
		claim = append(claim, fmt.Sprintf("/dns4/%s.example/tcp/%d", strings.Repeat("x", 5000), i+1))
	}
	claim = append(claim, "/ip4/127.0.0.1/tcp/4773")
	const n = 2 * bookSize
	for i := range uint32(n) {
		b.Met(testPeer(t, i), addrs(t, claim...), noon)
	}
	if err := b.Save(); err != nil {
		t.Fatal(err)
	}
	got := openBook(t, path).Recent(n)
	if len(got) != bookSize || got[0].ID != testPeer(t, n-1) {
		t.Fatalf("%d peers", len(got))
	}
	for _, p := range got {
		if len(p.Addrs) != 1 {
			t.Fatalf("%d addresses", len(p.Addrs))
		}
	}
}
