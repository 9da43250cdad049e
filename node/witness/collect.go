package witness

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"salon/ledger"
)

const (
	gatherFor = 3 * time.Second // sales of that time are shown together
	wanted    = 3               // witnesses, of as many persons
	maxTried  = 8               // nodes asked for that at once
	tryAgain  = 2 * time.Second // after too few were found; twice as long each time
	tryMost   = 10 * time.Minute
)

// Collect has this node's log cosigned: at start, and a moment after something was sold or promised, until ctx ends. What this person
// buys is no reason to ask anybody.
func (s *Service) Collect(ctx context.Context, store *ledger.Store) {
	var next uint64  // the first entry that was not looked at
	var at time.Time // when the log is to be shown; the zero time if it need not be
	wait := tryAgain
	for ctx.Err() == nil {
		news := store.News()
		promised := false
		if err := store.Entries(next, func(n uint64, e ledger.Entry) bool {
			promised = promised || e.Kind.IsPromise()
			next = n + 1
			return ctx.Err() == nil
		}); err != nil {
			s.o.Log.Error("ledger not read", "err", err)
			return
		}
		if soon := time.Now().Add(gatherFor); promised && (at.IsZero() || at.After(soon)) {
			at, wait = soon, tryAgain
		}
		var due <-chan time.Time
		if !at.IsZero() {
			due = time.After(time.Until(at))
		}
		select {
		case <-ctx.Done():
			return
		case <-news:
			continue
		case <-due:
		}
		enough, err := s.gather(ctx, store)
		switch {
		case errors.Is(err, ledger.ErrRolledBack):
			return
		case err != nil && ctx.Err() == nil:
			s.o.Log.Info("log not shown", "err", err)
		}
		if at = (time.Time{}); !enough {
			at = time.Now().Add(wait)
			wait = min(2*wait, tryMost)
		}
	}
}

// gather shows the log as it is to witnesses of different persons, and reports whether there were enough.
func (s *Service) gather(ctx context.Context, store *ledger.Store) (enough bool, err error) {
	w, err := s.o.Open()
	if err != nil {
		return false, err
	}
	me := s.o.Identity.Author()
	var persons []ledger.Key
	peers := slices.DeleteFunc(s.o.Peers(), func(k ledger.Key) bool { return k == me.Device })
	if len(peers) == 0 {
		return false, nil
	}
	slices.SortStableFunc(peers, func(a, b ledger.Key) int { // those who know the log first: they would see that it was another
		return min(1, int(s.tries[b])) - min(1, int(s.tries[a]))
	})
	for _, peer := range peers[:min(len(peers), maxTried)] {
		if len(persons) == wanted || ctx.Err() != nil {
			break
		}
		person, one := s.showOwn(ctx, store, w, peer)
		if errors.Is(one, ledger.ErrRolledBack) {
			return false, one
		}
		if one != nil {
			s.o.Count("witness_not_found")
			err = errors.Join(err, fmt.Errorf("%s: %w", peer.Short(), one))
			continue
		}
		s.o.Count("witness_found")
		s.o.Changed()
		if person != me.Person && !slices.Contains(persons, person) {
			persons = append(persons, person)
		}
	}
	if len(s.tries) > 1024 {
		clear(s.tries)
	}
	return len(persons) == wanted, err
}

// showOwn asks one witness for its signature. An ErrRolledBack means that nothing may be written to this log any more.
func (s *Service) showOwn(ctx context.Context, store *ledger.Store, w *ledger.Witness, peer ledger.Key) (ledger.Key, error) {
	c, done, err := s.call(ctx, peer)
	if err != nil {
		return ledger.Key{}, err
	}
	defer done()
	sh, answer, err := c.show(func(from uint64) (ledger.Showing, error) { return store.Showing(from, time.Now()) }, s.tries[peer])
	if err != nil {
		delete(s.tries, peer)
		return ledger.Key{}, s.contradicted(store, w, err)
	}
	person, err := c.meet(w, answer)
	if err != nil {
		return person, err
	}
	if cp, err := ledger.OpenCheckpoint(sh.Growth.Checkpoint); err == nil {
		s.tries[peer] = cp.Size
	}
	if err := store.Cosigned(answer.Checkpoint, peer); err != nil && !errors.Is(err, ledger.ErrMismatch) { // there is a newer one already
		return person, err
	}
	return person, nil
}

// contradicted holds this node's log to what a witness says against it. If that stands, nothing is written any more: this is an old
// copy, or another one is in use.
func (s *Service) contradicted(store *ledger.Store, w *ledger.Witness, err error) error {
	var before *ledger.KeptError
	var fork *ledger.ForkedError
	var theirs [][]byte
	switch {
	case errors.As(err, &before):
		theirs = [][]byte{before.Kept}
	case errors.As(err, &fork):
		if _, bad := w.TakeFork(fork.Proof); bad != nil {
			s.o.Log.Warn("proof not kept", "err", bad)
		}
		theirs = fork.Proof.Checkpoints()
	default:
		return err
	}
	var log ledger.ID
	if bad := store.View(func(b *ledger.Books) error { log = b.Log; return nil }); bad != nil {
		return bad
	}
	for _, raw := range theirs {
		doubt := store.CheckSeen(raw)
		if !errors.Is(doubt, ledger.ErrRolledBack) {
			continue
		}
		if bad := w.Ahead(log, raw); bad != nil {
			s.o.Log.Error("checkpoint not kept", "err", bad)
		}
		s.doubt(store, doubt)
		return doubt
	}
	if fork != nil && fork.Proof.IsOf(log) {
		doubt := fmt.Errorf("%w: another copy of it was used beside this one", ledger.ErrRolledBack)
		s.doubt(store, doubt)
		return doubt
	}
	return err
}

func (s *Service) doubt(store *ledger.Store, err error) {
	s.o.Count("ledger_doubted")
	s.o.Log.Error("nothing is written to this ledger any more", "err", err)
	store.Doubt(err)
	s.o.Doubted(err)
}

// Remembered holds a ledger that was just opened to what others had of it, as far as this node was told before.
func (s *Service) Remembered(store *ledger.Store) error {
	w, err := s.o.Open()
	if err != nil {
		return err
	}
	var log ledger.ID
	var device ledger.Key
	if err := store.View(func(b *ledger.Books) error { log, device = b.Log, b.Device; return nil }); err != nil {
		return err
	}
	raw, err := w.IsAhead(log)
	if err != nil {
		return err
	}
	if raw != nil {
		if doubt := store.CheckSeen(raw); errors.Is(doubt, ledger.ErrRolledBack) {
			s.doubt(store, doubt)
			return nil
		}
	}
	p, err := w.Fork(device)
	if err != nil || p == nil || !p.IsOf(log) {
		return err
	}
	s.doubt(store, fmt.Errorf("%w: another copy of it was used beside this one", ledger.ErrRolledBack))
	return nil
}
