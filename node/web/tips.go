package web

import (
	"cmp"
	"encoding/hex"
	"net/http"

	"salon/ledger"
	"salon/ledger/doc"
	"salon/node"
	"salon/room"
)

type tipBody struct {
	To         string `json:"to"` // a person's ID; or a room by ID, beginning or share link: its host
	Amount     string `json:"amount"`
	MaxFee     string `json:"max_fee"` // that the rail may take on top; empty: none
	Rail       string `json:"rail"`    // empty: iou
	Note       string `json:"note"`
	HideName   bool   `json:"hide_name"`
	HideAmount bool   `json:"hide_amount"`
	Charity    string `json:"charity"` // the ID of whom they take it for; empty: it is their own
	ByHand     bool   `json:"by_hand"` // this person pays
	Nonce      string `json:"nonce"`   // 32 hex digits; the same again is the same tip
}

// tip waits until the receipt is there or will not come; a payment that is on its way goes on without.
func (s *Server) tip(w http.ResponseWriter, r *http.Request, body tipBody) {
	if !named(w, body.To) {
		return
	}
	wish := node.TipWish{To: body.To, Rail: cmp.Or(body.Rail, ledger.IOURail), Note: body.Note, HideName: body.HideName, HideAmount: body.HideAmount, ByHand: body.ByHand}
	if !readNonce(w, body.Nonce, &wish.Nonce) || !readMoney(w, body.Amount, &wish.Money) || body.MaxFee != "" && !readMoney(w, body.MaxFee, &wish.MaxFee) {
		return
	}
	if body.Charity != "" {
		var err error
		if wish.Charity, err = doc.ParsePublicKey(body.Charity); err != nil {
			writeError(w, http.StatusBadRequest, "bad_person", "A charity is named by its ID: 52 letters and digits.")
			return
		}
	}
	v, err := s.n.Tip(r.Context(), wish)
	if err != nil {
		fail(w, err)
		return
	}
	writeJSON(w, http.StatusCreated, v)
}

// readNonce reads what tells a payment from others, if it is given. If it is none, the answer has been given.
func readNonce(w http.ResponseWriter, text string, to *[16]byte) bool {
	raw, err := hex.DecodeString(text)
	if err != nil || text != "" && len(raw) != len(to) {
		writeError(w, http.StatusBadRequest, "bad_nonce", "A nonce is 32 hex digits.")
		return false
	}
	copy(to[:], raw)
	return true
}

type waysBody struct {
	To     string `json:"to"`     // as of a tip
	Amount string `json:"amount"` // likewise: what counts is the currency
}

// tipWays asks somebody how a tip of such money could be paid.
func (s *Server) tipWays(w http.ResponseWriter, r *http.Request, body waysBody) {
	var money ledger.Money
	if !named(w, body.To) || !readMoney(w, body.Amount, &money) {
		return
	}
	v, err := s.n.TipWays(r.Context(), body.To, money.Cur)
	if err != nil {
		fail(w, err)
		return
	}
	writeJSON(w, http.StatusOK, v)
}

// readMoney reads an amount of a request. If it is none, the answer has been given.
func readMoney(w http.ResponseWriter, text string, to *ledger.Money) bool {
	m, err := ledger.ParseMoney(text)
	if err != nil {
		writeError(w, http.StatusBadRequest, "bad_price", "Say an amount of money, such as 5 EUR or 2500 sat.")
		return false
	}
	*to = m
	return true
}

type tipList struct {
	Tips []node.TipView `json:"tips"`
}

// tipsOf lists what was shown in a room while this node was in it.
func (s *Server) tipsOf(w http.ResponseWriter, _ *http.Request, rm *node.Room) {
	writeJSON(w, http.StatusOK, tipList{rm.Tips()})
}

// A tipEvent is a tip that the room shows, once.
type tipEvent struct {
	Room room.ID `json:"room"`
	node.TipView
}

type addressBody struct {
	Rail    string `json:"rail"`
	Address string `json:"address"`
}

// address puts on record where this person is paid.
func (s *Server) address(w http.ResponseWriter, _ *http.Request, body addressBody) {
	v, err := s.n.Address(body.Rail, body.Address)
	if err != nil {
		fail(w, err)
		return
	}
	writeJSON(w, http.StatusCreated, v)
}

type wordBody struct {
	Word string `json:"word"`
}

// keepCharity keeps what a charity has signed on where it is paid.
func (s *Server) keepCharity(w http.ResponseWriter, _ *http.Request, body wordBody) {
	v, err := s.n.KeepCharity(body.Word)
	if err != nil {
		fail(w, err)
		return
	}
	writeJSON(w, http.StatusCreated, v)
}
