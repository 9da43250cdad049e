package web

import (
	"net/http"

	"salon/node"
)

func (s *Server) takings(w http.ResponseWriter, _ *http.Request, rm *node.Room) {
	v, err := rm.Sales()
	if err != nil {
		fail(w, err)
		return
	}
	writeJSON(w, http.StatusOK, v)
}
