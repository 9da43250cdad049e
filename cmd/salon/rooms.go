package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"salon/node"
	"salon/node/client"
)

func now() time.Time { return time.Now() }

// settled is how long no new room may appear before a list is taken for whole.
const settled = time.Second

func roomsCommand(f *flags) *cobra.Command {
	var asJSON bool
	var wait time.Duration
	cmd := &cobra.Command{
		Use: "rooms", Short: "List the rooms that are live now", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			s, err := f.connect(cmd.Context())
			if err != nil {
				return err
			}
			defer func() { err = firstErr(err, s.close()) }()
			if !cmd.Flags().Changed("wait") {
				wait = 3 * time.Second // a node that has just started knows nobody yet
				if s.own == nil {
					wait = 0
				}
			}
			list, err := s.waitRooms(cmd.Context(), wait)
			if err != nil {
				return err
			}
			return printRooms(cmd.OutOrStdout(), list, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON array")
	cmd.Flags().Var((*span)(&wait), "wait", "look for so long at most, less when rooms were found (default 3s, or 0 if the node runs already)")
	return cmd
}

// waitRooms lists the rooms once some are known and no more come, or the time is up.
func (s *session) waitRooms(ctx context.Context, wait time.Duration) ([]node.RoomCard, error) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	quiet := time.AfterFunc(wait, cancel)
	defer quiet.Stop()
	known := 0
	_ = s.Events(ctx, func(e client.Event) bool { // it ends by the time-out: no failure
		var list struct{ Rooms []json.RawMessage }
		if e.Name == "rooms" && json.Unmarshal(e.Data, &list) == nil && len(list.Rooms) != known {
			known = len(list.Rooms)
			quiet.Reset(settled)
		}
		return true
	})
	return s.Rooms(context.WithoutCancel(ctx))
}

func printRooms(out io.Writer, list []node.RoomCard, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(out).Encode(list)
	}
	if len(list) == 0 {
		_, err := fmt.Fprintln(out, "No rooms are live where this node can see. Start one with 'salon host', or use a share link.")
		return err
	}
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "ROOM\tTITLE\tHOST\tMODE\tON STAGE\tLISTENING")
	for _, r := range list {
		mode := r.Mode
		if r.Access == "invite" {
			mode += ", by invitation"
		}
		if r.Access == "subscribers" {
			mode += ", for subscribers"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%d\n", r.ID.String()[:10], r.Title, r.Host.Name, mode, r.Speakers, r.Listeners)
	}
	return w.Flush()
}

func firstErr(a, b error) error {
	if a != nil {
		return a
	}
	return b
}
