package relay

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func branch(n byte, up uint16) Branch { return Branch{Up: up, Device: fill32(n)} }

// devices are the first bytes of the devices of a list.
func devices(b Branches) (list []byte) {
	for _, x := range b.List {
		list = append(list, x.Device[0])
	}
	return list
}

func TestGraft(t *testing.T) {
	// 1 feeds 2, 3 and 4, which come in one list; 5, which comes in another, feeds 6 and 7.
	one := Branches{List: []Branch{branch(1, 0), branch(2, 0), branch(3, 0), branch(4, 2)}}
	five := Branches{List: []Branch{branch(5, 0), branch(6, 0), branch(7, 1)}, More: 3}
	all := Graft(branch(9, 7), []Branches{one, five}, 100)
	if !slices.Equal(devices(all), []byte{9, 1, 5, 2, 3, 6, 4, 7}) || all.More != 3 {
		t.Errorf("the tree has %v and %d more", devices(all), all.More)
	}
	var up []byte
	for _, x := range all.List {
		up = append(up, all.List[x.Up].Device[0])
	}
	if !slices.Equal(up, []byte{9, 9, 9, 1, 1, 5, 3, 6}) {
		t.Errorf("they are fed by %v", up)
	}
	few := Graft(branch(9, 0), []Branches{one, five}, 4)
	if !slices.Equal(devices(few), []byte{9, 1, 5, 2}) || few.More != 7 {
		t.Errorf("with place for four it has %v and %d more", devices(few), few.More)
	}
	for name, bad := range map[string]Branches{
		"nothing": {}, "a circle": {List: []Branch{branch(1, 0), branch(2, 2), branch(3, 1)}}, "a root elsewhere": {List: []Branch{branch(1, 1), branch(2, 0)}},
		"its own parent": {List: []Branch{branch(1, 0), branch(2, 1)}}, "too long": {List: make([]Branch, MaxBranches+1)},
	} {
		if b := Graft(branch(9, 0), []Branches{bad, five}, 100); !slices.Equal(devices(b), []byte{9, 5, 6, 7}) {
			t.Errorf("%s: %v", name, devices(b))
		}
	}
}

// Whatever relays say, what is passed on is in order, in bounds, and leaves nobody uncounted.
func TestGraftAnything(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 2000 {
		var below []Branches
		for range rng.IntN(5) {
			b := Branches{More: rng.Uint32N(9)}
			for i := range rng.IntN(MaxBranches + 3) {
				up := rng.IntN(i + 1)
				if i > 0 {
					up = rng.IntN(i)
				}
				if rng.IntN(300) == 0 {
					up = rng.IntN(1 << 16)
				}
				b.List = append(b.List, branch(byte(i), uint16(up)))
			}
			below = append(below, b)
		}
		most := 1 + rng.IntN(MaxBranches)
		all := Graft(branch(0, 0), below, most)
		want := 1
		for _, b := range below {
			if b.inOrder() {
				want += len(b.List) + int(b.More)
			}
		}
		if len(all.List) > most || !all.inOrder() || len(all.List)+int(all.More) != want {
			t.Fatalf("%d relays and %d more, of %d", len(all.List), all.More, want)
		}
	}
}
