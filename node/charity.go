package node

import (
	"encoding/base64"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"salon/ledger"
	"salon/ledger/doc"
)

// A charity says with its own key where it is paid. Who collects for it keeps that word, a file for each, and shows it with every tip:
// without it the tip is but a pledge.

const charityFolder = "charity"

// A PlaceView is where somebody says that they are paid.
type PlaceView struct {
	Person  doc.PublicKey `json:"person"`
	Rail    string        `json:"rail"`
	Address string        `json:"address"`
	Word    string        `json:"word"` // all of it as they signed it, in base64: to be given to who collects for them
}

// charity is the word of a charity that this home keeps; nil if it has none.
func (h *Home) charity(who ledger.Key) []byte {
	raw, err := os.ReadFile(filepath.Join(h.path(charityFolder), who.String()))
	if err != nil {
		return nil
	}
	return raw
}

// placeFor is how long a word on where somebody is paid holds.
const placeFor = 5 * 365 * 24 * time.Hour

// Address puts on record where this node's person is paid.
func (n *Node) Address(rail, address string) (PlaceView, error) {
	m, err := n.Market()
	if err != nil {
		return PlaceView{}, err
	}
	p, err := m.Address(rail, address, time.Now().Add(placeFor))
	if errors.Is(err, ledger.ErrField) {
		return PlaceView{}, &UserError{Code: "bad_address", Text: "Say a way of paying, such as lnd, and an address of it, without spaces."}
	}
	if err != nil {
		return PlaceView{}, err
	}
	raw, err := p.Encode()
	return PlaceView{Person: n.Person(), Rail: rail, Address: address, Word: base64.StdEncoding.EncodeToString(raw)}, err
}

// KeepCharity keeps a charity's word, if it is one.
func (n *Node) KeepCharity(word string) (PlaceView, error) {
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(word))
	if err != nil {
		return PlaceView{}, errBadWord
	}
	who, at, err := ledger.ParsePlace(raw, time.Now())
	if err != nil {
		return PlaceView{}, errBadWord
	}
	folder := n.home.path(charityFolder)
	if err := os.Mkdir(folder, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return PlaceView{}, err
	}
	return PlaceView{Person: who, Rail: at.Rail, Address: at.Address, Word: word}, writeFile(filepath.Join(folder, who.String()), raw)
}

var errBadWord = &UserError{Code: "bad_word", Text: "That is not what somebody has signed on where they are paid, or it has run out."}
