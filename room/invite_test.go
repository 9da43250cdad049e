package room

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"salon/ledger/doc"
)

// closed returns a room by invitation: bo speaks, cy has a hand up, eve was removed, ivy was invited to speak, jon is co-host,
// gil is on the guest list, hal is keeper.
func closed(t testing.TB) *State {
	t.Helper()
	c, err := NewCharter(anaA.person(), "Evening talk", "en", Talk, noon, [16]byte{7})
	if err != nil {
		t.Fatal(err)
	}
	c.Access = ByInvitation
	s, _ := Open(c, anaA.first(), "ana", roomKey, noon)
	seat(t, s, boA)
	raise(t, s, cyA)
	for _, c := range []Command{
		{Kind: Remove, To: eveA.person()}, {Kind: Invite, To: ivyA.person()}, {Kind: Appoint, To: jonA.person(), Name: "jon"},
		{Kind: Admit, To: gilA.person()}, {Kind: Entrust, To: halA.person()}, {Kind: Relink, Invitation: invitation.Public()},
		{Kind: Rekey, Check: KeyCheck(s.Charter.Room, 2, nextKey), From: 500, Seconds: 1}, {Kind: Publish, Program: true},
	} {
		do(t, s, anaA.first(), c)
	}
	do(t, s, fayA.first(), Command{Kind: Say, Name: "fay", Text: "hello"})
	return s
}

var (
	roomKey, nextKey = [32]byte{42}, [32]byte{43}
	invitation       = key(66)
)

func TestGuestList(t *testing.T) {
	open := staffed(t)
	for _, row := range []struct {
		name string
		by   doc.Author
		c    Command
		want error
	}{
		{"the host admits", anaA.second(), Command{Kind: Admit, To: danA.person()}, nil},
		{"a co-host admits", jonA.first(), Command{Kind: Admit, To: danA.person()}, nil},
		{"a speaker admits", boA.first(), Command{Kind: Admit, To: danA.person()}, ErrNotAllowed},
		{"a listener admits himself", danA.first(), Command{Kind: Admit, To: danA.person()}, ErrNotAllowed},
		{"the removed is admitted", anaA.first(), Command{Kind: Admit, To: eveA.person()}, ErrRemoved},
		{"the removed admits himself", eveA.first(), Command{Kind: Admit, To: eveA.person()}, ErrRemoved},
		{"admitted twice", anaA.first(), Command{Kind: Admit, To: gilA.person()}, ErrNoChange},
		{"a co-host is admitted", anaA.first(), Command{Kind: Admit, To: jonA.person()}, ErrNoChange},
		{"the host strikes", anaA.first(), Command{Kind: Strike, To: gilA.person()}, nil},
		{"a co-host strikes", jonA.first(), Command{Kind: Strike, To: gilA.person()}, nil},
		{"a listener strikes himself", gilA.first(), Command{Kind: Strike, To: gilA.person()}, ErrNotAllowed},
		{"who is not listed is struck", anaA.first(), Command{Kind: Strike, To: danA.person()}, ErrNoChange},
		{"a new link", anaA.first(), Command{Kind: Relink, Invitation: Person{9}}, nil},
		{"the same link", anaA.first(), Command{Kind: Relink, Invitation: invitation.Public()}, ErrNoChange},
		{"a new link from another device", anaA.second(), Command{Kind: Relink, Invitation: Person{9}}, ErrNotAllowed},
		{"a new link by a co-host", jonA.first(), Command{Kind: Relink, Invitation: Person{9}}, ErrNotAllowed},
		{"a new key", anaA.first(), Command{Kind: Rekey, Check: [32]byte{9}, From: 600, Seconds: 2}, nil},
		{"a new key from another device", anaA.second(), Command{Kind: Rekey, Check: [32]byte{9}}, ErrNotAllowed},
		{"a new key by a co-host", jonA.first(), Command{Kind: Rekey, Check: [32]byte{9}}, ErrNotAllowed},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := closed(t)
			row.c.Room = s.Charter.Room
			ev, err := s.Decide(row.by, row.c, noon)
			if !errors.Is(err, row.want) {
				t.Fatalf("%v, want %v", err, row.want)
			}
			if err == nil {
				if _, err := s.Apply(ev); err != nil {
					t.Errorf("decided, but: %v", err)
				}
				if err := s.check(); err != nil {
					t.Error(err)
				}
			} else if _, err := s.Apply(Event{Room: s.Charter.Room, Term: s.Term, Seq: s.Seq + 1, Time: s.Time, Kind: row.c.Kind, By: row.by.Person,
				Device: row.by.Device, To: row.c.To, Invitation: row.c.Invitation, Check: row.c.Check, From: row.c.From, Seconds: row.c.Seconds}); !errors.Is(err, row.want) {
				t.Errorf("applied: %v, want %v", err, row.want)
			}
			if row.want != nil {
				return
			}
			if _, err := open.Decide(row.by, row.c, noon); !errors.Is(err, ErrOpenRoom) {
				t.Errorf("in an open room: %v", err)
			}
		})
	}
	s := closed(t)
	for i := len(s.Listed); i < MaxListed; i++ {
		do(t, s, anaA.first(), Command{Kind: Admit, To: Person{100, byte(i), byte(i >> 8)}})
	}
	if _, err := s.Decide(anaA.first(), Command{Room: s.Charter.Room, Kind: Admit, To: danA.person()}, noon); !errors.Is(err, ErrFull) {
		t.Errorf("one too many: %v", err)
	}
	do(t, s, anaA.first(), Command{Kind: Remove, To: gilA.person()})
	if s.IsListed(gilA.person()) {
		t.Error("the removed is on the guest list")
	}
	do(t, s, anaA.first(), Command{Kind: Readmit, To: gilA.person()})
	if !s.IsListed(gilA.person()) {
		t.Error("who was let back in is not on the guest list")
	}
}

