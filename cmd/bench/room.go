package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"salon/node"
	"salon/node/heard"
	"salon/relay"
	"salon/room/mix"
	"salon/room/opus"
)

const (
	roomSpeakers  = 15 // on stage beside the host
	roomTalkers   = 5  // of them, at once; the others are muted
	roomListeners = 60
	roomRecorders = 3 // of the listeners, whose sound is compared with what was said
	roomJoins     = 5 // of strangers, while they talk

	alone       = 4 * time.Second // how long a phase is watched
	listening   = 5 * time.Second
	talking     = 24 * time.Second
	phaseSettle = 2 * time.Second
	talkLength  = 45 * time.Second // what the talkers have to say: more than that takes

	// The talkers take turns to beep in a band in which voices have little, so that delays can be heard through all of them.
	bandHz    = 10_000
	bandQ     = 8
	bandLevel = 0.2
	bandLoud  = 0.1
	bandStill = 0.06

	missedAim = 0.5 // % of the voiced windows
)

// fullRoom is a room as full as it is meant to get, with its host in one process and everybody else in this one: what the
// host costs by part, and whether those who listen hear it as well as in a room for three.
func fullRoom(ctx context.Context, o options) (rows []row, err error) {
	said, err := newTalk(o.voice, talkLength)
	if err != nil {
		return nil, err
	}
	units, err := measureUnits(ctx, o)
	if err != nil {
		return nil, err
	}
	host, err := startHost(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, host.leave()) }()
	empty, err := host.watch(ctx, alone)
	if err != nil {
		return nil, err
	}

	crowd := &nodes{dir: o.dir}
	defer func() { err = errors.Join(crowd.close(), err) }()
	var stage, audience []*node.Room
	var ears []*ear
	for i := range roomSpeakers + roomListeners {
		n, err := crowd.start(fmt.Sprint("Bench ", i))
		if err != nil {
			return nil, err
		}
		r, err := enter(ctx, n, host.link)
		if err != nil {
			return nil, err
		}
		if i >= roomSpeakers {
			audience = append(audience, r)
			continue
		}
		if err := r.Do(ctx, node.Action{Kind: "raise_hand"}); err != nil {
			return nil, err
		}
		if err := await(ctx, n, "the stage", func() bool { return r.View().Me.Seated }); err != nil {
			return nil, err
		}
		e, err := newBandEar()
		if err != nil {
			return nil, err
		}
		r.Play(e)
		stage, ears = append(stage, r), append(ears, e)
	}
	var records []*recorder
	for i, r := range audience {
		if i >= roomRecorders {
			r.Play(newSink())
			continue
		}
		rec, err := newRecorder()
		if err != nil {
			return nil, err
		}
		r.Play(rec)
		records = append(records, rec)
	}
	quiet, err := host.watch(ctx, listening)
	if err != nil {
		return nil, err
	}

	if err := said.begin(ctx, stage[:1]); err != nil {
		return nil, err
	}
	one, err := host.watch(ctx, listening)
	if err != nil {
		return nil, err
	}
	if err := said.begin(ctx, stage[1:roomTalkers]); err != nil {
		return nil, err
	}
	if err := pause(ctx, phaseSettle); err != nil {
		return nil, err
	}
	for _, e := range ears {
		e.heard.take()
	}
	for _, r := range records {
		r.start()
	}
	before := make([]node.HearStats, len(audience))
	for i, r := range audience {
		before[i] = r.Stats()
	}
	began, crowdBefore := time.Now(), ownCPU()
	full, err := host.watch(ctx, talking)
	if err != nil {
		return nil, err
	}
	ended := time.Now()
	crowdShare := 100 * (ownCPU() - crowdBefore).Seconds() / ended.Sub(began).Seconds()

	missed := row{what: "audience: frames concealed", unit: "%"}
	delay := row{what: "audience: host's mixer to player, by frames", unit: "ms"}
	last := row{what: "  99 of 100", unit: "ms"}
	buffer := make([]float64, len(audience))
	for i, r := range audience {
		s := r.Stats()
		missed.values = append(missed.values, 100*float64(s.Concealed-before[i].Concealed)/float64(s.Expected-before[i].Expected))
		delay.values = append(delay.values, float64(s.DelayP50MS))
		last.values = append(last.values, float64(s.DelayP99MS))
		buffer[i] = float64(s.BufferMS)
	}
	concealed := row{what: "stage: frames concealed, the worst talker", unit: "%"}
	for _, r := range stage {
		concealed.values = append(concealed.values, 100*r.View().Quality.Concealed)
	}
	memory := row{what: "host: memory (RSS)", unit: "MB"}
	if all, _, err := memoryOf(host.cmd.Process.Pid); err == nil { // Linux's kernel tells
		memory.values = []float64{all}
	}
	linked := row{what: "by share link, a stranger: first packet", unit: "ms", aim: joinAim}
	for range roomJoins {
		stranger, err := (&nodes{dir: o.dir}).start(listenerName)
		if err != nil {
			return nil, err
		}
		_, first, err := click(ctx, stranger, host.link)
		if err := errors.Join(err, stranger.Close()); err != nil {
			return nil, err
		}
		linked.values = append(linked.values, first)
	}

	beeps := said.beeps(began, ended)
	toStage := row{what: "stage: speaker to speaker, by beeps", unit: "ms", aim: stageAim}
	for _, e := range ears {
		toStage.values = append(toStage.values, delays(beeps, e.heard.take())...)
	}
	toAudience := row{what: "audience: speaker to listener, by beeps", unit: "ms"}
	beyond := row{what: "  beyond the listener's buffer", unit: "ms", aim: beyondAim}
	windows := row{what: "audience: voiced windows missed", unit: "%", aim: missedAim}
	mixed := said.mix(began.Add(time.Second), ended.Add(-2*time.Second))
	for i, r := range records {
		for _, ms := range delays(beeps, r.heard.take()) {
			toAudience.values = append(toAudience.values, ms)
			beyond.values = append(beyond.values, ms-buffer[i])
		}
		windows.values = append(windows.values, 100*(1-heard.Compare(mixed, r.stop()).HeardShare))
	}
	if len(toStage.values) == 0 || len(toAudience.values) == 0 {
		return nil, errors.New("no beeps were heard through the voices")
	}
	rows = []row{
		windows, missed, toAudience, tail(toAudience), beyond, tail(beyond), delay, last, toStage, tail(toStage), concealed, linked,
		row{what: "CPU of everybody else, in one process", unit: "% core", values: []float64{crowdShare}},
	}

	for _, name := range slices.Sorted(maps.Keys(full.counts)) {
		if n := full.counts[name]; n > 0 {
			fmt.Printf("  the host counted %d %s\n", n, name)
		}
	}
	return append(append(rows, memory), hostRows(units, empty, quiet, one, full)...), nil
}

