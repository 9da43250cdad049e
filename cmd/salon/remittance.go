package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"salon/node"
)

func ledgerProofCommand(f *flags, asJSON *bool) *cobra.Command {
	var preimage string
	cmd := &cobra.Command{
		Use: "proof [ORDER|TEXT]", Short: "Show that you paid somebody who gives no receipt, or check what somebody shows",
		Long: "proof lists the payments for which no receipt has come. 'proof ORDER', the beginning of one of these, makes a text that shows anybody\n" +
			"that it was paid: your order, the invoice with which the seller's device asked for the money, and the preimage, which nobody has\n" +
			"before that invoice is paid. The seller is asked on. 'proof TEXT' verifies such a text, asks nobody, and ends with exit code 1 if\n" +
			"anything in it is wrong. It accuses nobody by itself: the money may have come where the seller's node does not see it.\n" +
			"Only payments by Lightning have such a proof.",
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case len(args) > 1:
				return usagef("proof wants one order, or the text of one proof")
			case preimage != "" && (len(args) == 0 || node.IsRemittance(args[0])):
				return usagef("--preimage is of an order: name it")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 && node.IsRemittance(args[0]) {
				v, err := node.ReadRemittance(args[0])
				if err != nil {
					return fmt.Errorf("that shows no payment: %w", err)
				}
				return printRemittance(cmd.OutOrStdout(), v, *asJSON)
			}
			return f.withSession(cmd, func(s *session) error {
				if len(args) == 0 {
					list, err := s.Pending(cmd.Context())
					if err != nil {
						return err
					}
					return printOpen(cmd.OutOrStdout(), list, *asJSON)
				}
				v, err := s.Remittance(cmd.Context(), args[0], preimage)
				if err != nil {
					return err
				}
				return printRemittance(cmd.OutOrStdout(), v, *asJSON)
			})
		},
	}
	cmd.Flags().StringVar(&preimage, "preimage", "", "what your wallet shows of the payment, if you paid by hand")
	return cmd
}

// openTexts say why no receipt has come.
var openTexts = map[string]string{
	"asked": "being asked for", "on_its_way": "on its way", "too_late": "paid too late, to be sent back", "unreachable": "the seller cannot be reached",
	"by_hand": "to be paid by you",
}

func printOpen(out io.Writer, list []node.PendingView, asJSON bool) error {
	heads := "ORDER\tSINCE\tSUM\tBY\tTO\tWHY NO RECEIPT"
	return printTable(out, list, asJSON, "No payment is open: everything has its receipt.", heads, func(p node.PendingView) string {
		to := p.Seller.Name
		if to == "" {
			to = p.Seller.Person.Short()
		}
		return fmt.Sprintf("%s\t%s\t%s\t%s\t%s\t%s", p.Order[:8], clock(p.Since), p.Sum, p.Rail, to, openTexts[p.Why])
	})
}

func printRemittance(out io.Writer, v node.RemittanceView, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(out).Encode(v)
	}
	_, err := fmt.Fprintf(out, "%s were paid to %s, for a %s that their device %s asked it for at %s.\nOrder %s, by the key %s.\nInvoice of the Lightning node %s, preimage %s.\n%s\n",
		v.Sum, v.Payee, v.Purpose, v.Device.Short(), clock(v.Time), v.Order, v.Payer, v.PaidTo, v.Proof, v.Text)
	return err
}
