package node

import (
	"encoding/hex"
	"errors"

	"salon/ledger"
	"salon/ledger/doc"
)

// An EvidenceView says who has signed what of one entry of the ledger.
type EvidenceView struct {
	Entry     string        `json:"entry"`
	Kind      string        `json:"kind"`
	Time      int64         `json:"time"` // unix ms
	Log       string        `json:"log"`
	Height    uint64        `json:"height"`
	Good      bool          `json:"good"` // every signature holds
	Problem   string        `json:"problem,omitempty"`
	Signed    []SignedView  `json:"signed"`
	Size      uint64        `json:"size"`             // entries that this log had when these saw it; 0 if nobody has
	Witnesses []WitnessView `json:"witnesses"`        // others who have signed how this log stood, with the entry in it
	Proven    *ProvenView   `json:"proven,omitempty"` // of what was bought: where it is in its seller's log
	Fork      *ForkView     `json:"fork,omitempty"`   // whoever sold it has signed two different ledgers
}

// A SignedView is one signature.
type SignedView struct {
	What  string        `json:"what"` // entry, order, quote, receipt, ticket, iou, certificate...
	ID    string        `json:"id,omitempty"`
	By    doc.PublicKey `json:"by"`
	Whose string        `json:"whose"`        // you (this device), purchase (a key that you made for it), buyer, seller (their device), person (whose device it is)
	For   doc.PublicKey `json:"for,omitzero"` // the device that a certificate is for
}

var errNoEntry = &UserError{Code: "no_entry", Text: "There is no such entry, receipt or ticket in this ledger."}

// Evidence verifies again what an entry rests on. It is named by its ID, or by that of its receipt or of a ticket.
func (l *Ledger) Evidence(id string) (EvidenceView, error) {
	v := EvidenceView{Signed: []SignedView{}, Witnesses: []WitnessView{}}
	raw, err := hex.DecodeString(id)
	if l == nil || err != nil || len(raw) != len(ledger.ID{}) {
		return v, errNoEntry
	}
	ev, err := l.store.Evidence(ledger.ID(raw))
	switch {
	case errors.Is(err, ledger.ErrUnknown):
		return v, errNoEntry
	case errors.Is(err, ledger.ErrCorrupt):
		v.Problem = err.Error()
	case err != nil:
		return v, ledgerError(err)
	}
	e := ev.Entry
	v.Entry, v.Kind, v.Time, v.Log, v.Height, v.Good = e.ID.String(), e.Kind.String(), e.Time, e.Log.String(), e.Seq, err == nil
	bought := false // or else sold
	for _, s := range ev.Signed {
		bought = bought || s.What == "certificate"
	}
	for _, s := range ev.Signed {
		one := SignedView{What: s.What, By: s.By, For: s.For}
		if !s.ID.IsZero() {
			one.ID = s.ID.String()
		}
		switch {
		case s.By == ev.Device:
			one.Whose = "you"
		case s.What == "certificate":
			one.Whose = "person"
		case s.What == "quote" || s.What == "receipt" || s.What == "ticket":
			one.Whose = "seller"
		case bought:
			one.Whose = "purchase"
		default:
			one.Whose = "buyer"
		}
		v.Signed = append(v.Signed, one)
	}
	v.Size, v.Witnesses = ev.Size, witnessViews(l.seen, ev.Seen, ev.Device)
	return v, l.sellerSeen(&v, ev)
}

// sellerSeen adds what others have seen of the log of whoever sold this.
func (l *Ledger) sellerSeen(v *EvidenceView, ev ledger.Evidence) error {
	for _, one := range v.Signed {
		if one.Whose != "seller" {
			continue
		}
		if got, ok := ev.Entry.Body.(*ledger.Got); ok && one.What == "receipt" {
			proven, err := l.proven(got.Receipt, one.By)
			switch {
			case errors.Is(err, ledger.ErrCorrupt):
				v.Good, v.Problem = false, err.Error()
			case err != nil:
				return ledgerError(err)
			}
			v.Proven = proven
		}
		if v.Fork == nil {
			fork, err := l.fork(one.By)
			if err != nil {
				return ledgerError(err)
			}
			v.Fork = fork
		}
	}
	return nil
}
