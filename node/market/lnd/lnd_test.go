package lnd_test

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"salon/ledger"
	"salon/ledger/doc"
	"salon/node/market"
	"salon/node/market/bolt11"
	"salon/node/market/lnd"
	"salon/node/market/lnd/lndtest"
)

func seed(n uint32) doc.PrivateKey {
	var s [32]byte
	binary.BigEndian.PutUint32(s[:], n)
	return doc.PrivateKeyFromSeed(s)
}

func sat(n ledger.Amount) ledger.Money { return ledger.Money{Amount: 1000 * n, Cur: ledger.Bitcoin} }

// receiving is the rail of a node that hands out invoices alone; paying may spend.
func receiving(at *lndtest.Node) lnd.Config {
	return lnd.Config{REST: at.URL(), Cert: at.Cert(), Macaroon: lndtest.InvoiceOnly}
}

func paying(at *lndtest.Node) lnd.Config {
	return lnd.Config{REST: at.URL(), Cert: at.Cert(), Macaroon: lndtest.Admin, Pays: true, MaxPayment: sat(1000), MaxDay: sat(2500)}
}

func open(t *testing.T, c lnd.Config, n uint32, f *lndtest.File) market.Rail {
	t.Helper()
	rail, err := lnd.New(c, lnd.Options{Key: seed(n), Spent: f})
	if err != nil {
		t.Fatal(err)
	}
	return rail
}

// bill is an order of a sum, with the invoice of whom it is ordered from.
func bill(t *testing.T, from market.Payee, n byte, m ledger.Money) market.Bill {
	t.Helper()
	b := market.Bill{Ref: ledger.ID{n}, Quote: ledger.ID{n, 1}, Total: m, Time: time.Now(), Expires: time.Now().Add(ledger.HoldFor)}
	inv, err := from.Create(t.Context(), market.Request{Ref: b.Ref, Amount: m, Expires: b.Expires})
	if err != nil {
		t.Fatal(err)
	}
	b.Request = inv.Request
	return b
}

// The invoice names the order, asks for its price, and is the same at every call, also when an answer is lost.
func TestInvoice(t *testing.T) {
	net := &lndtest.Network{}
	alice := net.New(t)
	a := open(t, receiving(alice), 1, nil)
	alice.Lose(1)
	b := bill(t, a.Payee, 7, sat(25))
	inv, err := bolt11.Parse(b.Request)
	if err != nil || inv.Purpose != b.Ref || inv.Amount != 25_000 || inv.Expires.Before(b.Expires.Truncate(time.Second)) || inv.Expires.After(b.Expires.Add(2*time.Second)) {
		t.Fatalf("%+v, %v", inv, err)
	}
	if again := bill(t, open(t, receiving(alice), 1, nil).Payee, 7, sat(25)); again.Request != b.Request {
		t.Error("another invoice for one order")
	}
	if _, err := a.Payee.Create(t.Context(), market.Request{Ref: b.Ref, Amount: sat(26), Expires: b.Expires}); err == nil {
		t.Error("the order has another price now, and an invoice")
	}
	if _, err := a.Payee.Create(t.Context(), market.Request{Ref: ledger.ID{9}, Amount: ledger.Money{Amount: 500, Cur: "EUR"}, Expires: b.Expires}); !errors.Is(err, market.ErrCurrency) {
		t.Errorf("euros: %v", err)
	}
	if _, err := a.Payee.Create(t.Context(), market.Request{Ref: ledger.ID{10}, Amount: sat(1), Expires: time.Now()}); !errors.Is(err, ledger.ErrExpired) {
		t.Errorf("too late: %v", err)
	}
}

// Attack: a bill whose invoice is for another order, another sum, or is none. Nothing is sent.
func TestBillsThatAreRefused(t *testing.T) {
	net := &lndtest.Network{}
	alice, bob := net.New(t), net.New(t)
	a, b := open(t, receiving(alice), 1, nil), open(t, paying(bob), 2, &lndtest.File{})
	good := bill(t, a.Payee, 1, sat(100))
	check := b.Payer.(market.Verifier).Check
	if err := check(good); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*market.Bill){
		"another order":    func(b *market.Bill) { b.Ref[0]++ },
		"a smaller sum":    func(b *market.Bill) { b.Total = sat(99) },
		"a larger sum":     func(b *market.Bill) { b.Total = sat(101) },
		"another currency": func(b *market.Bill) { b.Total.Cur = "EUR" },
		"no invoice":       func(b *market.Bill) { b.Request = "lnsb" },
		// The same numbers, and another unit: 100 sat and 100 msat.
		"millisatoshi for satoshi": func(b *market.Bill) { b.Request = alice.Invoice(100, b.Ref[:], time.Hour) },
		"satoshi for millisatoshi": func(b *market.Bill) { b.Total.Amount = 100 },
	} {
		bad := good
		change(&bad)
		if err := check(bad); err == nil {
			t.Errorf("%s: it would be paid", name)
		}
		if ev, err := b.Payer.Pay(t.Context(), bad); err != nil || ev.State != market.Failed {
			t.Errorf("%s: %s, %v", name, ev.State, err)
		}
	}
	if bob.Calls("POST /v2/router/send") != 0 {
		t.Error("something was sent")
	}
	ev, err := b.Payer.Pay(t.Context(), good)
	if err != nil || ev.State != market.Settled {
		t.Fatalf("%+v, %v", ev, err)
	}
	verify := b.Payer.(market.Verifier).Verify
	if err := verify(good, ev.Proof); err != nil {
		t.Error(err)
	}
	for i := range ev.Proof {
		bad := bytes.Clone(ev.Proof)
		bad[i] ^= 1
		if verify(good, bad) == nil {
			t.Errorf("byte %d changed, and it proves", i)
		}
	}
	if verify(good, nil) == nil || verify(good, ev.Proof[:31]) == nil {
		t.Error("half a proof proves")
	}
}

