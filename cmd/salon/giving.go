package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"salon/node"
	"salon/node/client"
)

func ticketTransferCommand(f *flags) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "transfer TICKET PERSON|KEY", Short: "Give a ticket of yours to somebody else",
		Long: "transfer asks the host to make a ticket of yours out to somebody else; yours is void then. Send what it prints to whoever it is\n" +
			"for: they take it in with 'salon ticket accept'. If the answer is lost, say it again: it is the same ticket.",
		Args: twoArgs("ticket", "person"),
		ValidArgsFunction: f.asking(func(ctx context.Context, c *client.Client, args []string, typed string) []cobra.Completion {
			if len(args) > 0 {
				return nil
			}
			list, _ := c.Tickets(ctx) // an error is no tickets
			return completions(typed, list, func(t node.TicketView) (string, string) { return t.ID, t.Room.String() })
		}),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.withSession(cmd, func(s *session) error {
				to, err := keyOf(cmd.Context(), s.Client, args[1])
				if err != nil {
					return err
				}
				v, err := s.TransferTicket(cmd.Context(), args[0], to)
				if err != nil {
					return err
				}
				return printGiven(cmd.OutOrStdout(), v, asJSON)
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print an object with the ticket")
	return cmd
}

func ticketAcceptCommand(f *flags) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "accept TEXT", Short: "Take in a ticket that somebody gave you", Args: oneArg("ticket"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.withSession(cmd, func(s *session) error {
				v, err := s.AcceptTicket(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				return printCheck(cmd.OutOrStdout(), v, asJSON)
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print what it is as an object")
	return cmd
}

// errNotGood is the exit of a check of a ticket that is not.
var errNotGood = errors.New("the ticket is not good")

func ticketCheckCommand(f *flags) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "check TEXT", Short: "Read a ticket: to which room, for which seat, and whether it is good", Args: oneArg("ticket"),
		Long: "check asks nobody. At the host it knows all; elsewhere whether the host has taken a ticket back is not seen before the door.\n" +
			"It exits with 1 if the ticket is not good.",
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.withSession(cmd, func(s *session) error {
				v, err := s.CheckTicket(cmd.Context(), args[0])
				if err == nil {
					err = printCheck(cmd.OutOrStdout(), v, asJSON)
				}
				if err == nil && !v.Good {
					err = errNotGood
				}
				return err
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print an object")
	return cmd
}

func printCheck(w io.Writer, v node.CheckView, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(v)
	}
	fmt.Fprintln(w, v.Text)
	if v.Holder.IsZero() {
		return nil
	}
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(tab, "room\t%s %s\nseat\t%d, class %d, generation %d\ngood\t%s to %s\n", v.Room, v.Title, v.Serial+1, v.Class, v.Gen, clock(v.Starts), clock(v.Ends))
	holder := v.Holder.Short()
	if v.Yours {
		holder += ", yours"
	}
	fmt.Fprintf(tab, "holder\t%s\nsigned by\t%s\n", holder, v.Seller.Short())
	return tab.Flush()
}
