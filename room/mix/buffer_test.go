package mix

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// pops asks for frames and names what came: the kind, and for packets the number.
func pops(b *Buffer, frames int, now time.Time) []any {
	var got []any
	for f := range frames {
		packet, kind := b.Pop(now.Add(time.Duration(f) * FrameDuration))
		got = append(got, kind)
		if packet != nil {
			got = append(got, int(binary.BigEndian.Uint64(packet[2:])))
		}
	}
	return got
}

func TestBufferGives(t *testing.T) {
	plain := func(n uint64) []byte { return append([]byte{31 << 3, 0}, tonePacket(n)[2:]...) }
	for _, row := range []struct {
		name string
		push []uint64
		fec  bool
		want []any
	}{
		{"nothing before anything came", nil, true, []any{Wait, Wait, Wait}},
		{"packets in order", []uint64{7, 8, 9}, true, []any{Play, 7, Play, 8, Play, 9}},
		{"an order that was lost on the way", []uint64{8, 7, 9}, true, []any{Play, 7, Play, 8, Play, 9}},
		{"each packet once", []uint64{7, 7, 8, 8, 9}, true, []any{Play, 7, Play, 8, Play, 9}},
		{"a lost frame from the next one", []uint64{7, 9}, true, []any{Play, 7, FEC, 9, Play, 9}},
		{"two lost frames, one of them from the next", []uint64{7, 10}, true, []any{Play, 7, Conceal, FEC, 10, Play, 10}},
		{"a lost frame without a copy", []uint64{7, 9}, false, []any{Play, 7, Conceal, Play, 9}},
		{"standstill where nothing follows", []uint64{7}, true, []any{Play, 7, Late, Late}},
	} {
		t.Run(row.name, func(t *testing.T) {
			b := NewBuffer(Stage())
			for _, n := range row.push {
				packet := plain(n)
				if row.fec {
					packet = tonePacket(n)
				}
				b.Push(n, packet, t0)
			}
			frames := 0
			for _, w := range row.want {
				if _, ok := w.(Kind); ok {
					frames++
				}
			}
			// The last packet is the fastest, so the first is due when the last has waited for its time.
			first := t0.Add(60 * time.Millisecond)
			if n := len(row.push); n > 0 {
				first = first.Add(-time.Duration(max(row.push[n-1], row.push[0])-7) * FrameDuration)
			}
			got := pops(b, frames, first)
			if len(got) != len(row.want) {
				t.Fatalf("got %v, want %v", got, row.want)
			}
			for i := range got {
				if got[i] != row.want[i] {
					t.Fatalf("got %v, want %v", got, row.want)
				}
			}
		})
	}
}

func TestOldPacketIsNeverPlayedAfterAPause(t *testing.T) {
	b := NewBuffer(Stage())
	b.Push(7, tonePacket(7), t0)
	pops(b, 12, t0.Add(60*time.Millisecond)) // played, and then a pause
	later := t0.Add(10 * time.Second)
	b.Push(8, tonePacket(8), later)
	b.Push(7, tonePacket(7), later) // somebody sends it again
	if got := pops(b, 2, later.Add(60*time.Millisecond)); got[1] != 8 {
		t.Errorf("after the pause: %v", got)
	}
	if c := b.Counts(); c.Late != 1 || c.Played != 2 {
		t.Errorf("%+v", c)
	}
}

func TestNumbersThatGoBackAreFollowedAtLast(t *testing.T) {
	b := NewBuffer(Stage())
	b.Push(1_000_000, tonePacket(0), t0)
	pops(b, 2, t0.Add(60*time.Millisecond))
	for n := range uint64(60) {
		b.Push(n, tonePacket(n), t0.Add(time.Duration(n)*FrameDuration))
	}
	if got := pops(b, 1, t0.Add(1200*time.Millisecond)); got[0] == Late || got[0] == Wait {
		t.Errorf("stuck: %v, %+v", got, b.Counts())
	}
}

