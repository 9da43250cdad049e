package web

import (
	"net/http"

	"salon/ledger"
	"salon/node"
	"salon/node/market/lnd"
	"salon/node/market/nwc"
	"salon/node/market/stripe"
)

// Secrets go into the node by these calls, and come out by none.

type railList struct {
	Rails []node.RailView `json:"rails"`
}

func (s *Server) rails(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, railList{s.n.Rails()})
}

// railed answers a change of the ways of paying.
func (s *Server) railed(w http.ResponseWriter, r *http.Request, err error) {
	if err != nil {
		fail(w, err)
		return
	}
	s.rails(w, r)
}

type lndBody struct {
	REST     string `json:"rest"`
	Macaroon string `json:"macaroon"` // in hex
	Cert     string `json:"cert"`     // in PEM
	limitsBody
}

type limitsBody struct {
	MaxPayment string `json:"max_payment"`
	MaxDay     string `json:"max_day"`
}

// limits are the sums, which of lnd may be empty.
func (b limitsBody) limits(w http.ResponseWriter) (payment, day ledger.Money, ok bool) {
	ok = readMoney(w, b.MaxPayment, &payment) && readMoney(w, b.MaxDay, &day)
	return payment, day, ok
}

// setLnd asks lnd before it says that it is set up. With limits salon may pay by it.
func (s *Server) setLnd(w http.ResponseWriter, r *http.Request, body lndBody) {
	c := lnd.Config{REST: body.REST, Macaroon: lnd.Secret(body.Macaroon), Cert: body.Cert, Pays: body.MaxPayment != "" || body.MaxDay != ""}
	if c.Pays {
		var ok bool
		if c.MaxPayment, c.MaxDay, ok = body.limits(w); !ok {
			return
		}
	}
	s.railed(w, r, s.n.AddLnd(r.Context(), c))
}

type nwcBody struct {
	Connection string `json:"connection"` // as the wallet gives it
	limitsBody
}

// setNWC asks the wallet before it says that it is set up. With limits salon may pay by it.
func (s *Server) setNWC(w http.ResponseWriter, r *http.Request, body nwcBody) {
	c := nwc.Config{URI: nwc.Secret(body.Connection), Pays: body.MaxPayment != "" || body.MaxDay != ""}
	if c.Pays {
		var ok bool
		if c.MaxPayment, c.MaxDay, ok = body.limits(w); !ok {
			return
		}
	}
	s.railed(w, r, s.n.AddNWC(r.Context(), c))
}

type stripeBody struct {
	Key    string `json:"key"`    // a restricted one
	Return string `json:"return"` // where Stripe sends who has paid
	Base   string `json:"base"`   // of a test: a Stripe on loopback
}

func (s *Server) setStripe(w http.ResponseWriter, r *http.Request, body stripeBody) {
	s.railed(w, r, s.n.AddStripe(r.Context(), stripe.Config{Key: stripe.Secret(body.Key), Return: body.Return, Base: body.Base}))
}

type lnAddressBody struct {
	Address string `json:"address"`
}

func (s *Server) setLnAddress(w http.ResponseWriter, r *http.Request, body lnAddressBody) {
	s.railed(w, r, s.n.AddAddress(r.Context(), body.Address))
}

func (s *Server) limitRail(w http.ResponseWriter, r *http.Request, body limitsBody) {
	if payment, day, ok := body.limits(w); ok {
		s.railed(w, r, s.n.LimitRail(r.PathValue("rail"), payment, day))
	}
}

func (s *Server) removeRail(w http.ResponseWriter, r *http.Request) {
	s.railed(w, r, s.n.RemoveRail(r.PathValue("rail")))
}

func (s *Server) purse(w http.ResponseWriter, r *http.Request) {
	v, err := s.n.Purse(r.Context(), r.PathValue("rail"))
	if err != nil {
		fail(w, err)
		return
	}
	writeJSON(w, http.StatusOK, v)
}
