package heard

import "math"

// align returns how many windows later than in s the same thing is in h, at most of its length: the shift at which the
// loudness of their bands rises and falls together best, for as much as it rises and falls there: else something louder
// elsewhere in h would always win.
func align(s, h *spectrogram) int {
	const far = voicedBelow + 5 // dB below the loud moments, where there is nothing to see
	floor := s.loud() - far
	low := min(floor, h.loud()-far)
	var together, moves []float64 // by shift
	own, length := 0.0, 0
	for b := 0; b < bands; b += 4 {
		said, got := contour(s, b, 1, floor), contour(h, b, fine, low)
		c := correlate(said, got)
		length = len(got)
		if together == nil {
			together, moves = make([]float64, len(c)), make([]float64, len(c))
		}
		for i, v := range c {
			together[i] += v
		}
		for _, v := range said {
			own += v * v
		}
		sum, squares := make([]float64, len(got)+1), make([]float64, len(got)+1)
		for i, v := range got {
			sum[i+1], squares[i+1] = sum[i]+v, squares[i]+v*v
		}
		for i := range moves {
			shift := shiftOf(i, len(moves), length)
			from, to := max(shift, 0), min(max(shift+len(said), 0), len(got))
			if to > from {
				d := sum[to] - sum[from]
				moves[i] += squares[to] - squares[from] - d*d/float64(to-from)
			}
		}
	}
	best, most := 0, math.Inf(-1)
	for i, v := range together {
		// A quarter of what s itself moves: where h hardly moves, as beyond its ends, likeness would be chance.
		if l := v / math.Sqrt(moves[i]+own/4+1); l > most {
			best, most = i, l
		}
	}
	return shiftOf(best, len(together), length)
}

// shiftOf is the shift of an index of correlate's n, if what is looked in has that length: what would begin after its
// end begins before its start.
func shiftOf(i, n, length int) int {
	if i >= length {
		return i - n
	}
	return i
}

// contour is the loudness of four bands over time, of every step-th window, without its mean and without what lies below
// floor.
func contour(s *spectrogram, b, step int, floor float64) []float64 {
	out := make([]float64, 0, s.n/step)
	mean := 0.0
	for t := step / 2; t < s.n; t += step {
		v := 0.0
		for i := b; i < min(b+4, bands); i++ {
			v += max(float64(s.at(t)[i]), floor) / 4
		}
		out = append(out, v)
		mean += v
	}
	for i := range out {
		out[i] -= mean / float64(len(out))
	}
	return out
}

// follow returns the place in h of each window of s: near the given lag, and changing as little as fits, because a
// jitter buffer puts frames in and out, and clocks drift. It is the cheapest path (Viterbi), where a difference in the
// spectrum costs its decibels, and so does a change of the delay: little in silence, where buffers do it, and much in
// mid-word, or the path would go around each gap by repeating what lies beside it.
func follow(s, h *spectrogram, lag int, voiced []bool) []int {
	const inSilence, inSpeech = 0.6, 7.5 // dB for each 2.5 ms
	reach := fine * (30 + s.n*3/10000)   // 300 ms, as far as buffers grow, and 300 ppm
	states := 2*reach + 1
	straight := make([]int, s.n)
	for t := range straight {
		straight[t] = fine*(t+lag) + fine/2
	}
	gain := gainOf(s, h, straight, voiced)
	place := func(t, o int) int { return straight[t] + o - reach }

	cost, from := make([]float64, states), make([]int16, s.n*states)
	for t := range s.n {
		change := inSilence
		if voiced[t] {
			change = inSpeech
		}
		back := from[t*states:][:states]
		for o := range back {
			back[o] = int16(o)
		}
		for o := 1; o < states; o++ {
			if c := cost[o-1] + change; c < cost[o] {
				cost[o], back[o] = c, back[o-1]
			}
		}
		for o := states - 2; o >= 0; o-- {
			if c := cost[o+1] + change; c < cost[o] {
				cost[o], back[o] = c, back[o+1]
			}
		}
		if !voiced[t] {
			continue
		}
		for o := range cost {
			cost[o] += min(distance(s, t, h, place(t, o), gain), differsMost)
		}
	}
	best := 0
	least := math.Inf(1)
	for o, c := range cost {
		// Of equals the middle one: nothing speaks for a change.
		if c < least || c == least && abs(o-reach) < abs(best-reach) {
			best, least = o, c
		}
	}
	path := make([]int, s.n)
	for t := s.n - 1; t >= 0; t-- {
		path[t] = place(t, best)
		best = int(from[t*states+best])
	}
	return path
}

func abs(x int) int { return max(x, -x) }
