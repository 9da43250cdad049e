package client

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net/http"

	"salon/node/web"
	"salon/relay"
)

// Speak publishes what mic gives, at mic's pace, until it ends, ctx ends, or the person is no longer on stage.
func (c *Client) Speak(ctx context.Context, id string, mic relay.Link) error {
	r, w := io.Pipe()
	go func() {
		var p relay.Packet
		var b []byte
		for mic.Receive(&p) == nil {
			for _, f := range p.Frames {
				b = binary.AppendUvarint(b[:0], uint64(len(f.Sealed)))
				if _, err := w.Write(append(b, f.Sealed...)); err != nil {
					mic.Close()
				}
			}
		}
		w.Close()
	}()
	stop := context.AfterFunc(ctx, func() { mic.Close() })
	defer stop()
	resp, err := c.Do(context.WithoutCancel(ctx), http.MethodPut, "/api/v1/rooms/"+id+"/speak", web.Frames, r)
	mic.Close()
	r.Close()
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// Listen calls f with each 20 ms Opus packet that this person should hear, nil for one that was lost, until ctx ends or
// the room is over.
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
			_, err = io.ReadFull(in, buf[:n])
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
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
