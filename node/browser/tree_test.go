package browser

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"

	"salon/ledger/doc"
	"salon/node"
)

// startRelay runs a relay on a computer until the test ends, and returns its address.
func startRelay(t testing.TB, c computer, name string) string {
	t.Helper()
	args := []string{"relay", "--open", "--home", t.TempDir(), "--name", name}
	if !c.lan {
		args = append(args, "--no-mdns", "--listen", "/ip4/127.0.0.1/udp/0/quic-v1")
	}
	cmd := c.command(program, args...)
	out := must[io.ReadCloser](t)(cmd.StdoutPipe())
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	address := ""
	ready, read := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(read)
		told := false
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if at, is := strings.CutPrefix(lines.Text(), "Relay: "); is && address == "" && strings.Contains(at, "/quic-v1/") {
				address = at
			}
			if strings.HasPrefix(lines.Text(), "Stop") && !told {
				told = true
				close(ready)
			}
		}
		if !told {
			close(ready)
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGINT)
		kill := time.AfterFunc(15*time.Second, func() { _ = cmd.Process.Kill() })
		<-read
		_ = cmd.Wait()
		if !kill.Stop() {
			t.Errorf("the relay %s did not leave when asked", name)
		}
	})
	<-ready
	if address == "" {
		t.Fatalf("the relay %s did not start", name)
	}
	return address
}

// The host sees in words how everybody hears, and the tree of five nodes; a listener sees the way to the host.
func TestTree(t *testing.T) {
	needBrowser(t)
	v := newViewer(t)
	relays := []string{startRelay(t, computers[0], "Kai's attic"), startRelay(t, computers[1], "Library basement")}
	anasNode := startNodeWith(t, computers[0], "Ana", []string{"--relay", relays[0], "--relay", relays[1], "--max-children", "2"})
	bosNode := startNode(t, computers[1], "Bo", anasNode)
	ana := sitDown(t, computers[0], "Ana", anasNode, setup{microphone: microphone(t, breathless(voice(t, anasVoice)))})
	bo := sitDown(t, computers[1], "Bo", bosNode, setup{})
	ana.open(anasNode.Page)
	ana.startsRoom("Tides", "talk")
	ana.clicks("audience")
	ana.sees("tree-dialog")
	ana.sees(`tree[data-relays="2"]`)
	bo.open(bosNode.Page)
	bo.clicks("listen")
	bo.until("first sound", `ear.firstSound > 0`)
	joins(t, "Cy", ana)
	ana.sees(`tree[data-nodes="5"][data-kind="figure"]`)
	ana.until("see how both hear", `/of 2 listeners heard .* of the last minute/.test(document.querySelector('[data-test="audience-words"]').innerText)`)
	t.Log(ana.reads("audience-words"))
	ana.until("see the ways to the relays", `[...document.querySelectorAll('[data-test="tree-node"]')].slice(1).every((e) => / ms there and back/.test(e.ariaLabel))`)
	v.looks(ana, "tree of five")

	// By keyboard: down to the first relay, on to the second, and back up.
	ana.tabsTo(`tree-node[data-index="0"]`)
	ana.presses(kb.ArrowDown)
	ana.sees(`tree-node[data-index="1"][aria-selected="true"]`)
	ana.presses(kb.ArrowRight)
	ana.until("be on the second relay", `document.activeElement.dataset.index === "2"`)
	if text := ana.reads("tree-details"); !contains(text, "Kai's attic") && !contains(text, "Library basement") || !contains(text, "Fed by", "Your node") {
		t.Errorf("of the second relay it says %q", text)
	}
	ana.presses(kb.ArrowUp)
	ana.until("be at the host", `document.activeElement.dataset.index === "0"`)
	ana.clicks("tree-table")
	if text := ana.reads("tree-table"); !contains(text, "Kai's attic", "Library basement", "Your node") {
		t.Errorf("the table says %q", text)
	}
	ana.clicks("close")
	if text := ana.reads("audience"); !contains(text, "of 2 listeners heard", "of the last minute") {
		t.Errorf("in the room it says %q", text)
	}
	v.looks(ana, "host with an audience")

	bo.clicks("quality")
	bo.sees(`way[data-hops="2"]`)
	bo.until("see names and time of the way", `/You.*(attic|basement).*Ana \(host\).*2 hops, \d+ ms/s.test(document.querySelector('[data-test="way"]').innerText)`)
	v.looks(bo, "way to the host")
}

// vast is a tree of 5,000 nodes, 64 of which are relays; the way to some of them is bad.
func vast() node.TreeView {
	v := node.TreeView{Nodes: []node.TreeNode{{Up: -1, Name: "Ana", Leaves: 12, Listeners: 4936}}}
	device := func(i int) doc.PublicKey { return doc.PublicKey{byte(i), 1} }
	v.Nodes[0].Device = device(0)
	add := func(up, leaves int) int {
		i := len(v.Nodes)
		n := node.TreeNode{
			Up: up, Depth: v.Nodes[up].Depth + 1, Device: device(i), Name: fmt.Sprintf("Relay of person %d", i), Leaves: uint32(leaves),
			RTTMS: float64(4 + i*37%90), Loss: float64(i*29%9) / 1000,
		}
		switch {
		case i%17 == 5:
			n.Loss, n.Poor = 0.034, 3
		case i%31 == 11:
			n.Loss, n.Poor = 0.12, uint32(leaves/2)
		}
		v.Nodes = append(v.Nodes, n)
		v.Nodes[up].Relays++
		for at := i; at > 0; at = v.Nodes[at].Up {
			v.Nodes[at].Listeners += n.Leaves
		}
		return i
	}
	left := 5000 - 1 - 64 - 12
	for k := range 8 {
		first := add(0, 60+5*k)
		left -= 60 + 5*k
		for j := range 7 {
			leaves := 20 + (k*13+j*29)%110
			if k == 7 && j == 6 {
				leaves = left
			}
			up := first
			if j > 4 {
				up = first + 1 + j%2 // deeper still
			}
			add(up, leaves)
			left -= leaves
		}
	}
	for _, n := range v.Nodes {
		v.Total += 1 + n.Leaves
	}
	v.Audience = &node.AudienceView{Listeners: 4936, Told: 4930, Of: 0.986, Heard: 0.998, DelayMS: 320, Poor: 70}
	return v
}