// The limits hold across restarts. What is paid again counts once, and what failed does not count.
func TestLimits(t *testing.T) {
	net := &lndtest.Network{}
	alice, bob := net.New(t), net.New(t)
	a := open(t, receiving(alice), 1, nil)
	spent := &lndtest.File{}
	pay := func(b market.Bill) market.State {
		t.Helper()
		ev, err := open(t, paying(bob), 2, spent).Payer.Pay(t.Context(), b)
		if err != nil {
			t.Fatal(err)
		}
		return ev.State
	}
	check := func(b market.Bill) error { return open(t, paying(bob), 2, spent).Payer.(market.Verifier).Check(b) }

	large := bill(t, a.Payee, 1, sat(991)) // with 1 % of fees 1000.91
	if err := check(large); !errors.Is(err, market.ErrSpending) || pay(large) != market.Failed {
		t.Errorf("more than in one payment: %v", err)
	}
	one := bill(t, a.Payee, 2, sat(990))
	for range 3 {
		if s := pay(one); s != market.Settled {
			t.Errorf("within the limit: %s", s)
		}
	}
	bob.Fee(1_000_000) // nobody passes it on for the fee that is allowed
	if s := pay(bill(t, a.Payee, 3, sat(990))); s != market.Failed {
		t.Errorf("with a fee that is too high: %s", s)
	}
	bob.Fee(0)
	if s := pay(bill(t, a.Payee, 4, sat(990))); s != market.Settled {
		t.Errorf("a second: %s", s)
	}
	third := bill(t, a.Payee, 5, sat(990))
	if err := check(third); !errors.Is(err, market.ErrSpending) || pay(third) != market.Failed {
		t.Errorf("more than in a day: %v", err)
	}
	if net.Moved() != 2 {
		t.Errorf("money moved %d times", net.Moved())
	}
	if err := spent.Write([]byte("{")); err != nil {
		t.Fatal(err)
	}
	if _, err := open(t, paying(bob), 2, spent).Payer.Pay(t.Context(), bill(t, a.Payee, 6, sat(1))); err == nil || net.Moved() != 2 {
		t.Error("paid, though nobody knows what was spent")
	}
}

// lnd not answering says nothing of a payment.
func TestSilence(t *testing.T) {
	net := &lndtest.Network{}
	alice, bob := net.New(t), net.New(t)
	a, b := open(t, receiving(alice), 1, nil), open(t, paying(bob), 2, &lndtest.File{})
	first := bill(t, a.Payee, 1, sat(100))
	bob.Refuse("the wallet is locked")
	if ev, err := b.Payer.Pay(t.Context(), first); err == nil {
		t.Errorf("locked: %s", ev.State)
	}
	bob.Refuse("")
	bob.Lose(1)
	if ev, err := b.Payer.Pay(t.Context(), first); err != nil || ev.State != market.Settled {
		t.Errorf("the answer is lost: %s, %v", ev.State, err)
	}
	alice.Refuse("no")
	if ev, err := a.Payee.Lookup(t.Context(), first.Ref); err == nil {
		t.Errorf("the payee's is locked: %s", ev.State)
	}
	if net.Moved() != 1 {
		t.Errorf("money moved %d times", net.Moved())
	}
}

