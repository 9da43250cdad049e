package main

import (
	"encoding/json"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"salon/ledger"
	"salon/node"
)

// Debts by IOU, and what is lent.

func ledgerSettleCommand(f *flags, asJSON *bool) *cobra.Command {
	var means string
	cmd := &cobra.Command{
		Use: "settle PERSON AMOUNT", Short: "Say that you have paid somebody what you owed them, outside of salon",
		Long: "settle tells PERSON that you have paid so much of what you owe, such as 'salon ledger settle Ana \"5 EUR\"'. It is in neither\n" +
			"ledger before they have confirmed it with 'salon ledger received'.",
		Args: twoArgs("person", "amount"), ValidArgsFunction: f.completePeople(false),
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, err := ledger.ParseMoney(args[1]); err != nil {
				return usagef("%q is no amount, such as '5 EUR'", args[1])
			}
			return f.withSession(cmd, func(s *session) error {
				who, err := keyOf(cmd.Context(), s.Client, args[0])
				if err != nil {
					return err
				}
				if err := s.SettleDebt(cmd.Context(), who, args[1], means); err != nil {
					return err
				}
				if *asJSON {
					return json.NewEncoder(cmd.OutOrStdout()).Encode(map[string]string{"person": who, "money": args[1], "means": means})
				}
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "They were told that you have paid %s. Your ledger says so when they have confirmed it.\n", args[1])
				return err
			})
		},
	}
	cmd.Flags().StringVar(&means, "means", "cash", "how you paid, in one word")
	return cmd
}

func ledgerClaimsCommand(f *flags, asJSON *bool) *cobra.Command {
	return &cobra.Command{
		Use: "claims", Short: "List what debtors say that they have paid you, outside of salon", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.withSession(cmd, func(s *session) error {
				list, err := s.Claims(cmd.Context())
				if err != nil {
					return err
				}
				if *asJSON {
					return json.NewEncoder(cmd.OutOrStdout()).Encode(list)
				}
				if len(list) == 0 {
					_, err := fmt.Fprintln(cmd.OutOrStdout(), "Nobody says that they have paid you.")
					return err
				}
				tab := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
				fmt.Fprintln(tab, "CLAIM\tMONEY\tMEANS\tSINCE\tKEYS")
				for _, c := range list {
					fmt.Fprintf(tab, "%s\t%s\t%s\t%s\t", c.Claim[:8], c.Money, c.Means, time.UnixMilli(c.Time).Format("2006-01-02 15:04"))
					for _, d := range c.Debtors {
						fmt.Fprintf(tab, "%s ", d.Short())
					}
					fmt.Fprintln(tab)
				}
				return tab.Flush()
			})
		},
	}
}

func ledgerReceivedCommand(f *flags, asJSON *bool) *cobra.Command {
	return &cobra.Command{
		Use: "received CLAIM", Short: "Confirm that money came, as 'salon ledger claims' lists it", Args: oneArg("claim"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.withSession(cmd, func(s *session) error {
				c, err := s.MoneyReceived(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				if *asJSON {
					return json.NewEncoder(cmd.OutOrStdout()).Encode(c)
				}
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s is not owed any more.\n", c.Money)
				return err
			})
		},
	}
}

func ledgerCreditCommand(f *flags, asJSON *bool) *cobra.Command {
	return &cobra.Command{
		Use: "credit [[PERSON|anybody] AMOUNT]", Short: "Say how much somebody may owe you, or list it",
		Long: "credit sets how much PERSON may owe you in all, such as 'salon ledger credit Bo \"20 EUR\"'; '0 EUR' lends them nothing. anybody is\n" +
			"whoever has no limit of their own, strangers too: nothing, until you say otherwise. PERSON has to show who they are\n" +
			"('salon ticket buy --known'): with a key that was made for one purchase everybody is anybody.",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 1 && !isMoney(args[0]) || len(args) > 2 {
				return usagef("credit wants a person, or anybody, and an amount; or nothing, to list what is lent")
			}
			return nil
		},
		ValidArgsFunction: f.completePeople(false),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.withSession(cmd, func(s *session) error {
				var list []node.CreditView
				var err error
				switch {
				case len(args) == 0:
					list, err = s.Credits(cmd.Context())
				case len(args) == 1:
					list, err = s.SetCredit(cmd.Context(), "", args[0])
				default:
					if !isMoney(args[1]) {
						return usagef("%q is no amount, such as '5 EUR'", args[1])
					}
					who := ""
					if args[0] != "anybody" {
						if who, err = keyOf(cmd.Context(), s.Client, args[0]); err != nil {
							return err
						}
					}
					list, err = s.SetCredit(cmd.Context(), who, args[1])
				}
				if err != nil {
					return err
				}
				if *asJSON {
					return json.NewEncoder(cmd.OutOrStdout()).Encode(list)
				}
				if len(list) == 0 {
					_, err := fmt.Fprintln(cmd.OutOrStdout(), "Nobody may owe you anything.")
					return err
				}
				tab := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
				fmt.Fprintln(tab, "WHO\tMAY OWE")
				for _, c := range list {
					who := "anybody"
					if !c.Person.IsZero() {
						who = c.Person.String()
					}
					fmt.Fprintf(tab, "%s\t%s\n", who, c.Money)
				}
				return tab.Flush()
			})
		},
	}
}

func isMoney(s string) bool {
	_, err := ledger.ParseMoney(s)
	return err == nil
}
