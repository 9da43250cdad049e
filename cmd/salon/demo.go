package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"salon/node/client"
	"salon/node/demo"
)

func demoCommand(f *flags) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "demo", Short: "Hear it work: temporary nodes on this computer host and speak, yours joins, what it heard is measured", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			s, err := f.connect(cmd.Context())
			if err != nil {
				return err
			}
			defer func() { err = firstErr(err, s.close()) }()
			ctx, cancel := context.WithCancel(cmd.Context())
			defer cancel()
			steps := make(chan demo.Step, 16)
			ready := make(chan struct{})
			ended := make(chan error, 1)
			go func() {
				defer close(steps)
				first := true
				ended <- s.Events(ctx, func(e client.Event) bool {
					if first {
						first = false
						close(ready) // from here on no step is missed
					}
					var st demo.Step
					if e.Name == "demo" && json.Unmarshal(e.Data, &st) == nil {
						steps <- st
						return !st.Done
					}
					return true
				})
			}()
			select {
			case <-ready:
			case err := <-ended:
				return err
			}
			if err := s.Call(ctx, "POST", "/api/v1/demo", nil, nil); err != nil {
				return interrupted(ctx, err)
			}
			for {
				select {
				case st, more := <-steps:
					if !more && ctx.Err() == nil {
						return fmt.Errorf("the node went away: %w", <-ended)
					}
					if !more {
						steps = nil // the same Ctrl-C
						continue
					}
					if asJSON {
						err = json.NewEncoder(cmd.OutOrStdout()).Encode(st)
					} else {
						_, err = fmt.Fprintln(cmd.OutOrStdout(), st.Text)
					}
					if err != nil {
						return err
					}
					if st.Done && st.Failed {
						return errors.New("the demo failed")
					}
					if st.Done {
						return nil
					}
				case <-ctx.Done():
					stop, cancel := context.WithTimeout(context.Background(), tail)
					defer cancel()
					return s.Call(stop, "DELETE", "/api/v1/demo", nil, nil)
				}
			}
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print each step as an object")
	return cmd
}
