package node

import (
	"slices"

	"salon/room"
)

// startsMost is how many answers are awaited at once; one that is later than that is not begun with.
const startsMost = 32

// starts are what one stream of ours has asked to begin with and not begun with yet. Nothing is sealed but with one of them, and
// with none twice, so that no key and counter meet twice whatever the room says: its state may be from before a crash of this node,
// or from the other side of a split. voice.mu guards it.
type starts []room.Start

// ask chooses one to ask with.
func (s *starts) ask() room.Start {
	start := room.NewStart()
	if *s = append(*s, start); len(*s) > startsMost {
		*s = slices.Delete(*s, 0, 1)
	}
	return start
}

// awaits reports whether one may be begun with.
func (s starts) awaits(start room.Start) bool { return slices.Contains(s, start) }

// spend takes out one that is begun with.
func (s *starts) spend(start room.Start) {
	if i := slices.Index(*s, start); i >= 0 {
		*s = slices.Delete(*s, i, i+1)
	}
}

// askMicrophone chooses with what our microphone is to begin.
func (v *voice) askMicrophone() room.Start {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.mic.starts.ask()
}

// askProgram chooses with what our program is to begin.
func (v *voice) askProgram() room.Start {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.starts.ask()
}
