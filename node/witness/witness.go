// Package witness lets nodes see how far each other's logs go, and tell.
//
// What may be signed, and what is proof of a fork, the ledger says (showing.go); here are the questions and answers. Always:
//
//   - A witness signs only what grew out of what it has signed before, and has that on disk first.
//   - It learns sizes and roots, and whose log it is: no entry but the first.
//   - What it says it has seen is believed only as far as the log's own device has signed it.
//   - What strangers can make it keep has a bound, and so has how much one of them may ask.
//
// The package knows streams and not who carries them: node gives it those of libp2p.
package witness

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"salon/ledger"
	"salon/ledger/doc"
	"salon/node/framed"
)

// A Stream is what a witness needs of a libp2p stream.
type Stream interface {
	io.ReadWriteCloser
	SetDeadline(time.Time) error
	Reset() error
}

// Options configures New. Identity, Open and Dial must be set.
type Options struct {
	Identity *doc.Identity
	Name     func() string                   // what this node's person calls themselves
	Open     func() (*ledger.Witness, error) // what this node has seen
	Store    func() *ledger.Store            // this node's ledger, nil while it has none
	Dial     func(ctx context.Context, device ledger.Key) (Stream, error)
	// Peers are devices that may be asked, the best first.
	Peers func() []ledger.Key
	// Doubted hears that this node's ledger is an old copy, or that another copy of it is in use. Nothing can be written to it any more.
	Doubted func(error)
	// Changed hears that somebody has cosigned this node's log, or that a receipt was proven.
	Changed func()
	// Count counts what happened, under a constant name.
	Count func(name string)
	Log   *slog.Logger // nil means discard
}

// A Service is a node's part in it, as a witness and as who asks them. Its methods may be called at once by many.
type Service struct {
	o     Options
	gate  *gate
	tries map[ledger.Key]uint64 // by witness: the size that it signed last, of this node's log; only Collect uses it
}

// New makes a service.
func New(o Options) *Service {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Count == nil {
		o.Count = func(string) {}
	}
	if o.Name == nil {
		o.Name = func() string { return "" }
	}
	if o.Store == nil {
		o.Store = func() *ledger.Store { return nil }
	}
	if o.Peers == nil {
		o.Peers = func() []ledger.Key { return nil }
	}
	if o.Doubted == nil {
		o.Doubted = func(error) {}
	}
	if o.Changed == nil {
		o.Changed = func() {}
	}
	return &Service{o: o, gate: newGate(), tries: map[ledger.Key]uint64{}}
}

const (
	idle         = 10 * time.Second // for the next question, and for an answer to be taken
	maxQuestions = 64               // on one stream
)

// Serve answers one peer until it has no more questions. from names the peer.
func (s *Service) Serve(ctx context.Context, from string, st Stream) {
	if !s.gate.enter(from) {
		s.o.Count("witness_busy")
		st.Reset()
		return
	}
	defer s.gate.leave(from)
	stop := context.AfterFunc(ctx, func() { st.Reset() })
	defer stop()
	if err := s.serve(from, st); err != nil {
		if !errors.Is(err, io.EOF) {
			s.o.Count("witness_malformed")
			s.o.Log.Debug("witness: peer dropped", "peer", from, "err", err)
		}
		st.Reset()
		return
	}
	st.Close()
}

