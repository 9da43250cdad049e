package web

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"rsc.io/qr"

	"salon/ledger/doc"
	"salon/node"
	"salon/room"
)

const maxBody = 64 << 10

// A call is one entry of the API. openapi.json says what it is for, and a test holds that file and the calls together.
type call struct {
	pattern string       // ServeMux's; without a method the call itself refuses those it does not know
	body    reflect.Type // of the JSON that it takes; nil: none, or no JSON
	serve   http.HandlerFunc
}

// taking is a call that reads a JSON body first.
func taking[B any](s *Server, pattern string, f func(w http.ResponseWriter, r *http.Request, body B)) call {
	return call{pattern, reflect.TypeFor[B](), func(w http.ResponseWriter, r *http.Request) {
		var body B
		if s.decode(w, r, &body) {
			f(w, r, body)
		}
	}}
}

func (s *Server) calls() []call {
	return []call{
		{"GET /api/v1/openapi.json", nil, serveDescription},
		{"GET /api/v1/status", nil, func(w http.ResponseWriter, r *http.Request) { writeJSON(w, http.StatusOK, s.status()) }},
		taking(s, "PUT /api/v1/name", s.setName),
		taking(s, "PUT /api/v1/volunteer", s.setVolunteer),
		{"GET /api/v1/rooms", nil, func(w http.ResponseWriter, r *http.Request) { writeJSON(w, http.StatusOK, s.rooms()) }},
		taking(s, "POST /api/v1/rooms", s.startRoom),
		taking(s, "POST /api/v1/preview", s.preview),
		taking(s, "POST /api/v1/join", s.join),
		{"GET /api/v1/joined", nil, func(w http.ResponseWriter, r *http.Request) { writeJSON(w, http.StatusOK, s.joined()) }},
		{"GET /api/v1/rooms/{id}", nil, s.inRoom(func(w http.ResponseWriter, r *http.Request, rm *node.Room) {
			writeJSON(w, http.StatusOK, rm.View())
		})},
		{"GET /api/v1/rooms/{id}/stats", nil, s.inRoom(func(w http.ResponseWriter, r *http.Request, rm *node.Room) {
			writeJSON(w, http.StatusOK, rm.Stats())
		})},
		{"GET /api/v1/rooms/{id}/tree", nil, s.inRoom(s.tree)},
		{"GET /api/v1/rooms/{id}/records", nil, s.inRoom(s.records)},
		{"GET /api/v1/rooms/{id}/sales", nil, s.inRoom(s.takings)},
		{"GET /api/v1/rooms/{id}/people", nil, s.inRoom(s.inside)},
		{"GET /api/v1/rooms/{id}/chat", nil, s.inRoom(s.chat)},
		{"GET /api/v1/rooms/{id}/tips", nil, s.inRoom(s.tipsOf)},
		taking(s, "POST /api/v1/rooms/{id}/do", s.do),
		{"GET /api/v1/rooms/{id}/qr.svg", nil, s.inRoom(s.qr)},
		{"/api/v1/rooms/{id}/whip", nil, s.inRoom(s.whip)},
		{"/api/v1/rooms/{id}/whep", nil, s.inRoom(s.whep)},
		{"POST /api/v1/rooms/{id}/socket/publish", nil, s.inRoom(s.publishSocket)},
		{"POST /api/v1/rooms/{id}/socket/play", nil, s.inRoom(s.playSocket)},
		{"PUT /api/v1/rooms/{id}/speak", nil, s.inRoom(s.speak)},
		{"GET /api/v1/rooms/{id}/listen", nil, s.inRoom(s.listen)},
		{"/api/v1/media/{session}", nil, func(w http.ResponseWriter, r *http.Request) {
			s.rtc.ServeSession(w, r, r.PathValue("session"))
		}},
		{"GET " + socketPath, nil, func(w http.ResponseWriter, r *http.Request) {
			s.rtc.ServeSocket(w, r, r.URL.Query().Get("ticket"))
		}},
		{"GET /api/v1/people", nil, func(w http.ResponseWriter, r *http.Request) { writeJSON(w, http.StatusOK, s.people()) }},
		taking(s, "PUT /api/v1/people/{person}", s.setPerson),
		{"GET /api/v1/tickets", nil, s.tickets},
		taking(s, "POST /api/v1/tickets", s.buyTickets),
		taking(s, "POST /api/v1/tickets/offers", s.onSale),
		taking(s, "PUT /api/v1/tickets/offers", s.offerTickets),
		taking(s, "POST /api/v1/tickets/sold", s.soldTickets),
		taking(s, "POST /api/v1/tickets/refund", s.refundTickets),
		taking(s, "POST /api/v1/tickets/cancel", s.cancelTickets),
		taking(s, "POST /api/v1/tickets/close", s.closeSale),
		{"GET /api/v1/tickets/sales", nil, s.ownSales},
		{"GET /api/v1/tickets/due", nil, s.dues},
		taking(s, "POST /api/v1/tickets/sent", s.sentBack),
		taking(s, "POST /api/v1/tickets/give", s.giveTicket),
		taking(s, "POST /api/v1/tickets/transfer", s.transferTicket),
		taking(s, "POST /api/v1/tickets/accept", s.acceptTicket),
		taking(s, "POST /api/v1/tickets/check", s.checkTicket),
		{"POST /api/v1/tickets/news", nil, s.newsOfTickets},
		taking(s, "POST /api/v1/tips", s.tip),
		taking(s, "POST /api/v1/tips/ways", s.tipWays),
		{"GET /api/v1/tickets/pending", nil, s.pending},
		{"GET /api/v1/tickets/pending/{order}/qr.svg", nil, s.pendingQR},
		taking(s, "POST /api/v1/tickets/pending/{order}/proof", s.remittance),
		{"GET /api/v1/tickets/{ticket}/qr.svg", nil, s.ticketQR},
		{"GET /api/v1/tickets/wishes", nil, s.wishes},
		taking(s, "POST /api/v1/tickets/wishes", s.keepWish),
		{"DELETE /api/v1/tickets/wishes/{id}", nil, s.dropWish},
		taking(s, "PUT /api/v1/tickets/wishes/{id}", s.agreeWish),
		{"GET /api/v1/tickets/sellers", nil, s.sellers},
		taking(s, "POST /api/v1/tickets/sellers", s.lendSeats),
		{"DELETE /api/v1/tickets/sellers/{device}", nil, s.takeBackSeats},
		{"GET /api/v1/subscriptions", nil, s.subscriptions},
		taking(s, "POST /api/v1/subscriptions", s.subscribe),
		taking(s, "POST /api/v1/subscriptions/tiers", s.tiers),
		taking(s, "POST /api/v1/subscriptions/offers", s.offerSubscription),
		taking(s, "PUT /api/v1/subscriptions/offers", s.changeSubscription),
		taking(s, "POST /api/v1/subscriptions/end", s.endSubscription),
		taking(s, "POST /api/v1/address", s.address),
		taking(s, "POST /api/v1/charities", s.keepCharity),
		taking(s, "POST /api/v1/peers", s.addPeer),
		{"POST /api/v1/passes", nil, s.issuePass},
		taking(s, "POST "+redeemPath, s.redeemPass),
		{"POST /api/v1/demo", nil, s.demo.start},
		{"DELETE /api/v1/demo", nil, s.demo.end},
		{"POST /api/v1/check", nil, s.checks.create},
		{"/api/v1/check/{id}/whip", nil, s.checks.whip},
		{"/api/v1/check/{id}/whep", nil, s.checks.whep},
		{"POST /api/v1/check/{id}/socket/publish", nil, s.checks.publishSocket},
		{"POST /api/v1/check/{id}/socket/play", nil, s.checks.playSocket},
		{"DELETE /api/v1/check/{id}", nil, s.checks.remove},
		{"GET /api/v1/relay", nil, s.relayed},
		taking(s, "POST /api/v1/relay/block", s.blockRelayed),
		taking(s, "POST /api/v1/relay/unblock", s.unblockRelayed),
		{"GET /api/v1/relay/records", nil, s.services},
		{"GET /api/v1/relay/records/{id}", nil, s.service},
		{"GET /api/v1/keys", nil, s.keysKept},
		taking(s, "PUT /api/v1/keys", s.keepKeysLater),
		taking(s, "POST /api/v1/keys/export", s.exportKeys),
		{"GET /api/v1/ledger", nil, s.withLedger(s.ledger)},
		{"GET /api/v1/ledger/entries", nil, s.withLedger(s.ledgerEntries)},
		{"GET /api/v1/ledger/verify", nil, s.withLedger(s.verifyLedger)},
		{"GET /api/v1/ledger/audit/{person}", nil, s.auditLedger},
		{"GET /api/v1/ledger/evidence/{entry}", nil, s.withLedger(s.evidence)},
		taking(s, "POST /api/v1/ledger/settle", s.settleDebt),
		{"GET /api/v1/ledger/claims", nil, s.claims},
		taking(s, "POST /api/v1/ledger/received", s.moneyReceived),
		{"GET /api/v1/ledger/credit", nil, s.credits},
		taking(s, "PUT /api/v1/ledger/credit", s.setCredit),
		{"GET /api/v1/ledger/shares", nil, s.shares},
		{"POST /api/v1/ledger/shares", nil, s.askShares},
		taking(s, "POST /api/v1/ledger/payout", s.payOut),
		taking(s, "POST /api/v1/ledger/payout/undo", s.notSent),
		{"GET /api/v1/ledger/backup", nil, s.withLedger(s.backupLedger)},
		{"GET /api/v1/rails", nil, s.rails},
		taking(s, "PUT /api/v1/rails/lnd", s.setLnd),
		taking(s, "PUT /api/v1/rails/lnaddress", s.setLnAddress),
		taking(s, "PUT /api/v1/rails/nwc", s.setNWC),
		taking(s, "PUT /api/v1/rails/stripe", s.setStripe),
		taking(s, "PUT /api/v1/rails/{rail}/limits", s.limitRail),
		{"GET /api/v1/rails/{rail}/purse", nil, s.purse},
		{"DELETE /api/v1/rails/{rail}", nil, s.removeRail},
		{"GET /api/v1/events", nil, s.hub.serve},
		{"GET /api/v1/counts", nil, func(w http.ResponseWriter, r *http.Request) { writeJSON(w, http.StatusOK, s.counts()) }},
	}
}

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", files())
	for _, c := range s.calls() {
		mux.HandleFunc(c.pattern, c.serve)
	}
	mux.HandleFunc("/api/", func(w http.ResponseWriter, r *http.Request) {
		writeError(w, http.StatusNotFound, "no_such_call", fmt.Sprintf("There is no %s %s.", r.Method, r.URL.Path))
	})
	return mux
}

