package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"salon/ledger"
	"salon/node"
	"salon/node/client"
	"salon/node/market/stripe"
)

func tipCommand(f *flags) *cobra.Command {
	var asJSON, yes, forked bool
	var t client.Tip
	cmd := &cobra.Command{
		Use: "tip PERSON|ROOM|LINK AMOUNT", Short: "Give a tip to the host of a room, or to somebody on its stage",
		Long: "tip gives money to the host of a room or, by their ID, to somebody on the stage of a room that you are in. All of it is\n" +
			"theirs, but what a card company keeps of it. With --rail iou nothing is paid: you will owe it to them. With --rail lnd or lnaddress\n" +
			"your Lightning node or wallet pays ('salon ledger rail'). The room sees who gave how much, unless you hide it.",
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
			return f.withSession(cmd, func(s *session) error {
				ways, err := s.TipWays(cmd.Context(), t.To, t.Amount)
				unknown := isCode(err, "unreachable") // they may take nothing yet, and then the tip says so
				if err != nil && !unknown {
					return err
				}
				if err := heedFork(cmd, ways.Fork, yes, forked, "given"); err != nil {
					return err
				}
				if !unknown && t.Rail != ledger.IOURail && !slices.Contains(ways.Rails, t.Rail) { // by word they may let one owe it whom they know
					return usagef("%s", noSuchWay(t.Rail, ways.Rails, money.Cur))
				}
				if !yes {
					return usagef("a tip of %s, by %s%s; say --yes to give it", money, t.Rail, inBrackets(railFee(cmd.Context(), s.Client, t.Rail, t.ByHand, money)))
				}
				given, err := s.Tip(cmd.Context(), t)
				if err == nil && given.Pending != nil {
					err = payByHand(cmd, asJSON, s.Client, *given.Pending)
				}
				if err != nil {
					return err
				}
				if asJSON {
					return json.NewEncoder(cmd.OutOrStdout()).Encode(given)
				}
				return printTipped(cmd.OutOrStdout(), given, t.Rail)
			})
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&t.Rail, "rail", ledger.IOURail, railUsage)
	fl.BoolVar(&t.ByHand, "by-hand", false, byHandUsage)
	fl.BoolVar(&forked, "forked", false, "give it although they are proven to keep two different books")
	fl.StringVar(&t.MaxFee, "max-fee", "", "what the way of paying may take on top, such as '0.10 EUR' (default nothing)")
	fl.StringVar(&t.Note, "note", "", fmt.Sprintf("a few words, at most %d characters", ledger.MaxNote))
	fl.BoolVar(&t.HideName, "hide-name", false, "the room does not see who gave it")
	fl.BoolVar(&t.HideAmount, "hide-amount", false, "the room does not see how much it is")
	fl.StringVar(&t.Charity, "charity", "", "the ID of a charity that they take it for; a pledge, unless they keep its own word (salon ledger charity)")
	fl.BoolVar(&yes, "yes", false, "give it")
	fl.BoolVar(&asJSON, "json", false, "print an object with order and receipt")
	return cmd
}

// noSuchWay says how somebody can be paid who is not paid in this way.
func noSuchWay(rail string, taken []string, cur ledger.Currency) string {
	if len(taken) == 0 {
		return fmt.Sprintf("they take no %s now: nobody may owe it to them, and no other way of paying is set up", unitOf(cur))
	}
	return fmt.Sprintf("they take no %s by %s: say --rail %s", unitOf(cur), rail, strings.Join(taken, " or "))
}

// unitOf is what people call a currency.
func unitOf(cur ledger.Currency) string {
	_, unit, _ := strings.Cut(ledger.Money{Amount: 1, Cur: cur}.String(), " ")
	return unit
}

// heedFork warns of somebody who was caught, and refuses to go on unless that is wanted.
func heedFork(cmd *cobra.Command, fork *node.ForkView, yes, forked bool, done string) error {
	if fork == nil {
		return nil
	}
	fmt.Fprintln(cmd.ErrOrStderr(), forkText(fork))
	if yes && !forked {
		return fmt.Errorf("nothing was %s: say --forked as well to pay them all the same", done)
	}
	return nil
}

func printTipped(w io.Writer, g node.TippedView, rail string) error {
	how := "You gave " + g.Amount
	if g.Owed {
		how = "You will owe " + g.Amount
	}
	if g.Pledge {
		how += ", as a pledge: that it reaches the charity is their word, and the charity has signed nothing."
	} else if g.Charity {
		how += ": all of it is for the charity, which has signed where it is paid."
	} else if rail == stripe.Name {
		how += ": all of it is theirs, but what Stripe keeps of it."
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
