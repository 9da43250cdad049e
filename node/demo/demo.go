// Package demo shows salon at work on one machine: two temporary nodes on loopback, a host and a guest, speak with
// bundled voices; the person's own node joins by the real path, and what it hears is measured. Nothing of it is announced.
package demo

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"salon/node"
	"salon/node/heard"
	"salon/node/media"
	"salon/relay"
	"salon/room/mix"
	"salon/room/opus"
)

//go:embed voices/host.opus
var hostVoice []byte

//go:embed voices/guest.opus
var guestVoice []byte

// Voice is somebody speaking, in Ogg Opus.
func Voice() []byte { return hostVoice }

// A Step is told as it happens.
type Step struct {
	Step    string   `json:"step"` // constant: host, join, hand, granted, guest, measured, over
	Text    string   `json:"text"`
	Done    bool     `json:"done"` // the last one
	Failed  bool     `json:"failed"`
	Heard   *float64 `json:"heard,omitempty"`  // share of the voiced 10 ms windows that came out, 0 to 1
	GapMS   *int64   `json:"gap_ms,omitempty"` // the longest that did not
	DelayMS *int     `json:"delay_ms,omitempty"`
}

// ErrHeardBadly means that the demo ran and too little of it was heard.
var ErrHeardBadly = errors.New("the demo was heard with gaps")

const (
	enough   = 0.99
	guestAt  = 4 * time.Second // into the host's speech: the hand goes up
	stepTime = 20 * time.Second
)