func (s *Server) status() node.Status {
	st := s.n.Status()
	st.Version, st.Guests = s.o.Version, s.o.Guests
	return st
}

type roomList struct {
	Rooms []node.RoomCard `json:"rooms"`
}

func (s *Server) rooms() roomList { return roomList{s.n.Directory()} }

type joinedList struct {
	Rooms []node.RoomView `json:"rooms"`
}

// joined lists the rooms we are in, those that are over and were not left included.
func (s *Server) joined() joinedList {
	list := joinedList{[]node.RoomView{}}
	for _, r := range s.n.Rooms() {
		list.Rooms = append(list.Rooms, r.View())
	}
	return list
}

// counts gathers what was refused and dropped, by name, in all parts of the node.
func (s *Server) counts() map[string]uint64 {
	out := s.n.Counts()
	maps.Copy(out, s.refused.snapshot())
	st := s.rtc.Stats()
	for name, n := range st.Refused {
		out["media_refused_"+name] = n
	}
	for name, n := range st.Ended {
		out["media_ended_"+name] = n
	}
	for name, n := range st.Dropped {
		out["media_dropped_"+name] = n
	}
	return out
}

// inRoom is a call about a room that we are in.
func (s *Server) inRoom(f func(http.ResponseWriter, *http.Request, *node.Room)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if rm := s.roomOf(w, r); rm != nil {
			f(w, r, rm)
		}
	}
}

