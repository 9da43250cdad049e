package room

import (
	"bytes"
	"errors"
	"reflect"
	"testing"
)

func TestSound(t *testing.T) {
	for _, c := range []struct {
		name, bytes string
		want        Sound
	}{
		{"only a TOC", "7f 00 78", Sound{Level: 127, Opus: []byte{0x78}}},
		{"one talking", "1e 01 02 1f 78 aa", Sound{Level: 30, Talking: []Talker{{2, 31}}, Opus: []byte{0x78, 0xaa}}},
		{"five talking", "00 05 0100 0201 0302 0403 1f7f 78",
			Sound{Talking: []Talker{{1, 0}, {2, 1}, {3, 2}, {4, 3}, {31, 127}}, Opus: []byte{0x78}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := unhex(t, c.bytes)
			if got, err := AppendSound([]byte("x"), &c.want); err != nil || !bytes.Equal(got[1:], want) {
				t.Errorf("AppendSound = %x, %v, want %x", got[1:], err, want)
			}
			var got Sound
			if err := ParseSound(want, &got); err != nil || !reflect.DeepEqual(got, c.want) {
				t.Errorf("ParseSound = %+v, %v, want %+v", got, err, c.want)
			}
		})
	}
}

func TestSoundRefused(t *testing.T) {
	for name, s := range map[string]string{
		"nothing":              "",
		"only a level":         "00",
		"no Opus":              "00 00",
		"no Opus after a list": "00 01 0101",
		"list cut off":         "00 02 0101 78",
		"six talking":          "00 06 0101 0201 0301 0401 0501 0601 78",
		"level above 127":      "80 00 78",
		"talker above 127":     "00 01 0180 78",
		"the program talking":  "00 01 0001 78",
		"slot 32":              "00 01 2001 78",
		"a slot twice":         "00 02 0101 0102 78",
	} {
		if err := ParseSound(unhex(t, s), &Sound{}); !errors.Is(err, ErrSound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, s := range map[string]Sound{
		"six talking": {Talking: make([]Talker, 6), Opus: []byte{1}},
		"no Opus":     {},
		"a huge Opus": {Opus: make([]byte, MaxOpus+1)},
	} {
		if _, err := AppendSound(nil, &s); !errors.Is(err, ErrSound) {
			t.Errorf("appended %s: %v", name, err)
		}
	}
}

func TestSoundAllocatesNothing(t *testing.T) {
	in := Sound{Level: 20, Talking: []Talker{{1, 20}, {2, 40}}, Opus: make([]byte, 100)}
	dst := make([]byte, 0, 200)
	b := ok(AppendSound(dst, &in))
	out := Sound{Talking: make([]Talker, 0, MaxTalking)}
	if n := testing.AllocsPerRun(100, func() {
		dst = ok(AppendSound(dst[:0], &in))
		if ParseSound(b, &out) != nil || ParseSound(b[:3], &out) == nil {
			panic("wrong")
		}
	}); n != 0 {
		t.Errorf("%v allocations a frame", n)
	}
}

func FuzzSound(f *testing.F) {
	f.Add([]byte{0x7f, 0, 0x78})
	f.Add([]byte{0x1e, 1, 2, 0x1f, 0x78, 0xaa})
	f.Fuzz(func(t *testing.T, b []byte) {
		var s Sound
		if ParseSound(b, &s) != nil {
			return
		}
		if again, err := AppendSound(nil, &s); err != nil || !bytes.Equal(again, b) {
			t.Errorf("%x encodes back to %x, %v", b, again, err)
		}
	})
}
