package node

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"salon/ledger/doc"
)

// somePerson is a key that nobody has the other half of.
func somePerson(n uint32) (p doc.PublicKey) {
	binary.BigEndian.PutUint32(p[:], n+1)
	return p
}

func marked(n uint32, name string, blocked, muted bool) Mark {
	return Mark{PersonView: PersonView{somePerson(n), name}, Blocked: blocked, Muted: muted}
}

// testHome is a home for lists alone: the person is number 1 of testIdentity.
func testHome(t *testing.T, dir string) *Home {
	t.Helper()
	return &Home{Dir: dir, id: testIdentity(t, 1)}
}

func openPeople(t *testing.T, h *Home) *People {
	t.Helper()
	p, err := OpenPeople(h, noon)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func set(t *testing.T, p *People, m, want Mark) {
	t.Helper()
	if got, err := p.Set(m); err != nil || got != want {
		t.Fatalf("Set(%+v) = %+v, %v; want %+v", m, got, err, want)
	}
}

func wantList(t *testing.T, p *People, want ...Mark) {
	t.Helper()
	if got := p.List(); !slices.Equal(got, want) {
		t.Errorf("the list is %+v, want %+v", got, want)
	}
}

func TestPeopleOutliveTheNode(t *testing.T) {
	h := testHome(t, t.TempDir())
	p := openPeople(t, h)
	wantList(t, p)
	set(t, p, marked(9, "Zoe", false, false), marked(9, "Zoe", false, false)) // nothing to keep
	if _, err := os.Stat(p.path); err == nil {
		t.Error("an empty list was written")
	}
	set(t, p, marked(2, "Cy", false, true), marked(2, "Cy", false, true))
	set(t, p, marked(3, "  bo ", true, false), marked(3, "bo", true, false))
	set(t, p, marked(4, "Ana", true, true), marked(4, "Ana", true, true))
	set(t, p, marked(2, "", false, true), marked(2, "Cy", false, true)) // called as before
	set(t, p, marked(5, "\u202e", true, false), marked(5, "Guest "+somePerson(5).Short(), true, false))
	want := []Mark{marked(4, "Ana", true, true), marked(3, "bo", true, false), marked(2, "Cy", false, true), marked(5, "Guest "+somePerson(5).Short(), true, false)}
	wantList(t, p, want...)
	if s, err := os.Stat(p.path); err != nil || runtime.GOOS != "windows" && s.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", s, err)
	}
	p = openPeople(t, h)
	wantList(t, p, want...)
	for _, c := range []struct {
		n             uint32
		mutes, blocks bool
	}{{2, true, false}, {3, true, true}, {4, true, true}, {6, false, false}} {
		if who := somePerson(c.n); p.Mutes(who) != c.mutes || p.Blocks(who) != c.blocks {
			t.Errorf("person %d: muted %t, blocked %t", c.n, p.Mutes(who), p.Blocks(who))
		}
	}
	set(t, p, marked(3, "Bo Again", false, true), marked(3, "Bo Again", false, true))
	for _, n := range []uint32{2, 4, 5} {
		if _, err := p.Set(marked(n, "", false, false)); err != nil {
			t.Fatal(err)
		}
	}
	wantList(t, openPeople(t, h), marked(3, "Bo Again", false, true))
	files, err := os.ReadDir(h.Dir)
	if err != nil || len(files) != 1 {
		t.Errorf("left behind: %v, %v", files, err)
	}
}

func TestPeopleRefuse(t *testing.T) {
	h := testHome(t, t.TempDir())
	p := openPeople(t, h)
	refused := func(m Mark, want string) {
		t.Helper()
		var u *UserError
		if _, err := p.Set(m); !errors.As(err, &u) || u.Code != want {
			t.Errorf("Set(%+v): %v, want %s", m, err, want)
		}
	}
	refused(Mark{Muted: true}, "no_person")
	refused(Mark{PersonView: PersonView{Person: h.id.Author().Person}, Blocked: true}, "yourself")
	wantList(t, p)
}

func TestPeopleAreBounded(t *testing.T) {
	h := testHome(t, t.TempDir())
	p := openPeople(t, h)
	marks := make(map[doc.PublicKey]Mark)
	for n := range uint32(peopleMost) {
		m := marked(n, strings.Repeat("<", 40), true, true) // JSON makes six bytes of each
		marks[m.Person] = m
	}
	if err := p.write(marks); err != nil {
		t.Fatal(err)
	}
	p = openPeople(t, h)
	if n := len(p.List()); n != peopleMost {
		t.Fatalf("%d people", n)
	}
	var u *UserError
	if _, err := p.Set(marked(peopleMost, "One More", true, false)); !errors.As(err, &u) || u.Code != "people_full" {
		t.Errorf("one more than %d: %v", peopleMost, err)
	}
	set(t, p, marked(5, "Known", false, true), marked(5, "Known", false, true)) // who is in it may change
	set(t, p, marked(6, "Gone", false, false), marked(6, "Gone", false, false))
	set(t, p, marked(peopleMost, "One More", true, false), marked(peopleMost, "One More", true, false))
	if n := len(openPeople(t, h).List()); n != peopleMost {
		t.Errorf("%d people", n)
	}
}

