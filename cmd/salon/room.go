package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"salon/ledger/doc"
	"salon/node"
	"salon/node/client"
)

// A roomAction is what a person does in a room that the running node is in.
type roomAction struct {
	use, action, short string
	about              string // whom it is about: "" nobody, "self" oneself unless somebody is named, "person" somebody
}

var roomActions = []roomAction{
	{"raise-hand", "raise_hand", "Ask to speak", ""},
	{"lower-hand", "lower_hand", "Take back one's own hand, or as the host another's", "self"},
	{"grant", "grant", "Bring somebody whose hand is up on stage", "person"},
	{"invite", "invite", "Ask somebody in the audience to come on stage", "person"},
	{"accept", "accept", "Come on stage, as the host asked", ""},
	{"decline", "decline", "Stay in the audience, or as the host take an invitation back", "self"},
	{"return", "return", "Go back to the audience, or as the host send somebody", "self"},
	{"mute", "mute", "Close one's own microphone, or as the host another's", "self"},
	{"unmute", "unmute", "Open one's own microphone", ""},
	{"mute-all", "mute_all", "Close the microphone of everybody on stage but the host", ""},
	{"remove", "remove", "Put somebody out of the room, who then stays out", "person"},
	{"readmit", "readmit", "Let somebody back in who was removed", "person"},
	{"close-hands", "close_hands", "Take no more hands; those that are up stay", ""},
	{"open-hands", "open_hands", "Take hands again", ""},
	{"lock", "lock", "Let nobody new in", ""},
	{"unlock", "unlock", "Let anybody in again", ""},
	{"leave", "leave", "Leave the room; for its host that ends it", ""},
	{"end", "end", "End the room for all", ""},
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
		Use: "show ROOM", Short: "Who is on stage, whose hands are up, how the room is set", Args: oneArg("room"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, v, err := f.inRoom(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return printRoom(cmd.Context(), cmd.OutOrStdout(), c, v.ID.String(), asJSON)
		},
	})
	for _, a := range roomActions {
		use := a.use + " ROOM"
		switch a.about {
		case "self":
			use += " [PERSON]"
		case "person":
			use += " PERSON"
		}
		cmd.AddCommand(&cobra.Command{
			Use: use, Short: a.short, Args: a.args,
			RunE: func(cmd *cobra.Command, args []string) error {
				ctx := cmd.Context()
				c, v, err := f.inRoom(ctx, args[0])
				if err != nil {
					return err
				}
				person := ""
				if len(args) == 2 {
					if person, err = findPerson(ctx, c, v, args[1]); err != nil {
						return err
					}
				}
				id := v.ID.String()
				if err := c.Act(ctx, id, a.action, person); err != nil {
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

func (a roomAction) args(cmd *cobra.Command, args []string) error {
	least, most := 1, 1
	switch a.about {
	case "self":
		most = 2
	case "person":
		least, most = 2, 2
	}
	if len(args) < least || len(args) > most {
		return usagef("it is: salon room %s", cmd.Use)
	}
	return nil
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
	found, err := choose("room", ref, rooms, func(v node.RoomView) (string, string) { return v.ID.String(), v.Title })
	return c, found, err
}

// findPerson finds somebody in a room: on stage, with a hand up, and for the host also in the audience, or removed.
func findPerson(ctx context.Context, c *client.Client, v node.RoomView, ref string) (string, error) {
	people := slices.Clone(v.Removed)
	if v.Me.Role == "host" {
		audience, err := c.Audience(ctx, v.ID.String())
		if err != nil {
			return "", err
		}
		for _, l := range audience {
			people = append(people, l.PersonView)
		}
	}
	for _, s := range v.Stage {
		people = append(people, s.PersonView)
	}
	for _, h := range v.Hands {
		known := func(p node.PersonView) bool { return p.Person == h.Person } // perhaps by another name
		if !slices.ContainsFunc(people, known) {
			people = append(people, h.PersonView)
		}
	}
	if p, err := doc.ParsePublicKey(strings.TrimSpace(ref)); err == nil {
		return p.String(), nil // also somebody in the audience, whom the room does not list
	}
	p, err := choose("person", ref, people, func(p node.PersonView) (string, string) { return p.Person.String(), p.Name })
	return p.Person.String(), err
}

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
	if v.Locked {
		fmt.Fprint(out, ", locked")
	}
	if v.HandsClosed {
		fmt.Fprint(out, ", hands closed")
	}
	fmt.Fprintln(out)
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	line := func(p node.PersonView, what string) {
		fmt.Fprintf(w, "%s\t%s\t%s\n", p.Person.String()[:10], p.Name, what)
	}
	for _, s := range v.Stage {
		what := s.Role
		if s.Muted {
			what += ", muted"
		}
		line(s.PersonView, what)
	}
	for _, h := range v.Hands {
		line(h.PersonView, "hand up")
	}
	if v.Me.Role == "host" {
		audience, err := c.Audience(ctx, id)
		if err != nil {
			return err
		}
		for _, l := range audience {
			switch {
			case l.Invited:
				line(l.PersonView, "invited to speak")
			case !l.Hand:
				line(l.PersonView, "listening")
			}
		}
	}
	for _, p := range v.Removed {
		line(p, "removed")
	}
	return w.Flush()
}
