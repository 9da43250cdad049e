package rtc

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/report"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"
)

const (
	audioLevelURI = "urn:ietf:params:rtp-hdrext:ssrc-audio-level" // RFC 6464

	talkBitrate    = 40_000  // bit/s, mono voice
	concertBitrate = 128_000 // bit/s, stereo

	gatherWithin = 2 * time.Second // our own addresses, without asking anybody: milliseconds

	// flightInterval is how soon a flight of DTLS is repeated. pion's 1 s would be heard as a slow start whenever the first
	// meets a browser not yet ready.
	flightInterval = 100 * time.Millisecond
)

// fmtp is what is asked of a publisher and promised to a player (RFC 7587 section 6.1). A room's frame is 20 ms, so
// neither shorter nor longer packets are wanted, and always sent, so no DTX. In talk, FEC repairs single losses; in
// concert its bits are better spent on sound.
func fmtp(o Offer) string {
	bitrate := o.MaxBitrate
	if o.Stereo {
		if bitrate == 0 {
			bitrate = concertBitrate
		}
		return fmt.Sprintf("minptime=20;stereo=1;sprop-stereo=1;maxaveragebitrate=%d;useinbandfec=0;usedtx=0", bitrate)
	}
	if bitrate == 0 {
		bitrate = talkBitrate
	}
	return fmt.Sprintf("minptime=20;stereo=0;sprop-stereo=0;maxaveragebitrate=%d;useinbandfec=1;usedtx=0", bitrate)
}

// api makes pion's engines for one that publishes. Default interceptors are left out: on the local hop nothing is worth
// asking for again, and congestion control would only move the microphone's bitrate about. Reports stay, for the
// client's statistics.
func (e *Endpoint) api(o Offer) (*webrtc.API, error) {
	media := &webrtc.MediaEngine{}
	if err := media.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: opusCodec(o), PayloadType: 111},
		webrtc.RTPCodecTypeAudio); err != nil {
		return nil, err
	}
	if err := media.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: audioLevelURI},
		webrtc.RTPCodecTypeAudio); err != nil {
		return nil, err
	}
	reports := &interceptor.Registry{}
	in, err := report.NewReceiverInterceptor()
	if err != nil {
		return nil, err
	}
	reports.Add(in)
	return webrtc.NewAPI(webrtc.WithMediaEngine(media), webrtc.WithInterceptorRegistry(reports),
		webrtc.WithSettingEngine(e.settings())), nil
}

func opusCodec(o Offer) webrtc.RTPCodecCapability {
	return webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2, SDPFmtpLine: fmtp(o)}
}

// settings are pion's, for one session. Without Options.Port each session opens its own sockets, on the addresses of that
// moment: one socket for all would save a few descriptors, but would keep the addresses of the start, when Wi-Fi may have
// been off.
func (e *Endpoint) settings() webrtc.SettingEngine {
	var s webrtc.SettingEngine
	s.LoggerFactory = logFactory{e.opts.Log}
	s.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4, webrtc.NetworkTypeUDP6})
	s.DisableActiveTCP(true)
	// Browsers hide their addresses behind mDNS names. They need no resolving: the browser is met when it calls.
	s.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	s.SetIncludeLoopbackCandidate(true)
	if e.opts.LoopbackOnly {
		s.SetIPFilter(net.IP.IsLoopback)
	}
	if e.opts.Port != nil {
		s.SetICEUDPMux(e.opts.Port)
	}
	// Half of the time to be called disconnected, half to come back.
	s.SetICETimeouts(e.opts.GoneAfter/2, e.opts.GoneAfter/2, e.opts.GoneAfter/10)
	s.SetDTLSRetransmissionInterval(flightInterval)
	if e.opts.net != nil {
		s.SetNet(e.opts.net)
	}
	return s
}

// open answers the offer and starts the session. After an error the caller abandons it.
func (s *Session) open(ctx context.Context, offer *offered, o Offer) (answer string, err error) {
	if s.kind == Play {
		answer, err = s.openPlay(ctx, offer, o)
	} else {
		answer, err = s.openPublish(ctx, offer, o)
	}
	if err == nil {
		go s.run()
	}
	return answer, err
}

// openPublish answers an offer to publish.
func (s *Session) openPublish(ctx context.Context, offer *offered, o Offer) (answer string, err error) {
	text, err := offer.description.Marshal()
	if err != nil {
		return "", fmt.Errorf("write offer: %w", err)
	}
	api, err := s.e.api(o)
	if err != nil {
		return "", err
	}
	s.pc, err = api.NewPeerConnection(webrtc.Configuration{
		BundlePolicy:  webrtc.BundlePolicyMaxBundle,
		RTCPMuxPolicy: webrtc.RTCPMuxPolicyRequire,
	})
	if err != nil {
		return "", err
	}
	if s.e.opts.Port != nil {
		s.e.opts.Port.publishing.Add(1)
	}
	s.pc.OnConnectionStateChange(s.stateChanged)
	if err := s.preparePublish(); err != nil {
		return "", err
	}
	if err := s.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: string(text)}); err != nil {
		return "", fmt.Errorf("take offer: %w", err)
	}
	for _, c := range offer.candidates {
		s.addCandidate(c)
	}
	local, err := s.pc.CreateAnswer(nil)
	if err != nil {
		return "", fmt.Errorf("make answer: %w", err)
	}
	gathered := webrtc.GatheringCompletePromise(s.pc)
	if err := s.pc.SetLocalDescription(local); err != nil {
		return "", fmt.Errorf("take answer: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, gatherWithin)
	defer cancel()
	select {
	case <-gathered:
	case <-ctx.Done():
		return "", fmt.Errorf("gather addresses: %w", context.Cause(ctx))
	}
	return shapeAnswer(s.pc.LocalDescription().SDP, o)
}

// shapeAnswer puts what we want of Opus into pion's answer, which repeats what the client offered.
func shapeAnswer(text string, o Offer) (string, error) {
	var d sdp.SessionDescription
	if err := d.UnmarshalString(text); err != nil {
		return "", fmt.Errorf("read own answer: %w", err)
	}
	agreed := false
	for _, m := range d.MediaDescriptions {
		pt := opusFormat(m)
		if m.MediaName.Media != "audio" || pt == "" || m.MediaName.Port.Value == 0 {
			continue
		}
		agreed = true
		var attrs []sdp.Attribute
		for _, a := range m.Attributes {
			switch {
			case a.Key == "fmtp" && strings.HasPrefix(a.Value, pt+" "):
			case a.Key == "ptime" || a.Key == "maxptime":
			case a.Key == "rtpmap" && strings.HasPrefix(a.Value, pt+" "):
				attrs = append(attrs, a, sdp.NewAttribute("fmtp", pt+" "+fmtp(o)))
			default:
				attrs = append(attrs, a)
			}
		}
		frame := strconv.Itoa(frameSamples / samplesPerMS)
		m.Attributes = append(attrs, sdp.NewAttribute("ptime", frame), sdp.NewAttribute("maxptime", frame))
	}
	if !agreed {
		return "", fmt.Errorf("no Opus in the answer")
	}
	b, err := d.Marshal()
	if err != nil {
		return "", fmt.Errorf("write answer: %w", err)
	}
	return string(b), nil
}
