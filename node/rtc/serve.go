package rtc

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"time"
)

const (
	maxBody     = 64 << 10 // bytes of a request; a browser's offer has 3 to 8 kB
	maxRequests = 32       // under way at once; each may hold a body
	sdpType     = "application/sdp"
	trickleType = "application/trickle-ice-sdpfrag"
)

// A Refusal is a request that was not served. OnSession may return one to choose what the client is told.
type Refusal struct {
	Status int    // HTTP status
	Name   string // a constant, counted in Stats.Refused
	Text   string // what to do, made to be shown
}

// Error is the text.
func (r *Refusal) Error() string { return r.Text }

func refusal(status int, name, text string) *Refusal { return &Refusal{status, name, text} }

func refuseAsText(w http.ResponseWriter, _ *http.Request, r *Refusal) {
	http.Error(w, r.Text, r.Status)
}

// An Offer is what the node is ready to do with a client's offer.
type Offer struct {
	Stereo     bool // concert: two channels, no FEC; else one channel with in-band FEC
	MaxBitrate int  // bit/s asked of a publisher; 0 means 40,000, or 128,000 in stereo

	// OnSession gets the session before the client has its answer; frames flow once it is connected. An error ends
	// it: the client is told a *Refusal as it is, and anything else as 403 with the error's text. Nil means accept.
	OnSession func(*Session) error
}

// ServeWHIP answers a request to publish (RFC 9725): POST with an SDP offer, or OPTIONS.
func (e *Endpoint) ServeWHIP(w http.ResponseWriter, r *http.Request, o Offer) {
	e.serve(w, r, func() *Refusal { return e.create(w, r, Publish, o) })
}

// ServeWHEP answers a request to play (draft-ietf-wish-whep): POST with an SDP offer, or OPTIONS.
func (e *Endpoint) ServeWHEP(w http.ResponseWriter, r *http.Request, o Offer) {
	e.serve(w, r, func() *Refusal { return e.create(w, r, Play, o) })
}

// ServeSession answers a request about the session named id: PATCH with candidates, DELETE, or OPTIONS.
func (e *Endpoint) ServeSession(w http.ResponseWriter, r *http.Request, id string) {
	e.serve(w, r, func() *Refusal { return e.change(w, r, id) })
}

// serve bounds how many requests are under way and how long each may take to arrive, and counts refusals.
func (e *Endpoint) serve(w http.ResponseWriter, r *http.Request, do func() *Refusal) {
	// The deadline stays on for a refused request: the server reads what is left of its body before the next one.
	// A writer without deadlines is a test's.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(e.opts.BodyWithin))
	var no *Refusal
	select {
	case e.requests <- struct{}{}:
		no = do()
		<-e.requests
	default:
		no = refusal(http.StatusServiceUnavailable, "too_many_requests",
			"This node is busy with other requests; try again in a few seconds.")
	}
	if no == nil {
		return
	}
	e.refused.add(no.Name)
	e.opts.Log.Info("request refused", "method", r.Method, "why", no.Name)
	if no.Status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "5")
	}
	e.opts.Refuse(w, r, no)
}

