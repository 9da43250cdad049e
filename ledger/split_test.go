package ledger

import (
	"errors"
	"math"
	"math/big"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func share(cut Cut, n uint32, bp uint16) Share {
	if cut == CutRelays {
		return Share{Cut: cut, BasisPoints: bp}
	}
	return Share{Cut: cut, To: seed(n).Public(), BasisPoints: bp}
}

func TestSplit(t *testing.T) {
	for _, c := range []struct {
		name   string
		price  Amount
		shares []Share
		want   []Amount
	}{
		{"nobody else", 777, nil, []Amount{777}},
		{"98 / 2", 500, []Share{share(CutRelays, 0, 200)}, []Amount{490, 10}},
		// 777 at 9700/200/100: 753.69, 15.54, 7.77; what is left, two units, goes to .77 and .69.
		{"97 / 2 / 1", 777, []Share{share(CutRelays, 0, 200), share(CutFund, 1, 100)}, []Amount{754, 15, 8}},
		{"one unit goes to the largest part", 1, []Share{share(CutRelays, 0, 200)}, []Amount{1, 0}},
		{"a tie goes to whoever comes first", 1, []Share{share(CutRelays, 0, 5000)}, []Amount{1, 0}},
		{"nothing for the seller", 3, []Share{share(CutCharity, 1, Whole)}, []Amount{0, 3}},
		{"nothing at all", 0, []Share{share(CutRelays, 0, 200)}, []Amount{0, 0}},
		// Shares say what goes to others, and the rest is the seller's: none that sum to 9999 leave a part to nobody.
		{"9999 basis points", 10_000, []Share{share(CutCoHost, 1, 9000), share(CutRelays, 0, 999)}, []Amount{1, 9000, 999}},
	} {
		if got, err := Split(c.price, c.shares); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, %v, want %v", c.name, got, err, c.want)
		}
	}
	for name, shares := range map[string][]Share{
		"10001 basis points":     {share(CutCoHost, 1, 10000), share(CutRelays, 0, 1)},
		"0 basis points":         {share(CutRelays, 0, 0)},
		"a party twice":          {share(CutCoHost, 1, 10), share(CutCoHost, 1, 20)},
		"a co-host without key":  {{Cut: CutCoHost, BasisPoints: 10}},
		"relays with a key":      {{Cut: CutRelays, To: seed(1).Public(), BasisPoints: 10}},
		"a cut that is not":      {{Cut: cuts, To: seed(1).Public(), BasisPoints: 10}},
		"more than can be shown": slices.Repeat([]Share{share(CutRelays, 0, 1)}, maxShares+1),
	} {
		if got, err := Split(100, shares); !errors.Is(err, ErrSplit) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

// Every part is within one unit of the exact share, and together they are the whole.
func TestDivideAddsUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		total := Amount(rapid.Int64Range(0, math.MaxInt64).Draw(t, "total"))
		weights := rapid.SliceOfN(rapid.Uint64Range(0, math.MaxUint64/40), 1, 40).Draw(t, "weights")
		sum := new(big.Int)
		for _, w := range weights {
			sum.Add(sum, new(big.Int).SetUint64(w))
		}
		parts, err := divide(total, weights)
		if sum.Sign() == 0 {
			if err == nil {
				t.Fatal("divided by nothing")
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		left := total
		for i, p := range parts {
			floor := new(big.Int).Mul(big.NewInt(int64(total)), new(big.Int).SetUint64(weights[i]))
			floor.Div(floor, sum)
			if d := new(big.Int).Sub(big.NewInt(int64(p)), floor); d.Sign() < 0 || d.Cmp(big.NewInt(1)) > 0 {
				t.Errorf("part %d is %d, floor %v", i, p, floor)
			}
			left -= p
		}
		if left != 0 {
			t.Errorf("%d is left of %d", left, total)
		}
	})
}

func TestDivideRefuses(t *testing.T) {
	for _, weights := range [][]uint64{nil, {0, 0}, {math.MaxUint64, 1}} {
		if parts, err := divide(1, weights); !errors.Is(err, ErrSplit) {
			t.Errorf("by %v: %v, %v", weights, parts, err)
		}
	}
	if _, err := divide(-1, []uint64{1}); !errors.Is(err, ErrSplit) {
		t.Errorf("less than nothing was divided: %v", err)
	}
}

func BenchmarkSplit(b *testing.B) {
	shares := []Share{share(CutRelays, 0, 200), share(CutFund, 1, 100)}
	for b.Loop() {
		if _, err := Split(777, shares); err != nil {
			b.Fatal(err)
		}
	}
}
