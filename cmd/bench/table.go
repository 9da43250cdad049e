package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"text/tabwriter"
)

// A row is one thing that was measured.
type row struct {
	what   string
	unit   string
	values []float64 // one or more a round
	raw    []float64 // what it stands on costs by itself, in the same rounds; nil if there is no such thing
	aim    float64   // at most; 0 means none
}

// printTable writes the rows, or nothing if there are none.
func printTable(out io.Writer, rows []row) {
	if len(rows) == 0 {
		return
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "\tmedian\tmiddle half\tunit\traw\tx raw\taim\tx aim\t\tvalues\t")
	for _, r := range rows {
		fmt.Fprintln(w, r.line())
	}
	w.Flush()
}

// line is the row with its cells ended by tabs. The name is padded here: the table aligns to the right.
func (r row) line() string {
	if len(r.values) == 0 {
		return fmt.Sprintf("%-46s\t-\t\t\t\t\t\t\t\t0\t", r.what)
	}
	m := median(r.values)
	raw, perRaw, aim, perAim, mark := "", "", "", "", ""
	if r.raw != nil {
		ratios := make([]float64, len(r.values))
		for i := range ratios {
			ratios[i] = r.values[i] / r.raw[i]
		}
		raw, perRaw = number(median(r.raw)), fmt.Sprintf("%.2f", median(ratios))
	}
	if r.aim > 0 {
		aim, perAim, mark = number(r.aim), fmt.Sprintf("%.2f", m/r.aim), "ok"
		if m > r.aim {
			mark = "MISS"
		}
	}
	return fmt.Sprintf("%-46s\t%s\t%s to %s\t%s\t%s\t%s\t%s\t%s\t%s\t%d\t", r.what, number(m),
		number(quantile(r.values, 0.25)), number(quantile(r.values, 0.75)), r.unit, raw, perRaw, aim, perAim, mark, len(r.values))
}

// number writes three digits that mean something.
func number(x float64) string {
	switch a := math.Abs(x); {
	case a >= 100:
		return fmt.Sprintf("%.0f", x)
	case a >= 10:
		return fmt.Sprintf("%.1f", x)
	default:
		return fmt.Sprintf("%.2f", x)
	}
}

func median(xs []float64) float64 { return quantile(xs, 0.5) }

// quantile interpolates between the two values nearest to the share q; NaN if there are none.
func quantile(xs []float64, q float64) float64 {
	if len(xs) == 0 {
		return math.NaN()
	}
	s := slices.Sorted(slices.Values(xs))
	at := q * float64(len(s)-1)
	i := int(at)
	if i+1 == len(s) {
		return s[i]
	}
	return s[i] + (at-float64(i))*(s[i+1]-s[i])
}
