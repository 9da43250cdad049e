package node

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"salon/ledger"
	"salon/ledger/doc"
)

// ledgerFolder holds the ledger of a home: ledger.db, ledger.segment and notes.
const ledgerFolder = "ledger"

// LedgerOptions open the ledger of the home, or begin it.
func (h *Home) LedgerOptions(now time.Time) ledger.Options {
	return ledger.Options{Dir: h.path(ledgerFolder), Key: h.id.Device(), Cert: h.id.Cert(), Now: now}
}

// hasLedger reports whether there is anything of a ledger, be it half of one.
func (h *Home) hasLedger() bool {
	for _, name := range []string{"ledger.db", "ledger.segment"} {
		if _, err := os.Stat(filepath.Join(h.Dir, ledgerFolder, name)); !errors.Is(err, os.ErrNotExist) {
			return true
		}
	}
	return false
}

// A Ledger is the ledger of a home as its person reads it. The nil Ledger has no entries: nothing was bought, sold or given.
type Ledger struct {
	store *ledger.Store
	seen  *ledger.Witness // what this node has seen of others, nil if nothing
	own   bool            // it is ours to close
}

// OpenLedger opens the ledger of a home, nil if there is none.
func OpenLedger(h *Home, now time.Time) (*Ledger, error) {
	if !h.hasLedger() {
		return nil, nil
	}
	s, err := ledger.Open(h.LedgerOptions(now))
	if err != nil {
		return nil, ledgerError(err)
	}
	seen, err := heldWitness(h)
	if err != nil {
		return nil, errors.Join(ledgerError(err), s.Close())
	}
	return &Ledger{s, seen, true}, nil
}

// ledgerError says what to do about a ledger that cannot be read.
func ledgerError(err error) error {
	switch {
	case errors.Is(err, ledger.ErrCorrupt):
		return &UserError{Code: "ledger_damaged", Text: fmt.Sprintf("The ledger is damaged: %v. 'salon ledger fsck' says more, while no salon runs.", err)}
	case errors.Is(err, ledger.ErrSigner):
		return &UserError{Code: "ledger_of_another", Text: fmt.Sprintf("The ledger in this home cannot be used: %v. It was copied here; 'salon ledger restore' takes a backup.", err)}
	}
	return fmt.Errorf("the ledger cannot be opened: %w", err)
}

// Close closes its files.
func (l *Ledger) Close() error {
	if l == nil {
		return nil
	}
	if l.seen != nil && l.own {
		return errors.Join(l.seen.Close(), l.store.Close())
	}
	return l.store.Close()
}

// Ledger is the node's, nil while there is none. What is wrong with it keeps nobody from rooms.
func (n *Node) Ledger() (*Ledger, error) {
	n.shop.mu.Lock()
	defer n.shop.mu.Unlock()
	if n.shop.store == nil {
		return nil, n.shop.err
	}
	seen, _ := n.seenLogs() // why not is in the log; the ledger is read without
	return &Ledger{n.shop.store, seen, false}, nil
}

// A LedgerView is a ledger at a glance. Of none, everything is empty.
type LedgerView struct {
	Person    doc.PublicKey `json:"person,omitzero"`
	Device    doc.PublicKey `json:"device,omitzero"`
	Log       string        `json:"log,omitempty"`
	Epoch     uint32        `json:"epoch"`
	Height    uint64        `json:"height"`    // entries of this log
	Entries   uint64        `json:"entries"`   // of all epochs
	Time      int64         `json:"time"`      // of the newest, unix ms; 0 if there is none
	Witnessed uint64        `json:"witnessed"` // so many entries of this log were seen by others, who signed that
	Witnesses int           `json:"witnesses"` // so many others
	Balances  []BalanceView `json:"balances"`
}

// A BalanceView is what is on one account. Class says which way round to read it.
type BalanceView struct {
	Class   string        `json:"class"`
	Account string        `json:"account"`
	With    doc.PublicKey `json:"with,omitzero"` // whom it is about
	Money   string        `json:"money"`         // such as "5 EUR"; above zero is what the class says
}

// What is on an account, by the beginning of its name. Debits are positive in the books, credits negative.
var accountClasses = []struct {
	prefix, class string
	credit        bool
}{
	{"asset:", "have", false},
	{"recv:", "owed", false},
	{"transit:", "sent", false},
	{"beyond:", "owe", true},
	{"payable:", "owe", true},
	{"share:", "held", true},
	{"relay:", "held", true},
	{"charity:", "held", true},
	{"fund:", "held", true},
	{"pool:", "held", true},
	{"income:", "income", true},
	{"expense:", "spent", false},
}

