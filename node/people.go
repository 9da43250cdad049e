package node

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"salon/ledger/doc"
	"salon/room"
)

const (
	peopleMost     = 1000    // marked at once
	peopleMaxBytes = 1 << 20 // of the file: three times what peopleMost entries with the longest names take
)

// A Mark is what somebody decided about another person, for themself alone: nobody else sees it.
type Mark struct {
	PersonView
	Blocked bool `json:"blocked"` // kept out of our rooms, theirs are not listed; not heard either, whatever Muted says
	Muted   bool `json:"muted"`   // not heard while we are on stage: in the audience one mix comes from the host
}

// People is a person's own list of whom they mute or block, kept in people.json in their home. Sound and doors ask it all
// the time, so they wait for nobody: a change is a new map. The nil list marks nobody.
type People struct {
	path  string
	self  doc.PublicKey
	marks atomic.Pointer[map[doc.PublicKey]Mark] // the map is never changed

	mu sync.Mutex // held while a change is made and written; who asks does not take it
}

// OpenPeople reads the list of a home. An error says what of the file could not be read and where the file is now; the
// list then holds the rest, and works: a damaged file keeps nobody from starting.
func OpenPeople(h *Home, now time.Time) (*People, error) {
	p := &People{path: h.path("people.json"), self: h.Identity().Author().Person}
	raw, err := readAtMost(p.path, peopleMaxBytes)
	marks := make(map[doc.PublicKey]Mark)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = nil
	case err == nil:
		marks, err = parsePeople(raw)
	}
	delete(marks, p.self)
	p.marks.Store(&marks)
	if err == nil {
		return p, nil
	}
	aside := h.path("people.damaged-" + now.UTC().Format("20060102T150405.000") + ".json")
	if moved := os.Rename(p.path, aside); moved != nil {
		return p, fmt.Errorf("%s: %w; it cannot be set aside: %w", p.path, err, moved)
	}
	err = fmt.Errorf("%s: %w; it is now %s", p.path, err, aside)
	if len(marks) > 0 { // what was read outlives the next start too
		err = errors.Join(err, p.write(marks))
	}
	return p, err
}

// readAtMost reads a file of no more than most bytes.
func readAtMost(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(raw)) > most {
		return nil, fmt.Errorf("it is longer than %d bytes", most)
	}
	return raw, err
}

// peopleFile is people.json, in the order of List.
type peopleFile[T any] struct {
	People []T `json:"people"`
}

// parsePeople takes from a file whatever can be read; the error is about the rest.
func parsePeople(raw []byte) (map[doc.PublicKey]Mark, error) {
	marks := make(map[doc.PublicKey]Mark)
	var file peopleFile[json.RawMessage]
	if err := json.Unmarshal(raw, &file); err != nil {
		return marks, err
	}
	var damage error
	for i, entry := range file.People {
		var m Mark
		switch err := json.Unmarshal(entry, &m); {
		case err != nil:
			damage = fmt.Errorf("person %d: %w", i+1, err)
		case m.Person.IsZero():
			damage = fmt.Errorf("person %d has no key", i+1)
		case !m.Blocked && !m.Muted:
		default:
			if old, twice := marks[m.Person]; twice { // by hand: the stricter holds
				m.Blocked, m.Muted = m.Blocked || old.Blocked, m.Muted || old.Muted
			} else if len(marks) >= peopleMost {
				return marks, fmt.Errorf("it names more than %d people", peopleMost)
			}
			m.Name = markName(m, "")
			marks[m.Person] = m
		}
	}
	return marks, damage
}

// markName is what the list calls somebody: a name that cannot be shown is no reason not to block its bearer.
func markName(m Mark, before string) string {
	clean, err := room.CleanName(m.Name)
	if err != nil {
		clean = ""
	}
	return cmp.Or(clean, before, "Guest "+m.Person.Short())
}

// List is everybody who is marked, by name.
func (p *People) List() []Mark { return sortedMarks(*p.marks.Load()) }

func sortedMarks(marks map[doc.PublicKey]Mark) []Mark {
	list := slices.AppendSeq(make([]Mark, 0, len(marks)), maps.Values(marks))
	slices.SortFunc(list, func(a, b Mark) int {
		return cmp.Or(
			cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)),
			cmp.Compare(a.Person.String(), b.Person.String()),
		)
	})
	return list
}

// Set marks somebody as m says and returns the mark as it is kept: without a name that can be shown they are called as
// before, or Guest. Who is neither blocked nor muted is forgotten.
func (p *People) Set(m Mark) (Mark, error) {
	switch {
	case m.Person.IsZero():
		return Mark{}, &UserError{Code: "no_person", Text: "Say whom: this needs a person."}
	case m.Person == p.self:
		return Mark{}, &UserError{Code: "yourself", Text: "That is you: only others can be muted or blocked."}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	marks := *p.marks.Load()
	old, known := marks[m.Person]
	m.Name = markName(m, old.Name)
	keep := m.Blocked || m.Muted
	if known == keep && (!known || m == old) {
		return m, nil
	}
	if !known && len(marks) >= peopleMost {
		return Mark{}, &UserError{Code: "people_full", Text: fmt.Sprintf("Your list holds %d people, which is all it can. Unmute or unblock somebody first.", peopleMost)}
	}
	next := maps.Clone(marks)
	if keep {
		next[m.Person] = m
	} else {
		delete(next, m.Person)
	}
	if err := p.write(next); err != nil {
		return Mark{}, err
	}
	p.marks.Store(&next)
	return m, nil
}

func (p *People) write(marks map[doc.PublicKey]Mark) error {
	raw, err := json.MarshalIndent(peopleFile[Mark]{sortedMarks(marks)}, "", " ")
	if err != nil {
		return err
	}
	return writeFile(p.path, append(raw, '\n'))
}

// Blocks reports whether somebody is to be kept out.
func (p *People) Blocks(who doc.PublicKey) bool { return p.of(who).Blocked }

// Mutes reports whether somebody is not to be heard: muted, or blocked.
func (p *People) Mutes(who doc.PublicKey) bool {
	m := p.of(who)
	return m.Muted || m.Blocked
}

func (p *People) of(who doc.PublicKey) Mark {
	if p == nil {
		return Mark{}
	}
	return (*p.marks.Load())[who]
}
