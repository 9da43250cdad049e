package node

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"time"

	"salon/ledger"
	"salon/ledger/doc"
	"salon/node/witness"
)

// A WitnessView is a node that has seen how far a ledger goes, and has signed that.
type WitnessView struct {
	Device doc.PublicKey `json:"device"`
	Person doc.PublicKey `json:"person,omitzero"` // whose device that is, as it has shown; none if it has not
	Name   string        `json:"name,omitempty"`  // what that person calls themselves
	Time   int64         `json:"time"`            // unix ms: when it signed, by its own clock
}

// A ProvenView is where something is in its seller's books, as others have seen these.
type ProvenView struct {
	Log       string        `json:"log"`
	Height    uint64        `json:"height"` // of the entry, from 0
	Size      uint64        `json:"size"`   // entries that the log had when that was proven
	Witnesses []WitnessView `json:"witnesses"`
}

// A ForkView is the proof that somebody has signed two different ledgers in one place. It holds, and whoever has it needs to believe
// nobody.
type ForkView struct {
	Person doc.PublicKey `json:"person"`
	Device doc.PublicKey `json:"device"`
	Log    string        `json:"log"`
	Epoch  uint32        `json:"epoch"`
	How    string        `json:"how"`   // checkpoints: two at one size; growth: one that did not grow from another; logs: two of one epoch
	Proof  string        `json:"proof"` // base64: ledger.ForkProof, as it travels
}

// witnessViews lists who cosigned a checkpoint of a device's log.
func witnessViews(seen *ledger.Witness, list []ledger.Cosigner, device doc.PublicKey) []WitnessView {
	views := []WitnessView{}
	for _, c := range list {
		if c.By == device {
			continue
		}
		v := WitnessView{Device: c.By, Time: c.Time * 1000}
		if seen != nil {
			v.Person, v.Name = seen.Whose(c.By, time.Unix(c.Time, 0))
		}
		views = append(views, v)
	}
	return views
}

var forkKinds = map[ledger.Fork]string{ledger.ForkCheckpoints: "checkpoints", ledger.ForkGrowth: "growth", ledger.ForkLogs: "logs"}

// forkView shows a proof, if it holds.
func forkView(p ledger.ForkProof) (*ForkView, error) {
	o, err := p.Verify()
	if err != nil {
		return nil, err
	}
	raw, err := doc.Marshal(p)
	if err != nil {
		return nil, err
	}
	return &ForkView{Person: o.Person, Device: o.Device, Log: o.Log.String(), Epoch: o.Epoch, How: forkKinds[p.Kind], Proof: base64.StdEncoding.EncodeToString(raw)}, nil
}

// fork is the proof against a person or a device that this node has, nil if none.
func (l *Ledger) fork(who doc.PublicKey) (*ForkView, error) {
	if l == nil || l.seen == nil {
		return nil, nil
	}
	list, err := l.seen.ForksOf(who, 1)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return forkView(list[0])
}

// proven is where what was bought is in its seller's log, nil if that was not proven yet.
func (l *Ledger) proven(receipt ledger.ID, seller doc.PublicKey) (*ProvenView, error) {
	if l.seen == nil {
		return nil, nil
	}
	p, err := l.seen.Proven(receipt)
	if err != nil || p == nil {
		return nil, err
	}
	o, c, e, err := p.Check(receipt, seller)
	if err != nil {
		return nil, fmt.Errorf("%w: what proves the receipt: %w", ledger.ErrCorrupt, err)
	}
	return &ProvenView{Log: o.Log.String(), Height: e.Seq, Size: c.Size, Witnesses: witnessViews(l.seen, c.Seen, seller)}, nil
}

// A NetworkView is what others say of somebody's ledgers.
type NetworkView struct {
	Seen     []SightingView     `json:"seen"`
	Forks    []ForkView         `json:"forks"`
	Failed   []FailedView       `json:"failed"`
	Receipts []ReceiptProofView `json:"receipts"`
}

// A SightingView is what one node has seen of one log, or what its own device shows.
type SightingView struct {
	By      doc.PublicKey `json:"by"` // the device that says so
	Person  doc.PublicKey `json:"person,omitzero"`
	Name    string        `json:"name,omitempty"`
	Device  doc.PublicKey `json:"device"` // whose log it is
	Log     string        `json:"log"`
	Epoch   uint32        `json:"epoch"`
	Size    uint64        `json:"size"`
	Time    int64         `json:"time"`              // unix ms
	Verdict string        `json:"verdict"`           // shown: by its device itself; agrees; apart: its device did not show its log; cut: its device could not be reached any more while it was asked; hidden: not proven to be the one that is shown; forked
	Detail  string        `json:"problem,omitempty"` // of hidden and cut
}

// A FailedView is a node that gave no answer that holds.
type FailedView struct {
	Device  doc.PublicKey `json:"device"`
	Owner   bool          `json:"owner"` // it is one of the person's own
	Problem string        `json:"problem"`
}

// A ReceiptProofView says whether a receipt of ours is in its seller's log.
type ReceiptProofView struct {
	Receipt string        `json:"receipt"`
	Seller  doc.PublicKey `json:"seller"`
	Proven  bool          `json:"proven"`
	Problem string        `json:"problem,omitempty"`
}

