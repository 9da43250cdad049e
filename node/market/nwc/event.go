package nwc

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"
)

// Kinds of events, of NIP-47.
const (
	kindInfo         = 13194
	kindRequest      = 23194
	kindResponse     = 23195
	kindNotification = 23197
)

// An Event is Nostr's, as in NIP-01. It is exported for the wallet of tests.
type Event struct {
	ID        string     `json:"id"`
	PubKey    string     `json:"pubkey"`
	CreatedAt int64      `json:"created_at"`
	Kind      int        `json:"kind"`
	Tags      [][]string `json:"tags"`
	Content   string     `json:"content"`
	Sig       string     `json:"sig"`
}

// A Key signs events and seals what is in them.
type Key struct {
	secret *btcec.PrivateKey
	public [32]byte // x alone, as in BIP-340
}

// goodSecret reports whether there is such a key: not zero, and below the order of the group.
func goodSecret(s [32]byte) bool {
	var n btcec.ModNScalar
	return n.SetBytes(&s) == 0 && !n.IsZero()
}

func newKey(s [32]byte) Key {
	secret, public := btcec.PrivKeyFromBytes(s[:])
	return Key{secret: secret, public: [32]byte(schnorr.SerializePubKey(public))}
}

// NewKey makes a random one.
func NewKey() (Key, error) {
	for {
		var s [32]byte
		rand.Read(s[:])
		if goodSecret(s) {
			return newKey(s), nil
		}
	}
}

// Public is the key that others know, in hex.
func (k Key) Public() string { return hex.EncodeToString(k.public[:]) }

// Secret is what a connection has in it, in hex.
func (k Key) Secret() string { return hex.EncodeToString(k.secret.Serialize()) }

// Sign makes an event of now.
func (k Key) Sign(kind int, tags [][]string, content string) (Event, error) {
	e := Event{PubKey: k.Public(), CreatedAt: time.Now().Unix(), Kind: kind, Tags: tags, Content: content}
	id := e.hash()
	sig, err := schnorr.Sign(k.secret, id[:])
	if err != nil {
		return Event{}, err
	}
	e.ID, e.Sig = hex.EncodeToString(id[:]), hex.EncodeToString(sig.Serialize())
	return e, nil
}

var errEvent = errors.New("nwc: an event that nobody signed so")

// Verify holds an event to its signature.
func (e Event) Verify() error {
	id := e.hash()
	if hex.EncodeToString(id[:]) != e.ID {
		return errEvent
	}
	key, err := hex.DecodeString(e.PubKey)
	if err != nil {
		return errEvent
	}
	public, err := schnorr.ParsePubKey(key)
	if err != nil {
		return fmt.Errorf("%w: %w", errEvent, err)
	}
	raw, err := hex.DecodeString(e.Sig)
	if err != nil {
		return errEvent
	}
	sig, err := schnorr.ParseSignature(raw)
	if err != nil {
		return fmt.Errorf("%w: %w", errEvent, err)
	}
	if !sig.Verify(id[:], public) {
		return errEvent
	}
	return nil
}

// Tag is the first value of a tag, or empty.
func (e Event) Tag(name string) string {
	for _, t := range e.Tags {
		if len(t) >= 2 && t[0] == name {
			return t[1]
		}
	}
	return ""
}

// hash is the id: of the event as NIP-01 writes it down, which encoding/json does not.
func (e Event) hash() [32]byte {
	var b strings.Builder
	b.WriteString(`[0,`)
	quote(&b, e.PubKey)
	b.WriteString("," + strconv.FormatInt(e.CreatedAt, 10) + "," + strconv.Itoa(e.Kind) + ",[")
	for i, t := range e.Tags {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('[')
		for j, s := range t {
			if j > 0 {
				b.WriteByte(',')
			}
			quote(&b, s)
		}
		b.WriteByte(']')
	}
	b.WriteString("],")
	quote(&b, e.Content)
	b.WriteByte(']')
	return sha256.Sum256([]byte(b.String()))
}

var escapes = strings.NewReplacer("\n", `\n`, `"`, `\"`, `\`, `\\`, "\r", `\r`, "\t", `\t`, "\b", `\b`, "\f", `\f`)

func quote(b *strings.Builder, s string) {
	b.WriteByte('"')
	b.WriteString(escapes.Replace(s))
	b.WriteByte('"')
}
