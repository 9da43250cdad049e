package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"salon/node"
	"salon/node/client"
	"salon/node/media"
	"salon/relay"
)

func speakCommand(f *flags) *cobra.Command {
	var play string
	var asJSON bool
	var lasts time.Duration
	cmd := &cobra.Command{
		Use: "speak ROOM|LINK", Short: "Raise a hand, play a file when granted, return to the audience", Args: oneArg("room or share link"), ValidArgsFunction: f.completeLive(),
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
			v, leave, err := s.join(cmd.Context(), args[0])
			if err != nil {
				return interrupted(cmd.Context(), err)
			}
			defer func() { err = firstErr(err, leave()) }()
			if v.Me.Role == "host" {
				return errHosting
			}
			ctx, cancel := limited(cmd.Context(), lasts)
			defer cancel()
			said, err := s.speak(ctx, v, play)
			if err != nil && cmd.Context().Err() == nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(spokenJSON{v.ID.String(), said.Seconds()})
			}
			return nil
		},
	}
	fl := cmd.Flags()
	fl.BoolVar(&asJSON, "json", false, "print an object with room and seconds at the end")
	fl.StringVar(&play, "play", "", "WAV or Ogg Opus file to say")
	fl.Var((*span)(&lasts), "for", "give up the stage after this time (default: when the file has been played)")
	completesTo(cmd, "play", cobra.ShellCompDirectiveFilterFileExt, soundFiles...)
	return cmd
}

// spokenJSON is the one object that speak --json prints.
type spokenJSON struct {
	Room    string  `json:"room"`
	Seconds float64 `json:"seconds"` // of the file that were sent
}

var (
	errHosting    = errors.New("you host this room: use 'salon host --play'")
	errNotGranted = errors.New("the host did not grant the stage in time")
	errMuted      = errors.New("you are on stage there, muted: nobody would hear this; 'salon room unmute' opens the microphone")
	errHandLow    = errors.New("the host lowered your hand")
)

// speak plays a file from the stage and returns how much of it was sent. Who was on stage before stays there.
func (s *session) speak(ctx context.Context, v node.RoomView, play string) (said time.Duration, err error) {
	id := v.ID.String()
	switch {
	case !v.Me.Seated:
		if err := s.comeOnStage(ctx, v); err != nil {
			return 0, err
		}
		defer func() {
			after, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
			defer cancel()
			if errors.Is(err, client.ErrReplaced) {
				return // whoever took over the microphone has the seat now
			}
			if e := s.Act(after, id, "return", ""); err == nil && !isCode(e, "not_on_stage") {
				err = e
			}
		}()
	case v.Me.Muted:
		return 0, errMuted
	}
	mic, err := openMic(play, v.Mode, false)
	if err != nil {
		return 0, err
	}
	err = s.Speak(ctx, id, mic)
	if ctx.Err() != nil {
		err = nil // the time is up, or Ctrl-C
	}
	return time.Duration(mic.Stats().Received) * relay.FrameDuration, firstErr(err, mic.Err())
}

// comeOnStage takes a place on stage, if the room gives it unasked, and else asks for one.
func (s *session) comeOnStage(ctx context.Context, v node.RoomView) error {
	if v.StageOnly || v.Me.Leads || v.Me.Invited {
		return s.Act(ctx, v.ID.String(), "accept", "")
	}
	return s.askForStage(ctx, v.ID.String())
}

// askForStage raises a hand and waits until the host has answered it.
func (s *session) askForStage(ctx context.Context, id string) error {
	if err := s.Act(ctx, id, "raise_hand", ""); err != nil {
		return err
	}
	var now node.RoomView
	err := s.Watch(ctx, id, func(v node.RoomView) bool {
		now = v
		// The hand went up before the action was answered: if it is down now, it was lowered.
		return !v.Phase.Over() && !v.Me.Seated && (v.Me.Hand || v.Phase != node.Live)
	})
	switch {
	case err == nil && now.Phase.Over():
		return fmt.Errorf("the room is over: %s", now.Reason)
	case err == nil && !now.Me.Seated:
		return errHandLow
	case err == nil:
		return nil
	}
	// Nobody waits any longer: in a room that we stay in, the hand must not stay up.
	after, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	_ = s.Act(after, id, "lower_hand", "")
	if errors.Is(context.Cause(ctx), errTimeUp) {
		return errNotGranted
	}
	return err
}
