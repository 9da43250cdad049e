package client

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"

	"salon/node/web"
	"salon/relay"
)

// ErrReplaced means that somebody else publishes for this person now: another program, or the page.
var ErrReplaced = errors.New("another program took over the microphone")

// ErrCut means that sound broke off before its end.
var ErrCut = errors.New("the sound broke off: the node went away, or what it sent was not taken in time")

// Speak publishes what mic gives, at mic's pace, until it ends, ctx ends, or the person is no longer on stage. It returns
// ErrReplaced if the node took another microphone instead.
func (c *Client) Speak(ctx context.Context, id string, mic relay.Link) error {
	r, w := io.Pipe()
	played := make(chan struct{}) // closed once mic has ended by itself and all of it was sent
	go func() {
		var lost error
		var p relay.Packet
		var b []byte
		for mic.Receive(&p) == nil {
			for _, f := range p.Frames {
				b = binary.AppendUvarint(b[:0], uint64(len(f.Sealed)))
				if _, lost = w.Write(append(b, f.Sealed...)); lost != nil {
					mic.Close()
				}
			}
		}
		if lost == nil {
			close(played)
		}
		w.Close()
	}()
	stop := context.AfterFunc(ctx, func() { mic.Close() })
	defer stop()
	resp, err := c.Do(context.WithoutCancel(ctx), http.MethodPut, "/api/v1/rooms/"+id+"/speak", web.Frames, r)
	var early bool
	select {
	case <-played:
	default:
		early = ctx.Err() == nil
	}
	mic.Close()
	r.Close()
	if err != nil {
		return err
	}
	resp.Body.Close()
	if !early {
		return nil
	}
	// The node ended it: because we are no longer on stage, or because it took another microphone.
	v, err := c.Room(ctx, id)
	var e *Error
	switch {
	case errors.As(err, &e) && e.Code == "not_in_room", ctx.Err() != nil:
		return nil
	case err == nil && !v.Phase.Over() && v.Me.Role != "listener":
		return ErrReplaced
	}
	return err
}

// Listen calls f with each 20 ms Opus packet that this person should hear, nil for one that was lost, until ctx ends or
// the room is over. It returns ErrCut if there was more to hear.
func (c *Client) Listen(ctx context.Context, id string, f func(packet []byte) error) error {
	resp, err := c.Do(ctx, http.MethodGet, "/api/v1/rooms/"+id+"/listen", "", nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	in := bufio.NewReader(resp.Body)
	buf := make([]byte, 2048)
	for {
		n, err := binary.ReadUvarint(in)
		if err == nil && n > uint64(len(buf)) {
			return errors.New("the node sent a frame that is too long")
		}
		if err == nil {
			if _, err = io.ReadFull(in, buf[:n]); errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("%w: %w", ErrCut, err)
		}
		var packet []byte
		if n > 0 {
			packet = buf[:n]
		}
		if err := f(packet); err != nil {
			return err
		}
	}
}
