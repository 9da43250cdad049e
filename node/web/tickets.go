package web

import (
	"cmp"
	"net/http"

	"salon/ledger"
	"salon/node"
)

type offerList struct {
	Offers []node.OfferView `json:"offers"`
}

// onSale asks a room's host what is on sale.
func (s *Server) onSale(w http.ResponseWriter, r *http.Request, body where) {
	ref, ok := body.ref(w)
	if !ok {
		return
	}
	list, err := s.n.OnSale(r.Context(), ref)
	if err != nil {
		fail(w, err)
		return
	}
	writeJSON(w, http.StatusOK, offerList{list})
}

type buyBody struct {
	where
	Count uint32 `json:"count"` // 0 means 1
	Price string `json:"price"` // of all of them, as the buyer saw it
	Rail  string `json:"rail"`  // empty: iou
	Known bool   `json:"known"` // show the host who buys
}

type orderBody struct {
	buyBody
	ByHand bool `json:"by_hand"` // this person pays
}

// buyTickets waits until the tickets are there or will not come; a payment that is on its way goes on without.
func (s *Server) buyTickets(w http.ResponseWriter, r *http.Request, body orderBody) {
	ref, ok := body.ref(w)
	if !ok {
		return
	}
	price, ok := body.money(w)
	if !ok {
		return
	}
	buy := s.n.BuyTicketsAs
	if body.ByHand {
		buy = s.n.OrderTickets
	}
	v, err := buy(r.Context(), ref, max(body.Count, 1), price, cmp.Or(body.Rail, ledger.IOURail), body.Known)
	if err != nil {
		fail(w, err)
		return
	}
	writeJSON(w, http.StatusCreated, v)
}

// money is the price in it.
func (b buyBody) money(w http.ResponseWriter) (ledger.Money, bool) {
	price, err := ledger.ParseMoney(b.Price)
	if err != nil {
		writeError(w, http.StatusBadRequest, "bad_price", "Say the price that you saw, such as 5 EUR or 2500 sat.")
	}
	return price, err == nil
}

type ticketList struct {
	Tickets []node.TicketView `json:"tickets"`
}

func (s *Server) tickets(w http.ResponseWriter, _ *http.Request) {
	list, err := s.n.Tickets()
	if err != nil {
		fail(w, err)
		return
	}
	writeJSON(w, http.StatusOK, ticketList{list})
}

// sale reads what a room's tickets cost.
func (b startBody) sale(w http.ResponseWriter) (node.Sale, bool) {
	s := node.Sale{Seats: b.Seats, Tax: b.Tax, Shares: b.Shares}
	for _, one := range []struct {
		text string
		to   *ledger.Money
	}{{b.Price, &s.Price}, {b.IOULimit, &s.Credit}} {
		if one.text == "" {
			continue
		}
		var err error
		if *one.to, err = ledger.ParseMoney(one.text); err != nil {
			writeError(w, http.StatusBadRequest, "bad_price", "A price is money, such as 5 EUR or 2500 sat.")
			return s, false
		}
	}
	return s, true
}
