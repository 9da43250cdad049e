package node

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"salon/ledger/doc"
	"salon/room"
)

// keep writes a room of h's person as a host keeps it, after change, and returns where.
func keep(t *testing.T, h *Home, change func(*room.State)) (path string, s *room.State) {
	t.Helper()
	charter, err := room.NewCharter(h.Identity().Author().Person, "Kitchen", "en", room.Talk, noon, [16]byte{1})
	if err != nil {
		t.Fatal(err)
	}
	s, _ = room.Open(charter, h.Identity().Author(), "Ana", [32]byte{2}, noon)
	if change != nil {
		change(s)
	}
	raw, err := room.SignSnapshot(h.Identity(), s)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.keepRoom(s.Charter.Room, kept{Host: &keptHost{Snapshot: raw}}, false); err != nil {
		t.Fatal(err)
	}
	return h.roomPath(s.Charter.Room), s
}

func TestKeptRooms(t *testing.T) {
	now := time.Now()
	link := room.Link{Room: room.ID{5}, Host: doc.PublicKey{6}, Device: doc.PublicKey{7}}
	guest := func(h *Home, change func(*keptGuest)) string {
		k := keptGuest{Link: link.String(), Title: "Garden", Mode: "concert", HoldMS: 900_000}
		if change != nil {
			change(&k)
		}
		if err := h.keepRoom(link.Room, kept{Guest: &k}, false); err != nil {
			t.Fatal(err)
		}
		return h.roomPath(link.Room)
	}
	write := func(path, s string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(s), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	edit := func(path string, change func(map[string]any)) {
		t.Helper()
		b, err := os.ReadFile(path)
		var v map[string]any
		if err == nil {
			err = json.Unmarshal(b, &v)
		}
		change(v)
		if err == nil {
			b, err = json.Marshal(v)
		}
		if err != nil {
			t.Fatal(err)
		}
		write(path, string(b))
	}
	aged := func(path string, d time.Duration) {
		t.Helper()
		if err := os.Chtimes(path, now.Add(d), now.Add(d)); err != nil {
			t.Fatal(err)
		}
	}
	const (
		whole = iota
		late
		damaged
	)
	for _, c := range []struct {
		name string
		put  func(h *Home)
		want int
	}{
		{"a room of ours", func(h *Home) { keep(t, h, nil) }, whole},
		{"of a minute ago", func(h *Home) { p, _ := keep(t, h, nil); aged(p, -time.Minute) }, whole},
		{"of three minutes ago", func(h *Home) { p, _ := keep(t, h, nil); aged(p, -3*time.Minute) }, late},
		{"scheduled, of three minutes ago", func(h *Home) {
			p, _ := keep(t, h, func(s *room.State) { s.Charter.Starts = 1 })
			aged(p, -3*time.Minute)
		}, whole},
		{"scheduled, of sixteen minutes ago", func(h *Home) {
			p, _ := keep(t, h, func(s *room.State) { s.Charter.Starts = 1 })
			aged(p, -16*time.Minute)
		}, late},
		{"before the clock was set back", func(h *Home) { p, _ := keep(t, h, nil); aged(p, time.Hour) }, late},
		{"a room that has ended", func(h *Home) { keep(t, h, func(s *room.State) { s.Ended = true }) }, damaged},
		{"an empty file", func(h *Home) { p, _ := keep(t, h, nil); write(p, "") }, damaged},
		{"half a file", func(h *Home) {
			p, _ := keep(t, h, nil)
			b, _ := os.ReadFile(p)
			write(p, string(b[:len(b)/2]))
		}, damaged},
		{"an old half a file", func(h *Home) { p, _ := keep(t, h, nil); write(p, "{"); aged(p, -time.Hour) }, damaged},
		{"no room at all", func(h *Home) { p, _ := keep(t, h, nil); write(p, `{"version":1}`) }, damaged},
		{"a version of the future", func(h *Home) {
			p, _ := keep(t, h, nil)
			edit(p, func(v map[string]any) { v["version"] = 2 })
		}, damaged},
		{"another room's", func(h *Home) {
			p, _ := keep(t, h, nil)
			if err := os.Rename(p, h.roomPath(room.ID{9})); err != nil {
				t.Fatal(err)
			}
		}, damaged},
		{"another person's", func(h *Home) {
			other := openHome(t, t.TempDir(), now)
			defer other.Close()
			p, s := keep(t, other, nil)
			b, _ := os.ReadFile(p)
			keep(t, h, nil) // the folder
			os.Remove(h.roomPath(s.Charter.Room))
			write(h.roomPath(s.Charter.Room), string(b))
			entries, _ := os.ReadDir(h.path("rooms"))
			for _, e := range entries {
				if e.Name() != filepath.Base(h.roomPath(s.Charter.Room)) {
					os.Remove(filepath.Join(h.path("rooms"), e.Name()))
				}
			}
		}, damaged},
		{"a snapshot that was changed", func(h *Home) {
			p, _ := keep(t, h, nil)
			edit(p, func(v map[string]any) {
				host := v["host"].(map[string]any)
				host["snapshot"] = strings.Replace(host["snapshot"].(string), "A", "B", 1)
			})
		}, damaged},
		{"too long", func(h *Home) { p, _ := keep(t, h, nil); write(p, strings.Repeat(" ", maxKept+1)) }, damaged},
		{"somebody else's room", func(h *Home) { guest(h, nil) }, whole},
		{"somebody else's room, of ten minutes ago", func(h *Home) { aged(guest(h, nil), -10*time.Minute) }, whole},
		{"somebody else's room, of an hour ago", func(h *Home) { aged(guest(h, nil), -time.Hour) }, late},
		{"held for ever", func(h *Home) { aged(guest(h, func(k *keptGuest) { k.HoldMS = 1 << 60 }), -time.Hour) }, late},
		{"a link that was cut off", func(h *Home) { guest(h, func(k *keptGuest) { k.Link = k.Link[:20] }) }, damaged},
		{"a mode of the future", func(h *Home) { guest(h, func(k *keptGuest) { k.Mode = "opera" }) }, damaged},
		{"ours and somebody else's", func(h *Home) {
			edit(guest(h, nil), func(v map[string]any) { v["host"] = map[string]any{} })
		}, damaged},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := openHome(t, t.TempDir(), now)
			defer h.Close()
			c.put(h)
			write(filepath.Join(h.path("rooms"), "x.json.123456"), "half")
			rooms, bad := h.keptRooms(now)
			want := [][2]int{whole: {1, 0}, late: {0, 0}, damaged: {0, 1}}[c.want]
			if len(rooms) != want[0] || len(bad) != want[1] {
				t.Fatalf("%d rooms, damaged %v", len(rooms), bad)
			}
			left, err := os.ReadDir(h.path("rooms"))
			if n := want[0] + want[1]; err != nil || len(left) != n {
				t.Errorf("left over: %v, %v", left, err)
			}
			if c.want == damaged && (!strings.HasSuffix(left[0].Name(), damagedSuffix) || !strings.Contains(bad[0].Error(), left[0].Name())) {
				t.Errorf("%v is said of %v", bad, left)
			}
			if rooms, bad := h.keptRooms(now); len(rooms) != want[0] || len(bad) != 0 {
				t.Errorf("the second time %d rooms, damaged %v", len(rooms), bad)
			}
		})
	}
}

