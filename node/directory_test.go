package node

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"salon/ledger/doc"
	"salon/room"
)

var noon = time.UnixMilli(1_800_000_000_000)

// testIdentity is a person's device: the same number, the same keys, for ten years around noon.
func testIdentity(t testing.TB, n uint32) *doc.Identity {
	t.Helper()
	var seed [32]byte
	binary.BigEndian.PutUint32(seed[1:], n)
	person := doc.PrivateKeyFromSeed(seed)
	seed[0] = 1
	device := doc.PrivateKeyFromSeed(seed)
	raw, err := doc.SignCert(person, doc.Cert{
		Person: person.Public(), Device: device.Public(), Label: "test",
		NotBefore: noon.AddDate(-5, 0, 0).Unix(), NotAfter: noon.AddDate(5, 0, 0).Unix(),
	})
	if err != nil {
		t.Fatal(err)
	}
	id, err := doc.NewIdentity(device, raw)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// announced is an announcement of that person's room of that number, sent at a time and good for 25 s.
func announced(t testing.TB, id *doc.Identity, n byte, version uint64, at time.Time, change func(*room.Announcement)) []byte {
	t.Helper()
	host := id.Author().Person
	a := room.Announcement{
		Room: room.NewID(host, [16]byte{n}), Nonce: [16]byte{n}, Host: host, HostName: "Ana", Title: "Kitchen", Language: "en",
		Speakers: 1, Version: version, Time: at.UnixMilli(), Expires: at.UnixMilli() + 25_000,
	}
	if change != nil {
		change(&a)
	}
	raw, err := room.SignAnnouncement(id, a)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func ended(a *room.Announcement) { a.Ended = true }

func roomOf(id *doc.Identity, n byte) room.ID { return room.NewID(id.Author().Person, [16]byte{n}) }

// somebody is a neighbour.
const somebody = peer.ID("somebody")

func take(t *testing.T, d *directory, raw []byte, now time.Time, news bool, want error) {
	t.Helper()
	if changed, err := d.Take(somebody, raw, now); !errors.Is(err, want) || changed != news {
		t.Fatalf("Take: news %t, %v; want %t, %v", changed, err, news, want)
	}
}

func TestDirectoryKeepsTheNewestVersion(t *testing.T) {
	d, ana := newDirectory(), testIdentity(t, 1)
	title := func(s string) func(*room.Announcement) { return func(a *room.Announcement) { a.Title = s } }
	take(t, d, announced(t, ana, 1, 5, noon, title("five")), noon, true, nil)
	take(t, d, announced(t, ana, 1, 5, noon, title("five")), noon, false, errOld)
	take(t, d, announced(t, ana, 1, 4, noon, title("four")), noon, false, errOld)
	if l, ok := d.Get(roomOf(ana, 1), noon); !ok || l.ann.Title != "five" || l.device != ana.Author().Device {
		t.Fatalf("%+v, %t", l, ok)
	}
	later := noon.Add(10 * time.Second)
	take(t, d, announced(t, ana, 1, 6, later, title("five")), later, false, nil) // nothing to see
	take(t, d, announced(t, ana, 1, 7, later, title("seven")), later, true, nil)
	l, ok := d.Get(roomOf(ana, 1), later)
	if !ok || l.ann.Title != "seven" || !l.since.Equal(noon) {
		t.Fatalf("%+v, %t", l, ok)
	}
}

// A room is gone within 30 s of its host's death, whatever the two clocks say.
func TestDirectoryForgetsInTime(t *testing.T) {
	ana := testIdentity(t, 1)
	for _, c := range []struct {
		name string
		fast time.Duration // the host's clock, against ours
		gone time.Duration // after it was heard of
	}{
		{"clocks agree", 0, 25 * time.Second},
		{"host's clock fast", 10 * time.Second, 25 * time.Second},
		{"host's clock slow", -10 * time.Second, 20 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDirectory()
			take(t, d, announced(t, ana, 1, 1, noon.Add(c.fast), nil), noon, true, nil)
			last, after := noon.Add(c.gone), noon.Add(c.gone+time.Millisecond)
			if d.Expire(last) || len(d.Live(last)) != 1 {
				t.Error("gone too early")
			}
			if _, ok := d.Get(roomOf(ana, 1), after); ok || len(d.Live(after)) != 0 {
				t.Error("live although it expired")
			}
			if len(d.Missing(nil, 10, after)) != 0 {
				t.Error("passed on although it expired")
			}
			if !d.Expire(after) || len(d.rooms) != 0 || d.Expire(after) {
				t.Error("Expire did not forget it, or tells so twice")
			}
		})
	}
}

func TestDirectoryRefuses(t *testing.T) {
	d, ana := newDirectory(), testIdentity(t, 1)
	good := announced(t, ana, 1, 1, noon, nil)
	take(t, d, good, noon.Add(31*time.Second), false, room.ErrStale)
	take(t, d, good, noon.Add(-3*time.Minute), false, room.ErrFuture)
	take(t, d, nil, noon, false, doc.ErrEncoding)
	take(t, d, make([]byte, room.MaxAnnouncement+1), noon, false, room.ErrTooLarge)
	forged := bytes.Clone(good)
	forged[len(forged)-1] ^= 1
	take(t, d, forged, noon, false, doc.ErrSignature)
	if len(d.rooms) != 0 {
		t.Errorf("kept %v", d.rooms)
	}
	// A refused version leaves the known one as it was.
	take(t, d, good, noon, true, nil)
	forged = announced(t, ana, 1, 2, noon, func(a *room.Announcement) { a.Title = "forged" })
	forged[len(forged)-1] ^= 1
	take(t, d, forged, noon, false, doc.ErrSignature)
	if l, _ := d.Get(roomOf(ana, 1), noon); l.ann.Title != "Kitchen" {
		t.Errorf("now %q", l.ann.Title)
	}
}

func TestDirectoryEndIsTheEnd(t *testing.T) {
	d, ana := newDirectory(), testIdentity(t, 1)
	take(t, d, announced(t, ana, 1, 5, noon, nil), noon, true, nil)
	take(t, d, announced(t, ana, 1, 7, noon, ended), noon, true, nil)
	if len(d.Live(noon)) != 0 {
		t.Error("an ended room is listed")
	}
	if _, ok := d.Get(roomOf(ana, 1), noon); ok {
		t.Error("an ended room can be joined")
	}
	take(t, d, announced(t, ana, 1, 6, noon, nil), noon, false, errOld) // still on its way
	take(t, d, announced(t, ana, 1, 8, noon, nil), noon, false, errOld) // a room ends once
	if out := d.Missing(map[room.ID]uint64{roomOf(ana, 1): 6}, 10, noon); len(out) != 1 {
		t.Error("who knows the room is not told of its end")
	}
	if d.Expire(noon.Add(time.Minute)) {
		t.Error("a reader is told of a room it did not see")
	}
	if len(d.rooms) != 0 {
		t.Error("the tombstone stays for ever")
	}
	// An end that comes before its room is kept as well, and is no news.
	take(t, d, announced(t, ana, 2, 5, noon, ended), noon, false, nil)
	take(t, d, announced(t, ana, 2, 4, noon, nil), noon, false, errOld)
}

func TestDirectoryIsNotOnePersons(t *testing.T) {
	d, ana, bo := newDirectory(), testIdentity(t, 1), testIdentity(t, 2)
	for n := range byte(roomsPerHost) {
		take(t, d, announced(t, ana, n, 1, noon, nil), noon, true, nil)
	}
	take(t, d, announced(t, ana, 100, 1, noon, nil), noon, false, errCrowded)
	take(t, d, announced(t, ana, 0, 2, noon, nil), noon, false, nil) // a known room goes on
	take(t, d, announced(t, bo, 1, 1, noon, nil), noon, true, nil)   // somebody else's has its place
	take(t, d, announced(t, ana, 0, 3, noon, ended), noon, true, nil)
	take(t, d, announced(t, ana, 100, 1, noon, nil), noon, true, nil)
}

// Rooms that have just ended take places too: nobody fills the directory with them.
func TestDirectoryEndedRoomsAreBounded(t *testing.T) {
	for name, open := range map[string]bool{"ended unheard of": false, "opened and ended": true} {
		t.Run(name, func(t *testing.T) {
			d, ana := newDirectory(), testIdentity(t, 1)
			for n := range byte(100) {
				if open {
					_, _ = d.Take(somebody, announced(t, ana, n, 1, noon, nil), noon)
				}
				_, _ = d.Take(somebody, announced(t, ana, n, 2, noon, ended), noon)
			}
			if len(d.rooms) != keptPerHost {
				t.Errorf("one person has %d of %d places", len(d.rooms), directorySize)
			}
		})
	}
}

// Validators run side by side: the limits hold all the same.
func TestDirectoryLimitsHoldConcurrently(t *testing.T) {
	d, ana := newDirectory(), testIdentity(t, 1)
	var raws [][]byte
	for n := range byte(32) {
		raws = append(raws, announced(t, ana, n, 1, noon, nil))
	}
	start := make(chan struct{})
	var all sync.WaitGroup
	for _, raw := range raws {
		all.Go(func() {
			<-start
			_, _ = d.Take(somebody, raw, noon)
		})
	}
	close(start)
	all.Wait()
	if n := len(d.Live(noon)); n != roomsPerHost {
		t.Errorf("%d rooms of one host", n)
	}
}

// flooded is a directory full of rooms that neighbours brought in equal parts.
func flooded(by ...peer.ID) *directory {
	d := newDirectory()
	for n := range directorySize {
		var id room.ID
		binary.BigEndian.PutUint32(id[:], uint32(n))
		from := by[n%len(by)]
		d.rooms[id] = listing{from: from, since: noon, until: noon.Add(time.Minute)}
		if from != "" {
			d.brought[from]++
		}
	}
	return d
}

// holds tells whether the directory is as large as it may be and counts right who brought its rooms.
func holds(t *testing.T, d *directory, size int) {
	t.Helper()
	brought := make(map[peer.ID]int)
	for _, l := range d.rooms {
		if l.from != "" {
			brought[l.from]++
		}
	}
	if len(d.rooms) != size || !maps.Equal(brought, d.brought) {
		t.Fatalf("%d rooms, want %d; brought %v, counted %v", len(d.rooms), size, brought, d.brought)
	}
}

// One neighbour that fills the directory keeps nobody else's rooms out of it.
func TestDirectoryWhenFull(t *testing.T) {
	computes(t)
	const eve, bo, cy = peer.ID("eve"), peer.ID("bo"), peer.ID("cy")
	d, person := flooded(eve), uint32(0)
	bring := func(from peer.ID, at time.Time, change func(*room.Announcement), want error) room.ID {
		t.Helper()
		person++
		id := testIdentity(t, person)
		news, err := d.Take(from, announced(t, id, 1, 1, at, change), at)
		if !errors.Is(err, want) || news != (want == nil) {
			t.Fatalf("news %t, %v; want %v", news, err, want)
		}
		holds(t, d, directorySize)
		return roomOf(id, 1)
	}
	honest := []room.ID{bring(bo, noon, nil, nil), bring(cy, noon, nil, nil), bring(bo, noon, nil, nil), bring("", noon, nil, nil)}
	bring(bo, noon, ended, errCrowded) // nobody knows that room
	bring(eve, noon, nil, nil)         // in the place of another of hers
	bring(eve, noon, nil, errCrowded)
	now := noon
	for range 20 {
		now = now.Add(displaceEvery)
		bring(eve, now, nil, nil)
		bring(eve, now, nil, errCrowded)
	}
	for i, id := range honest {
		if _, ok := d.Get(id, now); !ok {
			t.Errorf("honest room %d had to go", i)
		}
	}
	// Our own come in whatever is there.
	d = flooded("")
	bring(eve, noon, nil, errCrowded)
	person++
	if _, err := d.Take("", announced(t, testIdentity(t, person), 1, 1, noon, nil), noon); err != nil {
		t.Error(err)
	}
	d.Expire(noon.Add(2 * time.Minute))
	holds(t, d, 0)
}

// Two that flood do not take turns in displacing each other's, faster than each may its own.
func TestDirectoryWhenFullOfTwo(t *testing.T) {
	computes(t)
	by := []peer.ID{"eve", "mal"}
	d, taken := flooded(by...), 0
	for n := range uint32(200) {
		if _, err := d.Take(by[n%2], announced(t, testIdentity(t, n), 1, 1, noon, nil), noon); err == nil {
			taken++
		}
	}
	holds(t, d, directorySize)
	if taken != 2 {
		t.Errorf("%d taken at once", taken)
	}
}

// Rooms that come through a neighbour that is itself flooded stay as well, for the most part.
func TestDirectoryBehindAFloodedNeighbour(t *testing.T) {
	computes(t)
	d, now := flooded("hub"), noon
	rooms := func(first, n uint32) (ids []room.ID) {
		for p := first; p < first+n; p++ {
			now = now.Add(displaceEvery)
			if _, err := d.Take("hub", announced(t, testIdentity(t, p), 1, 1, now, nil), now); err != nil {
				t.Fatal(err)
			}
			ids = append(ids, roomOf(testIdentity(t, p), 1))
		}
		return ids
	}
	honest, stayed := rooms(0, 20), 0
	rooms(20, 60)
	for _, id := range honest {
		if _, ok := d.rooms[id]; ok {
			stayed++
		}
	}
	if stayed < 10 {
		t.Errorf("%d of 20 stayed", stayed)
	}
}

// A host that announces ever new versions is heard as often as an honest one at most, and its end at once.
func TestDirectoryTakesARoomOnlySoOften(t *testing.T) {
	computes(t)
	d, ana := newDirectory(), testIdentity(t, 1)
	now, taken, version := noon, 0, uint64(0)
	const lasts = 2 * time.Second
	for ; now.Before(noon.Add(lasts)); now = now.Add(2 * time.Millisecond) {
		version++
		switch _, err := d.Take(somebody, announced(t, ana, 1, version, now, nil), now); {
		case err == nil:
			taken++
		case !errors.Is(err, errFlood):
			t.Fatal(err)
		}
	}
	if want := int((roomBurst + lasts - 1) / roomEvery); taken != want {
		t.Errorf("%d taken in %v, want %d", taken, lasts, want)
	}
	take(t, d, announced(t, ana, 1, version+1, now, ended), now, true, nil)
	// Nobody limits us in our own directory.
	for version := range uint64(20) {
		if _, err := d.Take("", announced(t, ana, 2, version+1, now, nil), now); err != nil {
			t.Fatalf("own version %d: %v", version+1, err)
		}
	}
}

// An honest host says every change, twice a second at most; whatever the way does to it, the newest state is taken.
func TestDirectoryLosesNoHonestChange(t *testing.T) {
	computes(t)
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 3))
		d, ana := newDirectory(), testIdentity(t, 1)
		sent, arrives := noon, noon
		for version := range uint64(50) {
			if at := sent.Add(time.Duration(rng.Int64N(int64(900 * time.Millisecond)))); at.After(arrives) {
				arrives = at
			}
			if _, err := d.Take(somebody, announced(t, ana, 1, version+1, sent, nil), arrives); err != nil {
				t.Fatalf("seed %d, version %d: %v", seed, version+1, err)
			}
			sent = sent.Add(500 * time.Millisecond)
		}
	}
}

