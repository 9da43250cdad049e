package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"salon/ledger/doc"
	"salon/node"
	"salon/node/client"
	"salon/node/media"
)

// tail is how long a room stays open after its file has been played: what is in the listeners' buffers is still heard.
const tail = 2 * time.Second

func hostCommand(f *flags) *cobra.Command {
	var title, mode, language, play string
	var loop, allow, asJSON, stageOnly, recordAsks bool
	var lasts time.Duration
	var starts, access, price, iouLimit, tax, reopen string
	var seats uint32
	var coHosts, keepers, shareList []string
	cmd := &cobra.Command{
		Use: "host", Short: "Open a room without a page, and play a file into it", Args: noArgs,
		Long: "host opens a room and prints its share link as the first line, once it can be joined.\nThe room ends after --for, after --play has been played once, or at Ctrl-C.\nCalled again within two minutes after a crash, it takes up the room of that title again, with everybody in it.\nA room by ticket that broke off can be opened again for 30 days, with --again.",
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if (title == "") == (reopen == "") {
				return usagef("host wants a --title, or --again and a room by ticket that broke off")
			}
			if reopen != "" && (cmd.Flags().Changed("access") || cmd.Flags().Changed("starts") || len(coHosts)+len(keepers) > 0) {
				return usagef("--again opens the room as it was: it goes with --play, --loop, --allow-speakers, --for and --json")
			}
			if mode != "talk" && mode != "concert" {
				return usagef("--mode %s: it is talk or concert", mode)
			}
			if access != "open" && access != "invite" && access != "ticket" && access != "subscribers" {
				return usagef("--access %s: it is open, invite, ticket or subscribers", access)
			}
			if sells := access == "ticket"; sells != (price != "") || sells != (seats != 0) || !sells && iouLimit+tax != "" {
				return usagef("--access ticket, --price and --seats go together, and --iou-limit and --tax only with them")
			}
			if len(shareList) > 0 && access != "ticket" {
				return usagef("--share needs --access ticket: nothing else is sold")
			}
			shares, err := parseShares(shareList, true)
			if err != nil {
				return err
			}
			if iouLimit == "" {
				iouLimit = price
			}
			if len(keepers) > 0 && access != "invite" {
				return usagef("--keeper needs --access invite: everybody has the key of an open room, and tickets need somebody who leads")
			}
			if loop && play == "" {
				return usagef("--loop needs --play FILE")
			}
			opens, startErr := parseStart(starts, time.Now())
			if startErr != nil && !errors.Is(startErr, errPast) {
				return startErr
			}
			var mic *media.Mic
			if play != "" {
				if mic, err = openMic(play, mode, loop); err != nil {
					return err
				}
				defer mic.Close()
			}
			s, err := f.connect(cmd.Context())
			if err != nil {
				return err
			}
			defer func() { err = firstErr(err, s.close()) }()
			successors, err := s.successors(cmd.Context(), coHosts)
			if err != nil {
				return err
			}
			entrusted, err := s.successors(cmd.Context(), keepers)
			if err != nil {
				return err
			}
			split, err := s.splitOf(cmd.Context(), shares, len(shareList) > 0)
			if err != nil {
				return err
			}
			v, again := node.RoomView{}, false
			if reopen != "" {
				v, err = s.Start(context.WithoutCancel(cmd.Context()), client.Start{Again: reopen})
				if again = true; err != nil {
					return interrupted(cmd.Context(), err)
				}
			} else {
				v, again = s.takeUp(title, mode)
			}
			if !again {
				if startErr != nil {
					return startErr
				}
				// Not given up half-way: a running node would keep a room that nobody knows how to end.
				v, err = s.Start(context.WithoutCancel(cmd.Context()), client.Start{
					Title: title, Mode: mode, Language: language, Starts: opens, StageOnly: stageOnly, RecordAsks: recordAsks, Access: access,
					CoHosts: successors, Keepers: keysOf(entrusted), Price: price, Seats: seats, IOULimit: iouLimit, Tax: tax, Shares: split,
				})
				if err != nil {
					return interrupted(cmd.Context(), err)
				}
			}
			id := v.ID.String()
			defer func() { err = firstErr(err, s.leave(id)) }()
			if asJSON {
				err = json.NewEncoder(cmd.OutOrStdout()).Encode(hostedJSON{id, v.Link, again})
			} else if _, err = fmt.Fprintln(cmd.OutOrStdout(), v.Link); err == nil && again {
				_, err = fmt.Fprintln(cmd.OutOrStdout(), "Taken up again where it was cut short.")
			}
			if err != nil {
				return err
			}
			ctx, cancel := limited(cmd.Context(), lasts)
			defer cancel()
			return s.host(ctx, id, mic, allow, lasts == 0)
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&title, "title", "", "what the room is about")
	fl.StringVar(&reopen, "again", "", "open a room by ticket again that broke off, with its tickets and its link: the beginning of its ID, or its title")
	fl.StringVar(&mode, "mode", "talk", "talk (voice) or concert (stereo)")
	fl.StringVar(&language, "language", "en", "language that is spoken")
	fl.StringVar(&play, "play", "", "WAV or Ogg Opus file to play into the room")
	fl.BoolVar(&loop, "loop", false, "play the file again and again")
	fl.BoolVar(&allow, "allow-speakers", false, "bring everybody who raises a hand on stage")
	fl.StringVar(&starts, "starts", "", "when the doors open: a time such as 2026-12-24T18:00 or a wait such as 90s; until then people wait")
	fl.BoolVar(&stageOnly, "stage-only", false, "everybody may come on stage, nobody raises a hand")
	fl.BoolVar(&recordAsks, "record-asks", false, "listeners record only while you say that the room is recorded")
	fl.StringVar(&access, "access", "open", "who may come in: open (everybody), invite (who has the link, or is on the guest list) or ticket (who bought one, or is on the guest list), subscribers (who subscribes to you, or is on the guest list)")
	fl.StringVar(&price, "price", "", "of a ticket, with --access ticket: money such as '5 EUR' or '2500 sat'")
	fl.Uint32Var(&seats, "seats", 0, "how many tickets there are")
	fl.StringVar(&iouLimit, "iou-limit", "", "how much a buyer may owe you in all, '0 EUR' for nothing (default the price)")
	fl.StringVar(&tax, "tax", "", "what you state of tax, for who buys: a line such as 'incl. 19 % VAT'; the price is what is paid")
	fl.Var((*span)(&lasts), "for", "end the room after this time")
	fl.StringArrayVar(&coHosts, "co-host", nil, "who leads the room on when this node is gone: a key, or the beginning of one or of a name that you know; in this order")
	fl.StringArrayVar(&keepers, "keeper", nil, "who hands the key of a room by invitation to newcomers while nobody leads it: named as a co-host is; leads nothing")
	fl.StringArrayVar(&shareList, "share", nil, shareUsage+" (2% unless you say otherwise); what is left is yours")
	fl.BoolVar(&asJSON, "json", false, "print an object with room and link")
	_ = cmd.RegisterFlagCompletionFunc("co-host", f.completePeople(false))
	_ = cmd.RegisterFlagCompletionFunc("keeper", f.completePeople(false))
	completesTo(cmd, "mode", cobra.ShellCompDirectiveNoFileComp, "talk", "concert")
	completesTo(cmd, "access", cobra.ShellCompDirectiveNoFileComp, "open", "invite", "ticket", "subscribers")
	completesTo(cmd, "play", cobra.ShellCompDirectiveFilterFileExt, soundFiles...)
	return cmd
}

