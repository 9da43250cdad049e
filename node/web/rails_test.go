package web

import (
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"salon/node/market/lnd/lndtest"
)

// What the page sets up it sees again, but for the secret.
func TestRailsOfThePage(t *testing.T) {
	s := newSite(t, Options{})
	at := (&lndtest.Network{}).New(t)
	if _, err := hex.DecodeString(lndtest.Admin); err != nil {
		t.Fatal(err)
	}
	refuses := func(method, path, body string, status int, code string) {
		t.Helper()
		r := s.request(method, path, body)
		r.Header.Set("Content-Type", "application/json")
		if got := s.refusal(r, status); got != code {
			t.Errorf("%s %s: %s, not %s", method, path, got, code)
		}
	}
	body := func(more map[string]string) string {
		in := map[string]string{"rest": at.URL(), "macaroon": lndtest.Admin, "cert": at.Cert()}
		for k, v := range more {
			in[k] = v
		}
		b, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	var list json.RawMessage
	s.call("PUT", "/api/v1/rails/lnd", body(nil), http.StatusOK, &list)
	s.call("PUT", "/api/v1/rails/lnd", body(map[string]string{"max_payment": "10 sat", "max_day": "20 sat"}), http.StatusOK, &list)
	s.call("PUT", "/api/v1/rails/lnd/limits", `{"max_payment":"100 sat","max_day":"200 sat"}`, http.StatusOK, &list)
	for _, secret := range []string{lndtest.Admin, "CERTIFICATE"} {
		if strings.Contains(string(list), secret) {
			t.Errorf("%s is told", secret)
		}
	}
	if !strings.Contains(string(list), `"max_payment":"100 sat"`) {
		t.Errorf("%s", list)
	}
	var purse struct{ Balance, Spent string }
	s.call("GET", "/api/v1/rails/lnd/purse", "", http.StatusOK, &purse)
	if purse.Balance != "1000000 sat" || purse.Spent != "0 sat" {
		t.Errorf("%+v", purse)
	}
	refuses("PUT", "/api/v1/rails/lnd", body(map[string]string{"max_day": "20"}), http.StatusBadRequest, "bad_price")
	refuses("PUT", "/api/v1/rails/lnd", body(map[string]string{"rest": "http://127.0.0.1:1"}), http.StatusBadRequest, "bad_rail")
	refuses("PUT", "/api/v1/rails/lnaddress", `{"address":"ana"}`, http.StatusBadRequest, "bad_rail")
	s.call("DELETE", "/api/v1/rails/lnd", "", http.StatusOK, &list)
	refuses("DELETE", "/api/v1/rails/lnd", "", http.StatusConflict, "no_such_rail")
	refuses("GET", "/api/v1/rails/lnd/purse", "", http.StatusConflict, "no_such_rail")
}
