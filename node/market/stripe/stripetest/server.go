// Package stripetest is a Stripe without Stripe: it keeps what it was told, holds requests to the rules of the real one, and is slow,
// busy and confused when a test says so.
package stripetest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Key is a restricted key of every Server.
const Key = "rk_test_0123456789abcdef"

// A Server is an account at Stripe. It outlives the salon that asks it.
type Server struct {
	http *httptest.Server

	mu       sync.Mutex // guards the fields below
	n        int
	sessions map[string]*session
	refunds  []*refund // the newest first
	disputes []*dispute
	names    map[string]named // by Idempotency-Key
	pageSize int
	spoiled  []spoil
	calls    map[string]int
	fee      int64
}

type session struct {
	id, ref, currency string
	total             int64
	expires           time.Time
	status, payment   string
	intent            string // once somebody has paid
	charged           bool
}

type refund struct {
	id, intent, status, currency string
	amount                       int64
	metadata                     map[string]string
}

type dispute struct {
	id, intent, status, currency string
	amount, fee                  int64
	created                      int64
}

type named struct {
	form   string
	status int
	body   []byte
}

// A spoil is what becomes of an answer.
type spoil string

// What can become of an answer: what was asked for is done all the same where it says so.
const (
	Busy  spoil = "429"   // not done
	Sick  spoil = "500"   // done
	Lost  spoil = "lost"  // done
	HTML  spoil = "html"  // done
	Huge  spoil = "huge"  // done
	Other spoil = "other" // done, and the answer is of something else
)

// New makes a server, for as long as the test runs.
func New(t testing.TB) *Server {
	s := &Server{sessions: map[string]*session{}, names: map[string]named{}, calls: map[string]int{}, pageSize: 100, fee: 25}
	s.http = httptest.NewServer(s)
	t.Cleanup(func() {
		s.http.CloseClientConnections()
		s.http.Close()
	})
	return s
}

// URL is where the API is.
func (s *Server) URL() string { return s.http.URL }

func (s *Server) set(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

// Spoil has the next answers come to this, one after the other.
func (s *Server) Spoil(how ...spoil) { s.set(func() { s.spoiled = append(s.spoiled, how...) }) }

// Calm has all answers come again as they should.
func (s *Server) Calm() { s.set(func() { s.spoiled = nil }) }

// Pages sets how much of a list is told at once.
func (s *Server) Pages(size int) { s.set(func() { s.pageSize = size }) }

// Calls is how often something was asked for: a method and a path without IDs.
func (s *Server) Calls(what string) (n int) {
	s.set(func() { n = s.calls[what] })
	return n
}

// Pay pays a page, as whoever has a card does. Paying twice is paying once.
func (s *Server) Pay(page string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.sessions[page[strings.LastIndex(page, "/")+1:]]
	switch {
	case v == nil:
		return fmt.Errorf("no such page: %s", page)
	case v.status == "complete":
		return nil
	case v.status != "open" || time.Now().After(v.expires):
		return fmt.Errorf("the page is %s", v.status)
	}
	v.status, v.payment, v.intent, v.charged = "complete", "paid", s.id("pi"), true
	return nil
}

// Charged is how often cards were charged.
func (s *Server) Charged() (n int) {
	s.set(func() {
		for _, v := range s.sessions {
			if v.charged {
				n++
			}
		}
	})
	return n
}

// Sessions is how many there are.
func (s *Server) Sessions() (n int) {
	s.set(func() { n = len(s.sessions) })
	return n
}

// Refunds is how many there are, and the sum of them.
func (s *Server) Refunds() (n int, sum int64) {
	s.set(func() {
		for _, r := range s.refunds {
			n, sum = n+1, sum+r.amount
		}
	})
	return n, sum
}

// End says how all refunds have ended: pending, succeeded, failed or canceled.
func (s *Server) End(status string) {
	s.set(func() {
		for _, r := range s.refunds {
			r.status = status
		}
	})
}

// Dispute has the bank of a card take a payment back, or ask about it, or decide.
func (s *Server) Dispute(intent, status string) {
	s.set(func() {
		for _, d := range s.disputes {
			if d.intent == intent {
				if d.status = status; status == "lost" {
					d.fee = 1500
				}
				return
			}
		}
		for _, v := range s.sessions {
			if v.intent == intent {
				s.disputes = slices.Insert(s.disputes, 0, &dispute{id: s.id("du"), intent: intent, status: status, currency: v.currency, amount: v.total, created: time.Now().Unix()})
			}
		}
	})
}

// Others adds disputes that are about something else than salon.
func (s *Server) Others(n int) {
	s.set(func() {
		for range n {
			s.disputes = slices.Insert(s.disputes, 0, &dispute{id: s.id("du"), intent: s.id("pi"), status: "lost", currency: "eur", amount: 100, created: time.Now().Unix()})
		}
	})
}

// id makes one. mu is held.
func (s *Server) id(kind string) string {
	s.n++
	return fmt.Sprintf("%s_test%06d", kind, s.n)
}

// ServeHTTP answers as Stripe does.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer "+Key || r.Header.Get("Stripe-Version") == "" {
		answer(w, 401, problem("invalid_request_error", "", "Invalid API Key provided: rk_test_***"))
		return
	}
	if err := r.ParseForm(); err != nil {
		answer(w, 400, problem("invalid_request_error", "", "form"))
		return
	}
	var how spoil
	var status int
	var body []byte
	s.set(func() {
		if len(s.spoiled) > 0 {
			how, s.spoiled = s.spoiled[0], s.spoiled[1:]
		}
		parts := strings.Split(strings.TrimPrefix(r.URL.Path, "/v1/"), "/")
		for i, p := range parts {
			if strings.Contains(p, "_test") {
				parts[i] = "ID"
			}
		}
		s.calls[r.Method+" "+strings.Join(parts, "/")]++
		if how == Busy {
			return
		}
		name := r.Header.Get("Idempotency-Key")
		if old, known := s.names[name]; known && name != "" {
			if status, body = old.status, old.body; old.form != r.URL.Path+"?"+r.PostForm.Encode() {
				status, body = 400, encode(problem("idempotency_error", "", "Keys for idempotent requests can only be used with the same parameters they were first used with."))
			}
			return
		}
		var v any
		status, v = s.do(r)
		if body = encode(v); name != "" {
			s.names[name] = named{r.URL.Path + "?" + r.PostForm.Encode(), status, body}
		}
	})
	switch how {
	case Busy:
		answer(w, 429, problem("rate_limit_error", "rate_limit", "Too many requests"))
	case Sick:
		answer(w, 500, problem("api_error", "", "Sorry"))
	case Lost:
		panic(http.ErrAbortHandler)
	case HTML:
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<html>proxy</html>"))
	case Huge:
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		for range 40 {
			if _, err := w.Write(make([]byte, 100<<10)); err != nil {
				return
			}
		}
	case Other:
		answer(w, 200, map[string]any{"id": "cs_test_other", "client_reference_id": "another", "status": "complete", "payment_status": "paid", "amount_total": 1, "currency": "eur",
			"url": "https://evil.example/pay"})
	default:
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.WriteHeader(status)
		_, _ = w.Write(body)
	}
}