// Whoever forges newer versions does not keep the true one out.
func TestDirectoryForgeriesUseNoRoomsAllowance(t *testing.T) {
	d, ana := newDirectory(), testIdentity(t, 1)
	take(t, d, announced(t, ana, 1, 1, noon, nil), noon, true, nil)
	for version := range uint64(20) {
		forged := announced(t, ana, 1, version+2, noon, nil)
		forged[len(forged)-1] ^= 1
		if _, err := d.Take("eve", forged, noon); !errors.Is(err, doc.ErrSignature) {
			t.Fatal(err)
		}
	}
	take(t, d, announced(t, ana, 1, 2, noon, nil), noon, false, nil)
}

func TestDirectoryTakesOnlySoMuchFromANeighbour(t *testing.T) {
	computes(t)
	d, ana := newDirectory(), testIdentity(t, 1)
	for n := range byte(roomsPerHost) {
		take(t, d, announced(t, ana, n, 1, noon, nil), noon, true, nil)
	}
	one := announced(t, ana, 100, 1, noon, nil) // never taken: she has as many as she may
	looked := func(from peer.ID, now time.Time, tries int) (n int) {
		for range tries {
			switch _, err := d.Take(from, one, now); {
			case errors.Is(err, errCrowded):
				n++
			case !errors.Is(err, errFlood):
				t.Fatal(err)
			}
		}
		return n
	}
	if n := looked("eve", noon, 2*directorySize); n != directorySize {
		t.Errorf("%d looked at", n)
	}
	if n := looked("eve", noon.Add(time.Second), 1000); n != 500 {
		t.Errorf("%d looked at a second later", n)
	}
	if n := looked("bo", noon.Add(time.Second), 100); n != 100 {
		t.Errorf("%d of another's", n)
	}
	// Neighbours come and go. Of all that are remembered eve has most to wait for, so she is not the one to go.
	for n := range 2 * neighboursMost {
		looked(peer.ID(fmt.Sprint("neighbour ", n)), noon.Add(time.Second), 1)
	}
	if n := looked("eve", noon.Add(time.Second), 10); n != 0 || len(d.neighbours) > neighboursMost {
		t.Errorf("%d looked at, %d neighbours", n, len(d.neighbours))
	}
	end := announced(t, ana, 0, 2, noon, ended)
	if _, err := d.Take("eve", end, noon.Add(time.Second)); err != nil {
		t.Errorf("an end: %v", err)
	}
	d.Expire(noon.Add(time.Minute))
	if len(d.neighbours) != 0 {
		t.Errorf("%d neighbours are never forgotten", len(d.neighbours))
	}
}

