package ledger

import "fmt"

func (*RailKey) Kind() Kind    { return KindRailKey }
func (*RailKey) names() []name { return nil }

func (r *RailKey) check() error {
	if err := checkRail(r.Rail); err != nil {
		return err
	}
	if err := checkASCII("address", r.Address, maxAddress); err != nil {
		return err
	}
	if r.Address == "" {
		return fieldError("address")
	}
	return checkWindow(r.From, r.To)
}

// apply has nothing to do: the statement itself is what others want to see.
func (r *RailKey) apply(b *Books, _ Entry) error { return b.err }

// apply opens the log. In a later epoch the books go on; what was on sale is not, until it is offered again.
func (o *Opened) apply(b *Books, e Entry) error {
	if len(o.Last) == 0 {
		return b.err
	}
	c, err := OpenCheckpoint(o.Last)
	if err != nil {
		return err
	}
	if c.Log != o.Before {
		return fmt.Errorf("%w: the checkpoint is of another log", ErrMismatch)
	}
	return b.err
}
