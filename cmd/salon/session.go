package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"salon/node"
	"salon/node/client"
	"salon/node/web"
)

// A session is a node to work with: the one that runs on the home, or one started for this command.
type session struct {
	*client.Client
	own *node.Node // nil if it ran before
	web *web.Server
}

func (f *flags) homeDir() string {
	if f.home == "" {
		return node.DefaultHome()
	}
	return f.home
}

func (f *flags) options() node.Options {
	return node.Options{
		Home: f.homeDir(), Name: f.name, Listen: f.listen, Announce: f.announce, Peers: f.peers, NoMDNS: f.noMDNS,
		Relays: f.relays, MaxChildren: f.children, Volunteer: f.lends.choice, NoVolunteers: f.noLend, Log: f.logger(os.Stderr),
	}
}

// connect uses the running node of the home, or starts one.
func (f *flags) connect(ctx context.Context) (*session, error) {
	if c, err := client.Running(ctx, f.homeDir()); err == nil {
		if err := f.tellRunning(ctx, c); err != nil {
			return nil, err
		}
		return &session{Client: c}, nil
	}
	n, err := node.New(f.options())
	if errors.Is(err, node.ErrInUse) {
		return nil, fmt.Errorf("a salon runs on %s but does not answer; end it and try again", f.homeDir())
	}
	if err != nil {
		return nil, err
	}
	tell(n)
	s, err := web.New(n, web.Options{Addr: "127.0.0.1:0", Version: version})
	if err != nil {
		return nil, errors.Join(err, n.Close())
	}
	key, err := n.Home().Secret()
	if err != nil {
		return nil, errors.Join(err, s.Close(), n.Close())
	}
	return &session{Client: client.New(s.URL(), key), own: n, web: s}, nil
}

// tellRunning passes on the flags that a running node can still follow.
func (f *flags) tellRunning(ctx context.Context, c *client.Client) error {
	if f.name != "" {
		if err := c.Call(ctx, "PUT", "/api/v1/name", map[string]string{"name": f.name}, nil); err != nil {
			return err
		}
	}
	if v := f.lends.choice; v != nil {
		if err := c.Call(ctx, "PUT", "/api/v1/volunteer", map[string]any{"on": v.On, "kbps": v.KBPS}, nil); err != nil {
			return err
		}
	}
	if f.noLend || len(f.listen) > 0 || len(f.announce) > 0 || len(f.relays) > 0 || f.children != 0 {
		return usagef("a salon runs on this home: --listen, --announce, --relay, --max-children and --no-volunteers are for when it starts")
	}
	for _, p := range f.peers {
		if err := c.Call(ctx, "POST", "/api/v1/peers", map[string]string{"addr": p}, nil); err != nil {
			return fmt.Errorf("peer %s: %w", p, err)
		}
	}
	return nil
}

// close ends a node that was started for this command.
func (s *session) close() error {
	if s.own == nil {
		return nil
	}
	return errors.Join(s.web.Close(), s.own.Close())
}

// findFor is how long a room named by ID or title may take to be heard of.
const findFor = 15 * time.Second

// join enters a room, waiting for it to be heard of, and for the host if it does not answer at once. The returned leave
// goes politely, unless the room is not this command's alone: the node was in it before, or the page has joined it since.
func (s *session) join(ctx context.Context, ref string) (v node.RoomView, leave func() error, err error) {
	v, entered, err := s.enter(ctx, ref)
	leave = func() error { return nil }
	if entered {
		leave = func() error {
			if s.shared(v.ID.String()) {
				return nil
			}
			return s.leave(v.ID.String())
		}
	}
	if err != nil {
		return v, nil, errors.Join(err, leave())
	}
	return v, leave, nil
}

func (s *session) enter(ctx context.Context, ref string) (v node.RoomView, entered bool, err error) {
	find, cancel := context.WithTimeout(ctx, findFor)
	defer cancel()
	v, entered, err = s.Join(ctx, ref)
	if isCode(err, "no_room") && !strings.HasPrefix(ref, "salon:") {
		noRoom := err
		err = s.Events(find, func(e client.Event) bool {
			if e.Name == "rooms" {
				v, entered, noRoom = s.Join(ctx, ref)
			}
			return isCode(noRoom, "no_room")
		})
		if ctx.Err() != nil {
			return v, entered, ctx.Err()
		}
		if err == nil || noRoom != nil {
			err = noRoom
		}
	}
	if err != nil || v.Phase == node.Live {
		return v, entered, err
	}
	err = s.Watch(find, v.ID.String(), func(now node.RoomView) bool {
		v = now
		return v.Phase == node.Connecting || v.Phase == node.Reconnecting
	})
	switch {
	case ctx.Err() != nil:
		return v, entered, ctx.Err()
	case v.Phase == node.Live:
		return v, entered, nil
	case v.Reason != "":
		return v, entered, errors.New(v.Reason)
	}
	return v, entered, errors.Join(errors.New("the room's host does not answer"), err)
}

func isCode(err error, code string) bool {
	var e *client.Error
	return errors.As(err, &e) && e.Code == code
}

// sharedAfter is how long a node may take to notice that this command hears and speaks no more.
const sharedAfter = 500 * time.Millisecond

// shared reports whether somebody else hears or speaks in a room through this node.
func (s *session) shared(id string) bool {
	if s.own != nil {
		return false
	}
	ctx, cancel := context.WithTimeout(context.Background(), sharedAfter)
	defer cancel()
	used := false
	err := s.Watch(ctx, id, func(v node.RoomView) bool {
		used = !v.Phase.Over() && (v.Me.Playing || v.Me.Publishing)
		return used
	})
	return used && errors.Is(err, context.DeadlineExceeded)
}

// leave goes politely, also when the command was interrupted.
func (s *session) leave(id string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	err := s.Act(ctx, id, "leave", "")
	if isCode(err, "not_in_room") {
		return nil
	}
	return err
}
