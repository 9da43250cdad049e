package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"salon/ledger"
	"salon/node"
)

func subscribeCommand(f *flags) *cobra.Command {
	var asJSON, yes bool
	var tier, rail string
	var periods uint32
	cmd := &cobra.Command{
		Use: "subscribe PERSON|ROOM|LINK", Short: "Subscribe to somebody, or renew", Args: oneArg("person, room or share link"), ValidArgsFunction: f.completeLive(),
		Long: "subscribe shows what somebody offers and, with --yes, pays for a period of it; a renewal begins where the last one ends.\n" +
			"With --rail iou nothing is paid: you will owe it.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if periods == 0 {
				return usagef("--periods 0: it is at least 1")
			}
			return f.withSession(cmd, func(s *session) error {
				tiers, err := s.Tiers(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				chosen, err := chooseTier(tiers, tier)
				if err != nil {
					return err
				}
				price, err := ledger.ParseMoney(chosen.Price)
				if err != nil {
					return err
				}
				if price.Amount, err = price.Amount.Times(periods); err != nil {
					return err
				}
				if !yes {
					return usagef("%q costs %s for %s, by %s (%s); say --yes to subscribe", chosen.Name, price, days(chosen.Period*int64(periods)), rail, strings.Replace(splitText(chosen.Shares), " host", " to them", 1))
				}
				v, err := s.Subscribe(cmd.Context(), args[0], chosen.Name, periods, price.String(), rail)
				if err != nil {
					return err
				}
				if asJSON {
					return json.NewEncoder(cmd.OutOrStdout()).Encode(v)
				}
				how := "You paid " + price.String() + "."
				if rail == ledger.IOURail {
					how = "You will owe " + price.String() + "."
				}
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s You subscribe to %q until %s.\n", how, chosen.Name, clock(v.Through))
				return err
			})
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&tier, "tier", "", "which, by name; needed if there is more than one")
	fl.StringVar(&rail, "rail", ledger.IOURail, "how to pay: iou (you will owe it)")
	fl.Uint32Var(&periods, "periods", 1, "how many periods at once")
	fl.BoolVar(&yes, "yes", false, "subscribe at the price that there is")
	fl.BoolVar(&asJSON, "json", false, "print an object")
	return cmd
}

// chooseTier finds the one that is meant.
func chooseTier(tiers []node.TierView, name string) (node.TierView, error) {
	if len(tiers) == 0 {
		return node.TierView{}, fmt.Errorf("they offer no subscription")
	}
	if name == "" && len(tiers) > 1 {
		names := ""
		for _, t := range tiers {
			names += fmt.Sprintf(" %q (%s)", t.Name, t.Price)
		}
		return node.TierView{}, usagef("there are several; say which with --tier:%s", names)
	}
	for _, t := range tiers {
		if name == "" || t.Name == name {
			return t, nil
		}
	}
	return node.TierView{}, fmt.Errorf("they offer no subscription %q", name)
}

func days(seconds int64) string {
	if d := seconds / (24 * 3600); d > 0 {
		return fmt.Sprintf("%d days", d)
	}
	return (time.Duration(seconds) * time.Second).String()
}

func subscriptionCommand(f *flags) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "subscription", Short: "Offer subscriptions, see and end them", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.PersistentFlags().BoolVar(&asJSON, "json", false, "print it as JSON")
	cmd.AddCommand(subscriptionOfferCommand(f, &asJSON), subscriptionListCommand(f, &asJSON), subscriptionCancelCommand(f, &asJSON))
	return cmd
}

func subscriptionOfferCommand(f *flags, asJSON *bool) *cobra.Command {
	var price string
	var period time.Duration
	var shareList []string
	cmd := &cobra.Command{
		Use: "offer NAME", Short: "Offer a subscription to yourself", Args: oneArg("name of the subscription"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, err := ledger.ParseMoney(price); err != nil {
				return usagef("--price %q: say what a period costs, such as '3 EUR'", price)
			}
			shares, err := parseShares(shareList, false)
			if err != nil {
				return err
			}
			return f.withSession(cmd, func(s *session) error {
				split, err := s.splitOf(cmd.Context(), shares, len(shareList) > 0)
				if err != nil {
					return err
				}
				v, err := s.OfferSubscription(cmd.Context(), args[0], price, int64(period/time.Second), split...)
				if err != nil {
					return err
				}
				if *asJSON {
					return json.NewEncoder(cmd.OutOrStdout()).Encode(v)
				}
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s  %s for %s: salon subscribe %s --tier %q\n", v.ID[:8], v.Price, days(v.Period), v.Creator, v.Name)
				return err
			})
		},
	}
	cmd.Flags().StringVar(&price, "price", "", "of a period, such as '3 EUR'")
	cmd.Flags().StringArrayVar(&shareList, "share", nil, shareUsage[:strings.LastIndex(shareUsage, ",")]+"; what is left is yours")
	cmd.Flags().DurationVar(&period, "period", 30*24*time.Hour, "how long a period is: 1h to 8784h")
	return cmd
}

func subscriptionListCommand(f *flags, asJSON *bool) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "Those you have, what you offer, and who subscribes to it", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.withSession(cmd, func(s *session) error {
				v, err := s.Subscriptions(cmd.Context())
				if err != nil {
					return err
				}
				return printSubscriptions(cmd.OutOrStdout(), v, *asJSON)
			})
		},
	}
}

func printSubscriptions(w io.Writer, v node.SubscriptionsView, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(v)
	}
	if len(v.Mine)+len(v.Offers)+len(v.Subscribers) == 0 {
		_, err := fmt.Fprintln(w, "You have no subscriptions, and offer none.")
		return err
	}
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tab, "\tOFFER\tWHO OR WHAT\tPRICE\tPAID UNTIL")
	state := func(through int64, ended bool) string {
		if ended {
			return clock(through) + ", ended"
		}
		return clock(through)
	}
	for _, s := range v.Mine {
		fmt.Fprintf(tab, "yours\t%s\t%s\t%s\t%s\n", s.Offer[:8], s.Creator, s.Price, state(s.Through, s.Ended))
	}
	for _, t := range v.Offers {
		fmt.Fprintf(tab, "offered\t%s\t%s\t%s\t\n", t.ID[:8], t.Name, t.Price)
	}
	for _, s := range v.Subscribers {
		fmt.Fprintf(tab, "subscriber\t%s\t%s\t\t%s\n", s.Offer[:8], s.Device, state(s.Through, s.Ended))
	}
	return tab.Flush()
}

func subscriptionCancelCommand(f *flags, asJSON *bool) *cobra.Command {
	return &cobra.Command{
		Use: "cancel OFFER|PERSON", Short: "End a subscription, or an offer of yours", Args: oneArg("offer, or person one subscribes to"),
		Long: "cancel ends a subscription of yours: what is paid stays good, and no grace follows. An offer of yours is sold no more; who\nhas paid keeps what is paid.",
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.withSession(cmd, func(s *session) error {
				v, err := s.EndSubscription(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				return printSubscriptions(cmd.OutOrStdout(), v, *asJSON)
			})
		},
	}
}
