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

// BuyTickets buys tickets to a room at a price that the buyer has seen; if known, the host is shown who buys.
func (c *Client) BuyTickets(ctx context.Context, ref string, count uint32, price, rail string, known bool) (v node.BoughtView, err error) {
	return c.order(ctx, ref, map[string]any{"count": count, "price": price, "rail": rail, "known": known})
}

// OrderTickets is BuyTickets of what the node's person pays: the answer says what.
func (c *Client) OrderTickets(ctx context.Context, ref string, count uint32, price, rail string, known bool) (v node.BoughtView, err error) {
	return c.order(ctx, ref, map[string]any{"count": count, "price": price, "rail": rail, "known": known, "by_hand": true})
}

func (c *Client) order(ctx context.Context, ref string, body map[string]any) (v node.BoughtView, err error) {
	for k, what := range refBody(ref) {
		body[k] = what
	}
	return v, c.Call(ctx, http.MethodPost, "/api/v1/tickets", body, &v)
}

// Pending lists the purchases that are not ended.
func (c *Client) Pending(ctx context.Context) ([]node.PendingView, error) {
	var list struct{ Pending []node.PendingView }
	err := c.Call(ctx, http.MethodGet, "/api/v1/tickets/pending", nil, &list)
	return list.Pending, err
}

// Purse asks what the node can pay by a way of paying.
func (c *Client) Purse(ctx context.Context, rail string) (v node.PurseView, err error) {
	return v, c.Call(ctx, http.MethodGet, "/api/v1/rails/"+url.PathEscape(rail)+"/purse", nil, &v)
}

// Tickets lists those that the node's person has bought.
func (c *Client) Tickets(ctx context.Context) ([]node.TicketView, error) {
	var list struct{ Tickets []node.TicketView }
	err := c.Call(ctx, http.MethodGet, "/api/v1/tickets", nil, &list)
	return list.Tickets, err
}

// withRef is a body that names a room and says more.
func withRef(ref string, body map[string]any) map[string]any {
	for k, what := range refBody(ref) {
		body[k] = what
	}
	return body
}

// NewsOfTickets has the node ask the sellers what became of its tickets, and lists them.
func (c *Client) NewsOfTickets(ctx context.Context) error {
	return c.Call(ctx, http.MethodPost, "/api/v1/tickets/news", nil, nil)
}

// SoldTickets lists the tickets to a room of the node's person.
func (c *Client) SoldTickets(ctx context.Context, ref string) ([]node.IssuedView, error) {
	var list struct{ Tickets []node.IssuedView }
	err := c.Call(ctx, http.MethodPost, "/api/v1/tickets/sold", refBody(ref), &list)
	return list.Tickets, err
}

// RefundTickets takes tickets to a room of the node's person back: one, somebody's, or all; with unpaid, none that were paid for.
func (c *Client) RefundTickets(ctx context.Context, ref, what string, all, byHand, unpaid bool) (v node.RefundView, err error) {
	return v, c.Call(ctx, http.MethodPost, "/api/v1/tickets/refund", withRef(ref, map[string]any{"what": what, "all": all, "by_hand": byHand, "unpaid": unpaid}), &v)
}

// CancelTickets ends the sale of a room, and refunds all.
func (c *Client) CancelTickets(ctx context.Context, ref string, byHand bool) (v node.RefundView, err error) {
	return v, c.Call(ctx, http.MethodPost, "/api/v1/tickets/cancel", withRef(ref, map[string]any{"by_hand": byHand}), &v)
}

// OfferTickets changes what is on sale of a room of the node's person. terms are named as in the API; what is not there stays.
func (c *Client) OfferTickets(ctx context.Context, ref string, terms map[string]any) (v node.OfferView, err error) {
	return v, c.Call(ctx, http.MethodPut, "/api/v1/tickets/offers", withRef(ref, terms), &v)
}

// Sales lists how the tickets to rooms of the node's person sell.
func (c *Client) Sales(ctx context.Context) ([]node.SaleView, error) {
	var list struct{ Sales []node.SaleView }
	err := c.Call(ctx, http.MethodGet, "/api/v1/tickets/sales", nil, &list)
	return list.Sales, err
}

// Dues lists what is still to go back to buyers.
func (c *Client) Dues(ctx context.Context) ([]node.DueView, error) {
	var list struct{ Dues []node.DueView }
	err := c.Call(ctx, http.MethodGet, "/api/v1/tickets/due", nil, &list)
	return list.Dues, err
}

// SentBack says that the node's person has sent back by hand what is due for a receipt, or what came beyond it, and lists what is due then.
func (c *Client) SentBack(ctx context.Context, receipt string, surplus bool, invoice string) ([]node.DueView, error) {
	var list struct{ Dues []node.DueView }
	err := c.Call(ctx, http.MethodPost, "/api/v1/tickets/sent", map[string]any{"receipt": receipt, "surplus": surplus, "invoice": invoice}, &list)
	return list.Dues, err
}

// CloseSale says that a room of the node's person is over.
func (c *Client) CloseSale(ctx context.Context, ref string) (v node.OfferView, err error) {
	return v, c.Call(ctx, http.MethodPost, "/api/v1/tickets/close", refBody(ref), &v)
}

// GiveTicket makes a complimentary ticket.
func (c *Client) GiveTicket(ctx context.Context, ref, to string) (v node.GivenView, err error) {
	return v, c.Call(ctx, http.MethodPost, "/api/v1/tickets/give", withRef(ref, map[string]any{"to": to}), &v)
}

// TransferTicket gives a ticket away.
func (c *Client) TransferTicket(ctx context.Context, ticket, to string) (v node.GivenView, err error) {
	return v, c.Call(ctx, http.MethodPost, "/api/v1/tickets/transfer", map[string]string{"ticket": ticket, "to": to}, &v)
}

// AcceptTicket takes in a ticket that somebody gave.
func (c *Client) AcceptTicket(ctx context.Context, text string) (v node.CheckView, err error) {
	return v, c.Call(ctx, http.MethodPost, "/api/v1/tickets/accept", map[string]string{"text": text}, &v)
}

// CheckTicket reads a ticket.
func (c *Client) CheckTicket(ctx context.Context, text string) (v node.CheckView, err error) {
	return v, c.Call(ctx, http.MethodPost, "/api/v1/tickets/check", map[string]string{"text": text}, &v)
}

// Wish keeps what to buy at a price until a seller can be reached. It is tried at once.
func (c *Client) Wish(ctx context.Context, ref string, count uint32, price, rail string, known bool) (v node.WishView, err error) {
	body := map[string]any{"count": count, "price": price, "rail": rail, "known": known}
	return v, c.Call(ctx, http.MethodPost, "/api/v1/tickets/wishes", withRef(ref, body), &v)
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

// Remittance makes what shows anybody that an order was paid, which has no receipt.
func (c *Client) Remittance(ctx context.Context, order, preimage string) (v node.RemittanceView, err error) {
	return v, c.Call(ctx, http.MethodPost, "/api/v1/tickets/pending/"+url.PathEscape(order)+"/proof", map[string]string{"preimage": preimage}, &v)
}
