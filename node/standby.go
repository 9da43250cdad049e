package node

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"time"

	"salon/relay"
	"salon/room"
)

// A co-host who is in the room stands by: it hears the stage and the program, and when nothing more comes it leads the room
// on. Everybody else then asks those who may lead for a place.

const (
	watchEvery  = 25 * time.Millisecond
	uneasyAfter = 200 * time.Millisecond // without a sign of life the leader is asked for one
	goneAfter   = 500 * time.Millisecond // without one it is gone
	// listenedMost is how much of the time since the last look counts at most. Whoever looks late did not run, on a machine that is
	// too busy or was paused, and what came meanwhile is still on its way to them: such a silence says nothing of the leader.
	listenedMost = 4 * watchEvery
	// farAfter is how much longer a co-host waits who is fed by a relay: that may be what is gone.
	farAfter = time.Second
	// awaitLead is how long somebody is kept waiting who comes to a co-host that may be about to lead.
	awaitLead = 1500 * time.Millisecond
)

// keepWatch looks for signs of life of who leads, while we are a guest.
func (r *Room) keepWatch(ctx context.Context) {
	t := time.NewTicker(watchEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			r.vigil(time.Now()) // a ticker's time may be of long ago
		}
	}
}

// A stillness is for how long somebody has listened who hears nothing.
type stillness struct {
	lasts  time.Duration
	looked time.Time
}

// look takes for how long nothing has come, and returns for how long of that we have listened.
func (s *stillness) look(quiet time.Duration, now time.Time) time.Duration {
	s.lasts = min(quiet, s.lasts+min(now.Sub(s.looked), listenedMost))
	s.looked = now
	return s.lasts
}

// vigil is one look: who leads may be gone, and it may be our turn.
func (r *Room) vigil(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.host != nil || r.leaving || r.state == nil || r.phase.Over() || r.carried && len(r.heir.others) == 0 {
		return
	}
	near := r.guest.at.depth <= 1
	quiet := r.voice.quietSince(now)
	if !near && r.mayLead() && r.state.Program.Incarnation != 0 {
		quiet = r.voice.programQuiet(now) // a relay answers, whether there is anybody above it or not
	}
	if back := now.Sub(r.heir.back); back < quiet {
		quiet = back // so long we have listened
	}
	quiet = r.heir.still.look(quiet, now)
	if quiet < uneasyAfter {
		r.heir.gone = false
		return
	}
	if r.guest.ctl != nil && now.Sub(r.heir.warned) >= uneasyAfter {
		r.heir.warned = now
		r.guest.ctl.Send(relay.Ping{T0: now.UnixMicro()})
	}
	if quiet < goneAfter {
		return
	}
	if after, may := r.state.TakesOverAfter(r.n.author()); may && !r.carried {
		if !near || !r.heir.back.IsZero() && len(r.heir.others) > 0 && r.guest.up == nil { // or they led on, and are still to be asked
			after += farAfter
		}
		if _, err := r.signedCharter(); err == nil && quiet >= after {
			r.takeOver(now)
			return
		}
	}
	if near && !r.heir.gone && len(r.heir.others) > 0 {
		r.heir.gone = true
		r.n.counts.Add("leader_gone")
		r.media.drive((*relay.Place).Again)                    // whoever did not lead it a moment ago may now
		if u := r.guest.up; u != nil && r.voice.onStageNow() { // where silence is no reason for the place to look elsewhere
			r.wg.Go(func() { r.giveUp(u) })
		}
	}
}

// takeOver leads the room on. r.mu is held, and let go while something is written.
func (r *Room) takeOver(now time.Time) {
	if !r.prepared() {
		r.prepare()
		return // the next look finds it done
	}
	if now.Sub(r.heir.askedAt) > handWithin {
		r.heir.asked = 0 // that was long ago
	}
	ev, err := r.nextTerm(now)
	if err != nil {
		return
	}
	r.heir.used = true
	raw, err := room.SignEvent(r.n.id(), ev)
	if err == nil {
		err = r.become(ev, raw, now)
	}
	if err != nil {
		r.n.o.Log.Error("room not taken over", "room", r.id.String(), "err", err)
	}
	r.n.counts.Add("took_over")
}