// auditWithin bounds how long an audit over the network takes.
const auditWithin = time.Minute

// Audit goes through the dealings with somebody, and asks over the network for what others have seen of their ledgers: the person's
// devices, as far as they are known, and the nodes that this one knows.
func (n *Node) Audit(ctx context.Context, who doc.PublicKey) (AuditView, error) {
	l, err := n.Ledger()
	if err != nil {
		return AuditView{}, err
	}
	v, err := l.Audit(who)
	if err != nil {
		return v, err
	}
	var devices []ledger.Key
	add := func(k ledger.Key) {
		if !k.IsZero() && k != n.author().Device && !slices.Contains(devices, k) {
			devices = append(devices, k)
		}
	}
	for _, d := range v.Devices {
		add(d.Device)
	}
	for _, live := range n.dir.Live(time.Now()) {
		if live.ann.Host == who {
			add(live.device)
		}
	}
	receipts, err := l.receiptsFrom(who, v)
	if err != nil {
		return v, err
	}
	ctx, cancel := context.WithTimeout(ctx, auditWithin)
	defer cancel()
	r, err := n.witness.Audit(ctx, who, devices, receipts)
	if err != nil {
		return v, err
	}
	v.Network, err = n.networkView(r)
	if v.Good && !r.Good() {
		v.Good, v.Problem = false, "others have seen other books of this person than they show: see above"
		if len(r.Forks) > 0 {
			v.Problem = "this person signed two different books, which is proven"
		}
	}
	return v, err
}

// receiptsFrom are those that this person has from somebody, by the device that gave them.
func (l *Ledger) receiptsFrom(who doc.PublicKey, v AuditView) (map[ledger.Key][]ledger.ID, error) {
	list := map[ledger.Key][]ledger.ID{}
	if l == nil {
		return list, nil
	}
	numbers := map[uint64]bool{}
	for _, e := range v.Entries {
		numbers[e.Number] = e.With == who && e.Kind == ledger.KindGot.String()
	}
	err := l.store.Entries(0, func(n uint64, e ledger.Entry) bool {
		if got, ok := e.Body.(*ledger.Got); ok && numbers[n] {
			if r, _, err := ledger.ReadDocument[ledger.Receipt](e.Docs[0]); err == nil {
				list[r.By] = append(list[r.By], got.Receipt)
			}
		}
		return true
	})
	return list, err
}

func (n *Node) networkView(r witness.Report) (*NetworkView, error) {
	v := &NetworkView{Seen: []SightingView{}, Forks: []ForkView{}, Failed: []FailedView{}, Receipts: []ReceiptProofView{}}
	seen, err := n.seenLogs()
	if err != nil {
		return v, err
	}
	for _, s := range r.Seen {
		one := SightingView{By: s.By, Device: s.Of.Device, Log: s.Of.Log.String(), Epoch: s.Of.Epoch, Size: s.Size, Time: s.Time, Verdict: "agrees"}
		switch {
		case errors.Is(s.Held, ledger.ErrFrozen):
			one.Verdict = "forked"
		case errors.Is(s.Held, witness.ErrApart):
			one.Verdict = "apart"
		case errors.Is(s.Held, witness.ErrCut):
			one.Verdict, one.Detail = "cut", s.Held.Error()
		case s.Held != nil:
			one.Verdict, one.Detail = "hidden", s.Held.Error()
		case s.By == s.Of.Device:
			one.Verdict = "shown"
		}
		if one.Person, one.Name = seen.Whose(s.By, time.Now()); s.By == n.author().Device {
			one.Person, one.Name = n.Person(), n.displayName()
		}
		v.Seen = append(v.Seen, one)
	}
	for _, p := range r.Forks {
		f, err := forkView(p)
		if err != nil {
			return v, err
		}
		v.Forks = append(v.Forks, *f)
	}
	for _, f := range r.Failed {
		v.Failed = append(v.Failed, FailedView{Device: f.Device, Owner: f.Owner, Problem: f.Err.Error()})
	}
	for _, c := range r.Receipts {
		one := ReceiptProofView{Receipt: c.ID.String(), Seller: c.Seller, Proven: c.Err == nil}
		if c.Err != nil {
			one.Problem = c.Err.Error()
		}
		v.Receipts = append(v.Receipts, one)
	}
	return v, nil
}

const (
	lookWithin = 2 * time.Second // before one buys, nodes that do not answer are not waited for any longer
	lookAt     = 3               // nodes
)

// catching is caught, beside something else: as a rule that takes no longer.
func (n *Node) catching(ctx context.Context, seller doc.PublicKey) <-chan *ForkView {
	found := make(chan *ForkView, 1)
	go func() { found <- n.caught(ctx, seller) }()
	return found
}

// caught is the proof against a seller that this node has, or one of a few connected ones that it asks; nil if none has any.
func (n *Node) caught(ctx context.Context, seller doc.PublicKey) *ForkView {
	ctx, cancel := context.WithTimeout(ctx, lookWithin)
	defer cancel()
	peers := n.connectedDevices()
	list, err := n.witness.Look(ctx, seller, peers[:min(len(peers), lookAt)])
	if err != nil || len(list) == 0 {
		return nil
	}
	f, err := forkView(list[0])
	if err != nil {
		n.o.Log.Error("a proof that was kept does not hold", "err", err)
	}
	return f
}
