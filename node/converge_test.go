package node

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"salon/room"
)

// startSecondDevice is a node of the same person as another's, on a device of its own.
func startSecondDevice(t *testing.T, home string) *Node {
	t.Helper()
	second := t.TempDir()
	key, err := os.ReadFile(filepath.Join(home, "person.key"))
	if err == nil {
		err = os.WriteFile(filepath.Join(second, "person.key"), key, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return startNode(t, "Ana", func(o *Options) { o.Home = second })
}

// TestTwoDevicesUnderTwoCharters: two devices of the host's lead, and both have changed the charter. One leads on, and all come to the
// same charter, in which nobody is co-host whom either withdrew.
func TestTwoDevicesUnderTwoCharters(t *testing.T) {
	beside(t)
	for name, laptop := range map[string][]string{
		"of one version":                      {"dan"},
		"the later of who took over first":    {"dan", "eve"},
		"and a co-host who was one no longer": {"dan", "-cy"},
	} {
		t.Run(name, func(t *testing.T) {
			home := t.TempDir()
			ana := startMortal(t, home, "Ana", anywhere)
			defer func() {
				if err := ana.Close(); err != nil {
					t.Error(err)
				}
			}()
			phone := startSecondDevice(t, home)
			people := map[string]*Node{}
			for _, who := range []string{"cy", "dan", "eve", "fay"} {
				people[who] = startNode(t, who, nil)
			}
			hosted, err := ana.StartRoom(Start{Title: "Long evening", CoHosts: []PersonView{{people["cy"].Person(), "cy"}}})
			if err != nil {
				t.Fatal(err)
			}
			link := hosted.View().Link
			atPhone, err := phone.Join(t.Context(), link)
			if err != nil {
				t.Fatal(err)
			}
			atFay, err := people["fay"].Join(t.Context(), link)
			if err != nil {
				t.Fatal(err)
			}
			awaitChange(t, phone, "the phone to be ready", func() bool {
				atPhone.mu.Lock()
				defer atPhone.mu.Unlock()
				return atPhone.prepared()
			})
			// Nothing comes from one to the other meanwhile.
			appoint := func(r *Room, who string) {
				t.Helper()
				c := room.Command{Room: r.id, Kind: room.Appoint, Name: who, Time: time.Now().UnixMilli()}
				if who[0] == '-' {
					c.Kind, c.Name, who = room.Withdraw, "", who[1:]
				}
				c.To = people[who].Person()
				if err := r.decide(r.n.author(), c, time.Now()); err != nil {
					t.Errorf("%v: %v", c.Kind, err)
				}
			}
			hosted.mu.Lock()
			for _, who := range laptop {
				appoint(hosted, who)
			}
			atPhone.mu.Lock()
			atPhone.takeOver(time.Now())
			if atPhone.host == nil {
				t.Error("the phone does not lead")
			} else {
				appoint(atPhone, "fay")
			}
			atPhone.mu.Unlock()
			hosted.mu.Unlock()
			all := []*Room{hosted, atPhone, atFay}
			var charters [3]room.Charter
			defer func() {
				if t.Failed() {
					for i, r := range all {
						t.Logf("%s leads: %v, under %+v", r.n.displayName(), r.leads(), charters[i])
					}
				}
			}()
			for _, r := range all {
				awaitChange(t, r.n, "one to lead, and one charter", func() bool {
					leaders := 0
					for i, r := range all {
						r.mu.Lock()
						if charters[i] = r.charter; r.host != nil {
							leaders++
						}
						r.mu.Unlock()
					}
					same := reflect.DeepEqual(charters[0], charters[1]) && reflect.DeepEqual(charters[1], charters[2])
					isCy := func(s room.Successor) bool { return s.Person == people["cy"].Person() }
					return leaders == 1 && same && slices.ContainsFunc(charters[0].CoHosts, isCy) == (laptop[len(laptop)-1] != "-cy")
				})
			}
		})
	}
}

// TestHostIsBackBeforeItHears: the host is back, and leads, before it hears of the co-host who led meanwhile. What that one did is
// done: who was muted is, the room is locked, who was put out is out, and what was said is there.
func TestHostIsBackBeforeItHears(t *testing.T) {
	s := startSuccession(t)
	eve := startNode(t, "Eve", nil)
	s.do(s.cy, Action{Kind: "raise_hand"})
	s.do(s.host, Action{Kind: "grant", Person: s.cy.n.Person()})
	awaitChange(t, s.bo.n, "Cy on stage", func() bool { return len(s.bo.View().Stage) == 3 })
	at := s.ana.at()
	s.ana.crash(t)
	s.ledBy(s.boIs, s.bo, s.cy, s.dan)
	s.do(s.bo, Action{Kind: "mute", Person: s.cy.n.Person()})
	s.do(s.bo, Action{Kind: "lock"})
	s.do(s.bo, Action{Kind: "remove", Person: eve.Person()})
	s.do(s.dan, Action{Kind: "say", Text: "meanwhile"})

	// Of who may lead meanwhile it knows nothing.
	file := (&Home{Dir: s.home}).roomPath(s.bo.id)
	var k kept
	b, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(b, &k)
	}
	if err != nil || k.Host == nil {
		t.Fatal(err)
	}
	k.Host.Successors = nil
	if b, err = json.Marshal(k); err == nil {
		err = os.WriteFile(file, b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer s.anaIsBack(at)()
	s.ledBy(s.anaI, s.host, s.bo, s.cy, s.dan)
	s.hasSaid(s.dan, "meanwhile")
	awaitChange(t, s.ana, "what Bo did", func() bool {
		s.host.mu.Lock()
		defer s.host.mu.Unlock()
		seat, on := s.host.state.SeatOf(s.cy.n.Person())
		return on && seat.Muted && s.host.state.Locked && s.host.state.IsRemoved(eve.Person())
	})
	if err := s.cy.Do(context.Background(), Action{Kind: "say", Text: "still here"}); err != nil {
		t.Error(err)
	}
}
