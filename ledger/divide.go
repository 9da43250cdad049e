package ledger

import (
	"bytes"
	"fmt"
)

func (*Divide) Kind() Kind    { return KindDivide }
func (*Divide) names() []name { return nil }

func (d *Divide) check() error {
	if err := d.Money.Cur.check(); err != nil {
		return err
	}
	if d.Money.Amount < 0 || d.Money.Amount > MaxAmount {
		return fmt.Errorf("%w: %d", ErrAmount, d.Money.Amount)
	}
	if d.Room.IsZero() || len(d.Parts) > maxCount || len(d.Parts) == 0 && d.Money.Amount > 0 {
		return fieldError("room or parts")
	}
	for i, p := range d.Parts {
		if p.To.IsZero() || p.Weight == 0 || i > 0 && bytes.Compare(d.Parts[i-1].To[:], p.To[:]) >= 0 {
			return fieldError("part %d", i)
		}
	}
	return nil
}

// apply divides all that has come into a room's pool, by what each relay carried. What an earlier division gave is counted: dividing
// again moves the difference alone, so that money that went back to buyers, and records that came late, are as if they had been
// known from the start. A share of less than a unit is not lost: it stays with whoever has the larger remainder, and what
// somebody is owed adds up over the rooms.
func (d *Divide) apply(b *Books, _ Entry) error {
	key := keyDivided + string(d.Room[:]) + string(d.Money.Cur)
	before, _ := load[[]dividedState](b, key)
	came := b.pooled(d.Room, d.Money.Cur)
	if d.Money.Amount > max(0, came) {
		return fmt.Errorf("%w: %s has come into the pool", ErrTooMuch, Money{Amount: came, Cur: d.Money.Cur})
	}
	weights := make([]uint64, len(d.Parts))
	for i, p := range d.Parts {
		weights[i] = p.Weight
	}
	var parts []Amount
	if len(weights) > 0 {
		var err error
		if parts, err = divide(d.Money.Amount, weights); err != nil {
			return err
		}
	}
	b.posted.cur = d.Money.Cur
	pool := Pool(d.Room)
	for _, old := range before {
		b.posted.move(pool, Carried(old.To), old.Given)
	}
	after := make([]dividedState, len(d.Parts))
	for i, p := range d.Parts {
		b.posted.move(Carried(p.To), pool, parts[i])
		after[i] = dividedState{To: p.To, Given: parts[i]}
	}
	b.posted.net()
	b.save(key, after)
	return b.err
}

// pooled is all that has come into a room's pool, less what went back to buyers, divided or not.
func (b *Books) pooled(room Room, cur Currency) Amount {
	came := -b.Balance(cur, Pool(room))
	before, _ := load[[]dividedState](b, keyDivided+string(room[:])+string(cur))
	for _, old := range before {
		came += old.Given
	}
	return came
}

// Divides makes the division of all that has come into a room's pool. There is nothing to append if it was so divided before, or if
// nothing came and nothing was divided. Whom it is divided among must be in order.
func (b *Books) Divides(room Room, cur Currency, parts []Part) ([]Draft, error) {
	came := max(0, b.pooled(room, cur))
	before, divided := load[[]dividedState](b, keyDivided+string(room[:])+string(cur))
	if len(parts) == 0 && came > 0 || came == 0 && !divided {
		return nil, b.err // it waits for who has carried the room
	}
	d := &Divide{Room: room, Money: Money{Amount: came, Cur: cur}, Parts: parts}
	if err := d.check(); err != nil {
		return nil, err
	}
	if len(before) == len(parts) {
		weights := make([]uint64, len(parts))
		for i, p := range parts {
			weights[i] = p.Weight
		}
		same := true
		if len(parts) > 0 {
			shares, err := divide(came, weights)
			if err != nil {
				return nil, err
			}
			for i, p := range parts {
				same = same && before[i].To == p.To && before[i].Given == shares[i]
			}
		}
		if same && divided {
			return nil, b.err
		}
	}
	return []Draft{{Body: d}}, b.err
}

// Pooled is what has come into a room's pool so far, and what of it was divided.
func (b *Books) Pooled(room Room, cur Currency) (came, divided Amount) {
	came = b.pooled(room, cur)
	return came, came + b.Balance(cur, Pool(room))
}