// The state says when a key holds, and which is the right one: that of the latest epoch, and of the one before.
func TestRekey(t *testing.T) {
	s := closed(t)
	ev, effects := do(t, s, anaA.first(), Command{Kind: Rekey, Check: KeyCheck(s.Charter.Room, 3, [32]byte{44}), From: 10, Seconds: 2})
	if ev.From != 500 || s.From != 500 || s.KeyEpoch != 3 || s.Lead != 2 || !reflect.DeepEqual(effects, []Effect{Rekeyed{3}}) {
		t.Errorf("from %d, %d, epoch %d, lead %d, %+v: a key must not hold before the one before it", ev.From, s.From, s.KeyEpoch, s.Lead, effects)
	}
	for _, k := range []struct {
		epoch uint32
		key   [32]byte
		want  bool
	}{{3, [32]byte{44}, true}, {2, nextKey, true}, {1, roomKey, false}, {3, nextKey, false}, {2, [32]byte{44}, false}, {4, [32]byte{}, false}, {0, [32]byte{}, false}} {
		if got := s.IsKey(k.epoch, k.key); got != k.want {
			t.Errorf("key %x of epoch %d: %v", k.key[0], k.epoch, got)
		}
	}
	if open := opened(t); !open.IsKey(1, roomKey) || open.IsKey(1, nextKey) || open.IsKey(2, roomKey) {
		t.Error("an open room's key is another than the state says")
	}
}