func TestDirectoryListsNewestFirst(t *testing.T) {
	d := newDirectory()
	for n := range uint32(3) {
		at := noon.Add(time.Duration(n) * time.Second)
		take(t, d, announced(t, testIdentity(t, n+1), 1, 1, at, nil), at, true, nil)
	}
	live := d.Live(noon.Add(3 * time.Second))
	if len(live) != 3 || !slices.IsSortedFunc(live, func(a, b listing) int { return b.since.Compare(a.since) }) {
		t.Errorf("%+v", live)
	}
}

func TestDirectoryMissing(t *testing.T) {
	d := newDirectory()
	have := map[room.ID]uint64{}
	for n := range uint32(5) {
		id := testIdentity(t, n+1)
		take(t, d, announced(t, id, 1, 10, noon, nil), noon, true, nil)
		have[roomOf(id, 1)] = uint64(8 + n) // older, older, same, newer, newer
	}
	if got := d.Missing(have, 10, noon); len(got) != 2 {
		t.Errorf("%d announcements for one who lacks 2", len(got))
	}
	if got := d.Missing(nil, 10, noon); len(got) != 5 {
		t.Errorf("%d of 5 for one who has none", len(got))
	}
	if got := d.Missing(nil, 3, noon); len(got) != 3 {
		t.Errorf("%d, at most 3 asked for", len(got))
	}
	if !mapsEqual(d.versions(), d) {
		t.Error("versions do not tell what is there")
	}
}

