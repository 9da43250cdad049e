package node

import (
	"errors"
	"testing"
	"time"

	"salon/ledger"
)

// A charity signs where it is paid; who collects for it and keeps that word takes gifts, and no mere pledges.
func TestCharity(t *testing.T) {
	g := gather(t, Start{}, "Bo")
	bo := g.guests["Bo"]
	tipping(t, g, g.host)
	aid := startNode(t, "Aid", nil)
	place, err := aid.Address("lnd", "02abcdef")
	if err != nil || place.Person != aid.Person() {
		t.Fatalf("%+v, %v", place, err)
	}
	for _, wrong := range []string{"", "rubbish", "AAAA", place.Word[:len(place.Word)-8]} {
		if _, err := g.host.n.KeepCharity(wrong); !errors.Is(err, errBadWord) {
			t.Errorf("%.10q: %v", wrong, err)
		}
	}
	if _, err := aid.Address("lnd", "with spaces"); err == nil || Explain(err).Code != "bad_address" {
		t.Errorf("an address with spaces: %v", err)
	}
	wish := TipWish{To: g.host.View().Link, Money: twoEuro, Rail: ledger.IOURail, Charity: aid.Person()}
	for i, pledge := range []bool{true, false} {
		given, err := bo.n.Tip(t.Context(), wish)
		if err != nil || given.Pledge != pledge || !given.Charity {
			t.Errorf("%+v, %v", given, err)
		}
		if v := g.tips(bo, i+1); v.Pledge != pledge || v.Charity == nil || *v.Charity != aid.Person() {
			t.Errorf("shown: %+v", v)
		}
		if kept, err := g.host.n.KeepCharity(place.Word); err != nil || kept.Address != "02abcdef" || kept.Person != aid.Person() {
			t.Errorf("%+v, %v", kept, err)
		}
	}
	if _, _, err := ledger.ParsePlace(g.host.n.home.charity(aid.Person()), time.Now().Add(placeFor)); err == nil {
		t.Error("it holds for ever")
	}
}
