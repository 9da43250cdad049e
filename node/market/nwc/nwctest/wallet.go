// Package nwctest is a wallet that takes orders by Nostr Wallet Connect, at a node of a Lightning network without Lightning, and
// the relay between: one that repeats itself, makes things up and loses answers.
package nwctest

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"testing"

	"salon/node/market/lnd/lndtest"
	"salon/node/market/nwc"
)

// A Wallet outlives the salon that asks it.
type Wallet struct {
	relay       *relay
	key, client nwc.Key
	talk        nwc.Talk
	at          *lndtest.Node
	http        *http.Client

	mu    sync.Mutex // guards the fields below
	knobs Knobs
	calls map[string]int
}

// Knobs are what is wrong with a wallet and its relay. The zero value is a good one.
type Knobs struct {
	Lose    int    // answers that are lost, of those to come
	Deaf    bool   // requests are lost, too
	Refuse  string // the code of an error that answers everything
	Unnamed bool   // its invoices do not say what for
	Forge   bool   // before each answer the relay makes up three
	Spoil   func(result map[string]any)
}

// New makes a wallet at a node of a Lightning network, for as long as the test runs.
func New(t testing.TB, at *lndtest.Node) *Wallet {
	t.Helper()
	w := &Wallet{at: at, calls: map[string]int{}, http: &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}} // of lndtest's node
	t.Cleanup(w.http.CloseIdleConnections)
	var err error
	for _, k := range []*nwc.Key{&w.key, &w.client} {
		if *k, err = nwc.NewKey(); err != nil {
			t.Fatal(err)
		}
	}
	if w.talk, err = w.key.With(w.client.Public()); err != nil {
		t.Fatal(err)
	}
	w.relay = newRelay(t, w.take)
	ctx, cancel := context.WithCancel(context.Background())
	var listening sync.WaitGroup
	listening.Go(func() { w.listen(ctx) })
	t.Cleanup(func() {
		cancel()
		listening.Wait()
	})
	w.publish(13194, [][]string{{"encryption", "nip44_v2 nip04"}, {"notifications", "payment_received"}}, "pay_invoice make_invoice lookup_invoice notifications")
	return w
}

// URI is the connection that the wallet gives.
func (w *Wallet) URI() nwc.Secret {
	return nwc.Secret(fmt.Sprintf("nostr+walletconnect://%s?relay=%s&secret=%s", w.key.Public(), w.relay.url(), w.client.Secret()))
}

// Set changes what is wrong.
func (w *Wallet) Set(change func(*Knobs)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change(&w.knobs)
}

// Calls is how often a method was asked for.
func (w *Wallet) Calls(method string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.calls[method]
}

// Permits has the wallet say that it can do this alone, sealed so.
func (w *Wallet) Permits(methods, encryption string) {
	w.publish(13194, [][]string{{"encryption", encryption}}, methods)
}

// Cut ends every connection to the relay.
func (w *Wallet) Cut() { w.relay.cut() }

// Listened waits until somebody listens for payments.
func (w *Wallet) Listened(t testing.TB) { w.relay.subscribed(t, 23197) }

func (w *Wallet) publish(kind int, tags [][]string, content string) {
	e, err := w.key.Sign(kind, tags, content)
	if err != nil {
		panic(err)
	}
	w.relay.publish(e)
}

// say seals for the client.
func (w *Wallet) say(kind int, tags [][]string, what any) {
	text, err := json.Marshal(what)
	if err != nil {
		panic(err)
	}
	sealed, err := w.talk.Seal(text)
	if err != nil {
		panic(err)
	}
	w.publish(kind, append(tags, []string{"p", w.client.Public()}), sealed)
}

// take hears of a request.
func (w *Wallet) take(e nwc.Event) {
	text, err := w.talk.Open(e.Content)
	if err != nil || e.Verify() != nil || e.PubKey != w.client.Public() || e.Tag("p") != w.key.Public() || e.Tag("expiration") == "" {
		return
	}
	var ask struct {
		Method string         `json:"method"`
		Params map[string]any `json:"params"`
	}
	if err := json.Unmarshal(text, &ask); err != nil {
		return
	}
	w.mu.Lock()
	k := w.knobs
	if w.knobs.Lose > 0 {
		w.knobs.Lose--
	}
	w.calls[ask.Method]++
	w.mu.Unlock()
	if k.Deaf && k.Lose > 0 {
		return
	}
	result, code := map[string]any(nil), k.Refuse
	if code == "" {
		result, code = w.do(ask.Method, ask.Params, k)
	}
	if k.Lose > 0 {
		return
	}
	answer := map[string]any{"result_type": ask.Method, "error": nil, "result": result}
	if code != "" {
		answer["error"], answer["result"] = map[string]any{"code": code, "message": "the wallet\nwould not"}, nil
	} else if k.Spoil != nil {
		k.Spoil(result)
	}
	tags := [][]string{{"e", e.ID}}
	if k.Forge {
		w.forge(e, answer)
	}
	w.say(23195, tags, answer)
}

