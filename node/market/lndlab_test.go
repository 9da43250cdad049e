//go:build lnd

package market_test

import (
	"encoding/hex"
	"os"
	"testing"

	"salon/node/market"
	"salon/node/market/lnd"
	"salon/node/market/lnd/lndlab"
	"salon/node/market/lnd/lndtest"
	"salon/node/market/railtest"
)

// The rail at real nodes keeps to what it keeps to at those of lndtest.
func TestRealLndConforms(t *testing.T) {
	lab := lndlab.Start(t)
	open := func(t *testing.T, p *party, at *lndlab.Node, spent *lndtest.File) market.Rail {
		t.Helper()
		cert, err := os.ReadFile(at.Cert())
		if err != nil {
			t.Fatal(err)
		}
		macaroon, err := os.ReadFile(at.Macaroon("admin"))
		if err != nil {
			t.Fatal(err)
		}
		rail, err := lnd.New(lnd.Config{REST: at.REST, Cert: string(cert), Macaroon: lnd.Secret(hex.EncodeToString(macaroon)),
			Pays: true, MaxPayment: sat(10_000), MaxDay: sat(50_000)}, lnd.Options{Key: p.id.Device(), Spent: spent})
		if err != nil {
			t.Fatal(err)
		}
		return rail
	}
	railtest.Conform(t, func(t *testing.T) *railtest.Bench {
		var spentA, spentB lndtest.File
		var payer market.Payer
		b := bench(t, lnd.Name, sat(2500), func(a, b *party) (market.Payee, market.Payer) {
			payer = open(t, b, lab.Alice, &spentB).Payer
			return open(t, a, lab.Bob, &spentA).Payee, payer
		})
		b.Back = func(t *testing.T) string {
			to, err := payer.(market.Backer).Back(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return to
		}
		return b
	})
}
