package main

import (
	"testing"

	"salon/node"
)

// What was paid by hand is found again: a new subscription by its offer, a renewal whatever version of the offer it is of.
func TestSameSubscription(t *testing.T) {
	before := node.SubscriptionView{Offer: "a1", First: "a1", Through: 10}
	for _, c := range []struct {
		name string
		list []node.SubscriptionView
		v    node.SubscriptionView
		want int64 // through; 0 for none
	}{
		{"a new one", []node.SubscriptionView{{Offer: "b1", First: "b1", Through: 5}, {Offer: "a2", First: "a1", Through: 20}}, node.SubscriptionView{Offer: "a2"}, 20},
		{"a renewal", []node.SubscriptionView{{Offer: "a1", First: "a1", Through: 20}}, before, 20},
		{"a renewal on other terms", []node.SubscriptionView{{Offer: "b1", First: "b1", Through: 5}, {Offer: "a2", First: "a1", Through: 20}}, before, 20},
		{"of somebody else", []node.SubscriptionView{{Offer: "b1", First: "b1", Through: 5}}, before, 0},
		{"of one that is known by its version alone", []node.SubscriptionView{{Offer: "b1", First: "", Through: 5}}, node.SubscriptionView{Offer: "a2"}, 0},
	} {
		if got, is := sameOf(c.list, c.v); got.Through != c.want || is != (c.want != 0) {
			t.Errorf("%s: %+v, %t", c.name, got, is)
		}
	}
}
