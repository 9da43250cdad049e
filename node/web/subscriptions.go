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
	ByHand  bool   `json:"by_hand"` // this person pays
	Nonce   string `json:"nonce"`   // 32 hex digits; the same again is the same purchase
	Offer   string `json:"offer"`   // the version that the buyer saw; empty: any of that price
}

// subscribe waits until the receipt is there or will not come; a payment that is on its way goes on without.
func (s *Server) subscribe(w http.ResponseWriter, r *http.Request, body subscribeBody) {
	wish := node.SubscribeWish{To: body.To, Tier: body.Tier, Periods: max(body.Periods, 1), Rail: cmp.Or(body.Rail, ledger.IOURail), ByHand: body.ByHand}
	if !named(w, body.To) || !readNonce(w, body.Nonce, &wish.Nonce) || !readMoney(w, body.Price, &wish.Price) {
		return
	}
	if body.Offer != "" {
		var err error
		if wish.Offer, err = ledger.ParseID(body.Offer); err != nil {
			writeError(w, http.StatusBadRequest, "bad_offer", "An offer is named by the ID of its version: 64 hex digits.")
			return
		}
	}
	v, err := s.n.Subscribe(r.Context(), wish)
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
	Tax    string `json:"tax"`    // what the creator states of tax
	Perks  string `json:"perks"`  // what it brings

	Shares []node.SplitView `json:"shares"` // of co-hosts and charities; none if not given
}

const usualPeriod = 30 * 24 * 3600

func (s *Server) offerSubscription(w http.ResponseWriter, _ *http.Request, body tierBody) {
	period := min(max(cmp.Or(body.Period, usualPeriod), 0), 1<<32) // so that it does not overflow
	wish := node.TierWish{Name: body.Name, Period: time.Duration(period) * time.Second, Tax: body.Tax, Perks: body.Perks, Shares: body.Shares}
	if !readMoney(w, body.Price, &wish.Price) {
		return
	}
	v, err := s.n.OfferSubscription(wish)
	if err != nil {
		fail(w, err)
		return
	}
	writeJSON(w, http.StatusCreated, v)
}

type changeBody struct {
	Offer string  `json:"offer"` // its ID in any version, the beginning of that, or its name
	Price *string `json:"price"` // what is not given stays
	Tax   *string `json:"tax"`
	Perks *string `json:"perks"`
}

// changeSubscription changes what new subscribers and renewals pay and get.
func (s *Server) changeSubscription(w http.ResponseWriter, _ *http.Request, body changeBody) {
	c := node.TierChange{Tax: body.Tax, Perks: body.Perks}
	if body.Price != nil {
		c.Price = new(ledger.Money)
		if !readMoney(w, *body.Price, c.Price) {
			return
		}
	}
	v, err := s.n.ChangeTier(body.Offer, c)
	if err != nil {
		fail(w, err)
		return
	}
	writeJSON(w, http.StatusOK, v)
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
