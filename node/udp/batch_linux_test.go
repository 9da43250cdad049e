package udp

import (
	"fmt"
	"net"
	"slices"
	"testing"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"
)

// messagesTo are n datagrams, each of which says which it is.
func messagesTo(to *net.UDPAddr, n int) []ipv4.Message {
	ms := make([]ipv4.Message, n)
	for i := range ms {
		ms[i] = ipv4.Message{Buffers: [][]byte{fmt.Appendf(nil, "datagram %d", i)}, Addr: to}
	}
	return ms
}

// More than one call takes arrive whole and in order, and one that the system refuses costs none of the others.
func TestBatches(t *testing.T) {
	overLoopbacks(t, func(t *testing.T, network string) {
		from, to := newEnd(t, network, loopbacks[network]), stranger(t, network)
		const n, bad = 3*batchSize + 7, batchSize + 2
		ms := messagesTo(to.LocalAddr().(*net.UDPAddr), n)
		ms[bad].Addr = &net.UDPAddr{IP: loopbacks[network]} // no port
		if failed := from.s.out.write(ms); failed != 1 {
			t.Errorf("%d refused, want 1", failed)
		}
		_ = to.SetReadDeadline(time.Now().Add(20 * time.Second))
		buf := make([]byte, 100)
		for i := range n {
			if i == bad {
				continue
			}
			k, _, err := to.ReadFromUDP(buf)
			if err != nil || string(buf[:k]) != string(ms[i].Buffers[0]) {
				t.Fatalf("%q, %v, want %q", buf[:k], err, ms[i].Buffers[0])
			}
		}
	})
}

// A socket that takes no more is told by false, and takes the rest once it can. No UDP socket on loopback is ever full.
func TestBatchOnFullSocket(t *testing.T) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pair[0])
	defer unix.Close(pair[1])
	ms := messagesTo(&net.UDPAddr{IP: loopbacks["udp4"]}, 8000)
	var o outgoing
	sent, full := 0, 0
	next := func() bool {
		o.fill(ms[sent:min(sent+batchSize, len(ms))])
		for i := range o.n {
			o.headers[i].Name, o.headers[i].Namelen = nil, 0 // a pair has no addresses
		}
		o.sent, o.err = 0, nil
		if !o.send(uintptr(pair[0])) {
			full++
			return false
		}
		if o.err != nil {
			t.Fatal(o.err)
		}
		sent += o.sent
		return true
	}
	buf := make([]byte, 100)
	for got := 0; got < len(ms); {
		for sent < len(ms) && next() {
		}
		for ; got < sent; got++ {
			if k, err := unix.Read(pair[1], buf); err != nil || string(buf[:k]) != string(ms[got].Buffers[0]) {
				t.Fatalf("%q, %v, want %q", buf[:k], err, ms[got].Buffers[0])
			}
		}
	}
	if full == 0 {
		t.Error("it was never full")
	}
}

func TestBatchAllocatesNothing(t *testing.T) {
	overLoopbacks(t, func(t *testing.T, network string) {
		from, to := newEnd(t, network, loopbacks[network]), stranger(t, network)
		ms := messagesTo(to.LocalAddr().(*net.UDPAddr), batchSize)
		if n := testing.AllocsPerRun(100, func() { from.s.out.write(ms) }); n != 0 {
			t.Errorf("%v allocations a batch", n)
		}
	})
}

func TestZones(t *testing.T) {
	var o outgoing
	ifs, err := net.Interfaces()
	if err != nil || len(ifs) == 0 {
		t.Skip("no interfaces")
	}
	for range 2 {
		if got := o.zone(ifs[0].Name); got != uint32(ifs[0].Index) {
			t.Errorf("zone %s is %d, want %d", ifs[0].Name, got, ifs[0].Index)
		}
	}
	if o.zone("") != 0 || o.zone("7") != 7 || o.zone("nowhere") != 0 {
		t.Error("wrong zones")
	}
}

// A batch by our headers and by x/net's, in turn: the CPU of both, and how many times x/net's ours takes.
func BenchmarkBatch(b *testing.B) {
	for network := range loopbacks {
		b.Run(network, func(b *testing.B) {
			from, to := stranger(b, network), stranger(b, network)
			ms := messagesTo(to.LocalAddr().(*net.UDPAddr), batchSize)
			for i := range ms {
				ms[i].Buffers[0] = make([]byte, 200)
			}
			ours, theirs := newBatcher(from), ipv4.NewPacketConn(from)
			send := func(write func([]ipv4.Message) (int, error)) float64 {
				const rounds = 20
				before := cpu(b)
				for range rounds {
					for left := ms; len(left) > 0; {
						n, err := write(left)
						if err != nil {
							b.Fatal(err)
						}
						left = left[n:]
					}
				}
				return float64(cpu(b)-before) / rounds / batchSize
			}
			var us, them, ratios []float64
			for b.Loop() {
				x, y := send(ours.write), send(func(ms []ipv4.Message) (int, error) { return theirs.WriteBatch(ms, 0) })
				us, them, ratios = append(us, x), append(them, y), append(ratios, x/y)
			}
			middle := func(xs []float64) float64 { slices.Sort(xs); return xs[len(xs)/2] }
			b.ReportMetric(middle(us), "ns/packet")
			b.ReportMetric(middle(them), "ns/packet-of-x/net")
			b.ReportMetric(middle(ratios), "times-x/net")
		})
	}
}

// cpu is what the process has used, in ns.
func cpu(b *testing.B) int64 {
	var r unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return r.Utime.Nano() + r.Stime.Nano()
}