// Whatever comes whenever: the buffer stays within its bound, numbers only rise while it plays on, and it gives again
// what comes in order afterwards.
func TestBufferWithstandsAnything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := Options{Min: 40 * time.Millisecond, Max: 100 * time.Millisecond, Cap: rapid.IntRange(1, 40).Draw(t, "cap")}
		o.Cap = max(o.Cap, 16)
		b := NewBuffer(o)
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		near := rapid.Uint64().Draw(t, "near")
		now := t0
		for range rapid.IntRange(0, 300).Draw(t, "steps") {
			switch rng.IntN(10) {
			case 0:
				near = rng.Uint64()
			case 1:
				now = now.Add(time.Duration(rng.Int64N(int64(3 * time.Second))))
			}
			n := near + uint64(rng.IntN(60)) - 30
			b.Push(n, tonePacket(n), now)
			for range rng.IntN(4) {
				now = now.Add(FrameDuration)
				b.Pop(now)
			}
			if b.Len() > o.Cap || b.Len() < 0 {
				t.Fatalf("%d held, %d allowed", b.Len(), o.Cap)
			}
		}
		start := rng.Uint64() >> 1
		played := 0
		for i := range uint64(200) {
			now = now.Add(FrameDuration)
			b.Push(start+i, tonePacket(start+i), now)
			if packet, kind := b.Pop(now); i >= 150 && kind == Play && binary.BigEndian.Uint64(packet[2:]) <= start+i {
				played++
			}
		}
		if played < 45 {
			t.Fatalf("%d of 50 frames played in the end: %+v", played, b.Counts())
		}
	})
}

// paced runs a pacer behind a path for a time; each is called with each packet that it lets through.
func paced(p *Pacer, in *path, d time.Duration, each func(number uint64, packet []byte, now time.Time)) {
	for now := t0; now.Before(t0.Add(d)); now = now.Add(time.Millisecond) {
		for _, a := range in.upTo(now) {
			p.Push(a.number, tonePacket(a.number), a.at)
		}
		for {
			n, packet, ok := p.Next(now)
			if !ok {
				break
			}
			each(n, packet, now)
		}
	}
}

func TestPacerReleasesInTimeAndOrder(t *testing.T) {
	p := NewPacer(Audience())
	in := &path{ppm: 200, delay: func(n uint64) time.Duration {
		switch {
		case n%50 == 20:
			return -1 // lost
		case n%7 == 3:
			return 150 * time.Millisecond
		}
		return 20 * time.Millisecond
	}}
	var last uint64
	var got int
	var early, behind time.Duration = time.Hour, 0
	paced(p, in, time.Minute, func(n uint64, packet []byte, now time.Time) {
		if binary.BigEndian.Uint64(packet[2:]) != n || got > 0 && n <= last {
			t.Fatalf("number %d after %d", n, last)
		}
		last = n
		got++
		sent := t0.Add(time.Duration(float64(n) * float64(FrameDuration) / 1.0002))
		early, behind = min(early, now.Sub(sent)), max(behind, now.Sub(sent))
	})
	if want := 60*49 - 20; got < want {
		t.Errorf("%d packets, want %d", got, want)
	}
	if early < 310*time.Millisecond || behind > 345*time.Millisecond {
		t.Errorf("from %v to %v after they were sent", early, behind)
	}
	if c := p.Counts(); c.Late > 0 {
		t.Errorf("%+v", c)
	}
}

// Who joins gets what was said last all at once. That says nothing of the path, and does not change the delay later.
func TestPacerOfWhoJoins(t *testing.T) {
	for _, burst := range []uint64{1, 5, 14, 17, 25} {
		p := NewPacer(Audience())
		in := &path{delay: func(n uint64) time.Duration {
			if n <= burst {
				return time.Duration(burst-n) * FrameDuration
			}
			return time.Duration(n*7%5) * time.Millisecond
		}}
		least, most := time.Hour, time.Duration(0)
		paced(p, in, 15*time.Second, func(n uint64, _ []byte, now time.Time) {
			if n > burst {
				delay := now.Sub(t0) - time.Duration(n)*FrameDuration
				least, most = min(least, delay), max(most, delay)
			}
		})
		if most-least > 5*time.Millisecond || p.Counts().Concealed+p.Counts().Late > 0 {
			t.Errorf("after a burst of %d it plays %v to %v behind: %+v", burst, least, most, p.Counts())
		}
	}
}

func TestPacerGoesOnAfterAPause(t *testing.T) {
	p := NewPacer(Stage())
	p.Push(1, tonePacket(1), t0)
	if n, _, ok := p.Next(t0.Add(61 * time.Millisecond)); !ok || n != 1 {
		t.Fatalf("first packet: %d %v", n, ok)
	}
	p.Next(t0.Add(5 * time.Second))
	again := t0.Add(10 * time.Second)
	p.Push(2, tonePacket(2), again)
	if _, _, ok := p.Next(again.Add(30 * time.Millisecond)); ok {
		t.Error("the first packet after a pause did not wait")
	}
	if n, _, ok := p.Next(again.Add(61 * time.Millisecond)); !ok || n != 2 {
		t.Errorf("after a pause: %d %v", n, ok)
	}
}
