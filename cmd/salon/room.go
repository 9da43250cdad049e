package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"salon/ledger/doc"
	"salon/node"
	"salon/node/client"
	"salon/room"
)

// A roomAction is what a person does in a room that the running node is in.
type roomAction struct {
	use, action, short string
	about              string // whom it is about: "" nobody, "self" oneself unless somebody is named, "person" somebody
	then               string // the argument after that: "", TEXT, EMOJI, SECONDS, PLACE or LINE; in brackets if it may be left out
}

var roomActions = []roomAction{
	{"raise-hand", "raise_hand", "Ask to speak", "", ""},
	{"lower-hand", "lower_hand", "Take back one's own hand, or as the host another's", "self", ""},
	{"place-hand", "place_hand", "Put a raised hand elsewhere in the queue; 1 is next", "person", "PLACE"},
	{"grant", "grant", "Bring somebody whose hand is up on stage", "person", ""},
	{"invite", "invite", "Ask somebody in the audience to come on stage", "person", ""},
	{"accept", "accept", "Come on stage, as the host asked; co-hosts, and everybody where all are on stage, unasked", "", ""},
	{"decline", "decline", "Stay in the audience, or as the host take an invitation back", "self", ""},
	{"return", "return", "Go back to the audience, or as the host send somebody", "self", ""},
	{"mute", "mute", "Close one's own microphone, or as the host another's", "self", ""},
	{"unmute", "unmute", "Open one's own microphone", "", ""},
	{"mute-all", "mute_all", "Close the microphone of everybody on stage but those who lead", "", ""},
	{"remove", "remove", "Put somebody out of the room, who then stays out", "person", ""},
	{"readmit", "readmit", "Let somebody back in who was removed", "person", ""},
	{"ban", "ban", "The same as remove", "person", ""},
	{"unban", "unban", "The same as readmit", "person", ""},
	{"admit", "admit", "Put somebody on the guest list of a room by invitation: they need no link", "person", ""},
	{"strike", "strike", "Take somebody off the guest list; who is inside stays", "person", ""},
	{"cohost", "cohost", "Make somebody co-host, or move a co-host in the order of succession; the host alone", "person", "[PLACE]"},
	{"uncohost", "uncohost", "Make somebody a co-host no more; the host alone", "person", ""},
	{"keeper", "keeper", "Have somebody hand out the key of a room by invitation while nobody leads; the host alone", "person", ""},
	{"unkeeper", "unkeeper", "Make somebody a keeper no more; the host alone", "person", ""},
	{"stick-out", "stick_out", "One speaks at a time: who holds the talking stick", "", ""},
	{"pass-stick", "pass_stick", "Give the talking stick to somebody on stage, or to the next", "self", ""},
	{"lay-stick", "lay_stick", "Be done speaking with the talking stick", "", ""},
	{"stick-in", "stick_in", "Everybody on stage may speak again", "", ""},
	{"stage-only", "stage_only", "Everybody may come on stage, and no hands are taken", "", ""},
	{"stage-open", "stage_open", "There is an audience again", "", ""},
	{"close-hands", "close_hands", "Take no more hands; those that are up stay", "", ""},
	{"open-hands", "open_hands", "Take hands again", "", ""},
	{"lock", "lock", "Let nobody new in", "", ""},
	{"unlock", "unlock", "Let anybody in again", "", ""},
	{"begin", "begin", "Open the doors of a room that waits for its time", "", ""},
	{"record-on", "record_on", "Say to everybody that the room is recorded", "", ""},
	{"record-off", "record_off", "Say that it is not any more", "", ""},
	{"react", "react", "Send a reaction: " + strings.Join(room.Emoji, " "), "", "EMOJI"},
	{"erase", "erase", "Take a message out of the chat: one's own, or as the host anybody's; 'chat' numbers them", "", "LINE"},
	{"pin", "pin", "Keep a message of the chat, or a text, on top", "", "LINE|TEXT"},
	{"unpin", "unpin", "Keep nothing on top", "", ""},
	{"slow", "slow", "Seconds between two messages of one person; 0 for no wait", "", "SECONDS"},
	{"close-chat", "close_chat", "Let nobody write but those who lead", "", ""},
	{"open-chat", "open_chat", "Let everybody write again", "", ""},
	{"handover", "hand_over", "Have a co-host who is in the room lead it, the one named or the next", "self", ""},
	{"takeback", "take_back", "As the host, lead the room again that somebody else leads", "", ""},
	{"leave", "leave", "Leave the room; for its host that ends it", "", ""},
	{"end", "end", "End the room for all", "", ""},
}

