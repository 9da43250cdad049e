package udp

import (
	"fmt"
	"net"
	"runtime"
	"testing"
)

// Every datagram is read once, in order and whole, with where it came from; many by one call of the system where it has one.
func TestReader(t *testing.T) {
	overLoopbacks(t, func(t *testing.T, network string) {
		from, to := stranger(t, network), stranger(t, network)
		r := NewReader(to)
		const n = 2*readerBatch + 5
		for i := range n {
			if _, err := from.WriteToUDP(fmt.Appendf(nil, "datagram %d", i), to.LocalAddr().(*net.UDPAddr)); err != nil {
				t.Fatal(err)
			}
		}
		buf := make([]byte, 100)
		most := 0
		for i := range n {
			k, at, err := r.Next(buf)
			if err != nil || string(buf[:k]) != fmt.Sprint("datagram ", i) || at != from.LocalAddr().(*net.UDPAddr).AddrPort() {
				t.Fatalf("%q from %v, %v; want number %d from %v", buf[:k], at, err, i, from.LocalAddr())
			}
			most = max(most, r.Left())
		}
		if most != readerBatch-1 && runtime.GOOS == "linux" {
			t.Errorf("%d were left after one, want %d", most, readerBatch-1)
		}
		to.Close()
		if _, _, err := r.Next(buf); err == nil {
			t.Error("a closed socket is read from")
		}
	})
}
