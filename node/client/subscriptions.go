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

// A Subscription is what to subscribe to, or to renew, at a price of all periods that the buyer has seen; see the node's API.
type Subscription struct {
	To      string `json:"to"`
	Tier    string `json:"tier"`
	Periods uint32 `json:"periods"`
	Price   string `json:"price"`
	Rail    string `json:"rail"`
	ByHand  bool   `json:"by_hand"`
	Nonce   string `json:"nonce,omitempty"`
	Offer   string `json:"offer,omitempty"`
}

// Subscribe pays for periods of a subscription.
func (c *Client) Subscribe(ctx context.Context, s Subscription) (v node.SubscriptionView, err error) {
	return v, c.Call(ctx, http.MethodPost, "/api/v1/subscriptions", s, &v)
}

// A Tier is a subscription to offer; see the node's API.
type Tier struct {
	Name   string           `json:"name"`
	Price  string           `json:"price"`
	Period int64            `json:"period"` // seconds
	Tax    string           `json:"tax"`
	Perks  string           `json:"perks"`
	Shares []node.SplitView `json:"shares"`
}

// OfferSubscription puts a subscription on sale.
func (c *Client) OfferSubscription(ctx context.Context, t Tier) (v node.TierView, err error) {
	return v, c.Call(ctx, http.MethodPost, "/api/v1/subscriptions/offers", t, &v)
}

// A TierChange says what is to be other of a subscription; what is nil stays.
type TierChange struct {
	Offer string  `json:"offer"`
	Price *string `json:"price,omitempty"`
	Tax   *string `json:"tax,omitempty"`
	Perks *string `json:"perks,omitempty"`
}

// ChangeTier changes what new subscribers and renewals pay and get.
func (c *Client) ChangeTier(ctx context.Context, t TierChange) (v node.TierView, err error) {
	return v, c.Call(ctx, http.MethodPut, "/api/v1/subscriptions/offers", t, &v)
}

// EndSubscription ends a subscription, or an offer of one.
func (c *Client) EndSubscription(ctx context.Context, offer string) (v node.SubscriptionsView, err error) {
	return v, c.Call(ctx, http.MethodPost, "/api/v1/subscriptions/end", map[string]string{"offer": offer}, &v)
}
