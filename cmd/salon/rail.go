package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"salon/ledger"
	"salon/node"
	"salon/node/client"
	"salon/node/market/lnaddress"
	"salon/node/market/lnd"
)

func railCommand(f *flags, asJSON *bool) *cobra.Command {
	cmd := &cobra.Command{
		Use: "rail", Short: "Ways of paying beside IOUs: name your Lightning node",
		Args: func(_ *cobra.Command, args []string) error {
			return usagef("say what to do: salon ledger rail --help lists it")
		},
		RunE: func(*cobra.Command, []string) error { return nil }, // Args always refuses
	}
	cmd.AddCommand(railAddCommand(f, asJSON), railListCommand(f, asJSON), railRemoveCommand(f))
	return cmd
}

func railAddCommand(f *flags, asJSON *bool) *cobra.Command {
	var rest, macaroon, cert, address, maxPayment, maxDay string
	var pay bool
	cmd := &cobra.Command{
		Use: "add lnd|lnaddress", Short: "Receive, or pay, by Lightning", Args: oneArg("rail: lnd or lnaddress"),
		Long: "add lnd tells salon where your lnd is. To be paid for tickets its invoice.macaroon is enough, which can spend nothing. To pay, or\n" +
			"to send money back, add --pay with a macaroon that may, such as admin.macaroon; salon then spends no more than --max-payment at\n" +
			"once and --max-day within 24 hours, fees of others included.\n" +
			"The macaroon is copied to a file in the home that nobody else can read. lnd is asked once whether all that works.\n\n" +
			"add lnaddress --address ana@wallet.example has others pay to your wallet, whose node is somebody else's.",
		ValidArgs: []string{lnd.Name, lnaddress.Name},
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case args[0] == lnaddress.Name && (macaroon != "" || cert != "" || pay), args[0] == lnd.Name && address != "":
				return usagef("--address is for lnaddress, and the other flags are for lnd")
			case args[0] == lnaddress.Name:
				if err := lnaddress.Check(address); err != nil {
					return usagef("--address: %w", err)
				}
				if err := node.AddAddress(cmd.Context(), f.homeDir(), address); err != nil {
					return err
				}
				return f.printRails(cmd, *asJSON)
			case args[0] != lnd.Name:
				return usagef("salon knows no way of paying by the name of %q: it is lnd or lnaddress", args[0])
			}
			if macaroon == "" || cert == "" {
				return usagef("add lnd wants --macaroon FILE and --cert FILE: lnd writes tls.cert into its folder, and invoice.macaroon below it")
			}
			c := lnd.Config{REST: rest, Pays: pay}
			secret, err := os.ReadFile(macaroon)
			if err != nil {
				return err
			}
			c.Macaroon = lnd.Secret(hex.EncodeToString(secret))
			pem, err := os.ReadFile(cert)
			if err != nil {
				return err
			}
			c.Cert = string(pem)
			if pay {
				if c.MaxPayment, err = ledger.ParseMoney(maxPayment); err != nil {
					return usagef("--max-payment: %w", err)
				}
				if c.MaxDay, err = ledger.ParseMoney(maxDay); err != nil {
					return usagef("--max-day: %w", err)
				}
			}
			if err := c.Check(); err != nil {
				return usagef("%w", err)
			}
			if err := node.AddLnd(cmd.Context(), f.homeDir(), c); err != nil {
				return err
			}
			return f.printRails(cmd, *asJSON)
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&rest, "rest", "https://127.0.0.1:8080", "address of lnd's REST interface")
	fl.StringVar(&macaroon, "macaroon", "", "file with lnd's permission: invoice.macaroon, to receive")
	fl.StringVar(&cert, "cert", "", "file with lnd's certificate: tls.cert")
	fl.StringVar(&address, "address", "", "your lightning address")
	fl.BoolVar(&pay, "pay", false, "the macaroon may spend: pay with it, and send money back")
	fl.StringVar(&maxPayment, "max-payment", "50000 sat", "the most to spend in one payment")
	fl.StringVar(&maxDay, "max-day", "200000 sat", "the most to spend within 24 hours")
	return cmd
}

func railListCommand(f *flags, asJSON *bool) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "What is set up, without its secrets", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.printRails(cmd, *asJSON) },
	}
}

func railRemoveCommand(f *flags) *cobra.Command {
	return &cobra.Command{
		Use: "remove lnd|lnaddress", Short: "Forget a Lightning node and its macaroon, or an address", Args: oneArg("rail: lnd or lnaddress"),
		ValidArgs: []string{lnd.Name, lnaddress.Name},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := node.RemoveRail(f.homeDir(), args[0]); err != nil {
				return err
			}
			return f.printRails(cmd, false)
		},
	}
}

func (f *flags) printRails(cmd *cobra.Command, asJSON bool) error {
	rails, err := node.Rails(f.homeDir())
	if err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	if asJSON {
		return json.NewEncoder(out).Encode(rails)
	}
	if len(rails) == 0 {
		fmt.Fprintln(out, "You pay and are paid by IOU alone.")
	} else {
		tab := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(tab, "RAIL\tADDRESS\tMONEY\tSPENDS AT MOST")
		for _, r := range rails {
			limit := "nothing: it only receives"
			if r.Pays {
				limit = fmt.Sprintf("%s at once, %s a day", r.MaxPayment, r.MaxDay)
			}
			fmt.Fprintf(tab, "%s\t%s\t%s\t%s\n", r.Name, r.Address, r.Currency, limit)
		}
		if err := tab.Flush(); err != nil {
			return err
		}
	}
	if cmd.Name() != "list" && f.runs(cmd.Context()) {
		fmt.Fprintln(out, "A salon runs on this home. It does so from its next start on.")
	}
	return nil
}

// runs reports whether a node runs on the home.
func (f *flags) runs(ctx context.Context) bool {
	_, err := client.Running(ctx, f.homeDir())
	return err == nil
}
