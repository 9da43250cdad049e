package web

import (
	"net/http"

	"salon/ledger"
	"salon/ledger/doc"
	"salon/node"
)

type soldList struct {
	Tickets []node.IssuedView `json:"tickets"`
}

func (s *Server) soldTickets(w http.ResponseWriter, _ *http.Request, body where) {
	ref, ok := body.ref(w)
	if !ok {
		return
	}
	list, err := s.n.SoldTickets(ref)
	if err != nil {
		fail(w, err)
		return
	}
	writeJSON(w, http.StatusOK, soldList{list})
}

type refundBody struct {
	where
	What   string `json:"what"` // the beginning of a ticket's ID, or of a buyer's or holder's key
	All    bool   `json:"all"`
	ByHand bool   `json:"by_hand"`
	Unpaid bool   `json:"unpaid"` // none that were paid for
}

func (s *Server) refundTickets(w http.ResponseWriter, r *http.Request, body refundBody) {
	ref, ok := body.ref(w)
	if !ok {
		return
	}
	v, err := s.n.RefundTickets(r.Context(), ref, body.What, body.All, body.ByHand, body.Unpaid)
	if err != nil {
		fail(w, err)
		return
	}
	writeJSON(w, http.StatusOK, v)
}

type saleList struct {
	Sales []node.SaleView `json:"sales"`
}

func (s *Server) ownSales(w http.ResponseWriter, _ *http.Request) {
	list, err := s.n.Sales()
	if err != nil {
		fail(w, err)
		return
	}
	writeJSON(w, http.StatusOK, saleList{list})
}

type dueList struct {
	Dues []node.DueView `json:"dues"`
}

// dues lists what is still to go back.
func (s *Server) dues(w http.ResponseWriter, _ *http.Request) {
	list, err := s.n.Dues()
	if err != nil {
		fail(w, err)
		return
	}
	writeJSON(w, http.StatusOK, dueList{list})
}

type sentBody struct {
	Receipt string `json:"receipt"` // the beginning of its ID
	Surplus bool   `json:"surplus,omitempty"`
	Invoice string `json:"invoice,omitempty"` // that the buyer has given: this node's wallet pays it
}

// sentBack takes a person's word that they have sent money by hand, or sends it to another invoice, and answers with what is still due.
func (s *Server) sentBack(w http.ResponseWriter, r *http.Request, body sentBody) {
	if err := s.n.SentBack(r.Context(), body.Receipt, body.Surplus, body.Invoice); err != nil {
		fail(w, err)
		return
	}
	s.dues(w, r)
}

// closeSale says that a room is over.
func (s *Server) closeSale(w http.ResponseWriter, _ *http.Request, body where) {
	ref, ok := body.ref(w)
	if !ok {
		return
	}
	v, err := s.n.CloseSale(ref)
	if err != nil {
		fail(w, err)
		return
	}
	writeJSON(w, http.StatusOK, v)
}

type cancelBody struct {
	where
	ByHand bool `json:"by_hand"`
}

func (s *Server) cancelTickets(w http.ResponseWriter, r *http.Request, body cancelBody) {
	ref, ok := body.ref(w)
	if !ok {
		return
	}
	v, err := s.n.CancelTickets(r.Context(), ref, body.ByHand)
	if err != nil {
		fail(w, err)
		return
	}
	writeJSON(w, http.StatusOK, v)
}

// termsBody is what may change; what is not there stays.
type termsBody struct {
	where
	Price    *string `json:"price"`
	Seats    *uint32 `json:"seats"`
	PerBuyer *uint32 `json:"per_buyer"`
	SaleFrom *int64  `json:"sale_from"` // unix ms, as the next three
	SaleTo   *int64  `json:"sale_to"`
	RefundTo *int64  `json:"refund_to"`
	Starts   *int64  `json:"starts"`
	Tax      *string `json:"tax"`
}

func (s *Server) offerTickets(w http.ResponseWriter, _ *http.Request, body termsBody) {
	ref, ok := body.ref(w)
	if !ok {
		return
	}
	t := node.Terms{Seats: body.Seats, PerBuyer: body.PerBuyer, SaleFrom: body.SaleFrom, SaleTo: body.SaleTo, RefundTo: body.RefundTo, Starts: body.Starts, Tax: body.Tax}
	if body.Price != nil {
		price, err := ledger.ParseMoney(*body.Price)
		if err != nil {
			writeError(w, http.StatusBadRequest, "bad_price", "A price is money, such as 5 EUR or 2500 sat.")
			return
		}
		t.Price = &price
	}
	v, err := s.n.OfferTickets(ref, t)
	if err != nil {
		fail(w, err)
		return
	}
	writeJSON(w, http.StatusOK, v)
}

// keyOf reads a person's or device's key.
func keyOf(w http.ResponseWriter, s string) (doc.PublicKey, bool) {
	k, err := doc.ParsePublicKey(s)
	if err != nil {
		writeError(w, http.StatusBadRequest, "bad_person", "That is not a person's ID: it has 52 letters and digits.")
	}
	return k, err == nil
}

type giveBody struct {
	where
	To string `json:"to"`
}

func (s *Server) giveTicket(w http.ResponseWriter, _ *http.Request, body giveBody) {
	ref, ok := body.ref(w)
	if !ok {
		return
	}
	to, ok := keyOf(w, body.To)
	if !ok {
		return
	}
	text, err := s.n.GiveTicket(ref, to)
	if err != nil {
		fail(w, err)
		return
	}
	writeJSON(w, http.StatusCreated, node.GivenView{Text: text})
}

type transferBody struct {
	Ticket string `json:"ticket"`
	To     string `json:"to"`
}

func (s *Server) transferTicket(w http.ResponseWriter, r *http.Request, body transferBody) {
	to, ok := keyOf(w, body.To)
	if !ok {
		return
	}
	v, err := s.n.TransferTicket(r.Context(), body.Ticket, to)
	if err != nil {
		fail(w, err)
		return
	}
	writeJSON(w, http.StatusCreated, v)
}

type ticketText struct {
	Text string `json:"text"`
}

func (s *Server) acceptTicket(w http.ResponseWriter, _ *http.Request, body ticketText) {
	v, err := s.n.AcceptTicket(body.Text)
	if err != nil {
		fail(w, err)
		return
	}
	writeJSON(w, http.StatusCreated, v)
}

func (s *Server) checkTicket(w http.ResponseWriter, _ *http.Request, body ticketText) {
	writeJSON(w, http.StatusOK, s.n.CheckTicket(body.Text))
}

// newsOfTickets asks the sellers, and answers with the tickets as they are then.
func (s *Server) newsOfTickets(w http.ResponseWriter, r *http.Request) {
	if err := s.n.NewsOfTickets(r.Context()); err != nil {
		fail(w, err)
		return
	}
	s.tickets(w, r)
}
