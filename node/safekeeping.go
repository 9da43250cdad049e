package node

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"

	"salon/ledger"
	"salon/ledger/doc"
	"salon/room"
)

// A safe is a person's keys and ledger in one file, encrypted with a passphrase.
//
//	offset  size  field, big endian
//	0       9     "salonsafe"
//	9       1     version, 1
//	10      1     passes of Argon2id
//	11      4     its memory in KiB
//	15      1     its lanes
//	16      16    its salt
//	32      16    check: tells a wrong passphrase from a damaged file
//	48      32    SHA-256 of the 48 bytes before
//	80            the content in chunks of 64 KiB, the last shorter or empty: each sealed, which adds 16 bytes
//
// Argon2id gives 48 bytes: the AES-256-GCM key of the chunks, then the check. A chunk's nonce is its number in 11 bytes,
// and 1 in the twelfth if it is the last, so that none can be left out, moved, or cut off; the 80 bytes of the head are
// authenticated with each. The salt is random: no key is used for two files.
//
// The content is a length (4 bytes), keysWire in deterministic CBOR, and the ledger as a segment (package ledger), or nothing
// if there is none. Rooms are not in it: a room's key and counters live on one device only. Nor are the keys made for purchases:
// they follow from the device's and the order (package market).
const (
	safeMagic   = "salonsafe"
	safeVersion = 1
	safeHead    = 80
	safeChunk   = 64 << 10
	safeTag     = 16
)

// What an old safe may cost to open is bounded: its head is not ours until it is open.
const safeMostPasses, safeMostMemory, safeMostBy = 16, 1 << 20, 16

// A safeCost is what it takes to try a passphrase on a safe.
type safeCost struct {
	passes byte
	memory uint32 // KiB
	lanes  byte
}

// newSafeCost is that of a new one: the second choice of RFC 9106, which a small computer can pay.
var newSafeCost = safeCost{3, 64 << 10, 4}

// PassphraseLeast is how many characters a passphrase has at least: whoever has the file may try for years.
const PassphraseLeast = 12

// Why a safe does not open.
var (
	ErrPassphrase = errors.New("node: wrong passphrase")
	ErrNoSafe     = errors.New("node: not a file that 'salon keys export' wrote")
	ErrSafe       = errors.New("node: the file is damaged")
	ErrHasKeys    = errors.New("node: this home is somebody's already")
)

// keysWire is what makes a home this person's on this device.
type keysWire struct {
	Person [32]byte `cbor:"1,keyasint"` // seeds
	Device [32]byte `cbor:"2,keyasint"`
	Cert   []byte   `cbor:"3,keyasint"`
	Made   int64    `cbor:"4,keyasint"` // unix ms
	Name   string   `cbor:"5,keyasint,omitempty"`
}

// A Safe says what is in one.
type Safe struct {
	Person  doc.PublicKey `json:"person"`
	Name    string        `json:"name,omitempty"`
	Made    int64         `json:"made"`    // unix ms
	Entries uint64        `json:"entries"` // of the ledger; 0 if it has none
}

// SafeKeys writes the keys of a home and its ledger to path, encrypted, once they were opened again. backup writes the ledger,
// nil if there is none. What is at path is replaced only if it is a safe of the same person that the same passphrase opens, else
// it is os.ErrExist. It works beside a running node, whose keys do not change.
func SafeKeys(dir, path, passphrase string, backup func(io.Writer) error, now time.Time) (Safe, error) {
	if utf8.RuneCountInString(passphrase) < PassphraseLeast {
		return Safe{}, fmt.Errorf("%w: a passphrase has at least %d characters; four or five random words are easy to keep", ErrOption, PassphraseLeast)
	}
	content, err := safeContent(dir, backup, now)
	if err != nil {
		return Safe{}, err
	}
	if err := sameSafe(path, passphrase, content); err != nil {
		return Safe{}, err
	}
	sealed, s, err := sealAndOpen(content, passphrase, dir)
	if err != nil {
		return Safe{}, err
	}
	if err := writeFile(path, sealed); err != nil {
		return Safe{}, err
	}
	return s, (&Home{Dir: dir}).noteSaved(now)
}

// safeContent is what goes into a safe of a home.
func safeContent(dir string, backup func(io.Writer) error, now time.Time) ([]byte, error) {
	content, err := keysOf(dir, now)
	if err != nil || backup == nil {
		return content, err
	}
	var b bytes.Buffer
	if err := backup(&b); err != nil {
		return nil, err
	}
	return append(content, b.Bytes()...), nil
}

// sealAndOpen makes a safe, and opens it again before anybody relies on it.
func sealAndOpen(content []byte, passphrase, dir string) ([]byte, Safe, error) {
	sealed, err := sealSafe(content, passphrase, newSafeCost)
	if err != nil {
		return nil, Safe{}, err
	}
	opened, err := openSafe(sealed, passphrase, dir)
	if err != nil {
		return nil, Safe{}, err
	}
	return sealed, opened.Safe, opened.close()
}

