package client

import (
	"context"
	"net/http"

	"salon/node"
)

// SettleDebt has the node tell a creditor that a debt was paid outside of salon.
func (c *Client) SettleDebt(ctx context.Context, person, money, means string) error {
	return c.Call(ctx, http.MethodPost, "/api/v1/ledger/settle", map[string]string{"person": person, "money": money, "means": means}, nil)
}

// Claims lists what debtors say that they have paid.
func (c *Client) Claims(ctx context.Context) ([]node.ClaimView, error) {
	var list struct{ Claims []node.ClaimView }
	err := c.Call(ctx, http.MethodGet, "/api/v1/ledger/claims", nil, &list)
	return list.Claims, err
}

// MoneyReceived confirms a claim.
func (c *Client) MoneyReceived(ctx context.Context, claim string) (v node.ClaimView, err error) {
	return v, c.Call(ctx, http.MethodPost, "/api/v1/ledger/received", map[string]string{"claim": claim}, &v)
}

// Credits lists how much people may owe the node's person.
func (c *Client) Credits(ctx context.Context) ([]node.CreditView, error) {
	var list struct{ Credits []node.CreditView }
	err := c.Call(ctx, http.MethodGet, "/api/v1/ledger/credit", nil, &list)
	return list.Credits, err
}

// SetCredit says how much a person may owe, or anybody if person is empty, and lists what all may.
func (c *Client) SetCredit(ctx context.Context, person, money string) ([]node.CreditView, error) {
	var list struct{ Credits []node.CreditView }
	err := c.Call(ctx, http.MethodPut, "/api/v1/ledger/credit", map[string]string{"person": person, "money": money}, &list)
	return list.Credits, err
}
