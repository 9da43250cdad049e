package market_test

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"salon/ledger"
	"salon/node/market"
	"salon/node/market/lightning"
	"salon/node/market/lnaddress"
	"salon/node/market/lnd/lndtest"
	"salon/node/market/railtest"
)

// A wallet is somebody's service, with a node of its own. A test has it do wrong.
type wallet struct {
	*httptest.Server
	node    *lndtest.Node
	asked   int
	more    int64  // than was asked for, in its invoices
	about   string // what they are for; empty: what the wallet says that the address is
	answer  string // in place of an invoice
	life    time.Duration
	handler http.Handler // in place of all this
}

const metadata = `[["text/plain","For Ana"],["text/identifier","ana@wallet.example"]]`

func openWallet(t *testing.T, node *lndtest.Node) *wallet {
	w := &wallet{node: node, life: time.Hour}
	w.Server = httptest.NewTLSServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		w.asked++
		switch {
		case w.handler != nil:
			w.handler.ServeHTTP(out, r)
		case r.URL.Path == "/.well-known/lnurlp/ana":
			_ = json.NewEncoder(out).Encode(map[string]any{"tag": "payRequest", "callback": w.URL + "/pay?who=ana", "minSendable": 1000, "maxSendable": 5_000_000, "metadata": metadata})
		case w.answer != "":
			_, _ = out.Write([]byte(w.answer))
		case r.URL.Path == "/pay" && r.URL.Query().Get("who") == "ana":
			msat, err := strconv.ParseInt(r.URL.Query().Get("amount"), 10, 64)
			if err != nil {
				t.Errorf("asked for %q", r.URL)
			}
			about := w.about
			if about == "" {
				about = metadata
			}
			purpose := sha256.Sum256([]byte(about))
			_ = json.NewEncoder(out).Encode(map[string]any{"pr": w.node.Invoice(msat+w.more, purpose[:], w.life), "routes": []string{}})
		default:
			http.NotFound(out, r)
		}
	}))
	t.Cleanup(w.Close)
	return w
}

// at is the receiving half of a party with that wallet.
func (w *wallet) at(t *testing.T, p *party, kept *lndtest.File) *lnaddress.Payee {
	t.Helper()
	payee, err := lnaddress.New(lnaddress.Options{Address: "ana@" + strings.TrimPrefix(w.URL, "https://"), Store: p.store, Kept: kept, HTTP: w.Client()})
	if err != nil {
		t.Fatal(err)
	}
	return payee
}

func TestAddressConforms(t *testing.T) {
	railtest.Conform(t, func(t *testing.T) *railtest.Bench {
		net := &lndtest.Network{}
		w, bob := openWallet(t, net.New(t)), net.New(t)
		var kept, spent lndtest.File
		return bench(t, lnaddress.Name, sat(2500), func(a, b *party) (market.Payee, market.Payer) {
			return w.at(t, a, &kept), lightning.Plain(b.lightning(bob, &spent, true))
		})
	})
}

// Bought from somebody without a Lightning node: the buyer shows the preimage, also after both have crashed.
func TestBuyingAtAnAddress(t *testing.T) {
	net := &lndtest.Network{}
	town, ctx := newTown(t), within(t)
	ana, bo := town.settle(1), town.settle(2)
	w, bob := openWallet(t, net.New(t)), net.New(t)
	var kept, spent lndtest.File
	ana.rails = func() map[string]market.Rail {
		return map[string]market.Rail{lnaddress.Name: {Payee: w.at(t, ana, &kept), Cur: ledger.Bitcoin}}
	}
	bo.rails = func() map[string]market.Rail {
		return map[string]market.Rail{lnaddress.Name: {Payer: lightning.Plain(bo.lightning(bob, &spent, true)), Cur: ledger.Bitcoin}}
	}
	ana.crash()
	bo.crash()
	ana.evening(50, sat(2500))
	want := bo.wants(ana, lnaddress.Name)
	want.Price = sat(2500)
	if got, err := bo.Buy(ctx, want); err != nil || len(got.Tickets) != 1 {
		t.Fatalf("%+v, %v", got, err)
	}
	town.breakAt(&cut{at: 6})
	if _, err := bo.Buy(ctx, want); err == nil {
		t.Error("the stream broke, and the ticket is there")
	}
	ana.crash()
	bo.crash()
	if err := bo.Resume(ctx); err != nil {
		t.Error(err)
	}
	if n := len(bo.tickets()); n != 2 || net.Moved() != 2 || ana.has(ledger.Asset(lnaddress.Name)) != 5_000_000 {
		t.Errorf("%d tickets, money moved %d times", n, net.Moved())
	}
}

