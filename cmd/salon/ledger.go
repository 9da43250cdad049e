package main

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"salon/ledger"
	"salon/ledger/doc"
	"salon/node"
)

func ledgerCommand(f *flags) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "ledger", Short: "What you bought, sold and gave, and who owes whom",
		Long: "ledger reads your books: a log of signed entries in your home, of which nothing is ever changed or erased. Money is written\n" +
			"as '5.00 EUR' or '2500 sat'. 'restore' and 'fsck --repair' are for when no node runs; the rest works beside one too.",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("the ledger cannot be %q: salon ledger --help lists what there is to do", args[0])
			}
			return usagef("say what to do: salon ledger --help lists it")
		},
		RunE: func(*cobra.Command, []string) error { return nil }, // Args always refuses
	}
	cmd.PersistentFlags().BoolVar(&asJSON, "json", false, "print it as JSON: of list and export an array, else an object")
	cmd.AddCommand(ledgerListCommand(f, &asJSON), ledgerBalanceCommand(f, &asJSON), ledgerVerifyCommand(f, &asJSON), ledgerAuditCommand(f, &asJSON),
		ledgerExportCommand(f, &asJSON), ledgerBackupCommand(f, &asJSON), ledgerRestoreCommand(f, &asJSON), ledgerFsckCommand(f, &asJSON),
		ledgerSettleCommand(f, &asJSON), ledgerClaimsCommand(f, &asJSON), ledgerReceivedCommand(f, &asJSON), ledgerSharesCommand(f, &asJSON), ledgerPayoutCommand(f, &asJSON), ledgerUnsentCommand(f, &asJSON), ledgerCreditCommand(f, &asJSON),
		ledgerProofCommand(f, &asJSON), ledgerAddressCommand(f, &asJSON), ledgerCharityCommand(f, &asJSON), railCommand(f, &asJSON))
	return cmd
}

// A ledgerReader reads the ledger where it is open just now: in the running node, or else in this process.
type ledgerReader interface {
	Ledger(context.Context) (node.LedgerView, error)
	Entries(context.Context, func(node.EntryView) error) error
	LastEntries(context.Context, uint64, func(node.EntryView) error) error
	VerifyLedger(context.Context) (node.VerifyView, error)
	Audit(context.Context, doc.PublicKey) (node.AuditView, error)
	Backup(context.Context, io.Writer) error
}

// homeLedger is the ledger of a home on which no node runs.
type homeLedger struct{ l *node.Ledger }

func (h homeLedger) Ledger(context.Context) (node.LedgerView, error) { return h.l.View() }

func (h homeLedger) Entries(ctx context.Context, f func(node.EntryView) error) error {
	return h.l.Entries(func(v node.EntryView) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return f(v)
	})
}

func (h homeLedger) LastEntries(_ context.Context, n uint64, f func(node.EntryView) error) error {
	return h.l.Last(n, f)
}

func (h homeLedger) VerifyLedger(context.Context) (node.VerifyView, error) { return h.l.Verify(), nil }

func (h homeLedger) Audit(_ context.Context, who doc.PublicKey) (node.AuditView, error) {
	return h.l.Audit(who)
}

func (h homeLedger) Backup(_ context.Context, w io.Writer) error { return h.l.Backup(w) }

// An openLedger is that ledger, and the people whom its person knows by name.
type openLedger struct {
	ledgerReader
	people *peopleList
	own    *node.Ledger // nil if a node runs
}

func (f *flags) ledger(cmd *cobra.Command) (*openLedger, error) {
	people, err := f.peopleList(cmd)
	if err != nil {
		return nil, err
	}
	if people.client != nil {
		return &openLedger{ledgerReader: people.client, people: people}, nil
	}
	own, err := node.OpenLedger(people.home, now())
	if err != nil {
		people.close()
		return nil, err
	}
	return &openLedger{homeLedger{own}, people, own}, nil
}

