package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"salon/node"
	"salon/node/market"
)

func ticketWishCommand(f *flags) *cobra.Command {
	var drop bool
	var price string
	cmd := &cobra.Command{
		Use: "wish ID", Short: "Drop a wish for tickets, or agree to another price", Args: oneArg("wish"),
		Long: "A wish is what 'ticket buy --wait' keeps when no seller can be reached; 'ticket list' shows them.\nWhen the price has changed nothing is bought until you agree.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if drop == (price != "") {
				return usagef("say --drop, or --price with what is asked now")
			}
			return f.withSession(cmd, func(s *session) error {
				if drop {
					return s.DropWish(cmd.Context(), args[0])
				}
				w, err := s.AgreeWish(cmd.Context(), args[0], price)
				if err != nil {
					return err
				}
				return printWish(cmd.OutOrStdout(), w, false)
			})
		},
	}
	cmd.Flags().BoolVar(&drop, "drop", false, "forget it")
	cmd.Flags().StringVar(&price, "price", "", "buy at this price of all of them, which is asked now")
	return cmd
}

func printWish(w io.Writer, wish node.WishView, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(wish)
	}
	text := fmt.Sprintf("Nothing was charged. You will have %d for %s once a seller can be reached, until %s.", wish.Count, wish.Price, clock(wish.Expires))
	switch market.WishState(wish.State) {
	case market.WishPaying:
		text = "The payment is on its way. The tickets come by themselves when it has arrived."
	case market.WishBought:
		text = fmt.Sprintf("Bought: %d for %s.", wish.Count, wish.Price)
	case market.WishChanged:
		text = fmt.Sprintf("Nothing was charged: the offer is another. They cost %s now.", wish.Asked)
	case market.WishRefused:
		return fmt.Errorf("nothing was charged: %s", wish.Text)
	}
	_, err := fmt.Fprintf(w, "%s\nWish %s\n", text, wish.ID)
	return err
}

func printWishes(w io.Writer, list []node.WishView) error {
	if len(list) == 0 {
		return nil
	}
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tab, "WISH\tROOM\tCOUNT\tPRICE\tSTATE\tUNTIL")
	for _, v := range list {
		state := v.State
		if v.Asked != "" {
			state += ", now " + v.Asked
		}
		if v.Text != "" {
			state += ": " + v.Text
		}
		fmt.Fprintf(tab, "%s\t%s\t%d\t%s\t%s\t%s\n", v.ID, v.Room, v.Count, v.Price, state, clock(v.Expires))
	}
	return tab.Flush()
}

func ticketAllotCommand(f *flags) *cobra.Command {
	var asJSON, back, paid bool
	var hours uint32
	cmd := &cobra.Command{
		Use: "allot ROOM PERSON|DEVICE SEATS", Short: "Let a co-host or another device of yours sell seats while you sleep",
		Long: "allot gives seats of a room of yours to another device to sell. Nobody else sells these; what it has not sold comes back\nafter --hours, or with --back. Buyers pay you, unless --seller-paid lets the seller take the money and owe it to you.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if back {
				if len(args) != 1 {
					return usagef("--back takes a device alone, not %d words", len(args))
				}
				return f.withSession(cmd, func(s *session) error { return s.TakeBackSeats(cmd.Context(), args[0]) })
			}
			if len(args) != 3 {
				return usagef("allot wants a room, a person or device, and how many seats")
			}
			seats, err := strconv.ParseUint(args[2], 10, 32)
			if err != nil || seats == 0 {
				return usagef("%q is no number of seats", args[2])
			}
			return f.withSession(cmd, func(s *session) error {
				l, err := s.LendSeats(cmd.Context(), args[0], args[1], uint32(seats), paid, hours)
				if err != nil {
					return err
				}
				if asJSON {
					return json.NewEncoder(cmd.OutOrStdout()).Encode(l)
				}
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "Device %s sells %d seats until %s.\n", l.Seller, l.Seats, clock(l.Expires))
				return err
			})
		},
	}
	fl := cmd.Flags()
	fl.BoolVar(&back, "back", false, "take back what a DEVICE has not sold, of all rooms")
	fl.BoolVar(&paid, "seller-paid", false, "the seller takes the money, and owes it to you")
	fl.Uint32Var(&hours, "hours", 0, "for how long (default 30 days)")
	fl.BoolVar(&asJSON, "json", false, "print an object")
	return cmd
}
