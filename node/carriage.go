package node

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"salon/ledger"
	"salon/ledger/doc"
	"salon/node/market"
	"salon/node/pool"
	"salon/relay"
	"salon/room"
)

// What relays hand over of what they carried for our rooms by ticket. A record counts if its author came in with a ticket of ours, by
// what they signed when they came: the claim with which they showed it. So a relay's friends count only as listeners who have paid,
// and the host needs to have seen nobody itself.

const (
	carriageFolder = "carriage"
	wordsMost      = 16384   // of one room
	wordsFileMost  = 8 << 20 // bytes of them, of which the last of a period counts
)

// carriageBook is what was handed over for our rooms.
type carriageBook struct {
	mu      sync.Mutex // guards the fields below
	rooms   map[room.ID]map[wordKey]pool.Word
	devices map[ledger.Key]ledger.Key // person -> a relay of theirs, since the start
}

type wordKey struct {
	via, device pool.Key
	since       int64
}

func newCarriageBook() *carriageBook {
	return &carriageBook{rooms: make(map[room.ID]map[wordKey]pool.Word), devices: make(map[ledger.Key]ledger.Key)}
}

var errForeignRecord = errors.New("node: a record that counts for nothing")

// takeCarriage takes what a relay hands over. What proves nothing is left out, and counted.
func (n *Node) takeCarriage(by doc.Author, of ledger.Room, list []market.Carriage) error {
	m := n.shop.market.Load()
	if m == nil {
		return errNoLedger // it is not sold here, then
	}
	now := time.Now()
	var words []pool.Word
	for _, c := range list {
		w, err := wordOf(m, by, of, c, now)
		if errors.Is(err, errForeignRecord) {
			n.counts.Add("carriage_refused")
			continue
		}
		if err != nil {
			return err
		}
		words = append(words, w)
	}
	if len(words) == 0 {
		return nil
	}
	n.carriage.mu.Lock()
	n.carriage.devices[by.Person] = by.Device
	err := n.keepWords(room.ID(of), words)
	n.carriage.mu.Unlock()
	n.watch.tell(Change{Kind: StatusChanged})
	return err
}

// wordOf checks a record, and what its author came in with.
func wordOf(m *market.Market, by doc.Author, of ledger.Room, c market.Carriage, now time.Time) (w pool.Word, err error) {
	s, author, err := relay.OpenService(c.Record, now)
	if err != nil {
		return w, fmt.Errorf("%w: %w", errForeignRecord, err)
	}
	claim, who, err := room.OpenClaim(c.Claim, now)
	if err != nil {
		return w, fmt.Errorf("%w: %w", errForeignRecord, err)
	}
	t, id, err := ledger.OpenDocument[ledger.Ticket](claim.Ticket)
	if err != nil {
		return w, fmt.Errorf("%w: %w", errForeignRecord, err)
	}
	seat, in, since, known, err := m.SeatOf(id)
	if err != nil {
		return w, err
	}
	switch {
	case s.Relay != by.Device || s.Room != [16]byte(of) || room.ID(of) != claim.Room || author != who:
		return w, fmt.Errorf("%w: of another relay, room or listener", errForeignRecord)
	case !known || in != of || t.Holder != who.Person && !claim.IsHeld(t.Holder, who):
		return w, fmt.Errorf("%w: no ticket of ours", errForeignRecord)
	case s.Since < since.Add(-doc.Skew).UnixMilli():
		return w, fmt.Errorf("%w: from before the room", errForeignRecord)
	}
	place := sha256.Sum256(append(slices.Clone(seat.Offer[:]), binary.BigEndian.AppendUint32(nil, seat.Serial)...))
	return pool.Word{Relay: pool.Key(by.Person), Via: pool.Key(by.Device), Seat: place, Person: pool.Key(who.Person), Device: pool.Key(who.Device),
		Since: s.Since, Until: s.Until, Frames: s.Frames}, nil
}

// keepWords keeps words of a room, and writes them down. n.carriage.mu is held.
func (n *Node) keepWords(id room.ID, words []pool.Word) error {
	have, err := n.wordsOf(id)
	if err != nil {
		return err
	}
	var lines bytes.Buffer
	for _, w := range words {
		key := wordKey{w.Via, w.Device, w.Since}
		before, known := have[key]
		if known && before.Frames >= w.Frames || !known && len(have) >= wordsMost {
			continue
		}
		have[key] = w
		raw, err := json.Marshal(w)
		if err != nil {
			return err
		}
		lines.Write(append(raw, '\n'))
	}
	if lines.Len() == 0 {
		return nil
	}
	path := n.carriagePath(id)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	if info, err := os.Stat(path); err == nil && info.Size()+int64(lines.Len()) > wordsFileMost {
		lines.Reset() // the last of each period are enough
		for _, w := range have {
			raw, err := json.Marshal(w)
			if err != nil {
				return err
			}
			lines.Write(append(raw, '\n'))
		}
		return replaceFile(path, lines.Bytes(), false)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(lines.Bytes())
	return errors.Join(err, f.Close())
}

func (n *Node) carriagePath(id room.ID) string {
	return n.home.path(filepath.Join(carriageFolder, id.String()+".jsonl"))
}

// wordsOf are those of a room. n.carriage.mu is held.
func (n *Node) wordsOf(id room.ID) (map[wordKey]pool.Word, error) {
	if have := n.carriage.rooms[id]; have != nil {
		return have, nil
	}
	have := make(map[wordKey]pool.Word)
	raw, err := readAtMost(n.carriagePath(id), 2*wordsFileMost)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	lines := bufio.NewScanner(bytes.NewReader(raw))
	for lines.Scan() {
		var w pool.Word
		if json.Unmarshal(lines.Bytes(), &w) == nil { // the last line may be cut off: its relay says it again
			have[wordKey{w.Via, w.Device, w.Since}] = w
		}
	}
	n.carriage.rooms[id] = have
	return have, nil
}

// weights are what the relays of a room of ours have carried.
func (n *Node) weights(id room.ID) ([]pool.Weight, error) {
	n.carriage.mu.Lock()
	defer n.carriage.mu.Unlock()
	have, err := n.wordsOf(id)
	if err != nil {
		return nil, err
	}
	words := make([]pool.Word, 0, len(have))
	for _, w := range have {
		words = append(words, w)
	}
	return pool.Weigh(words), nil
}

// relayOf is a device of somebody who handed something over, zero if that is not known.
func (n *Node) relayOf(person ledger.Key) ledger.Key {
	n.carriage.mu.Lock()
	defer n.carriage.mu.Unlock()
	return n.carriage.devices[person]
}
