package client

import (
	"context"
	"net/http"

	"salon/node"
)

// Tree is the tree that carries a room of the node's own.
func (c *Client) Tree(ctx context.Context, id string) (v node.TreeView, err error) {
	return v, c.Call(ctx, http.MethodGet, "/api/v1/rooms/"+id+"/tree", nil, &v)
}

// Records asks the relays of such a room what they carried.
func (c *Client) Records(ctx context.Context, id string) (v node.RecordsView, err error) {
	return v, c.Call(ctx, http.MethodGet, "/api/v1/rooms/"+id+"/records", nil, &v)
}

// Services are the rooms that the node, a relay, has service records of.
func (c *Client) Services(ctx context.Context) ([]node.ServiceView, error) {
	var list struct {
		Rooms []node.ServiceView `json:"rooms"`
	}
	err := c.Call(ctx, http.MethodGet, "/api/v1/relay/records", nil, &list)
	return list.Rooms, err
}

// Service is one of them, with its records.
func (c *Client) Service(ctx context.Context, id string) (v node.ServiceView, err error) {
	return v, c.Call(ctx, http.MethodGet, "/api/v1/relay/records/"+id, nil, &v)
}
