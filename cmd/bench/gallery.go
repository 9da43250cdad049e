package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"salon/node/load"
	"salon/node/rtc"
	"salon/node/web/guest"
	"salon/relay"
)

// The arguments with which part guests starts this program as what plays to browsers, and as the browsers.
const (
	asGallery  = "gallery"
	asBrowsers = "browsers"
)

const (
	guestOpus = 100 // bytes of 20 ms at 40 kbit/s
	// A bare datagram is as long as a guest's: RTP's header, Opus, and SRTP's tag.
	bareGuest = 12 + guestOpus + 16
)

// A galleryOrder says which way to play, and then how long.
type galleryOrder struct {
	Pion bool // by pion's tracks, as its users do, rather than by node/rtc
	Run  time.Duration
}

// A gallery plays one stream to all who come by WHEP.
type gallery struct {
	play func(number uint64, opus []byte)
	sent func() uint64
	mu   sync.Mutex // guards who plays
}

// runGallery carries out orders until there are none to come.
func runGallery(in io.Reader, out io.Writer) error {
	orders, say := json.NewDecoder(in), json.NewEncoder(out)
	var o galleryOrder
	if err := orders.Decode(&o); err != nil {
		return err
	}
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer l.Close()
	g := &gallery{}
	var handler http.Handler
	if o.Pion {
		var p *load.Pion
		if p, err = load.NewPion(); err == nil {
			handler, g.play, g.sent = p, p.Play, p.Sent
		}
	} else {
		handler, err = g.byNode()
	}
	if err != nil {
		return err
	}
	go http.Serve(l, handler)
	if err := say.Encode("http://" + l.Addr().String()); err != nil {
		return err
	}
	number := uint64(0)
	for {
		switch err := orders.Decode(&o); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		opus := make([]byte, guestOpus)
		t := time.NewTicker(relay.FrameDuration)
		before, sent := ownCPU(), g.sent()
		for range o.Run / relay.FrameDuration {
			<-t.C
			g.mu.Lock()
			g.play(number, opus)
			g.mu.Unlock()
			number++
		}
		t.Stop()
		if err := say.Encode(fanReport{CPU: ownCPU() - before, Packets: g.sent() - sent}); err != nil {
			return err
		}
	}
}

func (g *gallery) byNode() (http.Handler, error) {
	port, err := rtc.Listen(netip.MustParseAddrPort("127.0.0.1:0"))
	if err != nil {
		return nil, err
	}
	e := rtc.New(rtc.Options{Port: port, MaxSessions: 10_000, LoopbackOnly: true, GoneAfter: guest.GoneAfter})
	var sessions []*rtc.Session
	pkt := relay.Packet{Frames: make([]relay.Frame, 1)}
	g.play = func(number uint64, opus []byte) {
		pkt.Frames[0] = relay.Frame{Number: number, Sealed: opus}
		for _, s := range sessions {
			s.Send(&pkt)
		}
	}
	g.sent = func() (n uint64) {
		for _, s := range sessions {
			n += s.Stats().Sent
		}
		return n
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e.ServeWHEP(w, r, rtc.Offer{OnSession: func(s *rtc.Session) error {
			g.mu.Lock()
			sessions = append(sessions, s)
			g.mu.Unlock()
			return nil
		}})
	}), nil
}

// A browsersOrder says how many more come, and to which galleries.
type browsersOrder struct {
	Galleries []string
	Each      int
	Sockets   int // more, that only read: what a bare loop sends to
}

// A browsersReport is how many packets arrived so far, and where the sockets are that were asked for.
type browsersReport struct {
	Packets uint64
	Sockets []string
}

// runBrowsers is any number of listeners without a node, made of pion. It answers each order with how many packets arrived
// so far, once all that it names are connected.
func runBrowsers(ctx context.Context, in io.Reader, out io.Writer) error {
	orders, say := json.NewDecoder(in), json.NewEncoder(out)
	var all []*load.Browser
	for {
		var o browsersOrder
		switch err := orders.Decode(&o); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		var r browsersReport
		for range o.Sockets {
			c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
			if err != nil {
				return err
			}
			r.Sockets = append(r.Sockets, c.LocalAddr().String())
			go func() {
				b := make([]byte, 1500)
				for {
					if _, _, err := c.ReadFromUDPAddrPort(b); err != nil {
						return
					}
				}
			}()
		}
		for _, url := range o.Galleries {
			for range o.Each {
				b, err := browse(ctx, url)
				if err != nil {
					return err
				}
				all = append(all, b)
			}
		}
		for _, b := range all {
			r.Packets += b.Heard()
		}
		if err := say.Encode(r); err != nil {
			return err
		}
	}
}

func browse(ctx context.Context, url string) (*load.Browser, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return load.NewBrowser(ctx, url)
}
