package main

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"

	"salon/node/udp"
	"salon/relay"
)

// earAddrs are where a process that only receives can be reached.
type earAddrs struct {
	Control string   // TCP: a line for each message of a link's stream
	Ears    []string // UDP
}

// An earHello is the first line to an ear.
type earHello struct {
	Addr     string // of the parent's socket
	Children int
}

// runEar is the children of any number of parents. It writes its addresses, and goes when in ends.
func runEar(in io.Reader, out io.Writer) error {
	var mux udp.Mux
	defer mux.Close()
	loop := &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}
	var at earAddrs
	var locals []net.Addr
	for range earSockets {
		s, err := mux.Listen("udp4", loop)
		if err != nil {
			return err
		}
		_ = s.(*udp.Socket).SetReadBuffer(4 << 20)
		go drain(s.(*udp.Socket))
		locals, at.Ears = append(locals, s.LocalAddr()), append(at.Ears, s.LocalAddr().String())
	}
	control, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer control.Close()
	at.Control = control.Addr().String()
	go func() {
		for {
			c, err := control.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				if err := listenBy(&mux, locals, c); err != nil {
					os.Stderr.WriteString("bench ear: " + err.Error() + "\n")
				}
			}()
		}
	}()
	if err := json.NewEncoder(out).Encode(at); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, in)
	return err
}

// listenBy is the children of one parent, until that goes.
func listenBy(mux *udp.Mux, locals []net.Addr, c net.Conn) error {
	lines := newLines(c, 0)
	var hello earHello
	if err := lines.hear.Decode(&hello); err != nil {
		return err
	}
	parent, err := net.ResolveUDPAddr("udp4", hello.Addr)
	if err != nil {
		return err
	}
	lines.links(hello.Children)
	for i := range hello.Children {
		l, err := mux.NewLink(fanConn{locals[i%len(locals)], parent}, lines.stream(i), false)
		if err != nil {
			return err
		}
		defer l.Close()
		go func() {
			for p := (relay.Packet{}); l.Receive(&p) == nil; {
			}
		}()
	}
	lines.run()
	return nil
}

// A line carries a message of one link's stream.
type line struct {
	Link    int
	Message []byte
}

// lines are the streams of all links of one parent, over one connection. Only offers go by them.
type lines struct {
	say  *json.Encoder
	hear *json.Decoder
	in   []chan []byte
	out  chan line
}

func newLines(c net.Conn, links int) *lines {
	l := &lines{say: json.NewEncoder(c), hear: json.NewDecoder(c), out: make(chan line, 16)}
	l.links(links)
	return l
}

func (l *lines) links(n int) {
	for range n {
		l.in = append(l.in, make(chan []byte, 4))
	}
}

// run carries lines until the connection ends.
func (l *lines) run() {
	go func() {
		for x := range l.out {
			if l.say.Encode(x) != nil {
				return
			}
		}
	}()
	for {
		var x line
		if err := l.hear.Decode(&x); err != nil || x.Link >= len(l.in) {
			break
		}
		l.in[x.Link] <- x.Message
	}
	for _, in := range l.in {
		close(in)
	}
}

func (l *lines) stream(i int) *lineStream { return &lineStream{l, i} }

type lineStream struct {
	l *lines
	i int
}

var errStreamEnded = errors.New("the other process is gone")

func (s *lineStream) Send(*relay.Packet)     {}
func (s *lineStream) SendMessage(b []byte)   { go func() { s.l.out <- line{s.i, b} }() }
func (s *lineStream) Stats() relay.LinkStats { return relay.LinkStats{} }
func (s *lineStream) Close() error           { return nil }
func (s *lineStream) Next() ([]byte, error) {
	b, ok := <-s.l.in[s.i]
	if !ok {
		return nil, errStreamEnded
	}
	return b, nil
}
