package nwc_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"salon/ledger"
	"salon/node/market"
	"salon/node/market/bolt11"
	"salon/node/market/lnd/lndtest"
	"salon/node/market/nwc"
	"salon/node/market/nwc/nwctest"
)

func sat(n ledger.Amount) ledger.Money { return ledger.Money{Amount: 1000 * n, Cur: ledger.Bitcoin} }

func paying(at *nwctest.Wallet) nwc.Config {
	return nwc.Config{URI: at.URI(), Pays: true, MaxPayment: sat(1000), MaxDay: sat(2500)}
}

func open(t *testing.T, c nwc.Config, spent *lndtest.File) market.Rail {
	t.Helper()
	rail, err := nwc.New(c, nwc.Options{Issued: &lndtest.File{}, Spent: spent})
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

func pair(t *testing.T) (alice, bob *nwctest.Wallet, net *lndtest.Network) {
	net = &lndtest.Network{}
	return nwctest.New(t, net.New(t)), nwctest.New(t, net.New(t)), net
}

func TestWhatAWalletMustDo(t *testing.T) {
	alice, _, _ := pair(t)
	if err := nwc.Try(t.Context(), paying(alice)); err != nil {
		t.Fatal(err)
	}
	alice.Permits("make_invoice lookup_invoice", "nip44_v2")
	if err := nwc.Try(t.Context(), paying(alice)); !errors.Is(err, nwc.ErrConfig) || !strings.Contains(err.Error(), "pay_invoice") {
		t.Errorf("may not pay: %v", err)
	}
	if err := nwc.Try(t.Context(), nwc.Config{URI: alice.URI()}); err != nil {
		t.Errorf("to receive: %v", err)
	}
	alice.Set(func(k *nwctest.Knobs) { k.Unnamed = true })
	if err := nwc.Try(t.Context(), nwc.Config{URI: alice.URI()}); err == nil || !strings.Contains(err.Error(), "lightning address") {
		t.Errorf("invoices for anything: %v", err)
	}
	alice.Permits("make_invoice lookup_invoice", "nip04")
	if err := nwc.Try(t.Context(), nwc.Config{URI: alice.URI()}); !errors.Is(err, nwc.ErrConfig) {
		t.Errorf("sealed in the old way: %v", err)
	}
}

// The wallet's answer is lost after it has paid. That is pending, and then paid, once.
func TestSilentPayment(t *testing.T) {
	alice, bob, net := pair(t)
	in, out := open(t, nwc.Config{URI: alice.URI()}, nil), open(t, paying(bob), &lndtest.File{})
	first := bill(t, in.Payee, 1, sat(100))
	bob.Set(func(k *nwctest.Knobs) { k.Lose = 1 }) // the look before it is sent
	short, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	if ev, err := out.Payer.Pay(short, first); err == nil || bob.Calls("pay_invoice") != 0 {
		t.Errorf("nobody knows whether it was paid before: %s", ev.State)
	}
	cancel()
	bob.Set(func(k *nwctest.Knobs) { k.Lose = 0 })

	net.Hold(true)
	short, cancel = context.WithCancel(t.Context())
	go func() {
		net.Underway(t.Context(), t)
		cancel()
	}()
	if _, err := out.Payer.Pay(short, first); !errors.Is(err, context.Canceled) {
		t.Errorf("given up: %v", err)
	}
	if ev, err := out.Payer.Pay(t.Context(), first); err != nil || ev.State != market.Pending {
		t.Errorf("held: %s, %v", ev.State, err)
	}
	if ev, err := in.Payee.Lookup(t.Context(), first.Ref); err != nil || ev.State != market.Open {
		t.Errorf("held, at the payee: %s, %v", ev.State, err)
	}
	net.Hold(false)
	net.Release()
	for range 2 {
		if ev, err := out.Payer.Pay(t.Context(), first); err != nil || ev.State != market.Settled || len(ev.Proof) != 32 {
			t.Errorf("%+v, %v", ev, err)
		}
	}
	if ev, err := in.Payee.Lookup(t.Context(), first.Ref); err != nil || ev.State != market.Settled || ev.Received != sat(100) {
		t.Errorf("%+v, %v", ev, err)
	}
	if bob.Calls("pay_invoice") != 1 || net.Moved() != 1 {
		t.Errorf("asked %d times, moved %d times", bob.Calls("pay_invoice"), net.Moved())
	}
}

// A request that never came to the wallet may still do so: it is not sent again until it would be too late.
func TestRequestUnderWay(t *testing.T) {
	alice, bob, _ := pair(t)
	in := open(t, nwc.Config{URI: alice.URI()}, nil)
	var spent lndtest.File
	first := bill(t, in.Payee, 1, sat(100))
	bob.Set(func(k *nwctest.Knobs) { k.Refuse = "NOT_FOUND" })
	pay := func() (market.Event, error) { return open(t, paying(bob), &spent).Payer.Pay(t.Context(), first) }
	if ev, err := pay(); err == nil && ev.State == market.Failed {
		t.Errorf("%+v", ev)
	}
	if ev, err := pay(); err != nil || ev.State != market.Pending {
		t.Errorf("sent a moment ago: %s, %v", ev.State, err)
	}
	asked := bob.Calls("pay_invoice")
	raw, err := spent.Read()
	if err != nil {
		t.Fatal(err)
	}
	var all struct {
		List []map[string]any `json:"list"`
	}
	if err := json.Unmarshal(raw, &all); err != nil || len(all.List) != 1 {
		t.Fatalf("%s, %v", raw, err)
	}
	all.List[0]["time"] = time.Now().Add(-2 * time.Minute).UnixMilli()
	if raw, err = json.Marshal(all); err != nil {
		t.Fatal(err)
	}
	if err := spent.Write(raw); err != nil {
		t.Fatal(err)
	}
	bob.Set(func(k *nwctest.Knobs) { k.Refuse = "" })
	if ev, err := pay(); err != nil || ev.State != market.Settled || bob.Calls("pay_invoice") != asked+1 {
		t.Errorf("long ago: %s, %v, asked %d times", ev.State, err, bob.Calls("pay_invoice")-asked)
	}
}

// What a wallet refuses before it begins has failed. What it gave up trying has failed once it says so of the payment, too.
func TestRefusedPayment(t *testing.T) {
	alice, bob, net := pair(t)
	in, out := open(t, nwc.Config{URI: alice.URI()}, nil), open(t, paying(bob), &lndtest.File{})
	for i, code := range []string{"INSUFFICIENT_BALANCE", "QUOTA_EXCEEDED", "RESTRICTED"} {
		b := bill(t, in.Payee, byte(i+1), sat(10))
		bob.Set(func(k *nwctest.Knobs) { k.Refuse = code })
		if ev, err := out.Payer.Pay(t.Context(), b); err != nil || ev.State != market.Failed {
			t.Errorf("%s: %s, %v", code, ev.State, err)
		}
	}
	bob.Set(func(k *nwctest.Knobs) { k.Refuse = "INTERNAL" })
	if ev, err := out.Payer.Pay(t.Context(), bill(t, in.Payee, 20, sat(10))); err == nil && ev.State == market.Failed {
		t.Error("a wallet that fails says nothing of the payment")
	}
	bob.Set(func(k *nwctest.Knobs) { k.Refuse = "" })
	nowhere := bill(t, in.Payee, 21, sat(10))
	net.Hold(true)
	done := make(chan market.Event, 1)
	go func() {
		ev, err := out.Payer.Pay(context.WithoutCancel(t.Context()), nowhere)
		if err != nil {
			t.Error(err)
		}
		done <- ev
	}()
	net.Underway(t.Context(), t)
	net.Hold(false)
	net.Fail()
	if ev := <-done; ev.State != market.Failed {
		t.Errorf("no way there: %s", ev.State)
	}
	if net.Moved() != 0 {
		t.Errorf("money moved %d times", net.Moved())
	}
}

// Attack: a wallet that lies about what was paid.
func TestLyingWallet(t *testing.T) {
	alice, bob, _ := pair(t)
	in, out := open(t, nwc.Config{URI: alice.URI()}, nil), open(t, paying(bob), &lndtest.File{})
	b := bill(t, in.Payee, 1, sat(10))
	other := strings.Repeat("07", 32)
	bob.Set(func(k *nwctest.Knobs) { k.Spoil = func(v map[string]any) { v["preimage"] = other } })
	if ev, err := out.Payer.Pay(t.Context(), b); err == nil {
		t.Errorf("paid with another preimage: %+v", ev)
	}
	alice.Set(func(k *nwctest.Knobs) {
		k.Spoil = func(v map[string]any) { v["state"], v["preimage"], v["amount"] = "settled", other, 1 }
	})
	if ev, err := in.Payee.Lookup(t.Context(), b.Ref); err == nil {
		t.Errorf("received with another preimage: %+v", ev)
	}
	alice.Set(func(k *nwctest.Knobs) { k.Spoil = func(v map[string]any) { v["invoice"] = b.Request } })
	if inv, err := in.Payee.Create(t.Context(), market.Request{Ref: ledger.ID{9}, Amount: sat(10), Expires: time.Now().Add(time.Minute)}); err == nil {
		t.Errorf("the invoice of another order: %s", inv.Request)
	}
	alice.Set(func(k *nwctest.Knobs) { k.Spoil = func(v map[string]any) { v["invoice"] = 7 } })
	if _, err := in.Payee.Create(t.Context(), market.Request{Ref: ledger.ID{9}, Amount: sat(10), Expires: time.Now().Add(time.Minute)}); err == nil {
		t.Error("an invoice that is none")
	}
}

// The wallet tells of payments by itself. News of others' invoices are nobody's here, and a relay that is gone ends the watch.
func TestNews(t *testing.T) {
	alice, bob, _ := pair(t)
	rail, out := open(t, nwc.Config{URI: alice.URI()}, nil), open(t, paying(bob), &lndtest.File{})
	b := bill(t, rail.Payee, 1, sat(10))
	heard, ended := make(chan ledger.ID, 10), make(chan error, 1)
	go func() {
		ended <- rail.Payee.Watch(t.Context(), func(ev market.Event) error {
			heard <- ev.Ref
			return nil
		})
	}()
	if ref := <-heard; !ref.IsZero() {
		t.Errorf("first %s", ref)
	}
	alice.Listened(t)
	if ev, err := out.Payer.Pay(t.Context(), b); err != nil || ev.State != market.Settled {
		t.Fatalf("%+v, %v", ev, err)
	}
	inv, err := bolt11.Parse(b.Request)
	if err != nil {
		t.Fatal(err)
	}
	alice.Tell(strings.Repeat("07", 32))
	alice.Tell("rubbish")
	alice.Tell(hex.EncodeToString(inv.Hash[:]))
	for ref := range heard {
		if ref == b.Ref {
			break
		}
		if !ref.IsZero() { // zero is a look now and then
			t.Errorf("heard of %s", ref)
		}
	}
	alice.Cut()
	if err := <-ended; err == nil {
		t.Error("the relay is gone, and nobody noticed")
	}
}

// The connection is shown nowhere, and what cannot work is refused.
func TestConfig(t *testing.T) {
	alice, _, _ := pair(t)
	good := paying(alice)
	secret := string(good.URI[strings.Index(string(good.URI), "secret=")+7:])
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("rail", "text", fmt.Sprintf("%v %+v %#v %s", good, good, good, good.URI), "uri", good.URI, "config", good)
	if strings.Contains(log.String(), secret) {
		t.Errorf("the log has the secret: %s", log.String())
	}
	raw, err := json.Marshal(good)
	if err != nil {
		t.Fatal(err)
	}
	if c, err := nwc.ParseConfig(raw); err != nil || c != good || strings.Contains(c.Address(), secret) {
		t.Errorf("%+v, %v", c, err)
	}
	key := strings.Repeat("0a", 32)
	for name, uri := range map[string]string{
		"nothing":            "",
		"a lightning link":   "lightning:lnbc1",
		"no wallet":          "nostr+walletconnect://?relay=wss://relay.example&secret=" + key,
		"half a wallet":      "nostr+walletconnect://" + key[:62] + "?relay=wss://relay.example&secret=" + key,
		"not on the curve":   "nostr+walletconnect://" + strings.Repeat("ff", 32) + "?relay=wss://relay.example&secret=" + key,
		"no relay":           "nostr+walletconnect://" + key + "?secret=" + key,
		"without TLS":        "nostr+walletconnect://" + key + "?relay=ws://relay.example&secret=" + key,
		"no secret":          "nostr+walletconnect://" + key + "?relay=wss://relay.example",
		"a secret of zero":   "nostr+walletconnect://" + key + "?relay=wss://relay.example&secret=" + strings.Repeat("00", 32),
		"a secret too large": "nostr+walletconnect://" + key + "?relay=wss://relay.example&secret=" + strings.Repeat("ff", 32),
		"many relays":        "nostr+walletconnect://" + key + "?secret=" + key + strings.Repeat("&relay=wss://relay.example", 5),
	} {
		if _, err := nwc.New(nwc.Config{URI: nwc.Secret(uri)}, nwc.Options{}); !errors.Is(err, nwc.ErrConfig) || strings.Contains(err.Error(), key) {
			t.Errorf("%s: %v", name, err)
		}
	}
	bad := good
	bad.MaxPayment = sat(3000)
	if err := bad.Check(); !errors.Is(err, nwc.ErrConfig) {
		t.Errorf("more than in a day: %v", err)
	}
}
