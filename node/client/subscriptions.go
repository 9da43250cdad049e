package client

import (
	"context"
	"net/http"

	"salon/node"
)

// Subscriptions lists those of the node's person, and to that person.
func (c *Client) Subscriptions(ctx context.Context) (v node.SubscriptionsView, err error) {
	return v, c.Call(ctx, http.MethodGet, "/api/v1/subscriptions", nil, &v)
}

// Tiers asks what subscriptions somebody offers: a person, or the host of a room.
func (c *Client) Tiers(ctx context.Context, to string) ([]node.TierView, error) {
	var list struct{ Tiers []node.TierView }
	err := c.Call(ctx, http.MethodPost, "/api/v1/subscriptions/tiers", map[string]string{"to": to}, &list)
	return list.Tiers, err
}

// Subscribe pays for so many periods, at a price of all of them that the buyer has seen.
func (c *Client) Subscribe(ctx context.Context, to, tier string, periods uint32, price, rail string) (v node.SubscriptionView, err error) {
	body := map[string]any{"to": to, "tier": tier, "periods": periods, "price": price, "rail": rail}
	return v, c.Call(ctx, http.MethodPost, "/api/v1/subscriptions", body, &v)
}

// OfferSubscription puts a subscription on sale; a period is in seconds.
func (c *Client) OfferSubscription(ctx context.Context, name, price string, period int64, shares ...node.SplitView) (v node.TierView, err error) {
	body := map[string]any{"name": name, "price": price, "period": period, "shares": append([]node.SplitView{}, shares...)}
	return v, c.Call(ctx, http.MethodPost, "/api/v1/subscriptions/offers", body, &v)
}

// EndSubscription ends a subscription, or an offer of one.
func (c *Client) EndSubscription(ctx context.Context, offer string) (v node.SubscriptionsView, err error) {
	return v, c.Call(ctx, http.MethodPost, "/api/v1/subscriptions/end", map[string]string{"offer": offer}, &v)
}