// A damaged list is set aside whole, and what can be read of it holds.
func TestPeopleThatAreDamaged(t *testing.T) {
	entry := func(m Mark) string {
		b, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	bo, cy := marked(2, "Bo", true, false), marked(3, "Cy", false, true)
	self := Mark{PersonView: PersonView{testIdentity(t, 1).Author().Person, "Me"}, Blocked: true}
	var many []string
	for n := range uint32(peopleMost + 1) {
		many = append(many, entry(marked(n, fmt.Sprintf("P%04d", n), true, false)))
	}
	list := func(entries ...string) string { return `{"people":[` + strings.Join(entries, ",") + `]}` }
	for name, c := range map[string]struct {
		file    string
		want    int
		damaged bool
	}{
		"good":              {list(entry(bo), entry(cy)), 2, false},
		"nothing":           {"null", 0, false},
		"nobody":            {"{}", 0, false},
		"twice":             {list(entry(marked(2, "Bo", false, true)), entry(bo)), 1, false},
		"oneself":           {list(entry(self), entry(bo)), 1, false},
		"neither":           {list(entry(marked(9, "Zoe", false, false)), entry(bo)), 1, false},
		"a name not shown":  {list(strings.Replace(entry(bo), `"Bo"`, `"\u0007"`, 1)), 1, false},
		"empty":             {"", 0, true},
		"cut off":           {list(entry(bo), entry(cy))[:60], 0, true},
		"not JSON":          {"\x00\x01", 0, true},
		"another shape":     {`[` + entry(bo) + `]`, 0, true},
		"a bad key":         {list(strings.Replace(entry(bo), bo.Person.String(), "bo", 1), entry(cy)), 1, true},
		"no key":            {list(`{"name":"Bo","blocked":true}`, entry(cy)), 1, true},
		"no person":         {list("null", `"x"`, entry(cy)), 1, true},
		"larger than it is": {list(entry(bo)) + strings.Repeat(" ", peopleMaxBytes), 0, true},
		"too many":          {list(many...), peopleMost, true},
	} {
		t.Run(name, func(t *testing.T) {
			h := testHome(t, t.TempDir())
			path := filepath.Join(h.Dir, "people.json")
			if err := os.WriteFile(path, []byte(c.file), 0o600); err != nil {
				t.Fatal(err)
			}
			p, err := OpenPeople(h, noon)
			if got := p.List(); len(got) != c.want || (err != nil) != c.damaged {
				t.Fatalf("%d people, %v; want %d, damaged %t", len(got), err, c.want, c.damaged)
			}
			aside, _ := filepath.Glob(filepath.Join(h.Dir, "people.damaged-*.json"))
			if (len(aside) == 1) != c.damaged {
				t.Fatalf("set aside: %v", aside)
			}
			if c.damaged {
				if b, err := os.ReadFile(aside[0]); err != nil || string(b) != c.file {
					t.Errorf("set aside are %d bytes of %d, %v", len(b), len(c.file), err)
				}
				if !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), aside[0]) {
					t.Errorf("nobody learns what is where: %v", err)
				}
			}
			if again := openPeople(t, h).List(); len(again) != c.want {
				t.Errorf("%d people at the next start", len(again))
			}
			if c.want == 1 && p.Blocks(bo.Person) && p.Mutes(cy.Person) {
				t.Error("one entry is two people")
			}
			if name == "twice" {
				wantList(t, p, marked(2, "Bo", true, true))
			}
			set(t, p, marked(2, "Bo", false, true), marked(2, "Bo", false, true))
			if !openPeople(t, h).Mutes(bo.Person) {
				t.Error("not kept after the damage")
			}
		})
	}
}

// A list that cannot even be read does not stop the start either.
func TestPeopleFileThatIsAFolder(t *testing.T) {
	h := testHome(t, t.TempDir())
	if err := os.Mkdir(h.path("people.json"), 0o700); err != nil {
		t.Fatal(err)
	}
	p, err := OpenPeople(h, noon)
	if err == nil || len(p.List()) != 0 {
		t.Errorf("%v, %v", p.List(), err)
	}
	set(t, p, marked(2, "Bo", true, false), marked(2, "Bo", true, false))
	wantList(t, openPeople(t, h), marked(2, "Bo", true, false))
}

// What cannot be written is not so: nobody is told that they are rid of somebody until the next start only.
func TestPeopleThatCannotBeWritten(t *testing.T) {
	h := testHome(t, filepath.Join(t.TempDir(), "gone"))
	p := openPeople(t, h)
	if _, err := p.Set(marked(2, "Bo", true, false)); err == nil || len(p.List()) != 0 {
		t.Errorf("%v, %v", p.List(), err)
	}
}

// Who mixes sound asks while the list changes.
func TestPeopleAreAskedWhileTheyChange(t *testing.T) {
	p := openPeople(t, testHome(t, t.TempDir()))
	done := make(chan struct{})
	go func() {
		defer close(done)
		for n := range uint32(20) {
			if _, err := p.Set(marked(n%3, "Bo", n%2 == 0, false)); err != nil {
				t.Error(err)
			}
		}
	}()
	for {
		select {
		case <-done:
			return
		default:
			p.Mutes(somePerson(1))
			p.List()
			runtime.Gosched()
		}
	}
}

func TestNobodyIsMarkedByNoList(t *testing.T) {
	var p *People
	if p.Mutes(somePerson(1)) || p.Blocks(somePerson(1)) {
		t.Error("marked")
	}
}

// The name under which a damaged list is kept is one that every file system takes.
func TestPeopleSetAsideByTime(t *testing.T) {
	h := testHome(t, t.TempDir())
	for i := range 2 {
		if err := os.WriteFile(h.path("people.json"), []byte{'x'}, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenPeople(h, noon.Add(time.Duration(i)*time.Second)); err == nil {
			t.Fatal("not damaged")
		}
	}
	files, err := os.ReadDir(h.Dir)
	if err != nil || len(files) != 2 {
		t.Errorf("%v, %v: the earlier one is gone", files, err)
	}
	for _, f := range files {
		if strings.ContainsAny(f.Name(), `:/\ `) {
			t.Errorf("%q", f.Name())
		}
	}
}