// roomOf finds the room of the path among those we are in; if it is nil, the answer has been given.
func (s *Server) roomOf(w http.ResponseWriter, r *http.Request) *node.Room {
	id, err := room.ParseID(r.PathValue("id"))
	if err != nil {
		writeError(w, http.StatusBadRequest, "bad_room", "That is not a room's ID: it has 26 letters and digits.")
		return nil
	}
	rm := s.n.Room(id)
	if rm == nil {
		writeError(w, http.StatusNotFound, "not_in_room", "You are not in that room. Join it first.")
	}
	return rm
}

// decode reads a JSON body strictly, bounded in size, and by guard in time.
func (s *Server) decode(w http.ResponseWriter, r *http.Request, v any) bool {
	if ct, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); strings.TrimSpace(ct) != "application/json" {
		s.refused.add("api_content_type")
		writeError(w, http.StatusUnsupportedMediaType, "content_type", "Send application/json.")
		return false
	}
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	d.DisallowUnknownFields()
	err := d.Decode(v)
	if err == nil {
		if _, more := d.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("more than one value")
		}
	}
	var tooLong *http.MaxBytesError
	switch {
	case err == nil:
		_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
		return true
	case errors.As(err, &tooLong):
		s.refused.add("api_body_too_long")
		writeError(w, http.StatusRequestEntityTooLarge, "too_long", "The request is longer than 64 KiB.")
	default:
		s.refused.add("api_body_malformed")
		writeError(w, http.StatusBadRequest, "bad_json", "The request is not the JSON this call takes: "+err.Error()+".")
	}
	return false
}

