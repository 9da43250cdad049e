package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"salon/node"
	"salon/node/client"
)

func ticketDueCommand(f *flags) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "due", Short: "List money that is still to go back to buyers, and why it has not", Args: noArgs,
		Long: "due lists what was refunded, came too late for its seats, or came beyond what was asked for, and has not gone back yet. It is tried\n" +
			"again until it has, but for what you have to send by hand: say with 'salon ticket sent' that you have.",
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
	var asJSON, surplus bool
	var invoice string
	cmd := &cobra.Command{
		Use: "sent RECEIPT", Short: "Say that you have sent money back by hand, or have your wallet pay another invoice", Args: oneArg("receipt"), ValidArgsFunction: f.completeDue(),
		Long: "sent books that you have sent what is due for a receipt, whose beginning 'salon ticket due' lists. It refuses while the way of\n" +
			"paying may send the same money by itself. A buyer who paid by Lightning gave one invoice for money back with the order, which is\n" +
			"paid once: what is due later needs another one, of just that sum. Ask the buyer for it; with --invoice your wallet pays it.",
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.withSession(cmd, func(s *session) error {
				list, err := s.SentBack(cmd.Context(), args[0], surplus, strings.TrimSpace(invoice))
				if err != nil {
					return err
				}
				return printDues(cmd.OutOrStdout(), list, asJSON)
			})
		},
	}
	cmd.Flags().StringVar(&invoice, "invoice", "", "the invoice that the buyer has given for it since: your wallet pays it")
	cmd.Flags().BoolVar(&surplus, "surplus", false, "what came beyond the receipt, and not what is due for it")
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

func dueState(d node.DueView) string {
	if d.Surplus {
		return "paid too much: " + dueStates[d.State]
	}
	return dueStates[d.State]
}

func printDues(w io.Writer, list []node.DueView, asJSON bool) error {
	err := printTable(w, list, asJSON, "Nothing is to go back.", "RECEIPT\tROOM\tMONEY\tBY\tSINCE\tSTATE", func(d node.DueView) string {
		return fmt.Sprintf("%s\t%s\t%s\t%s\t%s\t%s", d.Receipt[:8], d.Room.String()[:10], d.Money, d.Rail, clock(d.Since), dueState(d))
	})
	if err != nil || asJSON {
		return err
	}
	for _, d := range list {
		to := "There is no address of the buyer's that it can go to"
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
