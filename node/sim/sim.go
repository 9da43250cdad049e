// Package sim runs a room with thousands of peers in virtual time: the real tree, place, verifier and room of every peer,
// over links that lose and delay, with peers that come, go, die and lie. One seed makes one trace.
package sim

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
	"time"

	"salon/relay"
)

// ErrOption means Options that cannot be.
var ErrOption = errors.New("sim: impossible option")

// Options configures Run. The zero value of a field is its default where one is named.
type Options struct {
	Seed     uint64        `json:"seed"`
	Peers    int           `json:"peers"`    // at the start, beside the host; 0 means 1000
	For      time.Duration `json:"for"`      // virtual time; 0 means 1 minute
	Arrive   float64       `json:"arrive"`   // of the first crowd, joins a second; 0 means 200
	Settle   time.Duration `json:"settle"`   // after the first crowd, before anything is measured; 0 means 5 s
	Loss     float64       `json:"loss"`     // share of packets lost on every edge
	RTT      time.Duration `json:"rtt"`      // between two peers; 0 means 50 ms
	Spread   time.Duration `json:"spread"`   // RTT differs by so much, either way, from pair to pair
	Jitter   time.Duration `json:"jitter"`   // of each packet, one way, at most; 0 means 4 ms, negative none
	Churn    float64       `json:"churn"`    // joins or leaves a second
	Polite   float64       `json:"polite"`   // share of those who leave that say so, rather than vanish; 0 means half, negative none
	Tick     time.Duration `json:"tick"`     // of every node; 0 means 10 ms
	Bundle   int           `json:"bundle"`   // frames a packet; 0 means 3
	Frame    int           `json:"frame"`    // bytes of Opus in a frame; 0 means 100
	Deadline time.Duration `json:"deadline"` // from capture to verified; 0 means 600 ms
	Patience time.Duration `json:"patience"` // a newcomer that heard nothing for longer has failed; 0 means 10 s
	Play     bool          `json:"play"`     // peers play what they hear, as a listener's node does, and what is missing then is counted

	Fanout          int     `json:"fanout"`           // of the host; 0 means 8
	Ready           int     `json:"ready"`            // relays that are there before the first crowd, as a host has that asked for some
	Relays          float64 `json:"relays"`           // share of peers that are relays; 0 means 3 %, negative none
	RelayFanout     int     `json:"relay_fanout"`     // 0 means 64
	Volunteers      float64 `json:"volunteers"`       // share of peers that carry a few; 0 means 30 %, negative none
	VolunteerFanout int     `json:"volunteer_fanout"` // 0 means 6

	Bad      float64       `json:"bad"`       // share of those who carry others whose own line is bad
	BadLoss  float64       `json:"bad_loss"`  // what it loses of what they send, beside Loss; 0 means 12 %, negative none
	BadDelay time.Duration `json:"bad_delay"` // and how much later that comes

	Kills []Kill `json:"kills,omitempty"`
	Cuts  []Cut  `json:"cuts,omitempty"`

	Liars    float64 `json:"liars"`     // share of those who carry others
	Lies     []Lie   `json:"lies"`      // that they tell, by turns, each room beginning with the next; none means all
	LieShare float64 `json:"lie_share"` // of a liar's packets that are altered; 0 means 20 %

	Pictures int `json:"-"` // of the tree, evenly over the time
}

// A Kill takes a share of those who feed others away, without a word.
type Kill struct {
	Share float64       `json:"share"`
	At    time.Duration `json:"at"`
}

// A Cut parts a share of the peers from all others for a while.
type Cut struct {
	Share float64       `json:"share"`
	At    time.Duration `json:"at"`
	For   time.Duration `json:"for"`
}

