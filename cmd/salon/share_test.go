package main

import (
	"errors"
	"fmt"
	"testing"

	"salon/ledger/doc"
	"salon/node"
)

func TestParseShares(t *testing.T) {
	key := doc.PublicKey{7}.String()
	for _, c := range []struct {
		list    []string
		tickets bool
		want    string // "" if it is refused
	}{
		{nil, true, "[]"},
		{[]string{"Bo=10%"}, true, "[{co-host Bo 1000} {relays  200}]"},
		{[]string{"Bo=10", "relays=0%"}, true, "[{co-host Bo 1000}]"},
		{[]string{"relays=2.5 %"}, true, "[{relays  250}]"},
		{[]string{"charity:" + key + "=0.05%", "fund:" + key + "=97.95%"}, true, "[{charity " + key + " 5} {fund " + key + " 9795} {relays  200}]"},
		{[]string{"Bo=100%", "relays=0"}, true, "[{co-host Bo 10000}]"},
		{[]string{"Bo=10%"}, false, "[{co-host Bo 1000}]"},
		{[]string{"Bo=98.01%"}, true, ""},
		{[]string{"Bo=60%", "Cy=40.01%", "relays=0"}, true, ""},
		{[]string{"relays=1", "relays=2"}, true, ""},
		{[]string{"relays=1"}, false, ""},
		{[]string{"Bo"}, true, ""},
		{[]string{"=10%"}, true, ""},
		{[]string{"Bo=0%"}, true, ""},
		{[]string{"Bo=-1%"}, true, ""},
		{[]string{"Bo=1.005%"}, true, ""},
		{[]string{"Bo=ten"}, true, ""},
		{[]string{"Bo=101%"}, true, ""},
		{[]string{"charity:shelter=5%"}, true, ""},
	} {
		got, err := parseShares(c.list, c.tickets)
		switch {
		case c.want == "" && !errors.As(err, new(usageError)):
			t.Errorf("%q is read as %v, %v", c.list, got, err)
		case c.want != "" && (err != nil || fmt.Sprint(got) != c.want):
			t.Errorf("%q is read as %v, %v, want %s", c.list, got, err, c.want)
		}
	}
}

func TestSplitText(t *testing.T) {
	got := splitText([]node.SplitView{{To: "co-host", Key: doc.PublicKey{7}, Name: "Bo", BasisPoints: 1050}, {To: "relays", BasisPoints: 200}})
	if want := "87.5 % host, 10.5 % Bo (co-host), 2 % relays"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
