// Package lndtest is a Lightning network without Lightning: nodes that answer as lnd's REST interface does, and lose answers,
// say things twice and make people wait.
package lndtest

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"

	"salon/node/market/bolt11"
)

// A Network is nodes with channels to each other that are never empty.
type Network struct {
	mu    sync.Mutex // guards the fields below, and those of the nodes
	nodes []*Node
	hold  bool
	moved int
}

// A Node is one lnd. It outlives the salon that asks it.
type Node struct {
	net      *Network
	key      *secp256k1.PrivateKey
	server   *httptest.Server
	invoices map[string]*invoice // by hash in hex
	payments map[string]*payment // by hash in hex
	changed  chan struct{}       // closed at the next change
	lose     int
	refuse   string
	more     int64
	calls    map[string]int // by method and path without what follows the third slash
	fee      int64
}

type invoice struct {
	hash, preimage, purpose []byte
	request                 string
	value, paid             int64
	state                   string
	expires                 time.Time
}

type payment struct {
	status, preimage, why string
	value, fee            int64
	to                    *Node
	hash                  string
}

// Macaroons of every Node: one that may do anything, and one that knows of invoices alone.
const (
	Admin       = "0201036c6e64"
	InvoiceOnly = "0201036c6e65"
)

// New makes a node, for as long as the test runs.
func (w *Network) New(t testing.TB) *Node {
	t.Helper()
	key, err := secp256k1.GeneratePrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	n := &Node{net: w, key: key, invoices: map[string]*invoice{}, payments: map[string]*payment{}, changed: make(chan struct{}), calls: map[string]int{}}
	n.server = httptest.NewTLSServer(n)
	t.Cleanup(func() {
		n.server.CloseClientConnections()
		n.server.Close()
	})
	w.mu.Lock()
	w.nodes = append(w.nodes, n)
	w.mu.Unlock()
	return n
}

// URL is where the node's REST interface is.
func (n *Node) URL() string { return n.server.URL }

// Cert is its certificate, in PEM.
func (n *Node) Cert() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: n.server.Certificate().Raw}))
}

func (w *Network) set(change func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change()
}

// Hold makes payments stay on their way, until they are Released or Failed.
func (w *Network) Hold(on bool) { w.set(func() { w.hold = on }) }

// Release lets every payment that is on its way arrive.
func (w *Network) Release() { w.end(func(n *Node, p *payment) { n.arrive(p) }) }

// Fail ends every payment that is on its way.
func (w *Network) Fail() {
	w.end(func(_ *Node, p *payment) { p.status, p.why = "FAILED", "FAILURE_REASON_NO_ROUTE" })
}

func (w *Network) end(how func(*Node, *payment)) {
	w.set(func() {
		for _, n := range w.nodes {
			for _, p := range n.payments {
				if p.status == "IN_FLIGHT" {
					how(n, p)
				}
			}
		}
		w.tell()
	})
}

// Underway waits until a payment is on its way, or fails the test.
func (w *Network) Underway(ctx context.Context, t testing.TB) {
	t.Helper()
	for {
		var changed chan struct{}
		found := false
		w.set(func() {
			for _, n := range w.nodes {
				changed = n.changed
				for _, p := range n.payments {
					found = found || p.status == "IN_FLIGHT"
				}
			}
		})
		if found {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			t.Fatal("no payment is sent")
		}
	}
}

// Moved is how often money has moved, in all.
func (w *Network) Moved() (n int) {
	w.set(func() { n = w.moved })
	return n
}

// Lose cuts the next answers to calls that change something: they are done, and nobody is told.
func (n *Node) Lose(count int) { n.net.set(func() { n.lose = count }) }

// Refuse makes the node answer every call with an error; the empty string ends that.
func (n *Node) Refuse(words string) { n.net.set(func() { n.refuse = words }) }

// More has payments to this node bring more than was asked for.
func (n *Node) More(msat int64) { n.net.set(func() { n.more = msat }) }

// Fee is what others take for each payment that this node sends.
func (n *Node) Fee(msat int64) { n.net.set(func() { n.fee = msat }) }

// Received is what its invoices brought, in msat.
func (n *Node) Received() (sum int64) {
	n.net.set(func() {
		for _, v := range n.invoices {
			sum += v.paid
		}
	})
	return sum
}

// Calls is how often a call was made, such as "POST /v2/router/send".
func (n *Node) Calls(what string) (count int) {
	n.net.set(func() { count = n.calls[what] })
	return count
}

// arrive settles a payment. net.mu is held.
func (n *Node) arrive(p *payment) {
	in := p.to.invoices[p.hash]
	p.status, p.preimage = "SUCCEEDED", hex.EncodeToString(in.preimage)
	in.state, in.paid = "SETTLED", p.value+p.to.more
	n.net.moved++
}

