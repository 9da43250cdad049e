package main

import (
	"strings"
	"testing"

	"salon/ledger/doc"
	"salon/node"
)

// A relay that listeners left is named where it stands in the tree, or after it when it has gone; the host is told each once.
func TestAccusedRelaysArePrinted(t *testing.T) {
	gone := doc.PublicKey{3}
	tree := node.TreeView{Nodes: []node.TreeNode{
		{Up: -1, Name: "Ana", Relays: 1, Device: doc.PublicKey{1}}, {Depth: 1, Name: "Attic", Leaves: 3, Device: doc.PublicKey{2}},
	}, Accused: []node.AccusedView{
		{Device: doc.PublicKey{2}, Name: "Attic", Text: "1 listener left it: it altered sound."},
		{Device: gone, Name: "Cellar", Out: true, Text: "2 listeners left it."},
	}}
	var out strings.Builder
	if err := printTree(&out, tree); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 4 || !strings.HasPrefix(lines[1], "  Attic") || lines[2] != "  ! 1 listener left it: it altered sound." ||
		lines[3] != "! Cellar ("+gone.Short()+"): 2 listeners left it." {
		t.Errorf("it prints\n%s", out.String())
	}
	told := make(map[string]bool)
	v := node.RoomView{Accused: tree.Accused}
	for _, want := range []int{2, 0, 1, 0} {
		if news := accusedNews(v, told); len(news) != want {
			t.Errorf("told %q, want %d lines", news, want)
		}
		if want == 0 {
			v.Accused[0].Out = true
		}
	}
}
