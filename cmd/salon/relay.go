package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"salon/node"
	"salon/node/client"
	"salon/node/web"
	"salon/room"
)

// drainFor is how long a relay that ends waits for those whom it feeds to find another place.
const drainFor = 10 * time.Second

func relayCommand(f *flags) *cobra.Command {
	var o node.Relay
	var metrics metricsFlag
	var guests guestsFlags
	cmd := &cobra.Command{
		Use: "relay", Short: "Carry other people's rooms, without a page", Args: noArgs,
		Long: "relay feeds the listeners of rooms whose hosts ask it to, and hears nothing of them, unless --guests has it\n" +
			"open them for people with only a browser.\n" +
			"It carries the rooms of hosts on this local network, found by mDNS, of those that you list with --host, and of everybody with\n" +
			"--open. A host asks a relay that it was given with 'salon host --relay ADDRESS'; the address is what this command prints.\n" +
			"At Ctrl-C, or SIGTERM, it sends its listeners elsewhere and ends when they are gone, after 10 seconds at most.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !o.Open && len(o.Hosts) == 0 && f.noMDNS {
				return usagef("relay wants a --host whose rooms it carries, or --open: with --no-mdns it finds no host by itself")
			}
			out := cmd.OutOrStdout()
			opt := f.options()
			o.Opens = guests.addr != ""
			opt.Relay = &o
			n, err := node.New(opt)
			if errors.Is(err, node.ErrInUse) {
				return fmt.Errorf("salon runs already on %s; use another --home for the relay", f.homeDir())
			}
			if err != nil {
				return err
			}
			tell(n)
			door, url, err := guests.serve(out, n)
			if err != nil {
				return errors.Join(err, n.Close())
			}
			if door != nil {
				defer door.Close()
			}
			s, err := web.New(n, web.Options{Addr: "127.0.0.1:0", Version: version, Guests: url})
			if err != nil {
				return errors.Join(err, n.Close())
			}
			closeMetrics, err := metrics.serve(out, n)
			if err != nil {
				return errors.Join(err, s.Close(), n.Close())
			}
			for _, a := range n.Status().Addrs {
				fmt.Fprintf(out, "Relay: %s\n", a)
			}
			if !o.Open && len(o.Hosts) == 0 {
				fmt.Fprintln(out, "It carries the rooms of hosts on this local network alone; --host lists others, --open lets in everybody.")
			}
			fmt.Fprintln(out, "Stop with Ctrl-C.")
			<-cmd.Context().Done()
			fmt.Fprintln(out, "Sending everybody elsewhere.")
			ctx, cancel := context.WithTimeout(context.Background(), drainFor)
			defer cancel()
			n.Drain(ctx)
			return errors.Join(closeMetrics(), s.Close(), n.Close())
		},
	}
	metrics.add(cmd)
	guests.add(cmd)
	fl := cmd.Flags()
	fl.BoolVar(&o.Open, "open", false, "carry the rooms of every host who asks")
	fl.StringArrayVar(&o.Hosts, "host", nil, "carry the rooms of this person: an ID, or a name in your list of people; repeatable")
	fl.StringArrayVar(&o.Allow, "allow", nil, "feed only this person, and others so listed; repeatable")
	fl.StringArrayVar(&o.Deny, "deny", nil, "do not feed this person; repeatable")
	fl.IntVar(&o.Rooms, "rooms", 0, "rooms at once (default 8)")
	fl.IntVar(&o.Listeners, "listeners", 0, "listeners fed in all rooms together, and never more (default 200)")
	fl.IntVar(&o.Bandwidth, "bandwidth", 0, "kbit/s to send at most in all rooms together, reckoned with 65 a listener of talk and 190 of a concert, guests included (default no bound)")
	cmd.AddCommand(relayStatusCommand(f), relayBlockCommand(f), relayUnblockCommand(f), relayRecordsCommand(f))
	return cmd
}

// relayRuns is the API of the relay that runs on the home.
func (f *flags) relayRuns(ctx context.Context) (*client.Client, error) {
	c, err := client.Running(ctx, f.homeDir())
	if err != nil {
		return nil, fmt.Errorf("no salon runs on %s; start it with 'salon relay'", f.homeDir())
	}
	return c, nil
}

func relayStatusCommand(f *flags) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "status", Short: "What the running relay carries", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := f.relayRuns(cmd.Context())
			if err != nil {
				return err
			}
			v, err := c.Relayed(cmd.Context())
			if err != nil {
				return err
			}
			return printRelayed(cmd.OutOrStdout(), v, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print it as an object")
	return cmd
}

func relayBlockCommand(f *flags) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "block ROOM|HOST", Short: "Carry a room, or the rooms of a host, no more", Args: oneArg("room or host"),
		Long: "block takes effect on the running relay at once: its listeners go elsewhere. It holds after a restart too.\n" +
			"ROOM is the ID or title of a room that the relay carries, HOST the ID or name of a host, or the beginning of one.\n" +
			"A host is blocked in the operator's own list, where 'salon people unblock' takes it back; for a room 'salon relay unblock' does.",
		ValidArgsFunction: f.asking(func(ctx context.Context, c *client.Client, args []string, typed string) []cobra.Completion {
			if len(args) > 0 {
				return nil
			}
			v, _ := c.Relayed(ctx) // an error is no rooms
			return completions(typed, v.Rooms, func(r node.CarriedView) (string, string) { return r.ID.String(), r.Title })
		}),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := f.relayRuns(cmd.Context())
			if err != nil {
				return err
			}
			v, err := c.BlockRelayed(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return printRelayed(cmd.OutOrStdout(), v, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print what the relay carries then as an object")
	return cmd
}

func relayUnblockCommand(f *flags) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "unblock ROOM", Short: "Carry a room again that was blocked, when its host asks", Args: oneArg("room"),
		Long: "ROOM is the ID of the room, or its beginning; 'salon relay status' lists those that are blocked.\n" +
			"A host is let in again with 'salon people unblock'.",
		ValidArgsFunction: f.asking(func(ctx context.Context, c *client.Client, args []string, typed string) []cobra.Completion {
			if len(args) > 0 {
				return nil
			}
			v, _ := c.Relayed(ctx) // an error is no rooms
			return completions(typed, v.BlockedRooms, func(id room.ID) (string, string) { return id.String(), "" })
		}),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := f.relayRuns(cmd.Context())
			if err != nil {
				return err
			}
			v, err := c.UnblockRelayed(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return printRelayed(cmd.OutOrStdout(), v, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print what the relay carries then as an object")
	return cmd
}

func printRelayed(out io.Writer, v node.Relayed, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(out).Encode(v)
	}
	fmt.Fprintf(out, "%d of %d listeners, %d of %d rooms\n", v.Children, v.MaxChildren, len(v.Rooms), v.MaxRooms)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, r := range v.Rooms {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\tdepth %d\t%d fed here\t%d listening\n", r.ID.String()[:10], r.Title, r.Host.Name, r.Phase, r.Depth, r.Children, r.Listeners)
	}
	for _, id := range v.BlockedRooms {
		fmt.Fprintf(w, "%s\tblocked\n", id.String()[:10])
	}
	return w.Flush()
}
