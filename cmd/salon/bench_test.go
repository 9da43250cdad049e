package main

import (
	"strings"
	"testing"

	"salon/node/load"
)

func TestVerdict(t *testing.T) {
	r := &load.Result{
		Steps: []load.Step{{}, {Listeners: 15}, {Listeners: 135}}, Ended: load.Time, Cores: 4,
		Micros: 233, KB: 150, Kbit: 65, Carries: 3000, Limit: load.CPU, UplinkMb: 195,
	}
	for _, want := range []string{
		"Stopped at 135: the time was up.", "of one core of 4", "233 µs of CPU a second and 150 kB of memory",
		"about 3,000 listeners at 65 kbit/s; the limit is one core of its processor", "uplink needed: 195 Mbit/s",
		"reckoned from 135 listeners", "says nothing of the network",
	} {
		if got := verdict(r); !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	r.KB, r.Limit, r.Carries = 0, load.Missed, 135
	if got := verdict(r); strings.Contains(got, "of memory") || strings.Contains(got, "reckoned") || !strings.Contains(got, "the limit is that more of them miss sound") {
		t.Error(got)
	}
}

func TestThousands(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 12345: "12,345", 1234567: "1,234,567"} {
		if got := thousands(n); got != want {
			t.Errorf("%d is %s", n, got)
		}
	}
}
