//go:build lnd

package lndlab

import (
	"bufio"
	"bytes"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// A Door stands before a node's REST interface, and can keep the news of payments from whoever asks there.
type Door struct {
	REST string
	cert string

	mu   sync.Mutex    // guards the field below
	shut chan struct{} // closed when it opens again; nil while it is open
}

// NewDoor makes one, open, until the test ends.
func NewDoor(t *testing.T, to *Node) *Door {
	t.Helper()
	lnd, err := pinned(to.Cert())
	if err != nil {
		t.Fatal(err)
	}
	d := &Door{cert: filepath.Join(t.TempDir(), "door.cert")}
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { d.pass(w, r, lnd, to.REST) }))
	t.Cleanup(func() {
		d.Open()
		server.CloseClientConnections()
		server.Close()
		lnd.CloseIdleConnections()
	})
	d.REST = server.URL
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(d.cert, block, 0o600); err != nil {
		t.Fatal(err)
	}
	return d
}

// Cert is the path of its certificate.
func (d *Door) Cert() string { return d.cert }

// Shut keeps back, from now on, every answer that says that an invoice is paid.
func (d *Door) Shut() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.shut == nil {
		d.shut = make(chan struct{})
	}
}

// Open lets everything through again, also what was kept.
func (d *Door) Open() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.shut != nil {
		close(d.shut)
		d.shut = nil
	}
}

func (d *Door) closed() chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.shut
}

// pass asks lnd, and passes on what it answers, line by line.
func (d *Door) pass(w http.ResponseWriter, r *http.Request, lnd *http.Client, rest string) {
	ask, err := http.NewRequestWithContext(r.Context(), r.Method, rest+r.URL.RequestURI(), r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	ask.Header = r.Header.Clone()
	ask.ContentLength = r.ContentLength
	answer, err := lnd.Do(ask)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer answer.Body.Close()
	begun := false
	for lines := bufio.NewReader(answer.Body); ; {
		line, err := lines.ReadBytes('\n')
		if shut := d.closed(); shut != nil && bytes.Contains(line, []byte(`"SETTLED"`)) {
			select {
			case <-shut:
			case <-r.Context().Done():
				return
			}
		}
		if !begun { // not before it is known whether anything may be said
			w.WriteHeader(answer.StatusCode)
			begun = true
		}
		if _, failed := w.Write(line); failed != nil || err != nil {
			return
		}
		_ = http.NewResponseController(w).Flush() // a reader that is gone is seen at the next line
	}
}
