package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"salon/ledger"
	"salon/ledger/doc"
	"salon/node"
)

// Shares of what is sold, and how they are paid out.

const shareUsage = "who gets a part of each price, as WHO=PERCENT: a person as a co-host is named, charity:KEY, fund:KEY, or relays"

// A shareWish is one --share.
type shareWish struct {
	to, who     string // as in node.SplitView, and whom to look for
	basisPoints int
}

// parseShares reads the --share of a command. Of tickets relays have 2 % unless it says otherwise.
func parseShares(list []string, tickets bool) ([]shareWish, error) {
	var wishes []shareWish
	relays, sum := false, 0
	for _, s := range list {
		who, part, found := strings.Cut(s, "=")
		who = strings.TrimSpace(who)
		bp, err := basisPoints(part)
		if !found || who == "" || err != nil {
			return nil, usagef("--share %q: want WHO=PERCENT, such as Bo=10%% or relays=2.5%%", s)
		}
		w := shareWish{"co-host", who, bp}
		for _, kind := range []string{"charity", "fund"} {
			if key, is := strings.CutPrefix(who, kind+":"); is {
				w.to, w.who = kind, key
			}
		}
		if w.to != "co-host" {
			if _, err := doc.ParsePublicKey(w.who); err != nil {
				return nil, usagef("--share %q: after %s: comes a key, as 'salon ledger address' of whoever it is says it", s, w.to)
			}
		}
		if who == "relays" {
			if w.to, w.who = "relays", ""; relays || !tickets {
				return nil, usagef("--share %q: relays carry rooms, and have one share of what tickets to these bring", s)
			}
			relays = true
		}
		if sum += bp; bp == 0 && w.to == "relays" {
			continue
		}
		if bp == 0 {
			return nil, usagef("--share %q: a share is at least 0.01 %%", s)
		}
		wishes = append(wishes, w)
	}
	if tickets && !relays && len(list) > 0 {
		wishes, sum = append(wishes, shareWish{"relays", "", 200}), sum+200
	}
	if sum > ledger.Whole {
		return nil, usagef("the shares are %s in all, the 2 %% of relays with them unless you say relays=0%%: there is no more than 100 %%", percent(sum))
	}
	return wishes, nil
}

// basisPoints reads a percentage of at most two decimals.
func basisPoints(s string) (int, error) {
	s = strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(s), "%"))
	whole, part, point := strings.Cut(s, ".")
	if len(part) > 2 || point && part == "" || whole == "" || strings.ContainsAny(s, "+-") {
		return 0, strconv.ErrSyntax
	}
	n, err := strconv.Atoi(whole + part + strings.Repeat("0", 2-len(part)))
	if err == nil && n > ledger.Whole {
		err = strconv.ErrRange
	}
	return n, err
}

func percent(basisPoints int) string {
	s := fmt.Sprintf("%d.%02d", basisPoints/100, basisPoints%100)
	return strings.TrimRight(strings.TrimRight(s, "0"), ".") + " %"
}

// splitOf finds the people of shares. Without any it is nil, so that what is usual stays.
func (s *session) splitOf(ctx context.Context, wishes []shareWish, given bool) ([]node.SplitView, error) {
	if !given {
		return nil, nil
	}
	split := []node.SplitView{}
	for _, w := range wishes {
		v := node.SplitView{To: w.to, BasisPoints: w.basisPoints}
		switch w.to {
		case "relays":
		case "co-host":
			found, err := s.successors(ctx, []string{w.who})
			if err != nil {
				return nil, usagef("--share %s: %w", w.who, err)
			}
			v.Key = found[0].Person
		default:
			key, err := doc.ParsePublicKey(w.who)
			if err != nil {
				return nil, err
			}
			v.Key = key
		}
		split = append(split, v)
	}
	return split, nil
}

// cutTexts are what a share is called.
var cutTexts = map[string]string{"host": "you", "co-host": "co-host", "relays": "relays", "charity": "charity", "fund": "creator fund"}

func whoText(to, name string, key doc.PublicKey) string {
	switch {
	case key.IsZero():
		return cutTexts[to]
	case name == "":
		name = key.Short()
	}
	return fmt.Sprintf("%s (%s)", name, cutTexts[to])
}