// sameSafe refuses to lose a safe that is not of the person in content: it may be all that is left of somebody.
func sameSafe(path, passphrase string, content []byte) error {
	raw, err := readAtMost(path, safeMost)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	old, err := unsealSafe(raw, passphrase)
	if err != nil {
		return fmt.Errorf("%w: %w", os.ErrExist, err)
	}
	before, _, err := parseKeys(old)
	if err != nil {
		return fmt.Errorf("%w: %w", os.ErrExist, err)
	}
	if now, _, err := parseKeys(content); err != nil || now.Person != before.Person {
		return fmt.Errorf("%w: the keys of somebody else", os.ErrExist)
	}
	return nil
}

// parseKeys takes the content of a safe apart: keys and ledger.
func parseKeys(content []byte) (w keysWire, segment []byte, err error) {
	if len(content) < 4 || int64(binary.BigEndian.Uint32(content)) > int64(len(content)-4) {
		return w, nil, fmt.Errorf("%w: its content is cut off", ErrSafe)
	}
	n := 4 + int(binary.BigEndian.Uint32(content))
	if err := doc.Unmarshal(content[4:n], &w); err != nil {
		return w, nil, fmt.Errorf("%w: keys: %w", ErrSafe, err)
	}
	return w, content[n:], nil
}

// keysOf reads the keys of a home, as they stand in a safe.
func keysOf(dir string, now time.Time) ([]byte, error) {
	h := &Home{Dir: dir}
	w := keysWire{Made: now.UnixMilli(), Name: h.Name()}
	for name, seed := range map[string]*[32]byte{"person.key": &w.Person, "device.key": &w.Device} {
		if _, err := os.Stat(h.path(name)); err != nil {
			return nil, err // key would make one
		}
		k, err := h.key(name)
		if err != nil {
			return nil, err
		}
		*seed = k.Seed()
	}
	var err error
	if w.Cert, err = os.ReadFile(h.path("device.cert")); err != nil {
		return nil, err
	}
	b, err := doc.Marshal(w)
	if err != nil {
		return nil, err
	}
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(b))), b...), nil
}

// sealSafe encrypts the content of a safe.
func sealSafe(content []byte, passphrase string, cost safeCost) ([]byte, error) {
	out := append([]byte(safeMagic), safeVersion, cost.passes)
	out = binary.BigEndian.AppendUint32(out, cost.memory)
	out = append(out, cost.lanes)
	salt := make([]byte, 16)
	rand.Read(salt)
	out = append(out, salt...)
	aead, check, err := safeKey(out, passphrase)
	if err != nil {
		return nil, err
	}
	out = append(out, check...)
	sum := sha256.Sum256(out)
	out = append(out, sum[:]...)
	head := bytes.Clone(out)
	for n := uint64(0); ; n++ {
		size := min(safeChunk, len(content))
		last := size < safeChunk
		out = aead.Seal(out, safeNonce(n, last), content[:size], head)
		if content = content[size:]; last {
			return out, nil
		}
	}
}

// safeKey derives what opens a safe from the first 32 bytes of its head.
func safeKey(head []byte, passphrase string) (cipher.AEAD, []byte, error) {
	passes, memory, lanes := uint32(head[10]), binary.BigEndian.Uint32(head[11:]), head[15]
	if passes == 0 || passes > safeMostPasses || memory > safeMostMemory || lanes == 0 || lanes > safeMostBy {
		return nil, nil, fmt.Errorf("%w: %d passes over %d KiB", ErrSafe, passes, memory)
	}
	key := argon2.IDKey([]byte(passphrase), head[16:32], passes, memory, lanes, 48)
	block, err := aes.NewCipher(key[:32])
	if err != nil {
		return nil, nil, err
	}
	aead, err := cipher.NewGCM(block)
	return aead, key[32:], err
}

func safeNonce(n uint64, last bool) []byte {
	nonce := make([]byte, 12)
	binary.BigEndian.PutUint64(nonce[3:], n)
	if last {
		nonce[11] = 1
	}
	return nonce
}

// unsealSafe is the way back from sealSafe.
func unsealSafe(raw []byte, passphrase string) ([]byte, error) {
	if !bytes.HasPrefix(raw, []byte(safeMagic)) {
		return nil, ErrNoSafe
	}
	if len(raw) < safeHead {
		return nil, fmt.Errorf("%w: it ends after %d bytes", ErrSafe, len(raw))
	}
	head := raw[:safeHead]
	if sum := sha256.Sum256(head[:48]); !bytes.Equal(sum[:], head[48:]) {
		return nil, fmt.Errorf("%w: in its first %d bytes", ErrSafe, safeHead)
	}
	if head[9] != safeVersion {
		return nil, fmt.Errorf("%w: version %d; a later salon reads it", ErrNoSafe, head[9])
	}
	aead, check, err := safeKey(head, passphrase)
	if err != nil {
		return nil, err
	}
	if subtle.ConstantTimeCompare(check, head[32:48]) != 1 {
		return nil, ErrPassphrase
	}
	content := make([]byte, 0, len(raw))
	for n, at := uint64(0), safeHead; ; n++ {
		size := min(safeChunk+safeTag, len(raw)-at)
		last := size < safeChunk+safeTag
		if content, err = aead.Open(content, safeNonce(n, last), raw[at:at+size], head); err != nil {
			return nil, fmt.Errorf("%w: between byte %d and byte %d", ErrSafe, at, at+size)
		}
		if at += size; last {
			return content, nil
		}
	}
}

