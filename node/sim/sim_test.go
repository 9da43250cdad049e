package sim

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// soak is whether SALON_SOAK asks for the full lengths and numbers: "make soak".
var soak = os.Getenv("SALON_SOAK") != ""

// length chooses how much is simulated: in full, as a matter of course, or with -short.
func length[T any](full, usual, short T) T {
	switch {
	case soak:
		return full
	case testing.Short():
		return short
	}
	return usual
}

func run(t *testing.T, o Options) *Result {
	t.Helper()
	r, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	if err := r.Print(&table); err != nil {
		t.Fatal(err)
	}
	t.Log("\n" + table.String())
	if r.Wrong > 0 {
		t.Errorf("seed %d: %d frames that were never said", o.Seed, r.Wrong)
	}
	if r.Trespasses > 0 {
		t.Errorf("seed %d: for %d packets honest peers would have been shown out", o.Seed, r.Trespasses)
	}
	if r.Unheard > 0 || r.NeverHeard > 0 {
		t.Errorf("seed %d: %d peers never heard anything", o.Seed, r.Unheard+r.NeverHeard)
	}
	return r
}

func atMost(t *testing.T, what string, got, limit float64) {
	t.Helper()
	if got > limit {
		t.Errorf("%s: %v, at most %v", what, got, limit)
	}
}

func TestSoundArrivesDespiteChurnAndLoss(t *testing.T) {
	r := run(t, Options{
		Seed: 1, Peers: length(1000, 1000, 200), For: length(10*time.Minute, 45*time.Second, 20*time.Second), Loss: 0.02, Churn: 5,
	})
	if r.Joins < r.Options.Peers+20 || r.Leaves < 20 {
		t.Errorf("%d joins, %d leaves", r.Joins, r.Leaves)
	}
	atMost(t, "share of frames late or lost", 1-r.Delivered(), 0.001)
	atMost(t, "share of duplicates", r.DuplicateShare(), 0.02)
	if !testing.Short() { // a short time is full of newcomers, who ask around
		atMost(t, "control, of the bytes of sound", r.ControlShare(), 0.03)
	}
}

func TestSoundIsBackSoonAfterAThirdOfTheRelaysIsGone(t *testing.T) {
	for seed := range uint64(length(20, 2, 1)) {
		r := run(t, Options{
			Seed: 1 + seed, Peers: length(1000, 1000, 200), Arrive: 400, For: 18 * time.Second, Loss: 0.02, Kills: []Kill{{0.3, 10 * time.Second}},
		})
		if r.Killed < 10 || r.BackMS.N < 20 {
			t.Errorf("%d killed, %d lost their sound", r.Killed, r.BackMS.N)
		}
		atMost(t, "ms until the sound is back, p99", r.BackMS.P99, 2000)
		atMost(t, "peers without sound for good", float64(r.NotBack+r.Silent), 0)
	}
}

// Below the only relay everybody has a second parent, the host, as long as it has places, and goes on there.
func TestTheOnlyRelayDiesUnheard(t *testing.T) {
	for seed := range uint64(length(50, 10, 3)) {
		r := run(t, Options{
			Seed: 1 + seed, Peers: 20, Arrive: 20, Ready: 1, Fanout: 24, Relays: -1, Volunteers: -1, For: 14 * time.Second, Loss: 0.02, Kills: []Kill{{1, 10 * time.Second}},
		})
		if r.Killed != 1 || r.Moves.Resumed == 0 {
			t.Errorf("seed %d: %d killed, %d went on with another", 1+seed, r.Killed, r.Moves.Resumed)
		}
		atMost(t, "ms until the sound is back, p99", r.BackMS.P99, 400)
		atMost(t, "frames late or lost", float64(r.Due-r.OnTime), 0)
	}
}

// Twenty listeners below two relays, of which one dies: through the buffer of a listener's node those below it hear no gap, or hardly
// one in a hundred.
func TestARelayDiesUnheard(t *testing.T) {
	var concealed []int
	var pauses []ms
	for seed := range uint64(length(200, 40, 10)) {
		r := run(t, Options{
			Seed: 1 + seed, Peers: 20, Arrive: 20, Ready: 2, Fanout: 2, Relays: -1, Volunteers: -1, For: 16 * time.Second, Loss: 0.02, Play: true, Kills: []Kill{{0.5, 10 * time.Second}},
		})
		if r.Killed != 1 || r.Orphans.N == 0 || r.Played < 20*50*10 {
			t.Errorf("seed %d: %d killed, who fed %d; %d frames played", 1+seed, r.Killed, r.Orphans.N, r.Played)
		}
		concealed, pauses = append(concealed, r.orphans...), append(pauses, r.pauses...)
	}
	q, p := quantiles(concealed), quantiles(pauses)
	t.Logf("%d lost their parent: nothing came for p50 %.0f, p99 %.0f, at most %.0f ms; concealed frames p50 %.0f, p95 %.0f, p99 %.0f, at most %.0f", q.N, p.P50, p.P99, p.Max, q.P50, q.P95, q.P99, q.Max)
	atMost(t, "concealed frames, p95", q.P95, 0)
	atMost(t, "concealed frames, p99", q.P99, 2)
	atMost(t, "ms without anything new, p50", p.P50, 250) // 200, on loopback; the round trip is 50 here
	atMost(t, "ms without anything new, p99", p.P99, 500)
}

