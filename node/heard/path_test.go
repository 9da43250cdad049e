package heard

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"salon/room/mix"
	"salon/room/opus"
)

// A packetOnWay is one frame of a stream that a path delivers.
type packetOnWay struct {
	number uint64
	data   []byte
	at     time.Duration // of arrival
}

// throughPath codes a voice, sends it over a path, and returns what a mixer plays of it: the whole way of the sound but
// for the network. delay is negative for a lost packet.
func throughPath(t *testing.T, o opus.Options, buffer mix.Options, pcm []float32, ppm float64, delay func(n uint64) time.Duration) ([]float32, mix.Stats) {
	t.Helper()
	enc, err := opus.NewEncoder(o)
	if err != nil {
		t.Fatal(err)
	}
	dec, err := opus.NewDecoder(enc.Channels())
	if err != nil {
		t.Fatal(err)
	}
	size := mix.FrameSamples * enc.Channels()
	var way []packetOnWay
	for n := uint64(0); len(pcm) >= size; n++ {
		packet := make([]byte, opus.MaxPacket)
		k, err := enc.Encode(pcm[:size], packet)
		if err != nil {
			t.Fatal(err)
		}
		pcm = pcm[size:]
		if d := delay(n); d >= 0 {
			sent := time.Duration(float64(n) * float64(mix.FrameDuration) / (1 + ppm*1e-6))
			way = append(way, packetOnWay{n, packet[:k], sent + d})
		}
	}
	slices.SortStableFunc(way, func(a, b packetOnWay) int { return int(a.at - b.at) })
	end := way[len(way)-1].at + time.Second
	source := mix.NewSource(dec, enc.Channels(), buffer)
	mixer := mix.NewMixer(enc.Channels())
	mixer.Add(source, 1)
	start := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	var out []float32
	for now := time.Duration(0); now < end; now += mix.FrameDuration {
		for len(way) > 0 && way[0].at <= now {
			source.Push(way[0].number, way[0].data, start.Add(way[0].at))
			way = way[1:]
		}
		frame := make([]float32, size)
		mixer.Mix(frame, start.Add(now))
		out = append(out, frame...)
	}
	return out, source.Stats()
}

// click is the loudest millisecond above 10 kHz, in dBFS. The test voice has nothing there, and a break in the wave does.
func click(pcm []float32) float64 {
	// A windowed high-pass of 31 taps.
	const half, cut = 15, 10000.0 / sampleRate
	var filter [2*half + 1]float64
	for i := range filter {
		x := float64(i - half)
		w := 0.5 + 0.5*math.Cos(math.Pi*x/(half+1))
		if x == 0 {
			filter[i] = 1 - 2*cut
		} else {
			filter[i] = -math.Sin(2*math.Pi*cut*x) / (math.Pi * x) * w
		}
	}
	worst, sum := 0.0, 0.0
	for i := half; i+half < len(pcm); i++ {
		y := 0.0
		for k, f := range filter {
			y += f * float64(pcm[i-half+k])
		}
		if sum += y * y; i%48 == 0 {
			worst, sum = max(worst, sum/48), 0
		}
	}
	return 10 * math.Log10(worst+1e-12)
}

func TestVoiceSurvivesThePath(t *testing.T) {
	said := voice(t)
	for _, row := range []struct {
		name   string
		opts   mix.Options
		ppm    float64
		loss   float64
		jitter time.Duration
		burst  int // frames lost in a row, every 4 s
		least  float64
		gap    time.Duration
	}{
		{"a good path", mix.Stage(), 0, 0, 5 * time.Millisecond, 0, 0.999, 20 * time.Millisecond},
		{"clocks 200 ppm apart", mix.Stage(), 200, 0, 10 * time.Millisecond, 0, 0.998, 30 * time.Millisecond},
		{"clocks 200 ppm apart the other way", mix.Audience(), -200, 0, 60 * time.Millisecond, 0, 0.998, 30 * time.Millisecond},
		{"2 % lost", mix.Stage(), 50, 0.02, 10 * time.Millisecond, 0, 0.995, 50 * time.Millisecond},
		{"5 % lost", mix.Stage(), 50, 0.05, 10 * time.Millisecond, 0, 0.99, 60 * time.Millisecond},
		{"much jitter", mix.Stage(), 50, 0, 120 * time.Millisecond, 0, 0.98, 80 * time.Millisecond},
		{"100 ms lost at once", mix.Audience(), 50, 0, 10 * time.Millisecond, 5, 0.97, 120 * time.Millisecond},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(11, 1))
			heard, st := throughPath(t, opus.Talk(), row.opts, said, row.ppm, func(n uint64) time.Duration {
				if rng.Float64() < row.loss || row.burst > 0 && n%200 >= 100 && n%200 < 100+uint64(row.burst) {
					return -1
				}
				return 20*time.Millisecond + time.Duration(rng.Int64N(int64(row.jitter)))
			})
			r, c := Compare(said, heard), click(heard)
			t.Logf("%+v\n%+v\nclick %.1f dBFS", r, st, c)
			if r.HeardShare < row.least || r.LongestGap > row.gap {
				t.Errorf("heard %.2f %%, longest gap %v", 100*r.HeardShare, r.LongestGap)
			}
			if c > -40 {
				t.Errorf("a click of %.1f dBFS", c)
			}
		})
	}
}

// What is on the left stays on the left, and what is on the right on the right, with drift and with loss.
func TestConcertStaysStereo(t *testing.T) {
	left := voice(t)[:8*sampleRate]
	backwards := slices.Clone(left)
	slices.Reverse(backwards)
	for _, row := range []struct {
		name  string
		right []float32
		lose  uint64 // one in so many
	}{
		{"silence on the right", make([]float32, len(left)), 0},
		{"something else on the right", backwards, 0},
		{"something else on the right, and 2 % lost", backwards, 50},
	} {
		t.Run(row.name, func(t *testing.T) {
			both := make([]float32, 0, 2*len(left))
			for i := range left {
				both = append(both, left[i], row.right[i])
			}
			out, _ := throughPath(t, opus.Concert(), mix.Audience(), both, 200, func(n uint64) time.Duration {
				if row.lose > 0 && n%row.lose == 7 {
					return -1
				}
				return 20 * time.Millisecond
			})
			var l, r []float32
			for i := 0; i < len(out); i += 2 {
				l, r = append(l, out[i]), append(r, out[i+1])
			}
			if rep := Compare(left, l); rep.HeardShare < 0.98 {
				t.Errorf("left: %+v", rep)
			}
			if rep := Compare(row.right, r); rep.VoicedWindows > 0 && rep.HeardShare < 0.98 {
				t.Errorf("right: %+v", rep)
			}
			if leak := Leak(left, r); leak > -25 {
				t.Errorf("the left voice is heard on the right, at %.1f dB", leak)
			}
		})
	}
}