// fail answers with the words the node has for an error.
func fail(w http.ResponseWriter, err error) {
	u := node.Explain(err)
	writeError(w, statusOf(u.Code), u.Code, u.Text)
}

// statusOf is the HTTP status that goes with a code of the node's.
func statusOf(code string) int {
	switch code {
	case "not_allowed", "not_on_stage", "removed":
		return http.StatusForbidden
	case "no_room", "no_hand", "no_line", "no_relay", "no_records", "no_ledger", "no_such_ticket", "nothing_sold", "no_entry", "no_ticket_here", "no_wish", "no_seller", "no_such_claim", "no_such_payment", "no_subscription":
		return http.StatusNotFound
	case "not_connected", "unreachable":
		return http.StatusServiceUnavailable
	case "no_person", "yourself":
		return http.StatusBadRequest
	case "busy", "slow":
		return http.StatusTooManyRequests
	}
	if strings.HasPrefix(code, "bad_") {
		return http.StatusBadRequest
	}
	return http.StatusConflict
}

type nameBody struct {
	Name string `json:"name"`
}

func (s *Server) setName(w http.ResponseWriter, _ *http.Request, body nameBody) {
	if err := s.n.SetName(body.Name); err != nil {
		fail(w, err)
		return
	}
	writeJSON(w, http.StatusOK, s.status())
}

type volunteerBody struct {
	On   bool `json:"on"`
	KBPS int  `json:"kbps"` // 0: as it is
}

func (s *Server) setVolunteer(w http.ResponseWriter, _ *http.Request, body volunteerBody) {
	if err := s.n.SetVolunteer(node.Volunteering(body)); err != nil {
		fail(w, err)
		return
	}
	writeJSON(w, http.StatusOK, s.status())
}

type startBody struct {
	Again      string `json:"again"` // a room by ticket that broke off, instead of all that follows
	Title      string `json:"title"`
	Mode       string `json:"mode"` // empty: talk
	Language   string `json:"language"`
	Starts     int64  `json:"starts"` // unix ms; 0 means at once
	StageOnly  bool   `json:"stage_only"`
	RecordAsks bool   `json:"record_asks"`
	Access     string `json:"access"` // empty: open
	Price      string `json:"price"`  // this and the next two: of a room by ticket
	Seats      uint32 `json:"seats"`
	IOULimit   string `json:"iou_limit"` // that a buyer may owe in all; empty: as it was
	Tax        string `json:"tax"`       // what is stated of tax; empty: nothing

	CoHosts []node.PersonView `json:"co_hosts"` // in order of succession
	Keepers []doc.PublicKey   `json:"keepers"`
	Shares  []node.SplitView  `json:"shares"` // of a room by ticket; null: the usual ones
}

func (s *Server) startRoom(w http.ResponseWriter, _ *http.Request, body startBody) {
	if body.Again != "" {
		rm, err := s.n.TakeUp(body.Again)
		if err != nil {
			fail(w, err)
			return
		}
		writeJSON(w, http.StatusCreated, rm.View())
		return
	}
	mode := room.Talk
	if body.Mode != "" {
		var err error
		if mode, err = room.ParseMode(body.Mode); err != nil {
			writeError(w, http.StatusBadRequest, "bad_mode", `A room's mode is "talk" or "concert".`)
			return
		}
	}
	access := room.Anyone
	if body.Access != "" {
		var err error
		if access, err = room.ParseAccess(body.Access); err != nil {
			writeError(w, http.StatusBadRequest, "bad_access", `A room's access is "open", "invite", "ticket" or "subscribers".`)
			return
		}
	}
	sale, ok := body.sale(w)
	if !ok {
		return
	}
	start := node.Start{Sale: sale, Title: body.Title, Mode: mode, Language: body.Language, StageOnly: body.StageOnly, RecordAsks: body.RecordAsks, Access: access, CoHosts: body.CoHosts, Keepers: body.Keepers}
	if body.Starts != 0 {
		start.Starts = time.UnixMilli(body.Starts)
	}
	rm, err := s.n.StartRoom(start)
	if err != nil {
		fail(w, err)
		return
	}
	writeJSON(w, http.StatusCreated, rm.View())
}

