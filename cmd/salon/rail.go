package main

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"salon/ledger"
	"salon/node"
	"salon/node/client"
	"salon/node/market/lnaddress"
	"salon/node/market/lnd"
	"salon/node/market/nwc"
	"salon/node/market/stripe"
)

func railCommand(f *flags, asJSON *bool) *cobra.Command {
	cmd := &cobra.Command{
		Use: "rail", Short: "Ways of paying beside IOUs: name your Lightning node",
		Args: func(_ *cobra.Command, args []string) error {
			return usagef("say what to do: salon ledger rail --help lists it")
		},
		RunE: func(*cobra.Command, []string) error { return nil }, // Args always refuses
	}
	cmd.AddCommand(railAddCommand(f, asJSON), railListCommand(f, asJSON), railLimitsCommand(f, asJSON), railRemoveCommand(f))
	return cmd
}

func railAddCommand(f *flags, asJSON *bool) *cobra.Command {
	var rest, macaroon, cert, address, key, connection, maxPayment, maxDay string
	var pay bool
	// limits are what the flags say may be spent.
	limits := func(payment, day *ledger.Money) (err error) {
		if *payment, err = ledger.ParseMoney(maxPayment); err != nil {
			return usagef("--max-payment: %w", err)
		}
		if *day, err = ledger.ParseMoney(maxDay); err != nil {
			return usagef("--max-day: %w", err)
		}
		return nil
	}
	cmd := &cobra.Command{
		Use: "add lnd|nwc|lnaddress|stripe", Short: "Receive, or pay, by Lightning; or be paid by card", Args: oneArg("rail: lnd, nwc, lnaddress or stripe"),
		Long: "add lnd tells salon where your lnd is. To be paid for tickets its invoice.macaroon is enough, which can spend nothing. To pay, or\n" +
			"to send money back, add --pay with a macaroon that may, such as admin.macaroon; salon then spends no more than --max-payment at\n" +
			"once and --max-day within 24 hours, fees of others included.\n" +
			"The macaroon is copied to a file in the home that nobody else can read. lnd is asked once whether all that works.\n\n" +
			"add nwc --connection FILE does that by a wallet that is elsewhere: the file has the line nostr+walletconnect://... that the wallet\n" +
			"gives for an app (Nostr Wallet Connect). What it takes for passing a payment on, the wallet decides; limit it there, too.\n\n" +
			"add lnaddress --address ana@wallet.example has others pay to your wallet, whose node is somebody else's.\n\n" +
			"add stripe --key FILE has them pay by card, on a page of Stripe's: the file has a restricted key of your account, which may write\n" +
			"Checkout Sessions and refunds, and read charges, disputes and balance transactions.",
		ValidArgs: []string{lnd.Name, nwc.Name, lnaddress.Name, stripe.Name},
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case (args[0] == nwc.Name) != (connection != ""), args[0] == nwc.Name && (macaroon != "" || cert != "" || address != "" || key != ""):
				return usagef("add nwc wants --connection FILE, with the line that your wallet gives, and of the others --pay, --max-payment and --max-day alone")
			case args[0] == nwc.Name:
				raw, err := os.ReadFile(connection)
				if err != nil {
					return err
				}
				c := nwc.Config{URI: nwc.Secret(strings.TrimSpace(string(raw))), Pays: pay}
				in := map[string]string{"connection": string(c.URI)}
				if pay {
					if err := limits(&c.MaxPayment, &c.MaxDay); err != nil {
						return err
					}
					in["max_payment"], in["max_day"] = c.MaxPayment.String(), c.MaxDay.String()
				}
				if err := c.Check(); err != nil {
					return usagef("%w", err)
				}
				return f.railed(cmd, *asJSON, http.MethodPut, nwc.Name, in, func() error { return node.AddNWC(cmd.Context(), f.homeDir(), c) })
			case args[0] != stripe.Name && key != "", args[0] == stripe.Name && (macaroon != "" || cert != "" || pay || address != ""):
				return usagef("--key is for stripe, and the other flags are not")
			case args[0] == stripe.Name:
				raw, err := os.ReadFile(key)
				if err != nil {
					return usagef("add stripe wants --key FILE, with a restricted key: %w", err)
				}
				c := stripe.Config{Key: stripe.Secret(strings.TrimSpace(string(raw)))}
				if err := c.Check(); err != nil {
					return usagef("%w", err)
				}
				return f.railed(cmd, *asJSON, http.MethodPut, stripe.Name, map[string]string{"key": string(c.Key)}, func() error { return node.AddStripe(cmd.Context(), f.homeDir(), c) })
			case args[0] == lnaddress.Name && (macaroon != "" || cert != "" || pay), args[0] == lnd.Name && address != "":
				return usagef("--address is for lnaddress, and the other flags are for lnd")
			case args[0] == lnaddress.Name:
				if err := lnaddress.Check(address); err != nil {
					return usagef("--address: %w", err)
				}
				return f.railed(cmd, *asJSON, http.MethodPut, lnaddress.Name, map[string]string{"address": address}, func() error {
					return node.AddAddress(cmd.Context(), f.homeDir(), address)
				})
			case args[0] != lnd.Name:
				return usagef("salon knows no way of paying by the name of %q: it is lnd, nwc, lnaddress or stripe", args[0])
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
				if err := limits(&c.MaxPayment, &c.MaxDay); err != nil {
					return err
				}
			}
			if err := c.Check(); err != nil {
				return usagef("%w", err)
			}
			in := map[string]string{"rest": c.REST, "macaroon": string(c.Macaroon), "cert": c.Cert}
			if pay {
				in["max_payment"], in["max_day"] = c.MaxPayment.String(), c.MaxDay.String()
			}
			return f.railed(cmd, *asJSON, http.MethodPut, lnd.Name, in, func() error { return node.AddLnd(cmd.Context(), f.homeDir(), c) })
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&rest, "rest", "https://127.0.0.1:8080", "address of lnd's REST interface")
	fl.StringVar(&macaroon, "macaroon", "", "file with lnd's permission: invoice.macaroon, to receive")
	fl.StringVar(&cert, "cert", "", "file with lnd's certificate: tls.cert")
	fl.StringVar(&key, "key", "", "file with a restricted key of Stripe")
	fl.StringVar(&connection, "connection", "", "file with the line that a wallet gives for Nostr Wallet Connect")
	fl.StringVar(&address, "address", "", "your lightning address")
	fl.BoolVar(&pay, "pay", false, "the macaroon or connection may spend: pay with it, and send money back")
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
		Use: "remove lnd|nwc|lnaddress|stripe", Short: "Forget a way of paying and its secrets", Args: oneArg("rail: lnd, nwc, lnaddress or stripe"),
		ValidArgs: []string{lnd.Name, nwc.Name, lnaddress.Name, stripe.Name},
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.railed(cmd, false, http.MethodDelete, url.PathEscape(args[0]), nil, func() error { return node.RemoveRail(f.homeDir(), args[0]) })
		},
	}
}

