package witness

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"salon/ledger"
)

// crossed is how many nodes of its own a buyer shows the log that a seller has shown it.
const crossed = 2

// ErrHidden means that somebody shows a log that is not proven to have grown from what others saw of it. That is no proof; but who
// keeps one log can prove it at any time.
var ErrHidden = errors.New("witness: the log is not proven to be the one that others have seen")

// ErrCut means that somebody could not be reached any more, or was busy, before all was proven. Who hides something may break off too;
// but so does a network, and it is asked again.
var ErrCut = errors.New("witness: it could not be reached any more before it had proven its log; ask again")

// unproven is what a failed question for the growth of a log says of whoever was asked.
func unproven(err error) error {
	if errors.Is(err, ErrUnreached) || errors.Is(err, ErrBusy) {
		return fmt.Errorf("%w: %w", ErrCut, err)
	}
	return fmt.Errorf("%w: %w", ErrHidden, err)
}

// Prove asks a seller where a receipt of ours is in its log, and keeps that. It holds the log to what this node saw of it before, and
// shows it to nodes that this one knows: the witnesses that a seller brings may be its own. A ForkedError and an ErrHidden
// are of a seller who was caught.
func (s *Service) Prove(ctx context.Context, receipt ledger.ID, seller ledger.Key) (ledger.Proven, error) {
	w, err := s.o.Open()
	if err != nil {
		return ledger.Proven{}, err
	}
	c, done, err := s.call(ctx, seller)
	if err != nil {
		return ledger.Proven{}, err
	}
	defer done()
	answer, err := asked[proven](c, prove{Receipt: receipt})
	if err != nil {
		return ledger.Proven{}, err
	}
	p := answer.Proof
	o, shownAs, _, err := p.Check(receipt, seller)
	if err != nil {
		return p, fmt.Errorf("%w: %w", errLies, err)
	}
	show := func(from uint64) (ledger.Showing, error) {
		if from == 0 {
			return p.Show, nil
		}
		return c.grown(o, from)
	}
	if err := s.hold(w, show, shownAs); err != nil {
		return p, err
	}
	peers := slices.DeleteFunc(s.o.Peers(), func(k ledger.Key) bool { return k == seller || k == s.o.Identity.Author().Device })
	persons := []ledger.Key{o.Person}
	for _, peer := range peers[:min(len(peers), maxTried)] {
		if len(persons) > crossed || ctx.Err() != nil {
			break
		}
		person, note, err := s.cross(ctx, w, peer, show)
		switch {
		case errors.Is(err, ledger.ErrFrozen), errors.Is(err, ErrHidden):
			return p, err
		case err != nil:
			s.o.Log.Debug("witness: not asked", "peer", peer.Short(), "err", err)
			continue
		}
		if !slices.Contains(persons, person) {
			persons = append(persons, person)
		}
		if both, err := ledger.Joined(p.Show.Growth.Checkpoint, note, peer); err == nil {
			p.Show.Growth.Checkpoint = both // else it has seen more of it already
		}
	}
	return p, w.KeepProven(receipt, p)
}

// grown asks the device at the other end to prove that its log grew from a size.
func (c *conversation) grown(o ledger.Origin, from uint64) (ledger.Showing, error) {
	answer, err := asked[shown](c, grow{From: from})
	if err != nil {
		return ledger.Showing{}, err
	}
	theirs, _, err := answer.Show.Read()
	if err != nil {
		return answer.Show, err
	}
	if theirs.Device != c.with || theirs.Person != o.Person {
		return answer.Show, errLies
	}
	return answer.Show, nil
}

// hold holds a log to what this node has seen of it, and remembers it. What was shown may be older than that: then both must be in what
// the log is now.
func (s *Service) hold(w *ledger.Witness, p prover, c ledger.Checkpoint) error {
	var from uint64
	for range 3 {
		sh, err := p(from)
		if err != nil {
			return unproven(err)
		}
		_, err = w.Show(sh, time.Now())
		var before *ledger.KeptError
		switch {
		case errors.As(err, &before):
			kept, err := ledger.OpenCheckpoint(before.Kept)
			if err != nil {
				return err
			}
			if kept.Size == from {
				return ErrHidden
			}
			from = kept.Size
			continue
		case errors.Is(err, ledger.ErrMismatch):
			return fmt.Errorf("%w: %w", ErrHidden, err)
		case err != nil || from == 0:
			return err
		}
		break // the log is longer than what was shown, which must be its beginning
	}
	sh, err := p(c.Size)
	if err != nil {
		return unproven(err)
	}
	older, err := p(0)
	if err != nil {
		return err
	}
	return s.judged(w, sh, ledger.Sighting{Open: older.Open, Checkpoint: older.Growth.Checkpoint})
}