func TestACrowdIsLetIn(t *testing.T) {
	r := run(t, Options{Seed: 1, Peers: length(1000, 1000, 200), Arrive: 200, For: 8 * time.Second, Settle: time.Second, Loss: 0.02})
	if r.JoinMS.N != r.Joins {
		t.Errorf("%d of %d heard something", r.JoinMS.N, r.Joins)
	}
	atMost(t, "ms to the first frame, p95", r.JoinMS.P95, 2000)
}

func TestALargeRoomIsNotDeep(t *testing.T) {
	r := run(t, Options{
		Seed: 1, Peers: length(10_000, 3000, 500), Arrive: length(1000.0, 600, 200), Tick: 20 * time.Millisecond, Loss: 0.02,
		For: length(time.Minute, 15*time.Second, 10*time.Second), Churn: 5,
	})
	atMost(t, "depth, at any time", float64(r.DepthMax), 4)
	atMost(t, "share of duplicates", r.DuplicateShare(), 0.02)
	if !testing.Short() {
		atMost(t, "control, of the bytes of sound", r.ControlShare(), 0.03)
	}
	atMost(t, "share of frames late or lost", 1-r.Delivered(), 0.001)
}

func TestBadLinesAreLeftAndNobodyHearsIt(t *testing.T) {
	// A seed with places enough at relays whose line is good: in some rooms the few of these are full.
	r := run(t, Options{Seed: 2, Peers: 200, For: length(5*time.Minute, 75*time.Second, 75*time.Second), Loss: 0.02, Bad: 0.2})
	early, late := r.Seconds[8].OnBad, r.Seconds[len(r.Seconds)-1].OnBad
	if early < 10 || late > early/2 {
		t.Errorf("%d fed over a bad line at first, %d at the end", early, late)
	}
	atMost(t, "share of frames late or lost", 1-r.Delivered(), 0.0001)
	r = run(t, Options{Seed: 1, Peers: 80, For: 75 * time.Second, Loss: 0.02})
	atMost(t, "moves for nothing", float64(r.Moves.Improved), 3)
}

func TestAFarewellCostsNobodyAFrame(t *testing.T) {
	r := run(t, Options{Seed: 1, Peers: 150, For: 25 * time.Second, Churn: 10, Polite: 1})
	if r.Leaves < 50 {
		t.Errorf("%d leaves", r.Leaves)
	}
	if r.OnTime != r.Due {
		t.Errorf("%d of %d frames on time", r.OnTime, r.Due)
	}
}

func TestAPartitionHeals(t *testing.T) {
	for seed := range uint64(length(8, 2, 1)) {
		r := run(t, Options{
			Seed: 1 + seed, Peers: length(300, 300, 100), For: 30 * time.Second, Loss: 0.02, Cuts: []Cut{{0.5, 12 * time.Second, 12 * time.Second}},
		})
		atMost(t, "peers without sound at the end", float64(r.NotBack+r.Silent), 0)
		atMost(t, "ms until the sound is back, p99", r.BackMS.P99, 2000)
		if r.BackMS.N < r.Parted*9/10 {
			t.Errorf("%d cut off, %d lost their sound", r.Parted, r.BackMS.N)
		}
		here := 1 - float64(r.Parted)/float64(r.Peers) // the host's side goes on
		for i := 15; i < 23; i++ {
			s := r.Seconds[i]
			atMost(t, "share of the host's side that hears nothing", here-s.Delivered(), 0.001)
			atMost(t, "connections tried a second by each peer of the other side", float64(s.Dials)/float64(r.Parted), 5)
		}
		if after := r.Seconds[27].Delivered(); after < 0.999 {
			t.Errorf("delivered %v soon after", after)
		}
	}
}

// liarsRoom is a small room in which a third of those who carry others lie.
func liarsRoom(lie Lie) Options {
	return Options{Seed: 1, Peers: 30, Arrive: 100, Settle: time.Second, For: 6 * time.Second, Loss: 0.01, Liars: 0.3, Relays: 0.2, RelayFanout: 8, Fanout: 4, Lies: []Lie{lie}}
}