func (l *openLedger) close() error {
	err := l.own.Close()
	l.people.close()
	return err
}

// reading is a command that reads the ledger, which is nobody else's to close.
func (f *flags) reading(what func(cmd *cobra.Command, args []string, l *openLedger) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) (err error) {
		l, err := f.ledger(cmd)
		if err != nil {
			return err
		}
		defer func() { err = firstErr(err, l.close()) }()
		return what(cmd, args, l)
	}
}

// alone opens the home for what no running node may see happen.
func (f *flags) alone() (*node.Home, error) {
	h, err := node.OpenHome(f.homeDir(), now())
	if errors.Is(err, node.ErrInUse) {
		return nil, fmt.Errorf("a salon runs on %s and has the ledger open; end it first ('salon ledger verify' and 'backup' work beside it)", f.homeDir())
	}
	return h, err
}

const noLedger = "The ledger is empty: nothing was bought, sold or given."

func ledgerListCommand(f *flags, asJSON *bool) *cobra.Command {
	last := 20
	cmd := &cobra.Command{
		Use: "list", Short: "The newest entries, the oldest of them first", Args: noArgs,
		RunE: f.reading(func(cmd *cobra.Command, _ []string, l *openLedger) error {
			if last < 0 {
				return usagef("--last %d: there are no fewer entries than none", last)
			}
			list := []node.EntryView{}
			take := func(v node.EntryView) error {
				list = append(list, v)
				return nil
			}
			var err error
			if last > 0 {
				err = l.LastEntries(cmd.Context(), uint64(last), take)
			} else {
				err = l.Entries(cmd.Context(), take)
			}
			if err != nil {
				return err
			}
			if *asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(list)
			}
			return printEntries(cmd.OutOrStdout(), list)
		}),
	}
	cmd.Flags().IntVar(&last, "last", last, "so many entries; 0 for all, in JSON with what was booked")
	return cmd
}

func printEntries(out io.Writer, list []node.EntryView) error {
	if len(list) == 0 {
		_, err := fmt.Fprintln(out, noLedger)
		return err
	}
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "ENTRY\tTIME\tWHAT\tSUM\tBY\tWITH")
	for _, e := range list {
		with := ""
		if !e.With.IsZero() {
			with = e.With.String()[:10]
		}
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\n", e.Number, time.UnixMilli(e.Time).Format("2006-01-02 15:04"), entryText(e), e.Sum, e.Rail, with)
	}
	return w.Flush()
}

// entryTexts say what an entry of each kind is; %s stands for what was ordered.
var entryTexts = map[string]string{
	"open": "log begun", "railkey": "payment address named", "offer": "offer", "allot": "seats given to another seller",
	"adopt": "seats taken on to sell", "reclaim": "seats taken back", "reserve": "order of %s", "sale": "payment received for %s",
	"report": "sold by another seller: %s", "gift": "ticket given", "move": "ticket passed on", "handed": "ticket changed hands", "revoke": "tickets voided",
	"cancel": "offer cancelled", "refund": "refund of %s", "pay": "payment sent for %s", "got": "receipt for %s",
	"void": "payment failed for %s", "refunded": "refund received of %s", "clear": "debt settled", "divide": "pool divided",
	"payout": "shares made debts", "paid": "share sent", "unpaid": "share not sent after all", "earned": "share earned", "unsubscribe": "subscription ended", "freeze": "proof kept against a device",
	"dispute": "payment disputed", "surplus": "paid beyond what was asked for %s", "sent": "share arrived",
}

func entryText(e node.EntryView) string {
	text := kindText(e)
	if e.Kind == "surplus" && e.Name == "back" {
		text += ": sent back"
	}
	if e.Word {
		text += ", by hand"
	}
	return text
}

