package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
)

// printTable prints a list: as JSON, or a line of cells, with tabs between them, for each under their heads. Of an empty one it says none.
func printTable[T any](out io.Writer, list []T, asJSON bool, none, heads string, cells func(T) string) error {
	if asJSON {
		return json.NewEncoder(out).Encode(list)
	}
	if len(list) == 0 {
		_, err := fmt.Fprintln(out, none)
		return err
	}
	tab := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tab, heads)
	for _, one := range list {
		fmt.Fprintln(tab, cells(one))
	}
	return tab.Flush()
}