func TestLiarsAreNeverHeard(t *testing.T) {
	for _, lie := range Lies {
		t.Run(string(lie), func(t *testing.T) {
			r, err := Trials(t.Context(), liarsRoom(lie), length(10_000/len(Lies)+1, 25, 3), nil)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%+v", r)
			if r.BadSeed != nil {
				t.Errorf("seed %d: %d frames that were never said", *r.BadSeed, r.Wrong)
			}
			if r.Trespasses > 0 {
				t.Errorf("for %d packets honest peers would have been shown out", r.Trespasses)
			}
			if r.Liars == 0 {
				t.Error("nobody lied")
			}
			switch lie {
			case "flip", "forge", "replay", "truncate", "splice":
				if r.Bans == 0 {
					t.Error("nobody was banned")
				}
			}
			if got := ratio(r.OnTime, r.Due); got < 0.95 {
				t.Errorf("delivered %v", got)
			}
		})
	}
}

// The proof that wrong frames would be counted: the source says of some that it never made them.
func TestWrongFramesAreCounted(t *testing.T) {
	w, err := newWorld(mustDefault(t, Options{Seed: 1, Peers: 10, Arrive: 100, Settle: time.Second, For: 3 * time.Second}))
	if err != nil {
		t.Fatal(err)
	}
	w.plan()
	for w.now < w.end() {
		w.step()
		if w.now%1000 == 0 {
			w.src.frames[(w.src.next-1)%kept].Sealed = []byte("never said")
		}
	}
	if r := w.result(); r.Wrong < 10 {
		t.Errorf("%d wrong frames", r.Wrong)
	}
}

func mustDefault(t *testing.T, o Options) Options {
	t.Helper()
	o, err := o.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestOneSeedIsOneTrace(t *testing.T) {
	o := Options{Seed: 7, Peers: 100, Arrive: 100, For: 8 * time.Second, Settle: time.Second, Loss: 0.05, Churn: 10, Spread: 30 * time.Millisecond, Liars: 0.2, Kills: []Kill{{0.2, 5 * time.Second}}}
	trace := func(seed uint64) string {
		o.Seed = seed
		r, err := Run(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		b, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	first := trace(7)
	if again := trace(7); again != first {
		t.Errorf("the same seed:\n%s\n%s", first, again)
	}
	if other := strings.Replace(trace(8), `"seed":8`, `"seed":7`, 1); other == first {
		t.Error("another seed made the same trace")
	}
}

func TestMemoryDoesNotGrow(t *testing.T) {
	w, err := newWorld(mustDefault(t, Options{Seed: 1, Peers: length(200, 150, 150), For: length(2*time.Hour, 40*time.Second, 30*time.Second), Loss: 0.02, Churn: 5}))
	if err != nil {
		t.Fatal(err)
	}
	w.plan()
	use := func(until ms) float64 {
		for w.now < until {
			w.step()
		}
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return float64(m.HeapAlloc) / float64(len(w.alive))
	}
	early := use(w.end() / 3)
	late := use(w.end() - 1)
	t.Logf("%.0f kB a peer, then %.0f kB, %d peers", early/1024, late/1024, len(w.alive))
	atMost(t, "growth", late/early, 1.15)
	third := len(w.res.Seconds) / 3
	most := func(list []Second) (n int) {
		for _, s := range list {
			n = max(n, s.Notes)
		}
		return n
	}
	before, after := most(w.res.Seconds[third/2:third]), most(w.res.Seconds[2*third:])
	t.Logf("notes on other peers: at most %d, then %d", before, after)
	atMost(t, "growth of notes on other peers", float64(after), 1.5*float64(before))
	runtime.KeepAlive(w)
}

func TestImpossibleOptions(t *testing.T) {
	for _, o := range []Options{{Peers: -1}, {Loss: 0.9}, {RTT: time.Hour}, {Relays: 0.8, Volunteers: 0.5}, {Tick: time.Second}, {Bundle: 99}, {Fanout: -1}, {Spread: time.Second}} {
		if _, err := Run(t.Context(), o); !errors.Is(err, ErrOption) {
			t.Errorf("%+v: %v", o, err)
		}
	}
	if _, err := Run(t.Context(), Options{Lies: []Lie{"fib"}}); !errors.Is(err, ErrLie) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Run(ctx, Options{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestThePictureIsWellFormed(t *testing.T) {
	r := run(t, Options{Seed: 1, Peers: 60, Arrive: 100, For: 6 * time.Second, Settle: time.Second, Pictures: 3, Kills: []Kill{{0.5, 3900 * time.Millisecond}}})
	var b strings.Builder
	if err := r.Draw(&b); err != nil {
		t.Fatal(err)
	}
	d := xml.NewDecoder(strings.NewReader(b.String()))
	shapes := map[string]int{}
	for {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if e, ok := token.(xml.StartElement); ok {
			shapes[e.Name.Local]++
		}
	}
	if shapes["rect"] < 60 || shapes["polyline"] != 2 || !strings.Contains(b.String(), colours[mute]) {
		t.Errorf("%v", shapes)
	}
}
