package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"salon/ledger"
	"salon/node"
	"salon/node/client"
)

func tipCommand(f *flags) *cobra.Command {
	var asJSON, yes bool
	var t client.Tip
	cmd := &cobra.Command{
		Use: "tip PERSON|ROOM|LINK AMOUNT", Short: "Give a tip to the host of a room, or to somebody on its stage",
		Long: "tip gives money to the host of a room or, by their ID, to somebody on the stage of a room that you are in. All of it is\n" +
			"theirs. With --rail iou nothing is paid: you will owe it to them. The room sees who gave how much, unless you hide it.",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) < 2 {
				return usagef("say whom to tip, and how much: a person's ID, a room or a share link, and an amount such as '5 EUR'")
			}
			return nil
		},
		ValidArgsFunction: f.completeLive(),
		RunE: func(cmd *cobra.Command, args []string) error {
			t.To, t.Amount = args[0], strings.Join(args[1:], " ")
			money, err := ledger.ParseMoney(t.Amount)
			if err != nil {
				return usagef("%q is not an amount such as '5 EUR' or '2500 sat'", t.Amount)
			}
			if !yes {
				return usagef("a tip of %s, by %s; say --yes to give it", money, t.Rail)
			}
			return f.withSession(cmd, func(s *session) error {
				given, err := s.Tip(cmd.Context(), t)
				if err != nil {
					return err
				}
				if asJSON {
					return json.NewEncoder(cmd.OutOrStdout()).Encode(given)
				}
				return printTipped(cmd.OutOrStdout(), given)
			})
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&t.Rail, "rail", ledger.IOURail, "how to pay: iou (you will owe it)")
	fl.StringVar(&t.MaxFee, "max-fee", "", "what the way of paying may take on top, such as '0.10 EUR' (default nothing)")
	fl.StringVar(&t.Note, "note", "", fmt.Sprintf("a few words, at most %d characters", ledger.MaxNote))
	fl.BoolVar(&t.HideName, "hide-name", false, "the room does not see who gave it")
	fl.BoolVar(&t.HideAmount, "hide-amount", false, "the room does not see how much it is")
	fl.StringVar(&t.Charity, "charity", "", "the ID of a charity that they take it for; a pledge, unless they keep its own word (salon ledger charity)")
	fl.BoolVar(&yes, "yes", false, "give it")
	fl.BoolVar(&asJSON, "json", false, "print an object with order and receipt")
	return cmd
}

func printTipped(w io.Writer, g node.TippedView) error {
	how := "You gave " + g.Amount
	if g.Owed {
		how = "You will owe " + g.Amount
	}
	if g.Pledge {
		how += ", as a pledge: that it reaches the charity is their word, and the charity has signed nothing."
	} else if g.Charity {
		how += ": all of it is for the charity, which has signed where it is paid."
	} else {
		how += ": all of it is theirs."
	}
	if g.Fee != "" {
		how += " The way of paying takes " + g.Fee + " on top."
	}
	_, err := fmt.Fprintln(w, how)
	return err
}

func ledgerAddressCommand(f *flags, asJSON *bool) *cobra.Command {
	return &cobra.Command{
		Use: "address RAIL ADDRESS", Short: "Sign where you are paid, for others to show",
		Long: "address signs where you are paid, and prints that as one word. Who collects for you keeps it with 'salon ledger charity WORD':\n" +
			"tips for you are mere pledges without.",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 2 {
				return usagef("say the way of paying, such as lnd, and the address")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.withSession(cmd, func(s *session) error {
				v, err := s.Address(cmd.Context(), args[0], args[1])
				return printPlace(cmd.OutOrStdout(), v, err, *asJSON, v.Word)
			})
		},
	}
}

func ledgerCharityCommand(f *flags, asJSON *bool) *cobra.Command {
	return &cobra.Command{
		Use: "charity WORD", Short: "Keep what a charity has signed on where it is paid", Args: oneArg("word that the charity's 'salon ledger address' printed"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.withSession(cmd, func(s *session) error {
				v, err := s.KeepCharity(cmd.Context(), args[0])
				return printPlace(cmd.OutOrStdout(), v, err, *asJSON, fmt.Sprintf("%s is paid by %s at %s.", v.Person, v.Rail, v.Address))
			})
		},
	}
}

func printPlace(w io.Writer, v node.PlaceView, err error, asJSON bool, text string) error {
	if err != nil {
		return err
	}
	if asJSON {
		return json.NewEncoder(w).Encode(v)
	}
	_, err = fmt.Fprintln(w, text)
	return err
}