// tell wakes everybody who listens. net.mu is held.
func (w *Network) tell() {
	for _, n := range w.nodes {
		close(n.changed)
		n.changed = make(chan struct{})
	}
}

// ServeHTTP answers as lnd does.
func (n *Node) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	parts := strings.SplitN(r.URL.Path, "/", 5)
	what := r.Method + " " + strings.Join(parts[:min(len(parts), 4)], "/")
	if strings.HasPrefix(r.URL.Path, "/v1/invoice/") {
		what = r.Method + " /v1/invoice"
	}
	n.net.mu.Lock()
	n.calls[what]++
	refuse := n.refuse
	n.net.mu.Unlock()
	macaroon := r.Header.Get("Grpc-Metadata-macaroon")
	switch {
	case refuse != "":
		answerError(w, http.StatusInternalServerError, 2, refuse)
	case macaroon != Admin && (macaroon != InvoiceOnly || !strings.HasPrefix(r.URL.Path, "/v1/invoice")):
		answerError(w, http.StatusInternalServerError, 2, "permission denied")
	case what == "POST /v1/invoices":
		n.addInvoice(w, r)
	case r.URL.Path == "/v1/balance/channels":
		_ = json.NewEncoder(w).Encode(map[string]any{"local_balance": map[string]string{"sat": "1000000", "msat": "1000000000"}})
	case what == "GET /v1/invoice":
		n.lookupInvoice(w, strings.TrimPrefix(r.URL.Path, "/v1/invoice/"))
	case what == "GET /v1/invoices/subscribe":
		n.subscribe(w, r)
	case what == "POST /v2/router/send":
		n.send(w, r)
	case what == "GET /v2/router/track" && len(parts) == 5:
		hash, err := base64.URLEncoding.DecodeString(parts[4])
		if err != nil {
			answerError(w, http.StatusBadRequest, 3, "type mismatch")
			return
		}
		n.track(w, r, hex.EncodeToString(hash))
	default:
		answerError(w, http.StatusNotFound, 5, "Not Found")
	}
}

func answerError(w http.ResponseWriter, status, code int, words string) {
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"code": code, "message": words, "details": []string{}})
}

// streamError is how a call that streams says that it will not.
func streamError(w http.ResponseWriter, status, code int, words string) {
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]any{"code": code, "message": words, "details": []string{}}})
}

// lost reports whether an answer is to be cut. net.mu is held.
func (n *Node) lost() bool {
	if n.lose == 0 {
		return false
	}
	n.lose--
	return true
}

// invoice makes one, with a preimage of its own if none is given.
func (n *Node) invoice(msat int64, preimage, purpose []byte, life time.Duration) *invoice {
	if len(preimage) == 0 {
		preimage = make([]byte, 32)
		rand.Read(preimage)
	}
	now, hash := time.Now(), sha256.Sum256(preimage)
	return &invoice{hash: hash[:], preimage: preimage, purpose: purpose, value: msat, state: "OPEN", expires: now.Add(life),
		request: Sign(n.key, msat, hash, purpose, now, uint64(life/time.Second))}
}

// keep reports whether there was none with that hash. net.mu is held.
func (n *Node) keep(v *invoice) bool {
	if _, taken := n.invoices[hex.EncodeToString(v.hash)]; taken {
		return false
	}
	n.invoices[hex.EncodeToString(v.hash)] = v
	return true
}

// Invoice is what a wallet with this node gives to whoever asks it.
func (n *Node) Invoice(msat int64, purpose []byte, life time.Duration) string {
	v := n.invoice(msat, nil, purpose, life)
	n.net.set(func() { n.keep(v) })
	return v.request
}

// Preimage is what who has paid an invoice of this node has.
func (n *Node) Preimage(request string) (preimage []byte) {
	n.net.set(func() {
		for _, v := range n.invoices {
			if v.request == request {
				preimage = v.preimage
			}
		}
	})
	return preimage
}

func (n *Node) addInvoice(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Preimage []byte `json:"r_preimage"`
		Purpose  []byte `json:"description_hash"`
		Value    string `json:"value_msat"`
		Expiry   string `json:"expiry"`
		Memo     string `json:"memo"`
		Private  bool   `json:"private"`
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		answerError(w, http.StatusBadRequest, 3, err.Error())
		return
	}
	value, _ := strconv.ParseInt(in.Value, 10, 64)
	seconds, err := strconv.ParseInt(in.Expiry, 10, 64)
	if err != nil || seconds <= 0 {
		answerError(w, http.StatusInternalServerError, 2, "expiry")
		return
	}
	v := n.invoice(value, in.Preimage, in.Purpose, time.Duration(seconds)*time.Second)
	n.net.mu.Lock()
	taken := !n.keep(v)
	lost := n.lost()
	n.net.tell()
	n.net.mu.Unlock()
	switch {
	case lost:
		panic(http.ErrAbortHandler)
	case taken:
		answerError(w, http.StatusInternalServerError, 2, "invoice with payment hash already exists")
	default:
		_ = json.NewEncoder(w).Encode(map[string]any{"r_hash": v.hash, "payment_request": v.request, "add_index": "1"})
	}
}

