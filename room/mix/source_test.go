package mix

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// Minutes of a tone from a clock that is wrong: nothing is invented or left out, nothing clicks, and the delay
// stays where it belongs.
func TestDriftIsInaudible(t *testing.T) {
	for _, row := range []struct {
		ppm    float64
		opts   Options
		jitter time.Duration
		length time.Duration
	}{
		{200, Stage(), 15 * time.Millisecond, 10 * time.Minute},
		{-200, Stage(), 15 * time.Millisecond, 10 * time.Minute},
		{200, Audience(), 60 * time.Millisecond, 4 * time.Minute},
		{-200, Audience(), 60 * time.Millisecond, 4 * time.Minute},
		{50, Stage(), 1, 2 * time.Minute},
	} {
		t.Run(fmt.Sprintf("%+.0f ppm, at least %v", row.ppm, row.opts.Min), func(t *testing.T) {
			t.Parallel()
			if testing.Short() {
				row.length = time.Minute
			}
			s := NewSource(&toneDecoder{}, 1, row.opts)
			p := &path{ppm: row.ppm, delay: uneven(7, row.jitter)}
			var lo, hi time.Duration = time.Hour, 0
			frames := 0
			out := play(s, p, row.length, func(f int, _ time.Time) {
				if frames = f; f > 1500 { // half a minute to learn the clock
					st := s.Stats()
					lo, hi = min(lo, st.Delay-st.Target), max(hi, st.Delay-st.Target)
				}
			})
			st := s.Stats()
			if st.Concealed+st.Expanded+st.Dropped+st.Late+st.FEC != 0 {
				t.Errorf("after %d frames: %+v", frames, st)
			}
			if lo < -25*time.Millisecond || hi > 25*time.Millisecond {
				t.Errorf("delay from %v to %v around its target", lo, hi)
			}
			if !testing.Short() && math.Abs(st.PPM-row.ppm) > 40 { // a minute is too short to learn it
				t.Errorf("learned %.0f ppm", st.PPM)
			}
			if r := roughness(out[SampleRate:], toneHz); r > 0.0005 {
				t.Errorf("a step of %.5f in the tone", r)
			}
		})
	}
}

func TestStartIsSoonAndFadedIn(t *testing.T) {
	for _, o := range []Options{Stage(), Audience()} {
		s := NewSource(&toneDecoder{}, 1, o)
		out := play(s, &path{delay: steady(30 * time.Millisecond)}, time.Second, nil)
		first := 0
		for out[first] == 0 {
			first++
		}
		began := time.Duration(first) * time.Second / SampleRate
		if want := 30*time.Millisecond + o.Start; began < want-5*time.Millisecond || began > want+5*time.Millisecond {
			t.Errorf("sound after %v, want about %v", began, want)
		}
		if r := roughness(out, toneHz); r > 0.005 {
			t.Errorf("a step of %.4f at the start", r)
		}
	}
}

// A newcomer gets the last 300 ms at once, and need not wait for more.
func TestBurstStartsAtOnce(t *testing.T) {
	s := NewSource(&toneDecoder{}, 1, Audience())
	for n := range uint64(15) {
		s.Push(n, tonePacket(n), t0)
	}
	pcm := make([]float32, FrameSamples)
	heard := 0
	for f := range 3 {
		s.Read(pcm, t0.Add(time.Duration(f)*FrameDuration))
		if Level(pcm) < 20 {
			heard++
		}
	}
	if heard < 2 {
		t.Errorf("%d of the first 3 frames were heard", heard)
	}
}

func TestRandomLossIsRestored(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	lost := uint64(0)
	jitter := uneven(3, 10*time.Millisecond)
	p := &path{delay: func(n uint64) time.Duration {
		if n > 10 && rng.Float64() < 0.05 {
			lost++
			return -1
		}
		return jitter(n)
	}}
	s := NewSource(&toneDecoder{}, 1, Stage())
	play(s, p, 2*time.Minute, nil)
	st := s.Stats()
	share := float64(st.Concealed+st.Expanded) / float64(st.Played)
	if share > 0.005 { // relay.md D7: at most 0.5 % by concealment
		t.Errorf("%.2f %% of frames were invented, of %d lost: %+v", 100*share, lost, st)
	}
}

func TestOutageFadesAndEndsWithoutAClick(t *testing.T) {
	p := &path{delay: func(n uint64) time.Duration {
		if n >= 100 && n < 130 {
			return -1
		}
		return 20 * time.Millisecond
	}}
	d := &toneDecoder{}
	s := NewSource(d, 1, Stage())
	out := play(s, p, 5*time.Second, nil)
	if r := roughness(out, toneHz); r > 0.06 { // the fake's own jump of phase, under a 5 ms fade
		t.Errorf("a step of %.3f", r)
	}
	if l := Level(out[3*SampleRate-FrameSamples : 3*SampleRate]); l > 10 {
		t.Errorf("level after the outage is -%d dB", l)
	}
	if st := s.Stats(); st.Delay > 100*time.Millisecond {
		t.Errorf("the delay stayed at %v", st.Delay)
	}
}