func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // a bug of this package
	}
	return b
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(encode(v))
}

func problem(kind, code, words string) any {
	return map[string]any{"error": map[string]string{"type": kind, "code": code, "message": words}}
}

func bad(words string) (int, any) {
	return 400, problem("invalid_request_error", "parameter_invalid", words)
}

// do does what is asked for. mu is held.
func (s *Server) do(r *http.Request) (int, any) {
	parts := strings.Split(strings.TrimPrefix(r.URL.Path, "/v1/"), "/")
	switch what := r.Method + " " + strings.Join(parts[:min(len(parts), 2)], "/"); {
	case what == "POST checkout/sessions" && len(parts) == 2:
		return s.newSession(r.PostForm)
	case what == "GET checkout/sessions" && len(parts) == 2, r.Method == "GET" && parts[0] == "balance_transactions":
		return 200, map[string]any{"data": []any{}, "has_more": false}
	case strings.HasSuffix(what, "checkout/sessions"):
		return s.oneSession(r, parts[2:])
	case what == "POST refunds":
		return s.newRefund(r.PostForm)
	case what == "GET refunds":
		var all []any
		for _, one := range s.refunds {
			if pi := r.Form.Get("payment_intent"); pi == "" || pi == one.intent {
				all = append(all, one.view())
			}
		}
		return s.page(r, all)
	case what == "GET disputes":
		var all []any
		from, _ := strconv.ParseInt(r.Form.Get("created[gte]"), 10, 64)
		for _, d := range s.disputes {
			if d.created >= from {
				all = append(all, map[string]any{"id": d.id, "payment_intent": d.intent, "amount": d.amount, "currency": d.currency, "status": d.status,
					"balance_transactions": []any{map[string]any{"fee": d.fee, "currency": d.currency}}})
			}
		}
		return s.page(r, all)
	}
	return 404, problem("invalid_request_error", "", "Unrecognized request URL")
}

// page is a part of a list. mu is held.
func (s *Server) page(r *http.Request, all []any) (int, any) {
	if after := r.Form.Get("starting_after"); after != "" {
		i := slices.IndexFunc(all, func(v any) bool { return v.(map[string]any)["id"] == after })
		if i < 0 {
			return bad("No such object: " + after)
		}
		all = all[i+1:]
	}
	limit, _ := strconv.Atoi(r.Form.Get("limit"))
	n := min(len(all), max(1, limit), s.pageSize)
	return 200, map[string]any{"object": "list", "data": append([]any{}, all[:n]...), "has_more": n < len(all)}
}

