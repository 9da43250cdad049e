package stripe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
)

const (
	answerWait = 20 * time.Second
	maxAnswer  = 2 << 20 // bytes; a hundred disputes with their evidence are some 500 KiB
	tries      = 3
	version    = "2024-06-20" // of the API: what later ones change, this does not know
)

// A client speaks to Stripe.
type client struct {
	base string
	key  Secret
	http *http.Client
}

func newClient(c Config) (*client, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	return &client{base: c.base(), key: c.Key, http: &http.Client{
		Timeout: answerWait,
		Transport: &http.Transport{
			DialContext:         (&net.Dialer{Timeout: answerWait}).DialContext,
			TLSHandshakeTimeout: answerWait,
			MaxIdleConnsPerHost: 4,
			IdleConnTimeout:     90 * time.Second,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// A refusal is Stripe's, in its words.
type refusal struct {
	Status  int `json:"-"`
	Type    string
	Code    string
	Message string
}

func (r *refusal) Error() string {
	if r.Message == "" {
		return fmt.Sprintf("stripe answers %d", r.Status)
	}
	return "stripe: " + r.Message
}

// passes reports whether the same may go well in a moment.
func (r *refusal) passes() bool { return r.Status == http.StatusTooManyRequests || r.Status >= 500 }

func (c *client) get(ctx context.Context, path string, q url.Values, out any) error {
	return c.call(ctx, http.MethodGet, path, "", q, out)
}

// post does something once: again by the same name it is the same.
func (c *client) post(ctx context.Context, path, name string, form url.Values, out any) error {
	return c.call(ctx, http.MethodPost, path, name, form, out)
}

// call asks, and again if Stripe was busy: what it does has a name, or changes nothing, or is the same the second time.
func (c *client) call(ctx context.Context, method, path, name string, form url.Values, out any) (err error) {
	pause := 200 * time.Millisecond
	for try := range tries {
		if try > 0 {
			select {
			case <-time.After(pause):
			case <-ctx.Done():
				return ctx.Err()
			}
			pause *= 4
		}
		err = c.once(ctx, method, path, name, form, out)
		var r *refusal
		if !errors.As(err, &r) || !r.passes() {
			return err
		}
	}
	return err
}

func (c *client) once(ctx context.Context, method, path, name string, form url.Values, out any) error {
	at, body := c.base+"/v1/"+path, io.Reader(nil)
	if method == http.MethodGet {
		at += "?" + form.Encode()
	} else {
		body = strings.NewReader(form.Encode())
	}
	req, err := http.NewRequestWithContext(ctx, method, at, body)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+string(c.key))
	req.Header.Set("Stripe-Version", version)
	if body != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if name != "" {
		req.Header.Set("Idempotency-Key", name)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("stripe does not answer: %w", err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return fmt.Errorf("stripe does not answer: %w", err)
	}
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	fine := kind == "application/json" && len(b) <= maxAnswer
	if resp.StatusCode != http.StatusOK {
		var v struct{ Error refusal }
		if fine {
			_ = json.Unmarshal(b, &v) // what it says beside the status need not be understood
		}
		v.Error.Status, v.Error.Message = resp.StatusCode, printable(v.Error.Message)
		return &v.Error
	}
	if !fine {
		return fmt.Errorf("stripe: an answer of %d bytes and of type %q", len(b), printable(kind))
	}
	if err := json.Unmarshal(b, out); err != nil {
		return fmt.Errorf("stripe: its answer is not understood: %w", err)
	}
	return nil
}

// A page of a list.
type page[T any] struct {
	Data []T
	More bool `json:"has_more"`
}

const maxPages = 20

// list calls f with everything in a list, the newest first, until it returns false.
func list[T any](ctx context.Context, c *client, path string, q url.Values, id func(T) string, f func(T) (bool, error)) error {
	q.Set("limit", "100")
	for range maxPages {
		var p page[T]
		if err := c.get(ctx, path, q, &p); err != nil {
			return err
		}
		for _, one := range p.Data {
			if more, err := f(one); err != nil || !more {
				return err
			}
		}
		if !p.More || len(p.Data) == 0 {
			return nil
		}
		q.Set("starting_after", id(p.Data[len(p.Data)-1]))
	}
	return errors.New("stripe: a list that does not end")
}

var idShape = regexp.MustCompile(`^[a-z]{2,8}_[0-9A-Za-z_]{1,250}$`)

// isID reports whether something can be put into an address.
func isID(s string) bool { return idShape.MatchString(s) }

// printable keeps what fits into one line.
func printable(s string) string {
	s = strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' {
			return '?'
		}
		return c
	}, s)
	return s[:min(len(s), 200)]
}