// Attack: a wallet whose invoice is over another sum, for somebody else, expired, the same for two orders, or no invoice at all; or
// that sends its callers elsewhere. Nobody is quoted such a thing.
func TestWalletsThatAreRefused(t *testing.T) {
	net := &lndtest.Network{}
	ana := newTown(t).settle(1)
	node := net.New(t)
	again := node.Invoice(2_500_000, purposeOf(metadata), time.Hour)
	for name, c := range map[string]struct {
		wrong  func(*wallet)
		amount ledger.Money
	}{
		"more":             {func(w *wallet) { w.more = 1 }, sat(2500)},
		"less":             {func(w *wallet) { w.more = -1 }, sat(2500)},
		"somebody else":    {func(w *wallet) { w.about = strings.ReplaceAll(metadata, "ana", "eve") }, sat(2500)},
		"expired":          {func(w *wallet) { w.life = time.Nanosecond }, sat(2500)},
		"no invoice":       {func(w *wallet) { w.answer = `{"pr":"lnsb1"}` }, sat(2500)},
		"an error":         {func(w *wallet) { w.answer = `{"status":"ERROR","reason":"no"}` }, sat(2500)},
		"not JSON":         {func(w *wallet) { w.answer = "<html>" }, sat(2500)},
		"endless":          {func(w *wallet) { w.answer = `{"pr":"` + strings.Repeat("a", 1<<20) + `"}` }, sat(2500)},
		"too small for it": {func(*wallet) {}, ledger.Money{Amount: 999, Cur: ledger.Bitcoin}},
		"too large for it": {func(*wallet) {}, sat(5001)},
		"another currency": {func(*wallet) {}, eur(500)},
		"a redirect":       {func(w *wallet) { w.handler = http.RedirectHandler("https://127.0.0.1:1/", http.StatusFound) }, sat(2500)},
		"a plain callback": {func(w *wallet) {
			w.handler = says(`{"tag":"payRequest","callback":"http://127.0.0.1:1/","minSendable":1,"maxSendable":9000000,"metadata":"[]"}`)
		}, sat(2500)},
		"not made to pay":   {func(w *wallet) { w.handler = says(`{"tag":"withdrawRequest"}`) }, sat(2500)},
		"one for two times": {func(w *wallet) { w.answer = `{"pr":"` + again + `"}` }, sat(2500)},
	} {
		w := openWallet(t, node)
		payee := w.at(t, ana, &lndtest.File{})
		ask := func(n byte) error {
			_, err := payee.Create(t.Context(), market.Request{Ref: ledger.ID{n}, Amount: c.amount, Expires: time.Now().Add(time.Minute)})
			return err
		}
		c.wrong(w)
		err := ask(1)
		if w.answer == `{"pr":"`+again+`"}` && err == nil {
			err = ask(2)
		}
		if err == nil {
			t.Errorf("%s: quoted", name)
		}
	}
}

func says(what string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(what)) })
}

func purposeOf(s string) []byte {
	sum := sha256.Sum256([]byte(s))
	return sum[:]
}

// Attack: who has not paid shows a preimage of something else.
func TestProofsThatAnAddressRefuses(t *testing.T) {
	net := &lndtest.Network{}
	ana := newTown(t).settle(1)
	w := openWallet(t, net.New(t))
	payee := w.at(t, ana, &lndtest.File{})
	inv, err := payee.Create(t.Context(), market.Request{Ref: ledger.ID{1}, Amount: sat(25), Expires: time.Now().Add(time.Minute)})
	if err != nil {
		t.Fatal(err)
	}
	bill := market.Bill{Ref: ledger.ID{1}, Request: inv.Request, Total: sat(25)}
	for _, proof := range [][]byte{nil, {1}, make([]byte, 32), make([]byte, 64)} {
		if ev, err := payee.Take(t.Context(), bill, proof); !errors.Is(err, ledger.ErrMismatch) {
			t.Errorf("%x: %s, %v", proof, ev.State, err)
		}
	}
}

func TestAddresses(t *testing.T) {
	for _, good := range []string{"ana@wallet.example", "a.n-a_1+x@wallet.example:8443"} {
		if err := lnaddress.Check(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{"", "ana", "@wallet.example", "ana@", "ana@localhost", "Ana@wallet.example", "ana@wallet.example/x", "ana@wallet.example?x",
		"an/a@wallet.example", "../ana@wallet.example", "ana@eve@wallet.example", "ana@wallet.example#", "a a@wallet.example", strings.Repeat("a", 200) + "@b.c"} {
		if err := lnaddress.Check(bad); !errors.Is(err, lnaddress.ErrAddress) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// The address is signed into the ledger once, and again when it is another one or has nearly run out.
func TestAddressIsSigned(t *testing.T) {
	ana := newTown(t).settle(1)
	now := time.Now()
	for i, c := range []struct {
		address string
		at      time.Time
		entries int
	}{
		{"ana@wallet.example", now, 1},
		{"ana@wallet.example", now.Add(time.Hour), 1},
		{"ana@other.example", now.Add(2 * time.Hour), 2},
		{"ana@other.example", now.Add(360 * 24 * time.Hour), 3},
	} {
		if err := ana.Receives(lnaddress.Name, c.address, c.at); err != nil {
			t.Fatal(err)
		}
		if n := ana.kinds()[ledger.KindRailKey]; n != c.entries {
			t.Errorf("step %d: %d entries", i, n)
		}
	}
}
