//go:build lnd

// Package lndlab is real Lightning for tests: a simulated Bitcoin chain and two nodes with a channel, on loopback, from the
// programs that .ci/lightning builds.
package lndlab

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	patience = 90 * time.Second // for anything, on a busy machine
	capacity = 10_000_000       // satoshi of the channel, of which
	pushed   = 1_000_000        // are bob's
	nobody   = "SMJ12qn9jNCCXJnTYRz5Yu9ZenERqvYwfg"
)

// A Lab is Alice, who has money, and Bob, to whom she has a channel.
type Lab struct{ Alice, Bob *Node }

// A Node is one lnd.
type Node struct {
	t        *testing.T
	dir      string
	REST     string
	listen   string
	Identity string // its public key
	http     *http.Client
	cmd      *exec.Cmd
}

// Start starts all of it, for as long as the test runs, or skips the test.
func Start(t *testing.T) *Lab {
	t.Helper()
	folder := os.Getenv("SALON_LIGHTNING")
	if folder == "" {
		t.Skip("no btcd and lnd here: 'make test-lightning' builds them, or says why it cannot")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	c := newChain(t, folder)
	c.start(nobody)
	c.generate(ctx, 450) // a recent block, and all that lnd wants of the chain is active
	lab := &Lab{Alice: newNode(t, folder, c, "alice"), Bob: newNode(t, folder, c, "bob")}
	// Ended in the reverse order: lnd takes half a minute to end without its chain.
	lab.Alice.ready(ctx)
	lab.Bob.ready(ctx)

	var address struct{ Address string }
	lab.Alice.must(ctx, "GET", "/v1/newaddress", nil, &address)
	c.stop()
	c.start(address.Address)
	c.generate(ctx, 101)
	lab.Alice.until(ctx, "she has money", func() (bool, error) {
		var b struct {
			Confirmed string `json:"confirmed_balance"`
		}
		err := lab.Alice.Call(ctx, "GET", "/v1/balance/blockchain", nil, &b)
		return b.Confirmed != "" && b.Confirmed != "0", err
	})
	// Blocks that were made while a node had no chain it hears of with the next one.
	for _, n := range []*Node{lab.Alice, lab.Bob} {
		n.until(ctx, "lnd follows the chain again", func() (bool, error) {
			synced, err := n.synced(ctx)
			if !synced && err == nil && time.Since(c.made) > 2*time.Second {
				c.generate(ctx, 1)
			}
			return synced, err
		})
	}
	lab.connect(ctx, c)
	return lab
}

// connect opens the channel.
func (l *Lab) connect(ctx context.Context, c *chain) {
	l.Alice.until(ctx, "the nodes talk to each other", func() (bool, error) { // synced is not yet started
		err := l.Alice.Call(ctx, "POST", "/v1/peers", map[string]any{"addr": map[string]string{"pubkey": l.Bob.Identity, "host": l.Bob.listen}, "perm": true}, nil)
		if err != nil && strings.Contains(err.Error(), "already connected") {
			err = nil
		}
		return true, err
	})
	key, err := hex.DecodeString(l.Bob.Identity)
	if err != nil {
		l.Alice.t.Fatal(err)
	}
	l.Alice.until(ctx, "the channel is opened", func() (bool, error) {
		return true, l.Alice.Call(ctx, "POST", "/v1/channels", map[string]any{"node_pubkey": key, "local_funding_amount": strconv.Itoa(capacity), "push_sat": strconv.Itoa(pushed)}, nil)
	})
	c.generate(ctx, 3)
	// That it is active does not mean yet that payments find it.
	l.Alice.until(ctx, "the channel is active", func() (bool, error) {
		var list struct{ Channels []struct{ Active bool } }
		err := l.Alice.Call(ctx, "GET", "/v1/channels", nil, &list)
		return len(list.Channels) == 1 && list.Channels[0].Active, err
	})
	l.Alice.until(ctx, "the channel carries", func() (bool, error) {
		return l.probe(ctx)
	})
}

// probe has Alice pay Bob one satoshi.
func (l *Lab) probe(ctx context.Context) (bool, error) {
	var in struct {
		Request string `json:"payment_request"`
	}
	if err := l.Bob.Call(ctx, "POST", "/v1/invoices", map[string]string{"value": "1"}, &in); err != nil {
		return false, err
	}
	body, err := l.Alice.open(ctx, "POST", "/v2/router/send", map[string]any{"payment_request": in.Request, "timeout_seconds": 10})
	if err != nil {
		return false, err
	}
	defer body.Close()
	for lines := json.NewDecoder(body); ; {
		var line struct{ Result struct{ Status string } }
		if err := lines.Decode(&line); err != nil {
			return false, err
		}
		switch line.Result.Status {
		case "SUCCEEDED":
			return true, nil
		case "FAILED":
			return false, nil
		}
	}
}

// A chain is btcd, on the simulated network: it makes blocks when it is told to.
type chain struct {
	t           *testing.T
	program     string
	dir         string
	rpc, listen string
	made        time.Time // the newest block
	cmd         *exec.Cmd
}

func newChain(t *testing.T, folder string) *chain {
	c := &chain{t: t, program: filepath.Join(folder, "btcd"), dir: t.TempDir(), rpc: freePort(t), listen: freePort(t)}
	t.Cleanup(c.stop)
	return c
}

// start begins mining for an address.
func (c *chain) start(miner string) {
	c.t.Helper()
	c.cmd = run(c.t, c.program, "--simnet", "--configfile="+filepath.Join(c.dir, "none.conf"), "--datadir="+c.dir, "--logdir="+c.dir,
		"--rpccert="+filepath.Join(c.dir, "rpc.cert"), "--rpckey="+filepath.Join(c.dir, "rpc.key"), "--rpcuser=u", "--rpcpass=p",
		"--rpclisten="+c.rpc, "--listen="+c.listen, "--nodnsseed", "--txindex", "--miningaddr="+miner, "--trickleinterval=100ms")
}

func (c *chain) stop() { end(c.t, c.cmd) }

// generate makes blocks, once btcd answers.
func (c *chain) generate(ctx context.Context, blocks int) {
	c.t.Helper()
	until(ctx, c.t, "blocks are made", func() (bool, error) {
		client, err := pinned(filepath.Join(c.dir, "rpc.cert"))
		if err != nil {
			return false, err
		}
		defer client.CloseIdleConnections()
		body, err := json.Marshal(map[string]any{"jsonrpc": "1.0", "id": 1, "method": "generate", "params": []int{blocks}})
		if err != nil {
			return false, err
		}
		req, err := http.NewRequestWithContext(ctx, "POST", "https://"+c.rpc, bytes.NewReader(body))
		if err != nil {
			return false, err
		}
		req.SetBasicAuth("u", "p")
		resp, err := client.Do(req)
		if err != nil {
			return false, err
		}
		defer resp.Body.Close()
		var answer struct{ Error any }
		if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
			return false, err
		}
		if answer.Error != nil {
			return false, fmt.Errorf("btcd: %v", answer.Error)
		}
		c.made = time.Now()
		return true, nil
	})
}