// keysOf are the keys of people.
func keysOf(people []node.PersonView) (keys []doc.PublicKey) {
	for _, p := range people {
		keys = append(keys, p.Person)
	}
	return keys
}

// hostedJSON is the object that host --json prints at its start.
type hostedJSON struct {
	Room    string `json:"room"`
	Link    string `json:"link"`
	Resumed bool   `json:"resumed,omitempty"`
}

// takeUp takes up the room of that title and mode in which a crash of this command left people behind, if there is one.
func (s *session) takeUp(title, mode string) (v node.RoomView, ok bool) {
	if s.own == nil {
		return v, false
	}
	found := false
	for _, r := range s.own.Resume(func(u node.Unfinished) bool {
		fits := !found && u.Ours && u.Mode.String() == mode && u.Named(title)
		found = found || fits
		return fits
	}) {
		return r.View(), true
	}
	return v, false
}

// host plays mic, if any, and grants hands, until ctx ends, the room does, or, if untilPlayed, the file has been played.
func (s *session) host(ctx context.Context, id string, mic *media.Mic, allow, untilPlayed bool) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	played := make(chan error, 1)
	if mic != nil {
		go func() {
			err := s.Speak(ctx, id, mic)
			played <- firstErr(mic.Err(), err)
		}()
	}
	watched := make(chan error, 1)
	go func() {
		asked, accused := make(map[string]bool), make(map[string]bool)
		watched <- s.Watch(ctx, id, func(v node.RoomView) bool {
			if allow {
				s.grantAll(ctx, v, asked)
			}
			for _, text := range accusedNews(v, accused) {
				fmt.Fprintln(os.Stderr, text)
			}
			return !v.Phase.Over()
		})
	}()
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-watched:
			if ctx.Err() != nil {
				return nil
			}
			return err
		case err := <-played:
			if ctx.Err() != nil {
				return nil
			}
			if err != nil {
				return err
			}
			if untilPlayed {
				pause(ctx, tail)
				return nil
			}
		}
	}
}

