package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/report"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"salon/node/rtc"
	"salon/node/web/guest"
	"salon/relay"
)

// The arguments with which part guests starts this program as what plays to browsers, and as the browsers.
const (
	asGallery  = "gallery"
	asBrowsers = "browsers"
)

const (
	guestOpus = 100 // bytes of 20 ms at 40 kbit/s
	// A bare datagram is as long as a guest's: RTP's header, Opus, and SRTP's tag.
	bareGuest = 12 + guestOpus + 16
)

// A galleryOrder says which way to play, and then how long.
type galleryOrder struct {
	Pion bool // by pion's tracks, as its users do, rather than by node/rtc
	Run  time.Duration
}

// A gallery plays one stream to all who come by WHEP.
type gallery struct {
	play func(number uint64, opus []byte)
	sent func() uint64
	mu   sync.Mutex // guards who plays
}

// runGallery carries out orders until there are none to come.
func runGallery(in io.Reader, out io.Writer) error {
	orders, say := json.NewDecoder(in), json.NewEncoder(out)
	var o galleryOrder
	if err := orders.Decode(&o); err != nil {
		return err
	}
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer l.Close()
	g := &gallery{}
	var handler http.Handler
	if o.Pion {
		handler, err = g.byPion()
	} else {
		handler, err = g.byNode()
	}
	if err != nil {
		return err
	}
	go http.Serve(l, handler)
	if err := say.Encode("http://" + l.Addr().String()); err != nil {
		return err
	}
	number := uint64(0)
	for {
		switch err := orders.Decode(&o); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		opus := make([]byte, guestOpus)
		t := time.NewTicker(relay.FrameDuration)
		before, sent := ownCPU(), g.sent()
		for range o.Run / relay.FrameDuration {
			<-t.C
			g.mu.Lock()
			g.play(number, opus)
			g.mu.Unlock()
			number++
		}
		t.Stop()
		if err := say.Encode(fanReport{CPU: ownCPU() - before, Packets: g.sent() - sent}); err != nil {
			return err
		}
	}
}

func (g *gallery) byNode() (http.Handler, error) {
	port, err := rtc.Listen(netip.MustParseAddrPort("127.0.0.1:0"))
	if err != nil {
		return nil, err
	}
	e := rtc.New(rtc.Options{Port: port, MaxSessions: 10_000, LoopbackOnly: true, GoneAfter: guest.GoneAfter})
	var sessions []*rtc.Session
	pkt := relay.Packet{Frames: make([]relay.Frame, 1)}
	g.play = func(number uint64, opus []byte) {
		pkt.Frames[0] = relay.Frame{Number: number, Sealed: opus}
		for _, s := range sessions {
			s.Send(&pkt)
		}
	}
	g.sent = func() (n uint64) {
		for _, s := range sessions {
			n += s.Stats().Sent
		}
		return n
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e.ServeWHEP(w, r, rtc.Offer{OnSession: func(s *rtc.Session) error {
			g.mu.Lock()
			sessions = append(sessions, s)
			g.mu.Unlock()
			return nil
		}})
	}), nil
}

// byPion is what this node did before it had a way of its own: a peer connection, with reports, and a track for each.
func (g *gallery) byPion() (http.Handler, error) {
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, err
	}
	var settings webrtc.SettingEngine
	settings.SetICEUDPMux(webrtc.NewICEUDPMux(nil, c))
	settings.SetIncludeLoopbackCandidate(true)
	settings.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	var all []*webrtc.TrackLocalStaticRTP
	var sent atomic.Uint64
	g.sent = sent.Load
	g.play = func(number uint64, opus []byte) {
		p := rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: uint16(number), Timestamp: uint32(number) * 960}, Payload: opus}
		for _, t := range all {
			if t.WriteRTP(&p) == nil {
				sent.Add(1)
			}
		}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		offer, err := io.ReadAll(r.Body)
		var answer string
		var track *webrtc.TrackLocalStaticRTP
		if err == nil {
			answer, track, err = answerByPion(settings, string(offer))
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		g.mu.Lock()
		all = append(all, track)
		g.mu.Unlock()
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, answer)
	}), nil
}

