package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"salon/relay"
)

// A microphone gives a packet whenever it is asked, until it has given all.
type microphone struct {
	packets int // negative: without end
	closed  chan struct{}
	once    sync.Once // closes closed: Speak may close a microphone from several goroutines
}

func (m *microphone) Receive(p *relay.Packet) error {
	select {
	case <-m.closed:
		return io.EOF
	default:
	}
	if m.packets == 0 {
		return io.EOF
	}
	m.packets--
	*p = relay.Packet{Frames: []relay.Frame{{Sealed: []byte{0xf8}}}}
	return nil
}

func (m *microphone) Send(*relay.Packet)     {}
func (m *microphone) Stats() relay.LinkStats { return relay.LinkStats{} }
func (m *microphone) Close() error {
	m.once.Do(func() { close(m.closed) })
	return nil
}

// Speak tells a microphone that another one replaced from one that came to its end.
func TestSpeakTellsWhyItEnded(t *testing.T) {
	const onStage, inAudience = `{"phase":"live","me":{"role":"host"}}`, `{"phase":"live","me":{"role":"listener"}}`
	for _, row := range []struct {
		name    string
		packets int
		frames  int // that the node takes before it answers; negative: all
		room    string
		cancel  bool
		want    error
	}{
		{"at its end", 5, -1, onStage, false, nil},
		{"replaced", -1, 5, onStage, false, ErrReplaced},
		{"back in the audience", -1, 5, inAudience, false, nil},
		{"in a room that is over", -1, 5, `{"phase":"ended","me":{"role":"host"}}`, false, nil},
		{"in a room that was left", -1, 5, "", false, nil},
		{"cancelled", -1, 5, onStage, true, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch {
				case r.Method == http.MethodGet && row.room == "":
					w.WriteHeader(http.StatusNotFound)
					fmt.Fprint(w, `{"error":{"code":"not_in_room","text":"You are not in that room."}}`)
				case r.Method == http.MethodGet:
					fmt.Fprint(w, row.room)
				case row.frames < 0:
					_, _ = io.Copy(io.Discard, r.Body)
				default:
					_, _ = io.CopyN(io.Discard, r.Body, int64(2*row.frames))
					if row.cancel {
						cancel()
					}
				}
			}))
			defer s.Close()
			err := New(s.URL, "key").Speak(ctx, "room", &microphone{packets: row.packets, closed: make(chan struct{})})
			if !errors.Is(err, row.want) || row.want == nil && err != nil {
				t.Errorf("%v, want %v", err, row.want)
			}
		})
	}
}

// Listen takes only an answer that came to its end for the whole.
func TestListenTellsWhatIsMissing(t *testing.T) {
	for _, row := range []struct {
		name, body string
		abort      bool
		heard      int
		want       error
	}{
		{"whole", "\x01a\x00\x01b", false, 3, nil},
		{"aborted between frames", "\x01a", true, 1, ErrCut},
		{"ended within a frame", "\x01a\x02", false, 1, ErrCut},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				_, _ = io.Copy(w, strings.NewReader(row.body))
				_ = http.NewResponseController(w).Flush()
				if row.abort {
					panic(http.ErrAbortHandler)
				}
			}))
			defer s.Close()
			heard := 0
			err := New(s.URL, "key").Listen(t.Context(), "room", func([]byte) error { heard++; return nil })
			if heard != row.heard || !errors.Is(err, row.want) || row.want == nil && err != nil {
				t.Errorf("%d heard, %v", heard, err)
			}
		})
	}
}
