package client

import (
	"context"
	"net/http"
	"net/url"

	"salon/node"
)

// Shares are what others are owed of what the node's person sells, and what that person is owed. room may be empty.
func (c *Client) Shares(ctx context.Context, room string) (v node.SharesView, err error) {
	return v, c.Call(ctx, http.MethodGet, "/api/v1/ledger/shares?room="+url.QueryEscape(room), nil, &v)
}

// AskShares asks everybody who may owe the node's person shares.
func (c *Client) AskShares(ctx context.Context) (v node.SharesView, err error) {
	return v, c.Call(ctx, http.MethodPost, "/api/v1/ledger/shares", nil, &v)
}

// PayOut pays shares out.
func (c *Client) PayOut(ctx context.Context, rail, means, least string) (v node.PayoutView, err error) {
	return v, c.Call(ctx, http.MethodPost, "/api/v1/ledger/payout", map[string]string{"rail": rail, "means": means, "least": least}, &v)
}

// NotSent takes back that a payment by hand was made; or, with gone, one by a wallet that is not set up any more.
func (c *Client) NotSent(ctx context.Context, payment string, gone bool) (v node.GoingView, err error) {
	return v, c.Call(ctx, http.MethodPost, "/api/v1/ledger/payout/undo", map[string]any{"payment": payment, "wallet_gone": gone}, &v)
}
