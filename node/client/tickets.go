package client

import (
	"context"
	"net/http"

	"salon/node"
)

// OnSale asks what the host of a room sells, by share link, ID, or the beginning of ID or title.
func (c *Client) OnSale(ctx context.Context, ref string) ([]node.OfferView, error) {
	var list struct{ Offers []node.OfferView }
	err := c.Call(ctx, http.MethodPost, "/api/v1/tickets/offers", refBody(ref), &list)
	return list.Offers, err
}

// BuyTickets buys tickets to a room at a price that the buyer has seen.
func (c *Client) BuyTickets(ctx context.Context, ref string, count uint32, price, rail string) (v node.BoughtView, err error) {
	body := map[string]any{"count": count, "price": price, "rail": rail}
	for k, what := range refBody(ref) {
		body[k] = what
	}
	return v, c.Call(ctx, http.MethodPost, "/api/v1/tickets", body, &v)
}

// Tickets lists those that the node's person has bought.
func (c *Client) Tickets(ctx context.Context) ([]node.TicketView, error) {
	var list struct{ Tickets []node.TicketView }
	err := c.Call(ctx, http.MethodGet, "/api/v1/tickets", nil, &list)
	return list.Tickets, err
}
