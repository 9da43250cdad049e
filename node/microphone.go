package node

import (
	"time"

	"salon/relay"
	"salon/room"
	"salon/room/mix"
	"salon/room/opus"
)

// maxMicGap is how many lost frames of a microphone are passed on as lost; after more it is a new beginning.
const maxMicGap = 50

// A microphone is what this person says: 20 ms Opus packets from a browser or a file. Muted or without the right to
// send, nothing of it leaves this node. voice.mu guards it.
type microphone struct {
	link    relay.Link // nil when none is connected
	sealer             // its incarnation is 0 when it may not send
	starts  starts
	last    uint64 // number of the link's last frame
	begun   bool   // last means something
	own     uint64 // number in the host's own source
	decoder *opus.Decoder
	pcm     []float32
	level   uint8
	spoke   time.Time
}

// follow takes up a new incarnation and lays down a lost seat.
func (m *microphone) follow(v *voice) {
	r := v.route
	if r.slot == 0 {
		m.incarnation = 0
		v.setAside(m.swap(nil))
		return
	}
	if r.incarnation == 0 || r.incarnation == m.incarnation && r.start == m.source.Start {
		return
	}
	if !m.starts.awaits(r.start) {
		if r.start == m.source.Start { // a key and a counter would meet twice: only a host that turns back its own state asks for that
			v.counts.Add("incarnation_repeated")
		}
		m.incarnation = 0 // else it is of another process, and nobody here knows how far it was used
		return
	}
	if !m.start(v, r.slot, r.incarnation, r.start, time.Now()) {
		m.incarnation = 0 // until somebody has told us the key
		return
	}
	m.starts.spend(r.start)
}

// swap replaces the connected microphone and returns the old one, to be closed.
func (m *microphone) swap(l relay.Link) relay.Link {
	old := m.link
	m.link, m.begun, m.level = l, false, mix.Silence
	return old
}

// levelAt is how loud the microphone is.
func (m *microphone) levelAt(now time.Time) uint8 {
	if now.Sub(m.spoke) > silentFor {
		return mix.Silence
	}
	return m.level
}

// setMic makes l the microphone until it ends.
func (v *voice) setMic(l relay.Link) {
	v.mu.Lock()
	stopped := v.stopped
	if !stopped {
		v.setAside(v.mic.swap(l))
	}
	v.mu.Unlock()
	if stopped {
		l.Close()
		return
	}
	go func() {
		var p relay.Packet
		for l.Receive(&p) == nil {
			for _, f := range p.Frames {
				v.speak(l, f, time.Now())
			}
		}
		v.mu.Lock()
		ours := v.mic.link == l
		if ours {
			v.mic.swap(nil)
		}
		v.mu.Unlock()
		if ours {
			v.changed()
		}
	}()
}

// speak takes one 20 ms packet of the microphone.
func (v *voice) speak(from relay.Link, f relay.Frame, now time.Time) {
	v.mu.Lock()
	m := &v.mic
	if m.link != from {
		v.mu.Unlock()
		return
	}
	gap := uint64(0)
	if m.begun && f.Number > m.last && f.Number-m.last <= maxMicGap {
		gap = f.Number - m.last - 1
	}
	m.last, m.begun = f.Number, true
	if v.route.muted || v.route.slot == 0 {
		m.level, m.spoke = mix.Silence, now
		v.mu.Unlock()
		return
	}
	m.listen(v, f.Sealed, now)
	if own := v.stage.ownIn; own != nil {
		m.own += 1 + gap
		own.src.Push(m.own, f.Sealed, now)
	}
	var out outgoing
	if m.incarnation != 0 {
		m.number += gap
		if last, ok := m.rekey(v, now); !ok {
			v.counts.Add("microphone_without_key")
		} else if next, err := m.seal(&room.Sound{Level: m.level, Opus: f.Sealed}, now); err != nil {
			v.counts.Add("microphone_packet_refused")
		} else {
			out, out.last = next, last
		}
	}
	v.mu.Unlock()
	if out.frame.Sealed != nil {
		v.media.publish(out.frame, out.last, out.auth)
	}
}

// listen measures the level, which travels with the frame.
func (m *microphone) listen(v *voice, packet []byte, now time.Time) {
	if m.decoder == nil {
		dec, err := opus.NewDecoder(v.channels())
		if err != nil {
			v.log.Error("decoder", "err", err)
			return
		}
		m.decoder = dec
		m.pcm = make([]float32, 6*mix.FrameSamples*v.channels())
	}
	if n, err := m.decoder.Decode(packet, m.pcm); err == nil {
		m.level = mix.Level(m.pcm[:n*v.channels()])
	}
	m.spoke = now
}
