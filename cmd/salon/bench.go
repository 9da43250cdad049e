package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"

	"github.com/spf13/cobra"

	"salon/node/load"
)

const crowdName = "bench-crowd"

func benchCommand() *cobra.Command {
	var o load.Options
	var asJSON bool
	cmd := &cobra.Command{
		Use: "bench", Short: "How many listeners this computer can carry", Args: noArgs,
		Long: "bench opens a room on a temporary node and lets more and more listeners in, over this computer's loopback, for about a\n" +
			"minute. It says what one of them costs, and how many there could be. The listeners run on this computer too, and take most of\n" +
			"it; what they take does not count.\n" +
			"Loopback says nothing of the network: whether its uplink takes as much as bench says is needed is for you to find out.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.Most < 1 {
				return usagef("--listeners %d: at least 1", o.Most)
			}
			self, err := os.Executable()
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			o.Crowd = exec.CommandContext(cmd.Context(), self, crowdName)
			o.Crowd.Stderr = cmd.ErrOrStderr()
			if !asJSON {
				fmt.Fprintf(out, "%9s  %9s  %12s  %9s  %8s\n", "listeners", "this node", "the crowd", "memory", "missed")
				o.Tell = func(s load.Step) { printStep(out, s) }
			}
			r, err := load.Run(cmd.Context(), o)
			if err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(out).Encode(r)
			}
			fmt.Fprint(out, verdict(r))
			return nil
		},
	}
	fl := cmd.Flags()
	fl.Var((*span)(&o.For), "for", "how long at most (default 1m0s)")
	fl.IntVar(&o.Most, "listeners", 400, "how many to let in at most")
	fl.BoolVar(&o.Browser, "browser", false, "listeners with only a browser, as --guests serves them")
	fl.BoolVar(&asJSON, "json", false, "print an object")
	return cmd
}

// crowdCommand is bench's own other process.
func crowdCommand() *cobra.Command {
	return &cobra.Command{
		Use: crowdName, Hidden: true, Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return load.Crowd(cmd.Context(), cmd.InOrStdin(), cmd.OutOrStdout())
		},
	}
}

func printStep(out io.Writer, s load.Step) {
	memory := "unknown"
	if s.MemoryMB > 0 {
		memory = fmt.Sprintf("%.0f MB", s.MemoryMB)
	}
	fmt.Fprintf(out, "%9d  %8.1f%%  %11.1f%%  %9s  %7.2f%%\n", s.Listeners, 100*s.CPU, 100*s.Crowd, memory, 100*s.Missed)
}

// verdict is a result in words.
func verdict(r *load.Result) string {
	ended := map[string]string{
		load.Time: "the time was up", load.CPU: "the node used up its share of a core", load.Missed: "listeners missed sound",
		load.Computer: "the computer was busy, with the listeners and whatever else runs", load.Enough: "there were as many as allowed",
	}[r.Ended]
	limit := map[string]string{
		load.CPU:    "one core of its processor, by which a room's sound leaves",
		load.Memory: "its memory",
		load.Missed: "that more of them miss sound",
	}[r.Limit]
	last := r.Steps[len(r.Steps)-1].Listeners
	text := fmt.Sprintf("Stopped at %d: %s. Percentages of CPU are of one core of %d.\n\n", last, ended, r.Cores)
	text += fmt.Sprintf("One listener costs %.0f µs of CPU a second", r.Micros)
	if r.KB > 0 {
		text += fmt.Sprintf(" and %.0f kB of memory", r.KB)
	}
	text += ".\n"
	text += fmt.Sprintf("This computer can carry about %s listeners at %d kbit/s; the limit is %s; uplink needed: %d Mbit/s.\n",
		thousands(r.Carries), r.Kbit, limit, r.UplinkMb)
	if last > 0 && r.Carries > 10*last {
		text += fmt.Sprintf("That is reckoned from %d listeners, so it is about right and no more.\n", last)
	}
	text += "This was loopback, which says nothing of the network: " + fmt.Sprintf("an uplink of 20 Mbit/s takes %s listeners, whatever the processor.\n",
		thousands(20_000/max(r.Kbit, 1)))
	return text + "A node feeds 200 unless told otherwise: salon relay --listeners, --max-children.\n"
}

// thousands writes a number with commas.
func thousands(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
