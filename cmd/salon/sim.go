package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"salon/node/sim"
)

func simCommand() *cobra.Command {
	o := sim.Options{Seed: 1, Peers: 1000, For: time.Minute, Loss: 0.02, RTT: 50 * time.Millisecond, Churn: 5, Arrive: 200, Relays: 0.03, Volunteers: 0.3, BadLoss: 0.12}
	var lies []string
	var svg string
	var trials int
	var asJSON bool
	cmd := &cobra.Command{
		Use: "sim", Short: "Simulate a large room: thousands of peers that come, go, fail and lie, in virtual time", Args: noArgs,
		Long: "sim runs the tree that carries a room's sound with thousands of peers, in virtual time and on this computer alone: the real\n" +
			"code of every peer, over links that lose and delay. One seed makes one run, whenever and wherever it is made.\n\n" +
			"  salon sim --peers 1000 --for 10m                     # churn: 5 joins or leaves a second, 2 % of packets lost\n" +
			"  salon sim --kill 30%@30s --svg tree.svg              # nearly a third of the relays vanish at once\n" +
			"  salon sim --peers 30 --for 5s --settle 1s --arrive 100/s --churn 0 --liars 30% --trials 10000\n\n" +
			"Lies that relays may tell (--lie, repeatable; all by turns if none is named):\n" + lieHelp(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			for _, l := range lies {
				o.Lies = append(o.Lies, sim.Lie(l))
			}
			if trials < 1 || trials > 1 && svg != "" {
				return usagef("%d trials, and a picture of one of them", trials)
			}
			if svg != "" {
				o.Pictures = 6
			}
			for _, s := range []*float64{&o.Relays, &o.Volunteers, &o.BadLoss} {
				if *s == 0 {
					*s = -1 // none, not the default
				}
			}
			began := time.Now()
			if trials > 1 {
				t, err := sim.Trials(cmd.Context(), o, trials, nil)
				if err != nil {
					return simError(err)
				}
				return printTally(cmd.OutOrStdout(), t, time.Since(began), asJSON)
			}
			r, err := sim.Run(cmd.Context(), o)
			if err != nil {
				return simError(err)
			}
			r.Took = time.Since(began)
			if svg != "" {
				if err := drawSVG(svg, r); err != nil {
					return err
				}
			}
			if asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(r)
			}
			return r.Print(cmd.OutOrStdout())
		},
	}
	fl := cmd.Flags()
	fl.Uint64Var(&o.Seed, "seed", o.Seed, "what all chance comes from")
	fl.IntVar(&o.Peers, "peers", o.Peers, "listeners at the start")
	fl.Var((*span)(&o.For), "for", "how long the room lasts, in its own time")
	fl.Var((*share)(&o.Loss), "loss", "share of packets that every link loses")
	fl.Var((*span)(&o.RTT), "rtt", "distance of two peers, there and back")
	fl.Var((*span)(&o.Spread), "spread", "by how much that differs, either way, from pair to pair")
	fl.Var((*rate)(&o.Churn), "churn", "joins or leaves a second")
	fl.Var((*rate)(&o.Arrive), "arrive", "joins a second of those who are there at the start")
	fl.Var((*span)(&o.Settle), "settle", "how long after the last of these nothing is measured and nobody lies (default 5s)")
	fl.Var((*kills)(&o.Kills), "kill", "share of those who feed others that vanishes, and when: 30%@30s; repeatable")
	fl.Var((*cuts)(&o.Cuts), "cut", "share of the peers that is cut off, when, and for how long: 20%@30s+5s; repeatable")
	fl.Var((*share)(&o.Bad), "bad", "share of those who carry others whose own line is bad")
	fl.Var((*share)(&o.BadLoss), "bad-loss", "share of packets that such a line loses")
	fl.Var((*span)(&o.BadDelay), "bad-delay", "how much later what it does not lose comes")
	fl.Var((*share)(&o.Liars), "liars", "share of those who carry others that lies")
	fl.StringArrayVar(&lies, "lie", nil, "what they do; repeatable")
	fl.BoolVar(&o.Play, "play", false, "play what is heard, through the buffer of a listener's node, and count what is missing then")
	fl.IntVar(&o.Fanout, "fanout", 8, "listeners that the host feeds")
	fl.IntVar(&o.Ready, "ready", 0, "relays that are there before the crowd comes")
	fl.Var((*share)(&o.Relays), "relays", "share of the listeners that are relays")
	fl.IntVar(&o.RelayFanout, "relay-fanout", 64, "listeners that each of these feeds")
	fl.Var((*share)(&o.Volunteers), "volunteers", "share of the listeners that feed a few others")
	fl.IntVar(&o.VolunteerFanout, "volunteer-fanout", 6, "listeners that each of these feeds")
	fl.IntVar(&o.Bundle, "bundle", 3, "frames in a packet")
	fl.Var((*span)(&o.Tick), "tick", "how often every node looks around, at most 20ms: less often is quicker to simulate (default 10ms)")
	fl.IntVar(&trials, "trials", 1, "how many rooms, each with the next seed; prints their sum")
	fl.StringVar(&svg, "svg", "", "file to draw the tree to, at six moments")
	fl.BoolVar(&asJSON, "json", false, "print an object")
	completesTo(cmd, "svg", cobra.ShellCompDirectiveFilterFileExt, "svg")
	var words []string
	for _, l := range sim.Lies {
		words = append(words, string(l))
	}
	completesTo(cmd, "lie", cobra.ShellCompDirectiveNoFileComp, words...)
	return cmd
}

