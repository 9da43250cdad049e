package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"salon/node"
)

// Keys and ledger go to a file and come back from it, somewhere else.
func TestKeysExportAndImport(t *testing.T) {
	home, _ := seller(t)
	dir := t.TempDir()
	word, wrong, file, fresh := filepath.Join(dir, "word"), filepath.Join(dir, "wrong"), filepath.Join(dir, "keys"), filepath.Join(dir, "new")
	for path, text := range map[string]string{word: "correct horse battery staple\n", wrong: "correct horse battery stable\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if out := mustRun(t, home, "keys", "export", file, "--passphrase-file", word); !strings.Contains(out, "a ledger of 4 entries are in "+file) {
		t.Errorf("export says %s", out)
	}
	refused := func(usage bool, says, home string, args ...string) {
		t.Helper()
		out, err := run(t, home, append([]string{"keys"}, args...)...)
		if err == nil || isUsage(err) != usage || !strings.Contains(err.Error(), says) {
			t.Errorf("keys %q: %v, want %q; %s", args, err, says, out)
		}
	}
	refused(true, "say what to do", home)
	refused(true, "one file", home, "export", "--passphrase-file", word)
	refused(true, "--passphrase-file", home, "export", file)
	refused(false, "no such file", home, "export", file, "--passphrase-file", word+"?")
	refused(true, "at least 12", home, "export", file, "--passphrase-file", os.DevNull)
	refused(false, "left as it was", home, "export", word, "--passphrase-file", word)
	refused(false, "does not open", fresh, "import", file, "--passphrase-file", wrong)
	refused(false, "not a file", fresh, "import", word, "--passphrase-file", word)
	refused(false, "somebody's home", home, "import", file, "--passphrase-file", word)

	var s node.Safe
	unmarshal(t, mustRun(t, fresh, "keys", "import", file, "--passphrase-file", word, "--json"), &s)
	if s.Entries != 4 || s.Person.IsZero() {
		t.Errorf("imported %+v", s)
	}
	if before, after := mustRun(t, home, "id"), mustRun(t, fresh, "id"); before != after {
		t.Errorf("it is\n%snow, and was\n%s", after, before)
	}
	if out := mustRun(t, fresh, "ledger", "list"); !strings.Contains(out, "restored: epoch 1 begun") {
		t.Errorf("the ledger:\n%s", out)
	}
	mustRun(t, fresh, "ledger", "fsck")

	// A damaged ledger does not keep the keys from being kept.
	if err := os.Truncate(filepath.Join(home, "ledger", "ledger.segment"), 3); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(home, "ledger", "ledger.db"), 100); err != nil {
		t.Fatal(err)
	}
	refused(false, "damaged", home, "export", file, "--passphrase-file", word)
	if out := mustRun(t, home, "keys", "export", file, "--no-ledger", "--passphrase-file", word); strings.Contains(out, "entries") {
		t.Errorf("export says %s", out)
	}
	if out := mustRun(t, filepath.Join(dir, "newer"), "keys", "import", file, "--passphrase-file", word); strings.Contains(out, "entries") {
		t.Errorf("import says %s", out)
	}
}
