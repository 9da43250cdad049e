package load

import (
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/report"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// A Pion plays one stream by WHEP as most who use pion do, and as node/rtc did once: a peer connection with reports and a
// track for each browser. It is what node/rtc is measured against.
type Pion struct {
	settings webrtc.SettingEngine
	sent     atomic.Uint64

	mu     sync.Mutex // guards the field below
	tracks []*webrtc.TrackLocalStaticRTP
}

// NewPion opens a port of loopback for all.
func NewPion() (*Pion, error) {
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, err
	}
	p := &Pion{}
	p.settings.SetICEUDPMux(webrtc.NewICEUDPMux(nil, c))
	p.settings.SetIncludeLoopbackCandidate(true)
	p.settings.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	return p, nil
}

// Play sends a frame to all.
func (p *Pion) Play(number uint64, opus []byte) {
	packet := rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: uint16(number), Timestamp: uint32(number) * 960}, Payload: opus}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, t := range p.tracks {
		if t.WriteRTP(&packet) == nil {
			p.sent.Add(1)
		}
	}
}

// Sent is how many packets were sent so far.
func (p *Pion) Sent() uint64 { return p.sent.Load() }

// ServeHTTP answers an offer.
func (p *Pion) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	offer, err := io.ReadAll(r.Body)
	var answer string
	if err == nil {
		answer, err = p.answer(string(offer))
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusCreated)
	_, _ = io.WriteString(w, answer)
}

func (p *Pion) answer(offer string) (string, error) {
	media := &webrtc.MediaEngine{}
	codec := webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2}
	if err := media.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: codec, PayloadType: 111}, webrtc.RTPCodecTypeAudio); err != nil {
		return "", err
	}
	reports := &interceptor.Registry{}
	out, err := report.NewSenderInterceptor()
	if err != nil {
		return "", err
	}
	reports.Add(out)
	pc, err := webrtc.NewAPI(webrtc.WithMediaEngine(media), webrtc.WithInterceptorRegistry(reports), webrtc.WithSettingEngine(p.settings)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return "", err
	}
	track, err := webrtc.NewTrackLocalStaticRTP(codec, "audio", "bench")
	if err != nil {
		return "", err
	}
	sender, err := pc.AddTrack(track)
	if err != nil {
		return "", err
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
		return "", err
	}
	local, err := pc.CreateAnswer(nil)
	if err != nil {
		return "", err
	}
	gathered := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(local); err != nil {
		return "", err
	}
	<-gathered
	p.mu.Lock()
	p.tracks = append(p.tracks, track)
	p.mu.Unlock()
	return pc.LocalDescription().SDP, nil
}
