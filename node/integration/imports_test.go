package integration

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// root is the module's top folder, seen from this package's.
var root = filepath.Join("..", "..")

// mayImport says which folders of ours a folder may import; the longest match counts. It is the layout of the README:
// cmd -> node -> {room, relay, ledger} -> ledger/doc.
var mayImport = map[string][]string{
	"cmd":        {"cmd", "node", "room", "relay", "ledger"},
	"node":       {"node", "room", "relay", "ledger"},
	"room":       {"room", "ledger/doc"},
	"relay":      {"relay", "ledger/doc"},
	"ledger":     {"ledger"},
	"ledger/doc": {},
}

// onlyUnder names the one folder in which a library may be imported, so that it can be read about, and replaced, in
// one place. A prefix of an import path each; "C" is cgo.
var onlyUnder = map[string]string{
	"github.com/libp2p/":       "node",
	"github.com/multiformats/": "node",
	"github.com/ipfs/":         "node",
	"github.com/pion/":         "node",
	"github.com/gorilla/":      "node",
	"github.com/decred/":       "node",
	"github.com/btcsuite/":     "node",
	"go.etcd.io/bbolt":         "ledger",
	"github.com/hraban/opus":   "room/opus",
	"C":                        "room/opus",
}

// measured are libraries that the benchmarks use as they are, beside our use of them.
var measured = []string{"go.etcd.io/bbolt", "github.com/pion/"}

func TestImportsPointOneWay(t *testing.T) {
	files := 0
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return skipFolder(name, entry)
		}
		if filepath.Ext(name) != ".go" {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		files++
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		folder := path.Dir(filepath.ToSlash(rel))
		for _, spec := range file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			if why := refuse(folder, imported); why != "" {
				t.Errorf("%s imports %s: %s", rel, imported, why)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 2 {
		t.Fatalf("found %d Go files under %s: the walk looks at nothing", files, root)
	}
}

func TestTopLevelFolders(t *testing.T) {
	agreed := []string{"cmd", "ledger", "node", "relay", "room"}
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		// bin is built, and ignored by git.
		if !entry.IsDir() || strings.HasPrefix(entry.Name(), ".") || entry.Name() == "bin" {
			continue
		}
		if !slices.Contains(agreed, entry.Name()) {
			t.Errorf("folder %s at the top level: there are five, %v", entry.Name(), agreed)
		}
	}
}

// A package is named for what it holds.
func TestNoPackageForOddsAndEnds(t *testing.T) {
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return err
		}
		if slices.Contains([]string{"util", "utils", "common", "types", "helpers", "misc"}, entry.Name()) {
			if found, _ := filepath.Glob(filepath.Join(name, "*.go")); len(found) > 0 {
				t.Errorf("%s: what is in it belongs to the packages that it is about", name)
			}
		}
		return skipFolder(name, entry)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// pion/webrtc from v4.2.21 on needs versions of pion/transport/v5 that the module proxy does not serve, so that a
// fresh checkout would not build.
func TestNoPionTransportV5(t *testing.T) {
	for _, name := range []string{"go.mod", "go.sum"} {
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "github.com/pion/transport/v5 ") {
			t.Errorf("%s asks for github.com/pion/transport/v5: keep github.com/pion/webrtc/v4 at v4.2.20", name)
		}
	}
}

// The rules above are themselves tried, or a slip in them would let everything through unseen.
func TestRefuse(t *testing.T) {
	for _, c := range []struct {
		folder, imported string
		refused          bool
	}{
		{"cmd/salon", "salon/node", false},
		{"node", "salon/room/seal", false},
		{"node/rtc", "salon/relay", false},
		{"node", "salon/cmd/salon", true},
		{"room", "salon/ledger/doc", false},
		{"room", "salon/ledger", true},
		{"room", "salon/relay", true},
		{"room/mix", "salon/room/opus", false},
		{"room/mix", "salon/node", true},
		{"relay", "salon/ledger/doc", false},
		{"relay/linktest", "salon/relay", false},
		{"relay", "salon/ledger/documents", true},
		{"relay", "salon/room", true},
		{"ledger", "salon/ledger/doc", false},
		{"ledger", "salon/room", true},
		{"ledger/doc", "salon/ledger", true},
		{"ledger/doc", "crypto/ed25519", false},
		{"node", "github.com/libp2p/go-libp2p", false},
		{"node/rtc", "github.com/pion/webrtc/v4", false},
		{"cmd/salon", "github.com/libp2p/go-libp2p", true},
		{"relay", "github.com/pion/rtp", true},
		{"room", "github.com/multiformats/go-multiaddr", true},
		{"ledger", "go.etcd.io/bbolt", false},
		{"node", "go.etcd.io/bbolt", true},
		{"room/opus", "github.com/hraban/opus", false},
		{"room/opusfile", "github.com/hraban/opus", true},
		{"node", "github.com/hraban/opus", true},
		{"room/opus", "C", false},
		{"node", "C", true},
		{"scripts", "salon/node", true},
	} {
		if why := refuse(c.folder, c.imported); (why != "") != c.refused {
			t.Errorf("refuse(%q, %q) = %q, want refused %t", c.folder, c.imported, why, c.refused)
		}
	}
}

// refuse says why a file in folder must not import a package; "" means that it may.
func refuse(folder, imported string) string {
	for library, home := range onlyUnder {
		if folder == "cmd/bench" && slices.Contains(measured, library) {
			continue
		}
		if matches(library, imported) && !within(home, folder) {
			return "only " + home + " may"
		}
	}
	ours, ok := strings.CutPrefix(imported, "salon/")
	if !ok {
		return ""
	}
	layer := ""
	for l := range mayImport {
		if within(l, folder) && len(l) > len(layer) {
			layer = l
		}
	}
	for _, allowed := range mayImport[layer] {
		if within(allowed, ours) {
			return ""
		}
	}
	return "imports point one way: cmd -> node -> {room, relay, ledger} -> ledger/doc"
}

// matches tells whether an import path is a library of onlyUnder, or a package of it.
func matches(library, imported string) bool {
	if strings.HasSuffix(library, "/") {
		return strings.HasPrefix(imported, library)
	}
	return within(library, imported)
}

// within tells whether a slash-separated path is folder itself or below it.
func within(folder, p string) bool {
	return p == folder || strings.HasPrefix(p, folder+"/")
}

// skipFolder keeps a walk out of what is not ours: hidden folders, what is built, and npm's.
func skipFolder(name string, entry fs.DirEntry) error {
	if name != root && (strings.HasPrefix(entry.Name(), ".") || slices.Contains([]string{"bin", "node_modules", "testdata"}, entry.Name())) {
		return filepath.SkipDir
	}
	return nil
}
