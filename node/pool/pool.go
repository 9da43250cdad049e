// Package pool says what each relay of a room has carried, from the signed words of those it was carried for. Always:
//
//   - A ticket counts once, however many devices come in with it, whatever relays they were fed by, and however often they say so:
//     at most one frame for each 20 ms in which somebody was there with it.
//   - Nobody counts by their own word: a relay's own person is no listener of it.
//   - The order of the words is of no matter, and nothing but integers is reckoned with.
package pool

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"math/bits"
	"slices"
)

// A Key names a person or a device.
type Key [32]byte

// MarshalText makes a key hexadecimal in JSON.
func (k Key) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, k[:]), nil }

// UnmarshalText is the way back from MarshalText.
func (k *Key) UnmarshalText(b []byte) error {
	raw, err := hex.DecodeString(string(b))
	if err == nil && len(raw) != len(k) {
		err = hex.ErrLength
	}
	if err != nil {
		return err
	}
	*k = Key(raw)
	return nil
}

// A Word is what one device has signed on what one relay brought it in a period, last.
type Word struct {
	Relay  Key    `json:"relay"`  // the person whose relay it is
	Via    Key    `json:"via"`    // the relay's device
	Seat   Key    `json:"seat"`   // of the ticket that the listener came with
	Person Key    `json:"person"` // the listener
	Device Key    `json:"device"` // the listener's
	Since  int64  `json:"since"`
	Until  int64  `json:"until"` // unix ms
	Frames uint64 `json:"frames"`
}

// A Weight is what the relays of one person have carried, in frames.
type Weight struct {
	Relay  Key
	Frames uint64
	Seats  int // whose words count for it
}

// frameMS is how long a frame lasts.
const frameMS = 20

// lead is what a relay may bring beside what is sent while somebody is there, in ms: what was buffered when they came. It is given once:
// many short visits would earn it again and again.
const lead = 1000

// Weigh adds the words up, by relay in the order of their keys. Who has carried nothing is not in it.
func Weigh(words []Word) []Weight {
	seats := map[Key][]Word{}
	for _, w := range words {
		if w.Relay != w.Person && w.Via != w.Device && w.Until >= w.Since && w.Frames > 0 {
			seats[w.Seat] = append(seats[w.Seat], w)
		}
	}
	frames, carried := map[Key]uint64{}, map[Key]int{}
	for _, list := range seats {
		for relay, n := range weighSeat(list) {
			if n > 0 {
				frames[relay] += n
				carried[relay]++
			}
		}
	}
	weights := make([]Weight, 0, len(frames))
	for relay, n := range frames {
		weights = append(weights, Weight{relay, n, carried[relay]})
	}
	slices.SortFunc(weights, func(a, b Weight) int { return bytes.Compare(a.Relay[:], b.Relay[:]) })
	return weights
}

// weighSeat is Weigh for one ticket. What all relays together are said to have brought, beyond what could be heard in that time, is
// taken from each in proportion.
func weighSeat(words []Word) map[Key]uint64 {
	words = single(words)
	var all uint64
	most := uint64(present(words)+lead) / frameMS
	brought := map[Key]uint64{}
	for _, w := range words {
		n := min(w.Frames, most) // more cannot be, and sums do not overflow
		brought[w.Relay] += n
		all += n
	}
	if all > most {
		for relay, n := range brought {
			hi, lo := bits.Mul64(n, most)
			brought[relay], _ = bits.Div64(hi, lo, all)
		}
	}
	return brought
}

// single leaves of the periods of one device at one relay that overlap the one that says most: they are one claim made twice.
func single(words []Word) []Word {
	words = slices.Clone(words)
	slices.SortFunc(words, func(a, b Word) int {
		return cmp.Or(bytes.Compare(a.Via[:], b.Via[:]), bytes.Compare(a.Device[:], b.Device[:]), cmp.Compare(a.Since, b.Since),
			cmp.Compare(b.Frames, a.Frames), cmp.Compare(b.Until, a.Until), bytes.Compare(a.Relay[:], b.Relay[:]))
	})
	var list []Word
	for _, w := range words {
		if n := len(list); n > 0 && list[n-1].Via == w.Via && list[n-1].Device == w.Device && w.Since < list[n-1].Until {
			if w.Frames > list[n-1].Frames {
				list[n-1] = w
			}
			continue
		}
		list = append(list, w)
	}
	return list
}

// present is how long somebody was there, in ms.
func present(words []Word) (all int64) {
	words = slices.Clone(words)
	slices.SortFunc(words, func(a, b Word) int { return cmp.Compare(a.Since, b.Since) })
	to := int64(0)
	for i, w := range words {
		if from := max(w.Since, to); i == 0 {
			all, to = w.Until-w.Since, w.Until
		} else if w.Until > from {
			all, to = all+w.Until-from, w.Until
		}
	}
	return all
}