// fedSoon is a room in which we feed others, or if somebody may wait, are about to: whoever comes to us because nobody leads it
// may be a moment early.
func (n *Node) fedSoon(ctx context.Context, id room.ID, wait bool) *Room {
	r := n.Room(id)
	if r == nil {
		return nil
	}
	late := time.NewTimer(awaitLead)
	defer late.Stop()
	for {
		r.mu.Lock()
		feeds, may, news := r.host != nil || r.carries != nil, r.mayLead() && !r.phase.Over(), r.roleNews()
		r.mu.Unlock()
		if feeds {
			return r
		}
		if !may || !wait {
			return nil
		}
		select {
		case <-news:
		case <-late.C:
			return nil
		case <-ctx.Done():
			return nil
		}
	}
}

// A floor is beyond which a co-host hands out incarnations that leads a room once more, and under which epoch it last led.
// It outlasts the room's own file: who left a room and comes again may be shown a state that never saw what they handed out.
type floor struct {
	Incarnation uint32 `json:"incarnation"`
	Epoch       uint32 `json:"epoch"`
}

// isLast reports whether nothing is left beyond: some co-host who led has used it up. The host alone leads such a room on, in the next
// reign and from what it knows itself.
func (f floor) isLast() bool {
	return f.Incarnation > room.MaxIncarnation-floorBlock || f.Epoch == math.MaxUint32
}

const (
	// floorBlock is how many incarnations are reserved at once.
	floorBlock = 64 << 6
	// floorKept is how long a floor is kept: far longer than a room goes on.
	floorKept = 400 * 24 * time.Hour
)

func (h *Home) floorPath(id room.ID) string {
	return h.path("led") + string(os.PathSeparator) + id.String() + keptSuffix
}

func (h *Home) floorOf(id room.ID) (f floor, err error) {
	b, err := readAtMost(h.floorPath(id), 1<<10)
	if errors.Is(err, fs.ErrNotExist) {
		return f, nil
	}
	if err == nil {
		err = json.Unmarshal(b, &f)
	}
	return f, err
}

func (h *Home) setFloor(id room.ID, f floor) error {
	b, err := json.Marshal(f)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(h.path("led"), 0o700); err != nil {
		return err
	}
	return replaceFile(h.floorPath(id), b, true)
}

// forgetFloors forgets those of rooms that nobody is in any more.
func (h *Home) forgetFloors(now time.Time) {
	files, _ := os.ReadDir(h.path("led")) // none is as good as an empty one
	for _, f := range files {
		if info, err := f.Info(); err == nil && now.Sub(info.ModTime()) > floorKept {
			_ = os.Remove(filepath.Join(h.path("led"), f.Name()))
		}
	}
}

// reserve keeps that we may hand out a block of incarnations beyond at and the floor, and lead under the epoch after at's and
// the floor's. It returns both floors, from before and from now on.
func (h *Home) reserve(id room.ID, at floor) (before, now floor, err error) {
	if before, err = h.floorOf(id); err != nil {
		return before, before, err
	}
	now.Incarnation = min(max(before.Incarnation, at.Incarnation), room.MaxIncarnation-floorBlock) + floorBlock
	now.Epoch = min(max(before.Epoch, at.Epoch), math.MaxUint32-1) + 1
	return before, now, h.setFloor(id, now)
}

// prepared reports whether the home has room for what we would hand out, did we lead from now on. r.mu is held.
func (r *Room) prepared() bool {
	h := &r.heir
	return !h.used && h.reserved != floor{} && max(h.floor.Epoch, r.state.Term.Epoch) < h.reserved.Epoch &&
		max(h.floor.Incarnation, r.state.Incarnation)+floorBlock/2 <= h.reserved.Incarnation
}

// prepare makes room in the home for what we would hand out: before it is needed, for a write may take its time. r.mu is held.
func (r *Room) prepare() {
	at := floor{r.state.Incarnation, r.state.Term.Epoch}
	if r.heir.preparing || r.prepared() || at.isLast() || r.heir.floor.isLast() {
		return
	}
	r.heir.preparing = true
	r.wg.Go(func() {
		before, now, err := r.n.home.reserve(r.id, at)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.heir.preparing = false
		if err != nil {
			r.n.counts.Add("standby_unkept")
			r.n.o.Log.Error("cannot stand by", "room", r.id.String(), "err", err)
			return
		}
		if r.heir.floor, r.heir.reserved, r.heir.used = before, now, false; r.heir.asked != 0 {
			r.wg.Go(r.propose)
		}
	})
}
