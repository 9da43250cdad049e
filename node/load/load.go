// Package load finds out how many listeners this computer can carry: it opens a real room on a real node, lets more and more
// listeners in over loopback, and watches what they cost and whether they hear everything.
//
//   - The listeners run in another process, so that the system tells apart what the node costs and what they cost, which is
//     many times as much.
//   - The computer is never filled: the listeners would need most of it. What one listener costs is measured, and the rest
//     reckoned.
//   - It ends by itself: after Options.For, when the node has used up its share of a core, when the listeners miss sound, or
//     when the computer has nothing left for more of them.
package load

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"salon/node"
	"salon/node/demo"
	"salon/node/media"
	"salon/node/web/guest"
)

const (
	coreShare   = 0.7  // of a core that may be reckoned with: what is left takes bursts, and everything else that runs
	memoryShare = 0.5  // of the memory that is free
	busy        = 0.92 // of all cores in use: the listeners have no more time
	missMost    = 0.01 // of the frames that listeners may miss

	settle = time.Second
	first  = 15 // listeners; then three times as many, again and again

	// perListener is kbit/s of uplink for one of them, headers and all, as node reckons it for talk.
	perListener = node.TalkUplink
)

// Options configures Run.
type Options struct {
	For     time.Duration // at most; 0 means a minute
	Most    int           // listeners at most; 0 means 400
	Browser bool          // they have only a browser
	Crowd   *exec.Cmd     // a process that calls Crowd with its standard input and output
	Tell    func(Step)    // called after each step; nil means nobody is told

	watch time.Duration // how long each step is watched; 0 means 4 s
}

// A Step is what was seen with so many listeners.
type Step struct {
	Listeners int     `json:"listeners"`
	CPU       float64 `json:"cpu"`       // of one core, used by the node
	Crowd     float64 `json:"crowd_cpu"` // by the listeners
	MemoryMB  float64 `json:"memory_mb"` // of the node; 0 where the system does not tell
	Missed    float64 `json:"missed"`    // share of the frames that came late or never, 0 to 1
	Busy      float64 `json:"busy"`      // share of all cores in use, whoever uses them, 0 to 1
}

// Why no more listeners were let in.
const (
	Time     = "time"     // was up
	CPU      = "cpu"      // the node used up its share
	Missed   = "missed"   // they missed sound
	Computer = "computer" // was busy, mostly with the listeners
	Enough   = "enough"   // there were Options.Most
	Memory   = "memory"   // only a limit: there is room for no more
)

// A Result says what one listener costs, and what follows.
type Result struct {
	Steps    []Step  `json:"steps"` // the first without listeners
	Ended    string  `json:"ended"` // why
	Cores    int     `json:"cores"`
	Micros   float64 `json:"cpu_us_per_listener_second"`
	KB       float64 `json:"memory_kb_per_listener"` // 0 if unknown
	Kbit     int     `json:"kbit_per_listener"`
	Carries  int     `json:"listeners"` // about
	Limit    string  `json:"limit"`     // of Carries: cpu, memory or missed
	UplinkMb int     `json:"uplink_mbit"`
}

