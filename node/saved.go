package node

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// savedFile says when keys and ledger of a home were saved elsewhere last, in unix ms. It is its own file: 'salon keys export' writes
// it beside a running node.
const savedFile = "keys.saved"

func (h *Home) noteSaved(now time.Time) error {
	return writeFile(h.path(savedFile), []byte(strconv.FormatInt(now.UnixMilli(), 10)+"\n"))
}

// savedAt is when that was; 0 for never.
func (h *Home) savedAt() int64 {
	b, err := os.ReadFile(h.path(savedFile))
	if err != nil {
		return 0
	}
	at, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
	if err != nil {
		return 0
	}
	return at
}

// KeysKept is whether keys and ledger are saved elsewhere.
type KeysKept struct {
	Due   bool  `json:"due"`   // there is something to lose, nothing was saved, and the person was not asked
	Saved int64 `json:"saved"` // unix ms; 0: never
}

// KeysKept says whether the person should be asked to save their keys: from the first room or purchase on, once.
func (n *Node) KeysKept() KeysKept {
	s := n.home.settings()
	v := KeysKept{Saved: n.home.savedAt()}
	v.Due = v.Saved == 0 && !s.KeysLater && s.KeysMatter
	return v
}

// KeepKeysLater notes that the person does not want to save them now.
func (n *Node) KeepKeysLater(later bool) error {
	return n.home.changeSettings(func(s *settings) { s.KeysLater = later })
}

// keysMatter notes that this person has opened a room or bought something: with the keys that would be lost. If it cannot be noted
// the person is asked to save them another time.
func (n *Node) keysMatter() {
	if n.home.settings().KeysMatter {
		return
	}
	if err := n.home.changeSettings(func(s *settings) { s.KeysMatter = true }); err != nil {
		n.o.Log.Warn("settings not kept", "err", err)
	}
}

func (h *Home) changeSettings(f func(*settings)) error {
	h.settingsMu.Lock()
	defer h.settingsMu.Unlock()
	s := h.settings()
	f(&s)
	return h.setSettings(s)
}

// ExportKeys makes an encrypted file of keys and ledger, as SafeKeys writes one, and notes that it was made.
func (n *Node) ExportKeys(passphrase string, now time.Time) ([]byte, error) {
	if utf8.RuneCountInString(passphrase) < PassphraseLeast {
		return nil, &UserError{Code: "bad_passphrase", Text: fmt.Sprintf("A passphrase has at least %d characters; four or five random words are easy to keep.", PassphraseLeast)}
	}
	n.sealing.Lock() // a passphrase costs much memory to derive a key from
	defer n.sealing.Unlock()
	l, err := n.Ledger()
	if err != nil {
		return nil, err
	}
	v, err := l.View()
	if err != nil {
		return nil, err
	}
	var backup func(io.Writer) error
	if v.Entries > 0 {
		backup = l.Backup
	}
	content, err := safeContent(n.home.Dir, backup, now)
	if err != nil {
		return nil, err
	}
	sealed, _, err := sealAndOpen(content, passphrase, n.home.Dir)
	if err != nil {
		return nil, err
	}
	return sealed, n.home.noteSaved(now)
}
