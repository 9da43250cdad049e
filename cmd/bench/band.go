package main

import "math"

// A band lets one frequency and what is near it through (the band-pass filter of the Audio EQ Cookbook, gain 1 there).
type band struct{ b, a1, a2, x1, x2, y1, y2 float64 }

func newBand(hz, q float64) *band {
	w := 2 * math.Pi * hz / 48000
	alpha := math.Sin(w) / (2 * q)
	return &band{b: alpha / (1 + alpha), a1: -2 * math.Cos(w) / (1 + alpha), a2: (1 - alpha) / (1 + alpha)}
}

func (f *band) pass(x float32) float32 {
	y := f.b*(float64(x)-f.x2) - f.a1*f.y1 - f.a2*f.y2
	f.x2, f.x1, f.y2, f.y1 = f.x1, float64(x), f.y1, y
	return float32(y)
}
