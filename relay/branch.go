package relay

// MaxBranches is how many relays a Branches names.
const MaxBranches = 128

// Graft makes the Branches of a node that has relays below it: itself, then those nearest to it first, at most most of them,
// with the others counted. A list that is not in order is left out.
func Graft(self Branch, below []Branches, most int) Branches {
	self.Up = 0
	out := Branches{List: []Branch{self}}
	type place struct {
		from, index int // in below
		up          int // in out.List, or -1 for who is left out
	}
	var level []place
	children := make([][][]int, len(below))
	for k, b := range below {
		if !b.inOrder() {
			continue
		}
		out.More += min(b.More, 1<<20)
		children[k] = make([][]int, len(b.List))
		for i := 1; i < len(b.List); i++ {
			up := b.List[i].Up
			children[k][up] = append(children[k][up], i)
		}
		level = append(level, place{from: k})
	}
	for len(level) > 0 {
		var next []place
		for _, p := range level {
			at := -1
			if p.up >= 0 && len(out.List) < most {
				b := below[p.from].List[p.index]
				b.Up = uint16(p.up)
				at = len(out.List)
				out.List = append(out.List, b)
			} else {
				out.More++
			}
			for _, i := range children[p.from][p.index] {
				next = append(next, place{p.from, i, at})
			}
		}
		level = next
	}
	return out
}

// inOrder reports whether every relay comes after who feeds it, so that there is no circle.
func (b Branches) inOrder() bool {
	if len(b.List) == 0 || len(b.List) > MaxBranches {
		return false
	}
	for i, x := range b.List {
		if i == 0 && x.Up != 0 || i > 0 && int(x.Up) >= i {
			return false
		}
	}
	return true
}
