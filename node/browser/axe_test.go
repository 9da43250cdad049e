package browser

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// repository is the folder of the module, from that of this package.
var repository = filepath.Join("..", "..")

// axe is the script of axe-core, which knows what people who see, hear or point differently stumble over. If npm cannot
// bring it here, it says why.
var axe = sync.OnceValues(func() (source, whyNot string) {
	// The registry is in the network that the tests were started in.
	c := computer{}
	if computers[0].lan {
		c.enter = own()
	}
	if out, err := c.command("sh", filepath.Join(repository, ".ci", "npm")).CombinedOutput(); err != nil {
		return "", fmt.Sprintf("no axe-core: %s (%v)", strings.TrimSpace(string(out)), err)
	}
	b, err := os.ReadFile(filepath.Join(repository, "node", "web", "page", "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		return "", err.Error()
	}
	return string(b), ""
})

// Rules of axe-core: what breaks the Web Content Accessibility Guidelines 2.2 at levels A and AA, or what is held to be good
// practice, and those of them in which colours count.
const (
	axeRules   = `["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]`
	axeColours = `{ type: "rule", values: ["color-contrast", "link-in-text-block"] }`
)

// axeRun looks for what breaks some of them.
const axeRun = `axe.run({
	runOnly: %s,
	resultTypes: ["violations"],
	preload: false, // or it fetches the style sheets anew each time, for rules that are not among these
	iframes: false, // there are none
}).then((found) => found.violations.flatMap((rule) => rule.nodes.map((node) =>
	rule.id + ": " + rule.help + "\n    " + node.target.join(" ") + "\n    " + node.html + "\n    " + node.failureSummary.replaceAll("\n", "\n    "))))`

// barriers are what axe-core finds on a view, each with the screens and colours in which it did.
type barriers map[string][]string

// look adds what it finds now.
func (b barriers) look(p *person, source, rules, where string) {
	p.t.Helper()
	if !script[bool](p, `typeof axe === "object"`) {
		script[bool](p, source+";\ntrue")
	}
	for _, one := range script[[]string](p, fmt.Sprintf(axeRun, rules)) {
		b[one] = append(b[one], where)
	}
}

// tell fails the test for each.
func (b barriers) tell(v viewer, view string) {
	v.t.Helper()
	for _, one := range slices.Sorted(maps.Keys(b)) {
		v.t.Errorf("%s (%s): %s", view, strings.Join(b[one], ", "), one)
	}
}
