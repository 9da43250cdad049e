//go:build unix

package node

import (
	"syscall"
	"testing"
	"time"

	"salon/room"
)

// BenchmarkTicketAtDoor is what a relay spends on one newcomer's ticket, of which the aim is 0.2 ms of CPU, and on all that the newcomer shows.
func BenchmarkTicketAtDoor(b *testing.B) {
	now := time.Now()
	r, guest, claim := doorOf(b, now, now.Add(time.Hour))
	signed, err := room.SignClaim(guest, claim)
	if err != nil {
		b.Fatal(err)
	}
	cpu := func() time.Duration { // other jobs of the machine do not count
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	report := func(b *testing.B, began time.Duration) {
		each := (cpu() - began) / time.Duration(b.N)
		b.ReportMetric(each.Seconds()*1000, "cpu-ms/check")
		b.ReportMetric(1/each.Seconds(), "checks/s-of-a-core")
	}
	b.Run("ticket", func(b *testing.B) {
		began := cpu()
		for b.Loop() {
			if _, err := r.shownTicket(guest.Author(), claim, now); err != nil {
				b.Fatal(err)
			}
		}
		report(b, began)
	})
	b.Run("claim and ticket", func(b *testing.B) {
		began := cpu()
		for b.Loop() {
			shown, who, err := room.OpenClaim(signed, now)
			if err == nil {
				_, err = r.shownTicket(who, shown, now)
			}
			if err != nil {
				b.Fatal(err)
			}
		}
		report(b, began)
	})
}
