package web

import (
	"net/http"

	"salon/node"
	"salon/room"
)

// tree is the tree that carries a room of ours.
func (s *Server) tree(w http.ResponseWriter, _ *http.Request, rm *node.Room) {
	v, err := rm.Tree()
	if err != nil {
		fail(w, err)
		return
	}
	writeJSON(w, http.StatusOK, v)
}

// records asks the relays of a room of ours what they carried.
func (s *Server) records(w http.ResponseWriter, r *http.Request, rm *node.Room) {
	v, err := rm.Records(r.Context())
	if err != nil {
		fail(w, err)
		return
	}
	writeJSON(w, http.StatusOK, v)
}

type serviceList struct {
	Rooms []node.ServiceView `json:"rooms"`
}

// services lists what this relay can show for the rooms that it carried.
func (s *Server) services(w http.ResponseWriter, _ *http.Request) {
	list, err := s.n.Services()
	if err != nil {
		fail(w, err)
		return
	}
	writeJSON(w, http.StatusOK, serviceList{list})
}

// service is what this relay can show for one room, the signed records included.
func (s *Server) service(w http.ResponseWriter, r *http.Request) {
	id, err := room.ParseID(r.PathValue("id"))
	if err != nil {
		writeError(w, http.StatusBadRequest, "bad_room", "That is not a room's ID: it has 26 letters and digits.")
		return
	}
	v, err := s.n.Service(id)
	if err != nil {
		fail(w, err)
		return
	}
	writeJSON(w, http.StatusOK, v)
}
