package sim

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	"salon/relay"
)

// A Result is what was measured, from the moment when the first crowd had settled.
type Result struct {
	Options Options `json:"options"`
	Peers   int     `json:"peers"` // alive at the end, beside the host

	Due        uint64 `json:"due"`        // frames that should have come out of verifiers by their deadline
	OnTime     uint64 `json:"on_time"`    // that did
	Late       uint64 `json:"late"`       // that did later
	Wrong      uint64 `json:"wrong"`      // that came out and that the source never made
	Trespasses uint64 `json:"trespasses"` // packets for which a node would have parted with an honest peer: there is no reason to send one
	Silent     int    `json:"silent"`     // peers alive at the end that heard nothing for the last second
	Unheard    int    `json:"unheard"`    // peers alive at the end that never heard anything, and came long enough ago

	Received     uint64 `json:"received"`   // frames and auths that were new
	Duplicates   uint64 `json:"duplicates"` // and that were not
	Recovered    uint64 `json:"recovered"`  // frames that came after they were asked for
	AudioBytes   uint64 `json:"audio_bytes"`
	ControlBytes uint64 `json:"control_bytes"`

	Joins      int           `json:"joins"`
	NeverHeard int           `json:"never_heard"` // of these, that heard nothing for longer than Patience
	Leaves     int           `json:"leaves"`
	JoinMS     Quantiles     `json:"join_ms"` // from the click to the first verified frame
	Depth      Quantiles     `json:"depth"`   // at the end
	DepthMax   int           `json:"depth_max"`
	Levels     []Level       `json:"levels"`  // by depth, at the end; the host is the first
	BackMS     Quantiles     `json:"back_ms"` // from the last kill, or from when a partition healed, to sound again, of those who lost it
	Killed     int           `json:"killed"`
	Parted     int           `json:"parted"`   // peers that the last partition cut off
	NotBack    int           `json:"not_back"` // of those alive at the end
	Liars      int           `json:"liars"`
	Accused    int           `json:"accused"` // pieces of evidence that reached the host
	Moves      Moves         `json:"moves"`
	Played     uint64        `json:"played,omitempty"`    // frames, with Options.Play
	Concealed  uint64        `json:"concealed,omitempty"` // that were missing when they were due to be played
	Orphans    Quantiles     `json:"orphans"`             // of these, each peer's whose parent the last killing took, from then on
	PauseMS    Quantiles     `json:"pause_ms"`            // the longest time, from then on, in which such a peer got nothing new
	Took       time.Duration `json:"-"`

	Seconds []Second `json:"seconds"`

	pictures []picture
	orphans  []int
	pauses   []ms
}

// A Level is everybody at one depth.
type Level struct {
	Listeners  int    `json:"listeners"` // who carry nobody
	Volunteers int    `json:"volunteers"`
	Relays     int    `json:"relays"`
	Free       int    `json:"free"` // places for children that nobody has
	Due        uint64 `json:"due"`  // frames of those who are there
	OnTime     uint64 `json:"on_time"`
}

// A Second is one of the program.
type Second struct {
	Peers  int    `json:"peers"`            // alive at its end, beside the host
	Depth  int    `json:"depth"`            // of the deepest then
	Dials  int    `json:"dials"`            // connections begun in it
	Notes  int    `json:"notes"`            // on other peers, of the peer that keeps most
	OnBad  int    `json:"on_bad,omitempty"` // peers that are fed over a bad line, at its end
	Due    uint64 `json:"due"`              // its frames, for each peer that had heard something before
	OnTime uint64 `json:"on_time"`
}

// Delivered is the share of its frames that came in time.
func (s Second) Delivered() float64 { return min(ratio(s.OnTime, s.Due), 1) }