// accusedNews is what is new about relays that listeners left, each told once, and once more when it carries the room no more.
func accusedNews(v node.RoomView, told map[string]bool) (news []string) {
	for _, a := range v.Accused {
		if key := fmt.Sprint(a.Device, a.Out); !told[key] {
			told[key] = true
			news = append(news, fmt.Sprintf("Relay %s: %s", a.Name, a.Text))
		}
	}
	return news
}

// grantAll brings on stage everybody whose hand is up. One that the stage has no place for keeps it up and is asked
// again when somebody leaves, for then the room changes.
func (s *session) grantAll(ctx context.Context, v node.RoomView, asked map[string]bool) {
	up := make(map[string]bool)
	for _, h := range v.Hands {
		p := h.Person.String()
		up[p] = true
		if !asked[p] {
			asked[p] = s.Act(ctx, v.ID.String(), "grant", p) == nil
		}
	}
	for p := range asked {
		if !up[p] {
			delete(asked, p)
		}
	}
}

var errPast = errors.New("a room starts in the future")

// parseStart reads when a room starts: a local time, or a wait from now. It returns unix milliseconds, 0 for at once.
func parseStart(s string, now time.Time) (int64, error) {
	if s == "" {
		return 0, nil
	}
	if wait, err := time.ParseDuration(s); err == nil {
		if wait <= 0 {
			return 0, usagef("--starts %s: %w", s, errPast)
		}
		return now.Add(wait).UnixMilli(), nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04"} {
		if at, err := time.ParseInLocation(layout, s, time.Local); err == nil {
			if !at.After(now) {
				return 0, usagef("--starts %s: %w", s, errPast)
			}
			return at.UnixMilli(), nil
		}
	}
	return 0, usagef("--starts %s: want a time such as 2026-12-24T18:00, or a wait such as 90s", s)
}

// openMic opens a file as a room of that mode wants it.
func openMic(path, mode string, loop bool) (*media.Mic, error) {
	o := media.Options{Channels: 1, Loop: loop}
	if mode == "concert" {
		o.Channels = 2
	}
	src, err := media.OpenSource(path, o)
	if err != nil {
		return nil, err
	}
	return media.NewMic(src), nil
}

// limited ends a context after d, if d is not 0.
func limited(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	if d <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, d, errTimeUp)
}

var errTimeUp = errors.New("the time is up")

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
