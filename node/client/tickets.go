package client

import (
	"context"
	"net/http"
	"net/url"

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

// Wish keeps what to buy at a price until a seller can be reached. It is tried at once.
func (c *Client) Wish(ctx context.Context, ref string, count uint32, price, rail string) (v node.WishView, err error) {
	body := map[string]any{"count": count, "price": price, "rail": rail}
	for k, what := range refBody(ref) {
		body[k] = what
	}
	return v, c.Call(ctx, http.MethodPost, "/api/v1/tickets/wishes", body, &v)
}

// Wishes lists what the node's person waits to buy.
func (c *Client) Wishes(ctx context.Context) ([]node.WishView, error) {
	var list struct{ Wishes []node.WishView }
	err := c.Call(ctx, http.MethodGet, "/api/v1/tickets/wishes", nil, &list)
	return list.Wishes, err
}

// DropWish forgets a wish.
func (c *Client) DropWish(ctx context.Context, id string) error {
	return c.Call(ctx, http.MethodDelete, "/api/v1/tickets/wishes/"+url.PathEscape(id), nil, nil)
}

// AgreeWish lets a wish be bought at the price that is asked now.
func (c *Client) AgreeWish(ctx context.Context, id, price string) (v node.WishView, err error) {
	return v, c.Call(ctx, http.MethodPut, "/api/v1/tickets/wishes/"+url.PathEscape(id), map[string]any{"price": price}, &v)
}

// LendSeats lets another device sell seats of a room of the node's person.
func (c *Client) LendSeats(ctx context.Context, room, who string, seats uint32, sellerIsPaid bool, hours uint32) (v node.LendingView, err error) {
	body := map[string]any{"room": room, "who": who, "seats": seats, "seller_is_paid": sellerIsPaid, "hours": hours}
	return v, c.Call(ctx, http.MethodPost, "/api/v1/tickets/sellers", body, &v)
}

// TakeBackSeats ends what a device sells.
func (c *Client) TakeBackSeats(ctx context.Context, device string) error {
	return c.Call(ctx, http.MethodDelete, "/api/v1/tickets/sellers/"+url.PathEscape(device), nil, nil)
}
