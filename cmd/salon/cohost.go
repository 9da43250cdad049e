package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"salon/ledger/doc"
	"salon/node"
	"salon/node/media"
)

func cohostCommand(f *flags) *cobra.Command {
	var play string
	var loop, asJSON bool
	var lasts time.Duration
	cmd := &cobra.Command{
		Use: "cohost ROOM|LINK", Short: "Stand by in a room, and lead it on when its host is gone", Args: oneArg("room or share link"), ValidArgsFunction: f.completeLive(),
		Long: "cohost joins a room as its co-host, comes on stage, and leads the room on when the host is gone, until the host is back.\n" +
			"Who is no co-host yet waits in the audience to be made one. It ends with the room, after --for, or at Ctrl-C.",
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if loop && play == "" {
				return usagef("--loop needs --play FILE")
			}
			if play != "" {
				if err := media.CheckSource(play); err != nil {
					return err
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
			if v.Me.Role == "host" {
				return errHosting
			}
			ctx, cancel := limited(cmd.Context(), lasts)
			defer cancel()
			tell := func(what string) error {
				if asJSON {
					return json.NewEncoder(cmd.OutOrStdout()).Encode(standbyJSON{v.ID.String(), what})
				}
				_, err := fmt.Fprintln(cmd.OutOrStdout(), standbyTexts[what])
				return err
			}
			err = s.standBy(ctx, v, play, loop, tell)
			if ctx.Err() != nil {
				return nil // the time is up, or Ctrl-C: the proper end
			}
			return err
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&play, "play", "", "WAV or Ogg Opus file to say on stage")
	fl.BoolVar(&loop, "loop", false, "say the file again and again")
	fl.Var((*span)(&lasts), "for", "leave after this time (default: when the room ends, or at Ctrl-C)")
	fl.BoolVar(&asJSON, "json", false, "print an object a line with room and what this node is from then on: audience, standby or leading")
	completesTo(cmd, "play", cobra.ShellCompDirectiveFilterFileExt, soundFiles...)
	return cmd
}

// standbyJSON is the object that cohost --json prints at each change.
type standbyJSON struct {
	Room string `json:"room"`
	As   string `json:"as"` // audience, standby, leading
}

var standbyTexts = map[string]string{
	"audience": "You are no co-host of this room yet. Waiting to be made one.",
	"standby":  "Standing by: if the host is gone, this node leads the room on.",
	"leading":  "This node leads the room now.",
}

// standBy is in a room as its co-host until ctx or the room ends: on stage as soon as that may be, saying a file if there is
// one.
func (s *session) standBy(ctx context.Context, v node.RoomView, play string, loop bool, tell func(string) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	id := v.ID.String()
	as, asked := "", false
	spoken := make(chan error, 1)
	var failed error
	err := s.Watch(ctx, id, func(v node.RoomView) bool {
		now := "audience"
		switch {
		case v.Me.Leading:
			now = "leading"
		case v.Me.Leads:
			now = "standby"
		}
		if v.Phase == node.Live && now != as {
			as = now
			if failed = tell(now); failed != nil {
				return false
			}
		}
		if v.Me.Leads && v.Phase == node.Live && play != "" && !asked {
			asked = true
			go func() { spoken <- s.sayOnStage(ctx, v, play, loop) }()
		}
		select {
		case failed = <-spoken:
		default:
		}
		return failed == nil && !v.Phase.Over()
	})
	return firstErr(failed, err)
}

// sayOnStage comes on stage and plays a file.
func (s *session) sayOnStage(ctx context.Context, v node.RoomView, play string, loop bool) error {
	id := v.ID.String()
	if !v.Me.Seated {
		if err := s.comeOnStage(ctx, v); err != nil {
			return err
		}
	}
	mic, err := openMic(play, v.Mode, loop)
	if err != nil {
		return err
	}
	defer mic.Close()
	err = s.Speak(ctx, id, mic)
	if ctx.Err() != nil {
		return nil
	}
	return firstErr(mic.Err(), err)
}

// successors are the people whom --co-host names.
func (s *session) successors(ctx context.Context, refs []string) (list []node.PersonView, err error) {
	if len(refs) == 0 {
		return nil, nil
	}
	l := &peopleList{client: s.Client}
	for _, ref := range refs {
		if key, err := doc.ParsePublicKey(ref); err == nil {
			list = append(list, node.PersonView{Person: key})
			continue
		}
		m, err := l.find(ctx, ref, false)
		if err != nil {
			return nil, err
		}
		list = append(list, m.PersonView)
	}
	return list, nil
}
