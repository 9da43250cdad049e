//go:build unix

package node

import (
	"syscall"
	"testing"
	"time"

	"salon/ledger"
	"salon/ledger/doc"
	"salon/room"
)

// BenchmarkTicketAtDoor is what a relay spends on one newcomer's ticket, of which the aim is 0.2 ms of CPU, and on all that the newcomer shows.
func BenchmarkTicketAtDoor(b *testing.B) {
	now := time.Now()
	person, device := doc.NewPrivateKey(), doc.NewPrivateKey()
	cert, err := doc.SignCert(person, doc.Cert{Person: person.Public(), Device: device.Public(), NotBefore: now.Add(-time.Hour).Unix(), NotAfter: now.Add(time.Hour).Unix()})
	if err != nil {
		b.Fatal(err)
	}
	store, err := ledger.Open(ledger.Options{Dir: b.TempDir(), Key: device, Cert: cert, Now: now})
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close()
	id := room.ID{1}
	entries, err := store.Append(now, func(*ledger.Books) ([]ledger.Draft, error) {
		return []ledger.Draft{{Body: &ledger.Offer{Version: 1, Room: ledger.Room(id), Name: "Ticket", Price: fiveEuro, Seats: 1000, Starts: now.UnixMilli(), Ends: now.Add(time.Hour).UnixMilli()}}}, nil
	})
	if err != nil {
		b.Fatal(err)
	}
	void, _, err := ledger.Sign(device, ledger.Revocations{Room: ledger.Room(id), By: device.Public(), Time: now.UnixMilli()})
	if err != nil {
		b.Fatal(err)
	}
	papers := ledger.NewPapers(ledger.Room(id), person.Public())
	if err := papers.Read([]ledger.Listing{{Cert: cert, Offer: entries[0].Raw()}}, void, now); err != nil {
		b.Fatal(err)
	}
	r := &Room{id: id}
	if r.papers.gate, err = papers.Gate(now); err != nil {
		b.Fatal(err)
	}
	guest, err := newDevice(doc.NewPrivateKey())
	if err != nil {
		b.Fatal(err)
	}
	holder := doc.NewPrivateKey()
	ticket, _, err := ledger.Sign(device, ledger.Ticket{Room: ledger.Room(id), Serial: 1, Gen: 1, Holder: holder.Public(), NotBefore: now.Unix(), NotAfter: now.Unix() + 3600, By: device.Public()})
	if err != nil {
		b.Fatal(err)
	}
	claim := room.Claim{Room: id, Key: [32]byte{1}, Time: now.UnixMilli(), Ticket: ticket, Held: room.Held(holder, id, guest.Author())}
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
