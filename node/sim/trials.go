package sim

import "context"

// A Tally sums up many rooms.
type Tally struct {
	Trials int    `json:"trials"`
	Seed   uint64 `json:"seed"` // of the first; each further one has the next
	Due    uint64 `json:"due"`
	OnTime uint64 `json:"on_time"`
	Wrong  uint64 `json:"wrong"`
	Liars  int    `json:"liars"`
	Bans   uint64 `json:"bans"`
	Silent int    `json:"silent"` // peers that heard nothing at the end

	Trespasses uint64 `json:"trespasses"` // as in Result

	Worst     uint64  `json:"worst_seed"` // of the room that heard least
	Delivered float64 `json:"worst_delivered"`
	BadSeed   *uint64 `json:"wrong_seed,omitempty"` // of the first room that heard what was never said
}

// Trials runs n rooms that differ in their seeds. each, if not nil, is called after every one.
func Trials(ctx context.Context, o Options, n int, each func(Tally)) (Tally, error) {
	t := Tally{Seed: o.Seed, Delivered: 1}
	for range n {
		r, err := Run(ctx, o)
		if err != nil {
			return t, err
		}
		t.Trials++
		t.Due += r.Due
		t.OnTime += r.OnTime
		t.Wrong += r.Wrong
		t.Liars += r.Liars
		t.Bans += r.Moves.Bans
		t.Silent += r.Silent + r.Unheard
		if d := r.Delivered(); d < t.Delivered {
			t.Worst, t.Delivered = o.Seed, d
		}
		t.Trespasses += r.Trespasses
		if r.Wrong > 0 && t.BadSeed == nil {
			seed := o.Seed
			t.BadSeed = &seed
		}
		o.Seed++
		if each != nil {
			each(t)
		}
	}
	return t, nil
}
