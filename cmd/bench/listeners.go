package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os/exec"

	"salon/node/load"
)

const listenerMemory = 90 // kB

// listenerCost is what one more listener with a node of its own costs a real node, as 'salon bench' finds it: connection,
// events and all, not only its sound.
func listenerCost(ctx context.Context, o options) ([]row, error) {
	out, err := exec.CommandContext(ctx, o.salon, "bench", "--json", "--for", "25s", "--listeners", "135").Output()
	if err != nil {
		return nil, fmt.Errorf("salon bench: %w", err)
	}
	var r load.Result
	if err := json.Unmarshal(out, &r); err != nil {
		return nil, err
	}
	last := r.Steps[len(r.Steps)-1]
	return []row{
		{what: fmt.Sprintf("up to %d listeners: CPU a listener-second", last.Listeners), unit: "µs", values: []float64{r.Micros}},
		{what: "memory (RSS) a listener", unit: "kB", values: []float64{r.KB}, aim: listenerMemory},
		{what: "frames they missed", unit: "%", values: []float64{100 * last.Missed}},
	}, nil
}
