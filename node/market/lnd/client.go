package lnd

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"salon/node/market/lightning"
)

const (
	answerWait = 15 * time.Second // for an answer that lnd has at once
	maxAnswer  = 1 << 20          // bytes of an answer, or of one line of a stream
)

// A client speaks to one lnd.
type client struct {
	url      string
	macaroon Secret
	http     *http.Client
}

var errOther = errors.New("lnd: it shows another certificate than the one that was given; if lnd has a new tls.cert, add the rail again")

func newClient(c Config) (*client, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	cert, err := c.certificate()
	if err != nil {
		return nil, err
	}
	pin := &tls.Config{
		MinVersion: tls.VersionTLS12,
		// lnd signs its certificate itself, for names by which it may not be reached from here: it is that one or none.
		InsecureSkipVerify: true,
		VerifyConnection: func(s tls.ConnectionState) error {
			if len(s.PeerCertificates) == 0 || !s.PeerCertificates[0].Equal(cert) {
				return errOther
			}
			return nil
		},
	}
	return &client{url: c.REST, macaroon: c.Macaroon, http: &http.Client{
		Transport: &http.Transport{
			DialContext:         (&net.Dialer{Timeout: answerWait}).DialContext,
			TLSClientConfig:     pin,
			TLSHandshakeTimeout: answerWait,
			MaxIdleConnsPerHost: 4,
			IdleConnTimeout:     90 * time.Second,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// A refusal is lnd's, in its words.
type refusal struct {
	Code    int // gRPC's
	Message string
}

func (r *refusal) Error() string { return "lnd: " + r.Message }

// notFound reports whether lnd says that it knows nothing of what was asked. That there is no such call is something else.
func notFound(err error) bool {
	var r *refusal
	const codeNotFound = 5
	if !errors.As(err, &r) {
		return false
	}
	// A node that has never made an invoice says so with the code of whatever else is wrong.
	return r.Code == codeNotFound && r.Message != "Not Found" || r.Message == "there are no existing invoices"
}

// answered reads a refusal, which lnd writes with and without a wrapping.
func (r *refusal) UnmarshalJSON(b []byte) error {
	var plain struct {
		Code    int
		Message string
		Error   json.RawMessage
	}
	if err := json.Unmarshal(b, &plain); err != nil {
		return err
	}
	if plain.Message == "" && len(plain.Error) > 0 && plain.Error[0] == '{' {
		if err := json.Unmarshal(plain.Error, &plain); err != nil {
			return err
		}
	}
	r.Code, r.Message = plain.Code, lightning.Printable(plain.Message)
	return nil
}

// do sends a request. The answer's body is the caller's to close.
func (c *client) do(ctx context.Context, method, path string, in any) (*http.Response, error) {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.url+path, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Grpc-Metadata-macaroon", string(c.macaroon))
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("lnd does not answer: %w", err)
	}
	if resp.StatusCode == http.StatusOK {
		return resp, nil
	}
	defer resp.Body.Close()
	r := &refusal{}
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil || json.Unmarshal(b, r) != nil || r.Message == "" {
		return nil, fmt.Errorf("lnd answers %d", resp.StatusCode)
	}
	return nil, r
}

// call asks for one answer.
func (c *client) call(ctx context.Context, method, path string, in, out any) error {
	ctx, cancel := context.WithTimeout(ctx, answerWait)
	defer cancel()
	resp, err := c.do(ctx, method, path, in)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return err
	}
	return json.Unmarshal(b, out)
}

// stream asks for answers, one a line, until f returns false or an error, lnd has no more, or ctx ends. lnd sends nothing at all
// before the first.
func (c *client) stream(ctx context.Context, method, path string, in any, f func(result json.RawMessage) (bool, error)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	resp, err := c.do(ctx, method, path, in)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, maxAnswer)
	for lines.Scan() {
		var line struct {
			Result json.RawMessage
			Error  *refusal
		}
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			return err
		}
		if line.Error != nil {
			return line.Error
		}
		if more, err := f(line.Result); err != nil || !more {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	return io.ErrUnexpectedEOF
}
