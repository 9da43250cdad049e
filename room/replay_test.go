package room

import (
	"errors"
	"testing"
	"time"

	"salon/ledger/doc"
)

func TestReplay(t *testing.T) {
	var r Replay
	by, other := doc.Author{Device: Device{1}}, doc.Author{Device: Device{2}}
	at := func(d time.Duration, nonce uint64) Command {
		return Command{Time: noon.Add(d).UnixMilli(), Nonce: nonce}
	}
	for _, c := range []struct {
		name string
		by   doc.Author
		c    Command
		now  time.Duration
		want error
	}{
		{"fresh", by, at(0, 1), 0, nil},
		{"the same again", by, at(0, 1), time.Second, ErrReplay},
		{"another nonce", by, at(0, 2), time.Second, nil},
		{"the nonce of another device", other, at(0, 1), time.Second, nil},
		{"stale", by, at(-doc.Skew-time.Millisecond, 3), 0, ErrStale},
		{"from the future", by, at(doc.Skew+time.Millisecond, 3), 0, ErrFuture},
		{"as far ahead as allowed", by, at(doc.Skew, 4), 0, nil},
		{"the first again, at the last moment", by, at(0, 1), doc.Skew, ErrReplay},
		{"the first again, later", by, at(0, 1), doc.Skew + time.Millisecond, ErrStale},
		{"the one ahead again, at its last moment", by, at(doc.Skew, 4), 2 * doc.Skew, ErrReplay},
		{"the first again, after our clock was set back", by, at(0, 1), 0, ErrStale},
	} {
		if err := r.Check(c.by, c.c, noon.Add(c.now)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

func TestReplayIsBounded(t *testing.T) {
	var r Replay
	one := doc.Author{Person: Person{9}, Device: Device{9}}
	for i := range uint64(maxRememberedPerson) {
		by := doc.Author{Person: one.Person, Device: Device{9, byte(i), byte(i >> 8)}} // more devices are no more commands
		if err := r.Check(by, Command{Time: noon.UnixMilli(), Nonce: i}, noon); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Check(one, Command{Time: noon.UnixMilli(), Nonce: 1 << 40}, noon); !errors.Is(err, ErrBusy) {
		t.Errorf("a person who floods: %v", err)
	}
	for i := range maxRemembered - maxRememberedPerson {
		by := doc.Author{Person: Person{byte(i), byte(i >> 8), byte(i >> 16), 1}}
		if err := r.Check(by, Command{Time: noon.UnixMilli()}, noon); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Check(doc.Author{Person: Person{8}}, Command{Time: noon.UnixMilli()}, noon); !errors.Is(err, ErrBusy) {
		t.Errorf("a crowd that floods: %v", err)
	}
	later := noon.Add(doc.Skew + time.Millisecond)
	if err := r.Check(one, Command{Time: later.UnixMilli()}, later); err != nil {
		t.Errorf("after the flood: %v", err)
	}
	if len(r.seen) != 1 || len(r.perPerson) != 1 || len(r.expiry) != 1 {
		t.Errorf("still remembers %d, %d, %d", len(r.seen), len(r.perPerson), len(r.expiry))
	}
}