// splitText says who gets what part of a price.
func splitText(split []node.SplitView) string {
	rest, parts := ledger.Whole, []string{}
	for _, s := range split {
		rest -= s.BasisPoints
		parts = append(parts, fmt.Sprintf("%s %s", percent(s.BasisPoints), whoText(s.To, s.Name, s.Key)))
	}
	return strings.Join(append([]string{percent(rest) + " host"}, parts...), ", ")
}

func ledgerSharesCommand(f *flags, asJSON *bool) *cobra.Command {
	var ask bool
	cmd := &cobra.Command{
		Use: "shares [ROOM]", Short: "What others are owed of what you sell, and what you earn of what others sell",
		Long: "shares lists what co-hosts, relays, charities and funds are owed, what of it is on its way, and what it is of, of all\n" +
			"your rooms or of ROOM. What relays are to have is divided when a room is over, by what its ticket holders have signed.",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usagef("it is: salon ledger shares [ROOM]")
			}
			return nil
		},
		ValidArgsFunction: f.completeLive(),
		RunE: func(cmd *cobra.Command, args []string) error {
			room := strings.Join(args, "")
			return f.withSession(cmd, func(s *session) error {
				if ask {
					if _, err := s.AskShares(cmd.Context()); err != nil {
						return err
					}
				}
				v, err := s.Shares(cmd.Context(), room)
				if err != nil {
					return err
				}
				if *asJSON {
					return json.NewEncoder(cmd.OutOrStdout()).Encode(v)
				}
				return printShares(cmd.OutOrStdout(), v)
			})
		},
	}
	cmd.Flags().BoolVar(&ask, "ask", false, "ask everybody who may owe you shares first; the node does so every five minutes")
	return cmd
}

func printShares(w io.Writer, v node.SharesView) error {
	if len(v.Owed)+len(v.From)+len(v.Going)+len(v.Earned) == 0 {
		_, err := fmt.Fprintln(w, "Nobody has a share in what you sell, and you have none in what others sell.")
		return err
	}
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, o := range v.Owed {
		waits := []string{}
		for _, c := range o.Waits {
			waits = append(waits, fmt.Sprintf("%s as %s", c.Money, cutTexts[c.To]))
		}
		if len(waits) == 0 {
			waits = append(waits, "nothing")
		}
		fmt.Fprintf(tab, "%s\tfor the next payout: %s\tstill to pay: %s\ton its way: %s\tpaid: %s\n", whoName(o.PersonView), strings.Join(waits, ", "), o.Left, o.Going, o.Paid)
	}
	for _, g := range v.Going {
		state := "not confirmed yet"
		if g.Away {
			state = "and nobody knows whether it was: set that wallet up again, and it is asked"
		}
		fmt.Fprintf(tab, "%s\t%s to %s by %s since %s, %s\n", g.Payment[:8], g.Money, whoName(g.To), g.Means, clock(g.Time), state)
	}
	for _, r := range v.From {
		fmt.Fprintln(tab, sourceText(r))
		for _, x := range r.Relays {
			fmt.Fprintf(tab, "\t%s carried %d s of sound for %d tickets\n", whoName(x.PersonView), x.Seconds, x.Listeners)
		}
	}
	for _, e := range v.Earned {
		fmt.Fprintf(tab, "You earned %s of %s as %s\tstill to come: %s\n", e.Total, whoName(e.From), cutTexts[e.To], e.Owed)
	}
	return tab.Flush()
}

func whoName(p node.PersonView) string {
	if p.Name == "" {
		return p.Person.Short()
	}
	return p.Name
}

// sourceText says what a room brought, and to whom.
func sourceText(r node.SourceView) string {
	parts := []string{}
	for _, s := range r.Shares {
		parts = append(parts, fmt.Sprintf("%s: %s (%s)", whoText(s.To, s.Name, s.Key), s.Money, percent(s.BasisPoints)))
	}
	text := fmt.Sprintf("%s: %s taken", strings.TrimSpace(r.Room.String()[:10]+" "+r.Title), r.Gross)
	if len(parts) > 0 {
		text += "; " + strings.Join(parts, ", ")
	}
	return text
}

// payoutRails are how shares are paid out.
var payoutRails = []string{ledger.IOURail, "hand", "lightning"}

// isNothing reports whether an amount such as "0 sat" is none.
func isNothing(money string) bool {
	m, err := ledger.ParseMoney(money)
	return err == nil && m.Amount == 0
}

