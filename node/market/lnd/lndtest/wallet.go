package lndtest

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// Pays has whoever owns the node pay an invoice, as by a wallet on a phone. It does not wait for the end.
func (n *Node) Pays(ctx context.Context, t testing.TB, request string) {
	t.Helper()
	body, err := json.Marshal(map[string]any{"payment_request": request, "timeout_seconds": 60, "fee_limit_msat": "1000000"})
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(ctx, "POST", n.URL()+"/v2/router/send", strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Grpc-Metadata-macaroon", Admin)
	resp, err := n.server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	line, err := bufio.NewReader(resp.Body).ReadString('\n')
	if err != nil || !strings.Contains(line, `"status"`) || strings.Contains(line, "FAILED") {
		t.Fatalf("a wallet pays: %s, %v", line, err)
	}
}
