package witness

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"salon/ledger"
	"salon/ledger/doc"
	"salon/node/framed"
)

// askWithin is how long one node is asked, dialling included.
const askWithin = 8 * time.Second

// A conversation is the asking end of a stream.
type conversation struct {
	with ledger.Key // the device at the other end
	s    Stream
	in   *bufio.Reader
	buf  []byte
}

// call opens a stream to a device. done closes it.
func (s *Service) call(ctx context.Context, device ledger.Key) (c *conversation, done func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	st, err := s.o.Dial(ctx, device)
	if err != nil {
		cancel()
		return nil, nil, fmt.Errorf("%w: %w", ErrUnreached, err)
	}
	stop := context.AfterFunc(ctx, func() { st.Reset() })
	return &conversation{with: device, s: st, in: bufio.NewReaderSize(st, 4<<10)}, func() { stop(); cancel(); st.Close() }, nil
}

// ErrUnreached means that no stream to a node came about.
var ErrUnreached = errors.New("witness: it cannot be reached")

func (c *conversation) either(q message) (message, error) {
	out, err := encode(q)
	if err != nil {
		return nil, err
	}
	if err := c.s.SetDeadline(time.Now().Add(idle)); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreached, err)
	}
	if _, err := c.s.Write(out); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreached, err)
	}
	if c.buf, err = framed.Read(c.in, c.buf, maxAnswer); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreached, err)
	}
	m, err := decode(c.buf)
	if r, no := m.(refuse); no && err == nil {
		return nil, r.err()
	}
	return m, err
}

func asked[A message](c *conversation, q message) (answer A, err error) {
	m, err := c.either(q)
	if err != nil {
		return answer, err
	}
	answer, ok := m.(A)
	if !ok {
		return answer, errMessage
	}
	return answer, nil
}

// A prover shows a log that has grown from a size; nothing is to be proven from 0.
type prover func(from uint64) (ledger.Showing, error)

// show shows a log to a witness, and proves from where it has seen it, if it asks for that, once. What comes back is verified: a
// cosignature of that witness and no other, what the log's own device has signed, or a proof that holds.
func (c *conversation) show(p prover, from uint64) (sh ledger.Showing, answer signed, err error) {
	var before *ledger.KeptError // what it has seen
	for range 3 {                // it may have seen more while it was asked
		if sh, err = p(from); err != nil {
			if before != nil && !errors.Is(err, ErrUnreached) && !errors.Is(err, ErrBusy) {
				err = errors.Join(before, err)
			}
			return sh, answer, err
		}
		o, ours, err := sh.Read()
		if err != nil {
			return sh, answer, err
		}
		m, err := c.either(show{Show: sh})
		if err != nil {
			return sh, answer, err
		}
		switch m := m.(type) {
		case signed:
			theirs, err := ledger.SignedBy(m.Checkpoint, o.Device)
			if err != nil {
				return sh, answer, err
			}
			if !ours.Same(theirs) || !slices.ContainsFunc(theirs.Seen, func(w ledger.Cosigner) bool {
				return w.By == c.with && time.Unix(w.Time, 0).Before(time.Now().Add(doc.Skew))
			}) {
				return sh, answer, errLies
			}
			return sh, m, nil
		case forked:
			caught, err := m.Proof.Verify()
			if err != nil {
				return sh, answer, fmt.Errorf("%w: %w", errLies, err)
			}
			if caught.Device != o.Device {
				return sh, answer, errLies
			}
			return sh, answer, &ledger.ForkedError{Proof: m.Proof}
		case kept:
			theirs, err := ledger.SignedBy(m.Checkpoint, o.Device)
			if err != nil || theirs.Log != o.Log {
				return sh, answer, errors.Join(errLies, err)
			}
			if theirs.Size == from {
				return sh, answer, &ledger.KeptError{Kept: m.Checkpoint}
			}
			from, before = theirs.Size, &ledger.KeptError{Kept: m.Checkpoint}
		default:
			return sh, answer, errMessage
		}
	}
	return sh, answer, errLies
}

// errLies is of a witness that answers what cannot be.
var errLies = errors.New("witness: its answer does not hold")

// meet remembers whose device a witness is, and returns the person.
func (c *conversation) meet(w *ledger.Witness, s signed) (ledger.Key, error) {
	cert, err := doc.OpenCert(s.Cert, time.Now())
	if err != nil {
		return ledger.Key{}, fmt.Errorf("%w: %w", errLies, err)
	}
	if cert.Device != c.with {
		return ledger.Key{}, errLies
	}
	name, err := doc.CleanText(s.Name, maxNameRunes)
	if err != nil {
		name = ""
	}
	if err := w.Meet(c.with, ledger.Met{Cert: s.Cert, Name: name}); err != nil && !errors.Is(err, ledger.ErrFull) {
		return ledger.Key{}, err
	}
	return cert.Person, nil
}

const maxNameRunes = 64
