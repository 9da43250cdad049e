package rtc

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/transport/v4"
	"github.com/pion/transport/v4/vnet"
	"github.com/pion/webrtc/v4"

	"salon/relay"
)

// A wire is a network in memory between a node and a browser, which a test can spoil.
type wire struct {
	node    transport.Net
	browser func(*webrtc.SettingEngine)

	cut  atomic.Bool
	lost atomic.Int32 // media packets that came while cut
	mu   sync.Mutex   // guards the fields below
	rand *rand.Rand
	loss float64 // share of media packets lost
}

func newWire(t testing.TB, delay, jitter time.Duration) *wire {
	t.Helper()
	router, err := vnet.NewRouter(&vnet.RouterConfig{
		CIDR: "10.0.0.0/24", LoggerFactory: quiet(),
		MinDelay: delay, MaxJitter: jitter, QueueSize: 1000,
	})
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{rand: rand.New(rand.NewPCG(1, 2))}
	router.AddChunkFilter(func(c vnet.Chunk) bool {
		b := c.UserData()
		rtcp := len(b) > 1 && b[1] >= 192 && b[1] < 224
		media := len(b) > 12 && b[0]&0xc0 == 0x80 && !rtcp
		if w.cut.Load() {
			if media {
				w.lost.Add(1)
			}
			return false
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		return !media || w.rand.Float64() >= w.loss
	})
	host := func(ip string) transport.Net {
		n, err := vnet.NewNet(&vnet.NetConfig{StaticIPs: []string{ip}})
		if err != nil {
			t.Fatal(err)
		}
		if err := router.AddNet(n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	w.node = host("10.0.0.1")
	far := host("10.0.0.2")
	w.browser = func(s *webrtc.SettingEngine) { s.SetNet(far) }
	if err := router.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := router.Stop(); err != nil {
			t.Error(err)
		}
	})
	return w
}

func (w *wire) lose(share float64) {
	w.mu.Lock()
	w.loss = share
	w.mu.Unlock()
}

func TestBrowserThatVanishes(t *testing.T) {
	for _, kind := range []Kind{Publish, Play} {
		w := newWire(t, 0, 0)
		s := newSite(t, Options{GoneAfter: 300 * time.Millisecond, net: w.node})
		_, session := dial(t, s, kind, w.browser)
		w.cut.Store(true)
		receive(t, session.Done(), "end")
		if !errors.Is(session.Err(), ErrGone) {
			t.Errorf("%v: %v", kind, session.Err())
		}
	}
}

// A second without a network ends nothing, and is not played late.
func TestPlayThroughOutage(t *testing.T) {
	w := newWire(t, 0, 0)
	s := newSite(t, Options{net: w.node})
	p, session := dial(t, s, Play, w.browser)
	send := func(i int) {
		session.Send(&relay.Packet{Frames: []relay.Frame{{Number: uint64(i), Sealed: opusOf(i)}}})
	}
	send(0)
	receive(t, p.got, "frame before the outage")
	w.cut.Store(true)
	for i := 1; i < 50; i++ {
		send(i)
	}
	for w.lost.Load() < 49 { // each is gone before the network is back
		runtime.Gosched()
	}
	w.cut.Store(false)
	send(50)
	var got rtp.Packet
	if err := got.Unmarshal(receive(t, p.got, "frame after the outage")); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Payload, opusOf(50)) {
		t.Errorf("after the outage came %x", got.Payload)
	}
}

// Many goroutines may send at once, and a network may double packets: each frame is played once.
func TestPlayOnce(t *testing.T) {
	w := newWire(t, 0, 0)
	s := newSite(t, Options{net: w.node})
	p, session := dial(t, s, Play, w.browser)
	const n = 40 // fits in the queue
	var senders sync.WaitGroup
	for range 4 {
		senders.Go(func() {
			for i := range n {
				session.Send(&relay.Packet{Frames: []relay.Frame{{Number: uint64(i) + 1<<32, Sealed: opusOf(i)}}})
			}
		})
	}
	senders.Wait()
	session.Send(&relay.Packet{Frames: []relay.Frame{{Number: n + 1<<32, Sealed: opusOf(n)}}})
	seen := make(map[string]bool)
	for {
		var got rtp.Packet
		if err := got.Unmarshal(receive(t, p.got, "frame")); err != nil {
			t.Fatal(err)
		}
		if seen[string(got.Payload)] {
			t.Fatalf("%x came twice", got.Payload)
		}
		seen[string(got.Payload)] = true
		if bytes.Equal(got.Payload, opusOf(n)) {
			break
		}
	}
	session.Close()
	if st := session.Stats(); st.Duplicate == 0 || int(st.Sent) != len(seen) || st.Sent+st.Dropped != 4*n+1 {
		t.Errorf("%+v, %d came", st, len(seen))
	}
}

// Over a network that loses packets, what arrives is whole, in order, once each, under its own number.
func TestPublishOverBadNetwork(t *testing.T) {
	w := newWire(t, 0, 3*time.Millisecond)
	s := newSite(t, Options{net: w.node})
	p, session := dial(t, s, Publish, w.browser)
	w.lose(0.05)
	const n = 1000
	go func() {
		defer session.Close()
		pace := time.NewTicker(time.Millisecond)
		defer pace.Stop()
		for i := range n {
			if i == n-5 {
				w.lose(0) // so that the last come, and nothing waits for a loss to be seen
			}
			h := rtp.Header{Version: 2, SequenceNumber: uint16(i), Timestamp: uint32(i) * frameSamples}
			_ = p.track.WriteRTP(&rtp.Packet{Header: h, Payload: opusOf(i)})
			<-pace.C
		}
		<-pace.C
	}()
	var packet relay.Packet
	got, next, base := 0, uint64(0), -1
	for session.Receive(&packet) == nil {
		f := packet.Frames[0]
		i := int(f.Sealed[1])<<8 | int(f.Sealed[2])
		if base < 0 {
			base = i
		}
		if f.Number < next || int(f.Number) != i-base || !bytes.Equal(f.Sealed, opusOf(i)) {
			t.Fatalf("frame %d as number %d after %d", i, f.Number, next)
		}
		next = f.Number + 1
		got++
	}
	if got < n*85/100 || got > n*99/100 {
		t.Errorf("%d of %d frames came", got, n)
	}
	t.Logf("%d of %d frames came, %v", got, n, s.endpoint.Stats().Dropped)
}