func (o Options) withDefaults() (Options, error) {
	o.Peers = cmp.Or(o.Peers, 1000)
	o.For = cmp.Or(o.For, time.Minute)
	o.Arrive = cmp.Or(o.Arrive, 200)
	o.Settle = cmp.Or(o.Settle, 5*time.Second)
	o.RTT = cmp.Or(o.RTT, 50*time.Millisecond)
	o.Jitter = max(cmp.Or(o.Jitter, 4*time.Millisecond), 0)
	o.Tick = cmp.Or(o.Tick, 10*time.Millisecond)
	o.Bundle = cmp.Or(o.Bundle, 3)
	o.Frame = cmp.Or(o.Frame, 100)
	o.Polite = max(cmp.Or(o.Polite, 0.5), 0)
	o.Deadline = cmp.Or(o.Deadline, 600*time.Millisecond)
	o.Patience = cmp.Or(o.Patience, 10*time.Second)
	o.Fanout = cmp.Or(o.Fanout, 8)
	o.Relays = max(cmp.Or(o.Relays, 0.03), 0)
	o.RelayFanout = cmp.Or(o.RelayFanout, 64)
	o.Volunteers = max(cmp.Or(o.Volunteers, 0.3), 0)
	o.VolunteerFanout = cmp.Or(o.VolunteerFanout, 6)
	o.BadLoss = max(cmp.Or(o.BadLoss, 0.12), 0)
	o.LieShare = cmp.Or(o.LieShare, 0.2)
	if len(o.Lies) == 0 {
		o.Lies = Lies
	}
	for _, l := range o.Lies {
		if !slices.Contains(Lies, l) {
			return o, fmt.Errorf("%w: %q", ErrLie, l)
		}
	}
	share := func(x float64) bool { return x >= 0 && x <= 1 }
	switch {
	case o.Peers < 1 || o.Peers > 1_000_000 || o.Ready < 0 || o.Ready > 1000:
		return o, fmt.Errorf("%w: %d peers, %d ready", ErrOption, o.Peers, o.Ready)
	case o.For < 0 || o.Settle < 0 || o.Arrive < 0 || o.Churn < 0 || o.Deadline <= 0:
		return o, fmt.Errorf("%w: less than nothing", ErrOption)
	case o.RTT < 2*time.Millisecond || o.RTT+o.Spread+2*o.Jitter+o.BadDelay > 2*time.Second || o.BadDelay < 0 || o.Spread < 0 || o.Spread > o.RTT-2*time.Millisecond:
		return o, fmt.Errorf("%w: a round trip of %v, give or take %v", ErrOption, o.RTT, o.Spread)
	case !share(o.Loss) || o.Loss > 0.5:
		return o, fmt.Errorf("%w: a loss of %v", ErrOption, o.Loss)
	case !share(o.Relays) || !share(o.Volunteers) || !share(o.Relays+o.Volunteers) || !share(o.Liars) || !share(o.LieShare) || !share(o.Polite) || !share(o.Bad) || !share(o.BadLoss):
		return o, fmt.Errorf("%w: a share beyond all", ErrOption)
	case o.Tick < time.Millisecond || o.Tick > 20*time.Millisecond:
		return o, fmt.Errorf("%w: a tick of %v", ErrOption, o.Tick)
	case o.Bundle < 1 || o.Bundle > relay.AuthBatch || o.Frame < 1 || o.Frame > 1275:
		return o, fmt.Errorf("%w: %d frames of %d bytes in a packet", ErrOption, o.Bundle, o.Frame)
	case o.Fanout < 1 || o.RelayFanout < 0 || o.VolunteerFanout < 0:
		return o, fmt.Errorf("%w: nobody may have children", ErrOption)
	}
	return o, nil
}

func (o Options) tick() ms { return ms(o.Tick / time.Millisecond) }

// Run simulates, until the time is over or ctx ends.
func Run(ctx context.Context, o Options) (*Result, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	w, err := newWorld(o)
	if err != nil {
		return nil, err
	}
	w.plan()
	for w.now < w.end()+ms(o.Deadline/time.Millisecond)+100 {
		if w.now%100 == 0 && ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		w.step()
	}
	return w.result(), nil
}

// plan puts what is to happen into the wheel.
func (w *world) plan() {
	o := w.o
	var t float64 // in ms
	for range o.Ready {
		w.at(0, func() { w.arrive(o.RelayFanout) })
		t = readyTime
	}
	for range o.Peers {
		t += w.rng.ExpFloat64() * 1000 / o.Arrive
		w.at(ms(t), func() { w.arrive(w.capacity()) })
	}
	w.measured = ms(t) + ms(o.Settle/time.Millisecond)
	w.counted = w.src.first + uint64(w.measured)/20
	if o.Churn > 0 { // but for the last second: who comes when the sound is over hears only what is late already
		for t := float64(w.measured) / 2; t < float64(w.end()-1000); t += w.rng.ExpFloat64() * 1000 / o.Churn {
			w.at(ms(t), func() {
				there := float64(len(w.alive)-1) / float64(o.Peers)
				if w.chance(0.5 + (1-there)/2) { // so that after hours there are as many as at first
					w.arrive(w.capacity())
				} else {
					w.depart()
				}
			})
		}
	}
	for _, k := range o.Kills {
		w.at(ms(k.At/time.Millisecond), func() { w.kill(k.Share) })
	}
	for _, c := range o.Cuts {
		w.at(ms(c.At/time.Millisecond), func() { w.partition(c.Share, ms(c.For/time.Millisecond)) })
	}
	if o.Liars > 0 {
		w.liarKey = ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
		w.at(w.measured, func() {
			n := 0
			for _, p := range w.alive[1:] {
				if p.fanout > 0 && w.chance(o.Liars) {
					p.lies(o.Lies[(uint64(n)+o.Seed)%uint64(len(o.Lies))], w.now, o.LieShare)
					n++
				}
			}
			w.res.Liars = n
		})
	}
	for i := range o.Pictures {
		at := w.end() * ms(i+1) / ms(o.Pictures)
		w.at(at-1, w.photograph)
	}
}
