package node

import (
	"testing"

	"salon/room"
	"salon/room/mix"
)

// What goes in comes out: every 20 ms of it, as loud, and nothing where nothing was said.
func TestSoundPathReturnsWhatGoesIn(t *testing.T) {
	var packets [][]byte
	var levels []uint8
	p := soundless(t, 1).NewSoundPath(func(opus []byte, level uint8) {
		packets = append(packets, append([]byte(nil), opus...))
		levels = append(levels, level)
	})
	s := newSource(t, 1, room.Talk, 1, 1, 440)
	quiet := newSource(t, 1, room.Talk, 1, 1, 0)
	now := noon
	const n = 120
	for i := range 3 * n {
		from := s
		if i/n == 1 {
			from = quiet
		}
		p.Speak(from.packet(t), now)
		now = now.Add(mix.FrameDuration)
	}
	if len(packets) != 3*n {
		t.Fatalf("%d packets of %d", len(packets), 3*n)
	}
	heard := loudness(t, 1, packets)
	// The jitter buffer holds a few frames.
	if !allLoud(heard[20:n]) || !allSilent(heard[n+20:2*n]) || !allLoud(heard[2*n+20:]) {
		t.Errorf("heard %v", heard)
	}
	if !allLoud(levels[20:n]) || !allSilent(levels[n+20:2*n]) {
		t.Errorf("levels %v", levels)
	}
}

func TestSoundPathTakesAnyBytes(t *testing.T) {
	n := 0
	p := soundless(t, 1).NewSoundPath(func([]byte, uint8) { n++ })
	now := noon
	for i := range 60 {
		p.Speak([][]byte{nil, {0xff}, make([]byte, 5000)}[i%3], now)
		now = now.Add(mix.FrameDuration)
	}
	if n != 60 {
		t.Errorf("%d packets of 60", n)
	}
}