// In a closed room no event and no snapshot holds the key.
func TestClosedRoomShowsNoKey(t *testing.T) {
	secret := bytes.Repeat([]byte{0xa5}, 32)
	c := charter(t)
	c.Access = ByInvitation
	s, ev := Open(c, ana(t).Author(), "Ana", [32]byte(secret), noon)
	for name, raw := range map[string][]byte{"event": ok(SignEvent(ana(t), ev)), "snapshot": ok(SignSnapshot(ana(t), s))} {
		if bytes.Contains(raw, secret) {
			t.Errorf("the key is in the %s", name)
		}
	}
	if !s.IsKey(1, [32]byte(secret)) {
		t.Error("and it is not the state's")
	}
	for name, change := range map[string]func(*Event){
		"the key":  func(ev *Event) { ev.Key = [32]byte(secret) },
		"no check": func(ev *Event) { ev.Check = [32]byte{} },
	} {
		bad := ev
		change(&bad)
		if _, err := NewState(c).Apply(bad); err == nil {
			t.Errorf("opened with %s", name)
		}
	}
	_, ev = Open(charter(t), ana(t).Author(), "Ana", [32]byte(secret), noon)
	ev.Check = [32]byte{1}
	if _, err := NewState(charter(t)).Apply(ev); err == nil {
		t.Error("an open room was opened with a check")
	}
}

func TestClosedSnapshotRefused(t *testing.T) {
	for name, change := range map[string]func(*State){
		"its key":                 func(s *State) { s.Key = roomKey },
		"no check":                func(s *State) { s.Check = [32]byte{} },
		"no check of the old key": func(s *State) { s.OldCheck = [32]byte{} },
		"epoch 0":                 func(s *State) { s.KeyEpoch = 0 },
		"a lead too long":         func(s *State) { s.Lead = MaxSlow + 1 },
		"the first key later":     func(s *State) { s.KeyEpoch, s.OldCheck = 1, [32]byte{} },
		"too many listed":         func(s *State) { s.Listed = make([]Person, MaxListed+1) },
		"nobody listed":           func(s *State) { s.Listed[0] = Person{} },
		"listed twice":            func(s *State) { s.Listed = append(s.Listed, s.Listed[0]) },
		"the removed listed":      func(s *State) { s.Listed[0] = s.Removed[0] },
		"too many keepers": func(s *State) {
			for i := range byte(MaxKeepers) {
				s.Keepers = append(s.Keepers, Person{100, i})
			}
		},
		"nobody a keeper":      func(s *State) { s.Keepers[0] = Person{} },
		"the host a keeper":    func(s *State) { s.Keepers[0] = s.Charter.Host },
		"a keeper twice":       func(s *State) { s.Keepers = append(s.Keepers, s.Keepers[0]) },
		"the removed a keeper": func(s *State) { s.Keepers[0] = s.Removed[0] },
		"open after all":       func(s *State) { s.Charter.Access = Anyone },
		"access of the future": func(s *State) { s.Charter.Access = accesses },
	} {
		t.Run(name, func(t *testing.T) {
			s := closed(t)
			if _, err := SignSnapshot(ana(t), s); err != nil {
				t.Fatal(err)
			}
			change(s)
			if _, _, err := OpenSnapshot(ok(ana(t).Sign(kindSnapshot, wireSnapshot(s))), noon); err == nil {
				t.Error("opened")
			}
		})
	}
}

// The parts of a snapshot that an open room leaves out.
func TestClosedSnapshotBytes(t *testing.T) {
	s := opened(t)
	plain := ok(s.Bytes())
	s.Listed, s.Invitation, s.Check, s.OldCheck, s.From, s.Lead = []Person{{1}}, Person{2}, [32]byte{3}, [32]byte{4}, 5, 6
	s.Keepers = []Person{{7}}
	key := func(b byte) string { return fmt.Sprintf("5820 %x", append([]byte{b}, make([]byte, 31)...)) }
	want := append(bytes.Clone(plain), unhex(t, "18 19 81 "+key(1)+" 18 1a "+key(2)+" 18 1b "+key(3)+" 18 1c "+key(4)+" 18 1d 05 18 1e 06 18 1f 81 "+key(7))...)
	want[0] += 7 // entries
	if got := ok(s.Bytes()); !bytes.Equal(got, want) {
		t.Errorf("snapshot\n%x, want\n%x", got, want)
	}
}