func railLimitsCommand(f *flags, asJSON *bool) *cobra.Command {
	var maxPayment, maxDay string
	cmd := &cobra.Command{
		Use: "limits lnd|nwc", Short: "Say how much salon may spend", Args: oneArg("rail: lnd or nwc"), ValidArgs: []string{lnd.Name, nwc.Name},
		RunE: func(cmd *cobra.Command, args []string) error {
			payment, err := ledger.ParseMoney(maxPayment)
			if err != nil {
				return usagef("--max-payment: %w", err)
			}
			day, err := ledger.ParseMoney(maxDay)
			if err != nil {
				return usagef("--max-day: %w", err)
			}
			in := map[string]string{"max_payment": payment.String(), "max_day": day.String()}
			return f.railed(cmd, *asJSON, http.MethodPut, url.PathEscape(args[0])+"/limits", in, func() error {
				return node.LimitRail(f.homeDir(), args[0], payment, day)
			})
		},
	}
	cmd.Flags().StringVar(&maxPayment, "max-payment", "50000 sat", "the most to spend in one payment, fees of others included")
	cmd.Flags().StringVar(&maxDay, "max-day", "200000 sat", "the most to spend within 24 hours")
	return cmd
}

// railed changes the ways of paying: by the node that runs, which takes it up at once, or in the files of the home.
func (f *flags) railed(cmd *cobra.Command, asJSON bool, method, path string, in any, here func() error) error {
	c, err := client.Running(cmd.Context(), f.homeDir())
	if err != nil {
		err = here()
	} else {
		err = c.Call(cmd.Context(), method, "/api/v1/rails/"+path, in, nil)
	}
	if err != nil {
		return err
	}
	return f.printRails(cmd, asJSON)
}

func (f *flags) printRails(cmd *cobra.Command, asJSON bool) error {
	rails := node.Rails(f.homeDir())
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
			if r.Error != "" {
				limit = "not used: " + r.Error
			}
			fmt.Fprintf(tab, "%s\t%s\t%s\t%s\n", r.Name, r.Address, r.Currency, limit)
		}
		if err := tab.Flush(); err != nil {
			return err
		}
	}
	return nil
}