func roomCommand(f *flags) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "room", Short: "See and do things in a room that the running node is in",
		Long: "room acts through the node that runs on the home. ROOM is the beginning of a room's ID or title, PERSON that of a\nperson's ID or name; 'salon room show ROOM' lists both.",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("nobody can %q in a room: salon room --help lists what there is to do", args[0])
			}
			return usagef("say what to do in the room: salon room --help lists it")
		},
		RunE: func(*cobra.Command, []string) error { return nil }, // Args always refuses
	}
	cmd.PersistentFlags().BoolVar(&asJSON, "json", false, "print the room as an object, as it is afterwards")
	cmd.AddCommand(&cobra.Command{
		Use: "show ROOM", Short: "Who is on stage, whose hands are up, how the room is set", Args: oneArg("room"), ValidArgsFunction: f.completeJoined(roomAction{}),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, v, err := f.inRoom(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return printRoom(cmd.Context(), cmd.OutOrStdout(), c, v.ID.String(), asJSON)
		},
	})
	cmd.AddCommand(chatCommand(f, &asJSON), linkCommand(f, &asJSON), treeCommand(f, &asJSON), recordsCommand(f, &asJSON))
	for _, a := range roomActions {
		cmd.AddCommand(&cobra.Command{
			Use: a.usage(), Short: a.short, Args: a.args, ValidArgsFunction: f.completeJoined(a),
			RunE: func(cmd *cobra.Command, args []string) error {
				ctx := cmd.Context()
				does, person, err := a.parse(args)
				if err != nil {
					return err
				}
				c, v, err := f.inRoom(ctx, args[0])
				if err != nil {
					return err
				}
				if person != "" {
					if does.Person, err = a.findPerson(ctx, c, v, person); err != nil {
						return err
					}
				}
				id := v.ID.String()
				if err := c.Carry(ctx, id, does); err != nil {
					return err
				}
				if asJSON && a.action != "leave" {
					return printRoom(ctx, cmd.OutOrStdout(), c, id, true)
				}
				return nil
			},
		})
	}
	return cmd
}

// usage is the command line of an action.
func (a roomAction) usage() string {
	use := a.use + " ROOM"
	switch a.about {
	case "self":
		use += " [PERSON]"
	case "person":
		use += " PERSON"
	}
	if a.then != "" {
		use += " " + a.then
	}
	return use
}

func (a roomAction) args(cmd *cobra.Command, args []string) error {
	least, most := 1, 1
	switch a.about {
	case "self":
		most++
	case "person":
		least, most = least+1, most+1
	}
	switch {
	case strings.HasPrefix(a.then, "["):
		most++
	case a.then != "":
		least, most = least+1, most+1
	}
	if len(args) < least || len(args) > most {
		return usagef("it is: salon room %s", cmd.Use)
	}
	return nil
}

// parse reads the arguments of an action: what it does, and whom it is about, in the words of whoever typed it.
func (a roomAction) parse(args []string) (does client.Action, person string, err error) {
	does.Action = a.action
	rest := args[1:]
	if a.about != "" && len(rest) > 0 {
		person, rest = rest[0], rest[1:]
	}
	if len(rest) == 0 {
		return does, person, nil
	}
	number := func(what string, most int) (n int) {
		if n, err = strconv.Atoi(rest[0]); err != nil || n < 0 || n > most {
			err = usagef("%s is a number up to %d, not %q", what, most, rest[0])
		}
		return n
	}
	switch strings.Trim(a.then, "[]") {
	case "EMOJI":
		if does.Emoji = rest[0]; !slices.Contains(room.Emoji, rest[0]) {
			err = usagef("the reactions are %s", strings.Join(room.Emoji, " "))
		}
	case "PLACE":
		does.Place = number("a place in the queue", room.MaxPlace)
	case "SECONDS":
		does.Seconds = number("the wait in seconds", room.MaxSlow)
	case "LINE":
		does.Ref = uint64(number("a message's number", math.MaxInt32))
	case "LINE|TEXT":
		if n, e := strconv.ParseUint(rest[0], 10, 64); e == nil {
			does.Ref = n
		} else {
			does.Text = rest[0]
		}
	}
	return does, person, err
}

