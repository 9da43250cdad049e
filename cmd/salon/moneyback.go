package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"salon/node"
	"salon/node/client"
)

func ticketDueCommand(f *flags) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "due", Short: "List money that is still to go back to buyers, and why it has not", Args: noArgs,
		Long: "due lists what was refunded, or came too late for its seats, and has not gone back yet. It is tried again until it has, but for\n" +
			"what you have to send by hand: say with 'salon ticket sent' that you have.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.withSession(cmd, func(s *session) error {
				list, err := s.Dues(cmd.Context())
				if err != nil {
					return err
				}
				return printDues(cmd.OutOrStdout(), list, asJSON)
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON array")
	return cmd
}

func ticketSentCommand(f *flags) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "sent RECEIPT", Short: "Say that you have sent money back by hand", Args: oneArg("receipt"), ValidArgsFunction: f.completeDue(),
		Long: "sent books that you have sent what is due for a receipt, whose beginning 'salon ticket due' lists. It refuses while the way of\n" +
			"paying may send the same money by itself.",
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.withSession(cmd, func(s *session) error {
				list, err := s.SentBack(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				return printDues(cmd.OutOrStdout(), list, asJSON)
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print what is still due as a JSON array")
	return cmd
}

func (f *flags) completeDue() completer {
	return f.asking(func(ctx context.Context, c *client.Client, _ []string, typed string) []cobra.Completion {
		list, _ := c.Dues(ctx) // an error is none
		return completions(typed, list, func(d node.DueView) (string, string) { return d.Receipt, d.Money })
	})
}

var dueStates = map[string]string{"tried": "is tried again", "on_its_way": "on its way", "by_hand": "send it by hand", "seller": "its seller is asked"}

func printDues(w io.Writer, list []node.DueView, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(list)
	}
	if len(list) == 0 {
		_, err := fmt.Fprintln(w, "Nothing is to go back.")
		return err
	}
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tab, "RECEIPT\tROOM\tMONEY\tBY\tSINCE\tSTATE")
	for _, d := range list {
		fmt.Fprintf(tab, "%s\t%s\t%s\t%s\t%s\t%s\n", d.Receipt[:8], d.Room.String()[:10], d.Money, d.Rail, clock(d.Since), dueStates[d.State])
	}
	if err := tab.Flush(); err != nil {
		return err
	}
	for _, d := range list {
		to := "The buyer said no address"
		if d.To != "" {
			to = "To " + d.To
		}
		if d.State != "by_hand" {
			to = ""
		}
		for _, line := range []string{to, d.Problem} {
			if line != "" {
				if _, err := fmt.Fprintf(w, "%s: %s\n", d.Receipt[:8], line); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
