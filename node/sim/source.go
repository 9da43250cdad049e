package sim

import (
	"bytes"
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"time"

	"salon/ledger/doc"
	"salon/relay"
	"salon/room"
	"salon/room/seal"
)

// epoch is when the virtual time begins.
var epoch = time.Date(2026, 1, 2, 20, 0, 0, 0, time.UTC)

// kept is how many frames of the source are remembered, to compare with what arrives: more than any ring holds.
const kept = 512

// A source is a room as its host runs it, and the program that it sends.
type source struct {
	charter, snapshot []byte // as a newcomer gets them
	state             *room.State
	sender            *seal.Sender
	signer            *relay.Signer
	first, next       uint64 // frame numbers

	frames [kept]relay.Frame // by number
	auths  [kept]*relay.Auth // by number of the last frame that it covers
	sound  []byte
	rng    *rand.Rand
}

// newSource opens a room whose keys depend on the seed alone.
func newSource(seed uint64, bytesAFrame int) (*source, error) {
	rng := rand.New(rand.NewPCG(seed, 1))
	key := func() (k [32]byte) {
		for i := 0; i < len(k); i += 8 {
			binary.LittleEndian.PutUint64(k[i:], rng.Uint64())
		}
		return k
	}
	person, device := doc.PrivateKeyFromSeed(key()), doc.PrivateKeyFromSeed(key())
	cert, err := doc.SignCert(person, doc.Cert{Person: person.Public(), Device: device.Public(), NotBefore: epoch.Unix(), NotAfter: epoch.AddDate(1, 0, 0).Unix()})
	if err != nil {
		return nil, err
	}
	host, err := doc.NewIdentity(device, cert)
	if err != nil {
		return nil, err
	}
	nonce := key()
	charter, err := room.NewCharter(person.Public(), "A simulated room", "", room.Talk, epoch, [16]byte(nonce[:16]))
	if err != nil {
		return nil, err
	}
	secret := key()
	state, _ := room.Open(charter, host.Author(), "Host", secret, epoch)
	start := key()
	publish := room.Command{Room: charter.Room, Kind: room.Publish, Program: true, Start: room.Start(start[:16]), Time: epoch.UnixMilli()}
	ev, err := state.Decide(host.Author(), publish, epoch)
	if err != nil {
		return nil, fmt.Errorf("publish the program: %w", err)
	}
	if _, err := state.Apply(ev); err != nil {
		return nil, fmt.Errorf("publish the program: %w", err)
	}
	s := &source{state: state, rng: rng, sound: make([]byte, bytesAFrame)}
	if s.charter, err = room.SignCharter(host, charter); err != nil {
		return nil, err
	}
	if s.snapshot, err = room.SignSnapshot(host, state); err != nil {
		return nil, err
	}
	kid := seal.NewKID(state.KeyEpoch, relay.Program, state.Program.Incarnation)
	s.sender = seal.NewSender(secret, seal.Source{Device: state.Program.Device, Start: state.Program.Start}, kid)
	s.signer = relay.NewSigner(charter.Room, relay.Program, kid, device.Ed25519())
	s.first = relay.FirstNumber(epoch)
	s.next = s.first
	return s, nil
}

// frame makes the next frame, and the auth that it completes, if it does.
func (s *source) frame(now time.Time) (relay.Frame, *relay.Auth) {
	for i := range s.sound {
		s.sound[i] = byte(s.rng.Uint32())
	}
	f := relay.Frame{Slot: relay.Program, Number: s.next}
	var err error
	if f.Sealed, _, err = s.sender.Seal(nil, f.AppendMeta(nil), s.sound); err != nil {
		panic(err) // after 2^64 frames
	}
	s.next++
	s.frames[f.Number%kept] = f
	s.auths[f.Number%kept] = nil
	a, ok := s.signer.Add(f, now)
	if !ok {
		return f, nil
	}
	s.auths[f.Number%kept] = a
	return f, a
}

// same returns the source's own copy of a frame, if that is what f is.
func (s *source) same(f *relay.Frame) (relay.Frame, bool) {
	own := s.frames[f.Number%kept]
	return own, own.Number == f.Number && f.Slot == own.Slot && own.Sealed != nil && bytes.Equal(own.Sealed, f.Sealed)
}

// sameAuth returns the source's own copy of an auth, if that is what a is.
func (s *source) sameAuth(a *relay.Auth) (*relay.Auth, bool) {
	own := s.auths[a.Last()%kept]
	if own == nil || own.Sig != a.Sig || own.First != a.First || own.KID != a.KID || own.FirstCTR != a.FirstCTR || own.Time != a.Time ||
		own.Prev != a.Prev || own.Slot != a.Slot || len(own.Hashes) != len(a.Hashes) {
		return nil, false
	}
	for i := range own.Hashes {
		if own.Hashes[i] != a.Hashes[i] {
			return nil, false
		}
	}
	return own, true
}

// A notary checks documents and signatures as a peer does, and remembers what came of it: for the same bytes that is the
// same at every peer.
type notary struct {
	signed map[[64]byte]signed
	rooms  map[string]*room.State
}

type signed struct {
	key     string
	message string
	ok      bool
}

func (n *notary) check(key ed25519.PublicKey, message, sig []byte) bool {
	id := [64]byte(sig)
	if s, known := n.signed[id]; known && s.key == string(key) && s.message == string(message) {
		return s.ok
	}
	ok := ed25519.Verify(key, message, sig)
	if len(n.signed) >= 4*kept {
		clear(n.signed)
	}
	n.signed[id] = signed{string(key), string(message), ok}
	return ok
}

// enter checks what a newcomer is given, and returns the room's state.
func (n *notary) enter(charter, snapshot []byte, now time.Time) (*room.State, error) {
	id := string(charter) + string(snapshot)
	if s := n.rooms[id]; s != nil {
		return s, nil
	}
	c, err := room.OpenCharter(charter, now)
	if err != nil {
		return nil, err
	}
	s, author, err := room.OpenSnapshot(snapshot, now)
	if err != nil {
		return nil, err
	}
	if author.Person != c.Host || s.Charter.Room != c.Room {
		return nil, fmt.Errorf("sim: a snapshot by somebody who is not the host")
	}
	n.rooms[id] = s
	return s, nil
}

// programKey is whose signature the program's frames must bear.
func programKey(s *room.State) func(kid uint64) (ed25519.PublicKey, bool) {
	return func(kid uint64) (ed25519.PublicKey, bool) {
		epoch, slot, incarnation := seal.SplitKID(kid)
		if s.Program.Incarnation == 0 || epoch != s.KeyEpoch || slot != relay.Program || incarnation != s.Program.Incarnation {
			return nil, false
		}
		return s.Program.Device[:], true
	}
}
