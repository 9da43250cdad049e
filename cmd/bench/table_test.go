package main

import (
	"math"
	"strings"
	"testing"
)

func TestQuantile(t *testing.T) {
	xs := []float64{4, 1, 3, 2}
	for _, c := range []struct{ q, want float64 }{{0, 1}, {0.25, 1.75}, {0.5, 2.5}, {1, 4}} {
		if got := quantile(xs, c.q); got != c.want {
			t.Errorf("quantile %g of 1 to 4 is %g, want %g", c.q, got, c.want)
		}
	}
	if xs[0] != 4 {
		t.Error("the values were put in order in place: rounds no longer belong to each other")
	}
	if !math.IsNaN(median(nil)) {
		t.Error("nothing has a median")
	}
}

func TestRowSaysWhetherItsAimIsMet(t *testing.T) {
	for _, c := range []struct {
		r    row
		want string
	}{
		{row{what: "good", unit: "ms", values: []float64{50, 40, 60}, aim: 60}, "50.0|45.0 to 55.0|ms|||60.0|0.83|ok|3"},
		{row{what: "bad", unit: "%", values: []float64{9}, aim: 8}, "9.00|9.00 to 9.00|%|||8.00|1.12|MISS|1"},
		{row{what: "beside raw", unit: "µs", values: []float64{2, 6}, raw: []float64{1, 2}}, "4.00|3.00 to 5.00|µs|1.50|2.50||||2"},
		{row{what: "nothing"}, "-||||||||0"},
	} {
		_, cells, _ := strings.Cut(c.r.line(), "\t")
		if got := strings.ReplaceAll(strings.TrimSuffix(cells, "\t"), "\t", "|"); got != c.want {
			t.Errorf("%s: %s, want %s", c.r.what, got, c.want)
		}
	}
}
