package main

import (
	"slices"
	"testing"
	"time"

	"salon/room/mix"
	"salon/room/opus"
)

// A beep in mid-packet is found where it is, whatever the codec puts before it, and found once.
func TestOnsetsAreFoundToTheSample(t *testing.T) {
	b, err := newBeeper(1)
	if err != nil {
		t.Fatal(err)
	}
	o, err := newOnsets()
	if err != nil {
		t.Fatal(err)
	}
	const at = 20*mix.FrameSamples + 333
	sound := make([]float32, 60*mix.FrameSamples)
	for i := range beepOn * mix.FrameSamples {
		sound[at+i] = beepLevel * float32(1-2*(i/24%2)) // 1 kHz
	}
	start := time.Unix(1000, 0)
	packet := make([]byte, opus.MaxPacket)
	for f := range 60 {
		n, err := b.enc.Encode(sound[f*mix.FrameSamples:][:mix.FrameSamples], packet)
		if err != nil {
			t.Fatal(err)
		}
		o.hear(packet[:n], start.Add(time.Duration(f)*mix.FrameDuration))
	}
	found := o.take()
	// The codec delays by 6.5 ms.
	want := start.Add(time.Duration(at)*time.Second/mix.SampleRate + 6500*time.Microsecond)
	if len(found) != 1 || found[0].Sub(want).Abs() > time.Millisecond {
		t.Errorf("found %v, want %v", found, want)
	}
	if again := o.take(); again != nil {
		t.Errorf("taken twice: %v", again)
	}
}

func TestDelaysPairWhatBelongsTogether(t *testing.T) {
	at := func(ms ...int) (times []time.Time) {
		for _, m := range ms {
			times = append(times, time.UnixMilli(int64(m)))
		}
		return times
	}
	// The second is lost: the third must not stand for it.
	if got := delays(at(1000, 1800, 2600), at(1060, 2670)); !slices.Equal(got, []float64{60, 70}) {
		t.Errorf("delays %v, want 60 and 70", got)
	}
	if got := delays(at(1000), nil); got != nil {
		t.Errorf("delays %v of what was not heard", got)
	}
}