// do is what the wallet does, or the code of why not.
func (w *Wallet) do(method string, params map[string]any, k Knobs) (map[string]any, string) {
	text := func(name string) string { s, _ := params[name].(string); return s }
	number := func(name string) int64 { n, _ := params[name].(float64); return int64(n) }
	switch method {
	case "make_invoice":
		purpose, _ := hex.DecodeString(text("description_hash"))
		if k.Unnamed {
			purpose = nil
		}
		var made struct {
			Hash    []byte `json:"r_hash"`
			Request string `json:"payment_request"`
		}
		if !w.call("POST", "/v1/invoices", map[string]any{"value_msat": strconv.FormatInt(number("amount"), 10), "description_hash": purpose, "expiry": strconv.FormatInt(number("expiry"), 10)}, &made) {
			return nil, "INTERNAL"
		}
		return map[string]any{"type": "incoming", "invoice": made.Request, "payment_hash": hex.EncodeToString(made.Hash), "amount": number("amount")}, ""
	case "lookup_invoice":
		return w.find(text("payment_hash"))
	case "pay_invoice":
		body := map[string]any{"payment_request": text("invoice"), "timeout_seconds": 60, "fee_limit_msat": "1000000"}
		if n := number("amount"); n > 0 {
			body["amt_msat"] = strconv.FormatInt(n, 10)
		}
		var sent struct{ Result payment }
		if !w.call("POST", "/v2/router/send", body, &sent) {
			return nil, "OTHER"
		}
		if sent.Result.Status != "SUCCEEDED" {
			return nil, "PAYMENT_FAILED"
		}
		fee, _ := strconv.ParseInt(sent.Result.Fee, 10, 64)
		return map[string]any{"preimage": sent.Result.Preimage, "fees_paid": fee}, ""
	}
	return nil, "NOT_IMPLEMENTED"
}

type payment struct {
	Status   string `json:"status"`
	Preimage string `json:"payment_preimage"`
	Value    string `json:"value_msat"`
	Fee      string `json:"fee_msat"`
}

// find is a transaction, of invoices first.
func (w *Wallet) find(hash string) (map[string]any, string) {
	var in struct {
		Preimage []byte `json:"r_preimage"`
		Paid     string `json:"amt_paid_msat"`
		State    string `json:"state"`
	}
	if w.call("GET", "/v1/invoice/"+hash, nil, &in) {
		states := map[string]string{"OPEN": "pending", "ACCEPTED": "accepted", "SETTLED": "settled", "CANCELED": "expired"}
		v := map[string]any{"type": "incoming", "payment_hash": hash, "state": states[in.State]}
		if in.State == "SETTLED" {
			v["preimage"] = hex.EncodeToString(in.Preimage)
			v["amount"], _ = strconv.ParseInt(in.Paid, 10, 64)
		}
		return v, ""
	}
	raw, _ := hex.DecodeString(hash)
	var out struct{ Result payment }
	if !w.call("GET", "/v2/router/track/"+base64.URLEncoding.EncodeToString(raw)+"?no_wait", nil, &out) {
		return nil, "NOT_FOUND"
	}
	states := map[string]string{"IN_FLIGHT": "pending", "SUCCEEDED": "settled", "FAILED": "failed"}
	v := map[string]any{"type": "outgoing", "payment_hash": hash, "state": states[out.Result.Status], "preimage": out.Result.Preimage}
	v["amount"], _ = strconv.ParseInt(out.Result.Value, 10, 64)
	v["fees_paid"], _ = strconv.ParseInt(out.Result.Fee, 10, 64)
	return v, ""
}

// call asks the node, and reads its first line, or of a payment that is sent, its last.
func (w *Wallet) call(method, path string, body, into any) bool {
	raw, err := json.Marshal(body)
	if err != nil {
		return false
	}
	answer, err := w.ask(context.Background(), method, path, bytes.NewReader(raw))
	if err != nil {
		return false
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return false
	}
	lines := json.NewDecoder(answer.Body)
	if err := lines.Decode(into); err != nil {
		return false
	}
	if method == "POST" {
		for lines.Decode(into) == nil {
		}
	}
	return true
}

func (w *Wallet) ask(ctx context.Context, method, path string, body io.Reader) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, method, w.at.URL()+path, body)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Grpc-Metadata-macaroon", lndtest.Admin)
	return w.http.Do(r)
}

// listen tells the client of what the node was paid, until ctx ends.
func (w *Wallet) listen(ctx context.Context) {
	answer, err := w.ask(ctx, "GET", "/v1/invoices/subscribe", nil)
	if err != nil {
		return
	}
	defer answer.Body.Close()
	lines := json.NewDecoder(answer.Body)
	for {
		var news struct {
			Result struct {
				Hash  []byte `json:"r_hash"`
				State string `json:"state"`
			} `json:"result"`
		}
		if lines.Decode(&news) != nil {
			return
		}
		if news.Result.State == "SETTLED" {
			w.Tell(hex.EncodeToString(news.Result.Hash))
		}
	}
}

// forge has the relay answer in the wallet's place: signed by another, sealed by another, and with a signature that is not right.
func (w *Wallet) forge(e nwc.Event, answer map[string]any) {
	other, err := nwc.NewKey()
	if err != nil {
		panic(err)
	}
	talk, err := other.With(w.client.Public())
	if err != nil {
		panic(err)
	}
	lie := map[string]any{"result_type": answer["result_type"], "error": map[string]any{"code": "PAYMENT_FAILED", "message": "forged"}}
	text, err := json.Marshal(lie)
	if err != nil {
		panic(err)
	}
	sealed, err := talk.Seal(text)
	if err != nil {
		panic(err)
	}
	tags := [][]string{{"e", e.ID}, {"p", w.client.Public()}}
	first, err := other.Sign(23195, tags, sealed)
	if err != nil {
		panic(err)
	}
	second := first
	second.PubKey = w.key.Public()
	third, err := w.key.Sign(23195, tags, sealed)
	if err != nil {
		panic(err)
	}
	for _, e := range []nwc.Event{first, second, third} {
		w.relay.publish(e)
	}
}

// Tell has the wallet say that it was paid for an invoice of this hash, whether it was or not.
func (w *Wallet) Tell(hash string) {
	w.say(23197, nil, map[string]any{"notification_type": "payment_received", "notification": map[string]any{"payment_hash": hash}})
}
