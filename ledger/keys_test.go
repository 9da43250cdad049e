package ledger

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// No two things of the index begin with the same letter: the one would be read as the other.
func TestKeysOfTheIndexDiffer(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	of := map[string]string{}
	for _, name := range files {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			v, ok := n.(*ast.ValueSpec)
			if !ok || len(v.Values) != 1 || !strings.HasPrefix(v.Names[0].Name, "key") {
				return true
			}
			lit, ok := v.Values[0].(*ast.BasicLit)
			if !ok || lit.Kind != token.STRING {
				return true
			}
			key, err := strconv.Unquote(lit.Value)
			if err != nil || len(key) != 1 {
				t.Errorf("%s: %s is not one byte", v.Names[0].Name, lit.Value)
			}
			if other := of[key]; other != "" {
				t.Errorf("%s and %s both begin with %q", other, v.Names[0].Name, key)
			}
			of[key] = v.Names[0].Name
			return true
		})
	}
	if of[keyHead] != "keyHead" || of[keyEarned] != "keyEarned" || len(of) < 30 {
		t.Errorf("only %d keys were found", len(of))
	}
}