func newNode(t *testing.T, folder string, c *chain, name string) *Node {
	t.Helper()
	n := &Node{t: t, dir: filepath.Join(t.TempDir(), name), listen: freePort(t)}
	rest := freePort(t)
	n.REST = "https://" + rest
	n.cmd = run(t, filepath.Join(folder, "lnd"), "--bitcoin.simnet", "--bitcoin.node=btcd", "--btcd.rpchost="+c.rpc, "--btcd.rpcuser=u", "--btcd.rpcpass=p",
		"--btcd.rpccert="+filepath.Join(c.dir, "rpc.cert"), "--lnddir="+n.dir, "--noseedbackup", "--nobootstrap", "--bitcoin.defaultchanconfs=1",
		"--trickledelay=50", "--listen="+n.listen, "--rpclisten="+freePort(t), "--restlisten="+rest)
	t.Cleanup(func() { end(t, n.cmd) })
	return n
}

// Cert is the path of its certificate.
func (n *Node) Cert() string { return filepath.Join(n.dir, "tls.cert") }

// Macaroon is the path of one of its macaroons: admin or invoice.
func (n *Node) Macaroon(name string) string {
	return filepath.Join(n.dir, "data", "chain", "bitcoin", "simnet", name+".macaroon")
}

// ready waits until the node follows the chain.
func (n *Node) ready(ctx context.Context) {
	n.t.Helper()
	n.until(ctx, "lnd follows the chain", func() (bool, error) { return n.synced(ctx) })
}