// chatCommand reads and writes the chat of a room.
func chatCommand(f *flags, asJSON *bool) *cobra.Command {
	return &cobra.Command{
		Use: "chat ROOM [TEXT...]", Short: "Write a message, or without a text read the chat", ValidArgsFunction: f.completeJoined(roomAction{}),
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef("it is: salon room chat ROOM [TEXT...]")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			c, v, err := f.inRoom(ctx, args[0])
			if err != nil {
				return err
			}
			id := v.ID.String()
			if len(args) > 1 {
				return c.Carry(ctx, id, client.Action{Action: "say", Text: strings.Join(args[1:], " ")})
			}
			lines, _, err := c.Chat(ctx, id, 0)
			if err != nil {
				return err
			}
			if *asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(map[string]any{"lines": lines})
			}
			for _, l := range lines {
				if !l.Erased {
					fmt.Fprintf(cmd.OutOrStdout(), "%d  %s  %s: %s\n", l.Seq, time.UnixMilli(l.Time).Format("15:04:05"), l.Name, l.Text)
				}
			}
			return nil
		},
	}
}

// linkCommand prints a room's link, and renews it.
func linkCommand(f *flags, asJSON *bool) *cobra.Command {
	var renew bool
	cmd := &cobra.Command{
		Use: "link ROOM", Short: "Print the link that brings others in", Args: oneArg("room"), ValidArgsFunction: f.completeJoined(roomAction{}),
		Long: "link prints a room's share link. Whoever has the link of a room by invitation may come in; after --renew only the new\none lets people in who were not in before. The host alone can renew it.",
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			c, v, err := f.inRoom(ctx, args[0])
			if err != nil {
				return err
			}
			id := v.ID.String()
			if renew {
				if err := c.Carry(ctx, id, client.Action{Action: "relink"}); err != nil {
					return err
				}
				if v, err = c.Room(ctx, id); err != nil {
					return err
				}
			}
			if *asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(v)
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), v.Link)
			return err
		},
	}
	cmd.Flags().BoolVar(&renew, "renew", false, "make the old link worthless to whoever has not been in")
	return cmd
}

// inRoom finds a room that the running node of the home is in.
func (f *flags) inRoom(ctx context.Context, ref string) (*client.Client, node.RoomView, error) {
	var v node.RoomView
	c, err := client.Running(ctx, f.homeDir())
	if err != nil {
		return nil, v, fmt.Errorf("no salon runs on %s, so it is in no room; start it with 'salon up'", f.homeDir())
	}
	if err := f.tellRunning(ctx, c); err != nil {
		return nil, v, err
	}
	rooms, err := c.JoinedRooms(ctx)
	if err != nil {
		return nil, v, err
	}
	found, err := choose("room", ref, rooms, roomNames)
	return c, found, err
}

// findPerson finds somebody in a room, or for admit whom the node knows from anywhere.
func (a roomAction) findPerson(ctx context.Context, c *client.Client, v node.RoomView, ref string) (string, error) {
	people, err := a.people(ctx, c, v)
	if err != nil {
		return "", err
	}
	p, err := whom(ref, people)
	return p.Person.String(), err
}

// people lists whom an action may be about.
func (a roomAction) people(ctx context.Context, c *client.Client, v node.RoomView) ([]node.PersonView, error) {
	people, err := peopleIn(ctx, c, v)
	if err != nil || a.action != "admit" {
		return people, err
	}
	l := &peopleList{client: c}
	marks, err := l.all(ctx)
	if err != nil {
		return nil, err
	}
	for _, m := range marks {
		if !slices.ContainsFunc(people, func(p node.PersonView) bool { return p.Person == m.Person }) {
			people = append(people, m.PersonView)
		}
	}
	return l.others(ctx, people)
}

// peopleIn lists who is in a room, and for those who lead it who was removed.
func peopleIn(ctx context.Context, c *client.Client, v node.RoomView) ([]node.PersonView, error) {
	var people []node.PersonView
	known := make(map[doc.PublicKey]bool) // perhaps by another name
	add := func(p node.PersonView) {
		if !known[p.Person] {
			known[p.Person] = true
			people = append(people, p)
		}
	}
	for _, p := range slices.Concat(v.Removed, v.CoHosts, v.Keepers, v.Listed) {
		add(p)
	}
	inside, err := c.Inside(ctx, v.ID.String())
	if err != nil {
		return nil, err
	}
	for _, p := range inside {
		add(p.PersonView)
	}
	for _, s := range v.Stage {
		add(s.PersonView)
	}
	for _, h := range v.Hands {
		add(h.PersonView)
	}
	return people, nil
}

