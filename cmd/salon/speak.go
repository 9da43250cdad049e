package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"salon/node"
	"salon/node/media"
)

func speakCommand(f *flags) *cobra.Command {
	var play string
	var lasts time.Duration
	cmd := &cobra.Command{
		Use: "speak ROOM|LINK", Short: "Raise a hand, play a file when granted, return to the audience", Args: oneArg("room or share link"),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if play == "" {
				return usagef("speak wants --play FILE")
			}
			// Looked at before anybody is bothered with a hand.
			if err := media.CheckSource(play); err != nil {
				return err
			}
			s, err := f.connect(cmd.Context())
			if err != nil {
				return err
			}
			defer func() { err = firstErr(err, s.close()) }()
			v, err := s.join(cmd.Context(), args[0])
			if err != nil {
				return interrupted(cmd.Context(), err)
			}
			id := v.ID.String()
			defer func() { err = firstErr(err, s.leave(id)) }()
			ctx, cancel := limited(cmd.Context(), lasts)
			defer cancel()
			err = s.speak(ctx, v, play)
			if cmd.Context().Err() != nil {
				return nil
			}
			return err
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&play, "play", "", "WAV or Ogg Opus file to say")
	fl.Var((*span)(&lasts), "for", "give up the stage after this time (default: when the file has been played)")
	return cmd
}

// errNotGranted means that the time was up before the host brought us on stage.
var errNotGranted = errors.New("the host did not grant the stage in time")

func (s *session) speak(ctx context.Context, v node.RoomView, play string) error {
	id := v.ID.String()
	if err := s.Act(ctx, id, "raise_hand", ""); err != nil {
		return err
	}
	var now node.RoomView
	err := s.Watch(ctx, id, func(v node.RoomView) bool {
		now = v
		return !v.Phase.Over() && v.Me.Role == "listener"
	})
	switch {
	case errors.Is(context.Cause(ctx), errTimeUp):
		return errNotGranted
	case err != nil:
		return err
	case now.Phase.Over():
		return fmt.Errorf("the room is over: %s", now.Reason)
	}
	mic, err := openMic(play, v.Mode, false)
	if err != nil {
		return err
	}
	if err := s.Speak(ctx, id, mic); err != nil && ctx.Err() == nil {
		return err
	}
	after, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := s.Act(after, id, "return", ""); err != nil && !isCode(err, "not_on_stage") {
		return err
	}
	return mic.Err()
}
