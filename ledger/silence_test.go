package ledger

import (
	"testing"
	"time"
)

// Of a host that was not heard for two minutes it is not known which tickets are void: for ten minutes more somebody new is let in.
func TestSilence(t *testing.T) {
	var s Silence
	at := func(d time.Duration) time.Time { return noon.Add(d) }
	if admits, _ := s.Admits(noon); admits {
		t.Error("without any list somebody is let in")
	}
	s.Hear(noon, at(time.Second))
	for _, c := range []struct {
		after time.Duration
		want  bool
		until time.Duration // 0 for fresh
	}{
		{0, true, 0},
		{ListFresh, true, 0},
		{ListFresh + time.Second, true, 12 * time.Minute},
		{ListFresh + ListAdmits, true, 12 * time.Minute},
		{ListFresh + ListAdmits + time.Second, false, 12 * time.Minute},
		{24 * time.Hour, false, 12 * time.Minute},
	} {
		admits, until := s.Admits(at(c.after))
		if admits != c.want || c.until == 0 && !until.IsZero() || c.until > 0 && !until.Equal(at(c.until)) {
			t.Errorf("after %v: %v until %v, want %v", c.after, admits, until, c.want)
		}
	}
	s.Hear(noon, at(20*time.Minute)) // the same, once more
	if admits, _ := s.Admits(at(20 * time.Minute)); admits {
		t.Error("a list that was known made the host heard")
	}
	s.Hear(at(20*time.Minute), at(20*time.Minute))
	if admits, until := s.Admits(at(21 * time.Minute)); !admits || !until.IsZero() {
		t.Errorf("a host that is back: %v until %v", admits, until)
	}
}

// The host's clock may be wrong by any time, and lists may be held up on their way.
func TestSilenceByAnotherClock(t *testing.T) {
	for _, wrong := range []time.Duration{-time.Hour, -15 * time.Minute, -time.Second, 0, time.Minute, time.Hour} {
		var s Silence
		now := noon
		for range 5 { // the host signs each minute
			s.Hear(now.Add(wrong), now.Add(200*time.Millisecond))
			now = now.Add(ListEvery)
		}
		last := now.Add(-ListEvery)
		for after, want := range map[time.Duration]bool{time.Minute: true, 12 * time.Minute: true, 12*time.Minute + time.Second: false} {
			if admits, _ := s.Admits(last.Add(after)); admits != want {
				t.Errorf("a clock that is %v ahead, %v after the last list: %v", wrong, after, admits)
			}
		}
		// Attack: a relay tells the lists of a host whom it keeps from us, a minute's worth at a time, long after they were signed.
		for n := range 5 {
			s.Hear(last.Add(wrong+time.Duration(n+1)*time.Second), last.Add(time.Duration(n+20)*time.Minute))
		}
		if admits, _ := s.Admits(last.Add(25 * time.Minute)); admits {
			t.Errorf("a clock that is %v ahead: lists that were held back make the host heard", wrong)
		}
	}
	// A list that somebody has kept is as old as it says.
	var s Silence
	s.Hear(noon, noon.Add(30*time.Minute))
	if admits, _ := s.Admits(noon.Add(30 * time.Minute)); admits {
		t.Error("half an hour after the only list somebody new is let in")
	}
}