// TestDamagedRoomStopsNobody: a node starts with a room that it cannot take up, and says so.
func TestDamagedRoomStopsNobody(t *testing.T) {
	home := t.TempDir()
	h := openHome(t, home, time.Now())
	p, _ := keep(t, h, nil)
	h.Close()
	if err := os.WriteFile(p, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	n := startNode(t, "Ana", func(o *Options) { o.Home = home })
	if rooms := n.Resume(nil); len(rooms) != 0 {
		t.Errorf("took up %v", rooms[0].View())
	}
	if said := n.Status().Notices; n.Counts()["kept_room_damaged"] != 1 || len(said) != 1 || !strings.Contains(said[0], p+damagedSuffix) {
		t.Errorf("counts %v, says %q", n.Counts(), said)
	}
	if _, err := n.StartRoom(Start{Title: "Anew", Language: "en"}); err != nil {
		t.Error(err)
	}
}

// TestRoomIsKeptWhileItLives: by nobody but its owner, and no longer than it lives.
func TestRoomIsKeptWhileItLives(t *testing.T) {
	beside(t)
	for name, end := range map[string]func(*Node, *Room){
		"ended": func(_ *Node, r *Room) {
			if err := r.Do(t.Context(), Action{Kind: "end"}); err != nil {
				t.Error(err)
			}
		},
		"left":   func(n *Node, r *Room) { n.leave(r) },
		"closed": func(n *Node, r *Room) { n.leave(r) }, // as Close does
	} {
		t.Run(name, func(t *testing.T) {
			ana, bo := startNode(t, "Ana", nil), startNode(t, "Bo", nil)
			hosted, err := ana.StartRoom(Start{Title: "Kept", Language: "en"})
			if err != nil {
				t.Fatal(err)
			}
			joined, err := bo.Join(t.Context(), hosted.View().Link)
			if err != nil {
				t.Fatal(err)
			}
			awaitKept(t, bo, joined.id, func(k kept) bool { return k.Guest != nil })
			for _, n := range []*Node{ana, bo} {
				info, err := os.Stat(n.home.roomPath(hosted.id))
				if err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
					t.Errorf("%v, %v", info, err)
				}
			}
			// A room in which nothing happens stays fresh.
			old := time.Now().Add(-time.Hour)
			if err := os.Chtimes(ana.home.roomPath(hosted.id), old, old); err != nil {
				t.Fatal(err)
			}
			hosted.stayKept(time.Now().Add(keptEvery))
			if rooms, _ := ana.home.keptRooms(time.Now()); len(rooms) != 1 {
				t.Error("a room that lives is taken for a dead one")
			}
			end(ana, hosted)
			awaitChange(t, bo, "the end", func() bool { return joined.Phase() == Ended })
			bo.leave(joined)
			for _, n := range []*Node{ana, bo} {
				if _, err := os.Stat(n.home.roomPath(hosted.id)); !os.IsNotExist(err) {
					t.Errorf("still kept: %v", err)
				}
			}
		})
	}
}

