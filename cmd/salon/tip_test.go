package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"salon/ledger"
	"salon/ledger/doc"
	"salon/node"
)

// Whoever keeps two books is warned of, and paid only by who says so.
func TestHeedFork(t *testing.T) {
	fork := &node.ForkView{Person: doc.PublicKey{7}, Device: doc.PublicKey{8}, How: "checkpoints"}
	for _, c := range []struct {
		name           string
		fork           *node.ForkView
		yes, forked    bool
		warned, refuse bool
	}{
		{"nobody was caught", nil, true, false, false, false},
		{"only looking", fork, false, false, true, false},
		{"about to pay", fork, true, false, true, true},
		{"all the same", fork, true, true, true, false},
	} {
		cmd, said := &cobra.Command{}, &bytes.Buffer{}
		cmd.SetErr(said)
		err := heedFork(cmd, c.fork, c.yes, c.forked, "given")
		if (err != nil) != c.refuse || strings.Contains(said.String(), "WARNING") != c.warned {
			t.Errorf("%s: %v, %q", c.name, err, said)
		}
		if err != nil && !strings.Contains(err.Error(), "--forked") {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestNoSuchWay(t *testing.T) {
	if got := noSuchWay("lnd", []string{"iou", "stripe"}, "EUR"); got != "they take no EUR by lnd: say --rail iou or stripe" {
		t.Error(got)
	}
	if got := noSuchWay("lnd", nil, ledger.Bitcoin); !strings.HasPrefix(got, "they take no sat now") {
		t.Error(got)
	}
}
