package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"salon/node"
	"salon/node/client"
)

// A peopleAction changes what one's own list says of somebody.
type peopleAction struct {
	use, short string
	change     func(*node.Mark)
	undoes     bool // only who is in the list can be meant by a name
}

var peopleActions = []peopleAction{
	{"mute", "Do not hear somebody, in any room, while you are on stage", func(m *node.Mark) { m.Muted = true }, false},
	{"unmute", "Hear somebody again", func(m *node.Mark) { m.Muted = false }, true},
	{"block", "Mute somebody, list none of their rooms, and keep them out of yours", func(m *node.Mark) { m.Blocked = true }, false},
	{"unblock", "Take a block back; where it put them out they may come back", func(m *node.Mark) { m.Blocked = false }, true},
}

func peopleCommand(f *flags) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "people", Short: "Mute or block people, for yourself alone",
		Long: "people keeps your own list of whom you mute and block. Nobody is told that they are in it.\n" +
			"PERSON is a whole ID, or the beginning of the ID or name of somebody in your list, in a room that the running node is\n" +
			"in, or hosting a live room.\n\n" +
			"In the audience you hear one mix, which comes from the host: a mute takes effect when you are on stage yourself.",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("people cannot be %q: salon people --help lists what there is to do", args[0])
			}
			return usagef("say what to do: salon people --help lists it")
		},
		RunE: func(*cobra.Command, []string) error { return nil }, // Args always refuses
	}
	cmd.PersistentFlags().BoolVar(&asJSON, "json", false, "print what is in the list as JSON: an array, or of one person an object")
	cmd.AddCommand(&cobra.Command{
		Use: "list", Short: "Whom you mute and block", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			l, err := f.peopleList(cmd)
			if err != nil {
				return err
			}
			defer l.close()
			marks, err := l.all(cmd.Context())
			if err != nil {
				return err
			}
			return printMarks(cmd.OutOrStdout(), marks, asJSON)
		},
	})
	for _, a := range peopleActions {
		cmd.AddCommand(&cobra.Command{
			Use: a.use + " PERSON", Short: a.short, Args: oneArg("person"), ValidArgsFunction: f.completePeople(a.undoes),
			RunE: func(cmd *cobra.Command, args []string) error {
				l, err := f.peopleList(cmd)
				if err != nil {
					return err
				}
				defer l.close()
				m, err := l.find(cmd.Context(), args[0], a.undoes)
				if err != nil {
					return err
				}
				a.change(&m)
				if m, err = l.set(cmd.Context(), m); err != nil {
					return err
				}
				if asJSON {
					return json.NewEncoder(cmd.OutOrStdout()).Encode(m)
				}
				return printMarks(cmd.OutOrStdout(), []node.Mark{m}, false)
			},
		})
	}
	return cmd
}

// A peopleList is one's own list where it is kept just now: by the running node, or else in the home.
type peopleList struct {
	client *client.Client // nil when no node runs
	home   *node.Home     // nil when one does, and so is people
	people *node.People
}

func (f *flags) peopleList(cmd *cobra.Command) (*peopleList, error) {
	if c, err := client.Running(cmd.Context(), f.homeDir()); err == nil {
		return &peopleList{client: c}, f.tellRunning(cmd.Context(), c)
	}
	h, err := node.OpenHome(f.homeDir(), now())
	if errors.Is(err, node.ErrInUse) {
		return nil, fmt.Errorf("a salon runs on %s but does not answer; end it and try again", f.homeDir())
	}
	if err != nil {
		return nil, err
	}
	if f.name != "" {
		if _, err := h.SetName(f.name); err != nil {
			h.Close()
			return nil, usageError{err}
		}
	}
	people, damage := node.OpenPeople(h, now())
	if damage != nil {
		fmt.Fprintf(cmd.ErrOrStderr(), "salon: your list was damaged: %v\n", damage)
	}
	return &peopleList{home: h, people: people}, nil
}

func (l *peopleList) close() {
	if l.home != nil {
		l.home.Close()
	}
}

func (l *peopleList) all(ctx context.Context) ([]node.Mark, error) {
	if l.client == nil {
		return l.people.List(), nil
	}
	return l.client.People(ctx)
}

func (l *peopleList) set(ctx context.Context, m node.Mark) (node.Mark, error) {
	if l.client == nil {
		return l.people.Set(m)
	}
	return l.client.SetPerson(ctx, m)
}

// find is what the list says of somebody now, which may be nothing.
func (l *peopleList) find(ctx context.Context, ref string, listed bool) (node.Mark, error) {
	marks, err := l.all(ctx)
	if err != nil {
		return node.Mark{}, err
	}
	var people []node.PersonView
	for _, m := range marks {
		people = append(people, m.PersonView)
	}
	if !listed && l.client != nil {
		if people, err = l.others(ctx, people); err != nil {
			return node.Mark{}, err
		}
	}
	p, err := whom(ref, people)
	if err != nil {
		return node.Mark{}, err
	}
	if i := slices.IndexFunc(marks, func(m node.Mark) bool { return m.Person == p.Person }); i >= 0 {
		return marks[i], nil
	}
	return node.Mark{PersonView: p}, nil
}

// others adds to people those whom the running node knows by name: in its rooms, and hosting others.
func (l *peopleList) others(ctx context.Context, people []node.PersonView) ([]node.PersonView, error) {
	me, err := l.client.Status(ctx)
	if err != nil {
		return nil, err
	}
	add := func(p node.PersonView) {
		known := func(q node.PersonView) bool { return q.Person == p.Person }
		if p.Person != me.Person && !slices.ContainsFunc(people, known) {
			people = append(people, p)
		}
	}
	joined, err := l.client.JoinedRooms(ctx)
	if err != nil {
		return nil, err
	}
	for _, v := range joined {
		in, err := peopleIn(ctx, l.client, v)
		if err != nil {
			return nil, err
		}
		for _, p := range in {
			add(p)
		}
	}
	live, err := l.client.Rooms(ctx)
	if err != nil {
		return nil, err
	}
	for _, r := range live {
		add(r.Host)
	}
	return people, nil
}

func printMarks(out io.Writer, marks []node.Mark, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(out).Encode(marks)
	}
	if len(marks) == 0 {
		_, err := fmt.Fprintln(out, "You mute and block nobody.")
		return err
	}
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	for _, m := range marks {
		what := "neither muted nor blocked"
		switch {
		case m.Blocked && m.Muted:
			what = "blocked, muted"
		case m.Blocked:
			what = "blocked"
		case m.Muted:
			what = "muted"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\n", m.Person.String()[:10], m.Name, what)
	}
	return w.Flush()
}
