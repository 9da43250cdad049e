package udp

import (
	"bytes"
	"fmt"
	"net"
	"runtime"
	"testing"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"

	"salon/relay"
)

// stranger is a socket of somebody else.
func stranger(t testing.TB, network string) *net.UDPConn {
	t.Helper()
	c, err := net.ListenUDP(network, &net.UDPAddr{IP: loopbacks[network]})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// QUIC gets what is its own, in order, with control messages and addresses, in whatever it is mixed with.
func TestSocketPassesQUICOn(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no batches here")
	}
	overLoopbacks(t, func(t *testing.T, network string) {
		e := newEnd(t, network, nil) // all addresses: quic-go asks for the local one then
		if err := ipv4.NewPacketConn(e.s.UDPConn).SetControlMessage(ipv4.FlagDst, true); network == "udp4" && err != nil {
			t.Fatal(err)
		}
		if err := ipv6.NewPacketConn(e.s.UDPConn).SetControlMessage(ipv6.FlagDst, true); network == "udp6" && err != nil {
			t.Fatal(err)
		}
		x := stranger(t, network)
		to := &net.UDPAddr{IP: loopbacks[network], Port: e.addr().Port}
		const n = 300
		for i := range n {
			for _, b := range [][]byte{{0x13, 1, 2}, fmt.Appendf([]byte{0x40 + byte(i%0xc0)}, "packet %d", i), {0}} {
				if _, err := x.WriteToUDP(b, to); err != nil {
					t.Fatal(err)
				}
			}
			if i%20 == 19 {
				until(t, "room in the buffer", func() bool { return len(e.quics) > i })
			}
		}
		for i := range n {
			got := <-e.quics
			if want := fmt.Sprintf("packet %d", i); got.b[1:] != want || got.from.String() != x.LocalAddr().String() || got.oob == 0 {
				t.Fatalf("%+v, want %q of %v", got, want, x.LocalAddr())
			}
		}
		until(t, "strangers' bytes to be counted", func() bool { return e.count(stray) == 2*n })
	})
}

// On Windows quic-go reads one packet a call.
func TestSocketPassesQUICOnOneByOne(t *testing.T) {
	var m Mux
	c, err := m.Listen("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	x := stranger(t, "udp4")
	for _, s := range []string{"\x13link", "\x40QUIC", "\x00hole", "\xc0QUIC"} {
		if _, err := x.WriteToUDP([]byte(s), c.LocalAddr().(*net.UDPAddr)); err != nil {
			t.Fatal(err)
		}
	}
	buf := make([]byte, 100)
	for _, want := range []string{"\x40QUIC", "\xc0QUIC"} {
		n, from, err := c.ReadFrom(buf)
		if err != nil || string(buf[:n]) != want || from.String() != x.LocalAddr().String() {
			t.Errorf("%q from %v, %v", buf[:n], from, err)
		}
	}
	if got := m.Counts()["stray"]; got != 2 {
		t.Errorf("%d strays", got)
	}
}

// What strangers send is counted, harms no link and is never delivered.
func TestStrangersAreCounted(t *testing.T) {
	a, b := newEnd(t, "udp4", loopbacks["udp4"]), newEnd(t, "udp4", loopbacks["udp4"])
	la, lb := joined(t, a, b)
	x := stranger(t, "udp4")
	b.mux.mu.Lock()
	id, counter := lb.mine.link, uint32(lb.window.next)
	b.mux.mu.Unlock()
	for _, c := range []struct {
		b    []byte
		want reason
	}{
		{[]byte{0}, stray},
		{bytes.Repeat([]byte{0x13}, maxDatagram+1), stray},
		{append(header{id + 1, 0}.append(nil), make([]byte, 100)...), unknownLink},
		{append(header{id, counter + 9}.append(nil), make([]byte, 100)...), forged},
		{append(header{id, counter - 1}.append(nil), make([]byte, 100)...), replayed},
	} {
		before := b.count(c.want)
		if _, err := x.WriteToUDP(c.b, b.addr()); err != nil {
			t.Fatal(err)
		}
		until(t, "count "+reasonNames[c.want], func() bool { return b.count(c.want) == before+1 })
	}
	if b.count(challenged) != 0 {
		t.Error("who cannot seal is challenged")
	}
	la.Send(&relay.Packet{Beacons: []relay.Beacon{{Slot: 1, Last: 7}}})
	var p relay.Packet
	if err := lb.Receive(&p); err != nil || len(p.Beacons) != 1 || p.Beacons[0].Last != 7 {
		t.Errorf("%+v, %v", p, err)
	}
	if s := lb.Stats(); s.Malformed != 0 || s.Received != 1 {
		t.Errorf("%+v", s)
	}
}

// Whatever arrives, nothing panics and nothing is delivered.
func FuzzReceive(f *testing.F) {
	a, b := newEnd(f, "udp4", loopbacks["udp4"]), newEnd(f, "udp4", loopbacks["udp4"])
	_, lb := joined(f, a, b)
	from := a.addr().AddrPort()
	f.Add([]byte{0x13}, false)
	f.Add(append(header{1, 2}.append(nil), make([]byte, 40)...), true)
	f.Fuzz(func(t *testing.T, bytes []byte, ours bool) {
		b.mux.mu.Lock()
		defer b.mux.mu.Unlock()
		if ours && len(bytes) >= headerSize {
			bytes = append(header{lb.mine.link, uint32(lb.window.next)}.append(nil), bytes[headerSize:]...)
		}
		b.mux.receive(bytes, from)
		if n := lb.received.Load(); n != 0 {
			t.Errorf("%d packets delivered", n)
		}
	})
}

// A datagram leaves from the address that the connection has here, not from the one that the system would choose.
func TestDatagramsLeaveFromTheConnectionsAddress(t *testing.T) {
	overLoopbacks(t, func(t *testing.T, network string) {
		every := newEnd(t, network, nil)
		local := loopbacks[network]
		if sourceOf(local) == nil {
			t.Skip("this system is left to choose")
		}
		if network == "udp4" && runtime.GOOS == "linux" { // where all of 127/8 is this machine
			local = net.IPv4(127, 7, 7, 7)
		}
		p := every.s.placeOf(every.addr(), local)
		if p.oob == nil {
			t.Fatal("no address is named")
		}
		x := stranger(t, network)
		p = every.s.placeOf(x.LocalAddr().(*net.UDPAddr), local)
		if failed := every.s.out.write([]ipv4.Message{{Buffers: [][]byte{[]byte("hello")}, OOB: p.oob, Addr: p.addr}}); failed != 0 {
			t.Fatal("not sent")
		}
		buf := make([]byte, 10)
		_, from, err := x.ReadFromUDP(buf)
		if err != nil || !from.IP.Equal(local) {
			t.Errorf("from %v, %v; want %v", from, err, local)
		}
		one := newEnd(t, network, loopbacks[network])
		if p := one.s.placeOf(one.addr(), loopbacks[network]); p.oob != nil {
			t.Error("a socket with one address names it")
		}
	})
}