// judged says whether a log that is shown grew out of what was seen of it, and keeps the proof if it is another.
func (s *Service) judged(w *ledger.Witness, sh ledger.Showing, seen ledger.Sighting) error {
	err := sh.Judge(&seen)
	var fork *ledger.ForkedError
	switch {
	case errors.As(err, &fork):
		s.o.Count("witness_fork_found")
		if _, bad := w.TakeFork(fork.Proof); bad != nil {
			return errors.Join(err, bad)
		}
	case err != nil:
		return fmt.Errorf("%w: %w", ErrHidden, err)
	}
	return err
}

// cross shows somebody else's log to a witness of ours.
func (s *Service) cross(ctx context.Context, w *ledger.Witness, peer ledger.Key, p prover) (person ledger.Key, note []byte, err error) {
	c, done, err := s.call(ctx, peer)
	if err != nil {
		return person, nil, err
	}
	defer done()
	_, answer, err := c.show(p, 0)
	var fork *ledger.ForkedError
	switch {
	case errors.As(err, &fork):
		if _, bad := w.TakeFork(fork.Proof); bad != nil {
			err = errors.Join(err, bad)
		}
		s.o.Count("witness_fork_found")
		return person, nil, err
	case errors.Is(err, ledger.ErrUnproven), errors.Is(err, ledger.ErrMismatch):
		return person, nil, fmt.Errorf("%w: %w", ErrHidden, err)
	case err != nil:
		return person, nil, err
	}
	person, err = c.meet(w, answer)
	return person, answer.Checkpoint, err
}

const (
	proveAfter = 10 * time.Second    // its witnesses were asked by then, as a rule
	proveAgain = 15 * time.Minute    // likewise twice as long each time
	proveFor   = 30 * 24 * time.Hour // then it is given up
	maxProving = 256                 // receipts at once
)

// A proving is a receipt that is still to be proven.
type proving struct {
	receipt ledger.ID
	device  ledger.Key // of the seller
	at      time.Time
	wait    time.Duration
}

// Receipts asks for the proof of every receipt of ours that has none, until ctx ends. caught hears of sellers who were.
func (s *Service) Receipts(ctx context.Context, store *ledger.Store, caught func(receipt ledger.ID, seller ledger.Key, err error)) {
	var next uint64
	var open []proving
	for ctx.Err() == nil {
		news := store.News()
		if err := store.Entries(next, func(n uint64, e ledger.Entry) bool {
			next = n + 1
			if got, ok := e.Body.(*ledger.Got); ok && time.Since(time.UnixMilli(e.Time)) < proveFor && len(open) < maxProving {
				if r, _, err := ledger.ReadDocument[ledger.Receipt](e.Docs[0]); err == nil && !s.isProven(got.Receipt) {
					open = append(open, proving{receipt: got.Receipt, device: r.By, at: time.Now().Add(proveAfter), wait: proveAgain})
				}
			}
			return ctx.Err() == nil
		}); err != nil {
			s.o.Log.Error("ledger not read", "err", err)
			return
		}
		var due <-chan time.Time
		if len(open) > 0 {
			first := slices.MinFunc(open, func(a, b proving) int { return a.at.Compare(b.at) })
			due = time.After(time.Until(first.at))
		}
		select {
		case <-ctx.Done():
			return
		case <-news:
			continue
		case <-due:
		}
		now := time.Now()
		open = slices.DeleteFunc(open, func(p proving) bool { return !p.at.After(now) && s.proved(ctx, p.receipt, p.device, caught) })
		for i := range open {
			if p := &open[i]; !p.at.After(now) {
				p.at = now.Add(p.wait)
				p.wait *= 2
			}
		}
		open = slices.DeleteFunc(open, func(p proving) bool { return p.wait > proveFor })
	}
}

func (s *Service) isProven(receipt ledger.ID) bool {
	w, err := s.o.Open()
	if err != nil {
		return false
	}
	p, err := w.Proven(receipt)
	return err == nil && p != nil
}

// proved tries once, and reports whether there is nothing more to try.
func (s *Service) proved(ctx context.Context, receipt ledger.ID, seller ledger.Key, caught func(ledger.ID, ledger.Key, error)) bool {
	_, err := s.Prove(ctx, receipt, seller)
	switch {
	case err == nil:
		s.o.Count("receipt_proven")
		s.o.Changed()
		return true
	case errors.Is(err, ledger.ErrFrozen), errors.Is(err, ErrHidden):
		s.o.Count("receipt_hidden")
		s.o.Log.Warn("a seller shows another log than others saw", "seller", seller.Short(), "receipt", receipt.Short(), "err", err)
		caught(receipt, seller, err)
		return errors.Is(err, ledger.ErrFrozen)
	case errors.Is(err, ledger.ErrRestored):
		return true // it is in a log of before
	}
	s.o.Log.Debug("receipt not proven", "receipt", receipt.Short(), "err", err)
	return false
}
