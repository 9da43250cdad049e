package node

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"

	"salon/room"
)

const (
	passesMost = 256
	passesMax  = 512 << 10 // bytes of the file
)

// passes are what lets this node's person into closed rooms again; see room.Pass. They are of no use to anybody else.
type passes struct {
	path string

	mu   sync.Mutex // guards the fields below
	list []keptPass // the one that came last, last; at most passesMost
}

type keptPass struct {
	Room room.ID `json:"room"`
	Pass []byte  `json:"pass"`
}

// openPasses reads what was kept. Without a file that can be understood there are none, and the error says why.
func openPasses(h *Home) (*passes, error) {
	p := &passes{path: h.path("passes.json")}
	raw, err := readAtMost(p.path, passesMax)
	if errors.Is(err, fs.ErrNotExist) {
		return p, nil
	}
	if err == nil {
		err = json.Unmarshal(raw, &p.list)
	}
	if err != nil {
		return &passes{path: p.path}, fmt.Errorf("passes %s: %w", p.path, err)
	}
	return p, nil
}

// of is the pass for a room, nil if there is none.
func (p *passes) of(id room.ID) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	if i := p.find(id); i >= 0 {
		return p.list[i].Pass
	}
	return nil
}

// keep stores a pass. The one that came first makes room for it.
func (p *passes) keep(id room.ID, pass []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := slices.Clone(p.list)
	if i := p.find(id); i >= 0 {
		list = slices.Delete(list, i, i+1)
	}
	list = append(list, keptPass{id, pass})
	list = list[max(len(list)-passesMost, 0):]
	p.list = list
	raw, err := json.Marshal(list)
	if err != nil {
		return err
	}
	return replaceFile(p.path, raw, false)
}

func (p *passes) find(id room.ID) int {
	return slices.IndexFunc(p.list, func(k keptPass) bool { return k.Room == id })
}