// view is an invoice as lnd writes it. net.mu is held.
func (v *invoice) view() map[string]any {
	if v.state == "OPEN" && time.Now().After(v.expires) {
		v.state = "CANCELED"
	}
	return map[string]any{"r_hash": v.hash, "r_preimage": v.preimage, "description_hash": v.purpose, "payment_request": v.request,
		"value_msat": strconv.FormatInt(v.value, 10), "amt_paid_msat": strconv.FormatInt(v.paid, 10), "state": v.state}
}

func (n *Node) lookupInvoice(w http.ResponseWriter, hash string) {
	n.net.mu.Lock()
	v, known := n.invoices[hash]
	var view map[string]any
	if known {
		view = v.view()
	}
	none := len(n.invoices) == 0
	n.net.mu.Unlock()
	if none {
		answerError(w, http.StatusInternalServerError, 2, "there are no existing invoices")
		return
	}
	if !known {
		answerError(w, http.StatusNotFound, 5, "unable to locate invoice")
		return
	}
	_ = json.NewEncoder(w).Encode(view)
}

// subscribe tells of every invoice whose state changes, twice, and nothing before the first.
func (n *Node) subscribe(w http.ResponseWriter, r *http.Request) {
	told := map[string]string{}
	first := true
	for {
		n.net.mu.Lock()
		changed := n.changed
		var news []map[string]any
		for hash, v := range n.invoices {
			if view := v.view(); told[hash] != v.state {
				told[hash] = v.state
				if !first {
					news = append(news, view, view)
				}
			}
		}
		n.net.mu.Unlock()
		first = false
		for _, view := range news {
			_ = json.NewEncoder(w).Encode(map[string]any{"result": view})
			w.(http.Flusher).Flush()
		}
		select {
		case <-changed:
		case <-r.Context().Done():
			return
		}
	}
}

func (n *Node) send(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Request string `json:"payment_request"`
		Amount  string `json:"amt_msat"`
		Timeout int    `json:"timeout_seconds"`
		Fee     string `json:"fee_limit_msat"`
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil || in.Timeout <= 0 {
		streamError(w, http.StatusBadRequest, 3, "timeout_seconds must be specified")
		return
	}
	b, err := bolt11.Parse(in.Request)
	if err != nil {
		streamError(w, http.StatusInternalServerError, 2, err.Error())
		return
	}
	if time.Now().After(b.Expires) {
		streamError(w, http.StatusInternalServerError, 2, "invoice expired")
		return
	}
	hash := hex.EncodeToString(b.Hash[:])
	limit, _ := strconv.ParseInt(in.Fee, 10, 64)
	value := int64(b.Amount)
	if value == 0 {
		value, _ = strconv.ParseInt(in.Amount, 10, 64)
	}
	n.net.mu.Lock()
	old := n.payments[hash]
	if old != nil && old.status != "FAILED" {
		n.net.mu.Unlock()
		streamError(w, http.StatusConflict, 6, "invoice is already paid")
		return
	}
	p := &payment{status: "IN_FLIGHT", value: value, fee: n.fee, hash: hash}
	n.payments[hash] = p
	for _, to := range n.net.nodes {
		if v := to.invoices[hash]; v != nil && v.view()["state"] == "OPEN" {
			p.to = to
		}
	}
	switch {
	case p.to == nil || p.fee > limit:
		p.status, p.why = "FAILED", "FAILURE_REASON_NO_ROUTE"
	case !n.net.hold:
		n.arrive(p)
	}
	lost := n.lost()
	n.net.tell()
	n.net.mu.Unlock()
	if lost {
		panic(http.ErrAbortHandler)
	}
	n.track(w, r, hash)
}

// track tells of a payment until it has ended.
func (n *Node) track(w http.ResponseWriter, r *http.Request, hash string) {
	for {
		n.net.mu.Lock()
		changed := n.changed
		p := n.payments[hash]
		var view map[string]any
		over := false
		if p != nil {
			view = map[string]any{"payment_hash": hash, "status": p.status, "payment_preimage": p.preimage, "failure_reason": p.why,
				"value_msat": strconv.FormatInt(p.value, 10), "fee_msat": strconv.FormatInt(p.fee, 10)}
			over = p.status != "IN_FLIGHT"
		}
		n.net.mu.Unlock()
		if p == nil {
			streamError(w, http.StatusNotFound, 5, "payment isn't initiated")
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"result": view})
		w.(http.Flusher).Flush()
		if over {
			return
		}
		select {
		case <-changed:
		case <-r.Context().Done():
			return
		}
	}
}