func (s *Service) serve(from string, st Stream) error {
	in := bufio.NewReaderSize(st, 1<<10)
	var buf []byte
	for range maxQuestions {
		if err := st.SetDeadline(time.Now().Add(idle)); err != nil {
			return err
		}
		var err error
		if buf, err = framed.Read(in, buf, maxQuestion); err != nil {
			return err
		}
		question, err := decode(buf)
		if err != nil {
			return err
		}
		var answer message
		if now := time.Now(); !s.gate.may(from, now) {
			s.o.Count("witness_flood")
			answer = coded(ErrBusy)
		} else if answer, err = s.answer(question, now); errors.Is(err, errMessage) {
			return err
		} else if err != nil {
			s.o.Count("witness_refused")
			s.o.Log.Debug("witness: refused", "peer", from, "err", err)
			answer = coded(err)
		}
		out, err := encode(answer)
		if err != nil {
			return err
		}
		if err := st.SetDeadline(time.Now().Add(idle)); err != nil {
			return err
		}
		if _, err := st.Write(out); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) answer(q message, now time.Time) (message, error) {
	switch q := q.(type) {
	case show:
		return s.sign(q.Show, now)
	case ask:
		return s.seen(q.Who)
	case prove:
		store := s.o.Store()
		if store == nil {
			return nil, ledger.ErrUnknown
		}
		p, err := store.ProveSale(q.Receipt, q.From, now)
		return proven{Proof: p}, err
	case grow:
		store := s.o.Store()
		if store == nil {
			return nil, ledger.ErrUnknown
		}
		sh, err := store.Showing(q.From, now)
		return shown{Show: sh}, err
	}
	return nil, fmt.Errorf("%w: an answer for a question", errMessage)
}

// sign is what a witness does.
func (s *Service) sign(sh ledger.Showing, now time.Time) (message, error) {
	w, err := s.o.Open()
	if err != nil {
		return nil, err
	}
	raw, err := w.Show(sh, now)
	var before *ledger.KeptError
	var fork *ledger.ForkedError
	switch {
	case errors.As(err, &fork):
		s.o.Count("witness_fork_found")
		s.o.Log.Warn("a log is forked", "proof", fork.Proof.Kind)
		return forked{Proof: fork.Proof}, nil
	case errors.As(err, &before):
		return kept{Checkpoint: before.Kept}, nil
	case err != nil:
		return nil, err
	}
	s.o.Count("witness_signed")
	name := s.o.Name()
	return signed{Checkpoint: raw, Cert: s.o.Identity.Cert(), Name: name[:min(len(name), maxName)]}, nil
}

// seen is what this node knows of somebody's logs, its own included.
func (s *Service) seen(who ledger.Key) (message, error) {
	answer := seen{List: []ledger.Sighting{}, Forks: []ledger.ForkProof{}}
	w, err := s.o.Open()
	if err != nil {
		return nil, err
	}
	forks, err := w.ForksOf(who, maxForks)
	if err != nil {
		return nil, err
	}
	size := 0
	for _, p := range forks {
		if size += len(p.Open) + len(p.A) + len(p.B); size > maxSeenBytes {
			break
		}
		answer.Forks = append(answer.Forks, p)
	}
	list, err := w.Of(who, maxSightings)
	if err != nil {
		return nil, err
	}
	for _, one := range list {
		if size += len(one.Open) + len(one.Checkpoint); size > maxSeenBytes {
			break
		}
		answer.List = append(answer.List, one)
	}
	return answer, nil
}

const (
	maxPeers   = 256             // served at once
	maxStreams = 2               // of one peer
	askEvery   = time.Second / 2 // a peer may ask
	askBurst   = 32              // at once
	maxPaces   = 4096            // peers whose pace is remembered

	askEveryAll = 10 * time.Millisecond // all peers together: each question is some signatures to verify
	askBurstAll = 256
)

// A gate is how much peers may ask.
type gate struct {
	mu      sync.Mutex // guards the fields below
	serving map[string]int
	paces   map[string]time.Time // by peer: when its whole burst may be asked again
	all     time.Time            // likewise, of all together
}

func newGate() *gate { return &gate{serving: map[string]int{}, paces: map[string]time.Time{}} }

func (g *gate) enter(from string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := g.serving[from]
	if n == maxStreams || n == 0 && len(g.serving) == maxPeers {
		return false
	}
	g.serving[from]++
	return true
}

func (g *gate) leave(from string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.serving[from]--; g.serving[from] == 0 {
		delete(g.serving, from)
	}
}

// may spends one question of a peer.
func (g *gate) may(from string, now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	whole, known := g.paces[from]
	if !known && len(g.paces) >= maxPaces {
		for peer, at := range g.paces {
			if !at.After(now) { // as good as one that never asked
				delete(g.paces, peer)
			}
		}
		if len(g.paces) >= maxPaces {
			return false
		}
	}
	if whole.Before(now) {
		whole = now
	}
	if whole = whole.Add(askEvery); whole.Sub(now) > askBurst*askEvery {
		return false
	}
	g.paces[from] = whole
	if g.all.Before(now) {
		g.all = now
	}
	if g.all.Sub(now) >= askBurstAll*askEveryAll {
		return false
	}
	g.all = g.all.Add(askEveryAll)
	return true
}
