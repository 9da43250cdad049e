package nwc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gorilla/websocket"

	"salon/node/market/lightning"
)

const (
	answerWait  = 15 * time.Second // for an answer that a wallet has at once
	requestLife = 30 * time.Second // after it, a wallet that gets a request late leaves it
	maxMessage  = 256 << 10        // bytes of what a relay says at once
	maxSkipped  = 64               // events of somebody else's before a relay is given up
)

// A client speaks to one wallet, by whichever of its relays answers. Each question goes by a connection of its own: they are
// rare, and none can then hold up another.
type client struct {
	connection
	key  Key
	name string // the wallet's public key, in hex
	talk Talk
	dial websocket.Dialer
}

func newClient(c Config) (*client, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	at, err := c.connection()
	if err != nil {
		return nil, err
	}
	w := &client{connection: at, key: newKey(at.secret), name: fmt.Sprintf("%x", at.wallet),
		dial: websocket.Dialer{Proxy: http.ProxyFromEnvironment, HandshakeTimeout: answerWait, ReadBufferSize: 4 << 10, WriteBufferSize: 4 << 10}}
	if w.talk, err = w.key.With(w.name); err != nil {
		return nil, fmt.Errorf("%w: the connection names no wallet", ErrConfig)
	}
	return w, nil
}

// A refusal is the wallet's, in its words.
type refusal struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

func (r *refusal) Error() string {
	return fmt.Sprintf("the wallet says: %s (%s)", lightning.Printable(r.Message), lightning.Printable(r.Code))
}

// refused reports whether the wallet said one of these codes.
func refused(err error, codes ...string) bool {
	var r *refusal
	if !errors.As(err, &r) {
		return false
	}
	for _, c := range codes {
		if r.Code == c {
			return true
		}
	}
	return false
}

// errSilent is that a request went out, and no answer came.
var errSilent = errors.New("nwc: the wallet does not answer; it may be off, or its relay is")

// call asks the wallet, and waits for its answer.
func (c *client) call(ctx context.Context, method string, params, result any) error {
	text, err := json.Marshal(map[string]any{"method": method, "params": params})
	if err != nil {
		return err
	}
	sealed, err := c.talk.Seal(text)
	if err != nil {
		return err
	}
	ask, err := c.key.Sign(kindRequest, [][]string{
		{"encryption", "nip44_v2"}, {"p", c.name}, {"expiration", strconv.FormatInt(time.Now().Add(requestLife).Unix(), 10)},
	}, sealed)
	if err != nil {
		return err
	}
	at, err := c.connect(ctx)
	if err != nil {
		return err
	}
	defer at.close()
	answers := filter{Kinds: []int{kindResponse}, Authors: []string{c.name}, Request: []string{ask.ID}}
	if err := at.say("REQ", subscription, answers); err != nil {
		return err
	}
	if err := at.say("EVENT", ask); err != nil {
		return err
	}
	for range maxSkipped {
		e, err := at.next(ask.ID)
		if err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return err
		}
		if e.Kind != kindResponse || e.PubKey != c.name || e.Tag("e") != ask.ID {
			continue
		}
		var answer struct {
			Type   string          `json:"result_type"`
			Error  *refusal        `json:"error"`
			Result json.RawMessage `json:"result"`
		}
		if err := c.open(e, &answer); err != nil {
			continue // somebody else's: the relay makes events up
		}
		switch {
		case answer.Error != nil:
			return answer.Error
		case answer.Type != method:
			return fmt.Errorf("nwc: the wallet answers %q to %q", lightning.Printable(answer.Type), method)
		}
		return json.Unmarshal(answer.Result, result)
	}
	return errSilent
}

// open reads what is in an event of the wallet's.
func (c *client) open(e Event, into any) error {
	if err := e.Verify(); err != nil {
		return err
	}
	text, err := c.talk.Open(e.Content)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}

// info is what the wallet says that it can do.
func (c *client) info(ctx context.Context) (Event, error) {
	at, err := c.connect(ctx)
	if err != nil {
		return Event{}, err
	}
	defer at.close()
	if err := at.say("REQ", subscription, filter{Kinds: []int{kindInfo}, Authors: []string{c.name}}); err != nil {
		return Event{}, err
	}
	for range maxSkipped {
		e, err := at.next("")
		if err != nil {
			return Event{}, err
		}
		if e.Kind == kindInfo && e.PubKey == c.name && e.Verify() == nil {
			return e, nil
		}
	}
	return Event{}, errSilent
}

// subscription names ours: there is one a connection.
const subscription = "salon"

// A filter is NIP-01's.
type filter struct {
	Kinds   []int    `json:"kinds"`
	Authors []string `json:"authors"`
	Request []string `json:"#e,omitempty"`
	For     []string `json:"#p,omitempty"`
	Since   int64    `json:"since,omitempty"`
}

// A line is a connection to a relay.
type line struct {
	*websocket.Conn
	ctx  context.Context
	stop func() bool
}

// connect goes to the first relay that answers. The context's end ends the line.
func (c *client) connect(ctx context.Context) (*line, error) {
	var failed error
	for _, relay := range c.relays {
		conn, answer, err := c.dial.DialContext(ctx, relay, nil)
		if answer != nil && answer.Body != nil {
			answer.Body.Close()
		}
		if err != nil {
			failed = fmt.Errorf("nwc: the relay of the wallet cannot be reached: %w", err)
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			continue
		}
		conn.SetReadLimit(maxMessage)
		return &line{Conn: conn, ctx: ctx, stop: context.AfterFunc(ctx, func() { conn.Close() })}, nil
	}
	return nil, failed
}

func (l *line) close() {
	l.stop()
	l.Close()
}

func (l *line) say(parts ...any) error {
	if err := l.SetWriteDeadline(time.Now().Add(answerWait)); err != nil {
		return err
	}
	return l.WriteJSON(parts)
}

// next is the next event that the relay passes on. It ends with an error if the relay refuses the event of that id, or us.
func (l *line) next(sent string) (e Event, err error) {
	for range maxSkipped {
		var parts []json.RawMessage
		if err := l.ReadJSON(&parts); err != nil {
			if l.ctx.Err() != nil {
				return e, l.ctx.Err()
			}
			return e, fmt.Errorf("%w: %w", errSilent, err)
		}
		text := func(i int) (s string) {
			if i < len(parts) {
				_ = json.Unmarshal(parts[i], &s)
			}
			return s
		}
		switch text(0) {
		case "EVENT":
			if len(parts) == 3 && json.Unmarshal(parts[2], &e) == nil {
				return e, nil
			}
		case "OK":
			accepted := false
			if len(parts) >= 3 {
				_ = json.Unmarshal(parts[2], &accepted)
			}
			if sent != "" && text(1) == sent && !accepted && !strings.HasPrefix(text(3), "duplicate:") {
				return e, fmt.Errorf("nwc: the relay of the wallet refuses: %s", lightning.Printable(text(3)))
			}
		case "CLOSED":
			return e, fmt.Errorf("nwc: the relay of the wallet refuses: %s", lightning.Printable(text(2)))
		}
	}
	return e, errSilent
}