func mapsEqual(v map[room.ID]uint64, d *directory) bool {
	for id, l := range d.rooms {
		if v[id] != l.ann.Version {
			return false
		}
	}
	return len(v) == len(d.rooms)
}

func FuzzDirectoryTake(f *testing.F) {
	ana := testIdentity(f, 1)
	f.Add(announced(f, ana, 1, 5, noon, nil), announced(f, ana, 1, 6, noon, ended))
	f.Add(announced(f, ana, 1, 5, noon, nil), announced(f, testIdentity(f, 2), 1, 5, noon, nil))
	f.Add([]byte{}, []byte{0x83, 0x40, 0x40, 0x40})
	f.Fuzz(func(t *testing.T, one, two []byte) {
		d := newDirectory()
		for _, raw := range [][]byte{one, two, one} {
			before := d.versions()
			_, err := d.Take(somebody, raw, noon)
			if err != nil && !mapsEqual(before, d) {
				t.Fatalf("refused (%v) and kept", err)
			}
			if err == nil {
				a, _, err := room.ParseAnnouncement(raw)
				if err != nil || d.rooms[a.Room].ann.Version != a.Version || before[a.Room] >= a.Version {
					t.Fatalf("taken: %+v, %v", a, err)
				}
			}
		}
		for _, raw := range d.Missing(nil, 10, noon) {
			if _, err := newDirectory().Take(somebody, raw, noon); err != nil {
				t.Fatalf("we pass on what others refuse: %v", err)
			}
		}
		d.Expire(noon.Add(time.Hour))
		if len(d.rooms) != 0 {
			t.Fatal("a room stays for ever")
		}
	})
}