func (n *Node) synced(ctx context.Context) (bool, error) {
	var info struct {
		Key    string `json:"identity_pubkey"`
		Synced bool   `json:"synced_to_chain"`
	}
	err := n.Call(ctx, "GET", "/v1/getinfo", nil, &info)
	n.Identity = info.Key
	return info.Synced, err
}

// Balance is what the node has in its channels, in satoshi.
func (n *Node) Balance(ctx context.Context) int64 {
	n.t.Helper()
	var b struct {
		Local struct{ Sat string } `json:"local_balance"`
	}
	n.must(ctx, "GET", "/v1/balance/channels", nil, &b)
	sat, err := strconv.ParseInt(b.Local.Sat, 10, 64)
	if err != nil {
		n.t.Fatal(err)
	}
	return sat
}

// Settled is how many of its invoices are paid.
func (n *Node) Settled(ctx context.Context) (paid int) {
	n.t.Helper()
	var list struct{ Invoices []struct{ State string } }
	n.must(ctx, "GET", "/v1/invoices?num_max_invoices=1000", nil, &list)
	for _, in := range list.Invoices {
		if in.State == "SETTLED" {
			paid++
		}
	}
	return paid
}

// Call asks lnd, with all permissions.
func (n *Node) Call(ctx context.Context, method, path string, in, out any) error {
	body, err := n.open(ctx, method, path, in)
	if err != nil {
		return err
	}
	defer body.Close()
	if out == nil {
		_, err = io.Copy(io.Discard, body)
		return err
	}
	return json.NewDecoder(body).Decode(out)
}

func (n *Node) must(ctx context.Context, method, path string, in, out any) {
	n.t.Helper()
	if err := n.Call(ctx, method, path, in, out); err != nil {
		n.t.Fatal(err)
	}
}

func (n *Node) open(ctx context.Context, method, path string, in any) (io.ReadCloser, error) {
	if n.http == nil {
		client, err := pinned(n.Cert())
		if err != nil {
			return nil, err
		}
		n.http = client
		n.t.Cleanup(client.CloseIdleConnections)
	}
	macaroon, err := os.ReadFile(n.Macaroon("admin"))
	if err != nil {
		return nil, err
	}
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, n.REST+path, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Grpc-Metadata-macaroon", hex.EncodeToString(macaroon))
	resp, err := n.http.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		defer resp.Body.Close()
		words, _ := io.ReadAll(io.LimitReader(resp.Body, 1000))
		return nil, fmt.Errorf("%s %s: %s", method, path, words)
	}
	return resp.Body, nil
}

func (n *Node) until(ctx context.Context, what string, f func() (bool, error)) {
	n.t.Helper()
	until(ctx, n.t, what, f)
}

// until asks again and again: neither program says when it is ready.
func until(ctx context.Context, t *testing.T, what string, f func() (bool, error)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		ok, err := f()
		if ok && err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("waited for: %s: %v", what, errors.Join(ctx.Err(), err))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// pinned is a client of a server with a certificate that it signed itself.
func pinned(path string) (*http.Client, error) {
	pem, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}, nil
}

// freePort is an address on loopback where nobody listens just now.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// run starts a program, which logs to its own files.
func run(t *testing.T, program string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd
}

// end ends a program that we started, politely at first.
func end(t *testing.T, cmd *exec.Cmd) {
	if cmd == nil || cmd.ProcessState != nil {
		return
	}
	kill := time.AfterFunc(30*time.Second, func() {
		t.Errorf("%s does not end", cmd.Path)
		_ = cmd.Process.Kill()
	})
	defer kill.Stop()
	_ = cmd.Process.Signal(syscall.SIGINT)
	_ = cmd.Wait() // how it ended does not matter
}
