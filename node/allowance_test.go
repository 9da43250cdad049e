package node

import (
	"testing"
	"time"
)

func TestAllowance(t *testing.T) {
	var a allowance
	now := time.Unix(1e9, 0)
	took := 0
	for range 2 * controlBurst {
		if a.take(now, controlRate, controlBurst) {
			took++
		}
	}
	if took != controlBurst {
		t.Errorf("%d messages at once, want %d", took, controlBurst)
	}
	a = allowance{}
	for i := range 10000 {
		now = now.Add(time.Second / controlRate)
		if !a.take(now, controlRate, controlBurst) {
			t.Fatalf("message %d refused at %d a second", i, controlRate)
		}
	}
}