// A co-host announces a room that its host cannot, if the host named them; the host's word counts more.
func TestDirectorySuccessors(t *testing.T) {
	d := newDirectory()
	ana, bo, eve := testIdentity(t, 1), testIdentity(t, 2), testIdentity(t, 3)
	as := func(id *doc.Identity, version uint64, title string, change func(*room.Announcement)) []byte {
		return announced(t, id, 1, version, noon, func(a *room.Announcement) {
			a.Room, a.Host, a.Title = roomOf(ana, 1), ana.Author().Person, title
			if a.Successors = []doc.PublicKey{bo.Author().Person}; change != nil {
				change(a)
			}
		})
	}
	named := func(a *room.Announcement) { a.Successors = append(a.Successors, eve.Author().Person) }
	take(t, d, as(bo, 5, "Kitchen", nil), noon, false, errUnnamed)
	take(t, d, as(ana, 5, "Kitchen", nil), noon, true, nil)
	take(t, d, as(eve, 9, "Evil", named), noon, false, errUnnamed)
	later := noon.Add(time.Second)
	take(t, d, as(bo, 9, "Bo keeps it", nil), later, true, nil)
	if l, ok := d.Get(roomOf(ana, 1), later); !ok || l.device != bo.Author().Device || l.ann.Host != ana.Author().Person {
		t.Errorf("announced by %v, %v", l.device, ok)
	}
	take(t, d, as(eve, 10, "Evil", named), later, false, errUnnamed) // the host did not name her, whatever she says
	later = later.Add(time.Second)
	take(t, d, as(ana, 6, "Kitchen", nil), later, true, nil) // by a slower clock than Bo's
	take(t, d, as(ana, 6, "Kitchen", nil), later, false, errOld)
	if l, _ := d.Get(roomOf(ana, 1), later); l.device != ana.Author().Device {
		t.Error("the host is not back")
	}
}