func balanceView(b ledger.Balance) BalanceView {
	v := BalanceView{Account: string(b.Account)}
	for _, c := range accountClasses {
		name, found := strings.CutPrefix(v.Account, c.prefix)
		if !found {
			continue
		}
		if v.Class = c.class; c.credit {
			b.Money.Amount = -b.Money.Amount
		}
		if who, err := doc.ParsePublicKey(name); err == nil {
			v.With = who
		}
	}
	v.Money = b.Money.String()
	return v
}

// View is the ledger at a glance.
func (l *Ledger) View() (LedgerView, error) {
	v := LedgerView{Balances: []BalanceView{}}
	if l == nil {
		return v, nil
	}
	if err := l.store.View(func(b *ledger.Books) error {
		v.Person, v.Device, v.Log, v.Epoch = b.Person, b.Device, b.Log.String(), b.Epoch
		v.Height, v.Entries, v.Time = b.Size, b.Total, b.Time
		return nil
	}); err != nil {
		return v, ledgerError(err)
	}
	all, err := l.store.Balances()
	if err != nil {
		return v, ledgerError(err)
	}
	for _, b := range all {
		v.Balances = append(v.Balances, balanceView(b))
	}
	raw, err := l.store.Witnessed()
	if err != nil || raw == nil {
		return v, err
	}
	c, err := ledger.SignedBy(raw, v.Device)
	if err != nil {
		return v, ledgerError(fmt.Errorf("%w: checkpoint: %w", ledger.ErrCorrupt, err))
	}
	if v.Witnesses = c.Witnesses(v.Device); v.Witnesses > 0 {
		v.Witnessed = c.Size
	}
	return v, nil
}

// An EntryView is one line of the ledger. What an entry does not say is left out.
type EntryView struct {
	Number   uint64        `json:"number"` // among the entries of all epochs, from 0
	Epoch    uint32        `json:"epoch"`
	Height   uint64        `json:"height"` // in its log, from 0
	ID       string        `json:"id"`
	Time     int64         `json:"time"` // unix ms
	Kind     string        `json:"kind"`
	Purpose  string        `json:"purpose,omitempty"` // of the order: ticket, tip, charity or subscription
	With     doc.PublicKey `json:"with,omitzero"`     // the other party, or the key made for this purchase
	Rail     string        `json:"rail,omitempty"`
	Sum      string        `json:"sum,omitempty"` // what it is about, such as "5 EUR"
	Name     string        `json:"name,omitempty"`
	Tax      string        `json:"tax,omitempty"`   // as the seller states it
	Word     bool          `json:"word,omitempty"`  // money went back, by the word of a person and of no rail
	Count    uint32        `json:"count,omitempty"` // tickets, seats, periods, parts
	Gross    string        `json:"gross,omitempty"` // income; below zero what was spent. These four are there if money is booked
	Fee      string        `json:"fee,omitempty"`   // the rail's
	Shares   string        `json:"shares,omitempty"`
	Net      string        `json:"net,omitempty"`
	Postings []PostingView `json:"postings,omitempty"` // sum to zero
}

// A PostingView is an amount that is moved onto an account or, below zero, off it.
type PostingView struct {
	Account string `json:"account"`
	Money   string `json:"money"`
}

func entryView(l ledger.Line) EntryView {
	v := EntryView{Number: l.Number, Epoch: l.Epoch, Height: l.Entry.Seq, ID: l.Entry.ID.String(), Time: l.Entry.Time, Kind: l.Entry.Kind.String(), With: l.With, Rail: l.Rail, Name: l.Name, Tax: l.Tax, Word: l.Word, Count: l.Count}
	if l.Purpose != 0 {
		v.Purpose = l.Purpose.String()
	}
	if !l.Sum.IsZero() {
		v.Sum = l.Sum.String()
	}
	if len(l.Postings) == 0 {
		return v
	}
	money := func(a ledger.Amount) string { return ledger.Money{Amount: a, Cur: l.Cur}.String() }
	r := l.Result()
	v.Gross, v.Fee, v.Shares, v.Net = money(r.Gross), money(r.Fee), money(r.Shares), money(r.Net)
	for _, p := range l.Postings {
		v.Postings = append(v.Postings, PostingView{string(p.Account), money(p.Amount)})
	}
	return v
}

// Entries calls f with every entry, the oldest first, until f returns an error.
func (l *Ledger) Entries(f func(EntryView) error) error {
	if l == nil {
		return nil
	}
	return l.store.Journal(func(line ledger.Line) error { return f(entryView(line)) })
}

