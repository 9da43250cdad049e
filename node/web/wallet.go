package web

import (
	"net/http"

	"rsc.io/qr"

	"salon/node"
)

func (s *Server) evidence(w http.ResponseWriter, r *http.Request, l *node.Ledger) {
	v, err := l.Evidence(r.PathValue("entry"))
	if err != nil {
		fail(w, err)
		return
	}
	writeJSON(w, http.StatusOK, v)
}

// ticketQR draws a ticket. Who copies it has nothing: to go in takes the key that holds it, too.
func (s *Server) ticketQR(w http.ResponseWriter, r *http.Request) {
	text, err := s.n.TicketText(r.PathValue("ticket"))
	if err != nil {
		fail(w, err)
		return
	}
	drawQR(w, text, qr.L)
}
