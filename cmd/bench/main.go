// Command bench measures salon against its aims and against the raw cost of what it stands on. "make bench" builds
// bin/salon and runs it, in about five minutes.
//
// What is compared is measured in interleaved rounds of one run, because two runs on a shared machine compare the
// machine with itself. CPU is the time that the operating system charges the whole process with, all threads, garbage
// collection and libopus included; a profiler sees neither all of it nor only that. It fails when something cannot be
// measured, never on a number: whether a number is good enough depends on the machine, and is for the reader.
//
// The benchmarks beside the code (go test -bench=. ./room/... ./relay/...) look into single functions; this one is about
// what a person notices. The first sound in a browser is measured by
// BenchmarkClickToSound of node/browser, which "make bench" runs after this.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"time"
)

// atMost ends a run that hangs.
const atMost = 7 * time.Minute

// A part measures one thing, in rounds, and gives rows of the table.
type part struct {
	name, about string
	run         func(ctx context.Context, o options) ([]row, error)
}

var parts = []part{
	{"frame", "CPU per 20 ms frame", frameCost},
	{"sound", "CPU of 10 speakers, all talking, for the host's program", soundCost},
	{"delay", "microphone packet to player packet, real nodes on loopback, by the sound itself (11 rounds of 2 beeps)", soundDelay},
	{"join", "click to the first verified frame at the player, real nodes on loopback", joinTime},
	{"crowd", "200 click within 5 s on a room whose host feeds 20 and two relays the others, all on this computer", crowdTime},
	{"room", "16 on stage, 5 talking at once, 60 listeners: a host process, and everybody else in another (24 s)", fullRoom},
	{"fanout", "one stream to many children by UDP, beside a loop that only calls sendto (a process each; 11 rounds)", fanoutCost},
	{"guests", "one stream to 250 browsers by WHEP, beside pion's own way and loops that only call sendto, or SRTP and sendto (a process each; 11 rounds)", guestCost},
	{"listeners", "what one more real listener costs a real node ('salon bench', up to 25 s)", listenerCost},
	{"ledger", "writing, verifying and opening a ledger; selling and checking tickets", ledgerCost},
	{"sale", "order to ticket by IOU, real nodes on loopback (11 rounds of 20)", saleTime},
	{"start", "'salon up': process start to page served, and leaving", startTime},
	{"idle", "'salon up', nothing going on (5 rounds of 2 s)", idleCost},
}

type options struct {
	salon string // the program
	voice string // folder of recorded voices
	dir   string // for temporary homes
}

func main() {
	var o options
	only := flag.String("only", "", "measure these parts, comma separated: "+strings.Join(partNames(), ","))
	flag.StringVar(&o.salon, "salon", "bin/salon", "the program whose start and idling are measured")
	flag.StringVar(&o.voice, "voice", "node/demo/voices", "folder of recorded voices")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, atMost)
	defer cancel()
	var err error
	switch flag.Arg(0) {
	case asHost:
		err = runHost(ctx, os.Stdin, os.Stdout)
	case asFan:
		err = runFan(ctx, os.Stdin, os.Stdout)
	case asEar:
		err = runEar(os.Stdin, os.Stdout)
	case asGallery:
		err = runGallery(os.Stdin, os.Stdout)
	case asBrowsers:
		err = runBrowsers(ctx, os.Stdin, os.Stdout)
	default:
		err = run(ctx, o, *only)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench: "+err.Error())
		os.Exit(1)
	}
}

func run(ctx context.Context, o options, only string) error {
	chosen, err := choose(only)
	if err != nil {
		return err
	}
	if o.dir, err = os.MkdirTemp("", "salon-bench-"); err != nil {
		return err
	}
	defer os.RemoveAll(o.dir)

	began := time.Now()
	fmt.Printf("%s/%s, %d cores, %s; load average at the start: %s\n", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version(), loadAverage())
	var failed error
	for _, p := range chosen {
		fmt.Printf("\n%s: %s\n", p.name, p.about)
		rows, err := p.run(ctx, o)
		printTable(os.Stdout, rows)
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s: %w", p.name, err))
			fmt.Printf("  not measured: %v\n", err)
		}
	}
	fmt.Printf("\n%.0f s; load average at the end: %s. Whatever else this machine did meanwhile is in these numbers.\n", time.Since(began).Seconds(), loadAverage())
	return failed
}

func choose(only string) ([]part, error) {
	if only == "" {
		return parts, nil
	}
	var chosen []part
	for name := range strings.SplitSeq(only, ",") {
		found := false
		for _, p := range parts {
			if p.name == name {
				chosen, found = append(chosen, p), true
			}
		}
		if !found {
			return nil, fmt.Errorf("there is no part %q; there are %s", name, strings.Join(partNames(), ", "))
		}
	}
	return chosen, nil
}

func partNames() []string {
	names := make([]string, len(parts))
	for i, p := range parts {
		names[i] = p.name
	}
	return names
}

// loadAverage is how busy the machine is: runnable processes in the last 1, 5 and 15 minutes.
func loadAverage() string {
	b, err := os.ReadFile("/proc/loadavg")
	if f := strings.Fields(string(b)); err == nil && len(f) > 3 {
		return strings.Join(f[:3], " ")
	}
	return "unknown"
}
