package sim

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"
)

// A picture is the tree at a moment.
type picture struct {
	at    ms
	nodes map[int]*pictured // by index
}

type pictured struct {
	index, parent int // parent is -1 for none
	look          look
	children      []*pictured
	size          int // nodes at and below it
}

// A look is what a node is drawn as.
type look uint8

const (
	listener look = iota
	volunteer
	relayNode
	hostNode
	mute // it hears nothing
)

var colours = [...]string{listener: "#c9d3dc", volunteer: "#6fa8a0", relayNode: "#2f6690", hostNode: "#1b2a38", mute: "#d1495b"}

func (w *world) photograph() {
	pic := picture{at: w.now, nodes: map[int]*pictured{}}
	for _, p := range w.alive {
		n := &pictured{index: p.index, parent: -1}
		switch {
		case p.index == 0:
			n.look = hostNode
		case p.heardAt == 0 || w.now-p.newAt > longPause:
			n.look = mute
		case p.fanout > w.o.VolunteerFanout:
			n.look = relayNode
		case p.fanout > 0:
			n.look = volunteer
		}
		if q := w.find(p.place.Parent()); q != nil && !q.dead {
			n.parent = q.index
		}
		pic.nodes[p.index] = n
	}
	w.res.pictures = append(w.res.pictures, pic)
}

const (
	picWidth  = 1200
	picMargin = 60
	picLevel  = 16 // of one depth
	picLevels = 7
	plotHigh  = 90
)

// Draw writes the trees that were photographed and what was delivered over time, as SVG. A node is as wide as the number of
// nodes at and below it; those with no way to the host are beside it.
func (r *Result) Draw(out io.Writer) error {
	b := bufio.NewWriter(out)
	high := 70 + len(r.pictures)*(picLevel*picLevels+30) + plotHigh + 40
	fmt.Fprintf(b, "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 %d %d' font-family='sans-serif' font-size='12' fill='#1b2a38'>\n", picWidth+2*picMargin, high)
	fmt.Fprintf(b, "<rect width='100%%' height='100%%' fill='#fff'/>\n<text x='%d' y='24' font-size='16'>%d peers, %v, seed %d: %.3f %% on time</text>\n", picMargin, r.Peers, r.Options.For, r.Options.Seed, 100*r.Delivered())
	x := picMargin
	for i, name := range [...]string{"listener", "volunteer", "relay", "host", "without sound"} {
		fmt.Fprintf(b, "<rect x='%d' y='36' width='12' height='12' fill='%s'/><text x='%d' y='46'>%s</text>\n", x, colours[i], x+16, name)
		x += 120
	}
	y := 70
	for _, pic := range r.pictures {
		pic.draw(b, y)
		y += picLevel*picLevels + 30
	}
	r.plot(b, y)
	fmt.Fprintln(b, "</svg>")
	return b.Flush()
}

func (pic picture) draw(b *bufio.Writer, y int) {
	nodes := make([]*pictured, 0, len(pic.nodes))
	for _, n := range pic.nodes {
		n.children = nil
		nodes = append(nodes, n)
	}
	slices.SortFunc(nodes, func(a, b *pictured) int { return a.index - b.index })
	for _, n := range nodes {
		if q := pic.nodes[n.parent]; q != nil {
			q.children = append(q.children, n)
		}
	}
	root := pic.nodes[0]
	total := root.measure(0)
	fmt.Fprintf(b, "<text x='%d' y='%d'>%.1f s: %d peers, %d of them not below the host</text>\n", picMargin, y+10, float64(pic.at)/1000, len(nodes)-1, len(nodes)-total)
	unit := float64(picWidth) / float64(len(nodes))
	root.drawAt(b, 0, picMargin, y+16, unit)
	drawRect(b, picMargin+float64(total)*unit, y+16, float64(len(nodes)-total)*unit, mute)
}

func drawRect(b *bufio.Writer, x float64, y int, wide float64, l look) {
	if wide > 0 {
		fmt.Fprintf(b, "<rect x='%.2f' y='%d' width='%.2f' height='%d' fill='%s'/>\n", x, y, max(wide-min(0.5, wide/4), 0.05), picLevel-2, colours[l])
	}
}

// measure counts the nodes at and below n, and leaves out what is deeper than can be drawn, or in a loop.
func (n *pictured) measure(depth int) int {
	n.size = 1
	if depth == picLevels-1 {
		n.children = nil
	}
	for _, c := range n.children {
		n.size += c.measure(depth + 1)
	}
	slices.SortStableFunc(n.children, func(a, b *pictured) int {
		return cmp.Or(cmp.Compare(b.size, a.size), cmp.Compare(b.look, a.look))
	})
	return n.size
}

func (n *pictured) drawAt(b *bufio.Writer, depth int, x float64, y int, unit float64) {
	drawRect(b, x, y+depth*picLevel, float64(n.size)*unit, n.look)
	x += unit // the node itself, beside those below it
	for i := 0; i < len(n.children); {
		c := n.children[i]
		run := 1 // of nodes that look alike and have nobody below: one shape instead of thousands
		for c.size == 1 && i+run < len(n.children) && n.children[i+run].size == 1 && n.children[i+run].look == c.look {
			run++
		}
		if run > 1 {
			drawRect(b, x, y+(depth+1)*picLevel, float64(run)*unit, c.look)
		} else {
			c.drawAt(b, depth+1, x, y, unit)
		}
		for range run {
			x += float64(n.children[i].size) * unit
			i++
		}
	}
}

// plot draws what share of each second's frames came in time.
func (r *Result) plot(b *bufio.Writer, y int) {
	if len(r.Seconds) == 0 {
		return
	}
	const low = 0.9 // the lowest share that is drawn
	at := func(i int) float64 { return picMargin + float64(i)*picWidth/float64(max(len(r.Seconds)-1, 1)) }
	fmt.Fprintf(b, "<text x='%d' y='%d'>blue: share of frames on time, %.0f to 100 %%; grey: how many peers are there</text>\n", picMargin, y+10, 100*low)
	most := 1
	for _, s := range r.Seconds {
		most = max(most, s.Peers)
	}
	line := func(colour string, share func(s Second) float64) {
		fmt.Fprintf(b, "<polyline fill='none' stroke='%s' stroke-width='1.5' points='", colour)
		for i, s := range r.Seconds {
			fmt.Fprintf(b, "%.1f,%.1f ", at(i), float64(y)+20+plotHigh*(1-share(s)))
		}
		fmt.Fprint(b, "'/>\n")
	}
	fmt.Fprintf(b, "<rect x='%d' y='%d' width='%d' height='%d' fill='none' stroke='#c9d3dc'/>\n", picMargin, y+20, picWidth, plotHigh)
	line("#c9d3dc", func(s Second) float64 { return float64(s.Peers) / float64(most) })
	line("#2f6690", func(s Second) float64 { return max(s.Delivered()-low, 0) / (1 - low) })
}