func kindText(e node.EntryView) string {
	text, known := entryTexts[e.Kind]
	switch {
	case !known:
		return e.Kind
	case strings.Contains(text, "%s"):
		return fmt.Sprintf(text, orderText(e))
	case e.Kind == "open" && e.Epoch > 0:
		return fmt.Sprintf("restored: epoch %d begun", e.Epoch)
	case e.Name != "":
		return fmt.Sprintf("%s: %s", text, e.Name)
	case e.Count > 1:
		return fmt.Sprintf("%s: %d", text, e.Count)
	}
	return text
}

func orderText(e node.EntryView) string {
	switch e.Purpose {
	case "ticket":
		switch e.Count {
		case 0:
			return "tickets"
		case 1:
			return "a ticket"
		}
		return fmt.Sprintf("%d tickets", e.Count)
	case "charity":
		return "a gift to charity"
	}
	return "a " + e.Purpose
}

func ledgerBalanceCommand(f *flags, asJSON *bool) *cobra.Command {
	return &cobra.Command{
		Use: "balance", Short: "What you have, owe and are owed, earned and spent", Args: noArgs,
		RunE: f.reading(func(cmd *cobra.Command, _ []string, l *openLedger) error {
			v, err := l.Ledger(cmd.Context())
			if err != nil {
				return err
			}
			if *asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(v)
			}
			if v.Entries == 0 {
				_, err := fmt.Fprintln(cmd.OutOrStdout(), noLedger)
				return err
			}
			return printBalances(cmd.OutOrStdout(), v.Balances)
		}),
	}
}

// classTexts are the classes of balances in the order in which they are shown.
var classTexts = []struct{ class, text string }{
	{"have", "balance of"}, {"owed", "you are owed by"}, {"sent", "on its way to"},
	{"owe", "you owe"}, {"held", "held for"}, {"income", "income from"}, {"spent", "spent on"},
}

func printBalances(out io.Writer, list []node.BalanceView) error {
	if len(list) == 0 {
		_, err := fmt.Fprintln(out, "Nothing is open, and nothing was earned or spent.")
		return err
	}
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	for _, c := range classTexts {
		for _, b := range list {
			if b.Class != c.class {
				continue
			}
			_, what, _ := strings.Cut(b.Account, ":")
			if !b.With.IsZero() {
				what = b.With.String()[:10]
			}
			fmt.Fprintf(w, "%s\t%s\t%s\n", c.text, what, b.Money)
		}
	}
	return w.Flush()
}

func ledgerVerifyCommand(f *flags, asJSON *bool) *cobra.Command {
	return &cobra.Command{
		Use: "verify", Short: "Check every signature, link, hash and balance", Args: noArgs,
		Long: "verify walks over the whole ledger while it is in use, and ends with exit code 1 if anything is wrong.\n" +
			"'salon ledger fsck' compares both copies on disk as well, while no node runs.",
		RunE: f.reading(func(cmd *cobra.Command, _ []string, l *openLedger) error {
			v, err := l.VerifyLedger(cmd.Context())
			if err != nil {
				return err
			}
			head, err := l.Ledger(cmd.Context())
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			switch {
			case *asJSON:
				err = json.NewEncoder(out).Encode(v)
			case !v.Good:
				_, err = fmt.Fprintf(out, "%s good. Then: %s\n", entriesText(v.Entries), v.Problem)
			case v.Entries == 0:
				_, err = fmt.Fprintln(out, noLedger)
			default:
				_, err = fmt.Fprintf(out, "%s: every signature, link, hash and balance is right.\nLog %s, epoch %d, %s\n", entriesText(v.Entries), head.Log, head.Epoch, witnessText(head))
			}
			if err == nil && !v.Good {
				err = fmt.Errorf("the ledger is damaged: %s", v.Problem)
			}
			return err
		}),
	}
}

func entriesText(n uint64) string {
	if n == 1 {
		return "1 entry"
	}
	return fmt.Sprintf("%d entries", n)
}

func witnessText(v node.LedgerView) string {
	if v.Witnesses == 0 {
		return "unwitnessed: no other node has signed how far it goes."
	}
	return fmt.Sprintf("%d others have signed that it had %s.", v.Witnesses, entriesText(v.Witnessed))
}