var sessionFields = []string{"mode", "payment_method_types[0]", "success_url", "client_reference_id", "expires_at", "metadata[salon_order]",
	"payment_intent_data[metadata][salon_order]", "payment_intent_data[capture_method]", "line_items[0][quantity]", "line_items[0][price_data][currency]",
	"line_items[0][price_data][unit_amount]", "line_items[0][price_data][product_data][name]"}

// newSession holds a session to what Stripe demands. mu is held.
func (s *Server) newSession(f url.Values) (int, any) {
	for k := range f {
		if !slices.Contains(sessionFields, k) {
			return 400, problem("invalid_request_error", "parameter_unknown", "Received unknown parameter: "+k)
		}
	}
	amount, err := strconv.ParseInt(f.Get("line_items[0][price_data][unit_amount]"), 10, 64)
	until, wrong := strconv.ParseInt(f.Get("expires_at"), 10, 64)
	left := time.Until(time.Unix(until, 0))
	cur := f.Get("line_items[0][price_data][currency]")
	switch {
	case err != nil || amount < 50 || amount > 99_999_999:
		return 400, problem("invalid_request_error", "amount_too_small", "Invalid amount")
	case wrong != nil || left < 30*time.Minute || left > 24*time.Hour:
		return bad("The `expires_at` timestamp must be between 30 minutes and 24 hours from Checkout Session creation.")
	case cur == "" || cur != strings.ToLower(cur) || f.Get("mode") != "payment" || !strings.HasPrefix(f.Get("success_url"), "https://") || f.Get("line_items[0][quantity]") != "1":
		return bad("Missing required param")
	}
	v := &session{id: s.id("cs"), ref: f.Get("client_reference_id"), currency: cur, total: amount, expires: time.Unix(until, 0), status: "open", payment: "unpaid"}
	s.sessions[v.id] = v
	return 200, s.view(v, false)
}

// oneSession tells of a session, or ends it. mu is held.
func (s *Server) oneSession(r *http.Request, path []string) (int, any) {
	v := s.sessions[path[0]]
	if v == nil {
		return 404, problem("invalid_request_error", "resource_missing", "No such checkout.session")
	}
	if v.status == "open" && time.Now().After(v.expires) {
		v.status = "expired"
	}
	if r.Method == "POST" && len(path) == 2 && path[1] == "expire" {
		if v.status != "open" {
			return bad("Only Checkout Sessions with a status in [\"open\"] can be expired.")
		}
		v.status = "expired"
	}
	return 200, s.view(v, r.Form.Get("expand[]") != "")
}

func (s *Server) view(v *session, whole bool) any {
	m := map[string]any{"id": v.id, "object": "checkout.session", "status": v.status, "payment_status": v.payment, "client_reference_id": v.ref, "amount_total": v.total, "currency": v.currency,
		"url": nil, "payment_intent": nil}
	if v.status == "open" {
		m["url"] = "https://checkout.stripe.com/c/pay/" + v.id
	}
	if v.intent != "" {
		m["payment_intent"] = v.intent
		if whole {
			m["payment_intent"] = map[string]any{"id": v.intent, "amount_received": v.total, "currency": v.currency,
				"latest_charge": map[string]any{"id": "ch_" + v.intent[3:], "balance_transaction": map[string]any{"fee": s.fee, "currency": v.currency, "exchange_rate": nil}}}
		}
	}
	return m
}

// newRefund holds a refund to what was paid. mu is held.
func (s *Server) newRefund(f url.Values) (int, any) {
	pi := f.Get("payment_intent")
	amount, err := strconv.ParseInt(f.Get("amount"), 10, 64)
	var of *session
	for _, v := range s.sessions {
		if v.intent == pi && pi != "" {
			of = v
		}
	}
	if of == nil || err != nil || amount <= 0 {
		return 404, problem("invalid_request_error", "resource_missing", "No such payment_intent")
	}
	left := of.total
	for _, one := range s.refunds {
		if one.intent == pi && one.status != "failed" {
			left -= one.amount
		}
	}
	for _, d := range s.disputes {
		if d.intent == pi && d.status != "won" {
			return 400, problem("invalid_request_error", "charge_disputed", "This charge has been charged back.")
		}
	}
	if amount > left {
		return 400, problem("invalid_request_error", "charge_already_refunded", "Refund amount is greater than unrefunded amount on charge")
	}
	one := &refund{id: s.id("re"), intent: pi, status: "succeeded", currency: of.currency, amount: amount, metadata: map[string]string{"salon_ref": f.Get("metadata[salon_ref]")}}
	s.refunds = slices.Insert(s.refunds, 0, one)
	return 200, one.view()
}

func (r *refund) view() map[string]any {
	return map[string]any{"id": r.id, "payment_intent": r.intent, "status": r.status, "currency": r.currency, "amount": r.amount, "metadata": r.metadata}
}
