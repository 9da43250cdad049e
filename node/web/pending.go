package web

import (
	"net/http"

	"rsc.io/qr"

	"salon/node"
)

// pendingQR draws what is to be paid by hand.
func (s *Server) pendingQR(w http.ResponseWriter, r *http.Request) {
	text, err := s.n.PendingRequest(r.PathValue("order"))
	if err != nil {
		fail(w, err)
		return
	}
	drawQR(w, text, qr.L)
}

type pendingList struct {
	Pending []node.PendingView `json:"pending"`
}

func (s *Server) pending(w http.ResponseWriter, _ *http.Request) {
	list, err := s.n.Pending()
	if err != nil {
		fail(w, err)
		return
	}
	writeJSON(w, http.StatusOK, pendingList{list})
}

type remittanceBody struct {
	Preimage string `json:"preimage"`
}

// remittance shows that an order was paid whose seller gives no receipt.
func (s *Server) remittance(w http.ResponseWriter, r *http.Request, body remittanceBody) {
	v, err := s.n.Remittance(r.Context(), r.PathValue("order"), body.Preimage)
	if err != nil {
		fail(w, err)
		return
	}
	writeJSON(w, http.StatusOK, v)
}