func lieHelp() string {
	var b strings.Builder
	for _, l := range sim.Lies {
		fmt.Fprintf(&b, "  %-9s %s\n", l, l.Doc())
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func simError(err error) error {
	if errors.Is(err, sim.ErrOption) || errors.Is(err, sim.ErrLie) {
		return usageError{err}
	}
	return err
}

func drawSVG(path string, r *sim.Result) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = firstErr(err, f.Close()) }()
	return r.Draw(f)
}

func printTally(out io.Writer, t sim.Tally, took time.Duration, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(out).Encode(t)
	}
	_, err := fmt.Fprintf(out, "%d rooms from seed %d on, took %v: %d liars banned %d times; %d of %d frames on time (%.3f %%), the worst room %.3f %% (seed %d); %d peers silent at the end; %d wrong frames\n",
		t.Trials, t.Seed, took.Round(100*time.Millisecond), t.Liars, t.Bans, t.OnTime, t.Due, 100*float64(t.OnTime)/float64(max(t.Due, 1)), 100*t.Delivered, t.Worst, t.Silent, t.Wrong)
	switch {
	case err != nil:
	case t.BadSeed != nil:
		err = fmt.Errorf("the room of seed %d heard what was never said", *t.BadSeed)
	case t.Trespasses > 0:
		err = fmt.Errorf("for %d packets honest peers would have been shown out", t.Trespasses)
	}
	return err
}

// A share is a flag: 2% or 0.02.
type share float64

func (s *share) Set(v string) error {
	x, err := parseShare(v)
	*s = share(x)
	return err
}

func (s *share) String() string {
	if *s == 0 {
		return ""
	}
	return strconv.FormatFloat(float64(*s)*100, 'g', 4, 64) + "%"
}

// Type is what the help shows.
func (s *share) Type() string { return "share" }

func parseShare(v string) (float64, error) {
	digits, percent := strings.CutSuffix(v, "%")
	x, err := strconv.ParseFloat(digits, 64)
	if percent {
		x /= 100
	}
	if err != nil || !(x >= 0 && x <= 1) {
		return 0, errors.New("it is a share such as 2% or 0.02")
	}
	return x, nil
}

// A rate is a flag: 5/s or 5.
type rate float64

func (r *rate) Set(v string) error {
	x, err := strconv.ParseFloat(strings.TrimSuffix(v, "/s"), 64)
	if err != nil || !(x >= 0 && x <= 1e6) {
		return errors.New("it is so many a second, such as 5/s")
	}
	*r = rate(x)
	return nil
}

func (r *rate) String() string { return strconv.FormatFloat(float64(*r), 'g', 4, 64) + "/s" }

// Type is what the help shows.
func (r *rate) Type() string { return "rate" }

// kills and cuts are flags that may be given more than once.
type (
	kills []sim.Kill
	cuts  []sim.Cut
)

func (k *kills) Set(v string) error {
	s, at, ok := strings.Cut(v, "@")
	x, err := parseShare(s)
	d, err2 := time.ParseDuration(at)
	if !ok || err != nil || err2 != nil || d < 0 {
		return errors.New("it is a share and a time such as 30%@30s")
	}
	*k = append(*k, sim.Kill{Share: x, At: d})
	return nil
}

func (k *kills) String() string { return "" }

// Type is what the help shows.
func (k *kills) Type() string { return "share@time" }

func (c *cuts) Set(v string) error {
	s, when, ok := strings.Cut(v, "@")
	at, lasts, ok2 := strings.Cut(when, "+")
	x, err := parseShare(s)
	d, err2 := time.ParseDuration(at)
	l, err3 := time.ParseDuration(lasts)
	if !ok || !ok2 || err != nil || err2 != nil || err3 != nil || d < 0 || l < 0 {
		return errors.New("it is a share, a time and how long, such as 20%@30s+5s")
	}
	*c = append(*c, sim.Cut{Share: x, At: d, For: l})
	return nil
}

func (c *cuts) String() string { return "" }

// Type is what the help shows.
func (c *cuts) Type() string { return "share@time+time" }
