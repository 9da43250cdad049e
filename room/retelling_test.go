package room

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"salon/ledger/doc"
)

// A teller has a room's winner take tails in parts.
type teller struct {
	*testing.T
	winner *State
	took   Retelling
	now    time.Time
}

// tell has a part decided again, of somebody who led by another state.
func (x *teller) tell(of *State, part ...Told) (decided []Kind) {
	x.Helper()
	x.took.Resubmit(x.took.Fresh(x.winner, part), x.winner.Shares(of), func(by doc.Author, c Command) uint64 {
		ev, err := x.winner.Retell(by, c, x.now)
		if err != nil {
			return 0
		}
		if _, err := x.winner.Apply(ev); err != nil {
			x.Fatal(err)
		}
		decided = append(decided, c.Kind)
		return ev.Seq
	})
	if err := x.winner.check(); err != nil {
		x.Error(err)
	}
	return decided
}

func (x *teller) chat() (chat []string) {
	for _, l := range x.winner.Chat {
		chat = append(chat, l.Name+": "+l.Text)
	}
	return chat
}

// does has something done where a co-host leads.
func does(t *testing.T, s *State, by actor, c Command, after time.Duration) Told {
	t.Helper()
	c.Room = s.Charter.Room
	ev, err := s.Decide(by.first(), started(c), noon.Add(after))
	if err == nil {
		_, err = s.Apply(ev)
	}
	if err != nil {
		t.Fatal(err)
	}
	return Told{ev, s.Program.Device}
}

func says(t *testing.T, s *State, by actor, text string, after time.Duration) Told {
	t.Helper()
	return does(t, s, by, Command{Kind: Say, Name: by.name, Text: text}, after)
}

func crowd(i int) actor { return actor{fmt.Sprint("guest", i), byte(100 + i)} }

// A tail comes in parts. A line is erased in the part after it, and what was done to one that is refused here, or was here before, or never
// came, is done to no other, though there is one of its number. What both have has one number in both.
func TestRetellingInParts(t *testing.T) {
	s := led(t)
	common := says(t, s, danA, "common", 0)
	winner := s.Clone()
	succeed(t, s, ok(s.TakeOver(boA.first(), 0, 0, noon)), nil)
	rude, spam := says(t, s, danA, "rude", 0), says(t, s, eveA, "spam", 0)
	here, lost := says(t, s, fayA, "here", 0), says(t, s, fayA, "lost", 0)
	var part []Told
	for _, l := range []Told{common, rude, spam, here, lost} {
		part = append(part, does(t, s, boA, Command{Kind: Erase, Ref: l.Seq}, 0))
	}
	pinned := says(t, s, fayA, "pin me", time.Second)
	pin := does(t, s, boA, Command{Kind: Pin, Ref: pinned.Seq}, time.Second)

	succeed(t, winner, ok(winner.Resume(anaA.first(), 0, noon)), nil)
	x := &teller{T: t, winner: winner, now: noon.Add(time.Minute)}
	other := winner.Clone() // Cy led too, and told of a line already that both heard
	if got := x.tell(other, here); !slices.Equal(got, []Kind{Say}) {
		t.Fatal(got)
	}
	for i := range 5 {
		says(t, winner, crowd(i), fmt.Sprint("ours ", i), time.Minute)
	}
	does(t, winner, anaA, Command{Kind: Remove, To: eveA.person()}, time.Minute)
	for _, l := range []Told{rude, spam, here, lost} {
		if winner.line(l.Seq) == nil {
			t.Fatalf("no line has the number %d: nothing is shown here", l.Seq)
		}
	}
	x.took = Retelling{} // as if the host had been started again
	if shared := winner.Shares(s); shared != common.Seq || s.Shares(winner) != shared {
		t.Fatalf("they share %d events, want %d", shared, common.Seq)
	}
	x.tell(s, rude, spam, here)
	x.tell(s, part...)
	x.tell(s, pinned)
	x.tell(s, pin)
	want := []string{"dan: ", "fay: "}
	for i := range 5 {
		want = append(want, fmt.Sprintf("%s: ours %d", crowd(i).name, i))
	}
	want = append(want, "dan: ", "fay: pin me")
	if got := x.chat(); !slices.Equal(got, want) {
		t.Errorf("chat\n%q, want\n%q", got, want)
	}
	if winner.Pinned.Text != "pin me" {
		t.Errorf("%+v is pinned", winner.Pinned)
	}
	// What was taken is not taken again, whoever tells of it: its lines stand once, what was erased stays so, and nothing is undone.
	does(t, winner, anaA, Command{Kind: Unpin}, time.Minute)
	for range 2 {
		if got := x.tell(s, slices.Concat([]Told{rude, spam, here}, part, []Told{pinned, pin})...); len(got) > 0 {
			t.Errorf("told again: %v", got)
		}
	}
	x.took = Retelling{}
	x.tell(s, slices.Concat([]Told{rude, spam, here}, part, []Told{pinned})...)
	if got := x.chat(); !slices.Equal(got, want) {
		t.Errorf("told again after a restart, chat\n%q, want\n%q", got, want)
	}
}