// join answers 201 if the node is in the room because of this call, and 200 if it was in before: only who entered a room
// may leave it again without asking.
func (s *Server) join(w http.ResponseWriter, r *http.Request, body where) {
	ref, ok := body.ref(w)
	if !ok {
		return
	}
	before := s.n.Rooms()
	rm, err := s.n.Join(r.Context(), ref)
	if err != nil {
		fail(w, err)
		return
	}
	status := http.StatusOK
	if !slices.Contains(before, rm) && s.entered.first(s.n, rm) {
		status = http.StatusCreated
		if r.Context().Err() != nil { // nobody is left who would leave it again
			_ = rm.Do(context.WithoutCancel(r.Context()), node.Action{Kind: "leave"})
		}
	}
	writeJSON(w, status, rm.View())
}

// entries are the rooms of which somebody was told that they entered them: of two who ask at once, one did.
type entries struct {
	mu    sync.Mutex // guards the field below
	rooms []*node.Room
}

// first notes a room, and reports whether it was not noted before.
func (e *entries) first(n *node.Node, rm *node.Room) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := n.Rooms()
	e.rooms = slices.DeleteFunc(e.rooms, func(r *node.Room) bool { return !slices.Contains(now, r) })
	if slices.Contains(e.rooms, rm) {
		return false
	}
	e.rooms = append(e.rooms, rm)
	return true
}

type doBody struct {
	Action  string         `json:"action"`
	Person  *doc.PublicKey `json:"person"` // nil: oneself
	Volume  *float64       `json:"volume"` // nil: 1
	Place   int            `json:"place"`
	Seconds int            `json:"seconds"`
	Ref     uint64         `json:"ref"`
	Text    string         `json:"text"`
	Emoji   string         `json:"emoji"`
}

func (s *Server) do(w http.ResponseWriter, r *http.Request, body doBody) {
	rm := s.roomOf(w, r)
	if rm == nil {
		return
	}
	a := node.Action{Kind: body.Action, Place: body.Place, Seconds: body.Seconds, Ref: body.Ref, Text: body.Text, Emoji: body.Emoji}
	if body.Person != nil {
		a.Person = *body.Person
	}
	if a.Volume = 1; body.Volume != nil {
		a.Volume = *body.Volume
	}
	if err := rm.Do(r.Context(), a); err != nil {
		fail(w, err)
		return
	}
	writeJSON(w, http.StatusOK, rm.View())
}

// inside lists a page of those in the room: of names that contain search, after the page that ended with after.
func (s *Server) inside(w http.ResponseWriter, r *http.Request, rm *node.Room) {
	q := r.URL.Query()
	list, next, err := rm.People(r.Context(), q.Get("search"), q.Get("after"))
	if err != nil {
		fail(w, err)
		return
	}
	writeJSON(w, http.StatusOK, insideList{list, next})
}

type insideList struct {
	People []node.FaceView `json:"people"`
	Next   string          `json:"next"` // after of the next page; "" for none
}

// chat lists the lines that came or were erased after a number; without one all that the room still has.
func (s *Server) chat(w http.ResponseWriter, r *http.Request, rm *node.Room) {
	after := uint64(0)
	if q := r.URL.Query().Get("after"); q != "" {
		var err error
		if after, err = strconv.ParseUint(q, 10, 64); err != nil {
			writeError(w, http.StatusBadRequest, "bad_after", "after is the number that the last answer gave as next.")
			return
		}
	}
	lines, next := rm.Chat(after)
	writeJSON(w, http.StatusOK, chatLines{ID: rm.ID(), Lines: lines, Next: next})
}

type chatLines struct {
	ID    room.ID         `json:"room"`
	Lines []node.LineView `json:"lines"`
	Next  uint64          `json:"next"` // after of the next question
}

// where is how a caller names a room.
type where struct {
	Room string `json:"room"`
	Link string `json:"link"`
}