// Quantiles of something.
type Quantiles struct {
	N   int     `json:"n"`
	P50 float64 `json:"p50"`
	P95 float64 `json:"p95"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

func quantiles[T ~int | ~int64](list []T) (q Quantiles) {
	if len(list) == 0 {
		return q
	}
	slices.Sort(list)
	at := func(share float64) float64 { return float64(list[min(int(share*float64(len(list))), len(list)-1)]) }
	return Quantiles{len(list), at(0.5), at(0.95), at(0.99), float64(list[len(list)-1])}
}

// Moves is relay.PlaceStats of everybody.
type Moves relay.PlaceStats

func (r *Result) place(s relay.PlaceStats) {
	m := &r.Moves
	m.Joined += s.Joined
	m.Resumed += s.Resumed
	m.Moved += s.Moved
	m.Improved += s.Improved
	m.Stalls += s.Stalls
	m.Loops += s.Loops
	m.Bans += s.Bans
	m.Excused += s.Excused
	m.Admitted += s.Admitted
	m.Redirects += s.Redirects
	m.Waits += s.Waits
	m.Refused += s.Refused
}

// Delivered is the share of the frames that came in time.
func (r *Result) Delivered() float64 { return ratio(r.OnTime, r.Due) }

// DuplicateShare is that of the frames and auths that came and were here already.
func (r *Result) DuplicateShare() float64 { return ratio(r.Duplicates, r.Duplicates+r.Received) }

// ControlShare is all that is not sound, in bytes, for each byte of sound.
func (r *Result) ControlShare() float64 { return ratio(r.ControlBytes, r.AudioBytes) }

func ratio(a, b uint64) float64 {
	if b == 0 {
		return 0
	}
	return float64(a) / float64(b)
}

// result looks at everybody at the end.
func (w *world) result() *Result {
	r := &w.res
	r.Options, r.Peers = w.o, len(w.alive)-1
	var depths []int
	var back []ms
	for _, p := range w.alive {
		due, onTime := r.Due, r.OnTime
		w.tally(p)
		d := p.place.Depth()
		if d >= 0 {
			w.level(p, d, r.Due-due, r.OnTime-onTime)
		}
		if p.index == 0 {
			continue
		}
		if p.fedByDead && p.pacer != nil {
			r.orphans, r.pauses = append(r.orphans, int(p.concealed-p.before)), append(r.pauses, p.pause)
		}
		if d >= 0 {
			depths = append(depths, d)
		}
		last := w.end() - 1000
		switch {
		case p.heardAt == 0 && w.now-p.born > ms(w.o.Patience/time.Millisecond):
			r.Unheard++
		case p.heardAt != 0 && p.newAt < last:
			r.Silent++
		}
		if w.struck > 0 && p.heardAt != 0 && p.heardAt < w.struck {
			if p.newAt <= w.struck {
				r.NotBack++
			} else if p.gapEnd > 0 {
				back = append(back, p.gapEnd-w.struck)
			}
		}
	}
	r.Orphans, r.PauseMS = quantiles(r.orphans), quantiles(r.pauses)
	r.Depth, r.BackMS, r.JoinMS = quantiles(depths), quantiles(back), quantiles(w.joins)
	for i, s := range r.Seconds {
		if ms(i)*1000 >= w.measured {
			r.DepthMax = max(r.DepthMax, s.Depth)
		}
	}
	return r
}

// level counts a peer at its depth.
func (w *world) level(p *peer, depth int, due, onTime uint64) {
	for len(w.res.Levels) <= depth {
		w.res.Levels = append(w.res.Levels, Level{})
	}
	l := &w.res.Levels[depth]
	switch {
	case p.index == 0:
	case p.fanout == 0:
		l.Listeners++
	case p.fanout == w.o.RelayFanout:
		l.Relays++
	default:
		l.Volunteers++
	}
	l.Free += max(p.fanout-p.place.Feeds(), 0)
	l.Due += due
	l.OnTime += onTime
}

// survey looks at the tree once a second.
func (w *world) survey() {
	if w.now > w.end() {
		return
	}
	s := w.second(w.src.first + uint64(w.now)/20 - 1)
	s.Peers, s.Dials = len(w.alive)-1, w.dials
	w.dials = 0
	for _, p := range w.alive[1:] {
		s.Depth, s.Notes = max(s.Depth, p.place.Depth()), max(s.Notes, p.place.Remembers())
		if q := w.find(p.place.Parent()); q != nil && q.flawed {
			s.OnBad++
		}
	}
}

// Print writes a table for people.
func (r *Result) Print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	o := r.Options
	row := func(what, format string, args ...any) { fmt.Fprintf(w, "%s\t%s\n", what, fmt.Sprintf(format, args...)) }
	row("peers", "%d at the end, %v of virtual time, seed %d, took %v", r.Peers, o.For, o.Seed, r.Took.Round(100*time.Millisecond))
	row("delivered", "%.4f %% of %d frames within %v, %d later, %d wrong", 100*r.Delivered(), r.Due, o.Deadline, r.Late, r.Wrong)
	if r.Trespasses > 0 {
		row("trespasses", "%d packets of honest peers", r.Trespasses)
	}
	if r.Played > 0 {
		row("played", "%d frames, %d concealed", r.Played, r.Concealed)
	}
	row("duplicates", "%.2f %% of frames and auths", 100*r.DuplicateShare())
	row("control", "%.2f %% of the bytes of sound", 100*r.ControlShare())
	row("depth", "p50 %.0f, p99 %.0f, at most %d while measured", r.Depth.P50, r.Depth.P99, r.DepthMax)
	for i, l := range r.Levels {
		if i > 0 {
			row(fmt.Sprintf("  %d", i), "%d listeners, %d volunteers, %d relays; %d places free; %.4f %% on time", l.Listeners, l.Volunteers, l.Relays, l.Free, 100*ratio(l.OnTime, l.Due))
		}
	}
	row("joins", "%d, first frame after p50 %.0f, p95 %.0f, p99 %.0f, at most %.0f ms; %d never", r.Joins, r.JoinMS.P50, r.JoinMS.P95, r.JoinMS.P99, r.JoinMS.Max, r.NeverHeard)
	back := fmt.Sprintf("%d lost their sound and had it again after p50 %.0f, p99 %.0f, at most %.0f ms; %d not yet", r.BackMS.N, r.BackMS.P50, r.BackMS.P99, r.BackMS.Max, r.NotBack)
	switch {
	case r.Parted > 0:
		row("cut off", "%d, until it healed; %s", r.Parted, back)
	case r.Killed > 0:
		row("killed", "%d; %s", r.Killed, back)
	}
	if q := r.Orphans; q.N > 0 {
		row("orphans", "%d, whose parent was killed, got nothing for p50 %.0f, p99 %.0f, at most %.0f ms, and concealed p50 %.0f, p95 %.0f, p99 %.0f, at most %.0f frames",
			q.N, r.PauseMS.P50, r.PauseMS.P99, r.PauseMS.Max, q.P50, q.P95, q.P99, q.Max)
	}
	if n := len(r.Seconds); o.Bad > 0 && n > 0 {
		most := 0
		for _, s := range r.Seconds {
			most = max(most, s.OnBad)
		}
		row("bad lines", "%d fed over one at the end, %d at most", r.Seconds[n-1].OnBad, most)
	}
	if r.Liars > 0 {
		row("liars", "%d; banned %d times, %d times excused, %d pieces of evidence at the host", r.Liars, r.Moves.Bans, r.Moves.Excused, r.Accused)
	}
	row("moves", "%d joined, %d resumed, %d moved (%d to a better parent); %d stalls, %d loops; %d redirects, %d waits, %d refused", r.Moves.Joined, r.Moves.Resumed, r.Moves.Moved, r.Moves.Improved, r.Moves.Stalls, r.Moves.Loops, r.Moves.Redirects, r.Moves.Waits, r.Moves.Refused)
	if r.Silent+r.Unheard > 0 {
		row("silent", "%d in the last second, %d always", r.Silent, r.Unheard)
	}
	return w.Flush()
}
