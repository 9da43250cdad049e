package main

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"salon/relay"
	"salon/room/seal"
)

const (
	frameRounds  = 15
	frameBatch   = 6000 // frames a round: some ten milliseconds for the cheapest
	frameSize    = 104  // bytes of a talk frame: 40 kbit/s of Opus, a level, one talker
	frameEpoch   = 1
	frameSlot    = 3
	signedLength = 180 // bytes that a signature covers, about: six hashes and the rest of an auth
)

// frameCost is what a frame costs beyond its sound: sealing, opening, signing, verifying. Each stands beside the bare
// ciphers, hashes and signatures of Go that it cannot do without.
func frameCost(ctx context.Context, _ options) ([]row, error) {
	f, err := newFrames()
	if err != nil {
		return nil, err
	}
	rows := []row{
		{what: "seal (raw: AES-128-GCM)", unit: "µs"},
		{what: "open (raw: AES-128-GCM)", unit: "µs"},
		{what: "sign (raw: Ed25519 / 6 + SHA-256)", unit: "µs"},
		{what: "verify (raw: Ed25519 / 6 + SHA-256)", unit: "µs"},
	}
	pairs := [][2]func() error{{f.seal, f.rawSeal}, {f.open, f.rawOpen}, {f.sign, f.rawSign}, {f.verify, f.rawVerify}}
	for round := range frameRounds {
		if err := ctx.Err(); err != nil {
			return rows, err
		}
		if err := f.prepare(); err != nil {
			return rows, err
		}
		for i, pair := range pairs {
			// Who goes first takes turns: the second finds the caches warm.
			var used [2]float64
			for k := range pair {
				k ^= round & 1
				before := ownCPU()
				if err := pair[k](); err != nil {
					return rows, err
				}
				used[k] = float64((ownCPU() - before).Nanoseconds()) / 1e3 / frameBatch
			}
			rows[i].values = append(rows[i].values, used[0])
			rows[i].raw = append(rows[i].raw, used[1])
		}
	}
	return rows, nil
}

// frameSource is who seals them.
var frameSource = seal.Source{Start: [16]byte{1}}

// frames is a batch of frames at every station of its way.
type frames struct {
	room   [16]byte
	secret [32]byte
	public ed25519.PublicKey
	key    ed25519.PrivateKey
	aead   cipher.AEAD
	kid    uint64
	plain  []byte
	out    []byte
	rawCT  []byte // what rawOpen opens
	rawAAD []byte
	rawMsg []byte // what rawSign signs
	rawSig []byte

	incarnation uint32 // a new one each round: no key and counter meet twice
	sender      *seal.Sender
	opener      *seal.Opener
	signer      *relay.Signer
	verifier    *relay.Verifier
	sealed      []relay.Frame
	auths       []*relay.Auth
	verified    []relay.Verified
}

var errRaw = errors.New("the raw cipher or signature refused its own work")

func newFrames() (*frames, error) {
	f := &frames{plain: make([]byte, frameSize), out: make([]byte, 0, 2*frameSize)}
	rand.Read(f.secret[:])
	rand.Read(f.plain)
	var err error
	if f.public, f.key, err = ed25519.GenerateKey(nil); err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(f.secret[:16])
	if err != nil {
		return nil, err
	}
	if f.aead, err = cipher.NewGCM(block); err != nil {
		return nil, err
	}
	f.rawAAD = seal.AppendHeader(nil, seal.NewKID(frameEpoch, frameSlot, 1), frameBatch)
	f.rawAAD = append(f.rawAAD, make([]byte, relay.MetaSize)...)
	f.rawCT = f.aead.Seal(nil, make([]byte, 12), f.plain, f.rawAAD)
	f.rawMsg = make([]byte, signedLength)
	f.rawSig = ed25519.Sign(f.key, f.rawMsg)
	return f, nil
}

// prepare makes a round's frames. Deriving their key, once a stream, is spread over all of them.
func (f *frames) prepare() error {
	f.incarnation++
	f.kid = seal.NewKID(frameEpoch, frameSlot, f.incarnation)
	f.sender = seal.NewSender(f.secret, frameSource, f.kid)
	f.opener = seal.NewOpener()
	if err := f.opener.SetEpoch(frameEpoch, f.secret); err != nil {
		return err
	}
	signer := relay.NewSigner(f.room, frameSlot, f.kid, f.key)
	f.sealed, f.auths = f.sealed[:0], f.auths[:0]
	for i := range uint64(frameBatch) {
		fr := relay.Frame{Slot: frameSlot, Number: i}
		var err error
		if fr.Sealed, _, err = f.sender.Seal(nil, fr.AppendMeta(nil), f.plain); err != nil {
			return err
		}
		f.sealed = append(f.sealed, fr)
		if a, ok := signer.Add(fr, time.Unix(0, 0)); ok {
			f.auths = append(f.auths, a)
		}
	}
	f.signer = relay.NewSigner(f.room, frameSlot, f.kid, f.key)
	f.verifier = relay.NewVerifier(f.room, frameSlot, func(uint64) (ed25519.PublicKey, bool) { return f.public, true })
	return nil
}

func (f *frames) seal() error {
	var meta [relay.MetaSize]byte
	for i := range uint64(frameBatch) {
		if _, _, err := f.sender.Seal(f.out[:0], relay.Frame{Slot: frameSlot, Number: i}.AppendMeta(meta[:0]), f.plain); err != nil {
			return err
		}
	}
	return nil
}

func (f *frames) rawSeal() error {
	var nonce [12]byte
	for range frameBatch {
		f.out = f.aead.Seal(f.out[:0], nonce[:], f.plain, f.rawAAD)
	}
	return nil
}

func (f *frames) open() error {
	var meta [relay.MetaSize]byte
	for _, fr := range f.sealed {
		if _, _, _, err := f.opener.Open(f.out[:0], frameSource, fr.AppendMeta(meta[:0]), fr.Sealed); err != nil {
			return err
		}
	}
	return nil
}

func (f *frames) rawOpen() error {
	var nonce [12]byte
	for range frameBatch {
		if _, err := f.aead.Open(f.out[:0], nonce[:], f.rawCT, f.rawAAD); err != nil {
			return errRaw
		}
	}
	return nil
}

func (f *frames) sign() error {
	for _, fr := range f.sealed {
		f.signer.Add(fr, time.Unix(0, 0))
	}
	return nil
}

func (f *frames) rawSign() error {
	for i, fr := range f.sealed {
		sha256.Sum256(fr.Sealed)
		if i%relay.AuthBatch == 0 {
			ed25519.Sign(f.key, f.rawMsg)
		}
	}
	return nil
}

func (f *frames) verify() error {
	now := time.Unix(0, 0)
	verified := 0
	for i, fr := range f.sealed {
		var err error
		if f.verified, err = f.verifier.AddFrame(f.verified[:0], fr, now); err != nil {
			return err
		}
		if (i+1)%relay.AuthBatch != 0 {
			continue
		}
		if f.verified, err = f.verifier.AddAuth(f.verified, f.auths[i/relay.AuthBatch], now); err != nil {
			return err
		}
		verified += len(f.verified)
	}
	if verified != frameBatch {
		return fmt.Errorf("%d of %d frames verified", verified, frameBatch)
	}
	return nil
}

func (f *frames) rawVerify() error {
	for i, fr := range f.sealed {
		sha256.Sum256(fr.Sealed)
		if i%relay.AuthBatch == 0 && !ed25519.Verify(f.public, f.rawMsg, f.rawSig) {
			return errRaw
		}
	}
	return nil
}
