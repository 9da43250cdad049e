package web

import (
	"cmp"
	"net/http"
	"time"

	"salon/ledger"
	"salon/ledger/doc"
	"salon/node"
)

type wishList struct {
	Wishes []node.WishView `json:"wishes"`
}

func (s *Server) wishes(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, wishList{s.n.Wishes()})
}

// keepWish keeps what to buy, and tries once.
func (s *Server) keepWish(w http.ResponseWriter, r *http.Request, body buyBody) {
	ref, ok := body.ref(w)
	if !ok {
		return
	}
	var price ledger.Money
	if body.Price != "" {
		if price, ok = body.money(w); !ok {
			return
		}
	}
	v, err := s.n.Wish(r.Context(), ref, max(body.Count, 1), price, cmp.Or(body.Rail, ledger.IOURail), body.Known)
	if err != nil {
		fail(w, err)
		return
	}
	writeJSON(w, http.StatusCreated, v)
}

func (s *Server) dropWish(w http.ResponseWriter, r *http.Request) {
	if err := s.n.DropWish(r.PathValue("id")); err != nil {
		fail(w, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

type agreeBody struct {
	Price string `json:"price"` // as it is asked now
}

// agreeWish lets a wish be bought at another price.
func (s *Server) agreeWish(w http.ResponseWriter, r *http.Request, body agreeBody) {
	price, err := ledger.ParseMoney(body.Price)
	if err != nil {
		writeError(w, http.StatusBadRequest, "bad_price", "Say the price that is asked now, such as 5 EUR or 2500 sat.")
		return
	}
	v, err := s.n.AgreeWish(r.Context(), r.PathValue("id"), price)
	if err != nil {
		fail(w, err)
		return
	}
	writeJSON(w, http.StatusOK, v)
}

func (s *Server) sellers(w http.ResponseWriter, _ *http.Request) {
	v, err := s.n.Sellers()
	if err != nil {
		fail(w, err)
		return
	}
	writeJSON(w, http.StatusOK, v)
}

type lendBody struct {
	Room         string `json:"room"`
	Who          string `json:"who"` // a device, or a person in the room
	Seats        uint32 `json:"seats"`
	SellerIsPaid bool   `json:"seller_is_paid"`
	Hours        uint32 `json:"hours"` // 0: as long as may be
}

// lendSeats lets another device sell seats of a room of ours.
func (s *Server) lendSeats(w http.ResponseWriter, r *http.Request, body lendBody) {
	who, err := doc.ParsePublicKey(body.Who)
	if err != nil {
		writeError(w, http.StatusBadRequest, "no_person", "Name a device or a person by key.")
		return
	}
	v, err := s.n.LendSeats(r.Context(), node.Lend{Room: body.Room, Who: who, Seats: body.Seats, SellerIsPaid: body.SellerIsPaid, For: time.Duration(body.Hours) * time.Hour})
	if err != nil {
		fail(w, err)
		return
	}
	writeJSON(w, http.StatusCreated, v)
}

// takeBackSeats ends what a device sells of our rooms.
func (s *Server) takeBackSeats(w http.ResponseWriter, r *http.Request) {
	device, err := doc.ParsePublicKey(r.PathValue("device"))
	if err != nil {
		writeError(w, http.StatusBadRequest, "no_person", "Name a device by key.")
		return
	}
	if err := s.n.TakeBackSeats(r.Context(), device); err != nil {
		fail(w, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