// Last calls f with the newest n entries, without what they moved, which takes reading all of them.
func (l *Ledger) Last(n uint64, f func(EntryView) error) error {
	if l == nil {
		return nil
	}
	return l.store.Last(n, func(line ledger.Line) error { return f(entryView(line)) })
}

// A VerifyView is what a walk over the whole ledger found.
type VerifyView struct {
	Entries uint64 `json:"entries"` // that are good
	Good    bool   `json:"good"`
	Problem string `json:"problem,omitempty"` // with the next one, or with the books
}

// Verify checks every signature, link, hash and line of the books, while the ledger is in use.
func (l *Ledger) Verify() VerifyView {
	if l == nil {
		return VerifyView{Good: true}
	}
	n, err := l.store.Verify()
	if err != nil {
		return VerifyView{Entries: n, Problem: err.Error()}
	}
	return VerifyView{Entries: n, Good: true}
}

// An AuditView is what this ledger can say of the dealings with somebody.
type AuditView struct {
	Person    doc.PublicKey `json:"person"`
	Good      bool          `json:"good"`
	Problem   string        `json:"problem,omitempty"`
	Documents int           `json:"documents"` // whose signatures were verified
	Entries   []EntryView   `json:"entries"`
	Balances  []BalanceView `json:"balances"`
	Devices   []DeviceView  `json:"devices"`           // that took money for them
	Network   *NetworkView  `json:"network,omitempty"` // what others say; nil if nobody was asked
}

// A DeviceView is one of somebody else's devices.
type DeviceView struct {
	Device doc.PublicKey `json:"device"`
	Frozen bool          `json:"frozen"` // it signed two different things in one place: the proof is kept here
	Seen   []SeenView    `json:"seen"`
}

// A SeenView is the newest checkpoint of a log that this node has seen, and signed.
type SeenView struct {
	Log       string `json:"log"`
	Size      uint64 `json:"size"`
	Time      int64  `json:"time"` // unix ms
	Witnesses int    `json:"witnesses"`
}

// Audit goes through the dealings with somebody.
func (l *Ledger) Audit(who doc.PublicKey) (AuditView, error) {
	v := AuditView{Person: who, Good: true, Entries: []EntryView{}, Balances: []BalanceView{}, Devices: []DeviceView{}}
	if l == nil {
		return v, nil
	}
	a, err := l.store.Audit(who)
	switch {
	case errors.Is(err, ledger.ErrCorrupt):
		v.Good, v.Problem = false, err.Error()
	case err != nil:
		return v, ledgerError(err)
	}
	v.Documents = a.Proven
	for _, line := range a.Lines {
		v.Entries = append(v.Entries, entryView(line))
	}
	for _, b := range a.Balances {
		v.Balances = append(v.Balances, balanceView(b))
	}
	for _, d := range a.Devices {
		v.Devices = append(v.Devices, DeviceView{Device: d.Key, Frozen: d.Frozen, Seen: []SeenView{}})
	}
	return v, l.auditSeen(&v)
}

// auditSeen adds what this node has seen of somebody's logs.
func (l *Ledger) auditSeen(v *AuditView) error {
	if l.seen == nil {
		return nil
	}
	list, err := l.seen.Of(v.Person, math.MaxInt)
	if err != nil {
		return ledgerError(err)
	}
	for _, one := range list {
		o, c, err := one.Read()
		if err != nil {
			return ledgerError(fmt.Errorf("%w: what was seen: %w", ledger.ErrCorrupt, err))
		}
		i := slices.IndexFunc(v.Devices, func(d DeviceView) bool { return d.Device == o.Device })
		if i < 0 {
			i = len(v.Devices)
			v.Devices = append(v.Devices, DeviceView{Device: o.Device, Seen: []SeenView{}})
		}
		v.Devices[i].Seen = append(v.Devices[i].Seen, SeenView{o.Log.String(), c.Size, one.Last, c.Witnesses(o.Device)})
	}
	for i, d := range v.Devices {
		p, err := l.seen.Fork(d.Device)
		if err != nil {
			return ledgerError(err)
		}
		if p != nil {
			v.Devices[i].Frozen = true
		}
	}
	return nil
}

// errNoLedger is for what makes no sense without one.
var errNoLedger = &UserError{Code: "no_ledger", Text: "There is no ledger yet: nothing was bought, sold or given."}

// Backup writes all entries, while the ledger is in use; ledger.KeepBackup takes them.
func (l *Ledger) Backup(w io.Writer) error {
	if l == nil {
		return errNoLedger
	}
	_, err := l.store.WriteBackup(w)
	return err
}