// tail is what hardly any value of r exceeds.
func tail(r row) row {
	return row{what: "  99 of 100", unit: r.unit, values: []float64{quantile(r.values, 0.99)}}
}

// A talk is what five people say at once.
type talk struct {
	pcm     [roomTalkers][]float32
	packets [roomTalkers][][]byte
	marks   [roomTalkers][]time.Duration // when the beeps begin, as a decoder hears them
	at      [roomTalkers]time.Time       // when they began, or would have
}

// newTalk gives each talker the recorded voices from another place on, and every fifth beep.
func newTalk(dir string, length time.Duration) (*talk, error) {
	all, err := speech(dir)
	if err != nil {
		return nil, err
	}
	t := &talk{}
	for i := range t.pcm {
		pcm := make([]float32, int(length/mix.FrameDuration)*mix.FrameSamples)
		from := len(all) * i / roomTalkers
		for k := range pcm {
			pcm[k] = 0.7 * all[(from+k)%len(all)]
			const every = beepEvery * mix.FrameSamples
			if k/every%roomTalkers == i && k%every < beepOn*mix.FrameSamples {
				pcm[k] += bandLevel * float32(math.Sin(2*math.Pi*bandHz*float64(k)/mix.SampleRate))
			}
		}
		if t.packets[i], err = encode(opus.Talk(), pcm); err != nil {
			return nil, err
		}
		e, err := newBandEar()
		if err != nil {
			return nil, err
		}
		zero := time.Unix(0, 0)
		for n, packet := range t.packets[i] {
			e.heard.hear(packet, zero.Add(time.Duration(n)*mix.FrameDuration))
		}
		for _, at := range e.heard.take() {
			t.marks[i] = append(t.marks[i], at.Sub(zero))
		}
		t.pcm[i] = pcm
	}
	return t, nil
}

