package integration

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The Makefile's STILL are packages that are tested without the race detector, since nothing in them runs beside anything else.
func TestNoGoroutines(t *testing.T) {
	for folder := range strings.FieldsSeq(made(t, "STILL")) {
		files, err := filepath.Glob(filepath.Join(root, folder, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %d Go files, %v", folder, len(files), err)
		}
		for _, name := range files {
			file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			for _, what := range starts(file) {
				t.Errorf("%s has %s: test %s with the race detector, or leave it out", name, what, folder)
			}
		}
	}
}

// made is what the Makefile sets.
func made(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	value := regexp.MustCompile(`(?m)^` + name + ` *= (.*)$`).FindSubmatch(b)
	if value == nil {
		t.Fatalf("the Makefile does not set %s", name)
	}
	return string(value[1])
}

// What skips with the race detector is run without it.
func TestUnraced(t *testing.T) {
	pattern, err := regexp.Compile(strings.ReplaceAll(made(t, "UNRACED"), "$$", "$"))
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(root, "node", "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || !strings.HasPrefix(f.Name.Name, "Test") || !skipsRaced(f) {
				continue
			}
			found++
			if !pattern.MatchString(f.Name.Name) {
				t.Errorf("%s skips with the race detector, and UNRACED in the Makefile does not name it", f.Name.Name)
			}
		}
	}
	if found < 2 {
		t.Errorf("%d tests found", found)
	}
}

// skipsRaced tells whether a test calls computes, or skips if raced.
func skipsRaced(f *ast.FuncDecl) (skips bool) {
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			if called, ok := n.Fun.(*ast.Ident); ok && called.Name == "computes" {
				skips = true
			}
		case *ast.IfStmt:
			if cond, ok := n.Cond.(*ast.Ident); ok && cond.Name == "raced" {
				ast.Inspect(n.Body, func(n ast.Node) bool {
					if call, ok := n.(*ast.SelectorExpr); ok && strings.HasPrefix(call.Sel.Name, "Skip") {
						skips = true
					}
					return true
				})
			}
		}
		return true
	})
	return skips
}

// starts lists what in a file starts a goroutine, or is there because something else does. (Tests that run beside each other share
// nothing but what a package computes once.)
func starts(file *ast.File) (found []string) {
	for _, spec := range file.Imports {
		switch spec.Path.Value {
		case `"sync"`, `"sync/atomic"`, `"C"`:
			found = append(found, "import "+spec.Path.Value)
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			found = append(found, "a go statement")
		case *ast.SelectorExpr:
			switch n.Sel.Name {
			case "Go", "AfterFunc":
				found = append(found, "a call of "+n.Sel.Name)
			}
		}
		return true
	})
	return found
}

func TestStarts(t *testing.T) {
	for body, want := range map[string]int{
		"":                                       0,
		"go f()":                                 1,
		"var all sync.WaitGroup; all.Go(f)":      1,
		"time.AfterFunc(d, f)":                   1,
		"func() { go f(); s.all.Go(f) }()":       2,
		"for range 3 { going(); Go := 1; Go++ }": 0,
	} {
		file, err := parser.ParseFile(token.NewFileSet(), "a.go", "package a\nfunc a() {"+body+"}", parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		if got := starts(file); len(got) != want {
			t.Errorf("%q: %q, want %d", body, got, want)
		}
	}
}