// Who is let in, with what they show.
func TestGate(t *testing.T) {
	s := closed(t)
	// Real keys for who signs: ana hosts this copy.
	s.Charter.Host = ana(t).Author().Person
	room := s.Charter.Room
	dan := danA.first()
	secret := invitation.Seed()
	invited := func(who doc.Author) Claim { return Claim{Room: room, Invited: Invited(secret, room, who)} }
	pass := func(by *doc.Identity, p Pass) Claim { return Claim{Room: room, Pass: ok(SignPass(by, p))} }
	flipped := invited(dan)
	flipped.Invited[5] ^= 1
	cut := pass(ana(t), Pass{room, dan.Person, 1})
	cut.Pass = cut.Pass[:len(cut.Pass)-1]
	for _, c := range []struct {
		name  string
		who   doc.Author
		shown Claim
		in    bool
	}{
		{"the host", ana(t).Author(), Claim{}, true},
		{"a co-host", jonA.first(), Claim{}, true},
		{"who is on the guest list", gilA.second(), Claim{}, true},
		{"a speaker", boA.first(), Claim{}, true},
		{"who has a hand up, which anybody may raise", cyA.first(), Claim{}, false},
		{"who was invited to speak", ivyA.first(), Claim{}, true},
		{"a stranger", dan, Claim{}, false},
		{"the link", dan, invited(dan), true},
		{"the link, altered", dan, flipped, false},
		{"the link of another person", dan, invited(fayA.first()), false},
		{"the link of another device", dan, invited(danA.second()), false},
		{"the link of another room", dan, Claim{Room: ID{1}, Invited: Invited(secret, ID{1}, dan)}, false},
		{"another link", dan, Claim{Room: room, Invited: Invited([32]byte{1}, room, dan)}, false},
		{"a pass of the host", dan, pass(ana(t), Pass{room, dan.Person, 1}), true},
		{"a pass on another device", danA.second(), pass(ana(t), Pass{room, dan.Person, 1}), true},
		{"a pass of another person", fayA.first(), pass(ana(t), Pass{room, dan.Person, 1}), false},
		{"a pass for another room", dan, pass(ana(t), Pass{ID{1}, dan.Person, 1}), false},
		{"a pass that a stranger signed", dan, pass(bo(t), Pass{room, dan.Person, 1}), false},
		{"a pass cut off", dan, cut, false},
	} {
		if err := s.Gate().Admit(c.who, c.shown, noon); (err == nil) != c.in || err != nil && !errors.Is(err, ErrNoInvitation) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	// A new link ends the old one, and no pass.
	s.Invitation = key(67).Public()
	if err := s.Gate().Admit(dan, invited(dan), noon); !errors.Is(err, ErrNoInvitation) {
		t.Errorf("with the old link: %v", err)
	}
	if err := s.Gate().Admit(dan, pass(ana(t), Pass{room, dan.Person, 1}), noon); err != nil {
		t.Errorf("with a pass, after the link was renewed: %v", err)
	}
	s.Invitation = Person{}
	if err := s.Gate().Admit(dan, Claim{Room: room}, noon); !errors.Is(err, ErrNoInvitation) {
		t.Errorf("with nothing, where there is no link: %v", err)
	}
	if err := opened(t).Gate().Admit(dan, Claim{}, noon); err != nil {
		t.Errorf("into an open room: %v", err)
	}
}

// Into a room by ticket nobody comes by link or pass. Whether a ticket is good the ledger says; whose it is, the holder.
func TestTicketGate(t *testing.T) {
	s := closed(t)
	s.Charter.Host = ana(t).Author().Person
	s.Charter.Access = ByTicket
	dan, id := danA.first(), s.Charter.Room
	for _, c := range []struct {
		name  string
		who   doc.Author
		shown Claim
		in    bool
	}{
		{"the host", ana(t).Author(), Claim{}, true},
		{"who is on the guest list", gilA.second(), Claim{}, true},
		{"a speaker", boA.first(), Claim{}, true},
		{"a stranger", dan, Claim{Room: id}, false},
		{"who has raised a hand", cyA.first(), Claim{}, false},
		{"the link", dan, Claim{Room: id, Invited: Invited(invitation.Seed(), id, dan)}, false},
		{"a pass of the host", dan, Claim{Room: id, Pass: ok(SignPass(ana(t), Pass{id, dan.Person, 1}))}, false},
		{"what may be a ticket", dan, Claim{Room: id, Ticket: []byte{1}, Held: Held(key(70), id, dan)}, false},
	} {
		if err := s.Gate().Admit(c.who, c.shown, noon); (err == nil) != c.in || err != nil && !errors.Is(err, ErrNoTicket) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	holder, shown := key(70), Claim{Room: id, Held: Held(key(70), id, dan)}
	other := shown
	other.Room[0]++
	for name, held := range map[string]bool{
		"another person": shown.IsHeld(holder.Public(), fayA.first()), "another device": shown.IsHeld(holder.Public(), danA.second()),
		"another key": shown.IsHeld(key(71).Public(), dan), "another room": other.IsHeld(holder.Public(), dan), "nothing": Claim{Room: id}.IsHeld(holder.Public(), dan),
	} {
		if held {
			t.Errorf("held by %s", name)
		}
	}
	if !shown.IsHeld(holder.Public(), dan) {
		t.Error("not held by its holder")
	}
	if err := s.checkGate(); err == nil {
		t.Error("a room by ticket has an invitation")
	}
}

func TestClaimBytes(t *testing.T) {
	c := Claim{Room: charter(t).Room, Key: [32]byte{1}, Time: 2, Invited: [64]byte{3}, Pass: []byte{4, 5}}
	for _, v := range []struct {
		name  string
		c     Claim
		bytes string
	}{
		{"all", c, fmt.Sprintf("a5 01 50 %x 02 5820 01%062x 03 02 04 5840 03%0126x 05 42 0405", [16]byte(c.Room), 0, 0)},
		{"a ticket", Claim{Room: c.Room, Key: c.Key, Time: c.Time, Ticket: []byte{6, 7, 8}, Held: [64]byte{9}}, fmt.Sprintf("a5 01 50 %x 02 5820 01%062x 03 02 06 43 060708 07 5840 09%0126x", [16]byte(c.Room), 0, 0)},
		{"with nothing to show", Claim{Room: c.Room, Key: c.Key, Time: c.Time}, fmt.Sprintf("a3 01 50 %x 02 5820 01%062x 03 02", [16]byte(c.Room), 0)},
	} {
		want := unhex(t, v.bytes)
		if got := ok(doc.Marshal(claimWire(v.c))); !bytes.Equal(got, want) {
			t.Errorf("%s\n%x, want\n%x", v.name, got, want)
		}
		var w claimWire
		if err := doc.Unmarshal(want, &w); err != nil || !reflect.DeepEqual(Claim(w), v.c) {
			t.Errorf("%s: decoded %+v, %v", v.name, w, err)
		}
	}
	raw := ok(SignClaim(ana(t), c))
	if got, by, err := OpenClaim(raw, noon); err != nil || !reflect.DeepEqual(got, c) || by != ana(t).Author() {
		t.Errorf("OpenClaim = %+v, %v, %v", got, by, err)
	}
	flipEveryByte(t, raw, func(b []byte) error { _, _, err := OpenClaim(b, noon); return err })
	full := c
	full.Pass, full.Ticket, full.Held = make([]byte, maxPass), make([]byte, maxTicket), [64]byte{1}
	if raw, err := SignClaim(identity(t, 1, 101, string(bytes.Repeat([]byte("x"), 32))), full); err != nil || len(raw) > maxClaim {
		t.Errorf("the largest claim has %d bytes, %v", len(raw), err)
	}
	for name, bad := range map[string]Claim{"no key": {Time: 1}, "a bad time": {Key: c.Key, Time: -1}, "too long a pass": {Key: c.Key, Pass: make([]byte, maxPass+1)}, "too long a ticket": {Key: c.Key, Ticket: make([]byte, maxTicket+1)}} {
		if _, err := SignClaim(ana(t), bad); err == nil {
			t.Errorf("signed with %s", name)
		}
		if _, _, err := OpenClaim(ok(ana(t).Sign(kindClaim, claimWire(bad))), noon); err == nil {
			t.Errorf("opened with %s", name)
		}
	}
	if _, _, err := OpenClaim(make([]byte, maxClaim+1), noon); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a large claim: %v", err)
	}
}

func TestPassBytes(t *testing.T) {
	p := Pass{Room: charter(t).Room, Person: key(2).Public(), Time: noon.UnixMilli()}
	want := unhex(t, fmt.Sprintf("a3 01 50 %x 02 5820 %x 03 1b 000001a3185c5000", [16]byte(p.Room), [32]byte(p.Person)))
	if got := ok(doc.Marshal(passWire(p))); !bytes.Equal(got, want) {
		t.Errorf("pass\n%x, want\n%x", got, want)
	}
	raw := ok(SignPass(ana(t), p))
	if got, by, err := OpenPass(raw, noon); err != nil || got != p || by != ana(t).Author() {
		t.Errorf("OpenPass = %+v, %v, %v", got, by, err)
	}
	flipEveryByte(t, raw, func(b []byte) error { _, _, err := OpenPass(b, noon); return err })
	if raw, err := SignPass(identity(t, 1, 101, string(bytes.Repeat([]byte("x"), 32))), p); err != nil || len(raw) > maxPass {
		t.Errorf("the largest pass has %d bytes, %v", len(raw), err)
	}
	if _, err := SignPass(ana(t), Pass{Room: p.Room}); !errors.Is(err, ErrField) {
		t.Errorf("signed for nobody: %v", err)
	}
	if _, _, err := OpenPass(raw, noon.Add(100*365*24*time.Hour)); err == nil {
		t.Error("a pass outlives its signer's certificate")
	}
	if _, _, err := OpenPass(make([]byte, maxPass+1), noon); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a large pass: %v", err)
	}
}

