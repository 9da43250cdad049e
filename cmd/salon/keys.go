package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"salon/node"
)

func keysCommand(f *flags) *cobra.Command {
	var asJSON bool
	var passphrase string
	cmd := &cobra.Command{
		Use: "keys", Short: "Keep your keys and ledger in an encrypted file, and begin again from it",
		Long: "keys keeps who you are: the keys of you and of this device, your name and your ledger, in one file that a passphrase opens.\n" +
			"Who has the file and the passphrase is you. Nobody can open it without: there is no other way.",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("keys cannot be %q: salon keys --help lists what there is to do", args[0])
			}
			return usagef("say what to do: salon keys --help lists it")
		},
		RunE: func(*cobra.Command, []string) error { return nil }, // Args always refuses
	}
	cmd.PersistentFlags().BoolVar(&asJSON, "json", false, "print what is in the file as an object")
	cmd.PersistentFlags().StringVar(&passphrase, "passphrase-file", "", "file whose first line is the passphrase, - for standard input (default: it is asked for)")
	cmd.AddCommand(keysExportCommand(f, &asJSON, &passphrase), &cobra.Command{
		Use: "import FILE", Short: "Become who wrote the file: in a home that is nobody's yet", Args: oneArg("file"),
		Long: "import makes the home that of the person and device in FILE, and begins the next epoch of the ledger in it. It is for when the\n" +
			"other computer is lost or gone: two that run with the same keys would be taken for one.",
		ValidArgsFunction: aFile,
		RunE: func(cmd *cobra.Command, args []string) error {
			word, err := readPassphrase(cmd, passphrase, false)
			if err != nil {
				return err
			}
			s, err := node.OpenSafe(f.homeDir(), args[0], word, now())
			switch {
			case errors.Is(err, node.ErrHasKeys):
				return fmt.Errorf("%s is somebody's home already: import into a new --home, or move it away first", f.homeDir())
			case errors.Is(err, node.ErrPassphrase):
				return fmt.Errorf("the passphrase does not open %s", args[0])
			case errors.Is(err, node.ErrInUse):
				return fmt.Errorf("a salon runs on %s; import into a new --home", f.homeDir())
			case err != nil:
				return fmt.Errorf("%s: %s", args[0], strings.TrimPrefix(err.Error(), "node: "))
			}
			return printSafe(cmd.OutOrStdout(), s, asJSON, fmt.Sprintf("are in %s now. Do not start the old one again.", f.homeDir()))
		},
	})
	completesTo(cmd, "passphrase-file", cobra.ShellCompDirectiveDefault)
	return cmd
}

func keysExportCommand(f *flags, asJSON *bool, passphrase *string) *cobra.Command {
	var noLedger bool
	export := func(cmd *cobra.Command, file string, backup func(io.Writer) error) error {
		word, err := readPassphrase(cmd, *passphrase, true)
		if err != nil {
			return err
		}
		s, err := node.SafeKeys(f.homeDir(), file, word, backup, now())
		if errors.Is(err, os.ErrExist) {
			return fmt.Errorf("%s is there, and no export of yours that this passphrase opens: it is left as it was", file)
		}
		if err != nil {
			return err
		}
		return printSafe(cmd.OutOrStdout(), s, *asJSON, fmt.Sprintf("are in %s. Keep it away from this computer, and the passphrase away from it.", file))
	}
	cmd := &cobra.Command{
		Use: "export FILE", Short: "Write keys and ledger to a file, encrypted, also while the node runs", Args: oneArg("file"),
		Long: "export writes FILE, readable by you alone, and opens it again before it has its name. Rooms, notes beside payments and settings other\n" +
			"than your name are not in it. Of the passphrase it takes at least " + fmt.Sprint(node.PassphraseLeast) + " characters.",
		ValidArgsFunction: aFile,
		RunE: func(cmd *cobra.Command, args []string) error {
			if noLedger {
				return export(cmd, args[0], nil)
			}
			return f.reading(func(cmd *cobra.Command, args []string, l *openLedger) error {
				v, err := l.Ledger(cmd.Context())
				switch {
				case err != nil:
					return err
				case v.Entries == 0:
					return export(cmd, args[0], nil)
				}
				return export(cmd, args[0], func(w io.Writer) error { return l.Backup(cmd.Context(), w) })
			})(cmd, args)
		},
	}
	cmd.Flags().BoolVar(&noLedger, "no-ledger", false, "write the keys alone, such as when the ledger is damaged")
	return cmd
}

func printSafe(out io.Writer, s node.Safe, asJSON bool, where string) error {
	if asJSON {
		return json.NewEncoder(out).Encode(s)
	}
	who := s.Name
	if who == "" {
		who = s.Person.Short()
	}
	what := "The keys of " + who
	if s.Entries > 0 {
		what += " and a ledger of " + entriesText(s.Entries)
	}
	_, err := fmt.Fprintf(out, "%s %s\n", what, where)
	return err
}
