package room

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"salon/ledger/doc"
)

// led is a room with co-hosts bo and cy, of whom bo is on stage.
func led(t testing.TB) *State {
	s := opened(t)
	raise(t, s, boA)
	do(t, s, anaA.first(), Command{Kind: Grant, To: boA.person()})
	do(t, s, anaA.first(), Command{Kind: Appoint, To: boA.person(), Name: "bo"})
	do(t, s, anaA.first(), Command{Kind: Appoint, To: cyA.person(), Name: "cy"})
	do(t, s, anaA.first(), Command{Kind: Publish, Program: true})
	return s
}

func succeed(t testing.TB, s *State, ev Event, err error) {
	t.Helper()
	if err == nil {
		_, err = s.Apply(ev)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := s.check(); err != nil {
		t.Fatal(err)
	}
}

func TestTakeOver(t *testing.T) {
	s := led(t)
	do(t, s, anaA.first(), Command{Kind: Away, To: boA.person()})
	last := s.Incarnation
	ev, err := s.TakeOver(boA.first(), 0, 0, noon)
	succeed(t, s, ev, err)
	if s.Term != (Term{1, 1, 1}) || s.Leader() != boA.first() || s.Program != (Program{Device: boA.first().Device}) {
		t.Errorf("term %v, led by %v, program %v", s.Term, s.Leader(), s.Program)
	}
	if seat, _ := s.SeatOf(boA.person()); seat.Away || seat.Incarnation != 0 {
		t.Errorf("bo's seat %+v", seat)
	}
	ev, _ = do(t, s, boA.first(), Command{Kind: Publish, Program: true})
	if ev.Incarnation <= last || ev.Incarnation%lanes != 1 || ev.Term != s.Term {
		t.Errorf("the program begins with %d after %d, in term %v", ev.Incarnation, last, ev.Term)
	}
	do(t, s, boA.first(), Command{Kind: Away, To: anaA.person()})
	do(t, s, boA.first(), Command{Kind: Say, Name: "bo", Text: "ana will be back"})
	do(t, s, boA.first(), Command{Kind: Remove, To: eveA.person()})

	// What needs a new charter waits for the host, also if the host asks from elsewhere.
	for _, c := range []Command{
		{Kind: Appoint, To: danA.person(), Name: "dan"}, {Kind: Withdraw, To: cyA.person()}, {Kind: Remove, To: cyA.person()},
	} {
		c.Room = s.Charter.Room
		if _, err := s.Decide(anaA.second(), c, noon); !errors.Is(err, ErrHostGone) {
			t.Errorf("%v: %v", c.Kind, err)
		}
	}
	for _, by := range []doc.Author{anaA.first(), cyA.first(), boA.second()} {
		for _, c := range []Command{{Kind: Publish, Program: true}, {Kind: Away, To: anaA.person()}} {
			c.Room = s.Charter.Room
			if _, err := s.Decide(by, started(c), noon); !errors.Is(err, ErrNotAllowed) {
				t.Errorf("%v by %v, who does not lead: %v", c.Kind, by, err)
			}
		}
	}

	// One who is not on stage takes over from the one who did; then the host is back.
	ev, err = s.TakeOver(cyA.first(), 900, 7, noon)
	succeed(t, s, ev, err)
	if ev, _ = do(t, s, cyA.first(), Command{Kind: Publish, Program: true}); s.Term != (Term{1, 8, 2}) || ev.Incarnation != 15*lanes+2 {
		t.Errorf("term %v, incarnation %d", s.Term, ev.Incarnation)
	}
	ev, err = s.Resume(anaA.first(), 0, noon)
	succeed(t, s, ev, err)
	if s.Term != (Term{Reign: 2}) || s.Charter.Renewed != 1 || s.Leader() != anaA.first() || !s.IsRemoved(eveA.person()) || len(s.Chat) != 1 {
		t.Errorf("term %v, led by %v, %d lines", s.Term, s.Leader(), len(s.Chat))
	}
	do(t, s, anaA.first(), Command{Kind: Withdraw, To: cyA.person()})

	// A second device of the host's leads on in the host's lane, and may do all that the host may.
	ev, err = s.TakeOver(anaA.second(), 0, 0, noon)
	succeed(t, s, ev, err)
	do(t, s, anaA.second(), Command{Kind: Appoint, To: cyA.person(), Name: "cy"})
	if s.Term != (Term{2, 1, 0}) || s.Charter.CoHosts[1].Lane != 3 {
		t.Errorf("term %v, co-hosts %+v", s.Term, s.Charter.CoHosts)
	}
}

func TestTakeOverRefused(t *testing.T) {
	s := led(t)
	good, err := s.TakeOver(boA.first(), 0, 0, noon)
	if err != nil {
		t.Fatal(err)
	}
	before := ok(s.Bytes())
	for name, c := range map[string]struct {
		change func(*Event)
		want   error
	}{
		"the same term":              {func(ev *Event) { ev.Term = s.Term }, ErrTerm},
		"a reign":                    {func(ev *Event) { ev.Term.Reign++ }, ErrEvent},
		"a place that is another's":  {func(ev *Event) { ev.Term.Order = 2 }, ErrEvent},
		"the host's place":           {func(ev *Event) { ev.Term.Order = 0 }, ErrEvent},
		"by a speaker":               {func(ev *Event) { ev.By, ev.Device = danA.person(), danA.first().Device }, ErrNotAllowed},
		"by the host where it leads": {func(ev *Event) { ev.By, ev.Device = anaA.person(), anaA.first().Device }, ErrNotAllowed},
		"on another's device":        {func(ev *Event) { ev.By = cyA.person() }, ErrDeviceBusy},
		"incarnations anew":          {func(ev *Event) { ev.Incarnation-- }, ErrEvent},
		"more incarnations than fit": {func(ev *Event) { ev.Incarnation = MaxIncarnation + 1 }, ErrField},
		"a gap":                      {func(ev *Event) { ev.Seq++ }, ErrSeq},
		"a name":                     {func(ev *Event) { ev.Name = "x" }, ErrEvent},
		"a co-host's return":         {func(ev *Event) { ev.Kind, ev.Term = Resumed, Term{Reign: 2} }, ErrNotAllowed},
	} {
		ev := good
		c.change(&ev)
		if _, err := s.Apply(ev); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if !bytes.Equal(ok(s.Bytes()), before) {
		t.Error("a refused event changed the room")
	}
	if _, err := s.TakeOver(eveA.first(), 0, 0, noon); !errors.Is(err, ErrNotAllowed) {
		t.Errorf("by anybody: %v", err)
	}
	do(t, s, anaA.first(), Command{Kind: End})
	if _, err := s.TakeOver(boA.first(), 0, 0, noon); !errors.Is(err, ErrEnded) {
		t.Errorf("after the end: %v", err)
	}
}

// The host leads on from what a co-host led to, but not from where nothing is left to hand out.
func TestLeadsOn(t *testing.T) {
	s := led(t)
	after := s.Clone()
	succeed(t, after, ok(after.TakeOver(boA.first(), s.Incarnation+1000*lanes, 0, noon)), nil)
	do(t, after, boA.first(), Command{Kind: Publish, Program: true})
	spent := after.Clone()
	spent.Incarnation = MaxIncarnation
	if err := spent.check(); err != nil {
		t.Fatal(err) // as far as others see
	}
	if _, may := spent.nextIncarnation(); may {
		t.Error("there is one after the last")
	}
	if _, err := spent.TakeOver(cyA.first(), 0, 0, noon); err != nil {
		t.Errorf("a takeover of what is spent: %v", err)
	}
	end := after.Clone()
	if end.Term.Epoch = 1<<32 - 1; end.check() != nil {
		t.Fatal("no epoch")
	}
	if _, err := end.TakeOver(cyA.first(), 0, 0, noon); !errors.Is(err, ErrTerm) {
		t.Errorf("a takeover after the last epoch: %v", err)
	}
	for name, c := range map[string]struct {
		from *State
		want error
	}{"what a co-host led to": {after, nil}, "the last epoch": {end, nil}, "what is spent": {spent, ErrIncarnation}} {
		if err := s.LeadsOn(c.from); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if c.want == nil {
			back := c.from.Clone()
			succeed(t, back, ok(back.Resume(anaA.first(), s.Incarnation, noon)), nil)
			do(t, back, anaA.first(), Command{Kind: Publish, Program: true})
		}
	}
	if err := after.LeadsOn(s); !errors.Is(err, ErrTerm) {
		t.Errorf("from before: %v", err)
	}
}

// Attack: one who is no co-host any more claims ever higher epochs. Nobody rises above them, and one who means well yields.
func TestNobodyRisesAboveTheWithdrawn(t *testing.T) {
	s := led(t)
	old := s.Clone()
	succeed(t, old, ok(old.TakeOver(cyA.first(), 0, 0, noon)), nil)
	old.Term.Epoch = 1 << 31
	do(t, s, anaA.first(), Command{Kind: Withdraw, To: cyA.person()})
	if v := Meet(anaA.person(), s, old); v != LeadOn {
		t.Errorf("the host: %v", v)
	}
	succeed(t, s, ok(s.TakeOver(boA.first(), 0, 0, noon)), nil)
	if v := Meet(boA.person(), s, old); v != LeadOn {
		t.Errorf("a co-host: %v", v)
	}
	if v := Meet(cyA.person(), old, s); v != Yield {
		t.Errorf("who was withdrawn: %v", v)
	}
}

func TestMaySign(t *testing.T) {
	s := led(t)
	over := ok(s.TakeOver(boA.first(), 0, 0, noon))
	back := ok(s.Resume(anaA.second(), 0, noon))
	line := ok(s.Decide(cyA.first(), Command{Room: s.Charter.Room, Kind: Say, Name: "cy", Text: "hi"}, noon))
	for name, c := range map[string]struct {
		ev   Event
		by   doc.Author
		want bool
	}{
		"the host":                          {line, anaA.first(), true},
		"the host on another device":        {line, anaA.second(), false},
		"a co-host":                         {line, boA.first(), false},
		"a takeover by who takes over":      {over, boA.first(), true},
		"a takeover by the other co-host":   {over, cyA.first(), false},
		"a takeover by the host":            {over, anaA.first(), false},
		"a return from another device":      {back, anaA.second(), true},
		"a return signed where it led last": {back, anaA.first(), false},
	} {
		if err := s.MaySign(c.by, c.ev); (err == nil) != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
	succeed(t, s, over, nil)
	if s.MaySign(boA.first(), line) != nil || s.MaySign(anaA.first(), line) == nil {
		t.Error("the host signs on while a co-host leads")
	}
}

func TestTakesOverAfter(t *testing.T) {
	s := led(t)
	for name, c := range map[string]struct {
		by    doc.Author
		after time.Duration
		may   bool
	}{
		"the first": {boA.first(), silence, true}, "the second": {cyA.first(), 2 * silence, true},
		"the first's other device": {boA.second(), 2 * silence, true},
		"the host's other device":  {anaA.second(), silence, true}, "who leads": {anaA.first(), 0, false}, "a listener": {danA.first(), 0, false},
	} {
		if after, may := s.TakesOverAfter(c.by); after != c.after || may != c.may {
			t.Errorf("%s takes over after %v, %v", name, after, may)
		}
	}
	do(t, s, anaA.first(), Command{Kind: Away, To: boA.person()})
	if after, _ := s.TakesOverAfter(cyA.first()); after != silence {
		t.Errorf("the second waits %v for one who is away", after)
	}
}

// Whatever people outside the charter's list do, and sign, the leader stays.
func TestOnlyTheListLeads(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := led2(t)
		outsiders := []actor{danA, eveA, fayA, gilA}
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			who := rapid.SampledFrom(outsiders).Draw(t, "who")
			by := who.first()
			if rapid.Bool().Draw(t, "borrowed") {
				by.Device = rapid.SampledFrom([]actor{anaA, boA, cyA, danA}).Draw(t, "device").first().Device
			}
			was := s.Leader()
			ev := Event{
				Room: s.Charter.Room, Seq: s.Seq + 1, Time: s.Time, By: by.Person, Device: by.Device,
				Kind:        rapid.SampledFrom([]Kind{TookOver, Resumed, Publish, Say, Appoint, Withdraw, Away, Back}).Draw(t, "kind"),
				Term:        Term{rapid.Uint32Range(1, 3).Draw(t, "reign"), rapid.Uint32Range(0, 3).Draw(t, "epoch"), rapid.Uint8Range(0, 3).Draw(t, "order")},
				Incarnation: rapid.SampledFrom([]uint32{0, s.Incarnation, s.Incarnation + lanes}).Draw(t, "incarnation"),
				Program:     rapid.Bool().Draw(t, "program"),
			}
			if rapid.Bool().Draw(t, "as decided") {
				c := Command{Room: s.Charter.Room, Kind: ev.Kind, Program: ev.Program}
				if d, err := s.Decide(by, c, noon); err == nil {
					ev = d
				}
			}
			if s.MaySign(by, ev) == nil {
				t.Fatalf("%s signs %+v", who.name, ev)
			}
			if _, err := s.Apply(ev); err == nil && s.Leader() != was {
				t.Fatalf("%s made %v lead by %+v", who.name, s.Leader(), ev)
			}
			if _, err := s.TakeOver(by, 0, 0, noon); err == nil {
				t.Fatalf("%s takes over", who.name)
			}
			if _, err := s.Resume(by, 0, noon); err == nil {
				t.Fatalf("%s resumes", who.name)
			}
			if rapid.IntRange(0, 9).Draw(t, "change") == 0 { // in whichever term
				next, err := s.TakeOver(rapid.SampledFrom([]actor{boA, cyA}).Draw(t, "co-host").first(), 0, 0, noon)
				if err == nil {
					_, err = s.Apply(next)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}

func led2(t *rapid.T) *State {
	c, err := NewCharter(anaA.person(), "Evening talk", "en", Talk, noon, [16]byte{7})
	if err != nil {
		t.Fatal(err)
	}
	s, _ := Open(c, anaA.first(), "ana", [32]byte{42}, noon)
	for _, a := range []actor{boA, cyA} {
		ev, err := s.Decide(anaA.first(), Command{Room: c.Room, Kind: Appoint, To: a.person(), Name: a.name}, noon)
		if err == nil {
			_, err = s.Apply(ev)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func TestResubmit(t *testing.T) {
	s := led(t)
	winner := s.Clone()
	succeed(t, s, ok(s.TakeOver(boA.first(), 0, 0, noon)), nil)
	var tail []Told
	for _, x := range []struct {
		by doc.Author
		c  Command
	}{
		{danA.first(), Command{Kind: Say, Name: "dan", Text: "one"}},
		{boA.first(), Command{Kind: Publish}},
		{eveA.first(), Command{Kind: Say, Name: "eve", Text: "spam"}},
		{fayA.first(), Command{Kind: RaiseHand, Name: "fay"}},
		{boA.first(), Command{Kind: Remove, To: eveA.person()}},
		{boA.first(), Command{Kind: Grant, To: fayA.person()}},
		{boA.first(), Command{Kind: Mute, To: fayA.person()}},
		{boA.first(), Command{Kind: Away, To: anaA.person()}},
		{boA.first(), Command{Kind: Pin, Ref: 8}},
		{danA.first(), Command{Kind: Erase, Ref: 8}},
		{danA.first(), Command{Kind: Say, Name: "dan", Text: "two"}},
		{gilA.first(), Command{Kind: RaiseHand, Name: "gil"}},
		{boA.first(), Command{Kind: Lock}},
	} {
		ev, _ := do(t, s, x.by, x.c)
		tail = append(tail, Told{ev, boA.first().Device})
	}
	do(t, winner, anaA.first(), Command{Kind: Say, Name: "ana", Text: "here"}) // so that numbers differ
	do(t, winner, danA.first(), Command{Kind: Say, Name: "dan", Text: "zero"})
	succeed(t, winner, ok(winner.Resume(anaA.first(), 0, noon)), nil)
	var kinds []Kind
	new(Retelling).Resubmit(tail, winner.Shares(s), func(by doc.Author, c Command) uint64 {
		ev, err := winner.Retell(by, c, noon)
		if err != nil {
			return 0
		}
		if _, err := winner.Apply(ev); err != nil {
			t.Fatal(err)
		}
		kinds = append(kinds, c.Kind)
		return ev.Seq
	})
	if want := []Kind{Remove, Say, RaiseHand, Grant, Mute, Pin, Erase, Say, RaiseHand, Lock}; !slices.Equal(kinds, want) {
		t.Errorf("decided again: %v, want %v", kinds, want)
	}
	var chat []string
	for _, l := range winner.Chat {
		chat = append(chat, l.Name+": "+l.Text)
	}
	seat, _ := winner.SeatOf(fayA.person())
	_, hand := winner.HandOf(gilA.person())
	if want := []string{"ana: here", "dan: zero", "dan: ", "dan: two"}; !slices.Equal(chat, want) || !seat.Muted || !hand || !winner.Locked || !winner.IsRemoved(eveA.person()) {
		t.Errorf("chat %q, want %q; %+v, %v, %v", chat, want, seat, hand, winner.Locked)
	}
	if err := winner.check(); err != nil {
		t.Error(err)
	}
}

// A split is a room in virtual time whose network breaks in two and heals. Everybody follows whoever leads and can be
// reached; whoever may lead takes over when nobody is, and those who lead look for each other. A message takes 50 ms.
type split struct {
	t     *testing.T
	rnd   *rand.Rand
	now   time.Duration
	nodes []*claimant
	incs  map[uint32]Person // who handed out which
	bans  map[byte]Person   // who was put out, and by whom
	lines map[string]bool
	rises int
}

type claimant struct {
	me     doc.Author
	name   string
	state  *State
	leads  bool
	log    []Told // that it knows, the latest
	heard  time.Duration
	epoch  uint32 // durable, as is handed
	handed uint32
	side   int // who can reach whom: those on one
	dead   bool
}

const splitStep = 50 * time.Millisecond

// newSplit is a room that ana leads on one device, with all of these in it.
func newSplit(t *testing.T, seed uint64, people map[string]doc.Author) *split {
	n := &split{
		t: t, rnd: rand.New(rand.NewPCG(seed, 4)), incs: map[uint32]Person{}, bans: map[byte]Person{}, lines: map[string]bool{},
	}
	s := led(t)
	s.Program, s.Incarnation = Program{Device: s.Program.Device}, 0
	for _, name := range slices.Sorted(maps.Keys(people)) {
		n.nodes = append(n.nodes, &claimant{me: people[name], name: name, state: s.Clone()})
	}
	n.nodes[0].leads = true
	n.decide(n.nodes[0], n.nodes[0].me, Command{Kind: Publish, Program: true})
	return n
}

func (n *split) reaches(a, b *claimant) bool { return a.side == b.side && !a.dead && !b.dead }

func (n *split) at() time.Time { return noon.Add(n.now) }

func (n *split) decide(c *claimant, by doc.Author, cmd Command) uint64 {
	cmd.Room = c.state.Charter.Room
	ev, err := c.state.Retell(by, started(cmd), n.at())
	if err != nil {
		return 0
	}
	if ev.Kind == Publish {
		if old, twice := n.incs[ev.Incarnation]; twice && old != c.me.Person {
			n.t.Fatalf("%v and %s handed out %d", old, c.name, ev.Incarnation)
		}
		n.incs[ev.Incarnation] = c.me.Person
		c.handed = max(c.handed, ev.Incarnation)
	}
	c.apply(n.t, ev)
	return ev.Seq
}

func (c *claimant) apply(t *testing.T, ev Event) {
	next := c.state.Clone()
	if _, err := next.Apply(ev); err != nil {
		t.Fatalf("%s: %+v: %v", c.name, ev, err)
	}
	if next.Compare(c.state) <= 0 {
		t.Fatalf("%s: %+v leads back", c.name, ev)
	}
	c.state, c.log = next, append(c.log[:len(c.log):len(c.log)], Told{ev, next.Program.Device})
}

func (n *split) lead(c *claimant, ev Event, err error) {
	if err != nil {
		n.t.Fatalf("%s at %v: %v", c.name, n.now, err)
	}
	c.apply(n.t, ev)
	c.leads, c.epoch = true, ev.Term.Epoch
	n.decide(c, c.me, Command{Kind: Publish, Program: true})
}

func (n *split) step() {
	n.now += splitStep
	for i, c := range n.nodes {
		if c.dead {
			continue
		}
		for _, o := range n.nodes {
			if o == c || !o.leads || !n.reaches(c, o) {
				continue
			}
			switch {
			case c.leads:
				if (int(n.now/splitStep)+i)%10 == 0 { // they look for each other twice a second
					n.meet(c, o)
				}
			case o.state.Compare(c.state) >= 0:
				c.heard, c.state, c.log = n.now, o.state.Clone(), o.log
			}
		}
		after, may := c.state.TakesOverAfter(c.me)
		if !c.leads && may && n.now-c.heard >= after {
			ev, err := c.state.TakeOver(c.me, c.handed, c.epoch, n.at())
			n.lead(c, ev, err)
		}
	}
}

// meet is that c, who leads, tells o who does, and hears what o leads under then.
func (n *split) meet(c, o *claimant) {
	for _, x := range [][2]*claimant{{o, c}, {c, o}} {
		me, them := x[0], x[1]
		if !me.leads || !them.leads {
			return
		}
		switch Meet(me.me.Person, me.state, them.state) {
		case Yield:
			if Meet(them.me.Person, them.state, me.state) != LeadOn {
				n.t.Fatal("both yield")
			}
			tail := them.state.Tail(me.log)
			me.leads, me.heard = false, n.now
			var t Retelling
			t.Resubmit(t.Fresh(them.state, tail), them.state.Shares(me.state), func(by doc.Author, cmd Command) uint64 { return n.decide(them, by, cmd) })
			me.state, me.log = them.state.Clone(), them.log
		case Rise:
			n.rises++
			ev, err := me.state.Resume(me.me, me.handed, n.at())
			if me.me.Person != me.state.Charter.Host {
				ev, err = me.state.TakeOver(me.me, me.handed, max(me.epoch, them.state.Term.Epoch), n.at())
			}
			n.lead(me, ev, err)
		}
	}
}

// heals has all sides meet again, and returns how long it took until one leads and everybody knows the same.
func (n *split) heals(within time.Duration) time.Duration {
	for _, c := range n.nodes {
		c.side = 0
	}
	healed := n.now
	for !n.settled() {
		if n.step(); n.now-healed > within {
			for _, c := range n.nodes {
				n.t.Logf("%s leads: %v, %v by %v, version %d, event %d", c.name, c.leads, c.state.Term, c.state.Leader(), c.state.Charter.Version, c.state.Seq)
			}
			n.t.Fatalf("not settled %v after the last split", n.now-healed)
		}
	}
	return n.now - healed
}

// TestClaimantsConverge: 1,000 splits of a room, with up to three who lead at once, and some in which the host dies and
// comes back. Two seconds after they heal one leads, the host if it lives, and everybody knows the same; who was put out
// on any side is out, what was said is there, and no incarnation was handed out twice.
func TestClaimantsConverge(t *testing.T) {
	slowest, twice, lines := time.Duration(0), 0, 0
	for seed := range uint64(1000) {
		n := newSplit(t, seed, map[string]doc.Author{"ana": anaA.first(), "bo": boA.first(), "cy": cyA.first(), "dan": danA.first(), "fay": fayA.first()})
		host := n.nodes[0]
		for range 2 + n.rnd.IntN(3) { // splits, one after another, the next perhaps before all is well
			for _, c := range n.nodes {
				c.side = n.rnd.IntN(3)
			}
			host.dead = n.rnd.IntN(3) == 0
			kept, log := host.state, host.log
			for range n.rnd.IntN(60) {
				n.step()
				n.live()
			}
			if host.dead {
				host.dead, host.leads, host.state, host.log = false, false, kept, log
				ev, err := host.state.Resume(host.me, host.handed, n.at()) // it reached nobody yet
				n.lead(host, ev, err)
			}
		}
		slowest = max(slowest, n.heals(2*time.Second))
		if !host.leads {
			t.Fatalf("seed %d: the host does not lead", seed)
		}
		again, said := n.lost(host)
		if twice, lines = twice+again, lines+said; t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	t.Logf("slowest %v; %d lines, %d twice", slowest, lines, twice)
	if 50*twice > lines {
		t.Errorf("%d of %d lines were said twice", twice, lines)
	}
}

// lost looks whether anything is, and returns how many lines were said twice, of how many.
func (n *split) lost(leader *claimant) (twice, lines int) {
	s := leader.state
	for id, by := range n.bans {
		if s.Leads(by) && !s.IsRemoved(Person{id}) { // the word of who is co-host no more is nobody's
			n.t.Errorf("%d, who was put out, is in again", id)
		}
	}
	for text := range n.lines {
		said := 0
		for _, l := range s.Chat {
			if l.Text == text {
				said++
			}
		}
		// By two ways, after several splits, it may come twice.
		if twice += max(said-1, 0); said == 0 || said > 2 {
			n.t.Errorf("%q was said %d times", text, said)
		}
	}
	if err := s.check(); err != nil {
		n.t.Error(err)
	}
	return twice, len(n.lines)
}

// live is what happens in a room meanwhile.
func (n *split) live() {
	c := n.nodes[n.rnd.IntN(len(n.nodes))]
	if !c.leads || c.dead {
		return
	}
	switch n.rnd.IntN(8) {
	case 0:
		p := Person{byte(100 + n.rnd.IntN(100))}
		if n.decide(c, c.me, Command{Kind: Remove, To: p}) != 0 {
			n.bans[p[0]] = c.me.Person
		}
	case 1:
		text := fmt.Sprintf("line %d", len(n.lines))
		p := Person{byte(n.rnd.IntN(100)), byte(len(n.lines)), 1}
		if n.decide(c, doc.Author{Person: p, Device: p}, Command{Kind: Say, Name: "x", Text: text}) != 0 {
			n.lines[text] = true
		}
	case 2:
		n.decide(c, c.me, Command{Kind: Publish, Program: true})
	}
}

func (n *split) settled() bool {
	leaders := 0
	for _, c := range n.nodes {
		if c.leads {
			leaders++
		}
		if !bytes.Equal(ok(c.state.Bytes()), ok(n.nodes[0].state.Bytes())) {
			return false
		}
	}
	return leaders == 1
}

// TestDevicesConverge: as TestClaimantsConverge, where host and co-hosts are there with two devices each, which may come to the same
// term, and the host changes the charter on both. One of the host's leads in the end, everybody knows the same, and who was put
// out or is co-host no more on any side is so.
func TestDevicesConverge(t *testing.T) {
	slowest, rises, changes := time.Duration(0), 0, 0
	for seed := range uint64(500) {
		n := newSplit(t, seed, map[string]doc.Author{
			"ana": anaA.first(), "ana's phone": anaA.second(), "bo": boA.first(), "bo's phone": boA.second(), "cy": cyA.first(), "cy's phone": cyA.second(), "dan": danA.first(),
		})
		withdrawn := map[Person]bool{}
		for range 1 + n.rnd.IntN(3) {
			for _, c := range n.nodes {
				c.side = n.rnd.IntN(4)
			}
			for range n.rnd.IntN(60) {
				n.step()
				n.live()
				c := n.nodes[n.rnd.IntN(2)]
				if !c.leads || n.rnd.IntN(6) > 0 {
					continue
				}
				switch p := []actor{boA, cyA, danA, gilA}[n.rnd.IntN(4)]; {
				case n.rnd.IntN(2) == 0 && !withdrawn[p.person()]:
					if n.decide(c, c.me, Command{Kind: Appoint, To: p.person(), Name: p.name}) != 0 {
						changes++
					}
				case n.decide(c, c.me, Command{Kind: Withdraw, To: p.person()}) != 0:
					withdrawn[p.person()] = true
					changes++
				}
			}
		}
		slowest, rises = max(slowest, n.heals(4*time.Second)), rises+n.rises
		i := slices.IndexFunc(n.nodes, func(c *claimant) bool { return c.leads })
		leader := n.nodes[i]
		if n.lost(leader); leader.me.Person != anaA.person() {
			t.Errorf("%s leads", leader.name)
		}
		for p := range withdrawn {
			if leader.state.IsCoHost(p) {
				t.Errorf("%v is co-host again", p)
			}
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	t.Logf("slowest %v; %d rose, %d changes of the charter", slowest, rises, changes)
}

// TestSameForEveryOrder: whoever hears what several say who lead, in whatever order, ends with the same one; and so do those who
// lead, whoever meets whom first: one leads on, with the host's word where a device of the host's is among them.
func TestSameForEveryOrder(t *testing.T) {
	devices := []doc.Author{anaA.first(), anaA.second(), boA.first(), boA.second(), cyA.first(), cyA.second()}
	rapid.Check(t, func(t *rapid.T) {
		start := led2(t)
		do := func(s *State, by doc.Author, c Command) {
			c.Room = s.Charter.Room
			if ev, err := s.Decide(by, c, noon); err == nil {
				if _, err := s.Apply(ev); err != nil {
					t.Fatal(err)
				}
			}
		}
		over := func(s *State, by doc.Author, epoch uint32) {
			ev, err := s.TakeOver(by, 0, epoch, noon)
			if by.Person == s.Charter.Host && rapid.Bool().Draw(t, "as host") || err != nil {
				ev, err = s.Resume(by, 0, noon)
			}
			if err == nil {
				_, err = s.Apply(ev)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		// Each leads on from a state that some have seen, and the host changes the charter here and there.
		type leader struct {
			me    doc.Author
			state *State
		}
		var all []leader
		for _, i := range rapid.SliceOfNDistinct(rapid.IntRange(0, len(devices)-1), 2, 5, rapid.ID[int]).Draw(t, "who") {
			s := start.Clone()
			if len(all) > 0 && rapid.Bool().Draw(t, "from another's") {
				if seen := all[rapid.IntRange(0, len(all)-1).Draw(t, "whose")]; seen.state.Leads(devices[i].Person) {
					s = seen.state.Clone()
				}
			}
			if s.Leader() != devices[i] {
				over(s, devices[i], rapid.Uint32Range(0, 2).Draw(t, "epoch"))
			}
			for range rapid.IntRange(0, 3).Draw(t, "events") {
				do(s, devices[i], rapid.SampledFrom([]Command{
					{Kind: Lock}, {Kind: CloseHands}, {Kind: Appoint, To: danA.person(), Name: "dan"}, {Kind: Withdraw, To: cyA.person()}, {Kind: Appoint, To: fayA.person(), Name: "fay"},
				}).Draw(t, "event"))
			}
			all = append(all, leader{devices[i], s})
		}
		// A listener.
		hears := func(order []leader) *State {
			best := start
			for _, l := range order {
				if l.state.Compare(best) >= 0 {
					best = l.state
				}
			}
			return best
		}
		one, other := hears(all), hears(rapid.Permutation(all).Draw(t, "order"))
		if one != other {
			t.Fatalf("%v by %v and %v by %v", one.Term, one.Leader(), other.Term, other.Leader())
		}
		// Those who lead. Each is told of by another, and answers, as often as it takes.
		hosts := slices.ContainsFunc(all, func(l leader) bool { return l.me.Person == start.Charter.Host })
		for round := 0; len(all) > 1; round++ {
			if round > 40 {
				t.Fatalf("%d lead on", len(all))
			}
			pair := rapid.Permutation(all).Draw(t, "meet")
			for _, x := range [][2]doc.Author{{pair[0].me, pair[1].me}, {pair[1].me, pair[0].me}} {
				i := slices.IndexFunc(all, func(l leader) bool { return l.me == x[0] })
				j := slices.IndexFunc(all, func(l leader) bool { return l.me == x[1] })
				if i < 0 || j < 0 {
					break
				}
				switch Meet(all[i].me.Person, all[i].state, all[j].state) {
				case Yield:
					above := all[j].state.Term.Compare(all[i].state.Term) > 0 || !all[j].state.Leads(all[i].me.Person)
					if !all[j].state.Outbids(all[i].state) || !above {
						t.Fatal("yields to who is not above")
					}
					all = slices.Delete(all, i, i+1)
				case Rise:
					s, was := all[i].state, all[i].state.Clone()
					ev, err := s.Resume(all[i].me, 0, noon)
					if all[i].me.Person != s.Charter.Host {
						ev, err = s.TakeOver(all[i].me, 0, all[j].state.Term.Epoch, noon)
					}
					if err == nil {
						_, err = s.Apply(ev)
					}
					if err != nil || !s.Outbids(was) {
						t.Fatalf("%v rises above %v: %v", all[i].me, all[j].me, err)
					}
				}
			}
		}
		if hosts && all[0].me.Person != start.Charter.Host {
			t.Fatal("a co-host leads, and the host is there")
		}
	})
}
