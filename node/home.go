package node

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"salon/ledger"
	"salon/ledger/doc"
	"salon/room"
)

// ErrInUse means another process runs a node on this home.
var ErrInUse = errors.New("node: this home is in use by a running salon")

const (
	certLife  = 2 * 365 * 24 * time.Hour
	certRenew = 180 * 24 * time.Hour
)

// A Home is the folder that holds one person's keys and settings on this device.
// Files are written whole under another name and renamed, so a crash leaves the old or the new.
type Home struct {
	Dir    string
	person doc.PrivateKey
	id     *doc.Identity
	unlock func()

	settingsMu sync.Mutex // held while settings.json is read, changed and written
}

// OpenHome locks dir, creating it with fresh keys at the first start.
// It returns ErrInUse, wrapped, if another process holds it.
func OpenHome(dir string, now time.Time) (*Home, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("home %s: %w", dir, err)
	}
	unlock, err := lockFile(filepath.Join(dir, "lock"))
	if err != nil {
		return nil, fmt.Errorf("home %s: %w", dir, err)
	}
	h := &Home{Dir: dir, unlock: unlock}
	if err := h.load(now); err != nil {
		unlock()
		return nil, err
	}
	return h, nil
}

func (h *Home) load(now time.Time) error {
	person, err := h.key("person.key")
	if err != nil {
		return err
	}
	device, err := h.key("device.key")
	if err != nil {
		return err
	}
	h.person = person
	raw, err := os.ReadFile(h.path("device.cert"))
	if err == nil {
		c, err := doc.OpenCert(raw, now)
		if err != nil || c.NotAfter < now.Add(certRenew).Unix() || c.Person != person.Public() || c.Device != device.Public() {
			raw = nil // ours, old or of other keys: issue a new one
		}
	} else if !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if raw == nil {
		label, _ := os.Hostname()
		if label, err = doc.CleanText(label, 32); err != nil {
			label = "device"
		}
		raw, err = doc.SignCert(person, doc.Cert{
			Person: person.Public(), Device: device.Public(), Label: label,
			NotBefore: now.Add(-time.Hour).Unix(), NotAfter: now.Add(certLife).Unix(),
		})
		if err != nil {
			return err
		}
		if err := writeFile(h.path("device.cert"), raw); err != nil {
			return err
		}
	}
	h.id, err = doc.NewIdentity(device, raw)
	return err
}

// Identity signs for the person on this device.
func (h *Home) Identity() *doc.Identity { return h.id }

// Close releases the home to other processes.
func (h *Home) Close() { h.unlock() }

func (h *Home) path(name string) string { return filepath.Join(h.Dir, name) }

// key reads a hex seed, or makes one. A damaged key is an error, never replaced: it is who the person is.
func (h *Home) key(name string) (doc.PrivateKey, error) {
	b, err := os.ReadFile(h.path(name))
	if errors.Is(err, os.ErrNotExist) {
		k := doc.NewPrivateKey()
		return k, writeFile(h.path(name), keyText(k.Seed()))
	}
	if err != nil {
		return doc.PrivateKey{}, err
	}
	seed, err := hex.DecodeString(strings.TrimSpace(string(b)))
	if err != nil || len(seed) != 32 {
		return doc.PrivateKey{}, fmt.Errorf("%s is damaged: restore it from a backup, or move the folder away to start as a new person", h.path(name))
	}
	return doc.PrivateKeyFromSeed([32]byte(seed)), nil
}

// keyText is a seed as a file holds it.
func keyText(seed [32]byte) []byte { return []byte(hex.EncodeToString(seed[:]) + "\n") }

// settings is what a person chose; the file may be edited while the node is down.
type settings struct {
	Name          string `json:"name"`
	Volunteer     bool   `json:"volunteer,omitempty"`      // carries rooms that it hears for others,
	VolunteerKBPS int    `json:"volunteer_kbps,omitempty"` // with so much upload

	KeysMatter bool `json:"keys_matter,omitempty"` // a room was opened, or something bought;
	KeysLater  bool `json:"keys_later,omitempty"`  // the person does not want to save the keys now

	Credit  map[ledger.Currency]ledger.Amount            `json:"credit,omitempty"`  // that a buyer may owe in all,
	Lent    map[string]map[ledger.Currency]ledger.Amount `json:"lent,omitempty"`    // likewise, to a host whom this node sells for
	Lending map[doc.PublicKey]creditLine                 `json:"lending,omitempty"` // and people with limits of their own
}

// settings reads what there is; a damaged file is none.
func (h *Home) settings() (s settings) {
	b, err := os.ReadFile(h.path("settings.json"))
	if err != nil || json.Unmarshal(b, &s) != nil {
		return settings{}
	}
	return s
}

func (h *Home) setSettings(s settings) error {
	b, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return writeFile(h.path("settings.json"), append(b, '\n'))
}

// Name is the display name, "" until the person chose one.
func (h *Home) Name() string {
	clean, err := room.CleanName(h.settings().Name)
	if err != nil {
		return "" // every room would refuse it
	}
	return clean
}