// whom finds the one of people whom ref means. A whole ID means its bearer also if they are not among them.
func whom(ref string, people []node.PersonView) (node.PersonView, error) {
	if p, err := doc.ParsePublicKey(strings.TrimSpace(ref)); err == nil {
		if i := slices.IndexFunc(people, func(v node.PersonView) bool { return v.Person == p }); i >= 0 {
			return people[i], nil
		}
		return node.PersonView{Person: p}, nil
	}
	return choose("person", ref, people, personNames)
}

func roomNames(v node.RoomView) (id, name string)     { return v.ID.String(), v.Title }
func personNames(p node.PersonView) (id, name string) { return p.Person.String(), p.Name }

// choose finds the one whose ID or name begins with ref; one whose ID or name is ref goes before those that only begin so.
func choose[T any](what, ref string, among []T, names func(T) (id, name string)) (one T, err error) {
	want := strings.ToLower(strings.TrimSpace(ref))
	if want == "" {
		return one, usagef("say which %s", what)
	}
	var exact, found []T
	for _, x := range among {
		id, name := names(x)
		name = strings.ToLower(name)
		if id == want || name == want {
			exact = append(exact, x)
		}
		if strings.HasPrefix(id, want) || strings.HasPrefix(name, want) {
			found = append(found, x)
		}
	}
	if len(exact) == 1 {
		found = exact
	}
	switch len(found) {
	case 0:
		return one, fmt.Errorf("there is no %s %q here", what, ref)
	case 1:
		return found[0], nil
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%q could be:", ref)
	for _, x := range found {
		id, name := names(x)
		fmt.Fprintf(&b, "\n  %s  %s", id[:10], name)
	}
	return one, errors.New(b.String())
}

func printRoom(ctx context.Context, out io.Writer, c *client.Client, id string, asJSON bool) error {
	v, err := c.Room(ctx, id)
	if err != nil {
		return err
	}
	if asJSON {
		return json.NewEncoder(out).Encode(v)
	}
	fmt.Fprintf(out, "%s  %s, %s, %d listening", id[:10], v.Title, v.Phase, v.Listeners)
	if v.Access == "invite" {
		fmt.Fprint(out, ", by invitation")
	}
	if v.Locked {
		fmt.Fprint(out, ", locked")
	}
	for _, is := range []struct {
		so   bool
		what string
	}{
		{v.Waiting, "starts " + time.UnixMilli(v.Starts).Format(time.DateTime)}, {v.StageOnly, "everybody may come on stage"},
		{v.HandsClosed, "hands closed"}, {v.StickOut, "talking stick"}, {v.ChatClosed, "chat closed"},
		{v.Slow > 0, fmt.Sprintf("slow mode %d s", v.Slow)}, {v.Recording, "recorded"},
	} {
		if is.so {
			fmt.Fprint(out, ", "+is.what)
		}
	}
	if v.HeldUntil > 0 {
		fmt.Fprintf(out, ", your place is kept for %s", max(0, time.Until(time.UnixMilli(v.HeldUntil)).Round(time.Second)))
	}
	fmt.Fprintln(out)
	if v.Quality.State == "silent" || v.Quality.State == "poor" {
		fmt.Fprintln(out, v.Quality.Text)
	}
	if a := v.Quality.Audience; a != nil {
		fmt.Fprintln(out, a.Text)
	}
	if way := v.Quality.Way; len(way) > 1 { // else it is known
		fmt.Fprintln(out, wayWords(way))
	}
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	line := func(p node.PersonView, what string) {
		fmt.Fprintf(w, "%s\t%s\t%s\n", p.Person.String()[:10], p.Name, what)
	}
	for _, s := range v.Stage {
		what := s.Role
		if s.Muted {
			what += ", muted"
		}
		if s.Stick {
			what += ", holds the stick"
		}
		if s.Away {
			what += ", connection lost"
		}
		line(s.PersonView, what)
	}
	for _, h := range v.Hands {
		line(h.PersonView, "hand up")
	}
	if v.Phase != node.Live { // the host, who knows the others, cannot be asked
		return w.Flush()
	}
	people, err := c.Inside(ctx, id)
	if err != nil {
		return err
	}
	for _, p := range people {
		switch {
		case p.Seated:
		case p.Invited:
			line(p.PersonView, "invited to speak")
		case p.Role == "co-host":
			line(p.PersonView, "co-host, listening")
		case !p.Hand:
			line(p.PersonView, "listening")
		}
	}
	for _, p := range v.Removed {
		line(p, "removed")
	}
	for _, p := range v.Listed {
		line(p, "on the guest list")
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if v.Pinned != nil {
		fmt.Fprintf(out, "pinned: %s: %s\n", v.Pinned.Name, v.Pinned.Text)
	}
	return nil
}
