package load

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/pion/ice/v4"
	"github.com/pion/webrtc/v4"
)

// A Browser is a listener by WHEP, made of pion. It listens until its process ends.
type Browser struct {
	got   atomic.Uint64
	first atomic.Uint32 // sequence number, plus one
	last  atomic.Uint32 // likewise, going on beyond 16 bits
}

// NewBrowser connects one that plays what is at an address.
func NewBrowser(ctx context.Context, page string) (*Browser, error) {
	var settings webrtc.SettingEngine
	settings.SetIncludeLoopbackCandidate(true)
	settings.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	settings.SetIPFilter(net.IP.IsLoopback)
	pc, err := webrtc.NewAPI(webrtc.WithSettingEngine(settings)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return nil, err
	}
	l := &Browser{}
	connected := make(chan struct{})
	var once sync.Once
	pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
		if s == webrtc.PeerConnectionStateConnected {
			once.Do(func() { close(connected) })
		}
	})
	pc.OnTrack(func(t *webrtc.TrackRemote, _ *webrtc.RTPReceiver) { l.hear(t) })
	if _, err := pc.AddTransceiverFromKind(webrtc.RTPCodecTypeAudio, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
		return nil, err
	}
	offer, err := pc.CreateOffer(nil)
	if err != nil {
		return nil, err
	}
	if err := pc.SetLocalDescription(offer); err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, page, strings.NewReader(offer.SDP))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/sdp")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusCreated {
		return nil, fmt.Errorf("WHEP: %s: %s", resp.Status, answer)
	}
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: string(answer)}); err != nil {
		return nil, err
	}
	select {
	case <-connected:
		return l, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l *Browser) hear(t *webrtc.TrackRemote) {
	b := make([]byte, 1500)
	for {
		n, _, err := t.Read(b)
		if err != nil {
			return
		}
		if n < 4 {
			continue
		}
		seq := uint32(b[2])<<8 | uint32(b[3])
		last := l.last.Load()
		switch {
		case l.first.Load() == 0:
			l.first.Store(seq + 1)
			l.last.Store(seq + 1)
		default:
			if ahead := int16(uint16(seq) - uint16(last-1)); ahead > 0 {
				l.last.Store(last + uint32(ahead))
			}
		}
		l.got.Add(1)
	}
}

// Heard is how many packets have arrived.
func (l *Browser) Heard() uint64 { return l.got.Load() }

func (l *Browser) frames() (expected, missed uint64) {
	first, last := l.first.Load(), l.last.Load()
	if first == 0 {
		return 0, 0
	}
	expected = uint64(last-first) + 1
	return expected, expected - min(l.got.Load(), expected)
}