// testNothingLeavesBeforeItIsKept: what a guest has heard of, a host that is killed in that moment knows too.
func testNothingLeavesBeforeItIsKept(t *testing.T) {
	ana, bo := startNode(t, "Ana", nil), startNode(t, "Bo", nil)
	hosted, err := ana.StartRoom(Start{Title: "Kept", Language: "en", StageOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	joined, err := bo.Join(t.Context(), hosted.View().Link)
	if err != nil {
		t.Fatal(err)
	}
	if err := joined.Do(t.Context(), Action{Kind: "accept"}); err != nil {
		t.Fatal(err)
	}
	check := func() bool {
		joined.mu.Lock()
		seq, inc := joined.state.Seq, joined.state.Incarnation
		joined.mu.Unlock()
		u, err := ana.home.readKept(ana.home.roomPath(hosted.id), time.Now())
		if err != nil || u.state.Seq < seq || u.state.Incarnation < inc {
			t.Errorf("kept is event %v, told is %d with incarnation %d: %v", u.state, seq, inc, err)
		}
		return seq > 60
	}
	// All at once, as a crowd is.
	var wg sync.WaitGroup
	defer wg.Wait()
	for range 4 {
		wg.Go(func() {
			for range 4 {
				if err := joined.command(t.Context(), room.Command{Kind: room.Publish, Start: room.NewStart()}); err != nil {
					t.Error(err)
				}
				_ = joined.Do(t.Context(), Action{Kind: "mute"})
				_ = joined.Do(t.Context(), Action{Kind: "unmute"})
				_ = hosted.Do(t.Context(), Action{Kind: "say", Text: "hello"})
				_ = hosted.Do(t.Context(), Action{Kind: "lock"})
				_ = hosted.Do(t.Context(), Action{Kind: "unlock"})
			}
		})
	}
	awaitChange(t, bo, "sixty events", check)
}

// TestNoIncarnationWithoutADisk: a host that cannot keep the room gives out no incarnation; all else goes on.
func TestNoIncarnationWithoutADisk(t *testing.T) {
	ana, bo := startNode(t, "Ana", nil), startNode(t, "Bo", nil)
	hosted, err := ana.StartRoom(Start{Title: "Full", Language: "en"})
	if err != nil {
		t.Fatal(err)
	}
	joined, err := bo.Join(t.Context(), hosted.View().Link)
	if err != nil {
		t.Fatal(err)
	}
	dir := ana.home.path("rooms")
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir, nil, 0o600); err != nil { // a file where the folder was
		t.Fatal(err)
	}
	hosted.mu.Lock()
	inc := hosted.state.Incarnation
	hosted.mu.Unlock()
	err = hosted.Publish(t.Context(), newTone(t, 440))
	if u := Explain(err); err == nil || u.Code != "home_unwritable" || !strings.Contains(u.Text, ana.home.Dir) {
		t.Errorf("published: %v", err)
	}
	hosted.mu.Lock()
	if hosted.state.Incarnation != inc {
		t.Errorf("incarnation %d after %d", hosted.state.Incarnation, inc)
	}
	hosted.mu.Unlock()
	if err := joined.Do(t.Context(), Action{Kind: "raise_hand"}); err != nil {
		t.Errorf("a hand: %v", err)
	}
	awaitChange(t, bo, "the hand", func() bool { return joined.View().Me.Hand })
	if ana.Counts()["room_unkept"] < 2 {
		t.Errorf("counts %v", ana.Counts())
	}
	if _, err := ana.StartRoom(Start{Title: "Another", Language: "en"}); err == nil {
		t.Error("another room was opened")
	}
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	if err := hosted.Publish(t.Context(), newTone(t, 440)); err != nil {
		t.Errorf("with a disk again: %v", err)
	}
}

// What an event costs before it leaves: kept so that it outlasts the process, or a power cut as well.
func BenchmarkKeepRoom(b *testing.B) {
	h, err := OpenHome(b.TempDir(), time.Now())
	if err != nil {
		b.Fatal(err)
	}
	defer h.Close()
	id := h.Identity()
	charter, err := room.NewCharter(id.Author().Person, "Kitchen", "en", room.Talk, noon, [16]byte{1})
	if err != nil {
		b.Fatal(err)
	}
	for _, size := range []struct {
		name  string
		hands int
	}{{"small", 0}, {"256 hands", room.MaxHands}} {
		s, _ := room.Open(charter, id.Author(), "Ana", [32]byte{2}, noon)
		for i := range size.hands {
			by := doc.Author{Person: doc.PublicKey{1, byte(i), byte(i >> 8)}, Device: doc.PublicKey{2, byte(i), byte(i >> 8)}}
			ev, err := s.Decide(by, room.Command{Room: charter.Room, Kind: room.RaiseHand, Name: fmt.Sprint("Guest ", i)}, noon)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := s.Apply(ev); err != nil {
				b.Fatal(err)
			}
		}
		for name, durable := range map[string]bool{"process": false, "power": true} {
			b.Run(size.name+"/"+name, func(b *testing.B) {
				for b.Loop() {
					raw, err := room.SignSnapshot(id, s)
					if err != nil {
						b.Fatal(err)
					}
					if err := h.keepRoom(charter.Room, kept{Host: &keptHost{Snapshot: raw}}, durable); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
