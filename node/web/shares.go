package web

import (
	"cmp"
	"net/http"

	"salon/ledger"
)

// shares says what others are owed of what one sells, and what one is owed oneself.
func (s *Server) shares(w http.ResponseWriter, r *http.Request) {
	s.writeShares(w, r.URL.Query().Get("room"))
}

func (s *Server) writeShares(w http.ResponseWriter, room string) {
	v, err := s.n.Shares(room)
	if err != nil {
		fail(w, err)
		return
	}
	writeJSON(w, http.StatusOK, v)
}

// askShares asks everybody who may owe shares; who cannot be reached is asked again by the node.
func (s *Server) askShares(w http.ResponseWriter, r *http.Request) {
	_ = s.n.AskShares(r.Context())
	s.writeShares(w, "")
}

type payoutBody struct {
	Rail  string `json:"rail"`  // empty: iou
	Means string `json:"means"` // by hand; empty: bank
	Least string `json:"least"` // empty: the usual
}

func (s *Server) payOut(w http.ResponseWriter, r *http.Request, body payoutBody) {
	var least ledger.Money
	if body.Least != "" && !readMoney(w, body.Least, &least) {
		return
	}
	v, err := s.n.PayOut(r.Context(), cmp.Or(body.Rail, ledger.IOURail), cmp.Or(body.Means, "bank"), least)
	if err != nil {
		fail(w, err)
		return
	}
	writeJSON(w, http.StatusOK, v)
}

type notSentBody struct {
	Payment string `json:"payment"`
	Gone    bool   `json:"wallet_gone"`
}

func (s *Server) notSent(w http.ResponseWriter, _ *http.Request, body notSentBody) {
	v, err := s.n.NotSent(body.Payment, body.Gone)
	if err != nil {
		fail(w, err)
		return
	}
	writeJSON(w, http.StatusOK, v)
}
