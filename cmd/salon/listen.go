package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"salon/node"
	"salon/node/media"
)

func listenCommand(f *flags) *cobra.Command {
	var record string
	var lasts time.Duration
	var asJSON bool
	cmd := &cobra.Command{
		Use: "listen ROOM|LINK", Short: "Hear a room without a page, and record it", Args: oneArg("room or share link"), ValidArgsFunction: f.completeLive(),
		Long: "listen joins a room, named by a share link or by the beginning of its ID or title, and records what you hear there.\nA room that your running node is in already it leaves alone. At the end it prints one line of figures.",
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if record != "" {
				if err := media.CheckRecording(record); err != nil {
					return usageError{err}
				}
			}
			s, err := f.connect(cmd.Context())
			if err != nil {
				return err
			}
			defer func() { err = firstErr(err, s.close()) }()
			v, leave, err := s.join(cmd.Context(), args[0])
			if err != nil {
				return interrupted(cmd.Context(), err)
			}
			defer func() { err = firstErr(err, leave()) }()
			id := v.ID.String()
			rec, err := newRecording(record, v)
			if err != nil {
				return err
			}
			ctx, cancel := limited(cmd.Context(), lasts)
			defer cancel()
			if record != "" {
				go s.heedRecording(ctx, cmd.ErrOrStderr(), v, &rec.paused)
			}
			err = s.Listen(ctx, id, rec.packet)
			if ctx.Err() != nil {
				err = nil // the time is up, or Ctrl-C: the proper end
			}
			if err := errors.Join(err, rec.close()); err != nil {
				return err
			}
			st, err := s.Stats(context.WithoutCancel(ctx), id)
			if err != nil {
				return err
			}
			return printHeard(cmd.OutOrStdout(), st, asJSON)
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&record, "record", "", "file to record to: .wav, .ogg or .opus")
	fl.Var((*span)(&lasts), "for", "leave after this time (default: when the room ends, or at Ctrl-C)")
	fl.BoolVar(&asJSON, "json", false, "print the figures as an object")
	completesTo(cmd, "record", cobra.ShellCompDirectiveFilterFileExt, soundFiles...)
	return cmd
}

// interrupted turns an error that Ctrl-C caused into none.
func interrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// heardJSON is the one object that listen --json prints.
type heardJSON struct {
	Expected  uint64 `json:"expected"`
	Received  uint64 `json:"received"`
	Resent    uint64 `json:"resent"`
	Concealed uint64 `json:"concealed"`
	Verified  uint64 `json:"verified"`
	BufferMS  int    `json:"buffer_ms"`
	Depth     int    `json:"depth"`
	DelayMS   struct {
		P50 int `json:"p50"`
		P99 int `json:"p99"`
	} `json:"delay_ms"`
}

func printHeard(out io.Writer, s node.HearStats, asJSON bool) error {
	if asJSON {
		j := heardJSON{Expected: s.Expected, Received: s.Received, Resent: s.Resent, Concealed: s.Concealed, Verified: s.Verified, BufferMS: s.BufferMS, Depth: s.Depth}
		j.DelayMS.P50, j.DelayMS.P99 = s.DelayP50MS, s.DelayP99MS
		return json.NewEncoder(out).Encode(j)
	}
	_, err := fmt.Fprintf(out, "frames expected %d, received %d, resent %d, concealed %d, verified %d; buffer_ms %d, depth %d, delay_ms p50 %d, p99 %d\n",
		s.Expected, s.Received, s.Resent, s.Concealed, s.Verified, s.BufferMS, s.Depth, s.DelayP50MS, s.DelayP99MS)
	return err
}

// heedRecording stops a recording while the room asks for that: its charter may say that nobody records but while the
// host says so.
func (s *session) heedRecording(ctx context.Context, out io.Writer, v node.RoomView, paused *atomic.Bool) {
	told := false
	heed := func(v node.RoomView) bool {
		pause := v.RecordAsks && !v.Recording
		if was := paused.Swap(pause); was != pause || pause && !told {
			told = true
			if pause {
				fmt.Fprintln(out, "salon: not recording: this room is recorded only while its host says so")
			} else {
				fmt.Fprintln(out, "salon: recording: the host says that this room is recorded")
			}
		}
		return true
	}
	heed(v)
	_ = s.Watch(ctx, v.ID.String(), heed) // when it ends, so does listening
}

// A recording writes packets to a file, unless it is paused; without a file it only takes them.
type recording struct {
	file   *media.Recording
	paused atomic.Bool
}

func newRecording(path string, v node.RoomView) (*recording, error) {
	r := &recording{}
	if path == "" {
		return r, nil
	}
	r.paused.Store(v.RecordAsks && !v.Recording)
	channels := 1
	if v.Mode == "concert" {
		channels = 2
	}
	var err error
	r.file, err = media.Record(path, channels)
	return r, err
}

func (r *recording) packet(p []byte) error {
	if r.file == nil || r.paused.Load() {
		return nil
	}
	return r.file.Packet(p)
}

func (r *recording) close() error {
	if r.file == nil {
		return nil
	}
	return r.file.Close()
}
