package main

import (
	"path/filepath"
	"testing"
	"time"

	"salon/node/heard"
	"salon/room/mix"
	"salon/room/opus"
)

// Through five voices and two codecs every beep is found, once and where it is, and nothing else; and all five voices
// together are recognised, but not if one of them is missing.
func TestTalkIsHeardThroughItself(t *testing.T) {
	const length = 12 * time.Second
	said, err := newTalk(filepath.Join("..", "..", "node", "demo", "voices"), length)
	if err != nil {
		t.Fatal(err)
	}
	start := time.Unix(1000, 0)
	for i := range said.at {
		said.at[i] = start
	}
	all, four := said.mix(start, start.Add(length)), said.mix(start, start.Add(length))
	for k := range four {
		four[k] -= said.pcm[2][k]
	}
	listen := func(pcm []float32) (*ear, []float32) {
		rec, err := newRecorder()
		if err != nil {
			t.Fatal(err)
		}
		packets, err := encode(opus.Talk(), pcm)
		if err != nil {
			t.Fatal(err)
		}
		rec.start()
		for n, packet := range packets {
			rec.heard.hear(packet, start.Add(time.Duration(n)*mix.FrameDuration))
			rec.keep(uint64(n), packet)
		}
		return rec.ear, rec.stop()
	}
	e, got := listen(all)
	beeps, found := said.beeps(start.Add(-1), start.Add(length+time.Second)), e.heard.take()
	if want := int(length / (beepEvery * mix.FrameDuration)); len(beeps) != want || len(found) != want {
		t.Fatalf("%d beeps are said and %d heard, want %d", len(beeps), len(found), want)
	}
	for i := range beeps {
		if d := found[i].Sub(beeps[i]); d.Abs() > 2*time.Millisecond {
			t.Errorf("beep %d is heard %s after it was said", i, d)
		}
	}
	if r := heard.Compare(all, got); r.HeardShare < 0.99 {
		t.Errorf("five voices: %+v", r)
	}
	_, got = listen(four)
	if r := heard.Compare(all, got); r.HeardShare > 0.98 { // four times what missedAim allows
		t.Errorf("four of five voices pass for five: %+v", r)
	}
}
