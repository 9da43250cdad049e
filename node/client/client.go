// Package client calls the loopback API of a node: the shell's commands do everything through it, whether the node runs
// already or was started for one command.
package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"salon/ledger/doc"
	"salon/node"
)

// An Error is what the node answered.
type Error struct {
	Status int
	Code   string `json:"code"`
	Text   string `json:"text"`
}

func (e *Error) Error() string { return e.Text }

// A Client talks to one node.
type Client struct {
	url, key string
	http     *http.Client
}

// New returns a client of the API at url, such as http://127.0.0.1:7766.
func New(url, key string) *Client {
	return &Client{url: url, key: key, http: &http.Client{}}
}

// Running returns a client of the node that runs on a home, or an error if none answers.
func Running(ctx context.Context, home string) (*Client, error) {
	url, key, err := node.RunningAPI(home)
	if err != nil {
		return nil, err
	}
	c := New(url, key)
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	_, err = c.Status(ctx)
	return c, err
}

// Call sends in as JSON, if it is not nil, and reads the answer into out, if that is not nil.
func (c *Client) Call(ctx context.Context, method, path string, in, out any) error {
	_, err := c.call(ctx, method, path, in, out)
	return err
}

func (c *Client) call(ctx context.Context, method, path string, in, out any) (status int, err error) {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return 0, err
		}
		body = bytes.NewReader(b)
	}
	resp, err := c.Do(ctx, method, path, "application/json", body)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	if out == nil {
		_, err = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20))
		return resp.StatusCode, err
	}
	return resp.StatusCode, json.NewDecoder(resp.Body).Decode(out)
}

// Do sends a request and returns its answer, or the node's refusal as an *Error.
func (c *Client) Do(ctx context.Context, method, path, contentType string, body io.Reader) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.url+path, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+c.key)
	if body != nil {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("the node does not answer: %w", err)
	}
	if resp.StatusCode < 400 {
		return resp, nil
	}
	defer resp.Body.Close()
	var e struct {
		Error Error `json:"error"`
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil || json.Unmarshal(b, &e) != nil || e.Error.Text == "" {
		return nil, &Error{Status: resp.StatusCode, Code: "http", Text: "the node answered " + resp.Status}
	}
	e.Error.Status = resp.StatusCode
	return nil, &e.Error
}

// Status asks for the node at a glance.
func (c *Client) Status(ctx context.Context) (s node.Status, err error) {
	return s, c.Call(ctx, http.MethodGet, "/api/v1/status", nil, &s)
}

// Rooms lists the live rooms the node knows of.
func (c *Client) Rooms(ctx context.Context) ([]node.RoomCard, error) {
	var list struct {
		Rooms []node.RoomCard `json:"rooms"`
	}
	return list.Rooms, c.Call(ctx, http.MethodGet, "/api/v1/rooms", nil, &list)
}

// JoinedRooms lists the rooms the node is in.
func (c *Client) JoinedRooms(ctx context.Context) ([]node.RoomView, error) {
	var list struct {
		Rooms []node.RoomView `json:"rooms"`
	}
	return list.Rooms, c.Call(ctx, http.MethodGet, "/api/v1/joined", nil, &list)
}

// A Start is how a new room should be.
type Start struct {
	Again      string `json:"again,omitempty"` // a room by ticket that broke off, instead of all that follows
	Title      string `json:"title"`
	Mode       string `json:"mode"`
	Language   string `json:"language"`
	Starts     int64  `json:"starts,omitempty"` // unix ms; 0 means at once
	StageOnly  bool   `json:"stage_only,omitempty"`
	RecordAsks bool   `json:"record_asks,omitempty"`
	Access     string `json:"access,omitempty"` // open, which is the default, invite or ticket
	Price      string `json:"price,omitempty"`  // of a ticket, such as "5 EUR"
	Seats      uint32 `json:"seats,omitempty"`
	IOULimit   string `json:"iou_limit,omitempty"` // that a buyer may owe in all; empty leaves it
	Tax        string `json:"tax,omitempty"`       // what is stated of tax

	CoHosts []node.PersonView `json:"co_hosts,omitempty"` // in order of succession
	Keepers []doc.PublicKey   `json:"keepers,omitempty"`  // of a closed room's key
	Shares  []node.SplitView  `json:"shares,omitzero"`    // of a room by ticket; nil: the usual ones
}

// StartRoom opens a room with the node as its host.
func (c *Client) StartRoom(ctx context.Context, title, mode, language string) (node.RoomView, error) {
	return c.Start(ctx, Start{Title: title, Mode: mode, Language: language})
}

// Start opens a room with the node as its host, in any way there is.
func (c *Client) Start(ctx context.Context, s Start) (v node.RoomView, err error) {
	return v, c.Call(ctx, http.MethodPost, "/api/v1/rooms", s, &v)
}

// Join enters a room by share link, ID, or the beginning of ID or title. It reports false for entered if the node was in
// that room before: it is then not the caller's to leave.
func (c *Client) Join(ctx context.Context, ref string) (v node.RoomView, entered bool, err error) {
	status, err := c.call(ctx, http.MethodPost, "/api/v1/join", refBody(ref), &v)
	return v, status == http.StatusCreated, err
}

// Room asks how a room stands.
func (c *Client) Room(ctx context.Context, id string) (v node.RoomView, err error) {
	return v, c.Call(ctx, http.MethodGet, "/api/v1/rooms/"+id, nil, &v)
}

