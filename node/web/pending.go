package web

import (
	"net/http"

	"salon/node"
)

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