func ledgerAuditCommand(f *flags, asJSON *bool) *cobra.Command {
	return &cobra.Command{
		Use: "audit PERSON", Short: "All dealings with somebody, verified again and added up", Args: oneArg("person"),
		Long: "audit goes through your dealings with somebody: it verifies every document that they signed again, and adds up what was moved\n" +
			"between you. If a node runs, it then asks theirs for their books, and where your receipts are in them, and the nodes that it knows\n" +
			"for what they have seen of these books: sizes and hashes, never entries. All of that is compared. Those that are asked see whose\n" +
			"books you ask about. It ends with exit code 1 if anything is wrong; --json has the proof of a fork, which anybody can check.\n" +
			"PERSON is an ID, or the beginning of one that 'salon ledger list' shows, or whom 'salon people' would take by name.",
		ValidArgsFunction: f.completePeople(false),
		RunE: f.reading(func(cmd *cobra.Command, args []string, l *openLedger) error {
			who, err := l.find(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			v, err := l.Audit(cmd.Context(), who)
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			if *asJSON {
				err = json.NewEncoder(out).Encode(v)
			} else {
				err = printAudit(out, v)
			}
			if err == nil && !v.Good {
				err = fmt.Errorf("the dealings with %s are not in order: %s", who, v.Problem)
			}
			return err
		}),
	}
}

// find is who is meant: among those of the ledger, and those known by name.
func (l *openLedger) find(ctx context.Context, ref string) (doc.PublicKey, error) {
	marks, err := l.people.all(ctx)
	if err != nil {
		return doc.PublicKey{}, err
	}
	known := map[doc.PublicKey]bool{}
	var people []node.PersonView
	add := func(p node.PersonView) {
		if !known[p.Person] {
			known[p.Person] = true
			people = append(people, p)
		}
	}
	for _, m := range marks {
		add(m.PersonView)
	}
	if l.people.client != nil {
		all, err := l.people.others(ctx, people)
		if err != nil {
			return doc.PublicKey{}, err
		}
		for _, p := range all {
			add(p)
		}
	}
	if err := l.LastEntries(ctx, math.MaxInt64, func(e node.EntryView) error {
		if !e.With.IsZero() {
			add(node.PersonView{Person: e.With})
		}
		return nil
	}); err != nil {
		return doc.PublicKey{}, err
	}
	p, err := whom(ref, people)
	return p.Person, err
}

func printAudit(out io.Writer, v node.AuditView) error {
	if len(v.Entries) > 0 {
		if err := printEntries(out, v.Entries); err != nil {
			return err
		}
		if err := printBalances(out, v.Balances); err != nil {
			return err
		}
	}
	for _, d := range v.Devices {
		if d.Frozen {
			fmt.Fprintf(out, "Device %s signed two different things in one place. The proof is kept here.\n", d.Device)
		}
		for _, s := range d.Seen {
			fmt.Fprintf(out, "Of device %s you have seen a log of %s, which %d witnesses signed.\n", d.Device, entriesText(s.Size), s.Witnesses)
		}
	}
	if err := printNetwork(out, v.Network); err != nil || !v.Good {
		return err // what is wrong, the caller says
	}
	_, err := fmt.Fprintf(out, "%s with %s, %d signed documents: all in order.\n", entriesText(uint64(len(v.Entries))), v.Person, v.Documents)
	return err
}

func ledgerExportCommand(f *flags, asJSON *bool) *cobra.Command {
	var asCSV bool
	cmd := &cobra.Command{
		Use: "export --csv|--json", Short: "Print the whole ledger, for a spreadsheet or a program", Args: noArgs,
		Long: "export prints everything that money was booked for as CSV, one line an entry: gross is income (below zero: what was spent), fee\n" +
			"what the rail took, shares what others are due, net the rest. What only changed hands, such as a debt that was paid, has zeros.\n" +
			"With --json it prints all entries, and where they were booked.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if asCSV == *asJSON {
				return usagef("export wants either --csv or --json")
			}
			return f.reading(func(cmd *cobra.Command, _ []string, l *openLedger) error {
				if asCSV {
					return exportCSV(cmd.Context(), cmd.OutOrStdout(), l)
				}
				return exportJSON(cmd.Context(), cmd.OutOrStdout(), l)
			})(cmd, args)
		},
	}
	cmd.Flags().BoolVar(&asCSV, "csv", false, "print a table with commas, its first line names the columns")
	return cmd
}