// A path that stops for a second and then delivers all of it: live sound goes on, stale sound is left out.
func TestBurstAfterAnOutageIsSkipped(t *testing.T) {
	p := &path{delay: func(n uint64) time.Duration {
		if n >= 100 && n < 150 {
			return 20*time.Millisecond + time.Duration(150-n)*FrameDuration
		}
		return 20 * time.Millisecond
	}}
	s := NewSource(&toneDecoder{}, 1, Stage())
	var after time.Duration
	play(s, p, 5*time.Second, func(f int, _ time.Time) {
		if f == 160 {
			after = s.Stats().Delay
		}
	})
	if after > 300*time.Millisecond {
		t.Errorf("%v behind after the outage", after)
	}
	if st := s.Stats(); st.Dropped == 0 {
		t.Errorf("nothing was left out: %+v", st)
	}
}

func TestPauseRestartsCleanly(t *testing.T) {
	// Numbers do not go on while a speaker is muted.
	d := &toneDecoder{}
	s := NewSource(d, 1, Stage())
	p := &path{delay: func(n uint64) time.Duration {
		if n >= 100 {
			return 10020 * time.Millisecond // a mute of 10 s
		}
		return 20 * time.Millisecond
	}}
	var during, after Stats
	play(s, p, 20*time.Second, func(f int, _ time.Time) {
		switch f {
		case 300:
			during = s.Stats()
		case 700:
			after = s.Stats()
		}
	})
	if during.Level != Silence || during.Delay != 0 || during.Expanded > dryFrames {
		t.Errorf("in the pause: %+v", during)
	}
	if after.Level > 10 || after.Delay > 100*time.Millisecond || after.Concealed+after.Dropped > 0 {
		t.Errorf("after the pause: %+v", after)
	}
	for i, n := range d.log {
		if uint64(i) != n {
			t.Fatalf("frame %d was played as %d", n, i)
		}
	}
}

// The delay follows the path up at once, and comes down where nobody speaks.
func TestDelayFollowsThePath(t *testing.T) {
	rough := uneven(9, 120*time.Millisecond)
	p := &path{delay: func(n uint64) time.Duration {
		if n >= 500 && n < 1500 {
			return rough(n)
		}
		return 20 * time.Millisecond
	}}
	d := &toneDecoder{quiet: func(n uint64) bool { return n%50 < 15 }}
	s := NewSource(d, 1, Stage())
	var calm, bad, again Stats
	play(s, p, 60*time.Second, func(f int, _ time.Time) {
		switch f {
		case 490:
			calm = s.Stats()
		case 1490:
			bad = s.Stats()
		case 2999:
			again = s.Stats()
		}
	})
	if calm.Delay > 70*time.Millisecond || bad.Delay < 110*time.Millisecond || again.Delay > 70*time.Millisecond {
		t.Errorf("delay %v, on a bad path %v, afterwards %v", calm.Delay, bad.Delay, again.Delay)
	}
	if late := bad.Late - calm.Late; late > 20 {
		t.Errorf("%d of 1000 frames were late", late)
	}
}

// On a good path a conversation has its least delay after the first pause, whenever in a frame it began.
func TestDelayIsRightAfterThePathIsKnown(t *testing.T) {
	for late := time.Duration(0); late < FrameDuration; late += 3 * time.Millisecond {
		s := NewSource(&toneDecoder{quiet: func(n uint64) bool { return n >= 60 && n < 75 }}, 1, Stage())
		play(s, &path{delay: steady(20*time.Millisecond + late)}, 2*time.Second, nil)
		st := s.Stats()
		if off := st.Delay - st.Target; off < -scanty || off > tardy || st.Target > 45*time.Millisecond {
			t.Errorf("%v late: a delay of %v, and the target is %v", late, st.Delay, st.Target)
		}
	}
}

func TestMalformedPacketsAreCounted(t *testing.T) {
	s := NewSource(&toneDecoder{}, 1, Stage())
	s.Push(0, nil, t0)
	s.Push(1, []byte{0xff, 0x3f}, t0)     // 63 frames
	s.Push(2, []byte{31<<3 | 1, 0}, t0)   // two frames
	s.Push(3, []byte{31 << 3 & 0xe0}, t0) // 2.5 ms
	if st := s.Stats(); st.Malformed != 4 || s.buf.Len() != 0 {
		t.Errorf("%+v, %d held", st, s.buf.Len())
	}
}

func TestReadDoesNotAllocate(t *testing.T) {
	s := NewSource(&toneDecoder{log: make([]uint64, 0, 10000)}, 1, Stage())
	pcm := make([]float32, FrameSamples)
	packet := tonePacket(0)
	now, n := t0, uint64(0)
	allocs := testing.AllocsPerRun(1000, func() {
		packet = packet[:10]
		s.Push(n, packet, now)
		s.Read(pcm, now)
		n++
		now = now.Add(FrameDuration)
	})
	if allocs > 0.1 {
		t.Errorf("%v allocations a frame", allocs)
	}
}
