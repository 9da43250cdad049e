package ledger

func (Ticket) kind() string  { return "ticket" }
func (t Ticket) signer() Key { return t.By }

func (t Ticket) check() error {
	switch {
	case t.Room.IsZero() || t.Holder.IsZero() || t.By.IsZero():
		return fieldError("room or key is missing")
	case t.Serial >= MaxSeats:
		return fieldError("serial %d", t.Serial)
	case t.Gen == 0:
		return fieldError("generation 0")
	case t.NotBefore < 0 || t.NotAfter <= t.NotBefore || t.NotAfter > maxSecond:
		return fieldError("it ends before it begins")
	}
	return nil
}

// seatOf is what makes a ticket one: two tickets with the same are proof against who signed them.
func (t Ticket) seatOf() seat { return seat{t.Room, t.Class, t.Serial, t.Gen} }

type seat struct {
	room   Room
	class  uint8
	serial uint32
	gen    uint32
}

func (Transfer) kind() string  { return "transfer" }
func (t Transfer) signer() Key { return t.By }

func (t Transfer) check() error {
	if t.Ticket.IsZero() || t.By.IsZero() || t.To.IsZero() || t.By == t.To {
		return fieldError("ticket or key")
	}
	return checkTimes(t.Time)
}