// Words of a long tail stand with the time when they were said, however many one person said, in slow mode too; and who was that quick
// may say something now.
func TestLongTailIsNotTooMuchAtOnce(t *testing.T) {
	s := led(t)
	winner := s.Clone()
	succeed(t, s, ok(s.TakeOver(boA.first(), 0, 0, noon)), nil)
	var tail []Told
	at := time.Duration(0)
	for i := range 4 * chatBurst {
		at += 3 * time.Second
		text := "again" // the same words are another line
		if i%2 > 0 {
			text = fmt.Sprint("line ", i)
		}
		tail = append(tail, says(t, s, danA, text, at))
	}
	does(t, winner, anaA, Command{Kind: Slow, Seconds: 60}, time.Second)
	succeed(t, winner, ok(winner.Resume(anaA.first(), 0, noon.Add(at))), nil)
	x := &teller{T: t, winner: winner, now: noon.Add(at + time.Minute)}
	for part := range slices.Chunk(tail, 7) {
		x.tell(s, part...)
	}
	if len(winner.Chat) != len(tail) {
		t.Fatalf("%d lines of %d: %q", len(winner.Chat), len(tail), x.chat())
	}
	for i, l := range winner.Chat {
		if l.Text != tail[i].Text || l.Time != tail[i].Time {
			t.Errorf("line %d is %+v, want %q of %d", i, l, tail[i].Text, tail[i].Time)
		}
	}
	says(t, winner, danA, "now", at+2*time.Minute)
	if _, err := winner.Decide(danA.first(), Command{Room: s.Charter.Room, Kind: Say, Name: "dan", Text: "now"}, noon.Add(at+2*time.Minute)); err == nil {
		t.Error("slow mode is over")
	}
	// Whose clock is ahead says nothing tomorrow, and nobody is silenced by it.
	ahead := tail[0]
	ahead.Time, ahead.Seq = noon.Add(time.Hour).UnixMilli(), 1000
	x.tell(s, ahead)
	if l := winner.Chat[len(winner.Chat)-1]; l.Time != max(x.now.UnixMilli(), winner.Time) {
		t.Errorf("a line of %d at %d", l.Time, winner.Time)
	}
	bad := Event{Room: s.Charter.Room, Term: winner.Term, Seq: winner.Seq + 1, Time: winner.Time, Kind: Say, By: danA.person(), Device: danA.first().Device, Name: "dan", Text: "x"}
	for _, said := range []int64{-1, bad.Time + doc.Skew.Milliseconds() + 1} {
		bad.Said = said
		if _, err := winner.Clone().Apply(bad); err == nil {
			t.Errorf("a line that was said at %d", said)
		}
	}
	bad.Said, bad.Kind, bad.Text, bad.Name = bad.Time, RaiseHand, "", "dan"
	if _, err := winner.Clone().Apply(bad); err == nil {
		t.Error("a hand that was said")
	}
}

// Who was put out where the room is led now is not let in by what a co-host did before that, nor if nobody knows when it was.
func TestRetellingLetsNobodyInWhoIsOutSince(t *testing.T) {
	at := func(kind Kind, seq uint64, ms int64) Event { return Event{Kind: kind, Seq: seq, Time: ms} }
	took := Retelling{outs: map[uint64]int64{7: 1000}}
	for _, c := range []struct {
		name string
		last Event
		want bool
	}{
		{"put out since", at(Remove, 9, 3000), false},
		{"put out then", at(Remove, 9, 2000), false},
		{"put out before", at(Remove, 9, 1000), true},
		{"nobody knows", Event{}, false},
		{"put out before, by the tail", at(Remove, 7, 3000), true},
	} {
		if got := took.LetsIn(Command{Kind: Readmit, Time: 2000}, c.last); got != c.want {
			t.Errorf("%s: let in %v", c.name, got)
		}
	}
}

// What is remembered is bounded.
func TestRetellingIsBounded(t *testing.T) {
	s := led(t)
	x := &teller{T: t, winner: s.Clone(), now: noon}
	for i := range uint64(2 * retoldMost) {
		x.tell(s, Told{Event{Room: s.Charter.Room, Term: Term{Reign: 1, Epoch: 1, Order: 1}, Seq: 100 + i, Kind: LowerHand, By: danA.person(), Device: danA.first().Device}, boA.first().Device})
	}
	if n := len(x.took.took); n == 0 || n > retoldMost+1 {
		t.Errorf("%d events are remembered", n)
	}
}
