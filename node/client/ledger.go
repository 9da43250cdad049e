package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"salon/ledger/doc"
	"salon/node"
)

// Ledger is the node's ledger at a glance.
func (c *Client) Ledger(ctx context.Context) (v node.LedgerView, err error) {
	return v, c.Call(ctx, http.MethodGet, "/api/v1/ledger", nil, &v)
}

// Entries calls f with every entry of the node's ledger, the oldest first, until f returns an error.
func (c *Client) Entries(ctx context.Context, f func(node.EntryView) error) error {
	return c.entries(ctx, "", f)
}

// LastEntries is Entries of the newest n, without what was booked for them.
func (c *Client) LastEntries(ctx context.Context, n uint64, f func(node.EntryView) error) error {
	return c.entries(ctx, fmt.Sprintf("?last=%d", n), f)
}

func (c *Client) entries(ctx context.Context, query string, f func(node.EntryView) error) error {
	resp, err := c.Do(ctx, http.MethodGet, "/api/v1/ledger/entries"+query, "", nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	for in := json.NewDecoder(resp.Body); ; {
		var v node.EntryView
		switch err := in.Decode(&v); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("the ledger broke off: %w", err)
		}
		if err := f(v); err != nil {
			return err
		}
	}
}

// VerifyLedger has the node walk over its ledger.
func (c *Client) VerifyLedger(ctx context.Context) (v node.VerifyView, err error) {
	return v, c.Call(ctx, http.MethodGet, "/api/v1/ledger/verify", nil, &v)
}

// Audit has the node go through the dealings with somebody.
func (c *Client) Audit(ctx context.Context, who doc.PublicKey) (v node.AuditView, err error) {
	return v, c.Call(ctx, http.MethodGet, "/api/v1/ledger/audit/"+who.String(), nil, &v)
}

// Backup writes all entries of the node's ledger. What broke off is an error, and no backup.
func (c *Client) Backup(ctx context.Context, w io.Writer) error {
	resp, err := c.Do(ctx, http.MethodGet, "/api/v1/ledger/backup", "", nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(w, resp.Body); err != nil {
		return fmt.Errorf("the backup broke off: %w", err)
	}
	return nil
}