func FuzzClaim(f *testing.F) {
	id := ana(f)
	who := id.Author()
	for _, c := range []Claim{
		{Room: charter(f).Room, Key: [32]byte{1}, Time: noon.UnixMilli()},
		{Room: charter(f).Room, Key: [32]byte{1}, Time: noon.UnixMilli(), Invited: Invited([32]byte{2}, charter(f).Room, who)},
		{Room: charter(f).Room, Key: [32]byte{1}, Time: noon.UnixMilli(), Ticket: []byte{1, 2}, Held: Held(key(70), charter(f).Room, who)},
		{Room: charter(f).Room, Key: [32]byte{1}, Time: noon.UnixMilli(), Pass: ok(SignPass(id, Pass{charter(f).Room, who.Person, 1}))},
	} {
		f.Add(ok(doc.Marshal(claimWire(c))))
		f.Add(ok(SignClaim(id, c)))
	}
	s := closed(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		check(t, kindClaim, id, b, func(raw []byte) (any, error) {
			c, by, err := OpenClaim(raw, noon)
			if err != nil {
				return nil, err
			}
			if s.Gate().Admit(by, c, noon) == nil {
				t.Error("a stranger was let in")
			}
			return claimWire(c), nil
		})
	})
}

func FuzzPass(f *testing.F) {
	id := ana(f)
	p := Pass{charter(f).Room, key(2).Public(), noon.UnixMilli()}
	f.Add(ok(doc.Marshal(passWire(p))))
	f.Add(ok(SignPass(id, p)))
	f.Fuzz(func(t *testing.T, b []byte) {
		check(t, kindPass, id, b, func(raw []byte) (any, error) {
			p, _, err := OpenPass(raw, noon)
			return passWire(p), err
		})
	})
}
