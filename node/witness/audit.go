package witness

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"salon/ledger"
)

const (
	maxAudited  = 8  // devices of one person
	maxAsked    = 12 // nodes asked what they have seen
	maxReceipts = 16 // of ours, from one device
	atOnce      = 4  // nodes asked at once
)

// A Seen is what somebody says it has seen of a log: the log's device has signed it, and so has who says it.
type Seen struct {
	By   ledger.Key // the device that saw it; that of the log for what it shows itself
	Of   ledger.Origin
	Size uint64
	Time int64 // unix ms: when it was seen
	// Held is nil if what its device shows now grew out of it, ErrHidden if that was not proven, a ForkedError if it did not, ErrApart if
	// the device did not say, and ErrCut if it could not be reached any more while it was asked.
	Held error

	note ledger.Sighting
}

// ErrApart means that what was seen could not be held to the log, because its device did not show that.
var ErrApart = errors.New("witness: the log's device has not shown it")

// A Failed is a node that gave no answer, or none that holds.
type Failed struct {
	Device ledger.Key
	Owner  bool // it is a device of the person in question
	Err    error
}

// A Receipt is one of ours, and what came of asking where it is in its seller's log.
type Receipt struct {
	ID     ledger.ID
	Seller ledger.Key
	Err    error // nil if it is proven
}

// A Report is what an audit over the network found.
type Report struct {
	Seen     []Seen
	Forks    []ledger.ForkProof // that hold
	Failed   []Failed
	Receipts []Receipt
}

// Good reports whether nothing was found against the person.
func (r Report) Good() bool {
	bad := func(err error) bool {
		return errors.Is(err, ledger.ErrFrozen) || errors.Is(err, ErrHidden) || errors.Is(err, errLies)
	}
	return len(r.Forks) == 0 && !slices.ContainsFunc(r.Seen, func(s Seen) bool { return bad(s.Held) }) &&
		!slices.ContainsFunc(r.Receipts, func(c Receipt) bool { return bad(c.Err) || errors.Is(c.Err, ledger.ErrUnknown) }) &&
		!slices.ContainsFunc(r.Failed, func(f Failed) bool { return f.Owner && bad(f.Err) })
}

// Audit asks the devices of a person for their logs, and the nodes that this one knows for what they have seen of them, and compares.
// Where our receipts are in these logs is asked too.
func (s *Service) Audit(ctx context.Context, who ledger.Key, devices []ledger.Key, receipts map[ledger.Key][]ledger.ID) (Report, error) {
	var r Report
	w, err := s.o.Open()
	if err != nil {
		return r, err
	}
	own, err := w.Of(who, maxSightings)
	if err != nil {
		return r, err
	}
	me := s.o.Identity.Author().Device
	r.add(who, me, seen{List: own})
	var mu sync.Mutex // guards r
	peers := slices.DeleteFunc(s.o.Peers(), func(k ledger.Key) bool { return k == me || slices.Contains(devices, k) })
	each(peers[:min(len(peers), maxAsked)], func(peer ledger.Key) {
		answer, err := s.asks(ctx, peer, who)
		mu.Lock()
		defer mu.Unlock()
		if err == nil {
			err = r.add(who, peer, answer)
		}
		if err != nil {
			r.Failed = append(r.Failed, Failed{Device: peer, Err: err})
		}
		for _, p := range answer.Forks {
			if o, bad := p.Verify(); bad == nil && (o.Person == who || o.Device == who) {
				if _, bad := w.TakeFork(p); bad != nil {
					s.o.Log.Warn("proof not kept", "err", bad)
				}
			}
		}
	})
	for _, one := range r.Seen {
		if !slices.Contains(devices, one.Of.Device) {
			devices = append(devices, one.Of.Device)
		}
	}
	each(devices[:min(len(devices), maxAudited)], func(device ledger.Key) {
		if device == me {
			return
		}
		var mine []Seen
		mu.Lock()
		for _, one := range r.Seen {
			if one.Of.Device == device {
				mine = append(mine, one)
			}
		}
		mu.Unlock()
		shows, err := s.audited(ctx, w, who, device, mine)
		var proofs []Receipt
		ids := receipts[device]
		for _, id := range ids[max(0, len(ids)-maxReceipts):] {
			one := Receipt{ID: id, Seller: device, Err: err}
			if err == nil {
				_, one.Err = s.Prove(ctx, id, device)
			}
			proofs = append(proofs, one)
		}
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			r.Failed = append(r.Failed, Failed{Device: device, Owner: true, Err: err})
		} else {
			r.Seen = append(r.Seen, shows)
		}
		for i, one := range r.Seen {
			for _, m := range mine {
				if one.By == m.By && one.Of.Log == m.Of.Log {
					r.Seen[i].Held = m.Held
				}
			}
		}
		r.Receipts = append(r.Receipts, proofs...)
	})
	s.pairs(w, &r)
	found, err := w.ForksOf(who, maxForks)
	r.Forks = append(r.Forks, found...)
	slices.SortFunc(r.Seen, func(a, b Seen) int {
		return cmp.Or(bytes.Compare(a.Of.Device[:], b.Of.Device[:]), cmp.Compare(a.Of.Epoch, b.Of.Epoch), cmp.Compare(b.Size, a.Size), bytes.Compare(a.By[:], b.By[:]))
	})
	slices.SortFunc(r.Failed, func(a, b Failed) int { return bytes.Compare(a.Device[:], b.Device[:]) })
	return r, err
}

