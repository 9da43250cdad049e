package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The file that a browser is sent to is its owner's alone, leads to the page with its key, and is replaced each time.
func TestRedirectFile(t *testing.T) {
	home := t.TempDir()
	if err := os.WriteFile(redirectFile(home), []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"0011", "2233"} {
		path, err := writeRedirect(home, "http://127.0.0.1:7766/#key="+key)
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%v, %v", info, err)
		}
		b, err := os.ReadFile(path)
		for _, part := range []string{`content="0; url=http://127.0.0.1:7766/#key=` + key + `"`, `location.replace("http://127.0.0.1:7766/#key=` + key + `")`, `href="http://127.0.0.1:7766/#key=` + key + `"`} {
			if err != nil || !strings.Contains(strings.ReplaceAll(string(b), `\/`, "/"), part) {
				t.Errorf("%v: no %s in %s", err, part, b)
			}
		}
	}
	if files, err := filepath.Glob(filepath.Join(home, "*")); err != nil || len(files) != 1 {
		t.Errorf("%v, %v", files, err)
	}
}
