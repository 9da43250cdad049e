package client

import (
	"context"
	"net/http"

	"salon/node"
	"salon/room"
)

// A Tip is one to give; see the node's API.
type Tip struct {
	To         string `json:"to"` // a person's ID; or a room, for its host
	Amount     string `json:"amount"`
	MaxFee     string `json:"max_fee"`
	Rail       string `json:"rail"`
	Note       string `json:"note"`
	HideName   bool   `json:"hide_name"`
	HideAmount bool   `json:"hide_amount"`
	Charity    string `json:"charity"` // an ID; empty: it is their own
	ByHand     bool   `json:"by_hand"`
}

// Tip gives a tip.
func (c *Client) Tip(ctx context.Context, t Tip) (v node.TippedView, err error) {
	return v, c.Call(ctx, http.MethodPost, "/api/v1/tips", t, &v)
}

// TipWays asks somebody how a tip of such money could be paid.
func (c *Client) TipWays(ctx context.Context, to, amount string) (v node.TipWaysView, err error) {
	return v, c.Call(ctx, http.MethodPost, "/api/v1/tips/ways", map[string]string{"to": to, "amount": amount}, &v)
}

// Tips lists those that a room has shown.
func (c *Client) Tips(ctx context.Context, id room.ID) ([]node.TipView, error) {
	var list struct{ Tips []node.TipView }
	err := c.Call(ctx, http.MethodGet, "/api/v1/rooms/"+id.String()+"/tips", nil, &list)
	return list.Tips, err
}

// Address signs where the node's person is paid.
func (c *Client) Address(ctx context.Context, rail, address string) (v node.PlaceView, err error) {
	return v, c.Call(ctx, http.MethodPost, "/api/v1/address", map[string]string{"rail": rail, "address": address}, &v)
}

// KeepCharity keeps what a charity has signed on that.
func (c *Client) KeepCharity(ctx context.Context, word string) (v node.PlaceView, err error) {
	return v, c.Call(ctx, http.MethodPost, "/api/v1/charities", map[string]string{"word": word}, &v)
}