// Run measures. It returns an error if it cannot, or was told to stop.
func Run(ctx context.Context, o Options) (r *Result, err error) {
	if o.For == 0 {
		o.For = time.Minute
	}
	if o.Most == 0 {
		o.Most = 400
	}
	if o.watch == 0 {
		o.watch = 4 * time.Second
	}
	end := time.Now().Add(o.For)
	dir, err := os.MkdirTemp("", "salon-load-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	h, err := open(ctx, dir, o)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, h.close()) }()
	c, err := startCrowd(o.Crowd, crowdOrder{Link: h.link, Page: h.page})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.leave()) }()

	r = &Result{Cores: runtime.NumCPU(), Kbit: perListener}
	for n := 0; ; n = min(max(3*n, first), o.Most) {
		began := time.Now()
		if err := c.grow(n); err != nil {
			return nil, err
		}
		if err := pause(ctx, settle); err != nil {
			return nil, err
		}
		s, err := look(ctx, n, c, o.watch)
		if err != nil {
			return nil, err
		}
		r.Steps = append(r.Steps, s)
		if o.Tell != nil {
			o.Tell(s)
		}
		took := time.Since(began)
		switch {
		case n == 0:
			continue
		case s.CPU >= coreShare:
			r.Ended = CPU
		case s.Busy >= busy:
			r.Ended = Computer
		case s.Missed > missMost:
			r.Ended = Missed
		case n == o.Most:
			r.Ended = Enough
		case time.Until(end) < 3*took-2*o.watch: // three times as many take three times as long to come
			r.Ended = Time
		default:
			continue
		}
		r.reckon(memoryFree())
		return r, nil
	}
}

// look watches for a while.
func look(ctx context.Context, n int, c *crowd, watch time.Duration) (Step, error) {
	before, err := c.look()
	if err != nil {
		return Step{}, err
	}
	began, own, idle := time.Now(), ownCPU(), idleTime()
	if err := pause(ctx, watch); err != nil {
		return Step{}, err
	}
	used, took := ownCPU()-own, time.Since(began).Seconds()
	idle = idleTime() - idle
	after, err := c.look()
	if err != nil {
		return Step{}, err
	}
	s := Step{Listeners: n, CPU: used.Seconds() / took, Crowd: (after.CPU - before.CPU).Seconds() / took, MemoryMB: memory("self", "VmRSS:")}
	if frames := float64(after.Expected) - float64(before.Expected); frames > 0 { // one that was late may have come after all
		s.Missed = max(float64(after.Missed)-float64(before.Missed), 0) / frames
	}
	cores := float64(runtime.NumCPU())
	s.Busy = (s.CPU + s.Crowd) / cores
	if idle > 0 {
		s.Busy = max(1-idle.Seconds()/took/cores, 0)
	}
	return s, nil
}

// reckon says what follows from the steps. The first listener costs more than the next: something is sent, rather than
// nothing. So what one costs is seen between the first step that has listeners and the last, if there are two.
func (r *Result) reckon(freeMB float64) {
	some := r.Steps[1:]
	if r.Ended == Missed && len(some) > 1 {
		some = some[:len(some)-1]
	}
	base, last := some[0], some[len(some)-1]
	if len(some) == 1 {
		base = r.Steps[0]
	}
	n := float64(last.Listeners - base.Listeners)
	each := max(last.CPU-base.CPU, 1e-6) / n
	r.Micros = each * 1e6
	r.Carries, r.Limit = base.Listeners+int(max(coreShare-base.CPU, 0)/each), CPU
	if base.MemoryMB > 0 {
		r.KB = max(last.MemoryMB-base.MemoryMB, 0) * 1024 / n
		if most := int(freeMB * 1024 * memoryShare / max(r.KB, 1)); freeMB > 0 && most < r.Carries {
			r.Carries, r.Limit = most, Memory
		}
	}
	if r.Ended == Missed {
		r.Carries, r.Limit = last.Listeners, Missed
	}
	r.Carries = round(r.Carries)
	r.UplinkMb = (r.Carries*r.Kbit + 999) / 1000
}

// round leaves two digits: more would not be true.
func round(n int) int {
	unit := 1
	for n/unit >= 100 {
		unit *= 10
	}
	return n / unit * unit
}

// A hosted is the room that is listened to.
type hosted struct {
	n     *node.Node
	guest *guest.Server
	mic   *media.Mic
	link  string
	page  string // for browsers; "" without
}

