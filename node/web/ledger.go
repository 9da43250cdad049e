package web

import (
	"encoding/json"
	"net/http"
	"strconv"

	"salon/ledger/doc"
	"salon/node"
)

// ndjson is the content type of an answer that is one JSON object a line.
const ndjson = "application/x-ndjson"

// withLedger is a call about the node's ledger, nil if it has none.
func (s *Server) withLedger(f func(http.ResponseWriter, *http.Request, *node.Ledger)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		l, err := s.n.Ledger()
		if err != nil {
			fail(w, err)
			return
		}
		f(w, r, l)
	}
}

func (s *Server) ledger(w http.ResponseWriter, _ *http.Request, l *node.Ledger) {
	v, err := l.View()
	if err != nil {
		fail(w, err)
		return
	}
	writeJSON(w, http.StatusOK, v)
}

// ledgerEntries sends every entry as a line, or the last few. A ledger can be long: who reads slowly holds nothing up, and what breaks off
// has no end (the last chunk is missing).
func (s *Server) ledgerEntries(w http.ResponseWriter, r *http.Request, l *node.Ledger) {
	each := l.Entries
	if q := r.URL.Query().Get("last"); q != "" {
		last, err := strconv.ParseUint(q, 10, 64)
		if err != nil {
			writeError(w, http.StatusBadRequest, "bad_last", "last is how many entries to list.")
			return
		}
		each = func(f func(node.EntryView) error) error { return l.Last(last, f) }
	}
	w.Header().Set("Content-Type", ndjson)
	e := json.NewEncoder(w)
	if err := each(func(v node.EntryView) error { return e.Encode(v) }); err != nil {
		s.n.Log().Warn("ledger entries", "err", err)
		panic(http.ErrAbortHandler)
	}
}

func (s *Server) verifyLedger(w http.ResponseWriter, _ *http.Request, l *node.Ledger) {
	writeJSON(w, http.StatusOK, l.Verify())
}

func (s *Server) auditLedger(w http.ResponseWriter, r *http.Request) {
	who, err := doc.ParsePublicKey(r.PathValue("person"))
	if err != nil {
		writeError(w, http.StatusBadRequest, "bad_person", "That is not a person's ID: it has 52 letters and digits.")
		return
	}
	v, err := s.n.Audit(r.Context(), who)
	if err != nil {
		fail(w, err)
		return
	}
	writeJSON(w, http.StatusOK, v)
}

// backupLedger sends all entries as a segment.
func (s *Server) backupLedger(w http.ResponseWriter, _ *http.Request, l *node.Ledger) {
	if l == nil {
		fail(w, l.Backup(w)) // it says why
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	if err := l.Backup(w); err != nil {
		s.n.Log().Warn("ledger backup", "err", err)
		panic(http.ErrAbortHandler)
	}
}