// each calls f with every device, a few at once.
func each(devices []ledger.Key, f func(ledger.Key)) {
	var all sync.WaitGroup
	places := make(chan struct{}, atOnce)
	for _, device := range devices {
		places <- struct{}{}
		all.Go(func() { f(device); <-places })
	}
	all.Wait()
}

// Look asks a few nodes for what they have seen of somebody, and returns the proofs against them, those that were known included.
func (s *Service) Look(ctx context.Context, who ledger.Key, peers []ledger.Key) ([]ledger.ForkProof, error) {
	w, err := s.o.Open()
	if err != nil {
		return nil, err
	}
	each(peers, func(peer ledger.Key) {
		answer, err := s.asks(ctx, peer, who)
		if err != nil {
			return
		}
		for _, p := range answer.Forks {
			if o, err := p.Verify(); err != nil || o.Person != who && o.Device != who {
				s.o.Count("witness_lied")
			} else if _, err := w.TakeFork(p); err != nil {
				s.o.Log.Warn("proof not kept", "err", err)
			}
		}
	})
	return w.ForksOf(who, maxForks)
}

func (s *Service) asks(ctx context.Context, peer, who ledger.Key) (seen, error) {
	c, done, err := s.call(ctx, peer)
	if err != nil {
		return seen{}, err
	}
	defer done()
	return asked[seen](c, ask{Who: who})
}

// add takes in what somebody has seen, as far as it holds.
func (r *Report) add(who, by ledger.Key, answer seen) error {
	for _, one := range answer.List[:min(len(answer.List), maxSightings)] {
		o, c, err := one.Read()
		if err != nil {
			return errors.Join(errLies, err)
		}
		i := slices.IndexFunc(c.Seen, func(w ledger.Cosigner) bool { return w.By == by })
		if i < 0 || o.Person != who && o.Device != who {
			return errLies
		}
		r.Seen = append(r.Seen, Seen{By: by, Of: o, Size: c.Size, Time: c.Seen[i].Time * 1000, Held: ErrApart, note: one})
	}
	return nil
}

// audited asks a device for its log, and holds that to what others have seen of it.
func (s *Service) audited(ctx context.Context, w *ledger.Witness, who, device ledger.Key, others []Seen) (Seen, error) {
	c, done, err := s.call(ctx, device)
	if err != nil {
		return Seen{}, err
	}
	defer func() { done() }()
	answer, err := asked[shown](c, grow{})
	if err != nil {
		return Seen{}, err
	}
	o, now, err := answer.Show.Read()
	if err != nil {
		return Seen{}, errors.Join(errLies, err)
	}
	if o.Device != device || o.Person != who && o.Device != who {
		return Seen{}, errLies
	}
	gone := false
	grown := func(from uint64) (ledger.Showing, error) {
		sh, err := c.grown(o, from)
		if !errors.Is(err, ErrUnreached) || gone {
			return sh, err
		}
		again, end, err := s.call(ctx, device) // a network that broke off once may hold the second time
		if err != nil {
			gone = true
			return sh, err
		}
		done()
		c, done = again, end
		sh, err = c.grown(o, from)
		gone = errors.Is(err, ErrUnreached)
		return sh, err
	}
	for i, one := range others {
		if one.Of.Epoch != o.Epoch {
			continue
		}
		sh := answer.Show
		if one.Of.Log == o.Log && one.Size < now.Size {
			if sh, err = grown(one.Size); err != nil {
				others[i].Held = unproven(err)
				continue
			}
		}
		others[i].Held = s.judged(w, sh, one.note)
	}
	note := ledger.Sighting{Open: answer.Show.Open, Checkpoint: answer.Show.Growth.Checkpoint}
	return Seen{By: device, Of: o, Size: now.Size, Time: time.Now().UnixMilli(), note: note}, nil
}

// pairs holds what was seen to each other, where that takes nobody's proof: two roots at one size, two logs of one epoch.
func (s *Service) pairs(w *ledger.Witness, r *Report) {
	for i, a := range r.Seen {
		for _, b := range r.Seen[:i] {
			if a.Of.Device != b.Of.Device || a.Of.Epoch != b.Of.Epoch {
				continue
			}
			if err := s.judged(w, a.note.Showing(), b.note); errors.Is(err, ledger.ErrFrozen) {
				r.Seen[i].Held = err
			}
		}
	}
}
