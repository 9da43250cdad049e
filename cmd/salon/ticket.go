package main

import (
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
)

func ticketCommand(f *flags) *cobra.Command {
	cmd := &cobra.Command{
		Use: "ticket", Short: "Buy tickets to rooms, give them away, and run the sale of your own", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(ticketShowCommand(f), ticketBuyCommand(f), ticketListCommand(f), ticketWishCommand(f), ticketTransferCommand(f), ticketAcceptCommand(f),
		ticketCheckCommand(f), ticketOfferCommand(f), ticketSoldCommand(f), ticketAllotCommand(f), ticketGiveCommand(f), ticketRefundCommand(f), ticketRevokeCommand(f),
		ticketRescheduleCommand(f), ticketCancelCommand(f), ticketSalesCommand(f), ticketCloseCommand(f),
		ticketDueCommand(f), ticketSentCommand(f))
	return cmd
}

// withSession runs f with the node of this home, one that runs or one of its own.
func (f *flags) withSession(cmd *cobra.Command, do func(s *session) error) error {
	s, err := f.connect(cmd.Context())
	if err != nil {
		return err
	}
	return firstErr(do(s), s.close())
}

func ticketShowCommand(f *flags) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "show ROOM|LINK", Short: "Show what the host of a room sells", Args: oneArg("room or share link"), ValidArgsFunction: f.completeLive(),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.withSession(cmd, func(s *session) error {
				list, err := s.OnSale(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				if asJSON {
					return json.NewEncoder(cmd.OutOrStdout()).Encode(list)
				}
				return printOffers(cmd.OutOrStdout(), list)
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON array")
	return cmd
}

func printOffers(w io.Writer, list []node.OfferView) error {
	if len(list) == 0 {
		_, err := fmt.Fprintln(w, "Nothing is on sale.")
		return err
	}
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tab, "CLASS\tNAME\tPRICE\tSEATS\tGOOD UNTIL\tMONEY BACK UNTIL\tPAID BY\tGOES TO")
	for _, o := range list {
		back := "not at all"
		if o.RefundTo != 0 {
			back = clock(o.RefundTo)
		}
		fmt.Fprintf(tab, "%d\t%s\t%s\t%d\t%s\t%s\t%s\t%s\n", o.Class, o.Name, o.Price, o.Seats, clock(o.Ends), back, strings.Join(o.Rails, ", "), splitText(o.Shares))
	}
	if err := tab.Flush(); err != nil || list[0].Fork == nil {
		return err
	}
	_, err := fmt.Fprintln(w, forkText(list[0].Fork))
	return err
}

// clock is a time of a ticket, in unix milliseconds, for people.
func clock(ms int64) string { return time.UnixMilli(ms).Format("2006-01-02 15:04") }

// inBrackets is what somebody states, after something else.
func inBrackets(text string) string {
	if text == "" {
		return ""
	}
	return " (" + text + ")"
}

func ticketBuyCommand(f *flags) *cobra.Command {
	var asJSON, yes, known, wait, forked, byHand bool
	var rail, price string
	var count uint32
	cmd := &cobra.Command{
		Use: "buy ROOM|LINK", Short: "Buy tickets to a room", Args: oneArg("room or share link"), ValidArgsFunction: f.completeLive(),
		Long: "buy shows the price and, with --yes or --price, buys.\nWith --rail iou nothing is paid: you will owe it to the host.\nWith --rail lnd your Lightning node pays, once 'salon ledger rail add lnd --pay' has named it.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if count == 0 {
				return usagef("--count 0: it is at least 1")
			}
			if wait && byHand {
				return usagef("--wait and --by-hand do not go together: a wish pays by itself")
			}
			if wait && price == "" {
				return usagef("--wait needs --price: nobody may be there to say it")
			}
			return f.withSession(cmd, func(s *session) error {
				total := price
				if total == "" {
					list, err := s.OnSale(cmd.Context(), args[0])
					if err != nil {
						return err
					}
					if len(list) == 0 {
						return node.Explain(ledger.ErrNotOnSale)
					}
					if taken := list[0].Rails; len(taken) == 0 {
						return errors.New("the host takes no payment for this: nobody may owe it, and no other way of paying is set up")
					} else if !slices.Contains(taken, rail) {
						return usagef("the host takes no payment by %s for this: say --rail %s", rail, strings.Join(taken, " or "))
					}
					one, err := ledger.ParseMoney(list[0].Price)
					if err != nil {
						return err
					}
					if one.Amount, err = one.Amount.Times(count); err != nil {
						return err
					}
					total = one.String()
					if err := heedFork(cmd, list[0].Fork, yes, forked, "bought"); err != nil {
						return err
					}
					if !yes {
						return usagef("%d cost %s%s, by %s%s; say --yes to buy", count, total, inBrackets(list[0].Tax), rail, inBrackets(railFee(cmd.Context(), s.Client, rail, byHand, one)))
					}
				}
				buy := s.BuyTickets
				if byHand {
					buy = s.OrderTickets
				}
				bought, err := buy(cmd.Context(), args[0], count, total, rail, known)
				if err == nil && bought.Pending != nil {
					paid := bought.Pending
					if err = payByHand(cmd, asJSON, s.Client, *paid); err == nil && !asJSON {
						_, err = fmt.Fprintf(cmd.OutOrStdout(), "You paid %s. Tickets: %d ('salon ticket list').\n", paid.Sum, count)
						return err
					}
					bought.Pending = nil
				}
				if wait && isCode(err, "unreachable") {
					wish, err := s.Wish(cmd.Context(), args[0], count, total, rail, known)
					if err != nil {
						return err
					}
					return printWish(cmd.OutOrStdout(), wish, asJSON)
				}
				if err != nil {
					return err
				}
				if asJSON {
					err = json.NewEncoder(cmd.OutOrStdout()).Encode(bought)
				} else if !bought.Refunded {
					err = printBought(cmd.OutOrStdout(), bought, total, rail)
				}
				if err == nil && bought.Refunded {
					err = errors.New("sold out: the payment came too late for its seats, and goes back; nothing is owed")
				}
				return err
			})
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&rail, "rail", ledger.IOURail, railUsage)
	fl.BoolVar(&byHand, "by-hand", false, byHandUsage)
	fl.StringVar(&price, "price", "", "buy at this price of all of them and at no other, such as '5 EUR'")
	fl.Uint32Var(&count, "count", 1, "how many")
	fl.BoolVar(&known, "known", false, "show the host who you are, who may lend you more than anybody; else a key made for this purchase buys")
	fl.BoolVar(&yes, "yes", false, "buy at the price that there is")
	fl.BoolVar(&forked, "forked", false, "buy although the seller is proven to keep two different books")
	fl.BoolVar(&wait, "wait", false, "keep a wish if no seller can be reached: it is bought at --price when one can, by 'salon up'")
	fl.BoolVar(&asJSON, "json", false, "print an object with order, receipt and tickets")
	return cmd
}

func printBought(w io.Writer, b node.BoughtView, total, rail string) error {
	how := "You paid " + total + "."
	if rail == ledger.IOURail {
		how = "You will owe " + total + "."
	}
	_, err := fmt.Fprintf(w, "%s Tickets: %d.\n", how, len(b.Tickets))
	for _, id := range b.Tickets {
		if err == nil {
			_, err = fmt.Fprintln(w, id)
		}
	}
	return err
}

func ticketListCommand(f *flags) *cobra.Command {
	var asJSON, news bool
	cmd := &cobra.Command{
		Use: "list", Short: "List the tickets that you have", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.withSession(cmd, func(s *session) error {
				if news {
					if err := s.NewsOfTickets(cmd.Context()); err != nil {
						return err
					}
				}
				list, err := s.Tickets(cmd.Context())
				if err != nil {
					return err
				}
				if asJSON {
					return json.NewEncoder(cmd.OutOrStdout()).Encode(list)
				}
				wishes, err := s.Wishes(cmd.Context())
				if err != nil {
					return err
				}
				if len(list)+len(wishes) == 0 {
					_, err := fmt.Fprintln(cmd.OutOrStdout(), "You have no tickets.")
					return err
				}
				if err := printWishes(cmd.OutOrStdout(), wishes); err != nil || len(list) == 0 {
					return err
				}
				tab := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
				fmt.Fprintln(tab, "TICKET\tROOM\tSEAT\tGOOD UNTIL")
				for _, t := range list {
					until := clock(t.Ends)
					if t.Void {
						until = "void"
					}
					fmt.Fprintf(tab, "%s\t%s\t%d\t%s\n", t.ID[:8], t.Room, t.Serial+1, until)
				}
				return tab.Flush()
			})
		},
	}
	cmd.Flags().BoolVar(&news, "news", false, "ask the sellers first what became of them: money that came back, rooms put off or cancelled")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON array")
	return cmd
}
