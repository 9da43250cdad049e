package room

import (
	"fmt"
	"slices"

	"salon/ledger/doc"
)

// Limits of the chat. The state keeps its end; who was there for longer keeps more.
const (
	MaxLines      = 200
	maxChatBytes  = 32 << 10 // of all texts
	chatBurst     = 5        // lines of one person within chatBurstTime
	chatBurstTime = 10_000   // milliseconds
)

// A Line is something said in the chat.
type Line struct {
	Seq     uint64 // number of the event that brought it, its name among the others
	Time    int64  // unix milliseconds: when it was said, be it where somebody else led the room
	Person  Person
	Name    string
	Text    string // "" after it was erased
	Changed uint64 // number of the event that erased it, Seq before
}

// line returns the line of an event, nil if it is not there any more or was erased.
func (s *State) line(seq uint64) *Line {
	i, ok := slices.BinarySearchFunc(s.Chat, seq, func(l Line, seq uint64) int {
		switch {
		case l.Seq < seq:
			return -1
		case l.Seq > seq:
			return 1
		}
		return 0
	})
	if !ok || s.Chat[i].Text == "" {
		return nil
	}
	return &s.Chat[i]
}

func (s *State) ruleChat(ev, want Event) (Event, error) {
	refuse := func(err error) (Event, error) { return Event{}, err }
	leads := s.Leads(ev.By)
	switch ev.Kind {
	case Say:
		switch {
		case ev.Name == "" || ev.Text == "":
			return refuse(fmt.Errorf("%w: a line needs a name and a text", ErrField))
		case s.ChatClosed && !leads:
			return refuse(ErrChatClosed)
		}
		if ev.Said > ev.Time+doc.Skew.Milliseconds() {
			return refuse(fmt.Errorf("%w: a line of tomorrow", ErrField))
		}
		if err := s.tooSoon(ev, leads); err != nil && ev.Said == 0 { // where it was said it was not
			return refuse(err)
		}
		want.Name, want.Text, want.Said = ev.Name, ev.Text, ev.Said
		return want, nil

	case Erase:
		l := s.line(ev.Ref)
		switch {
		case l == nil:
			return refuse(ErrNoLine)
		case !leads && l.Person != ev.By:
			return refuse(ErrNotAllowed)
		}
		want.Ref = ev.Ref
		return want, nil
	}

	if !leads {
		return refuse(ErrNotAllowed)
	}
	switch ev.Kind {
	case CloseChat, OpenChat:
		if s.ChatClosed == (ev.Kind == CloseChat) {
			return refuse(ErrNoChange)
		}
	case Slow:
		switch {
		case ev.Seconds > MaxSlow:
			return refuse(fmt.Errorf("%w: %d seconds between two lines", ErrField, ev.Seconds))
		case s.Slow == ev.Seconds:
			return refuse(ErrNoChange)
		}
		want.Seconds = ev.Seconds
	case Pin:
		switch {
		case (ev.Ref == 0) == (ev.Text == ""), ev.Text != "" && ev.Name == "":
			return refuse(fmt.Errorf("%w: pin a line of the chat, or a text", ErrField))
		case ev.Ref != 0 && s.line(ev.Ref) == nil:
			return refuse(ErrNoLine)
		case ev.Ref != 0 && s.Pinned.Seq == ev.Ref:
			return refuse(ErrNoChange)
		}
		if want.Ref, want.Text = ev.Ref, ev.Text; ev.Text != "" {
			want.Name = ev.Name
		}
	case Unpin:
		if s.Pinned.Seq == 0 {
			return refuse(ErrNoChange)
		}
	}
	return want, nil
}

// tooSoon refuses a line that follows too closely on others of the same person: by the room's slow mode, and for
// everybody by what a hand can type. It counts those that the state still holds, by when they were said: what somebody else's tail
// brought may stand after what was said since.
func (s *State) tooSoon(ev Event, leads bool) error {
	lines := 0
	for i := len(s.Chat) - 1; i >= 0; i-- {
		l := s.Chat[i]
		ago := ev.Time - l.Time
		if l.Person != ev.By || ago < 0 || ago >= max(chatBurstTime, int64(s.Slow)*1000) {
			continue
		}
		if !leads && ago < int64(s.Slow)*1000 {
			return ErrSlow
		}
		if lines++; ago < chatBurstTime && lines >= chatBurst {
			return ErrBusy
		}
	}
	return nil
}

func (s *State) changeChat(ev Event) {
	switch ev.Kind {
	case Say:
		s.Chat = append(s.Chat, Line{Seq: ev.Seq, Time: ev.said(), Person: ev.By, Name: ev.Name, Text: ev.Text, Changed: ev.Seq})
		s.Chat = s.Chat[s.tooMany():]
	case Erase:
		l := s.line(ev.Ref)
		l.Text, l.Changed = "", ev.Seq
		if s.Pinned.Seq == ev.Ref {
			s.Pinned = Line{}
		}
	case CloseChat, OpenChat:
		s.ChatClosed = ev.Kind == CloseChat
	case Slow:
		s.Slow = ev.Seconds
	case Pin:
		if s.Pinned = (Line{Seq: ev.Seq, Time: ev.Time, Person: ev.By, Name: ev.Name, Text: ev.Text, Changed: ev.Seq}); ev.Ref != 0 {
			s.Pinned = *s.line(ev.Ref)
		}
	case Unpin:
		s.Pinned = Line{}
	}
}

// tooMany is how many of the first lines must go.
func (s *State) tooMany() int {
	bytes := 0
	for i := len(s.Chat) - 1; i >= 0; i-- {
		if bytes += len(s.Chat[i].Text); bytes > maxChatBytes || len(s.Chat)-i > MaxLines {
			return i + 1
		}
	}
	return 0
}

// check holds what is true of the chat of every state.
func (s *State) checkChat() error {
	bad := func(what string) error { return fmt.Errorf("%w: %s", ErrSnapshot, what) }
	if s.tooMany() > 0 {
		return bad("length of the chat")
	}
	for i, l := range s.Chat {
		if i > 0 && l.Seq <= s.Chat[i-1].Seq {
			return bad("order of the chat")
		}
		if err := s.checkLine(l); err != nil {
			return err
		}
		if (l.Text == "") != (l.Changed != l.Seq) {
			return bad("a line of the chat")
		}
	}
	if s.Slow > MaxSlow {
		return bad("slow mode")
	}
	if s.Pinned == (Line{}) {
		return nil
	}
	if s.Pinned.Text == "" || s.Pinned.Changed != s.Pinned.Seq {
		return bad("the pinned line")
	}
	return s.checkLine(s.Pinned)
}

func (s *State) checkLine(l Line) error {
	if l.Seq == 0 || l.Changed < l.Seq || l.Changed > s.Seq || l.Person.IsZero() {
		return fmt.Errorf("%w: a line of the chat", ErrSnapshot)
	}
	if err := checkTime(l.Time); err != nil {
		return err
	}
	if l.Text != "" {
		if err := isClean("message", l.Text, CleanMessage); err != nil {
			return err
		}
	}
	return isClean("name", l.Name, CleanName)
}
