package ledger

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// An Audit is what this ledger knows of the dealings with somebody.
type Audit struct {
	Lines    []Line
	Balances []Balance // of the accounts that are between the two
	Devices  []Device  // that took money for them, or were caught
	Proven   int       // documents of these dealings whose signatures hold
}

// A Device is one of somebody else's, as this ledger knows it.
type Device struct {
	Key    Key
	Frozen bool         // it signed two different things in one place, and the proof is in this ledger
	Seen   []Checkpoint // the newest of each log of it that this node witnessed
}

// errUnbalanced ends an audit that found something.
var errUnbalanced = fmt.Errorf("%w: the dealings do not add up", ErrCorrupt)

// Audit goes through all dealings with somebody: it verifies every document of theirs again, and adds up what was
// moved on the accounts between the two, which must be the balances (invariants I2 and I9).
func (s *Store) Audit(who Key) (Audit, error) {
	var a Audit
	all, total, err := s.balances()
	if err != nil {
		return a, err
	}
	sums := map[Balance]Amount{} // by account and currency
	err = s.journal(total, func(l Line) error {
		about := l.With == who
		for _, p := range l.Postings {
			if between(p.Account, who) {
				about = true
				sums[Balance{p.Account, Money{Cur: l.Cur}}] += p.Amount
			}
		}
		if !about {
			return nil
		}
		if err := l.Entry.verifyDocs(Key{}); err != nil {
			return fmt.Errorf("%w: entry %d: %w", ErrCorrupt, l.Number, err)
		}
		for _, n := range l.Entry.names() {
			if n.kind != noteKind {
				a.Proven++
			}
		}
		a.Lines = append(a.Lines, l)
		return nil
	})
	if err != nil {
		return a, err
	}
	for _, b := range all {
		if !between(b.Account, who) {
			continue
		}
		a.Balances = append(a.Balances, b)
		key := Balance{b.Account, Money{Cur: b.Money.Cur}}
		if sums[key] != b.Money.Amount {
			err = errors.Join(err, fmt.Errorf("%w: %s is %s, the entries say %s", errUnbalanced, b.Account, b.Money, Money{Amount: sums[key], Cur: b.Money.Cur}))
		}
		delete(sums, key)
	}
	for key, sum := range sums {
		if sum != 0 {
			err = errors.Join(err, fmt.Errorf("%w: %s is nothing, the entries say %s", errUnbalanced, key.Account, Money{Amount: sum, Cur: key.Money.Cur}))
		}
	}
	if err != nil {
		return a, err
	}
	a.Devices, err = s.devices(who)
	return a, err
}

// between reports whether an account is what one owes the other.
func between(a Account, who Key) bool {
	kind, name, found := strings.Cut(string(a), ":")
	return found && name == who.String() && slices.Contains([]string{"recv", "payable", "transit", "charity", "fund", "share", "relay"}, kind)
}

// devices are those that took money for somebody, and who itself, if it is a device that was caught or witnessed.
func (s *Store) devices(who Key) ([]Device, error) {
	keys := []Key{}
	_, err := s.scan(keyTaker+bytesOf(who), func(_ *Books, rest string) { keys = append(keys, Key([]byte(rest))) })
	if err != nil {
		return nil, err
	}
	keys = append(keys, who)
	var all []Device
	for _, k := range keys {
		d := Device{Key: k}
		if err := s.View(func(b *Books) error { d.Frozen = b.Frozen(k); return nil }); err != nil {
			return nil, err
		}
		if d.Seen, err = s.Seen(k); err != nil {
			return nil, err
		}
		if k != who || d.Frozen || len(d.Seen) > 0 {
			all = append(all, d)
		}
	}
	return all, nil
}
