package web

import (
	"net/http"

	"salon/ledger"
	"salon/ledger/doc"
	"salon/node"
)

type settleBody struct {
	Person string `json:"person"`
	Money  string `json:"money"`
	Means  string `json:"means"` // empty: cash
}

// settleDebt tells somebody that a debt was paid. It is in no ledger before they have confirmed it.
func (s *Server) settleDebt(w http.ResponseWriter, r *http.Request, body settleBody) {
	who, ok := keyOf(w, body.Person)
	if !ok {
		return
	}
	money, ok := moneyOf(w, body.Money)
	if !ok {
		return
	}
	if body.Means == "" {
		body.Means = "cash"
	}
	if err := s.n.SettleDebt(r.Context(), who, money, body.Means); err != nil {
		fail(w, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// moneyOf reads an amount.
func moneyOf(w http.ResponseWriter, s string) (ledger.Money, bool) {
	money, err := ledger.ParseMoney(s)
	if err != nil {
		writeError(w, http.StatusBadRequest, "bad_price", "Say how much, such as 5 EUR or 2500 sat.")
	}
	return money, err == nil
}

type claimList struct {
	Claims []node.ClaimView `json:"claims"`
}

func (s *Server) claims(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, claimList{s.n.Claims()})
}

type receivedBody struct {
	Claim string `json:"claim"`
}

func (s *Server) moneyReceived(w http.ResponseWriter, _ *http.Request, body receivedBody) {
	v, err := s.n.MoneyReceived(body.Claim)
	if err != nil {
		fail(w, err)
		return
	}
	writeJSON(w, http.StatusOK, v)
}

type creditList struct {
	Credits []node.CreditView `json:"credits"`
}

func (s *Server) credits(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, creditList{s.n.Credits()})
}

type creditBody struct {
	Person string `json:"person"` // empty: anybody
	Money  string `json:"money"`
}

func (s *Server) setCredit(w http.ResponseWriter, r *http.Request, body creditBody) {
	var who doc.PublicKey
	if body.Person != "" {
		var ok bool
		if who, ok = keyOf(w, body.Person); !ok {
			return
		}
	}
	money, ok := moneyOf(w, body.Money)
	if !ok {
		return
	}
	if err := s.n.SetCredit(who, money); err != nil {
		fail(w, err)
		return
	}
	s.credits(w, r)
}