func open(ctx context.Context, dir string, o Options) (h *hosted, err error) {
	h = &hosted{}
	defer func() {
		if err != nil {
			err = errors.Join(err, h.close())
		}
	}()
	h.n, err = node.New(node.Options{
		Home: filepath.Join(dir, "host"), Name: "Host", Hidden: true, NoMDNS: true, Listen: loopback(),
		MaxChildren: o.Most + 1, MaxPeers: o.Most + 100,
	})
	if err != nil {
		return nil, err
	}
	r, err := h.n.StartRoom(node.Start{Title: "How many can listen", Language: "en"})
	if err != nil {
		return nil, err
	}
	h.link = r.View().Link
	if o.Browser {
		if h.guest, err = guest.New(h.n, guest.Options{Addr: "127.0.0.1:0", Max: o.Most + 1}); err != nil {
			return nil, err
		}
		h.page = h.guest.URL() + "/r/" + r.ID().String() + "/whep"
	}
	voice := filepath.Join(dir, "voice.opus")
	if err := os.WriteFile(voice, demo.Voice(), 0o600); err != nil {
		return nil, err
	}
	src, err := media.OpenSource(voice, media.Options{Channels: 1, Loop: true})
	if err != nil {
		return nil, err
	}
	h.mic = media.NewMic(src)
	return h, r.Publish(ctx, h.mic)
}

func (h *hosted) close() (err error) {
	if h.mic != nil {
		err = h.mic.Close()
	}
	if h.guest != nil {
		err = errors.Join(err, h.guest.Close())
	}
	if h.n != nil {
		err = errors.Join(err, h.n.Close())
	}
	return err
}

// A crowd is the process of the listeners.
type crowd struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	say *json.Encoder
	out *json.Decoder
}

func startCrowd(cmd *exec.Cmd, to crowdOrder) (*crowd, error) {
	c := &crowd{cmd: cmd}
	var err error
	if c.in, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.say, c.out = json.NewEncoder(c.in), json.NewDecoder(out)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	if err := c.say.Encode(to); err != nil {
		return nil, errors.Join(err, c.leave())
	}
	return c, nil
}

// grow waits until n listen.
func (c *crowd) grow(n int) error {
	_, err := c.ask(crowdOrder{Listeners: n})
	return err
}

func (c *crowd) look() (crowdReport, error) { return c.ask(crowdOrder{}) }

func (c *crowd) ask(o crowdOrder) (r crowdReport, err error) {
	if err = c.say.Encode(o); err == nil {
		err = c.out.Decode(&r)
	}
	if err != nil {
		return r, fmt.Errorf("the listeners' process: %w", err)
	}
	if r.Failed != "" {
		return r, errors.New(r.Failed)
	}
	return r, nil
}

// leave lets the process go: it has nobody to say goodbye to. (A node's takes a moment, and there are hundreds.)
func (c *crowd) leave() error {
	c.in.Close()
	return c.cmd.Wait()
}

func loopback() []string { return []string{"/ip4/127.0.0.1/udp/0/quic-v1"} }

func ownCPU() time.Duration {
	user, system := OwnTimes()
	return user + system
}

// memory is a line of a process's status, in MB; 0 where there is no /proc.
func memory(pid, line string) float64 { return procMB("/proc/"+pid+"/status", line) }

// memoryFree is what could be used without anything else having to go, in MB.
func memoryFree() float64 { return procMB("/proc/meminfo", "MemAvailable:") }

func procMB(file, line string) float64 {
	b, _ := os.ReadFile(file)
	for l := range strings.Lines(string(b)) {
		if f := strings.Fields(l); len(f) == 3 && f[0] == line {
			kB, _ := strconv.ParseFloat(f[1], 64)
			return kB / 1024
		}
	}
	return 0
}

// idleTime is how long the cores have been idle, all together, since the start; 0 where there is no /proc.
func idleTime() time.Duration {
	b, _ := os.ReadFile("/proc/stat")
	f := strings.Fields(string(b))
	if len(f) < 6 {
		return 0
	}
	var ticks int64 // idle, and waiting for disks, in hundredths of a second
	for _, x := range f[4:6] {
		n, _ := strconv.ParseInt(x, 10, 64)
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
