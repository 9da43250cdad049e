package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"salon/ledger"
	"salon/node"
	"salon/node/client"
)

func subscribeCommand(f *flags) *cobra.Command {
	var asJSON, yes, forked bool
	want := client.Subscription{}
	var agreed string
	cmd := &cobra.Command{
		Use: "subscribe PERSON|ROOM|LINK", Short: "Subscribe to somebody, or renew", Args: oneArg("person, room or share link"), ValidArgsFunction: f.completeLive(),
		Long: "subscribe shows what somebody offers and, with --yes, pays for a period of it; a renewal begins where the last one ends.\n" +
			"With --rail iou nothing is paid: you will owe it.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if want.Periods == 0 {
				return usagef("--periods 0: it is at least 1")
			}
			yes = yes || agreed != ""
			return f.withSession(cmd, func(s *session) error {
				tiers, err := s.Tiers(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				chosen, err := chooseTier(tiers, want.Tier)
				if err != nil {
					return err
				}
				price, err := ledger.ParseMoney(chosen.Price)
				if err != nil {
					return err
				}
				if price.Amount, err = price.Amount.Times(want.Periods); err != nil {
					return err
				}
				if err := heedFork(cmd, chosen.Fork, yes, forked, "bought"); err != nil {
					return err
				}
				if want.Rail != ledger.IOURail && !slices.Contains(chosen.Rails, want.Rail) { // by word they may let one owe it whom they know
					return usagef("%s", noSuchWay(want.Rail, chosen.Rails, price.Cur))
				}
				if agreed != "" {
					if sum, err := ledger.ParseMoney(agreed); err != nil || sum != price {
						return usagef("--price %q: it costs %s now", agreed, price)
					}
				} else if before := s.dearer(cmd.Context(), chosen, price, want.Periods); before != "" {
					return usagef("it was %s when you paid it last, and is %s now; say --price '%s' to renew it for that", before, chosen.Price, price)
				}
				if !yes {
					return usagef("%q%s costs %s for %s%s, by %s%s (%s); say --yes to subscribe", chosen.Name, inBrackets(chosen.Perks), price, days(chosen.Period*int64(want.Periods)), inBrackets(chosen.Tax), want.Rail,
						inBrackets(railFee(cmd.Context(), s.Client, want.Rail, want.ByHand, price)), strings.Replace(splitText(chosen.Shares), " host", " to them", 1))
				}
				want.To, want.Tier, want.Price, want.Offer = args[0], chosen.Name, price.String(), chosen.ID
				v, err := s.Subscribe(cmd.Context(), want)
				if err == nil && v.Pending != nil {
					if err = payByHand(cmd, asJSON, s.Client, *v.Pending); err == nil {
						v, err = s.subscription(cmd.Context(), v)
					}
				}
				if err != nil {
					return err
				}
				if asJSON {
					return json.NewEncoder(cmd.OutOrStdout()).Encode(v)
				}
				how := "You paid " + price.String() + "."
				if want.Rail == ledger.IOURail {
					how = "You will owe " + price.String() + "."
				}
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s You subscribe to %q until %s.\n", how, chosen.Name, clock(v.Through))
				return err
			})
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&want.Tier, "tier", "", "which, by name; needed if there is more than one")
	fl.StringVar(&want.Rail, "rail", ledger.IOURail, railUsage)
	fl.BoolVar(&want.ByHand, "by-hand", false, byHandUsage)
	fl.Uint32Var(&want.Periods, "periods", 1, "how many periods at once")
	fl.BoolVar(&forked, "forked", false, "subscribe although they are proven to keep two different books")
	fl.StringVar(&agreed, "price", "", "subscribe at this price of all periods and at no other; needed to renew what has become dearer")
	fl.BoolVar(&yes, "yes", false, "subscribe at the price that there is")
	fl.BoolVar(&asJSON, "json", false, "print an object")
	return cmd
}

// dearer is what a period of a tier cost when this person paid it last, if it is more now; else empty.
func (s *session) dearer(ctx context.Context, tier node.TierView, price ledger.Money, periods uint32) string {
	all, err := s.Subscriptions(ctx)
	if err != nil {
		return ""
	}
	for _, one := range all.Mine {
		paid, err := ledger.ParseMoney(one.Price)
		if one.First != tier.First || err != nil || one.Periods == 0 {
			continue
		}
		if paid.Amount /= ledger.Amount(one.Periods); paid.Cur == price.Cur && paid.Amount < price.Amount/ledger.Amount(periods) {
			return paid.String()
		}
	}
	return ""
}

