package room

import (
	"encoding/base64"
	"fmt"
	"strings"

	"salon/ledger/doc"
)

// A Link is what people pass on to bring others into a room: whom to dial and where. It is not signed; the
// connection proves Device, and the charter proves Host.
type Link struct {
	Room   ID
	Host   Person
	Device Device   // the host's device: the libp2p peer
	Addrs  [][]byte // multiaddr bytes, the best first, at most MaxLinkAddrs
	Secret [32]byte // of the invitation to a closed room: whoever has the link may come in; zero for none
}

// MaxLinkAddrs bounds the addresses in a link; a QR code of all of them can still be read from a screen.
const MaxLinkAddrs = 8

const (
	linkScheme = "salon:"
	maxLink    = 2048 // characters
)

// linkBase64 needs no quoting in a shell, a URL or a message.
var linkBase64 = base64.RawURLEncoding.Strict()

// String returns the link as one word. Addresses beyond MaxLinkAddrs are left out, and so are those too long to
// be taken back by ParseLink.
func (l Link) String() string {
	w := linkWire(l)
	w.Addrs = nil
	for _, a := range l.Addrs {
		if len(w.Addrs) < MaxLinkAddrs && len(a) > 0 && len(a) <= maxEntry {
			w.Addrs = append(w.Addrs, a)
		}
	}
	b, err := doc.Marshal(w)
	if err != nil {
		panic(err) // byte strings always encode
	}
	return linkScheme + linkBase64.EncodeToString(append([]byte{l.version()}, b...))
}

func (l Link) version() byte {
	if l.Secret != [32]byte{} {
		return linkInvites
	}
	return linkVersion
}

// ParseLink reads what String wrote, with space around it that copying may have added.
func ParseLink(s string) (Link, error) {
	s = strings.TrimSpace(s)
	if len(s) > maxLink {
		return Link{}, fmt.Errorf("%w: %d characters", ErrLink, len(s))
	}
	word, ok := strings.CutPrefix(s, linkScheme)
	if !ok {
		return Link{}, fmt.Errorf("%w: it starts with %q", ErrLink, linkScheme)
	}
	// The decoder would skip line ends within; then two links that look different would be the same.
	if strings.ContainsAny(word, "\r\n") {
		return Link{}, fmt.Errorf("%w: it is broken over lines", ErrLink)
	}
	b, err := linkBase64.DecodeString(word)
	if err != nil || len(b) == 0 {
		return Link{}, fmt.Errorf("%w: it is damaged or cut off", ErrLink)
	}
	if b[0] != linkVersion && b[0] != linkInvites {
		return Link{}, fmt.Errorf("%w: version %d; a newer salon may know it", ErrLink, b[0])
	}
	var w linkWire
	if err := doc.Unmarshal(b[1:], &w); err != nil {
		return Link{}, fmt.Errorf("%w: it is damaged or cut off: %w", ErrLink, err)
	}
	l := Link(w)
	if b[0] != l.version() {
		return Link{}, fmt.Errorf("%w: it is damaged", ErrLink)
	}
	if l.Host.IsZero() || l.Device.IsZero() {
		return Link{}, fmt.Errorf("%w: it names no host", ErrLink)
	}
	if err := checkEntries(l.Addrs, MaxLinkAddrs); err != nil {
		return Link{}, fmt.Errorf("%w: %w", ErrLink, err)
	}
	return l, nil
}