// ref is what the node resolves.
func (b where) ref(w http.ResponseWriter) (string, bool) {
	ref := cmp.Or(b.Link, b.Room)
	if ref == "" {
		writeError(w, http.StatusBadRequest, "no_room", "Say which room: its ID, the beginning of its title, or a share link.")
	}
	return ref, ref != ""
}

// preview tells what a room is like, and joins nothing.
func (s *Server) preview(w http.ResponseWriter, r *http.Request, body where) {
	ref, ok := body.ref(w)
	if !ok {
		return
	}
	v, err := s.n.Preview(r.Context(), ref)
	if err != nil {
		fail(w, err)
		return
	}
	writeJSON(w, http.StatusOK, v)
}

// qr draws the share link. Level L: a phone's camera is close to a bright screen, and fewer modules are larger ones.
func (s *Server) qr(w http.ResponseWriter, _ *http.Request, rm *node.Room) {
	drawQR(w, rm.View().Link, qr.L)
}

// drawQR answers with a QR code of a text.
func drawQR(w http.ResponseWriter, text string, level qr.Level) {
	code, err := qr.Encode(text, level)
	if err != nil {
		writeError(w, http.StatusInternalServerError, "qr", "This is too long for a QR code.")
		return
	}
	w.Header().Set("Content-Type", "image/svg+xml")
	const quiet = 4 // modules around the code, as the standard asks
	size := code.Size + 2*quiet
	var path strings.Builder
	for y := range code.Size {
		for x := range code.Size {
			if code.Black(x, y) {
				fmt.Fprintf(&path, "M%d %dh1v1h-1z", x+quiet, y+quiet)
			}
		}
	}
	fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" shape-rendering="crispEdges"><path fill="#fff" d="M0 0h%dv%dH0z"/><path d="%s"/></svg>`, size, size, size, size, path.String())
}

type peopleList struct {
	People []node.Mark `json:"people"`
}

func (s *Server) people() peopleList { return peopleList{s.n.People()} }

type markBody struct {
	Name    string `json:"name"`
	Blocked bool   `json:"blocked"`
	Muted   bool   `json:"muted"`
}

// setPerson marks somebody exactly as the body says: what it leaves out is not so. The answer is the mark as it is kept.
func (s *Server) setPerson(w http.ResponseWriter, r *http.Request, body markBody) {
	person, err := doc.ParsePublicKey(r.PathValue("person"))
	if err != nil {
		writeError(w, http.StatusBadRequest, "bad_person", "That is not a person's ID: it has 52 letters and digits.")
		return
	}
	m, err := s.n.SetPerson(node.Mark{PersonView: node.PersonView{Person: person, Name: body.Name}, Blocked: body.Blocked, Muted: body.Muted})
	if err != nil {
		fail(w, err)
		return
	}
	writeJSON(w, http.StatusOK, m)
}

type peerBody struct {
	Addr string `json:"addr"`
}

type peerCount struct {
	Peers int `json:"peers"` // nodes we are connected to
}

func (s *Server) addPeer(w http.ResponseWriter, r *http.Request, body peerBody) {
	if err := s.n.AddPeer(r.Context(), body.Addr); err != nil {
		fail(w, err)
		return
	}
	writeJSON(w, http.StatusOK, peerCount{s.n.Status().Peers})
}

func (s *Server) relayed(w http.ResponseWriter, _ *http.Request) {
	v, err := s.n.Relayed()
	if err != nil {
		fail(w, err)
		return
	}
	writeJSON(w, http.StatusOK, v)
}

type blockBody struct {
	What string `json:"what"`
}

func (s *Server) blockRelayed(w http.ResponseWriter, _ *http.Request, body blockBody) {
	v, err := s.n.BlockCarried(body.What)
	if err != nil {
		fail(w, err)
		return
	}
	writeJSON(w, http.StatusOK, v)
}

func (s *Server) unblockRelayed(w http.ResponseWriter, _ *http.Request, body blockBody) {
	v, err := s.n.UnblockCarried(body.What)
	if err != nil {
		fail(w, err)
		return
	}
	writeJSON(w, http.StatusOK, v)
}

// counts of refusals by constant name.
type counts struct {
	mu sync.Mutex // guards the field below
	n  map[string]uint64
}

func newCounts() *counts { return &counts{n: make(map[string]uint64)} }

func (c *counts) add(name string) {
	c.mu.Lock()
	c.n[name]++
	c.mu.Unlock()
}

func (c *counts) snapshot() map[string]uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.n)
}
