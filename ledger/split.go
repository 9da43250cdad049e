package ledger

import (
	"fmt"
	"math/bits"
	"slices"
)

// Whole is all of a price, in basis points.
const Whole = 10000

// divide gives each weight its part of total, which is not negative: rounded down, and what is left over one unit at a
// time to the largest remainders, ties to whoever comes first. The parts add up to total, always.
func divide(total Amount, weights []uint64) ([]Amount, error) {
	var sum uint64
	for _, w := range weights {
		var carry uint64
		if sum, carry = bits.Add64(sum, w, 0); carry != 0 {
			return nil, fmt.Errorf("%w: weights overflow", ErrSplit)
		}
	}
	if total < 0 || sum == 0 {
		return nil, fmt.Errorf("%w: %d by weights of %d in all", ErrSplit, total, sum)
	}
	parts, rest := make([]Amount, len(weights)), make([]uint64, len(weights))
	left := total
	for i, w := range weights {
		hi, lo := bits.Mul64(uint64(total), w) // hi < sum, since w <= sum and total < 2^63
		q, r := bits.Div64(hi, lo, sum)
		parts[i], rest[i] = Amount(q), r
		left -= Amount(q)
	}
	order := make([]int, len(weights))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		if rest[a] != rest[b] {
			if rest[a] > rest[b] {
				return -1
			}
			return 1
		}
		return 0
	})
	for _, i := range order[:left] { // fewer than there are weights: the remainders sum to left times sum
		parts[i]++
	}
	return parts, nil
}

// Cut says who gets a share of what is sold.
type Cut uint8

// The cuts. What no cut takes stays with the seller.
const (
	CutCoHost  Cut = iota + 1 // a person
	CutRelays                 // the pool of whoever carries the room, divided later by what they carried
	CutCharity                // a charity's key
	CutFund                   // a creator fund's key
	cuts
)

// A Share is one cut of a price. On the wire it is the array [cut, to, basis points].
type Share struct {
	_           struct{} `cbor:",toarray"`
	Cut         Cut
	To          Key // zero for relays
	BasisPoints uint16
}

func (s Share) check() error {
	switch {
	case s.Cut == 0 || s.Cut >= cuts:
		return fmt.Errorf("%w: cut %d", ErrSplit, s.Cut)
	case (s.Cut == CutRelays) != s.To.IsZero():
		return fmt.Errorf("%w: a cut is to a key, that of relays to none", ErrSplit)
	case s.BasisPoints == 0 || s.BasisPoints > Whole:
		return fmt.Errorf("%w: %d basis points", ErrSplit, s.BasisPoints)
	}
	return nil
}

const maxShares = 32

func checkShares(shares []Share) error {
	if len(shares) > maxShares {
		return fmt.Errorf("%w: %d shares", ErrSplit, len(shares))
	}
	sum := 0
	for i, s := range shares {
		if err := s.check(); err != nil {
			return err
		}
		for _, o := range shares[:i] {
			if o.Cut == s.Cut && o.To == s.To {
				return fmt.Errorf("%w: one party twice", ErrSplit)
			}
		}
		sum += int(s.BasisPoints)
	}
	if sum > Whole {
		return fmt.Errorf("%w: %d basis points of %d", ErrSplit, sum, Whole)
	}
	return nil
}

// Split divides a price: the seller's part first, then one part for each share. They add up to the price.
func Split(price Amount, shares []Share) ([]Amount, error) {
	if err := checkShares(shares); err != nil {
		return nil, err
	}
	weights := make([]uint64, len(shares)+1)
	weights[0] = Whole
	for i, s := range shares {
		weights[i+1] = uint64(s.BasisPoints)
		weights[0] -= weights[i+1]
	}
	return divide(price, weights)
}