func answerByPion(settings webrtc.SettingEngine, offer string) (answer string, track *webrtc.TrackLocalStaticRTP, err error) {
	media := &webrtc.MediaEngine{}
	codec := webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2}
	if err := media.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: codec, PayloadType: 111}, webrtc.RTPCodecTypeAudio); err != nil {
		return "", nil, err
	}
	reports := &interceptor.Registry{}
	out, err := report.NewSenderInterceptor()
	if err != nil {
		return "", nil, err
	}
	reports.Add(out)
	pc, err := webrtc.NewAPI(webrtc.WithMediaEngine(media), webrtc.WithInterceptorRegistry(reports), webrtc.WithSettingEngine(settings)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return "", nil, err
	}
	if track, err = webrtc.NewTrackLocalStaticRTP(codec, "audio", "bench"); err != nil {
		return "", nil, err
	}
	sender, err := pc.AddTrack(track)
	if err != nil {
		return "", nil, err
	}
	go func() {
		b := make([]byte, 1500)
		for {
			if _, _, err := sender.Read(b); err != nil {
				return
			}
		}
	}()
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer}); err != nil {
		return "", nil, err
	}
	local, err := pc.CreateAnswer(nil)
	if err != nil {
		return "", nil, err
	}
	gathered := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(local); err != nil {
		return "", nil, err
	}
	<-gathered
	return pc.LocalDescription().SDP, track, nil
}

// A browsersOrder says how many more come, and to which galleries.
type browsersOrder struct {
	Galleries []string
	Each      int
	Sockets   int // more, that only read: what a bare loop sends to
}

// A browsersReport is how many packets arrived so far, and where the sockets are that were asked for.
type browsersReport struct {
	Packets uint64
	Sockets []string
}

// runBrowsers is any number of listeners without a node, made of pion. It answers each order with how many packets arrived
// so far, once all that it names are connected.
func runBrowsers(ctx context.Context, in io.Reader, out io.Writer) error {
	orders, say := json.NewDecoder(in), json.NewEncoder(out)
	var got atomic.Uint64
	for {
		var o browsersOrder
		switch err := orders.Decode(&o); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		var r browsersReport
		for range o.Sockets {
			c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
			if err != nil {
				return err
			}
			r.Sockets = append(r.Sockets, c.LocalAddr().String())
			go func() {
				b := make([]byte, 1500)
				for {
					if _, _, err := c.ReadFromUDPAddrPort(b); err != nil {
						return
					}
				}
			}()
		}
		for _, url := range o.Galleries {
			for range o.Each {
				if err := listenIn(ctx, url, &got); err != nil {
					return err
				}
			}
		}
		r.Packets = got.Load()
		if err := say.Encode(r); err != nil {
			return err
		}
	}
}

// listenIn connects one more, which counts what it gets until the process ends.
func listenIn(ctx context.Context, url string, got *atomic.Uint64) error {
	var settings webrtc.SettingEngine
	settings.SetIncludeLoopbackCandidate(true)
	settings.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	settings.SetIPFilter(net.IP.IsLoopback)
	pc, err := webrtc.NewAPI(webrtc.WithSettingEngine(settings)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return err
	}
	connected := make(chan struct{})
	var once sync.Once
	pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
		if s == webrtc.PeerConnectionStateConnected {
			once.Do(func() { close(connected) })
		}
	})
	pc.OnTrack(func(t *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		b := make([]byte, 1500)
		for {
			if _, _, err := t.Read(b); err != nil {
				return
			}
			got.Add(1)
		}
	})
	if _, err := pc.AddTransceiverFromKind(webrtc.RTPCodecTypeAudio, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
		return err
	}
	offer, err := pc.CreateOffer(nil)
	if err != nil {
		return err
	}
	if err := pc.SetLocalDescription(offer); err != nil {
		return err
	}
	resp, err := http.Post(url, "application/sdp", bytes.NewReader([]byte(offer.SDP)))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusCreated {
		return fmt.Errorf("WHEP: %s: %s", resp.Status, answer)
	}
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: string(answer)}); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	select {
	case <-connected:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("a browser did not connect: %w", ctx.Err())
	}
}
