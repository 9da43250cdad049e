package web

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"salon/ledger"
)

// The page shows every kind of entry that is a receipt of something, and counts as income all that changes it.
func TestPageKnowsEveryKind(t *testing.T) {
	words := matching(t, "page/src/words/en.ts", `(?s)\n    kinds: \{(.*?)\n    \} as`)
	income := matching(t, "page/src/views/income.tsx", `const kinds = \[(.*?)\]`)
	noReceipt := strings.Fields("open railkey offer allot adopt reclaim reserve move revoke cancel pay void divide unsubscribe freeze handed")
	earns := strings.Fields("sale report refund gift divide earned dispute")
	for k := ledger.KindOpen; !strings.HasPrefix(k.String(), "kind "); k++ {
		name := k.String()
		worded := regexp.MustCompile(`(?m)^ +(` + name + `|"` + name + ` \w+"): `).MatchString(words)
		if worded == slices.Contains(noReceipt, name) {
			t.Errorf("%s: the wallet has words for it: %t", name, worded)
		}
		if counted := strings.Contains(income, `"`+name+`"`); counted != slices.Contains(earns, name) {
			t.Errorf("%s: it is counted as income: %t", name, counted)
		}
	}
	for state := ledger.DisputeOpened; state <= ledger.DisputeLost; state++ {
		if !strings.Contains(words, `"dispute `+state.String()+`":`) {
			t.Errorf("no words for a dispute that is %s", state)
		}
	}
}

// matching is the part of a file of the page's that matches.
func matching(t *testing.T, path, part string) string {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(part).FindSubmatch(raw)
	if found == nil {
		t.Fatalf("%s has no %s", path, part)
	}
	return string(found[1])
}
