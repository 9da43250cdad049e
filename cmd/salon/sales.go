package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"salon/ledger/doc"
	"salon/node"
	"salon/node/client"
)

// What a host does with tickets that are sold.

// errNotBack is the exit of a refund of which a part is still to be sent.
var errNotBack = errors.New("not all of the money went back yet")

func ticketSoldCommand(f *flags) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "sold ROOM", Short: "List the tickets to a room of yours", Args: oneArg("room"), ValidArgsFunction: f.completeLive(),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.withSession(cmd, func(s *session) error {
				list, err := s.SoldTickets(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				if asJSON {
					return json.NewEncoder(cmd.OutOrStdout()).Encode(list)
				}
				return printSold(cmd.OutOrStdout(), list)
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON array")
	return cmd
}

func printSold(w io.Writer, list []node.IssuedView) error {
	if len(list) == 0 {
		_, err := fmt.Fprintln(w, "Nobody has a ticket yet.")
		return err
	}
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tab, "TICKET\tSEAT\tHOLDER\tBUYER\tPAID BY\tSTATE")
	for _, t := range list {
		buyer, rail := "given", "-"
		if !t.Buyer.IsZero() {
			buyer, rail = t.Buyer.Short(), t.Rail
		}
		fmt.Fprintf(tab, "%s\t%d\t%s\t%s\t%s\t%s\n", t.Ticket[:8], t.Serial+1, t.Holder.Short(), buyer, rail, t.State)
	}
	return tab.Flush()
}

func ticketSalesCommand(f *flags) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "sales", Short: "List how the tickets to your rooms sell, and which rooms wait for you to decide", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.withSession(cmd, func(s *session) error {
				list, err := s.Sales(cmd.Context())
				if err != nil {
					return err
				}
				if asJSON {
					return json.NewEncoder(cmd.OutOrStdout()).Encode(list)
				}
				if err := printSales(cmd.OutOrStdout(), list); err != nil {
					return err
				}
				shares, err := s.Shares(cmd.Context(), "")
				if err != nil {
					return err
				}
				for _, of := range shares.From {
					fmt.Fprintln(cmd.OutOrStdout(), sourceText(of))
				}
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON array")
	return cmd
}

func printSales(w io.Writer, list []node.SaleView) error {
	if len(list) == 0 {
		_, err := fmt.Fprintln(w, "You sell no tickets.")
		return err
	}
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tab, "ROOM\tTITLE\tPRICE\tSOLD\tHELD\tLEFT\tGOOD UNTIL\tSTATE")
	for _, s := range list {
		state := strings.ReplaceAll(s.State, "_", " ")
		if s.Asks {
			state += ": open it again (salon host --again), put it off, cancel or close it"
		}
		for _, due := range s.Due {
			state += "; still to go back: " + due
		}
		fmt.Fprintf(tab, "%s\t%s\t%s\t%d\t%d\t%d\t%s\t%s\n", s.Room.String()[:10], s.Title, s.Offer.Price, s.Issued, s.Held, s.Left, clock(s.Offer.Ends), state)
	}
	return tab.Flush()
}

func ticketCloseCommand(f *flags) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "close ROOM", Short: "Say that a room of yours is over: its tickets have been good, and no more are sold",
		Args: oneArg("room"), ValidArgsFunction: f.completeLive(),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.withSession(cmd, func(s *session) error {
				o, err := s.CloseSale(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				if asJSON {
					return json.NewEncoder(cmd.OutOrStdout()).Encode(o)
				}
				return printOffers(cmd.OutOrStdout(), []node.OfferView{o})
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the offer as an object")
	return cmd
}

func ticketRefundCommand(f *flags) *cobra.Command {
	var asJSON, all, byHand bool
	cmd := &cobra.Command{
		Use: "refund ROOM [TICKET|BUYER]", Short: "Take tickets to a room of yours back, and their money with them",
		Long: "refund makes seats void, and sends what was paid for them back in the way in which it was paid; a debt is cancelled.\n" +
			"TICKET is the beginning of a ticket's ID, BUYER that of the key of who bought or holds tickets, as 'salon ticket sold' lists\n" +
			"them. What cannot be sent at once is tried again until it is; refunding twice is refunding once.",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 2 && !all || all && len(args) != 1 {
				return usagef("refund wants a room, and a ticket or a buyer or --all")
			}
			return nil
		},
		ValidArgsFunction: f.completeSold(),
		RunE: func(cmd *cobra.Command, args []string) error {
			what := ""
			if !all {
				what = args[1]
			}
			return f.withSession(cmd, func(s *session) error {
				v, err := s.RefundTickets(cmd.Context(), args[0], what, all, byHand, false)
				if err != nil {
					return err
				}
				return printRefund(cmd.OutOrStdout(), v, asJSON)
			})
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "all tickets to the room; the sale goes on ('salon ticket cancel' ends it)")
	addRefundFlags(cmd, &byHand, &asJSON)
	return cmd
}

func ticketRevokeCommand(f *flags) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "revoke ROOM TICKET|HOLDER", Short: "Take back a ticket that you gave and nobody has paid for", ValidArgsFunction: f.completeSold(),
		Long: "revoke makes a ticket void that you gave away, and its seat is for sale again. What was paid for is not taken back alone:\n" +
			"'salon ticket refund' takes it back, and the money with it.",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 2 {
				return usagef("revoke wants a room, and a ticket or who holds it")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.withSession(cmd, func(s *session) error {
				v, err := s.RefundTickets(cmd.Context(), args[0], args[1], false, false, true)
				if err != nil {
					return err
				}
				return printRefund(cmd.OutOrStdout(), v, asJSON)
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print an object with what was taken back")
	return cmd
}

func addRefundFlags(cmd *cobra.Command, byHand, asJSON *bool) {
	cmd.Flags().BoolVar(byHand, "by-hand", false, "you have sent the money yourself: for ways of paying that cannot send it back")
	cmd.Flags().BoolVar(asJSON, "json", false, "print an object with what went back")
}

func printRefund(w io.Writer, v node.RefundView, asJSON bool) error {
	if asJSON {
		if err := json.NewEncoder(w).Encode(v); err != nil {
			return err
		}
	} else {
		if len(v.Backs) == 0 {
			fmt.Fprintln(w, "There was nothing to give back.")
		}
		for _, b := range v.Backs {
			if b.Receipt == "" {
				fmt.Fprintf(w, "%d taken back; nobody had paid.\n", b.Seats)
				continue
			}
			how := "went back to"
			if b.Rail == "iou" {
				how = "is not owed any more by"
			}
			fmt.Fprintf(w, "%s %s %s; void: %d.\n", b.Money, how, b.Buyer.Short(), b.Seats)
		}
	}
	if v.Problem != "" {
		return fmt.Errorf("%w: %s", errNotBack, v.Problem)
	}
	return nil
}

func ticketCancelCommand(f *flags) *cobra.Command {
	var asJSON, byHand, yes bool
	cmd := &cobra.Command{
		Use: "cancel ROOM", Short: "Cancel a room of yours: no ticket is good any more, and everybody has the money back",
		Args: oneArg("room"), ValidArgsFunction: f.completeLive(),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !yes {
				return usagef("cancel makes every ticket void, for good; say --yes, or put the room off with 'salon ticket reschedule'")
			}
			return f.withSession(cmd, func(s *session) error {
				v, err := s.CancelTickets(cmd.Context(), args[0], byHand)
				if err != nil {
					return err
				}
				return printRefund(cmd.OutOrStdout(), v, asJSON)
			})
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "do it")
	addRefundFlags(cmd, &byHand, &asJSON)
	return cmd
}

func ticketOfferCommand(f *flags) *cobra.Command {
	var asJSON bool
	var price, from, until, refundUntil, tax string
	var seats, perBuyer uint32
	cmd := &cobra.Command{
		Use: "offer ROOM", Short: "Change what is on sale of a room of yours", Args: oneArg("room"), ValidArgsFunction: f.completeLive(),
		Long: "offer changes price, seats or times of what is on sale; what is not said stays. Who has a ticket keeps it, for what it\n" +
			"cost. There are never fewer seats than were given out. A new room goes on sale with 'salon host --access ticket'.\n" +
			"A time is such as 2026-12-24T18:00, a wait such as 90s, or 'none'.",
		RunE: func(cmd *cobra.Command, args []string) error {
			terms := map[string]any{}
			changed := cmd.Flags().Changed
			if changed("price") {
				terms["price"] = price
			}
			if changed("seats") {
				terms["seats"] = seats
			}
			if changed("per-buyer") {
				terms["per_buyer"] = perBuyer
			}
			if changed("tax") {
				terms["tax"] = tax
			}
			for _, t := range []struct{ flag, name, text string }{{"from", "sale_from", from}, {"until", "sale_to", until}, {"refund-until", "refund_to", refundUntil}} {
				if !changed(t.flag) {
					continue
				}
				at, err := parseLimit(t.flag, t.text, time.Now())
				if err != nil {
					return err
				}
				terms[t.name] = at
			}
			if len(terms) == 0 {
				return usagef("say what to change: --price, --seats, --per-buyer, --from, --until, --refund-until or --tax")
			}
			return f.changeOffer(cmd, args[0], terms, asJSON)
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&price, "price", "", "of one, such as '5 EUR'")
	fl.Uint32Var(&seats, "seats", 0, "how many there are in all")
	fl.Uint32Var(&perBuyer, "per-buyer", 0, "how many one buyer may have, 0 for no limit")
	fl.StringVar(&from, "from", "", "when the sale begins")
	fl.StringVar(&until, "until", "", "when the sale ends")
	fl.StringVar(&refundUntil, "refund-until", "", "until when a buyer may have the money back by asking")
	fl.StringVar(&tax, "tax", "", "what you state of tax, such as 'incl. 19 % VAT'; empty for nothing")
	fl.BoolVar(&asJSON, "json", false, "print the offer as an object")
	return cmd
}

// parseLimit reads a time that may be none: unix milliseconds, 0 for none.
func parseLimit(flag, s string, now time.Time) (int64, error) {
	if s == "none" {
		return 0, nil
	}
	at, err := parseStart(s, now)
	if err == nil && at == 0 {
		err = errors.New("no time")
	}
	if err != nil {
		return 0, usagef("--%s %s: want a time to come such as 2026-12-24T18:00, a wait such as 90s, or none", flag, s)
	}
	return at, nil
}

func (f *flags) changeOffer(cmd *cobra.Command, ref string, terms map[string]any, asJSON bool) error {
	return f.withSession(cmd, func(s *session) error {
		o, err := s.OfferTickets(cmd.Context(), ref, terms)
		if err != nil {
			return err
		}
		if asJSON {
			return json.NewEncoder(cmd.OutOrStdout()).Encode(o)
		}
		return printOffers(cmd.OutOrStdout(), []node.OfferView{o})
	})
}

func ticketRescheduleCommand(f *flags) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "reschedule ROOM TIME", Short: "Put a room of yours off: every ticket is good at the new time",
		Long: "reschedule says when the doors open, as a time such as 2026-12-24T18:00 or a wait such as 90s. Tickets are good until a day\n" +
			"after. Who does not want to come then may have the money back until the doors open, if the offer gave it back at all.",
		Args: twoArgs("room", "time"), ValidArgsFunction: f.completeLive(),
		RunE: func(cmd *cobra.Command, args []string) error {
			at, err := parseLimit("starts", args[1], time.Now())
			if err != nil || at == 0 {
				return usagef("%q is no time to come, such as 2026-12-24T18:00 or 90s", args[1])
			}
			return f.changeOffer(cmd, args[0], map[string]any{"starts": at}, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the offer as an object")
	return cmd
}

func ticketGiveCommand(f *flags) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "give ROOM PERSON|KEY", Short: "Give somebody a ticket to a room of yours",
		Long: "give makes a ticket that nobody pays. It takes a seat as any other. Send what it prints to whoever it is for: they take it in\n" +
			"with 'salon ticket accept', and any device of theirs comes in with it.",
		Args: twoArgs("room", "person"), ValidArgsFunction: f.completeLive(),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.withSession(cmd, func(s *session) error {
				to, err := keyOf(cmd.Context(), s.Client, args[1])
				if err != nil {
					return err
				}
				v, err := s.GiveTicket(cmd.Context(), args[0], to)
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

func printGiven(w io.Writer, v node.GivenView, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(v)
	}
	_, err := fmt.Fprintln(w, v.Text)
	return err
}

// keyOf is the key of a person, named as 'salon people' names them, or a whole key of anybody.
func keyOf(ctx context.Context, c *client.Client, ref string) (string, error) {
	if k, err := doc.ParsePublicKey(ref); err == nil {
		return k.String(), nil
	}
	m, err := (&peopleList{client: c}).find(ctx, ref, false)
	return m.Person.String(), err
}

// twoArgs is oneArg for two.
func twoArgs(one, other string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != 2 {
			return usagef("%s wants a %s and a %s", cmd.Name(), one, other)
		}
		return nil
	}
}

// completeSold completes a ROOM, and a TICKET of it.
func (f *flags) completeSold() completer {
	live := f.completeLive()
	return func(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) != 1 {
			return live(cmd, args, typed)
		}
		return f.asking(func(ctx context.Context, c *client.Client, args []string, typed string) []cobra.Completion {
			list, _ := c.SoldTickets(ctx, args[0]) // an error is no tickets
			return completions(typed, list, func(t node.IssuedView) (string, string) { return t.Ticket, t.State })
		})(cmd, args, typed)
	}
}
