package main

import (
	"slices"
	"testing"

	"github.com/spf13/cobra"
)

// TestCompletions: what is offered begins as it was typed, means one room, and has nothing in it that a shell expands.
func TestCompletions(t *testing.T) {
	type named struct{ id, name string }
	names := func(n named) (string, string) { return n.id, n.name }
	kitchen := named{"abcdefghij234567", "Kitchen at noon"}
	garden := named{"klmnopqrst234567", "Garden, $(reboot) and `reboot`"}
	evil := named{"uvwxyz2345234567", "$(reboot)"}
	for _, row := range []struct {
		name, typed string
		among       []named
		want        []cobra.Completion
	}{
		{"nothing typed: IDs, described by names", "", []named{kitchen, garden}, []cobra.Completion{"abcdefghij\tKitchen at noon", "klmnopqrst\tGarden, $(reboot) and `reboot`"}},
		{"an ID begun", "kl", []named{kitchen, garden}, []cobra.Completion{"klmnopqrst\tGarden, $(reboot) and `reboot`"}},
		{"a name begun", "Ki", []named{kitchen, garden}, []cobra.Completion{"Kitchen\tKitchen at noon"}},
		{"a name begun in small letters", "ki", []named{kitchen, garden}, []cobra.Completion{"kitchen\tKitchen at noon"}},
		{"a name and an ID begun", "k", []named{kitchen, garden}, []cobra.Completion{"kitchen\tKitchen at noon", "klmnopqrst\tGarden, $(reboot) and `reboot`"}},
		{"only what no shell expands of a name", "G", []named{garden}, []cobra.Completion{"Garden\tGarden, $(reboot) and `reboot`"}},
		{"beyond the first word", "Garden, $", []named{garden}, nil},
		{"a name that is nothing else", "$", []named{evil}, nil},
		{"two names that begin alike", "Ki", []named{kitchen, {"mmmmmmmmmm234567", "kitchenette"}}, []cobra.Completion{"Kitchenette\tkitchenette"}},
		{"letters of another script", "Ü", []named{{"mmmmmmmmmm234567", "Übung heute"}}, []cobra.Completion{"Übung\tÜbung heute"}},
		{"a name without a word", "x", []named{{"mmmmmmmmmm234567", ""}}, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := completions(row.typed, row.among, names); !slices.Equal(got, row.want) {
				t.Errorf("offered %q, want %q", got, row.want)
			}
		})
	}
}
