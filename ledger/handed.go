package ledger

import "fmt"

func (*Handed) Kind() Kind { return KindHanded }

func (h *Handed) names() []name {
	var n []name
	if !h.Transfer.IsZero() {
		n = append(n, name{Transfer{}.kind(), h.Transfer})
	}
	return append(n, name{Ticket{}.kind(), h.Ticket})
}

func (h *Handed) check() error {
	if h.Ticket.IsZero() {
		return fieldError("ticket")
	}
	return nil
}

// apply takes a ticket in, from whoever gave it, or lets one of this node's go to somebody else. That the host signed the
// new ticket nobody can see here: the door does.
func (h *Handed) apply(b *Books, _ Entry) error {
	t, err := document[Ticket](b, h.Ticket)
	if err != nil {
		return err
	}
	key := keyHanded + h.Ticket.key()
	if done, _ := load[bool](b, key); done {
		return fmt.Errorf("%w: ticket %s", ErrDuplicate, h.Ticket.Short())
	}
	b.save(key, true)
	ours := t.Holder == b.Person || t.Holder == b.Device
	if !h.Transfer.IsZero() {
		tr, err := document[Transfer](b, h.Transfer)
		if err != nil {
			return err
		}
		if tr.To != t.Holder {
			return mismatch("the ticket is for somebody else than the transfer")
		}
		if _, had := load[ID](b, keyWallet+tr.Ticket.key()); !had && !ours {
			return fmt.Errorf("%w: ticket %s is not this node's to give away", ErrUnknown, tr.Ticket.Short())
		}
		b.drop(keyWallet + tr.Ticket.key())
	} else if !ours {
		return fmt.Errorf("%w: the ticket is for somebody else", ErrSigner)
	}
	if ours {
		b.save(keyWallet+h.Ticket.key(), ID{})
	}
	return b.err
}