// Run plays the demo for n and tells its steps. joined is called with the room once n is in it. It takes about half a
// minute; when ctx ends it stops at once. Everything temporary is gone when it returns.
func Run(ctx context.Context, n *node.Node, tell func(Step), joined func(*node.Room)) error {
	dir, err := os.MkdirTemp("", "salon-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	d := &show{dir: dir, n: n, tell: tell}
	err = d.run(ctx, joined)
	for _, other := range d.nodes {
		err = errors.Join(err, other.Close())
	}
	last := Step{Step: "over", Text: "That was real: three nodes on this computer, sealed and signed sound, no server.", Done: true}
	if err != nil {
		last.Failed, last.Text = true, "The demo stopped: "+err.Error()
	}
	tell(last)
	return err
}

type show struct {
	dir   string
	n     *node.Node
	nodes []*node.Node
	tell  func(Step)
}

func (d *show) run(ctx context.Context, joined func(*node.Room)) error {
	hostPath, guestPath := filepath.Join(d.dir, "host.opus"), filepath.Join(d.dir, "guest.opus")
	if err := errors.Join(os.WriteFile(hostPath, hostVoice, 0o600), os.WriteFile(guestPath, guestVoice, 0o600)); err != nil {
		return err
	}
	host, err := d.start("Demo host")
	if err != nil {
		return err
	}
	hosted, err := host.StartRoom(node.Start{Title: "Hear it work", Language: "en"})
	if err != nil {
		return err
	}
	d.tell(Step{Step: "host", Text: "A node on this computer opened a room."})

	room, err := d.n.Join(ctx, hosted.View().Link)
	if err != nil {
		return err
	}
	defer func() { _ = room.Do(context.Background(), node.Action{Kind: "leave"}) }()
	if p := room.Phase(); p != node.Live {
		return fmt.Errorf("your node could not join: %s", p)
	}
	room.ShowAsDemo()
	joined(room)
	ear := newEar()
	room.Play(ear)
	d.tell(Step{Step: "join", Text: "Your node joined it the way it joins any room."})

	hostSpeech, err := d.speak(ctx, hosted, hostPath)
	if err != nil {
		return err
	}
	if err := wait(ctx, guestAt); err != nil {
		return err
	}
	guest, err := d.guest(ctx, hosted)
	if err != nil {
		return err
	}
	if err := finish(ctx, hostSpeech); err != nil {
		return err
	}
	// The guest does not talk over the host: each is measured by itself.
	guestSpeech, err := d.speak(ctx, guest, guestPath)
	if err != nil {
		return err
	}
	d.tell(Step{Step: "guest", Text: "The guest speaks, on the host's stage, to you."})
	if err := finish(ctx, guestSpeech); err != nil {
		return err
	}
	// What is on its way is still heard: the audience's buffer and a little.
	if err := wait(ctx, time.Second); err != nil {
		return err
	}
	ear.Close()
	return d.measure(hostPath, guestPath, ear, room)
}

// finish waits until a file has been said.
func finish(ctx context.Context, m *media.Mic) error {
	select {
	case <-m.Done():
		return m.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// start runs a temporary node that nobody outside can see.
func (d *show) start(name string) (*node.Node, error) {
	n, err := node.New(node.Options{
		Home: filepath.Join(d.dir, fmt.Sprint(len(d.nodes))), Name: name, Hidden: true, NoMDNS: true,
		Listen: []string{"/ip4/127.0.0.1/udp/0/quic-v1", "/ip4/127.0.0.1/tcp/0"},
	})
	if err == nil {
		d.nodes = append(d.nodes, n)
	}
	return n, err
}

func (d *show) speak(ctx context.Context, r *node.Room, path string) (*media.Mic, error) {
	src, err := media.OpenSource(path, media.Options{})
	if err != nil {
		return nil, err
	}
	mic := media.NewMic(src)
	return mic, r.Publish(ctx, mic)
}

// guest brings a second node on stage.
func (d *show) guest(ctx context.Context, hosted *node.Room) (*node.Room, error) {
	n, err := d.start("Demo guest")
	if err != nil {
		return nil, err
	}
	r, err := n.Join(ctx, hosted.View().Link)
	if err != nil {
		return nil, err
	}
	if err := r.Do(ctx, node.Action{Kind: "raise_hand"}); err != nil {
		return nil, err
	}
	d.tell(Step{Step: "hand", Text: "A guest came in and raised a hand."})
	if err := hosted.Do(ctx, node.Action{Kind: "grant", Person: n.Person()}); err != nil {
		return nil, err
	}
	if err := await(ctx, n, func() bool { return r.View().Me.Role == "speaker" }); err != nil {
		return nil, fmt.Errorf("the guest did not reach the stage: %w", err)
	}
	d.tell(Step{Step: "granted", Text: "The host brought the guest on stage."})
	return r, nil
}

// measure compares what was said with what this node heard.
func (d *show) measure(hostPath, guestPath string, e *ear, r *node.Room) error {
	pcm := e.pcm()
	var voiced, came int
	var gap time.Duration
	for _, path := range []string{hostPath, guestPath} {
		said, err := media.ReadSamples(path, 1)
		if err != nil {
			return err
		}
		report := heard.Compare(said, pcm)
		voiced += report.VoicedWindows
		came += report.HeardWindows
		gap = max(gap, report.LongestGap)
	}
	share, ms, delay := float64(came)/float64(max(voiced, 1)), gap.Milliseconds(), r.Stats().DelayP50MS
	d.tell(Step{Step: "measured", Heard: &share, GapMS: &ms, DelayMS: &delay,
		Text: fmt.Sprintf("Measured: %.1f %% of what the two said was heard, the longest gap was %d ms, %d ms behind the host.", 100*share, ms, delay)})
	if share < enough {
		return fmt.Errorf("%w: %.1f %%", ErrHeardBadly, 100*share)
	}
	return nil
}

// await waits until cond holds, looking again at every change of n.
func await(ctx context.Context, n *node.Node, cond func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, stepTime)
	defer cancel()
	poke := make(chan struct{}, 1)
	stop := n.Watch(func(node.Change) {
		select {
		case poke <- struct{}{}:
		default:
		}
	})
	defer stop()
	for !cond() {
		select {
		case <-poke:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// An ear is a player that keeps what it hears.
type ear struct {
	once sync.Once
	done chan struct{}

	mu      sync.Mutex // guards the fields below
	packets [][]byte   // nil for a lost frame
	next    uint64
}

func newEar() *ear { return &ear{done: make(chan struct{})} }

func (e *ear) Send(p *relay.Packet) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, f := range p.Frames {
		for ; e.next < f.Number; e.next++ {
			e.packets = append(e.packets, nil)
		}
		e.packets = append(e.packets, append([]byte(nil), f.Sealed...))
		e.next = f.Number + 1
	}
}

func (e *ear) Receive(*relay.Packet) error {
	<-e.done
	return io.EOF
}

func (e *ear) Stats() relay.LinkStats { return relay.LinkStats{} }

func (e *ear) Close() error {
	e.once.Do(func() { close(e.done) })
	return nil
}

// pcm decodes what was heard, lost frames as silence: they are not to be counted as heard.
func (e *ear) pcm() []float32 {
	e.mu.Lock()
	defer e.mu.Unlock()
	dec, err := opus.NewDecoder(1)
	if err != nil {
		return nil
	}
	out := make([]float32, 0, len(e.packets)*mix.FrameSamples)
	frame := make([]float32, 6*mix.FrameSamples)
	for _, p := range e.packets {
		if p == nil {
			out = append(out, make([]float32, mix.FrameSamples)...)
			continue
		}
		if n, err := dec.Decode(p, frame); err == nil {
			out = append(out, frame[:n]...)
		}
	}
	return out
}
