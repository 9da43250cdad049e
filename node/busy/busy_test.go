package busy

import (
	"testing"
	"time"
)

func TestHadTime(t *testing.T) {
	for _, row := range []struct {
		Report
		want bool
	}{
		{Report{0, 1}, true},
		{Report{LateMost, SpareLeast}, true},
		{Report{LateMost + time.Millisecond, 1}, false},
		{Report{0, SpareLeast - 0.01}, false},
	} {
		if row.HadTime() != row.want {
			t.Errorf("%v: %v", row.Report, row.HadTime())
		}
	}
	w := Begin()
	if r := w.Stop(); r.Late < 0 || r.Spare < 0 || r.Spare > 1 {
		t.Errorf("this one: %v", r)
	}
}

// Of a machine's own account, time waiting for a disk is to spare, and time stolen by other machines is not.
func TestSpare(t *testing.T) {
	const before = "cpu  100 0 100 700 100 0 0 0 0 0\ncpu0 1 2 3 4\n"
	for _, row := range []struct {
		after string
		want  float64
	}{
		{before, 1},
		{"cpu  200 0 100 700 100 0 0 0 0 0\n", 0},
		{"cpu  150 0 100 725 125 0 0 0 50 0\n", 0.5},
		{"cpu  150 0 100 725 100 0 0 25 50 0\n", 0.25},
	} {
		a, err := parseLoad(before)
		if err != nil {
			t.Fatal(err)
		}
		b, err := parseLoad(row.after)
		if err != nil {
			t.Fatal(err)
		}
		if got := b.spare(a); got != row.want {
			t.Errorf("%q: %v, want %v", row.after, got, row.want)
		}
	}
	for _, bad := range []string{"", "cpu", "cpu a b c d e f g h", "intr 1 2 3 4 5 6"} {
		if _, err := parseLoad(bad); err == nil {
			t.Errorf("%q is read", bad)
		}
	}
}
