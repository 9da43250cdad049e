package node

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"salon/relay"
	"salon/room"
)

// What the host's rule book says reaches a guest as the same sentinel, and a person as words.
func TestErrorsGoThereAndBack(t *testing.T) {
	for _, e := range explained {
		u := explain(fmt.Errorf("while doing: %w", e.err))
		if u.Code != e.Code || u.Text == "" || !strings.HasSuffix(u.Text, ".") {
			t.Errorf("%v is explained as %+v", e.err, u)
		}
		back := answered(relay.Answer{Code: u.Code, Text: "the host's own words"})
		if again := explain(back); again.Code != u.Code || strings.Contains(again.Text, "own words") {
			t.Errorf("%v comes back as %v", e.err, back)
		}
	}
	if err := answered(relay.Answer{Code: "no_hand"}); !errors.Is(err, room.ErrNoHand) {
		t.Errorf("no_hand comes back as %v", err)
	}
	if err := answered(relay.Answer{Code: errNotConnected.Code}); !errors.Is(err, errNotConnected) {
		t.Errorf("a command that was on its way when the connection broke: %v", err)
	}
	// A code of a later version, or of a liar, shows nothing of the stranger's text.
	if u := explain(answered(relay.Answer{Code: "<b>", Text: "<script>"})); u.Code != "refused" || strings.Contains(u.Text, "script") {
		t.Errorf("%+v", u)
	}
	if u := explain(errors.New("disk full")); u.Code != "refused" || !strings.Contains(u.Text, "disk full") {
		t.Errorf("%+v", u)
	}
}