func exportCSV(ctx context.Context, out io.Writer, l ledgerReader) error {
	w := csv.NewWriter(out)
	if err := w.Write([]string{"date", "entry", "kind", "for", "counterparty", "rail", "currency", "gross", "fee", "shares", "net", "id"}); err != nil {
		return err
	}
	err := l.Entries(ctx, func(e node.EntryView) error {
		if len(e.Postings) == 0 {
			return nil
		}
		with := ""
		if !e.With.IsZero() {
			with = e.With.String()
		}
		row := []string{time.UnixMilli(e.Time).UTC().Format(time.RFC3339), strconv.FormatUint(e.Number, 10), e.Kind, e.Purpose, with, e.Rail, ""}
		for _, money := range []string{e.Gross, e.Fee, e.Shares, e.Net} {
			number, unit, _ := strings.Cut(money, " ")
			row = append(row, number)
			row[6] = unit
		}
		return w.Write(append(row, e.ID))
	})
	w.Flush()
	return firstErr(err, w.Error())
}

// exportJSON prints an array without holding it.
func exportJSON(ctx context.Context, out io.Writer, l ledgerReader) error {
	between := "["
	if err := l.Entries(ctx, func(e node.EntryView) error {
		b, err := json.Marshal(e)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(out, "%s\n%s", between, b)
		between = ","
		return err
	}); err != nil {
		return err
	}
	if between == "[" {
		_, err := fmt.Fprintln(out, "[]")
		return err
	}
	_, err := fmt.Fprintln(out, "\n]")
	return err
}

// aFile completes one argument with names of files.
func aFile(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return nil, cobra.ShellCompDirectiveDefault
}

func ledgerBackupCommand(f *flags, asJSON *bool) *cobra.Command {
	return &cobra.Command{
		Use: "backup FILE", Short: "Copy the ledger to a file, also while the node runs", Args: oneArg("file"),
		Long: "backup writes all entries to FILE, reads them back and verifies every signature before the file has its name. It replaces an\n" +
			"older backup of this ledger, and nothing else. Your keys are not in it: 'salon keys export' keeps those. Notes beside payments are not in it\n" +
			"either, so that they can be erased.",
		ValidArgsFunction: aFile,
		RunE: f.reading(func(cmd *cobra.Command, args []string, l *openLedger) error {
			r, w := io.Pipe()
			sent := make(chan struct{})
			go func() {
				w.CloseWithError(l.Backup(cmd.Context(), w))
				close(sent)
			}()
			h, err := ledger.KeepBackup(args[0], r)
			r.Close() // who still writes is told to stop
			<-sent
			switch {
			case errors.Is(err, os.ErrExist):
				return fmt.Errorf("%s is there, and is left as it was: %w", args[0], err)
			case err != nil:
				return err
			}
			v := struct {
				File    string    `json:"file"`
				Entries uint64    `json:"entries"`
				Log     ledger.ID `json:"log"`
				Epoch   uint32    `json:"epoch"`
			}{args[0], h.Entries, h.Head.Log, h.Head.Epoch}
			if *asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(v)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s are in %s, and verified.\n", entriesText(h.Entries), args[0])
			return err
		}),
	}
}

