package pool

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func key(n int) Key { return Key{byte(n), byte(n >> 8)} }

// said is a word for relay r, of which device r+100 is, on seat s by device d of person d, from second a to b.
func said(r, s, d int, a, b int64, frames uint64) Word {
	return Word{Relay: key(r), Via: key(r + 100), Seat: key(s), Person: key(d + 200), Device: key(d), Since: a * 1000, Until: b * 1000, Frames: frames}
}

func TestWeigh(t *testing.T) {
	own := said(1, 50, 7, 0, 60, 3000)
	own.Person = own.Relay
	for _, c := range []struct {
		name  string
		words []Word
		want  string
	}{
		{"nobody said anything", nil, ""},
		{"one listener for a minute", []Word{said(1, 50, 7, 0, 60, 3000)}, "1:3000/1"},
		{"two tickets at two relays", []Word{said(1, 50, 7, 0, 60, 3000), said(2, 51, 8, 0, 60, 1500)}, "1:3000/1 2:1500/1"},
		{"one who moved from relay to relay", []Word{said(1, 50, 7, 0, 60, 1000), said(2, 50, 7, 0, 60, 2000)}, "1:1000/1 2:2000/1"},
		{"a liar says that two relays brought all of it", []Word{said(1, 50, 7, 0, 60, 3050), said(2, 50, 7, 0, 60, 3050)}, "1:1525/1 2:1525/1"},
		{"a liar says that a relay brought it forty times", []Word{said(1, 50, 7, 0, 60, 120_000)}, "1:3050/1"},
		{"ten devices with one ticket", []Word{said(1, 50, 7, 0, 60, 3000), said(1, 50, 8, 0, 60, 3000), said(1, 50, 9, 0, 60, 3000)}, "1:3050/1"},
		{"a period said twice", []Word{said(1, 50, 7, 0, 60, 3000), said(1, 50, 7, 1, 59, 2900)}, "1:3000/1"},
		{"came back after a while", []Word{said(1, 50, 7, 0, 10, 500), said(1, 50, 7, 50, 60, 500)}, "1:1000/1"},
		{"a liar who came a thousand times, for no time", func() (list []Word) {
			for i := range int64(1000) {
				list = append(list, said(1, 50, 7, i, i, 50))
			}
			return list
		}(), "1:50/1"},
		{"a relay's own person", []Word{own}, ""},
		{"a relay that acknowledges itself", []Word{said(1, 50, 101, 0, 60, 3000)}, ""},
		{"it ends before it begins", []Word{said(1, 50, 7, 60, 0, 3000)}, ""},
	} {
		got := ""
		for _, w := range Weigh(c.words) {
			got += fmt.Sprintf(" %d:%d/%d", w.Relay[0], w.Frames, w.Seats)
		}
		if got = got[min(1, len(got)):]; got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// Whatever is said: the order is of no matter, a ticket counts for no more than somebody can hear, nobody has less than nothing,
// and more words about other tickets take nothing from anybody.
func TestWeighing(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		words := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) Word {
			w := said(rapid.IntRange(1, 4).Draw(rt, "relay"), rapid.IntRange(50, 53).Draw(rt, "seat"), rapid.IntRange(7, 9).Draw(rt, "device"),
				rapid.Int64Range(0, 100).Draw(rt, "since"), rapid.Int64Range(0, 100).Draw(rt, "until"), rapid.Uint64Range(0, 1<<62).Draw(rt, "frames"))
			return w
		}), 0, 30).Draw(rt, "words")
		got := Weigh(words)
		if again := Weigh(rapid.Permutation(words).Draw(rt, "order")); !slices.Equal(got, again) {
			rt.Fatalf("%v, in another order %v", got, again)
		}
		var all uint64
		for _, w := range got {
			all += w.Frames
		}
		if most := uint64(4 * (100_000 + lead) / frameMS); all > most {
			rt.Fatalf("%d frames, at most %d can be heard", all, most)
		}
		more := Weigh(append(slices.Clone(words), said(1, 60, 7, 0, 10, 500)))
		for _, w := range got {
			i := slices.IndexFunc(more, func(m Weight) bool { return m.Relay == w.Relay })
			if i < 0 || more[i].Frames < w.Frames {
				rt.Fatalf("%v, with another ticket %v", got, more)
			}
		}
	})
}
