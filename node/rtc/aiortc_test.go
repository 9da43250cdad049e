package rtc

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"testing"
	"time"

	"salon/relay"
)

// aiortc starts the independent client, which ends with the test.
func aiortc(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	// Debian's own Python: the packages are not installed for any other.
	const python = "/usr/bin/python3"
	if out, err := exec.Command(python, "-c", "import aiortc, aiohttp").CombinedOutput(); err != nil {
		t.Skipf("no independent WebRTC client: install Debian's python3-aiortc and python3-aiohttp (%v)\n%s", err, out)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*patience)
	t.Cleanup(cancel)
	c := exec.CommandContext(ctx, python, append([]string{"testdata/aiortc_client.py"}, args...)...)
	c.Stderr = t.Output()
	return c
}

// A tone goes from aiortc through a publishing and a playing session, untouched, back to aiortc.
func TestAiortcPublishesAndPlays(t *testing.T) {
	s := newSite(t, Options{})
	c := aiortc(t, "echo", s.URL+"/whip", s.URL+"/whep")
	var out bytes.Buffer
	c.Stdout = &out
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	waited := make(chan error, 1)
	go func() { waited <- c.Wait() }()
	next := func() *Session {
		select {
		case session := <-s.sessions:
			return session
		case err := <-waited:
			t.Fatalf("client ended: %v", err)
		}
		panic("unreachable")
	}
	from, to := next(), next()
	var p relay.Packet
	frames, last := 0, uint64(0)
	for {
		err := from.Receive(&p)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		last = p.Frames[0].Number
		frames++
		to.Send(&p)
	}
	if err := <-waited; err != nil {
		t.Fatal(err)
	}
	var heard struct {
		Frames  int
		RMS, Hz float64
	}
	if err := json.Unmarshal(out.Bytes(), &heard); err != nil {
		t.Fatalf("%v in %s", err, out.Bytes())
	}
	t.Logf("heard %+v; %d frames received, the last is number %d", heard, frames, last)
	if heard.RMS < 4000 || heard.Hz < 435 || heard.Hz > 445 {
		t.Errorf("heard %+v, want a tone of 440 Hz and about 8,500", heard)
	}
	if int(last) != frames-1 {
		t.Errorf("%d frames received, the last is number %d", frames, last)
	}
	receive(t, from.Done(), "end of publishing")
	receive(t, to.Done(), "end of playing")
	if !errors.Is(from.Err(), ErrDeleted) || !errors.Is(to.Err(), ErrDeleted) {
		t.Errorf("%v, %v", from.Err(), to.Err())
	}
}

// A client whose process has died says no goodbye; the session ends all the same.
func TestAiortcVanishes(t *testing.T) {
	s := newSite(t, Options{GoneAfter: 500 * time.Millisecond})
	if err := aiortc(t, "vanish", s.URL+"/whip").Run(); err != nil {
		t.Fatal(err)
	}
	session := s.session(t)
	receive(t, session.Done(), "end")
	if !errors.Is(session.Err(), ErrGone) {
		t.Error(session.Err())
	}
}
