package lnaddress

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"salon/ledger"
	"salon/node/market/bolt11"
)

const (
	answerWait = 15 * time.Second
	maxAnswer  = 64 << 10
)

// A wallet is somebody's service, which is believed only in what its invoices say.
type wallet struct {
	endpoint string
	http     *http.Client
}

// newClient follows no redirect and goes nowhere but by TLS.
func newClient() *http.Client {
	return &http.Client{
		Timeout: answerWait,
		Transport: &http.Transport{
			DialContext:         (&net.Dialer{Timeout: answerWait}).DialContext,
			TLSHandshakeTimeout: answerWait,
			MaxIdleConnsPerHost: 1,
			IdleConnTimeout:     time.Minute,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// get asks for JSON. A wallet that cannot says so in JSON, too.
func (w *wallet) get(ctx context.Context, address string, out any) error {
	req, err := http.NewRequestWithContext(ctx, "GET", address, nil)
	if err != nil {
		return err
	}
	resp, err := w.http.Do(req)
	if err != nil {
		return fmt.Errorf("the wallet does not answer: %w", err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return err
	}
	var refused struct{ Status, Reason string }
	if len(b) > maxAnswer || json.Unmarshal(b, &refused) != nil {
		return fmt.Errorf("the wallet answers %d, and not as it should", resp.StatusCode)
	}
	if strings.EqualFold(refused.Status, "ERROR") || resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the wallet refuses: %q (%d)", refused.Reason[:min(len(refused.Reason), 200)], resp.StatusCode)
	}
	return json.Unmarshal(b, out)
}

var errWallet = errors.New("lnaddress: the wallet's answer is not what was asked for")

// terms are what a wallet says of an address.
type terms struct {
	Tag      string
	Callback string
	Least    ledger.Amount `json:"minSendable"`
	Most     ledger.Amount `json:"maxSendable"`
	Metadata string
}

func (w *wallet) terms(ctx context.Context) (t terms, callback *url.URL, err error) {
	if err := w.get(ctx, w.endpoint, &t); err != nil {
		return t, nil, err
	}
	if t.Tag != "payRequest" || t.Metadata == "" {
		return t, nil, fmt.Errorf("%w: a %q", errWallet, t.Tag)
	}
	callback, err = url.Parse(t.Callback)
	if err != nil || callback.Scheme != "https" || callback.Host == "" {
		return t, nil, fmt.Errorf("%w: a callback without TLS", errWallet)
	}
	return t, callback, nil
}

// Try asks whether somebody receives at an address.
func Try(ctx context.Context, address string) error {
	at, err := endpoint(address)
	if err != nil {
		return err
	}
	w := wallet{endpoint: at, http: newClient()}
	defer w.http.CloseIdleConnections()
	_, _, err = w.terms(ctx)
	return err
}

// invoice asks for an invoice over msat, and holds it to that and to what the wallet says that it is for.
func (w *wallet) invoice(ctx context.Context, msat ledger.Amount) (request string, inv bolt11.Invoice, err error) {
	terms, callback, err := w.terms(ctx)
	if err != nil {
		return "", inv, err
	}
	if msat < terms.Least || msat > terms.Most {
		return "", inv, fmt.Errorf("lnaddress: the wallet takes %s to %s at once", sat(terms.Least), sat(terms.Most))
	}
	q := callback.Query()
	q.Set("amount", strconv.FormatInt(int64(msat), 10))
	callback.RawQuery = q.Encode()
	var answer struct {
		Request string `json:"pr"`
	}
	if err := w.get(ctx, callback.String(), &answer); err != nil {
		return "", inv, err
	}
	if inv, err = bolt11.Parse(answer.Request); err != nil {
		return "", inv, fmt.Errorf("%w: %w", errWallet, err)
	}
	if inv.Amount != msat {
		return "", inv, fmt.Errorf("%w: an invoice over %s, and not %s", errWallet, sat(inv.Amount), sat(msat))
	}
	if inv.Purpose != sha256.Sum256([]byte(terms.Metadata)) {
		return "", inv, fmt.Errorf("%w: an invoice for something else", errWallet)
	}
	return answer.Request, inv, nil
}

func sat(a ledger.Amount) ledger.Money { return ledger.Money{Amount: a, Cur: ledger.Bitcoin} }
