package web

import (
	"cmp"
	"net/http"
	"time"

	"salon/ledger"
	"salon/node"
)

func (s *Server) subscriptions(w http.ResponseWriter, _ *http.Request) {
	v, err := s.n.Subscriptions()
	if err != nil {
		fail(w, err)
		return
	}
	writeJSON(w, http.StatusOK, v)
}

type subscribeBody struct {
	To      string `json:"to"` // a person's ID; or a room by ID, beginning or share link: its host
	Tier    string `json:"tier"`
	Periods uint32 `json:"periods"` // 0 means 1
	Price   string `json:"price"`   // of all of them, as the buyer saw it
	Rail    string `json:"rail"`    // empty: iou
}

// subscribe waits until the receipt is there or will not come; a payment that is on its way goes on without.
func (s *Server) subscribe(w http.ResponseWriter, r *http.Request, body subscribeBody) {
	var price ledger.Money
	if !named(w, body.To) || !readMoney(w, body.Price, &price) {
		return
	}
	v, err := s.n.Subscribe(r.Context(), body.To, body.Tier, max(body.Periods, 1), price, cmp.Or(body.Rail, ledger.IOURail))
	if err != nil {
		fail(w, err)
		return
	}
	writeJSON(w, http.StatusCreated, v)
}

// named refuses a request that names nobody.
func named(w http.ResponseWriter, to string) bool {
	if to == "" {
		writeError(w, http.StatusBadRequest, "no_person", "Say who: a person's ID, or a room, for its host.")
	}
	return to != ""
}

type toBody struct {
	To string `json:"to"`
}

type tierList struct {
	Tiers []node.TierView `json:"tiers"`
}

// tiers asks somebody what subscriptions they offer.
func (s *Server) tiers(w http.ResponseWriter, r *http.Request, body toBody) {
	if !named(w, body.To) {
		return
	}
	list, err := s.n.Tiers(r.Context(), body.To)
	if err != nil {
		fail(w, err)
		return
	}
	writeJSON(w, http.StatusOK, tierList{list})
}

type tierBody struct {
	Name   string `json:"name"`
	Price  string `json:"price"`  // of one period
	Period int64  `json:"period"` // seconds; 0 means 30 days

	Shares []node.SplitView `json:"shares"` // of co-hosts and charities; none if not given
}

const usualPeriod = 30 * 24 * 3600

func (s *Server) offerSubscription(w http.ResponseWriter, _ *http.Request, body tierBody) {
	var price ledger.Money
	if !readMoney(w, body.Price, &price) {
		return
	}
	period := min(max(cmp.Or(body.Period, usualPeriod), 0), 1<<32) // so that it does not overflow
	v, err := s.n.OfferSubscription(body.Name, price, time.Duration(period)*time.Second, body.Shares...)
	if err != nil {
		fail(w, err)
		return
	}
	writeJSON(w, http.StatusCreated, v)
}

type endBody struct {
	Offer string `json:"offer"`
}

// endSubscription ends a subscription, or an offer of one.
func (s *Server) endSubscription(w http.ResponseWriter, r *http.Request, body endBody) {
	if err := s.n.EndSubscription(r.Context(), body.Offer); err != nil {
		fail(w, err)
		return
	}
	s.subscriptions(w, r)
}