// begin lets more of the talkers talk. All are in step, or two would beep at once, but each has frames of its own.
func (t *talk) begin(ctx context.Context, talkers []*node.Room) error {
	now := time.Now()
	for _, r := range talkers {
		i := slices.IndexFunc(t.at[:], time.Time.IsZero)
		if i == 0 {
			t.at[0] = now
		} else {
			t.at[i] = t.at[0].Add(rand.N(mix.FrameDuration))
		}
		m := &talker{packets: t.packets[i], start: t.at[i], n: int(now.Sub(t.at[0]) / mix.FrameDuration), closed: make(chan struct{})}
		if err := r.Publish(ctx, m); err != nil {
			return err
		}
	}
	return nil
}

// beeps are when beeps were said in a time, but for its end: what is said then may not be heard in it.
func (t *talk) beeps(from, to time.Time) []time.Time {
	var all []time.Time
	for i, marks := range t.marks {
		for _, m := range marks {
			if at := t.at[i].Add(m); at.After(from) && at.Before(to.Add(-time.Second)) {
				all = append(all, at)
			}
		}
	}
	slices.SortFunc(all, time.Time.Compare)
	return all
}

// mix is what all of them said in a time.
func (t *talk) mix(from, to time.Time) []float32 {
	out := make([]float32, int(to.Sub(from).Seconds()*mix.SampleRate))
	for i, pcm := range t.pcm {
		at := int(from.Sub(t.at[i]).Seconds() * mix.SampleRate)
		for k := range out {
			out[k] += pcm[at+k]
		}
	}
	return out
}

// A talker is a microphone with packets that are ready.
type talker struct {
	packets [][]byte
	start   time.Time // of the first packet
	n       int       // of the next
	closed  chan struct{}
	once    sync.Once
}

// Receive gives the next packet when it is due.
func (t *talker) Receive(p *relay.Packet) error {
	if t.n == len(t.packets) {
		return io.EOF
	}
	wait := time.NewTimer(time.Until(t.start.Add(time.Duration(t.n) * mix.FrameDuration)))
	defer wait.Stop()
	select {
	case <-t.closed:
		return io.EOF
	case <-wait.C:
	}
	*p = relay.Packet{Frames: []relay.Frame{{Number: uint64(t.n), Sealed: t.packets[t.n]}}}
	t.n++
	return nil
}

func (t *talker) Send(*relay.Packet)     {}
func (t *talker) Stats() relay.LinkStats { return relay.LinkStats{} }
func (t *talker) Close() error           { t.once.Do(func() { close(t.closed) }); return nil }

// newBandEar is an ear that looks for beeps in their band only.
func newBandEar() (*ear, error) {
	e, err := newEar()
	if err == nil {
		e.heard.band, e.heard.loud, e.heard.still = newBand(bandHz, bandQ), bandLoud, bandStill
	}
	return e, err
}

// A sink is a player to which nobody listens.
type sink struct {
	closed chan struct{}
	once   sync.Once
}

func newSink() *sink { return &sink{closed: make(chan struct{})} }

func (s *sink) Send(*relay.Packet)          {}
func (s *sink) Receive(*relay.Packet) error { <-s.closed; return io.EOF }
func (s *sink) Stats() relay.LinkStats      { return relay.LinkStats{} }
func (s *sink) Close() error                { s.once.Do(func() { close(s.closed) }); return nil }

// A recorder is an ear for beeps that also keeps what it hears.
type recorder struct {
	*ear
	mu   sync.Mutex // guards the fields below
	dec  *opus.Decoder
	on   bool
	next uint64
	pcm  []float32
}

func newRecorder() (*recorder, error) {
	e, err := newBandEar()
	if err != nil {
		return nil, err
	}
	dec, err := opus.NewDecoder(1)
	return &recorder{ear: e, dec: dec}, err
}

// Send is called by one goroutine of the node.
func (r *recorder) Send(p *relay.Packet) {
	r.ear.Send(p)
	for _, f := range p.Frames {
		r.keep(f.Number, f.Sealed)
	}
}

func (r *recorder) keep(number uint64, packet []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var frame [mix.FrameSamples]float32
	n, err := r.dec.Decode(packet, frame[:])
	if !r.on {
		return
	}
	if r.next != 0 && number > r.next { // what was lost is silence
		r.pcm = append(r.pcm, make([]float32, int(number-r.next)*mix.FrameSamples)...)
	}
	if r.next = number + 1; err != nil {
		n = 0
	}
	clear(frame[n:])
	r.pcm = append(r.pcm, frame[:]...)
}

// start keeps what comes from now on, and forgets beeps that came before.
func (r *recorder) start() {
	r.heard.take()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.on = true
}

func (r *recorder) stop() []float32 {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.on = false
	return r.pcm
}
