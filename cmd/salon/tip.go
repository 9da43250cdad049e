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
	fl.StringVar(&t.Charity, "charity", "", "the ID of a charity that they take it for: a pledge, which they have to keep")
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
	} else {
		how += ": all of it is theirs."
	}
	if g.Fee != "" {
		how += " The way of paying takes " + g.Fee + " on top."
	}
	_, err := fmt.Fprintln(w, how)
	return err
}
