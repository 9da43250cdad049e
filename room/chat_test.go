package room

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"
)

// sayAt is a line said at a time after noon.
func sayAt(s *State, a actor, after time.Duration, text string) error {
	ev, err := s.Decide(a.first(), Command{Room: s.Charter.Room, Kind: Say, Name: a.name, Text: text}, noon.Add(after))
	if err != nil {
		return err
	}
	_, err = s.Apply(ev)
	return err
}

func TestChat(t *testing.T) {
	s := opened(t)
	if err := sayAt(s, danA, 0, "hello"); err != nil {
		t.Fatal(err)
	}
	want := Line{Seq: 2, Time: noon.UnixMilli(), Person: danA.person(), Name: "dan", Text: "hello", Changed: 2}
	if len(s.Chat) != 1 || s.Chat[0] != want {
		t.Errorf("chat %+v", s.Chat)
	}
	do(t, s, anaA.first(), Command{Kind: Pin, Ref: 2})
	if s.Pinned != want {
		t.Errorf("pinned %+v", s.Pinned)
	}
	refused := func(by actor, c Command, want error) {
		t.Helper()
		c.Room = s.Charter.Room
		if _, err := s.Decide(by.first(), c, noon); !errors.Is(err, want) {
			t.Errorf("%v by %s: %v, want %v", c.Kind, by.name, err, want)
		}
	}
	refused(anaA, Command{Kind: Pin, Ref: 2}, ErrNoChange)
	refused(boA, Command{Kind: Erase, Ref: 2}, ErrNotAllowed)
	refused(anaA, Command{Kind: Erase, Ref: 1}, ErrNoLine)
	ev, _ := do(t, s, danA.first(), Command{Kind: Erase, Ref: 2})
	if s.Pinned != (Line{}) || s.Chat[0].Text != "" || s.Chat[0].Changed != ev.Seq {
		t.Errorf("after erasing: pinned %+v, chat %+v", s.Pinned, s.Chat)
	}
	refused(anaA, Command{Kind: Erase, Ref: 2}, ErrNoLine)
	refused(anaA, Command{Kind: Pin, Ref: 2}, ErrNoLine)

	do(t, s, anaA.first(), Command{Kind: Pin, Text: "welcome", Name: "ana"})
	if s.Pinned.Text != "welcome" || len(s.Chat) != 1 {
		t.Errorf("pinned %+v", s.Pinned)
	}
	do(t, s, anaA.first(), Command{Kind: Unpin})

	do(t, s, anaA.first(), Command{Kind: CloseChat})
	refused(danA, Command{Kind: Say, Name: "dan", Text: "hello"}, ErrChatClosed)
	do(t, s, anaA.first(), Command{Kind: Say, Name: "ana", Text: "hello"})
	do(t, s, anaA.first(), Command{Kind: OpenChat})
	do(t, s, anaA.first(), Command{Kind: Remove, To: danA.person()})
	refused(danA, Command{Kind: Say, Name: "dan", Text: "hello"}, ErrRemoved)
}

func TestSlowMode(t *testing.T) {
	s := opened(t)
	do(t, s, anaA.first(), Command{Kind: Slow, Seconds: 30})
	for _, c := range []struct {
		by    actor
		after time.Duration
		want  error
	}{
		{danA, 0, nil},
		{danA, 29_999 * time.Millisecond, ErrSlow},
		{boA, 29_999 * time.Millisecond, nil},
		{danA, 30 * time.Second, nil},
		{anaA, 30 * time.Second, nil}, // who leads does not wait
		{anaA, 31 * time.Second, nil},
	} {
		if err := sayAt(s, c.by, c.after, "hello"); !errors.Is(err, c.want) {
			t.Errorf("%s after %v: %v, want %v", c.by.name, c.after, err, c.want)
		}
	}
}

// Nobody fills the chat, not even without slow mode; erasing one's lines does not help.
func TestChatBurst(t *testing.T) {
	s := opened(t)
	for i := range chatBurst {
		if err := sayAt(s, danA, time.Duration(i)*time.Second, "hello"); err != nil {
			t.Fatal(err)
		}
	}
	ev, err := s.Decide(danA.first(), Command{Room: s.Charter.Room, Kind: Erase, Ref: s.Seq}, noon.Add(5*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Apply(ev); err != nil {
		t.Fatal(err)
	}
	if err := sayAt(s, danA, 9999*time.Millisecond, "hello"); !errors.Is(err, ErrBusy) {
		t.Errorf("a line too many: %v", err)
	}
	if err := sayAt(s, boA, 9999*time.Millisecond, "hello"); err != nil {
		t.Errorf("somebody else: %v", err)
	}
	if err := sayAt(s, danA, 10*time.Second, "hello"); err != nil {
		t.Errorf("a while later: %v", err)
	}
}

func TestChatKeepsItsEnd(t *testing.T) {
	s := opened(t)
	crowd := func(i int) actor { return actor{"x", byte(10 + i%200)} }
	for i := range MaxLines + 10 {
		if err := sayAt(s, crowd(i), time.Duration(i)*time.Second, "hello"); err != nil {
			t.Fatal(err)
		}
	}
	if len(s.Chat) != MaxLines || s.Chat[0].Seq != 12 {
		t.Errorf("%d lines, the first of event %d", len(s.Chat), s.Chat[0].Seq)
	}
	long := strings.Repeat("x", MaxMessage)
	for i := range 70 {
		if err := sayAt(s, crowd(i), time.Hour, long); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := len(s.Chat), maxChatBytes/MaxMessage; got != want {
		t.Errorf("%d long lines, want %d", got, want)
	}
	if err := s.check(); err != nil {
		t.Error(err)
	}
	// Somebody who joins now has the same chat.
	if joined, err := parseState(ok(s.Bytes())); err != nil || !bytes.Equal(ok(joined.Bytes()), ok(s.Bytes())) {
		t.Error(err)
	}
}