// Inside lists everybody in a room.
func (c *Client) Inside(ctx context.Context, id string) (all []node.FaceView, err error) {
	for after := ""; ; {
		var page struct {
			People []node.FaceView `json:"people"`
			Next   string          `json:"next"`
		}
		if err := c.Call(ctx, http.MethodGet, "/api/v1/rooms/"+id+"/people?after="+url.QueryEscape(after), nil, &page); err != nil {
			return nil, err
		}
		all = append(all, page.People...)
		if page.Next == "" || page.Next <= after || len(all) > maxPeople {
			return all, nil
		}
		after = page.Next
	}
}

// maxPeople bounds how many people of a room are listed.
const maxPeople = 10_000

// Chat lists the lines of a room's chat that came or were erased after a number, and the number for the next time.
func (c *Client) Chat(ctx context.Context, id string, after uint64) (lines []node.LineView, next uint64, err error) {
	var list struct {
		Lines []node.LineView `json:"lines"`
		Next  uint64          `json:"next"`
	}
	err = c.Call(ctx, http.MethodGet, fmt.Sprintf("/api/v1/rooms/%s/chat?after=%d", id, after), nil, &list)
	return list.Lines, list.Next, err
}

// Preview tells what a room is like, by share link, ID, or the beginning of ID or title, and joins nothing.
func (c *Client) Preview(ctx context.Context, ref string) (v node.PreviewView, err error) {
	return v, c.Call(ctx, http.MethodPost, "/api/v1/preview", refBody(ref), &v)
}

// refBody names a room to the API.
func refBody(ref string) map[string]string {
	if strings.HasPrefix(strings.TrimSpace(ref), "salon:") {
		return map[string]string{"link": ref}
	}
	return map[string]string{"room": ref}
}

// Stats asks what was heard in a room.
func (c *Client) Stats(ctx context.Context, id string) (s node.HearStats, err error) {
	return s, c.Call(ctx, http.MethodGet, "/api/v1/rooms/"+id+"/stats", nil, &s)
}

// Act does something in a room; person is empty for oneself.
func (c *Client) Act(ctx context.Context, id, action, person string) error {
	return c.Carry(ctx, id, Action{Action: action, Person: person})
}

// An Action is something to do in a room; see node.Action.
type Action struct {
	Action  string `json:"action"`
	Person  string `json:"person,omitempty"`
	Place   int    `json:"place,omitempty"`
	Seconds int    `json:"seconds,omitempty"`
	Ref     uint64 `json:"ref,omitempty"`
	Text    string `json:"text,omitempty"`
	Emoji   string `json:"emoji,omitempty"`
}

// Carry carries out an action in a room.
func (c *Client) Carry(ctx context.Context, id string, a Action) error {
	return c.Call(ctx, http.MethodPost, "/api/v1/rooms/"+id+"/do", a, nil)
}

// Relayed is what the node carries for others.
func (c *Client) Relayed(ctx context.Context) (v node.Relayed, err error) {
	err = c.Call(ctx, "GET", "/api/v1/relay", nil, &v)
	return v, err
}

// BlockRelayed has the node carry a room, or the rooms of a host, no more.
func (c *Client) BlockRelayed(ctx context.Context, what string) (v node.Relayed, err error) {
	err = c.Call(ctx, "POST", "/api/v1/relay/block", map[string]string{"what": what}, &v)
	return v, err
}

// UnblockRelayed lets the node carry a room again.
func (c *Client) UnblockRelayed(ctx context.Context, what string) (v node.Relayed, err error) {
	err = c.Call(ctx, "POST", "/api/v1/relay/unblock", map[string]string{"what": what}, &v)
	return v, err
}

// People lists whom the person of the node mutes or blocks.
func (c *Client) People(ctx context.Context) ([]node.Mark, error) {
	var list struct {
		People []node.Mark `json:"people"`
	}
	return list.People, c.Call(ctx, http.MethodGet, "/api/v1/people", nil, &list)
}

// SetPerson marks somebody as m says, and returns the mark as the node keeps it; neither blocked nor muted means forgotten.
func (c *Client) SetPerson(ctx context.Context, m node.Mark) (kept node.Mark, err error) {
	body := map[string]any{"name": m.Name, "blocked": m.Blocked, "muted": m.Muted}
	return kept, c.Call(ctx, http.MethodPut, "/api/v1/people/"+m.Person.String(), body, &kept)
}

// An Event is one line of news from the node.
type Event struct {
	ID, Name string
	Data     []byte
}

// ErrNoNews means that the event stream ended.
var ErrNoNews = errors.New("the node's news ended")

// Events calls f for every event, the whole state first, until f returns false or ctx ends.
func (c *Client) Events(ctx context.Context, f func(Event) bool) error {
	resp, err := c.Do(ctx, http.MethodGet, "/api/v1/events", "", nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	var e Event
	for lines.Scan() {
		line := lines.Text()
		if line == "" {
			if e.Name != "" && !f(e) {
				return nil
			}
			e = Event{}
			continue
		}
		field, value, _ := strings.Cut(line, ": ")
		switch field {
		case "id":
			e.ID = value
		case "event":
			e.Name = value
		case "data":
			e.Data = append(e.Data, value...)
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return ErrNoNews
}

// Watch calls f with the room's view now and at every change, until f returns false or ctx ends.
func (c *Client) Watch(ctx context.Context, id string, f func(node.RoomView) bool) error {
	return c.Events(ctx, func(e Event) bool {
		var v node.RoomView
		if e.Name != "room" || json.Unmarshal(e.Data, &v) != nil || v.ID.String() != id {
			return true
		}
		return f(v)
	})
}
