package udp

import (
	"math"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// walk looks at an echo every tick for d; answers decides, for each datagram that it would send alone, whether it is answered.
func walk(e *echo, now *time.Time, d time.Duration, answers func(content) bool) (asks, changes int) {
	var w window
	for end := now.Add(d); now.Before(end); {
		*now = now.Add(tick)
		if e.look(*now) {
			changes++
		}
		c := e.next(&w, *now)
		if c == (content{}) {
			continue
		}
		e.sent(c, *now)
		asks++
		if answers(c) && e.answered(answer{ask: c.ask}, *now) {
			changes++
		}
	}
	return asks, changes
}

func always(content) bool { return true }
func never(content) bool  { return false }

func TestEchoGoesUpAndDown(t *testing.T) {
	now := noon
	e := echo{since: now, due: true}
	if _, changes := walk(&e, &now, tick, always); changes != 1 || !e.up {
		t.Fatalf("not up after the first answer: %+v", e)
	}
	if asks, changes := walk(&e, &now, 10*time.Second, always); changes != 0 || asks < 13 || asks > 15 {
		t.Errorf("%d asks and %d changes in 10 s of a path that works", asks, changes)
	}
	e.loss = 0.02
	if asks, _ := walk(&e, &now, 10*time.Second, always); asks < 20 || asks > 23 {
		t.Errorf("%d asks in 10 s of a path that loses some", asks)
	}
	e.loss = 0
	heard := e.answer
	walk(&e, &now, silence-2*tick-now.Sub(heard), never)
	if !e.up {
		t.Errorf("down %v after the last answer", now.Sub(heard))
	}
	if _, changes := walk(&e, &now, 3*tick, never); changes != 1 || e.up {
		t.Errorf("still up %v after the last answer", now.Sub(heard))
	}
	if asks, _ := walk(&e, &now, time.Minute, never); asks < 30 || asks > 70 {
		t.Errorf("%d asks in a minute on a path that is closed", asks)
	}
	if _, changes := walk(&e, &now, askRarely+2*tick, always); changes != 1 || !e.up {
		t.Errorf("not up again: %+v", e)
	}
}

// One answer in three is enough.
func TestEchoBearsLoss(t *testing.T) {
	now := noon
	e := echo{since: now, due: true}
	walk(&e, &now, tick, always)
	n := 0
	if _, changes := walk(&e, &now, time.Minute, func(content) bool { n++; return n%3 == 0 }); changes != 0 {
		t.Errorf("%d changes", changes)
	}
}

func TestEchoTakesOnlyItsOwnAnswer(t *testing.T) {
	e := echo{since: noon, due: true}
	var w window
	c := e.next(&w, noon)
	e.sent(c, noon)
	if e.answered(answer{ask: c.ask + 1}, noon) || e.up {
		t.Error("an answer to nothing counts")
	}
	if !e.answered(answer{ask: c.ask}, noon) || e.answered(answer{ask: c.ask}, noon) {
		t.Error("the answer does not count, or counts twice")
	}
}

func TestEchoMeasuresLoss(t *testing.T) {
	e := echo{up: true}
	say := func(received, highest uint64) {
		e.ask = 1
		e.answered(answer{1, received, highest}, noon)
	}
	for i := uint64(1); i <= 20; i++ {
		say(90*i, 100*i)
	}
	if math.Abs(e.loss-0.1) > 0.001 {
		t.Errorf("loss %v, want 0.1", e.loss)
	}
	say(90*20-50, 100*19) // overtaken on its way
	if math.Abs(e.loss-0.1) > 0.001 {
		t.Errorf("an old answer makes it %v", e.loss)
	}
	for i := uint64(1); i <= 20; i++ {
		say(1800+100*i, 2000+100*i)
	}
	if e.loss > 0.001 {
		t.Errorf("loss %v after it ended", e.loss)
	}
}