// SetName stores a display name that rooms take, and returns it as they show it.
func (h *Home) SetName(name string) (string, error) {
	clean, err := room.CleanName(name)
	if err != nil {
		return "", fmt.Errorf("a name has 1 to %d visible characters, fewer in scripts whose characters need more bytes: %w", room.MaxName, err)
	}
	h.settingsMu.Lock()
	defer h.settingsMu.Unlock()
	s := h.settings()
	s.Name = clean
	return clean, h.setSettings(s)
}

// Volunteer is whether the person carries rooms that they hear for others, and with how many kbit/s at most.
func (h *Home) Volunteer() (on bool, kbps int) {
	s := h.settings()
	if s.VolunteerKBPS < volunteerLeast || s.VolunteerKBPS > volunteerTop {
		s.VolunteerKBPS = volunteerUsual
	}
	return s.Volunteer, s.VolunteerKBPS
}

// SetVolunteer stores that.
func (h *Home) SetVolunteer(on bool, kbps int) error {
	h.settingsMu.Lock()
	defer h.settingsMu.Unlock()
	s := h.settings()
	s.Volunteer, s.VolunteerKBPS = on, kbps
	return h.setSettings(s)
}

// Credit is how much a buyer may owe in all.
func (h *Home) Credit(cur ledger.Currency) ledger.Amount { return h.settings().Credit[cur] }

// SetCredit stores that.
func (h *Home) SetCredit(cur ledger.Currency, a ledger.Amount) error {
	h.settingsMu.Lock()
	defer h.settingsMu.Unlock()
	s := h.settings()
	if s.Credit == nil {
		s.Credit = make(map[ledger.Currency]ledger.Amount)
	}
	s.Credit[cur] = a
	return h.setSettings(s)
}

// maxLent is for how many hosts that is remembered.
const maxLent = 64

// lent is how much a buyer may owe a host whom this node sells for.
func (h *Home) lent(host ledger.Key, cur ledger.Currency) ledger.Amount {
	return h.settings().Lent[host.String()][cur]
}

// setLent stores what such a host said.
func (h *Home) setLent(host ledger.Key, cur ledger.Currency, a ledger.Amount) error {
	h.settingsMu.Lock()
	defer h.settingsMu.Unlock()
	s := h.settings()
	if s.Lent == nil || s.Lent[host.String()] == nil && len(s.Lent) >= maxLent {
		s.Lent = make(map[string]map[ledger.Currency]ledger.Amount) // the next look at each host's seats says it again
	}
	if s.Lent[host.String()] == nil {
		s.Lent[host.String()] = make(map[ledger.Currency]ledger.Amount)
	}
	s.Lent[host.String()][cur] = a
	return h.setSettings(s)
}

// Port is where the node of this home listened last, 0 if it never did, or only at the port that all prefer.
func (h *Home) Port() int {
	b, err := os.ReadFile(h.path("port"))
	if err != nil {
		return 0
	}
	port, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil || port < 1 || port > 65535 {
		return 0
	}
	return port
}

// SetPort stores where the node listens.
func (h *Home) SetPort(port int) error {
	return writeFile(h.path("port"), []byte(strconv.Itoa(port)+"\n"))
}

// Secret is the key of the loopback API, made at the first call.
func (h *Home) Secret() (string, error) {
	b, err := os.ReadFile(h.path(keyFile))
	if err == nil && len(strings.TrimSpace(string(b))) >= 32 {
		return strings.TrimSpace(string(b)), nil
	}
	raw := make([]byte, 24)
	if _, err := rand.Read(raw); err != nil {
		return "", err
	}
	s := hex.EncodeToString(raw)
	return s, writeFile(h.path(keyFile), []byte(s+"\n"))
}

// SetAPI notes where the running node's API is, for the shell's commands.
func (h *Home) SetAPI(url string) error { return writeFile(h.path(apiFile), []byte(url+"\n")) }

const (
	apiFile = "api.url"
	keyFile = "api.key"
)

// RunningAPI is where the node of a home answers and the key it wants. It is of use only while a node runs there.
func RunningAPI(dir string) (url, key string, err error) {
	u, err := os.ReadFile(filepath.Join(dir, apiFile))
	if err != nil {
		return "", "", err
	}
	k, err := os.ReadFile(filepath.Join(dir, keyFile))
	return strings.TrimSpace(string(u)), strings.TrimSpace(string(k)), err
}

// writeFile replaces path by data, readable by its owner only, durable before the rename.
func writeFile(path string, data []byte) error { return replaceFile(path, data, true) }

// replaceFile is writeFile, which outlasts a power cut only if it is to: the end of this process it outlasts always.
func replaceFile(path string, data []byte, durable bool) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // no file of that name once the rename is done
	if err := f.Chmod(0o600); err != nil {
		f.Close()
		return err
	}
	if _, err := f.Write(data); err != nil {
		f.Close()
		return err
	}
	if durable {
		if err := f.Sync(); err != nil {
			f.Close()
			return err
		}
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil || !durable {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

// syncFolder makes a rename outlast a power cut. Windows cannot, and does not need to.
func syncFolder(path string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	err = d.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
		err = nil // some network file systems cannot; the rename was done
	}
	return errors.Join(err, d.Close())
}
