package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"salon/node"
	"salon/node/client"
	"salon/relay"
)

// treeCommand shows the tree that carries a room of one's own.
func treeCommand(f *flags, asJSON *bool) *cobra.Command {
	return &cobra.Command{
		Use: "tree ROOM", Short: "Which relays carry a room of one's own, and how it is heard", Args: oneArg("room"),
		ValidArgsFunction: f.completeJoined(roomAction{}),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, v, err := f.inRoom(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			t, err := c.Tree(cmd.Context(), v.ID.String())
			if err != nil {
				return err
			}
			if *asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(t)
			}
			return printTree(cmd.OutOrStdout(), t)
		},
	}
}

func printTree(out io.Writer, t node.TreeView) error {
	if t.Audience != nil {
		fmt.Fprintln(out, t.Audience.Text)
	}
	below := make(map[int][]int)
	for i, n := range t.Nodes {
		below[n.Up] = append(below[n.Up], i)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	var line func(i int)
	line = func(i int) {
		n := t.Nodes[i]
		fmt.Fprintf(w, "%s%s\t%s\tfeeds %d\t%d listening\t%d poorly", strings.Repeat("  ", n.Depth), n.Name, n.Device.Short(), n.Leaves+n.Relays, n.Listeners, n.Poor)
		if n.Up >= 0 {
			fmt.Fprintf(w, "\t%.0f ms\t%.1f %% lost", n.RTTMS, 100*n.Loss)
		}
		fmt.Fprintln(w)
		for _, a := range t.Accused {
			if a.Device == n.Device {
				fmt.Fprintf(w, "%s! %s\n", strings.Repeat("  ", n.Depth), a.Text)
			}
		}
		for _, k := range below[i] {
			line(k)
		}
	}
	for _, i := range below[-1] {
		line(i)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if t.More > 0 {
		fmt.Fprintf(out, "and %d relays more\n", t.More)
	}
	for _, a := range t.Accused {
		if !slices.ContainsFunc(t.Nodes, func(n node.TreeNode) bool { return n.Device == a.Device }) {
			fmt.Fprintf(out, "! %s (%s): %s\n", a.Name, a.Device.Short(), a.Text)
		}
	}
	return nil
}

// recordsCommand asks the relays of a room of one's own what they carried.
func recordsCommand(f *flags, asJSON *bool) *cobra.Command {
	return &cobra.Command{
		Use: "records ROOM", Short: "What relays carried of a room of one's own, by the signed word of those they fed", Args: oneArg("room"),
		ValidArgsFunction: f.completeJoined(roomAction{}),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, v, err := f.inRoom(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			all, err := c.Records(cmd.Context(), v.ID.String())
			if err != nil {
				return err
			}
			if *asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(all)
			}
			out := cmd.OutOrStdout()
			if len(all.Relays) == 0 {
				fmt.Fprintln(out, "No relay carries this room.")
			}
			w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
			for _, r := range all.Relays {
				fmt.Fprintf(w, "%s\t%s\t%s", r.Device.Short(), r.Name, carriedWords(r.CarriedSum))
				if r.Refused > 0 {
					fmt.Fprintf(w, "\t%d records refused", r.Refused)
				}
				if r.Silent {
					fmt.Fprint(w, "\tdoes not answer")
				}
				fmt.Fprintln(w)
			}
			return w.Flush()
		},
	}
}

// wayWords says by whom one is fed.
func wayWords(way []node.HopView) string {
	names, rtt := []string{"you"}, 0.0
	for _, h := range way {
		names = append(names, h.Name)
		rtt += h.RTTMS
	}
	return fmt.Sprintf("%s: %d hops, %.0f ms there and back", strings.Join(names, " → "), len(way), rtt)
}

// carriedWords says what was carried, for columns.
func carriedWords(s node.CarriedSum) string {
	return fmt.Sprintf("%d signed\t%s of sound\t%.1f MB", s.People, (time.Duration(s.Frames) * relay.FrameDuration).Round(time.Second), float64(s.Bytes)/1e6)
}

// relayRecordsCommand shows what the running relay can show for the rooms that it carried.
func relayRecordsCommand(f *flags) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "records [ROOM]", Short: "What the relay has carried, by the signed word of those it fed",
		Long: "records lists the rooms that the relay has service records of: each is signed by somebody whom the relay fed, and the\n" +
			"host of the room can check it. With the ID of a room, or the beginning of its title, --json prints the records too.",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usagef("it is: salon relay records [ROOM]")
			}
			return nil
		},
		ValidArgsFunction: f.asking(func(ctx context.Context, c *client.Client, args []string, typed string) []cobra.Completion {
			if len(args) > 0 {
				return nil
			}
			rooms, _ := c.Services(ctx) // an error is no rooms
			return completions(typed, rooms, serviceNames)
		}),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, out := cmd.Context(), cmd.OutOrStdout()
			c, err := f.relayRuns(ctx)
			if err != nil {
				return err
			}
			rooms, err := c.Services(ctx)
			if err != nil {
				return err
			}
			if len(args) == 1 {
				one, err := choose("room", args[0], rooms, serviceNames)
				if err != nil {
					return err
				}
				if one, err = c.Service(ctx, one.Room.String()); err != nil {
					return err
				}
				if asJSON {
					return json.NewEncoder(out).Encode(one)
				}
				rooms = []node.ServiceView{one}
			}
			if asJSON {
				return json.NewEncoder(out).Encode(map[string]any{"rooms": rooms})
			}
			w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
			for _, r := range rooms {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", r.Room.String()[:10], r.Title, r.Host.Name, carriedWords(r.CarriedSum))
			}
			return w.Flush()
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print it as an object")
	return cmd
}

func serviceNames(s node.ServiceView) (id, name string) { return s.Room.String(), s.Title }