// givenTree has a page be told of a tree that this machine has not.
func givenTree(p *person, tree node.TreeView) {
	p.beforeEveryPage(`{
		const real = fetch, tree = ` + asJSON(tree) + `;
		globalThis.fetch = (path, ...more) => String(path).endsWith("/tree") ? Promise.resolve(Response.json(tree)) : real(path, ...more);
	}`)
}

// A relay that listeners left for what it passed on is marked, and said to be so in words; so is one that has gone since.
func TestTreeWithLiars(t *testing.T) {
	p := alone(t, "Ana", setup{microphone: microphone(t, make([]float32, rate))})
	v := newViewer(t)
	tree := node.TreeView{Total: 8, Nodes: []node.TreeNode{
		{Up: -1, Name: "Ana", Relays: 2, Listeners: 5, Device: doc.PublicKey{1}},
		{Up: 0, Depth: 1, Name: "Kai's attic", Leaves: 3, Listeners: 3, RTTMS: 12, Device: doc.PublicKey{2}},
		{Up: 0, Depth: 1, Name: "Library basement", Leaves: 2, Listeners: 2, RTTMS: 31, Loss: 0.002, Device: doc.PublicKey{3}},
	}, Accused: []node.AccusedView{
		{Device: doc.PublicKey{2}, Name: "Kai's attic", People: 1, What: "altered"},
		{Device: doc.PublicKey{9}, Name: "Somebody's very long name of a relay in the cellar", People: 3, What: "forged", Out: true},
	}}
	givenTree(p, tree)
	p.open(p.node.Page)
	p.startsRoom("Tides", "talk")
	p.clicks("audience")
	p.sees("tree-accused")
	if text := p.reads("tree-accused"); !contains(text, "Kai's attic: 1 listener left it: it altered sound.", "in the cellar: 3 listeners left it: it passed on sound that nobody signed. It carries this room no more.") {
		t.Errorf("it says %q", text)
	}
	p.clicks(`tree-node[data-index="1"]`)
	if text := p.reads("tree-details"); !contains(text, "1 listener left it") {
		t.Errorf("of the relay it says %q", text)
	}
	if label := script[string](p, `document.querySelector('[data-test="tree-node"][data-index="1"]').ariaLabel`); !contains(label, "1 listener left it") {
		t.Errorf("the relay is labelled %q", label)
	}
	if marks := script[int](p, `document.querySelectorAll('circle.tree-alarm').length`); marks != 1 {
		t.Errorf("%d relays are marked", marks)
	}
	v.looks(p, "tree with liars")
	v.emulate(p, 390, 844, "light")
	if over := script[int](p, `(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth)(document.querySelector('[data-test="tree-dialog"]'))`); over > 0 {
		t.Errorf("on a phone the dialog is %d pixels too wide", over)
	}
}

// A tree of 5,000 nodes, which this machine has not: the page is given what such a host's node would say.
func TestTreeOfThousands(t *testing.T) {
	p := alone(t, "Ana", setup{microphone: microphone(t, make([]float32, rate))})
	v := newViewer(t)
	tree := vast()
	if tree.Total != 5000 || len(tree.Nodes) != 65 {
		t.Fatalf("%d nodes, %d of them relays", tree.Total, len(tree.Nodes)-1)
	}
	givenTree(p, tree)
	p.open(p.node.Page)
	p.startsRoom("The whole town", "talk")
	p.clicks("audience")
	p.sees(`tree[data-kind="rings"][data-nodes="5000"]`)
	if text := p.reads("audience-words"); text != "98% of 4,936 listeners heard 99.8% of the last minute, 320 ms behind." {
		t.Errorf("it says %q", text)
	}
	p.tabsTo(`tree-node[data-index="0"]`)
	p.presses(kb.ArrowDown)
	for range 4 {
		p.presses(kb.ArrowRight)
	}
	p.until("be on the fifth relay", `document.activeElement.dataset.index === "33"`)
	if text := p.reads("tree-details"); !contains(text, "Relay of person 33", "Your node") {
		t.Errorf("of the fifth relay it says %q", text)
	}
	v.looks(p, "tree of thousands")
	p.clicks("tree-table")
	if rows := script[int](p, `document.querySelectorAll('[data-test="tree-table"] tbody tr').length`); rows != 65 {
		t.Errorf("the table has %d rows", rows)
	}
	v.looks(p, "tree of thousands as a table")
	v.emulate(p, 390, 844, "light")
	if over := script[int](p, `(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth)(document.querySelector('[data-test="tree-dialog"]'))`); over > 0 {
		t.Errorf("on a phone the dialog is %d pixels too wide", over)
	}
}