// subscription is one of this person's as it is now.
func (s *session) subscription(ctx context.Context, v node.SubscriptionView) (node.SubscriptionView, error) {
	all, err := s.Subscriptions(ctx)
	if now, is := sameOf(all.Mine, v); is {
		return now, err
	}
	return node.SubscriptionView{}, errors.Join(err, ledger.ErrUnknown)
}

// sameOf finds a subscription among others. A renewal may be of another version of the offer than what was paid before; of a new one only
// the version is known.
func sameOf(list []node.SubscriptionView, v node.SubscriptionView) (node.SubscriptionView, bool) {
	i := slices.IndexFunc(list, func(one node.SubscriptionView) bool {
		return one.Offer == v.Offer || v.First != "" && one.First == v.First
	})
	if i < 0 {
		return node.SubscriptionView{}, false
	}
	return list[i], true
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
	cmd.AddCommand(subscriptionOfferCommand(f, &asJSON), subscriptionChangeCommand(f, &asJSON), subscriptionListCommand(f, &asJSON), subscriptionCancelCommand(f, &asJSON))
	return cmd
}

func subscriptionOfferCommand(f *flags, asJSON *bool) *cobra.Command {
	var price, tax, perks string
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
				v, err := s.OfferSubscription(cmd.Context(), client.Tier{Name: args[0], Price: price, Period: int64(period / time.Second), Tax: tax, Perks: perks, Shares: split})
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
	cmd.Flags().StringVar(&tax, "tax", "", "what you state of tax, such as 'incl. 19 % VAT'; it is in the offer and in receipts")
	cmd.Flags().StringVar(&perks, "perks", "", perksUsage)
	cmd.Flags().DurationVar(&period, "period", 30*24*time.Hour, "how long a period is: 1h to 8784h")
	return cmd
}

var perksUsage = fmt.Sprintf("what it brings, in a line of at most %d characters", ledger.MaxPerks)

func subscriptionChangeCommand(f *flags, asJSON *bool) *cobra.Command {
	var price, tax, perks string
	cmd := &cobra.Command{
		Use: "change NAME|OFFER", Short: "Change the price of a subscription to yourself, or what it brings", Args: oneArg("name or offer"),
		Long: "change makes a new version of an offer, for new subscribers and renewals. Who has paid keeps what they paid for until then, is told\n" +
			"of what is other, and pays a higher price only if they agree to it.",
		RunE: func(cmd *cobra.Command, args []string) error {
			c := client.TierChange{Offer: args[0]}
			for name, to := range map[string]**string{"price": &c.Price, "tax": &c.Tax, "perks": &c.Perks} {
				if flag := cmd.Flags().Lookup(name); flag.Changed {
					value := flag.Value.String()
					*to = &value
				}
			}
			if c.Price == nil && c.Tax == nil && c.Perks == nil {
				return usagef("say what changes: --price, --perks or --tax")
			}
			if c.Price != nil {
				if _, err := ledger.ParseMoney(price); err != nil {
					return usagef("--price %q: say what a period costs, such as '3 EUR'", price)
				}
			}
			return f.withSession(cmd, func(s *session) error {
				v, err := s.ChangeTier(cmd.Context(), c)
				if err != nil {
					return err
				}
				if *asJSON {
					return json.NewEncoder(cmd.OutOrStdout()).Encode(v)
				}
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s  %q is %s for %s%s now, for new subscribers and renewals.\n", v.ID[:8], v.Name, v.Price, days(v.Period), inBrackets(v.Perks))
				return err
			})
		},
	}
	cmd.Flags().StringVar(&price, "price", "", "of a period, in the same currency")
	cmd.Flags().StringVar(&tax, "tax", "", "what you state of tax; '' for nothing")
	cmd.Flags().StringVar(&perks, "perks", "", perksUsage+"; '' for nothing")
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
		until := state(s.Through, s.Ended)
		if s.Renew {
			until += ", renew now"
		}
		switch {
		case s.Gone:
			until += ", offered no more"
		case s.Now != nil:
			until += ", then " + s.Now.Price + " for " + days(s.Now.Period)
		}
		fmt.Fprintf(tab, "yours\t%s\t%s\t%s\t%s\n", s.Offer[:8], s.Creator, s.Price, until)
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