func (e *Endpoint) create(w http.ResponseWriter, r *http.Request, kind Kind, o Offer) *Refusal {
	switch r.Method {
	case http.MethodPost:
	case http.MethodOptions:
		w.Header().Set("Accept-Post", sdpType)
		allow(w, "OPTIONS, POST")
		w.WriteHeader(http.StatusNoContent)
		return nil
	default:
		allow(w, "OPTIONS, POST")
		return refusal(http.StatusMethodNotAllowed, "wrong_method", "Use POST with an SDP offer.")
	}
	body, no := readBody(w, r, sdpType)
	if no != nil {
		return no
	}
	offer, no := parseOffer(body, kind)
	if no != nil {
		return no
	}
	s := newSession(e, kind, o.Stereo)
	if no := e.admit(s); no != nil {
		return no
	}
	s.ufrag = offer.attribute("ice-ufrag")
	answer, err := s.open(r.Context(), offer, o)
	if err != nil {
		s.abandon(ErrRefused)
		e.opts.Log.Debug("negotiate", "err", err)
		return refusal(http.StatusUnprocessableEntity, "not_negotiable",
			"This offer cannot be answered; offer one Opus track over DTLS, ICE and UDP.")
	}
	if no := e.handOver(s, o); no != nil {
		return no
	}
	h := w.Header()
	h.Set("Content-Type", sdpType)
	h.Set("Location", e.opts.Resource+s.id)
	h.Set("ETag", s.etag())
	h.Set("Accept-Patch", trickleType)
	h.Add("Access-Control-Expose-Headers", "Location, Link, ETag")
	w.WriteHeader(http.StatusCreated)
	_, _ = io.WriteString(w, answer) // a client that has gone never connects, and is ended for that
	return nil
}

// handOver gives a session that runs to whom it is for; refused, it has ended when this returns.
func (e *Endpoint) handOver(s *Session, o Offer) *Refusal {
	if o.OnSession != nil {
		if err := o.OnSession(s); err != nil {
			s.stop(ErrRefused)
			<-s.done
			if no, ok := errors.AsType[*Refusal](err); ok {
				return no
			}
			return refusal(http.StatusForbidden, "not_allowed", err.Error())
		}
	}
	e.mu.Lock()
	e.opened++
	e.mu.Unlock()
	return nil
}

func (e *Endpoint) change(w http.ResponseWriter, r *http.Request, id string) *Refusal {
	switch r.Method {
	case http.MethodPatch, http.MethodDelete:
	case http.MethodOptions:
		w.Header().Set("Accept-Patch", trickleType)
		allow(w, "DELETE, OPTIONS, PATCH")
		w.WriteHeader(http.StatusNoContent)
		return nil
	default:
		allow(w, "DELETE, OPTIONS, PATCH")
		return refusal(http.StatusMethodNotAllowed, "wrong_method", "Use PATCH with candidates, or DELETE.")
	}
	s, ok := e.Session(id)
	if !ok {
		return refusal(http.StatusNotFound, "unknown_session", "This session has ended; post a new offer.")
	}
	if r.Method == http.MethodDelete {
		s.stop(ErrDeleted)
		<-s.done
		w.WriteHeader(http.StatusOK)
		return nil
	}
	if s.pc == nil && s.player == nil {
		return refusal(http.StatusUnprocessableEntity, "no_candidates", "This session runs over a WebSocket, which takes no candidates.")
	}
	// A client that sends no If-Match is let in: without ICE restarts a session has only one ETag.
	if m := r.Header.Get("If-Match"); m != "" && m != "*" && m != s.etag() {
		return refusal(http.StatusPreconditionFailed, "wrong_etag", "These candidates belong to another session; post a new offer.")
	}
	body, no := readBody(w, r, trickleType)
	if no != nil {
		return no
	}
	if no := s.trickle(body); no != nil {
		return no
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func allow(w http.ResponseWriter, methods string) { w.Header().Set("Allow", methods) }

func (s *Session) etag() string { return `"` + s.id[:8] + `"` }

// readBody reads a body of the type wanted, within the bounds of size and time.
func readBody(w http.ResponseWriter, r *http.Request, want string) (string, *Refusal) {
	if t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || t != want {
		return "", refusal(http.StatusUnsupportedMediaType, "wrong_type", "Send Content-Type: "+want+".")
	}
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return "", refusal(http.StatusRequestEntityTooLarge, "too_large", fmt.Sprintf("Send at most %d bytes.", maxBody))
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return "", refusal(http.StatusRequestTimeout, "too_slow", "The request took too long to arrive; send it again.")
	}
	if err != nil {
		return "", refusal(http.StatusBadRequest, "broken_body", "The request broke off; send it again.")
	}
	return string(b), nil
}