// An openedSafe is one whose content was checked: the keys fit each other, and the ledger is this person's and whole.
type openedSafe struct {
	Safe
	keys   keysWire
	backup string // a file with the ledger's segment; empty if there is none
}

func (o *openedSafe) close() error {
	if o.backup == "" {
		return nil
	}
	return os.Remove(o.backup)
}

// openSafe opens and checks a safe. The ledger in it is unpacked into dir, until close.
func openSafe(raw []byte, passphrase, dir string) (*openedSafe, error) {
	content, err := unsealSafe(raw, passphrase)
	if err != nil {
		return nil, err
	}
	o := &openedSafe{}
	var segment []byte
	if o.keys, segment, err = parseKeys(content); err != nil {
		return nil, err
	}
	person, device := doc.PrivateKeyFromSeed(o.keys.Person).Public(), doc.PrivateKeyFromSeed(o.keys.Device).Public()
	c, err := doc.OpenCert(o.keys.Cert, time.UnixMilli(o.keys.Made))
	if err != nil || c.Person != person || c.Device != device {
		return nil, fmt.Errorf("%w: the certificate is of other keys", ErrSafe)
	}
	o.Safe = Safe{Person: person, Name: o.keys.Name, Made: o.keys.Made}
	if len(segment) == 0 {
		return o, nil
	}
	f, err := os.CreateTemp(dir, "safe.*.segment") // 0600
	if err != nil {
		return nil, err
	}
	o.backup = f.Name()
	_, err = f.Write(segment)
	err = errors.Join(err, f.Close())
	if err == nil {
		err = o.checkLedger()
	}
	if err != nil {
		return nil, errors.Join(err, o.close())
	}
	return o, nil
}

func (o *openedSafe) checkLedger() error {
	found, err := ledger.CheckBackup(o.backup)
	if err == nil && found.Head.Person != o.Person {
		err = errors.New("it is of somebody else")
	}
	if err != nil {
		return fmt.Errorf("%w: ledger: %w", ErrSafe, err)
	}
	o.Entries = found.Entries
	return nil
}

// safeMost bounds how large a safe may be: it is in memory whole.
const safeMost = 1 << 30

// OpenSafe makes the home in dir that of the person and device in a safe, and begins the next epoch of their ledger. A home
// that is somebody's stays so. What broke off can be done again.
func OpenSafe(dir, path, passphrase string, now time.Time) (s Safe, err error) {
	raw, err := readAtMost(path, safeMost)
	if err != nil {
		return Safe{}, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return Safe{}, err
	}
	unlock, err := lockFile(filepath.Join(dir, "lock"))
	if err != nil {
		return Safe{}, fmt.Errorf("home %s: %w", dir, err)
	}
	defer unlock()
	o, err := openSafe(raw, passphrase, dir)
	if err != nil {
		return Safe{}, err
	}
	defer func() { err = errors.Join(err, o.close()) }()
	h := &Home{Dir: dir}
	files := []struct {
		name string
		data []byte
	}{{"person.key", keyText(o.keys.Person)}, {"device.key", keyText(o.keys.Device)}, {"device.cert", o.keys.Cert}}
	for _, f := range files[:2] {
		if old, err := os.ReadFile(h.path(f.name)); err == nil && !bytes.Equal(old, f.data) {
			return Safe{}, ErrHasKeys
		} else if err != nil && !errors.Is(err, os.ErrNotExist) {
			return Safe{}, err
		}
	}
	if h.hasLedger() {
		return Safe{}, fmt.Errorf("%w: it has a ledger", ErrHasKeys)
	}
	for _, f := range files {
		if err := writeFile(h.path(f.name), f.data); err != nil {
			return Safe{}, err
		}
	}
	if err := h.load(now); err != nil {
		return Safe{}, err
	}
	if _, err := room.CleanName(o.Name); err == nil && h.Name() == "" { // what rooms take may have changed since
		if _, err := h.SetName(o.Name); err != nil {
			return Safe{}, err
		}
	}
	if o.backup == "" {
		return o.Safe, nil
	}
	l, _, err := RestoreLedger(h, o.backup, nil, false, now)
	if err != nil {
		return Safe{}, err
	}
	return o.Safe, l.Close()
}
