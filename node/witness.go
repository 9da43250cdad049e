package node

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"

	"github.com/libp2p/go-libp2p/core/network"

	"salon/ledger"
	"salon/node/witness"
)

// witnessFile is what this node has seen of other people's ledgers, and what others have proven to it. It is no part of the ledger: a
// backup has none of it, and an old copy of the ledger does not take it back.
const witnessFile = "witness.db"

// witnessing is this node's part in watching ledgers: as a witness, and as who asks them.
type witnessing struct {
	*witness.Service
	store atomic.Pointer[ledger.Store] // this node's own, once it is open

	mu  sync.Mutex // guards the fields below
	db  *ledger.Witness
	err error // why it cannot be opened; until the node starts again
}

func (n *Node) newWitnessing() {
	changed := func() { n.watch.tell(Change{Kind: StatusChanged}) }
	n.witness.Service = witness.New(witness.Options{Identity: n.id(), Name: n.displayName, Open: n.seenLogs, Store: n.witness.store.Load,
		Dial: n.dialWitness, Peers: n.witnesses, Doubted: func(err error) { n.notice(explain(err).Text); changed() }, Changed: changed, Count: n.counts.Add, Log: n.o.Log})
}

// seenLogs opens what this node has seen; most nodes never see any.
func (n *Node) seenLogs() (*ledger.Witness, error) {
	w := &n.witness
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.db == nil && w.err == nil {
		if w.err = n.ctx.Err(); w.err == nil {
			w.db, w.err = ledger.OpenWitness(ledger.WitnessOptions{Path: n.home.path(witnessFile), Key: n.id().Device(), Known: n.dealtWith})
		}
		if w.err != nil {
			n.o.Log.Error("no witness", "err", w.err)
		}
	}
	return w.db, w.err
}

// heldWitness is what a home has seen, nil if nothing, for who only reads.
func heldWitness(h *Home) (*ledger.Witness, error) {
	path := h.path(witnessFile)
	if _, err := os.Stat(path); err != nil {
		return nil, nil
	}
	return ledger.OpenWitness(ledger.WitnessOptions{Path: path, Key: h.id.Device()})
}

// dealtWith reports whether this node's person has bought from somebody.
func (n *Node) dealtWith(person ledger.Key) bool {
	for _, note := range n.home.roomNotes() {
		if note.Host.Person == person {
			return true
		}
	}
	return false
}

func (n *Node) closeWitness() error {
	n.witness.mu.Lock()
	defer n.witness.mu.Unlock()
	if n.witness.db == nil {
		return nil
	}
	return n.witness.db.Close()
}

// serveWitness answers one peer.
func (n *Node) serveWitness(s network.Stream) {
	n.witness.Serve(n.ctx, string(s.Conn().RemotePeer()), s)
}

// dialWitness opens a stream to a device, if it is known where it is.
func (n *Node) dialWitness(ctx context.Context, device ledger.Key) (witness.Stream, error) {
	id, err := peerOf(device)
	if err != nil {
		return nil, err
	}
	if len(n.host.Peerstore().Addrs(id)) == 0 {
		n.findSeller(device, id)
	}
	return n.host.NewStream(ctx, id, witness.Protocol)
}

// connectedDevices are those of nodes that are connected, in no order.
func (n *Node) connectedDevices() []ledger.Key {
	var list []ledger.Key
	n.mu.Lock()
	for id := range n.peers {
		if device, err := deviceOf(id); err == nil {
			list = append(list, device)
		}
	}
	n.mu.Unlock()
	rand.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list
}

// witnesses are devices that may be asked: those that are connected, then those that were met.
func (n *Node) witnesses() []ledger.Key {
	list := n.connectedDevices()
	seen := map[ledger.Key]bool{}
	for _, device := range list {
		seen[device] = true
	}
	for _, met := range n.book.Recent(bookSize) {
		if device, err := deviceOf(met.ID); err == nil && !seen[device] {
			seen[device] = true
			list = append(list, device)
		}
	}
	return list
}

// watchLedger has others watch this node's ledger, which was just opened, and watches those of sellers. n.mu is held.
func (n *Node) watchLedger(store *ledger.Store) {
	n.witness.store.Store(store)
	n.wg.Go(func() { n.witness.Collect(n.ctx, store) })
	n.wg.Go(func() {
		told := map[string]bool{}
		n.witness.Receipts(n.ctx, store, func(_ ledger.ID, seller ledger.Key, err error) {
			if text := hiddenText(seller, err); !told[text] {
				told[text] = true
				n.notice(text)
			}
		})
	})
}

func hiddenText(seller ledger.Key, err error) string {
	who := "A seller (computer " + seller.Short() + ")"
	if errors.Is(err, ledger.ErrFrozen) {
		return who + " that you bought from keeps two different books: the proof is kept here. Your receipt and tickets are signed and stay good as proof of what you paid."
	}
	return who + " that you bought from could not show that its books are those that others have seen. Keep your receipts; 'salon ledger audit' says more."
}

// explainedOldCopy is what a person is told whose ledger is an old copy.
var explainedOldCopy = UserError{Code: "ledger_old_copy", Text: "This ledger is an old copy, or is in use in two places: others have seen it with other entries, and have your signature on that. " +
	"Nothing is written to it any more, so nothing can be sold or bought. Stop salon, then 'salon ledger backup FILE' and 'salon ledger restore FILE --replace': a new epoch begins, and what was on sale is offered again."}
