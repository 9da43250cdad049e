package node

import (
	"crypto/rand"
	"sync"
	"time"

	"salon/room"
)

// A SoundPath takes sound all the way that a listener's sound goes, in this process: decoded, mixed, encoded, sealed,
// signed, through a tree, verified, opened. It is what a sound check listens to.
type SoundPath struct {
	mu     sync.Mutex // guards the fields below
	host   *voice
	guest  *audience
	ear    *voice
	number uint64
	heard  func(opus []byte, level uint8)
}

const (
	pathEpoch       = 1
	pathIncarnation = 1
)

// NewSoundPath returns a path under a key of its own; heard is called with each 20 ms Opus packet that comes out, and
// its level in -dBov, by the goroutine that calls Speak.
func (n *Node) NewSoundPath(heard func(opus []byte, level uint8)) *SoundPath {
	var id room.ID
	var secret [32]byte
	rand.Read(id[:])
	rand.Read(secret[:])
	p := &SoundPath{heard: heard}
	p.host = newVoice(id, true, n)
	start := p.host.askProgram()
	p.host.update(routing{mode: room.Talk, epoch: pathEpoch, secret: secret, program: pathIncarnation, programKey: n.author().Device, programStart: start, slot: 1})
	p.ear = newVoice(id, false, n)
	p.ear.update(routing{mode: room.Talk, epoch: pathEpoch, secret: secret, program: pathIncarnation, programKey: n.author().Device, programStart: start})
	p.guest = &p.ear.program
	return p
}

// Speak puts in one 20 ms Opus packet.
func (p *SoundPath) Speak(packet []byte, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	h := p.host
	h.mu.Lock()
	p.number++
	h.stage.ownIn.src.Push(p.number, packet, now)
	h.stage.ownIn.src.Read(h.stage.ownIn.pcm, now)
	out, err := h.stage.nextProgram(h, now)
	h.mu.Unlock()
	if err != nil {
		return
	}
	p.ear.mu.Lock()
	defer p.ear.mu.Unlock()
	a := p.guest
	a.verified, err = a.verifier.AddFrame(a.verified[:0], out.frame, now)
	if err == nil && out.auth != nil {
		a.verified, err = a.verifier.AddAuth(a.verified, out.auth, now)
	}
	if err != nil {
		return
	}
	for _, f := range a.verified {
		from, ok := p.ear.programSource(f.KID)
		if !ok {
			continue
		}
		if kid, _, ok := p.ear.open(f.Frame, from); ok && kid == f.KID {
			p.heard(p.ear.sound.Opus, p.ear.sound.Level)
		}
	}
}
