package web

import (
	"net/http"
	"time"
)

func (s *Server) keysKept(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, s.n.KeysKept())
}

type laterBody struct {
	Later bool `json:"later"`
}

// keepKeysLater notes that the person was asked to save their keys.
func (s *Server) keepKeysLater(w http.ResponseWriter, r *http.Request, body laterBody) {
	if err := s.n.KeepKeysLater(body.Later); err != nil {
		fail(w, err)
		return
	}
	s.keysKept(w, r)
}

type exportBody struct {
	Passphrase string `json:"passphrase"`
}

// exportKeys sends keys and ledger as one encrypted file.
func (s *Server) exportKeys(w http.ResponseWriter, _ *http.Request, body exportBody) {
	sealed, err := s.n.ExportKeys(body.Passphrase, time.Now())
	if err != nil {
		fail(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	_, _ = w.Write(sealed) // who has gone asks again
}
