package web

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"salon/relay"
)

// A recording whose client was too slow ends with an error; one whose room is over is whole.
func TestOverflowIsNoProperEnd(t *testing.T) {
	for _, row := range []struct {
		name   string
		frames int
		whole  bool
	}{{"a room that is over", streamHolds, true}, {"a client too slow", streamHolds + 1, false}} {
		t.Run(row.name, func(t *testing.T) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				l := newFrameQueue()
				for i := range row.frames {
					l.Send(&relay.Packet{Frames: []relay.Frame{{Number: uint64(i), Sealed: []byte{0xf8}}}})
				}
				l.Close()
				l.stream(w, r)
			}))
			defer s.Close()
			resp, err := http.Get(s.URL)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			b, err := io.ReadAll(resp.Body)
			if whole := err == nil; whole != row.whole || whole && len(b) != 2*row.frames {
				t.Errorf("%d bytes, %v", len(b), err)
			}
		})
	}
}