// RestoreLedger begins the next epoch of a ledger from a backup. newest is a checkpoint of that ledger that somebody else
// kept, nil if there is none. The home must have no ledger (else os.ErrExist), unless it may be set aside: it is then in the folder that is
// returned, and its own newest checkpoint, if it can be read, bounds what was lost. Until all is done the home stays as it was.
func RestoreLedger(h *Home, backup string, newest []byte, setAside bool, now time.Time) (l *Ledger, aside string, err error) {
	o := h.LedgerOptions(now)
	if h.hasLedger() {
		if !setAside {
			return nil, "", fmt.Errorf("%w: this home has a ledger", os.ErrExist)
		}
		if newest, err = outlived(o, backup, newest); err != nil {
			return nil, "", err
		}
		aside = h.path(ledgerFolder + ".replaced-" + now.UTC().Format("20060102T150405.000"))
	}
	if newest == nil {
		if newest, err = aheadOf(h, backup); err != nil {
			return nil, "", err
		}
	}
	made := o
	made.Dir = h.path(ledgerFolder + ".new")
	if err := os.RemoveAll(made.Dir); err != nil { // of a restore that did not end; nobody has seen it
		return nil, "", err
	}
	s, err := ledger.Restore(made, backup, newest)
	if err != nil {
		return nil, "", errors.Join(err, os.RemoveAll(made.Dir))
	}
	if err := s.Close(); err != nil {
		return nil, "", err
	}
	if aside != "" {
		if err := os.Rename(o.Dir, aside); err != nil {
			return nil, "", err
		}
	}
	if err := errors.Join(os.Rename(made.Dir, o.Dir), syncFolder(h.Dir)); err != nil {
		return nil, aside, err
	}
	l, err = OpenLedger(h, now)
	return l, aside, err
}

// outlived holds a backup to the ledger that is to be set aside, as far as that can still be read, and returns the newest
// checkpoint that is known of the backup's log.
func outlived(o ledger.Options, backup string, newest []byte) ([]byte, error) {
	s, err := ledger.Open(ledger.Options{Dir: o.Dir}) // without a key: to look at
	if err != nil {
		return newest, nil // it is damaged, which is why there is a backup
	}
	defer s.Close()
	of, err := ledger.CheckBackup(backup)
	if err != nil {
		return nil, err
	}
	var here ledger.Head
	if err := s.View(func(b *ledger.Books) error { here = b.Head; return nil }); err != nil {
		return newest, nil
	}
	if here.Person == of.Head.Person && here.Epoch > of.Head.Epoch {
		// Two logs of one epoch could give one seat to two people.
		return nil, fmt.Errorf("the backup is of epoch %d, from before the restore that began epoch %d here: take a later one", of.Head.Epoch, here.Epoch)
	}
	if newest == nil && here.Log == of.Head.Log {
		newest, _ = s.Newest() // an error is none
	}
	return newest, nil
}

// aheadOf is the checkpoint of a backup's log that others have shown to this node, if there is more in that than in the backup.
func aheadOf(h *Home, backup string) ([]byte, error) {
	w, err := heldWitness(h)
	if err != nil || w == nil {
		return nil, err
	}
	of, err := ledger.CheckBackup(backup)
	if err != nil {
		return nil, errors.Join(err, w.Close())
	}
	raw, err := w.IsAhead(of.Head.Log)
	if err = errors.Join(err, w.Close()); err != nil || raw == nil {
		return nil, err
	}
	if c, err := ledger.OpenCheckpoint(raw); err != nil || c.Size <= of.Head.Size {
		return nil, err
	}
	return raw, nil
}

// A HealthView is what fsck found, and did.
type HealthView struct {
	Entries  uint64   `json:"entries"` // that are good
	Epoch    uint32   `json:"epoch"`
	Log      string   `json:"log,omitempty"`
	Good     bool     `json:"good"`
	Problems []string `json:"problems"`
	Repaired []string `json:"repaired"`
}

// CheckLedger walks every byte of the ledger of a home, which nobody may have open, and with repair writes a damaged copy
// anew from the other.
func CheckLedger(h *Home, repair bool) (HealthView, error) {
	v := HealthView{Good: true, Problems: []string{}, Repaired: []string{}}
	if !h.hasLedger() {
		return v, nil
	}
	found, err := ledger.Fsck(h.path(ledgerFolder), repair)
	if found.Entries > 0 {
		v.Log = found.Head.Log.String()
	}
	v.Entries, v.Epoch, v.Repaired = found.Entries, found.Head.Epoch, append(v.Repaired, found.Repaired...)
	for _, p := range found.Problems {
		v.Problems = append(v.Problems, p.Error())
	}
	v.Good = len(found.Problems) == 0 || err == nil && len(found.Repaired) > 0
	return v, err
}
