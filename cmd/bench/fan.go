package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"
	"golang.org/x/net/ipv4"

	"salon/node/udp"
	"salon/relay"
)

// The arguments with which part fanout starts this program as the one that sends, and as the one that receives.
const (
	asFan = "fan"
	asEar = "ear"
)

const (
	fanSealed = 120 // bytes of a sealed frame: 40 kbit/s of Opus, and SFrame's
	// A bare datagram is as long as the fan's are on average: header, flags and tag, frames, and a share of an auth.
	bareOne    = 9 + 1 + 16 + 1 + 125 + 211/6
	bareThree  = 9 + 1 + 16 + 1 + 3*125 + 211/2
	fanSettle  = 6 * relay.FrameDuration
	earSockets = 8
)

// A fanOrder says what to do: first how to be, and then for how long to run.
type fanOrder struct {
	Ear      earAddrs
	Children int
	Bundle   int
	Bare     bool
	Size     int  // of a bare datagram; 0 means a fan's
	Seal     bool // by SRTP, each child's with keys of its own
	Run      time.Duration
}

// A fanReport is what a run took.
type fanReport struct {
	CPU     time.Duration
	Packets uint64
	Lost    float64 // share
}

// runFan carries out orders until there are none to come.
func runFan(ctx context.Context, in io.Reader, out io.Writer) error {
	orders, say := json.NewDecoder(in), json.NewEncoder(out)
	var setup fanOrder
	if err := orders.Decode(&setup); err != nil {
		return err
	}
	var run func(time.Duration) (fanReport, error)
	if setup.Bare {
		b, err := newBare(setup)
		if err != nil {
			return err
		}
		defer b.c.Close()
		run = b.run
	} else {
		f, err := newFan(ctx, setup)
		if err != nil {
			return err
		}
		defer f.close()
		run = f.run
	}
	if err := say.Encode(fanReport{}); err != nil {
		return err
	}
	for {
		var o fanOrder
		switch err := orders.Decode(&o); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		r, err := run(o.Run)
		if err != nil {
			return err
		}
		if err := say.Encode(r); err != nil {
			return err
		}
	}
}

// A bare is the loop that only sends: as many datagrams as the fan, as long, to the same sockets, in the same bursts.
type bare struct {
	c       *net.UDPConn
	to      []netip.AddrPort
	size, n int
	every   time.Duration
	seal    []*srtp.Context // of each child; nil if nothing is sealed
	number  uint16          // of the last packet to all
}

// The bursts of node/udp/socket.go.
const (
	burstLeast = 64
	burstSteps = 6
	burstPause = 2 * time.Millisecond
)

func newBare(o fanOrder) (*bare, error) {
	b := &bare{size: bareOne, n: o.Children, every: time.Duration(o.Bundle) * relay.FrameDuration}
	for _, addr := range o.Ear.Ears {
		to, err := netip.ParseAddrPort(addr)
		if err != nil {
			return nil, err
		}
		b.to = append(b.to, to)
	}
	if o.Bundle > 1 {
		b.size = bareThree
	}
	if o.Size > 0 {
		b.size = o.Size
	}
	if o.Seal {
		for range o.Children {
			seal, err := srtp.CreateContext(make([]byte, 16), make([]byte, 12), srtp.ProtectionProfileAeadAes128Gcm)
			if err != nil {
				return nil, err
			}
			b.seal = append(b.seal, seal)
		}
	}
	var err error
	b.c, err = net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	return b, err
}

func (b *bare) run(d time.Duration) (r fanReport, err error) {
	buf := make([]byte, b.size)
	header := rtp.Header{Version: 2, PayloadType: 111}
	const tag = 16
	t, rest := time.NewTicker(b.every), time.NewTimer(0)
	defer t.Stop()
	<-rest.C
	before := ownCPU()
	for range d / b.every {
		<-t.C
		b.number++
		left := b.n
		for steps := burstSteps; left > 0; steps-- {
			now := min(left, max(left/max(steps, 1), burstLeast))
			for range now {
				if b.seal != nil {
					// As long as a bare one, and like what node/rtc gives to SRTP: a header that is written, and parsed no more.
					header.SequenceNumber = b.number
					seal := b.seal[r.Packets%uint64(len(b.seal))]
					buf = buf[:b.size-tag]
					if buf, err = seal.EncryptRTP(buf, buf, &header); err != nil {
						return r, err
					}
				}
				if _, err := b.c.WriteToUDPAddrPort(buf, b.to[r.Packets%uint64(len(b.to))]); err != nil {
					return r, err
				}
				r.Packets++
			}
			if left -= now; left > 0 {
				rest.Reset(burstPause)
				<-rest.C
			}
		}
	}
	r.CPU = ownCPU() - before
	return r, nil
}

