package market

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"salon/ledger"
)

// A Wish is what somebody wants to buy when nobody who sells it can be reached. Nothing is charged, and nobody was asked yet: it
// is bought when a seller is there, at the price that was agreed to and no other. It stands for one order, whoever gets it: the
// nonce is that of the order, so that the ledger says after every crash whether it was bought.
type Wish struct {
	Want    Want
	Made    time.Time
	Expires time.Time
	State   WishState
	Price   ledger.Money `json:",omitzero"` // when it has changed: what is asked now
	Offer   ledger.ID    `json:",omitzero"` // likewise, in which version of the offer
	Why     string       // when it is refused: the reason, as sellers code it
}

// ID names a wish.
func (w Wish) ID() string { return hex.EncodeToString(w.Want.Nonce[:]) }

// A WishState says where a wish is.
type WishState string

// The states. A wish that has changed waits for its buyer.
const (
	WishWaits   WishState = "waiting"
	WishChanged WishState = "changed" // price or terms are others: agree, or drop it
	WishPaying  WishState = "paying"  // the payment was begun, and goes on by itself
	WishBought  WishState = "bought"
	WishRefused WishState = "refused"
)

const (
	maxWishes = 32
	// WishFor is the longest time that a wish is kept.
	WishFor   = 30 * 24 * time.Hour
	wishAgain = 30 * time.Second
	wishWait  = time.Minute // for one of them
)

// Why a wish is not kept.
var (
	ErrWishes = errors.New("market: too many wishes are open")
	ErrNoWish = errors.New("market: no such wish, or not in that state")
)

// readWishes takes what Options.KeepWishes was given. What cannot be understood is no wish.
func readWishes(raw []byte) ([]Wish, error) {
	var list []Wish
	if len(raw) == 0 {
		return nil, nil
	}
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, fmt.Errorf("wishes: %w", err)
	}
	return list[:min(len(list), maxWishes)], nil
}

// Wish keeps a want until it is bought, refused, dropped, or too old.
func (m *Market) Wish(w Want, now time.Time, lasts time.Duration) (Wish, error) {
	if rail, known := m.rails.get(w.Rail); !known || rail.Payer == nil {
		return Wish{}, ErrRail
	}
	w.Others = w.Others[:min(len(w.Others), maxSellers)]
	rand.Read(w.Nonce[:])
	wish := Wish{Want: w, Made: now, Expires: now.Add(min(lasts, WishFor)), State: WishWaits}
	return wish, m.changeWishes(now, func(list []Wish) ([]Wish, error) {
		if len(list) >= maxWishes {
			return nil, ErrWishes
		}
		return append(list, wish), nil
	})
}

// Wishes lists those that are kept, the oldest first.
func (m *Market) Wishes(now time.Time) []Wish {
	m.mu.Lock()
	defer m.mu.Unlock()
	return fresh(m.wishes, now)
}

// fresh leaves out what is too old. What is being paid is never too old.
func fresh(list []Wish, now time.Time) []Wish {
	return slices.DeleteFunc(slices.Clone(list), func(w Wish) bool { return !now.Before(w.Expires) && w.State != WishPaying })
}

// Drop forgets a wish. One that is being paid is bought.
func (m *Market) Drop(id string, now time.Time) error {
	return m.changeWishes(now, func(list []Wish) ([]Wish, error) {
		i := findWish(list, id)
		if i < 0 || list[i].State == WishPaying || m.trying == id {
			return nil, ErrNoWish
		}
		return slices.Delete(list, i, i+1), nil
	})
}

// Agree lets a wish that has changed be bought at the price that is asked now.
func (m *Market) Agree(id string, price ledger.Money, now time.Time) (Wish, error) {
	var wish Wish
	return wish, m.changeWishes(now, func(list []Wish) ([]Wish, error) {
		i := findWish(list, id)
		if i < 0 || list[i].State != WishChanged || list[i].Price != price {
			return nil, ErrNoWish
		}
		list[i].Want.Price, list[i].Want.Offer = price, list[i].Offer
		list[i].Price, list[i].Offer, list[i].State = ledger.Money{}, ledger.ID{}, WishWaits
		wish = list[i]
		return list, nil
	})
}

func findWish(list []Wish, id string) int {
	return slices.IndexFunc(list, func(w Wish) bool { return w.ID() == id })
}

// changeWishes changes the list, and keeps what it has become before anybody sees it.
func (m *Market) changeWishes(now time.Time, f func([]Wish) ([]Wish, error)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	list, err := f(fresh(m.wishes, now))
	if err != nil {
		return err
	}
	if m.o.KeepWishes != nil {
		raw, err := json.Marshal(list)
		if err == nil {
			err = m.o.KeepWishes(raw)
		}
		if err != nil {
			return err
		}
	}
	m.wishes = list
	return nil
}

// TryWishes asks the sellers of each wish that waits, one after the other. Two calls at once try none twice.
func (m *Market) TryWishes(ctx context.Context) error {
	m.wishing.Lock()
	defer m.wishing.Unlock()
	var err error
	for _, w := range m.Wishes(time.Now()) {
		if ctx.Err() != nil {
			break
		}
		if w.State == WishWaits || w.State == WishPaying {
			err = errors.Join(err, m.tryWish(ctx, w))
		}
	}
	return err
}

// tryWish asks once, and keeps what came of it. The ledger is looked at first, for a crash may have come between the two.
func (m *Market) tryWish(ctx context.Context, w Wish) error {
	state, err := m.outcome(w)
	if err != nil {
		return err
	}
	if state == w.State && state == WishWaits {
		m.attempt(w.ID())
		defer m.attempt("")
		if findWish(m.Wishes(time.Now()), w.ID()) < 0 { // dropped a moment ago
			return nil
		}
		ctx, cancel := context.WithTimeout(ctx, wishWait)
		defer cancel()
		b, err := m.Buy(ctx, w.Want)
		var changed *TermsError
		switch {
		case err == nil:
			state = WishBought
		case !b.Order.IsZero():
			why := coded(err).Code
			if state, err = m.outcome(w); err != nil {
				return err
			}
			if state == WishWaits { // the payment was refused, and would be again
				state, w.Why = WishRefused, why
			}
		case errors.As(err, &changed):
			state, w.Price, w.Offer = WishChanged, changed.Now, changed.Offer
		case errors.Is(err, ErrUnreached), errors.Is(err, ErrBusy), errors.Is(err, ErrSeller), ctx.Err() != nil:
			return nil // still the same
		default:
			state, w.Why = WishRefused, coded(err).Code
		}
	}
	if state == w.State {
		return nil
	}
	w.State = state
	err = m.changeWishes(time.Now(), func(list []Wish) ([]Wish, error) {
		if i := findWish(list, w.ID()); i >= 0 {
			list[i] = w
		}
		return list, nil
	})
	if err == nil && m.o.Told != nil {
		m.o.Told(w)
	}
	return err
}

// attempt says which wish is being bought, and is not to be dropped.
func (m *Market) attempt(id string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.trying = id
}

// outcome is what the ledger says of a wish.
func (m *Market) outcome(w Wish) (WishState, error) {
	state := w.State
	if state == WishPaying {
		state = WishWaits // unless it is
	}
	err := m.look(func(l *lists) {
		id, begun := l.wished[w.Want.Nonce]
		_, open := l.paying[id]
		switch {
		case open:
			state = WishPaying
		case begun:
			state = WishBought
		}
	})
	return state, err
}