// Money goes back to the invoice that came with the order, once, and by hand where there is none.
func TestMoneyBack(t *testing.T) {
	net := &lndtest.Network{}
	alice, bob := net.New(t), net.New(t)
	if _, can := open(t, receiving(alice), 1, nil).Payee.(market.Refunder); can {
		t.Error("who only receives sends money back")
	}
	spent := &lndtest.File{}
	refund := func(ref ledger.ID, m ledger.Money, to string) (market.Event, error) {
		return open(t, paying(alice), 1, spent).Payee.(market.Refunder).Refund(t.Context(), ref, m, to)
	}
	to, err := open(t, paying(bob), 2, &lndtest.File{}).Payer.(market.Backer).Back(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	where := func(ref ledger.ID, want market.State) {
		t.Helper()
		ev, err := open(t, paying(alice), 1, spent).Payee.(market.Tracker).Returned(t.Context(), ref, sat(10), to)
		if err != nil || ev.State != want {
			t.Errorf("it is %s, %v; want %s", ev.State, err, want)
		}
	}
	where(ledger.ID{1}, market.Unknown)
	defer func() {
		where(ledger.ID{1}, market.Settled)
		where(ledger.ID{2}, market.Unknown)
	}()
	for range 2 {
		if ev, err := refund(ledger.ID{1}, sat(10), to); err != nil || ev.State != market.Settled || ev.Received != sat(10) || sha256.Sum256(ev.Proof) == ([32]byte{}) {
			t.Errorf("%+v, %v", ev, err)
		}
	}
	if _, err := refund(ledger.ID{2}, sat(10), to); !errors.Is(err, market.ErrByHand) {
		t.Errorf("another refund to the same invoice: %v", err)
	}
	for _, to := range []string{"", "lnsb1", "ana@example.org"} {
		if _, err := refund(ledger.ID{3}, sat(10), to); !errors.Is(err, market.ErrByHand) {
			t.Errorf("to %q: %v", to, err)
		}
	}
	if net.Moved() != 1 {
		t.Errorf("money moved %d times", net.Moved())
	}
}

// Attack: somebody else answers in lnd's place, or sends elsewhere. They never see the macaroon.
func TestAnotherServer(t *testing.T) {
	seen := make(chan string, 10)
	other := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen <- r.Header.Get("Grpc-Metadata-macaroon")
		http.Redirect(w, r, "https://example.org/", http.StatusTemporaryRedirect)
	}))
	defer other.Close()
	net := &lndtest.Network{}
	c := receiving(net.New(t))
	own, err := lnd.New(c, lnd.Options{Key: seed(1)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := own.Payee.Lookup(t.Context(), ledger.ID{1}); err != nil {
		t.Fatal(err)
	}
	c.REST = other.URL // all servers of httptest have one certificate
	c.Cert = newCert(t)
	rail, err := lnd.New(c, lnd.Options{Key: seed(1)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := rail.Payee.Lookup(t.Context(), ledger.ID{1}); err == nil || !strings.Contains(err.Error(), "another certificate") {
		t.Errorf("another certificate: %v", err)
	}
	if len(seen) != 0 {
		t.Errorf("it was told %q", <-seen)
	}
	c = receiving(net.New(t))
	c.REST = other.URL // with the certificate that it has
	if rail, err = lnd.New(c, lnd.Options{Key: seed(1)}); err != nil {
		t.Fatal(err)
	}
	if _, err := rail.Payee.Lookup(t.Context(), ledger.ID{1}); err == nil || !strings.Contains(err.Error(), "307") {
		t.Errorf("a redirect is followed: %v", err)
	}
}

func newCert(t *testing.T) string {
	t.Helper()
	key := seed(3).Ed25519()
	raw, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: big.NewInt(1)}, &x509.Certificate{}, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}))
}

// The macaroon is shown nowhere, and what cannot work is refused.
func TestConfig(t *testing.T) {
	net := &lndtest.Network{}
	good := paying(net.New(t))
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("rail", "text", fmt.Sprintf("%v %+v %#v %s", good, good, good, good.Macaroon), "macaroon", good.Macaroon, "config", good)
	if strings.Contains(log.String(), lndtest.Admin) {
		t.Errorf("the log has the macaroon: %s", log.String())
	}
	raw, err := json.Marshal(good)
	if err != nil {
		t.Fatal(err)
	}
	if c, err := lnd.ParseConfig(raw); err != nil || c != good {
		t.Errorf("%+v, %v", c, err)
	}
	for name, change := range map[string]func(*lnd.Config){
		"without TLS":        func(c *lnd.Config) { c.REST = "http://127.0.0.1:8080" },
		"a path":             func(c *lnd.Config) { c.REST += "/v1" },
		"a password":         func(c *lnd.Config) { c.REST = "https://ana:secret@127.0.0.1:8080" },
		"no macaroon":        func(c *lnd.Config) { c.Macaroon = "" },
		"not hex":            func(c *lnd.Config) { c.Macaroon = "macaroon" },
		"no certificate":     func(c *lnd.Config) { c.Cert = "" },
		"half a certificate": func(c *lnd.Config) { c.Cert = c.Cert[:100] },
		"no limit":           func(c *lnd.Config) { c.MaxPayment = ledger.Money{} },
		"a limit in euros":   func(c *lnd.Config) { c.MaxDay = ledger.Money{Amount: 5, Cur: "EUR"} },
		"more than in a day": func(c *lnd.Config) { c.MaxPayment = sat(3000) },
	} {
		bad := good
		change(&bad)
		if err := bad.Check(); !errors.Is(err, lnd.ErrConfig) || strings.Contains(err.Error(), "secret@") {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := lnd.New(bad, lnd.Options{Key: seed(1)}); err == nil {
			t.Errorf("%s: a rail", name)
		}
	}
}