// A fan is a relay that gives one stream to its children, as node does: one lock around a tree, its links beside it.
type fan struct {
	mux     udp.Mux
	control net.Conn
	read    sync.WaitGroup

	mu     sync.Mutex // guards the fields below
	tree   *relay.Tree
	links  map[relay.Peer]*udp.Link
	number uint64
}

// Send is the tree's; it is called with the lock held.
func (f *fan) Send(to relay.Peer, p *relay.Packet)   { f.links[to].Send(p) }
func (f *fan) Deliver(relay.Frame, relay.Peer, bool) {}
func (f *fan) DeliverAuth(*relay.Auth, relay.Peer)   {}
func (f *fan) receive(p relay.Peer, pkt *relay.Packet) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.tree.Receive(p, pkt, time.Now())
}

func newFan(ctx context.Context, o fanOrder) (*fan, error) {
	f := &fan{links: make(map[relay.Peer]*udp.Link)}
	f.tree = relay.New(relay.Options{Fanout: o.Children, Bundle: o.Bundle}, f)
	socket, err := f.mux.Listen("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, err
	}
	go drain(socket.(*udp.Socket))
	if f.control, err = net.Dial("tcp4", o.Ear.Control); err != nil {
		return nil, err
	}
	lines := newLines(f.control, o.Children)
	if err := lines.say.Encode(earHello{Addr: socket.LocalAddr().String(), Children: o.Children}); err != nil {
		return nil, err
	}
	go lines.run()
	now := time.Now()
	for i := range o.Children {
		remote, err := net.ResolveUDPAddr("udp4", o.Ear.Ears[i%len(o.Ear.Ears)])
		if err != nil {
			return nil, err
		}
		l, err := f.mux.NewLink(fanConn{socket.LocalAddr(), remote}, lines.stream(i), true)
		if err != nil {
			return nil, err
		}
		p := relay.Peer(fmt.Sprintf("a device that listens, of number %d", i))
		f.mu.Lock()
		f.links[p] = l
		err = errors.Join(f.tree.AddChild(p, now), f.tree.Subscribe(p, 1<<relay.Program, now))
		f.mu.Unlock()
		if err != nil {
			return nil, err
		}
		f.read.Go(func() {
			var pkt relay.Packet
			for l.Receive(&pkt) == nil {
				_ = f.receive(p, &pkt)
			}
		})
	}
	for _, l := range f.links {
		for !l.Stats().UDP {
			if err := pause(ctx, lookEvery); err != nil {
				return nil, err
			}
		}
	}
	return f, nil
}

func (f *fan) close() {
	for _, l := range f.links {
		l.Close()
	}
	f.control.Close()
	_ = f.mux.Close()
	f.read.Wait()
}

func (f *fan) run(d time.Duration) (r fanReport, err error) {
	frame := relay.Frame{Slot: relay.Program, Sealed: make([]byte, fanSealed)}
	auth := relay.Auth{Slot: relay.Program, Hashes: make([][16]byte, relay.AuthBatch)}
	t := time.NewTicker(relay.FrameDuration)
	defer t.Stop()
	step := func() { // as node/media.go: whoever works on the tree ticks it
		<-t.C
		f.mu.Lock()
		now := time.Now()
		frame.Number = f.number
		if f.number%relay.AuthBatch == relay.AuthBatch-1 {
			auth.First = f.number - (relay.AuthBatch - 1)
			f.tree.PublishAuth(&auth, now)
		}
		f.tree.Publish(frame, now)
		f.tree.Tick(now)
		f.number++
		f.mu.Unlock()
	}
	for range fanSettle / relay.FrameDuration {
		step()
	}
	before, sent := ownCPU(), f.sent()
	for range d / relay.FrameDuration {
		step()
	}
	r.CPU = ownCPU() - before
	r.Packets = f.sent() - sent
	for _, l := range f.links {
		s := l.Stats()
		if !s.UDP {
			return r, errors.New("a link fell back to its stream")
		}
		r.Lost += s.Loss / float64(len(f.links))
	}
	return r, nil
}

func (f *fan) sent() (n uint64) {
	for _, l := range f.links {
		n += l.Stats().Sent
	}
	return n
}

// drain reads a socket as QUIC would, which gets nothing.
func drain(s *udp.Socket) {
	ms := []ipv4.Message{{Buffers: [][]byte{make([]byte, 1500)}}}
	_, err := s.ReadBatch(ms, 0)
	if errors.Is(err, errors.ErrUnsupported) {
		_, _, _ = s.ReadFrom(ms[0].Buffers[0])
	}
}

// A fanConn is a connection whose ends know the secret without a handshake.
type fanConn struct{ local, remote net.Addr }

func (c fanConn) LocalAddr() net.Addr  { return c.local }
func (c fanConn) RemoteAddr() net.Addr { return c.remote }
func (c fanConn) Export(label string, context []byte, n int) ([]byte, error) {
	h := sha256.Sum256(append([]byte(label), context...))
	return h[:n], nil
}