// Whoever comes after the host has gone finds the room that a co-host leads on: whom the host named is passed on with the
// co-host's word. By itself it lists nothing, and not for ever.
func TestDirectoryOfWhoComesLate(t *testing.T) {
	ana, bo, eve := testIdentity(t, 1), testIdentity(t, 2), testIdentity(t, 3)
	as := func(id *doc.Identity, version uint64, at time.Time, heirs ...doc.PublicKey) []byte {
		return announced(t, id, 1, version, at, func(a *room.Announcement) {
			a.Room, a.Host, a.Successors = roomOf(ana, 1), ana.Author().Person, heirs
		})
	}
	heir, id := bo.Author().Person, roomOf(ana, 1)
	d := newDirectory()
	take(t, d, as(ana, 5, noon, heir), noon, true, nil)
	gone := noon.Add(time.Hour)
	d.Expire(gone.Add(-time.Second))
	take(t, d, as(bo, 6, gone, heir), gone, false, errUnnamed) // here it is forgotten, too
	d = newDirectory()
	take(t, d, as(ana, 5, gone.Add(-5*time.Second), heir), gone, true, nil)
	take(t, d, as(bo, 6, gone, heir), gone, false, nil)

	later := gone.Add(time.Minute) // Ana's has run out, Bo's not yet
	take(t, d, as(bo, 7, later, heir), later, false, nil)
	told := d.Missing(nil, 10, later)
	if len(told) != 2 {
		t.Fatalf("who comes late is told %d announcements", len(told))
	}
	late := newDirectory()
	take(t, late, told[1], later, false, errUnnamed)
	take(t, late, told[0], later, false, nil)
	if _, ok := late.Get(id, later); ok || len(late.Live(later)) != 0 || len(late.versions()) != 0 || len(late.Missing(nil, 10, later)) != 0 {
		t.Error("a word that ran out lists a room")
	}
	take(t, late, as(eve, 8, later, heir, eve.Author().Person), later, false, errUnnamed)
	take(t, late, told[1], later, true, nil)
	if l, ok := late.Get(id, later); !ok || l.device != bo.Author().Device {
		t.Errorf("announced by %v, %v", l.device, ok)
	}
	take(t, late, told[0], later, false, errOld)
	if again := late.Missing(nil, 10, later); len(again) != 2 {
		t.Errorf("passed on are %d announcements", len(again))
	}
	if again := late.Missing(map[room.ID]uint64{id: 6}, 10, later); len(again) != 1 {
		t.Errorf("who knows the room is told %d announcements", len(again))
	}

	other := newDirectory()
	take(t, other, told[0], later, false, nil)
	other.Expire(later.Add(wordWaits + 1))
	if len(other.rooms) != 0 {
		t.Error("it waits for ever")
	}
	take(t, other, told[0], gone.Add(wordFor+time.Minute), false, room.ErrStale)
	take(t, other, as(ana, 9, noon), gone, false, room.ErrStale) // nobody is named
}