func ledgerRestoreCommand(f *flags, asJSON *bool) *cobra.Command {
	var newest string
	var replace bool
	cmd := &cobra.Command{
		Use: "restore FILE", Short: "Begin again from a backup, in a new epoch of the log", Args: oneArg("file"),
		Long: "restore verifies FILE, a backup, and makes it the ledger of this home. The log may have grown since the backup was made, and others\n" +
			"may have seen that: so it is never continued, and a new one begins where it ends. That is also the way on for a ledger that is an old\n" +
			"copy: make a backup of it first, and say --replace. What was on sale has to be offered again, above the\n" +
			"seats that may be sold. No node may run meanwhile.",
		ValidArgsFunction: aFile,
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			var checkpoint []byte
			if newest != "" {
				if checkpoint, err = os.ReadFile(newest); err != nil {
					return err
				}
			}
			h, err := f.alone()
			if err != nil {
				return err
			}
			defer h.Close()
			l, aside, err := node.RestoreLedger(h, args[0], checkpoint, replace, now())
			if errors.Is(err, os.ErrExist) {
				return fmt.Errorf("%s has a ledger: 'salon ledger fsck --repair' mends one; --replace sets it aside and takes the backup instead", f.homeDir())
			}
			if err != nil {
				return err
			}
			defer func() { err = firstErr(err, l.Close()) }()
			v, err := l.View()
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			if *asJSON {
				return json.NewEncoder(out).Encode(struct {
					node.LedgerView
					SetAside string `json:"set_aside,omitempty"`
				}{v, aside})
			}
			fmt.Fprintf(out, "%s restored; epoch %d of the log begins.\n", entriesText(v.Entries-1), v.Epoch)
			if aside != "" {
				fmt.Fprintf(out, "What was here is now in %s.\n", aside)
			}
			_, err = fmt.Fprintln(out, "What was on sale has to be offered again, above the seats that may be sold.")
			return err
		},
	}
	cmd.Flags().StringVar(&newest, "newest", "", "a checkpoint of that log which somebody else kept: it bounds what the backup lacks")
	cmd.Flags().BoolVar(&replace, "replace", false, "set the ledger that is here aside")
	return cmd
}

func ledgerFsckCommand(f *flags, asJSON *bool) *cobra.Command {
	var repair bool
	cmd := &cobra.Command{
		Use: "fsck", Short: "Walk over every byte of both copies, and mend one from the other", Args: noArgs,
		Long: "fsck checks the database and the plain copy beside it (ledger.segment), each by itself and against the other, and says where they are\n" +
			"damaged. With --repair it writes the damaged one anew from the other, if that is whole. No node may run meanwhile. It ends with\n" +
			"exit code 1 if anything is wrong and was not mended.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			h, err := f.alone()
			if err != nil {
				return err
			}
			defer h.Close()
			v, err := node.CheckLedger(h, repair)
			out := cmd.OutOrStdout()
			if *asJSON {
				return firstErr(json.NewEncoder(out).Encode(v), fsckError(v, err, repair))
			}
			for _, p := range v.Problems {
				fmt.Fprintf(out, "Damaged: %s\n", p)
			}
			for _, r := range v.Repaired {
				fmt.Fprintf(out, "Mended: %s\n", r)
			}
			switch {
			case v.Entries == 0 && v.Good:
				fmt.Fprintln(out, noLedger)
			case v.Good:
				fmt.Fprintf(out, "%s: both copies are whole, and alike.\n", entriesText(v.Entries))
			default:
				fmt.Fprintf(out, "%s are good.\n", entriesText(v.Entries))
			}
			return fsckError(v, err, repair)
		},
	}
	cmd.Flags().BoolVar(&repair, "repair", false, "write the damaged copy anew from the other")
	return cmd
}

func fsckError(v node.HealthView, err error, repair bool) error {
	switch {
	case err != nil || v.Good:
		return err
	case repair:
		return errors.New("the ledger is damaged, and cannot be mended: restore a backup")
	}
	return errors.New("the ledger is damaged; --repair mends what can be mended")
}