func ledgerPayoutCommand(f *flags, asJSON *bool) *cobra.Command {
	var rail, means, least string
	var yes bool
	cmd := &cobra.Command{
		Use: "payout", Short: "Pay out what others are owed of what you sold", Args: noArgs,
		Long: "payout makes one payment of all shares of a person in a currency. By iou they are told, with your signature, what you owe\n" +
			"them; by hand you say that you have sent all of it, which each of them confirms with 'salon ledger received'. Until then it is\n" +
			"on its way, and is not sent again. 'salon ledger unsent' takes back what you did not send after all. By lightning your own\n" +
			"wallet pays what is owed in sat to the lightning addresses that they have signed, within its limits.\n" +
			"A share smaller than --least waits until it has added up.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !slices.Contains(payoutRails, rail) {
				return usagef("--rail %s: it is iou, hand or lightning", rail)
			}
			if least != "" && !isMoney(least) {
				return usagef("--least %q is no amount, such as '1 EUR'", least)
			}
			return f.withSession(cmd, func(s *session) error {
				out := cmd.OutOrStdout()
				if !yes {
					v, err := s.Shares(cmd.Context(), "")
					if err != nil {
						return err
					}
					if *asJSON {
						return json.NewEncoder(out).Encode(v)
					}
					if err := printShares(out, v); err != nil {
						return err
					}
					_, err = fmt.Fprintln(out, "Nothing was paid out: say --yes to do it.")
					return err
				}
				v, err := s.PayOut(cmd.Context(), rail, means, least)
				if err != nil {
					return err
				}
				if *asJSON {
					return json.NewEncoder(out).Encode(v)
				}
				if len(v.Done) == 0 {
					_, err := fmt.Fprintln(out, "There was nothing to pay out.")
					return err
				}
				for _, d := range v.Done {
					told := "they were told"
					if !d.Told {
						told = "they hear of it when they can be reached"
					}
					switch {
					case d.Problem != "" && isNothing(d.Paid):
						fmt.Fprintf(out, "%s: not paid. %s\n", whoName(d.PersonView), d.Problem)
					case d.Problem != "":
						fmt.Fprintf(out, "%s: %s. %s\n", whoName(d.PersonView), d.Paid, d.Problem)
					case rail == "lightning" && !isNothing(d.Paid):
						fmt.Fprintf(out, "%s: your wallet has sent %s; %s, and confirm it.\n", whoName(d.PersonView), d.Paid, told)
					case rail == "hand":
						fmt.Fprintf(out, "%s: you say that you have sent %s; %s, and confirm it.\n", whoName(d.PersonView), d.Paid, told)
					default:
						fmt.Fprintf(out, "%s: you owe %s more; %s.\n", whoName(d.PersonView), d.Money, told)
					}
				}
				return nil
			})
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&rail, "rail", ledger.IOURail, "how: iou (they are told what you owe), hand (you have sent it) or lightning (your wallet sends what is owed in sat)")
	fl.StringVar(&means, "means", "bank", "how you sent it, in one word")
	fl.StringVar(&least, "least", "", "the smallest share that is worth it (default 1 of a currency, or 1000 sat)")
	fl.BoolVar(&yes, "yes", false, "do it")
	completesTo(cmd, "rail", cobra.ShellCompDirectiveNoFileComp, payoutRails...)
	return cmd
}

func ledgerUnsentCommand(f *flags, asJSON *bool) *cobra.Command {
	var gone bool
	cmd := &cobra.Command{
		Use: "unsent PAYMENT", Short: "Say that you did not send a share after all, as 'salon ledger shares' lists it", Args: oneArg("payment"),
		Long: "unsent takes back a payment by hand. Of one that your wallet sends the wallet says how it ended, also when it was taken away and is\n" +
			"set up again. --wallet-gone is for one that will never be, where you have seen that nothing was sent.",
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.withSession(cmd, func(s *session) error {
				g, err := s.NotSent(cmd.Context(), args[0], gone)
				if err != nil {
					return err
				}
				if *asJSON {
					return json.NewEncoder(cmd.OutOrStdout()).Encode(g)
				}
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "You owe %s to %s again.\n", g.Money, whoName(g.To))
				return err
			})
		},
	}
	cmd.Flags().BoolVar(&gone, "wallet-gone", false, "the wallet that was to send it is gone for good, and has not")
	return cmd
}
