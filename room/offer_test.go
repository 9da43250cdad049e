package room

import (
	"bytes"
	"errors"
	"reflect"
	"testing"
	"time"

	"salon/ledger/doc"
)

func offerAt(now time.Time) Offer {
	return Offer{
		Hosts: []Person{{1}, {2}}, Places: 200, Free: 7, Rooms: 3, Entries: [][]byte{{4, 127, 0, 0, 1}}, Version: 9,
		Time: now.UnixMilli(), Expires: now.Add(25 * time.Second).UnixMilli(),
	}
}

func TestOfferComesBackAsItWas(t *testing.T) {
	id, now := ana(t), noon
	o := offerAt(now)
	raw, err := SignOffer(id, o)
	if err != nil {
		t.Fatal(err)
	}
	got, author, err := ParseOffer(raw, now)
	if err != nil || !reflect.DeepEqual(*got, o) || author != id.Author() {
		t.Fatalf("%+v by %v, %v", got, author, err)
	}
	if err := VerifyOffer(raw, now); err != nil {
		t.Error(err)
	}
	for i := range raw {
		bad := bytes.Clone(raw)
		bad[i] ^= 1
		if _, _, err := ParseOffer(bad, now); err == nil && VerifyOffer(bad, now) == nil {
			t.Fatalf("byte %d may be anything", i)
		}
	}
	if got.Allows(Person{3}) || !got.Allows(Person{2}) {
		t.Error("it is for whoever it is not for")
	}
	got.Open = true
	if !got.Allows(Person{3}) {
		t.Error("an open offer is not for everybody")
	}
	if _, _, err := ParseOffer(raw, now.Add(time.Minute)); !errors.Is(err, ErrStale) {
		t.Errorf("a minute later: %v", err)
	}
	if _, _, err := ParseOffer(raw, now.Add(-2*doc.Skew)); !errors.Is(err, ErrFuture) {
		t.Errorf("long before: %v", err)
	}
}

func TestOfferThatCannotBe(t *testing.T) {
	for name, change := range map[string]func(*Offer){
		"no address":        func(o *Offer) { o.Entries = nil },
		"an empty address":  func(o *Offer) { o.Entries = [][]byte{{}} },
		"too many":          func(o *Offer) { o.Entries = make([][]byte, MaxEntries+1) },
		"too many hosts":    func(o *Offer) { o.Hosts = make([]Person, MaxOfferHosts+1) },
		"more free than is": func(o *Offer) { o.Free = o.Places + 1 },
		"no version":        func(o *Offer) { o.Version = 0 },
		"no life":           func(o *Offer) { o.Expires = o.Time },
		"a long life":       func(o *Offer) { o.Expires = o.Time + MaxLifetime.Milliseconds() + 1 },
	} {
		o := offerAt(noon)
		change(&o)
		if raw, err := SignOffer(ana(t), o); err == nil {
			t.Errorf("%s: signed as %d bytes", name, len(raw))
		}
	}
	o := offerAt(noon)
	o.Hosts = make([]Person, MaxOfferHosts)
	for range MaxEntries - 1 {
		o.Entries = append(o.Entries, make([]byte, maxEntry))
	}
	raw, err := SignOffer(ana(t), o)
	if err != nil || len(raw) > MaxOffer {
		t.Errorf("the longest: %d bytes, %v", len(raw), err)
	}
}

func FuzzOffer(f *testing.F) {
	id := ana(f)
	open := offerAt(noon)
	open.Open, open.Hosts, open.Free, open.Rooms = true, nil, 0, 0
	for _, o := range []Offer{offerAt(noon), open} {
		f.Add(ok(doc.Marshal(offerWire(o))))
		f.Add(ok(SignOffer(id, o)))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		check(t, kindOffer, id, b, func(raw []byte) (any, error) {
			o, _, err := ParseOffer(raw, noon)
			if err != nil {
				return nil, err
			}
			return offerWire(*o), VerifyOffer(raw, noon)
		})
	})
}
