package rtc

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/dtls/v3/pkg/crypto/fingerprint"
	"github.com/pion/ice/v4"
	"github.com/pion/srtp/v3"

	"salon/node/udp"
)

// A player takes a Play session's sound to its client by pion's ICE, DTLS and SRTP, but without pion's peer connection,
// whose way from a packet to the socket costs more than the socket does. On a Port, a packet is sealed into the memory that
// the system is given, by whoever sends it: no goroutine is woken and nothing is copied or allocated. Elsewhere the session's
// own goroutine gives packets to ICE.
//
// Nothing that the client sends is read but DTLS: nothing follows from its reports, and the answer lets it ask for nothing
// again.
type player struct {
	s     *Session
	agent *ice.Agent
	own   tls.Certificate
	their client
	met   sync.Once // the client is there, or will not be

	mu     sync.Mutex // guards the fields below; the Port's is taken after it
	dtls   *dtls.Conn
	conn   *ice.Conn
	stream *stream     // nil until the keys are there
	sender *udp.Sender // of the address that ICE has chosen; nil if that is not the Port's
	to     *udp.Place
}

// A client is what an offer says of the client's end.
type client struct {
	ufrag, password string
	lite            bool              // of ICE, only answers checks
	active          bool              // begins DTLS; else we do
	fingerprints    map[string]string // of its certificate, lower case, by hash
}

// bufferFirst is how many frames a client gets at once when it connects, 20 ms each: as much as libwebrtc's buffer wants to hold at
// first (kStartDelayMs in its delay manager). With less it stretches the first sounds until it has that.
const bufferFirst = 4

var srtpProfiles = map[dtls.SRTPProtectionProfile]srtp.ProtectionProfile{
	dtls.SRTP_AEAD_AES_128_GCM:       srtp.ProtectionProfileAeadAes128Gcm,
	dtls.SRTP_AEAD_AES_256_GCM:       srtp.ProtectionProfileAeadAes256Gcm,
	dtls.SRTP_AES128_CM_HMAC_SHA1_80: srtp.ProtectionProfileAes128CmHmacSha1_80,
}

// newPlayer makes our end for an offer. It opens no socket before gather.
func newPlayer(s *Session, offer *offered) (*player, error) {
	p := &player{s: s}
	var err error
	if p.their, err = clientOf(offer); err != nil {
		return nil, err
	}
	if p.own, err = newCertificate(time.Now()); err != nil {
		return nil, err
	}
	o := &s.e.opts
	options := []ice.AgentOption{
		ice.WithNetworkTypes([]ice.NetworkType{ice.NetworkTypeUDP4, ice.NetworkTypeUDP6}),
		ice.WithCandidateTypes([]ice.CandidateType{ice.CandidateTypeHost}),
		ice.WithMulticastDNSMode(ice.MulticastDNSModeDisabled),
		ice.WithIncludeLoopback(),
		ice.WithDisableActiveTCP(),
		ice.WithLoggerFactory(logFactory{o.Log}),
		ice.WithDisconnectedTimeout(o.GoneAfter / 2),
		ice.WithFailedTimeout(o.GoneAfter / 2),
		ice.WithKeepaliveInterval(o.GoneAfter / 4), // each costs as much as ten packets
	}
	if o.LoopbackOnly {
		options = append(options, ice.WithIPFilter(net.IP.IsLoopback))
	}
	if o.Port != nil {
		options = append(options, ice.WithUDPMux(o.Port))
	}
	if o.net != nil {
		options = append(options, ice.WithNet(o.net))
	}
	if p.agent, err = ice.NewAgentWithOptions(options...); err != nil {
		return nil, err
	}
	err = errors.Join(
		p.agent.OnConnectionStateChange(func(state ice.ConnectionState) {
			if state == ice.ConnectionStateFailed {
				s.stop(ErrGone)
			}
		}),
		p.agent.OnSelectedCandidatePairChange(p.chosen))
	if err != nil {
		_ = p.agent.Close()
		return nil, err
	}
	if o.Port != nil {
		o.Port.playing.Add(1)
		o.Port.meeting.Add(1)
	}
	return p, nil
}

// meet tells the port that it need not hurry for this client any more.
func (p *player) meet() {
	p.met.Do(func() {
		if port := p.s.e.opts.Port; port != nil {
			port.meeting.Add(-1)
		}
	})
}

// clientOf reads what an offer says of ICE and DTLS, of the whole or of its audio.
func clientOf(o *offered) (c client, err error) {
	c.ufrag, c.password = o.attribute("ice-ufrag"), o.attribute("ice-pwd")
	if c.ufrag == "" || c.password == "" {
		return c, errors.New("no ICE credentials")
	}
	_, c.lite = o.description.Attribute("ice-lite")
	c.active = o.attribute("setup") == "active"
	c.fingerprints = make(map[string]string)
	for _, a := range append(slices.Clip(o.description.Attributes), o.audio.Attributes...) {
		if hash, sum, ok := strings.Cut(a.Value, " "); ok && a.Key == "fingerprint" {
			c.fingerprints[strings.ToLower(hash)] = strings.ToLower(sum)
		}
	}
	if len(c.fingerprints) == 0 {
		return c, errors.New("no fingerprint")
	}
	return c, nil
}

// gather finds our own addresses and returns them as candidates.
func (p *player) gather(ctx context.Context) (candidates []string, err error) {
	type found struct{ c ice.Candidate }
	all := make(chan found, maxCandidates)
	if err := p.agent.OnCandidate(func(c ice.Candidate) {
		select {
		case all <- found{c}:
		case <-p.s.stopping:
		}
	}); err != nil {
		return nil, err
	}
	if err := p.agent.GatherCandidates(); err != nil {
		return nil, err
	}
	for {
		select {
		case f := <-all:
			if f.c == nil {
				return candidates, nil
			}
			candidates = append(candidates, f.c.Marshal())
		case <-ctx.Done():
			return nil, fmt.Errorf("gather addresses: %w", context.Cause(ctx))
		}
	}
}

// addCandidate tries one of the client's addresses.
func (p *player) addCandidate(text string) error {
	c, err := ice.UnmarshalCandidate(text)
	if errors.Is(err, ice.ErrUnknownCandidateTyp) || errors.Is(err, ice.ErrDetermineNetworkType) {
		return nil // of a kind that we do not know
	}
	if err != nil {
		return err
	}
	return p.agent.AddRemoteCandidate(c)
}

// run connects, and returns once the client has gone, or the session ends.
func (p *player) run() {
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		select {
		case <-p.s.stopping:
			cancel()
		case <-ctx.Done():
		}
	}()
	err := p.connect(ctx)
	cancel()
	p.meet()
	if err != nil {
		p.s.log.Debug("connect", "err", err)
		p.s.stop(ErrGone)
		return
	}
	p.s.connect()
	for b := make([]byte, 64); ; {
		if _, err := p.dtls.Read(b); err != nil { // nobody sends data: this is the goodbye, or our end
			p.s.stop(ErrGone)
			return
		}
	}
}

// connect finds a path to the client, and keys.
func (p *player) connect(ctx context.Context) error {
	meet := p.agent.Accept
	if p.their.lite {
		meet = p.agent.Dial
	}
	conn, err := meet(ctx, p.their.ufrag, p.their.password)
	if err != nil {
		return err
	}
	shared := []dtls.Option{
		dtls.WithCertificates(p.own),
		dtls.WithSRTPProtectionProfiles(dtls.SRTP_AEAD_AES_128_GCM, dtls.SRTP_AEAD_AES_256_GCM, dtls.SRTP_AES128_CM_HMAC_SHA1_80),
		dtls.WithInsecureSkipVerify(true), // no authority knows the client: its offer does
		dtls.WithVerifyPeerCertificate(p.their.verify),
		dtls.WithFlightInterval(flightInterval),
		dtls.WithLoggerFactory(logFactory{p.s.e.opts.Log}),
	}
	begins := !p.their.active
	var d *dtls.Conn
	if begins {
		options := make([]dtls.ClientOption, len(shared))
		for i, o := range shared {
			options[i] = o
		}
		d, err = dtls.ClientWithOptions(onlyDTLS{conn}, conn.RemoteAddr(), options...)
	} else {
		options := []dtls.ServerOption{dtls.WithClientAuth(dtls.RequireAnyClientCert)}
		for _, o := range shared {
			options = append(options, o)
		}
		d, err = dtls.ServerWithOptions(onlyDTLS{conn}, conn.RemoteAddr(), options...)
	}
	if err != nil {
		return err
	}
	p.mu.Lock()
	p.dtls, p.conn = d, conn
	p.mu.Unlock()
	if err := d.HandshakeContext(ctx); err != nil {
		return err
	}
	agreed, _ := d.SelectedSRTPProtectionProfile()
	profile, ok := srtpProfiles[agreed]
	state, there := d.ConnectionState()
	if !ok || !there {
		return errors.New("no SRTP agreed on")
	}
	keys := srtp.Config{Profile: profile}
	if err := keys.ExtractSessionKeysFromDTLS(&state, begins); err != nil {
		return err
	}
	seal, err := srtp.CreateContext(keys.Keys.LocalMasterKey, keys.Keys.LocalMasterSalt, profile)
	if err != nil {
		return err
	}
	p.begin(newStream(seal, p.s.ssrc, p.s.payloadType))
	return nil
}

// begin sends the client what its buffer begins with; from now on frames go as they come.
func (p *player) begin(to *stream) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.s.keep(bufferFirst)
	p.stream = to
	if p.sender == nil {
		return // write sends it
	}
	for it := (item{}); p.s.frames.pop(&it); {
		if !p.give(it.number, it.payload) {
			p.s.drop("before_connected")
		}
	}
}

// verify holds the client to its offer: nobody else gets the keys.
func (c client) verify(raw [][]byte, _ [][]*x509.Certificate) error {
	if len(raw) == 0 {
		return errors.New("no certificate")
	}
	cert, err := x509.ParseCertificate(raw[0])
	if err != nil {
		return err
	}
	for name, want := range c.fingerprints {
		switch name {
		case "sha-256", "sha-384", "sha-512":
			hash, err := fingerprint.HashFromString(name)
			if err != nil {
				return err
			}
			if got, err := fingerprint.Fingerprint(cert, hash); err == nil && strings.EqualFold(got, want) {
				return nil
			}
		}
	}
	return errors.New("another certificate than the offer says")
}

// chosen is ICE's callback: this is how the client is reached from now on.
func (p *player) chosen(local, remote ice.Candidate) {
	var sender *udp.Sender
	from, err := netip.ParseAddr(local.Address())
	to, bad := netip.ParseAddr(remote.Address())
	if err == nil && bad == nil {
		sender = p.s.e.opts.Port.sender(netip.AddrPortFrom(from.Unmap(), uint16(local.Port())))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sender, p.to = sender, nil
	if sender != nil {
		p.to = udp.PlaceAt(netip.AddrPortFrom(to, uint16(remote.Port())))
	}
}

// send sends a frame by the Port. It is false if that is not the way to this client, or not yet.
func (p *player) send(number uint64, payload []byte) (taken bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stream == nil || p.sender == nil {
		return false
	}
	return p.give(number, payload)
}

// give is send with mu held.
func (p *player) give(number uint64, payload []byte) (taken bool) {
	if len(payload)+rtpOverhead > udp.SlotSize {
		return false
	}
	port := p.s.e.opts.Port
	port.mu.Lock()
	defer port.mu.Unlock()
	b, why := p.stream.packet(p.sender.Slot(), number, payload)
	if why != "" {
		p.s.unsent(why)
		return true
	}
	p.s.sent.Add(1)
	p.sender.Add(b, p.to, &p.s.lost)
	if p.stream.reportDue() {
		if b := p.stream.report(p.sender.Slot(), time.Now()); b != nil {
			p.sender.Add(b, p.to, &p.s.lost)
		}
	}
	return true
}

// write gives what is queued to ICE until the session ends.
func (p *player) write() {
	select {
	case <-p.s.connected:
	case <-p.s.stopping:
		return
	}
	var it item
	b := make([]byte, 2*maxPacket) // half for a packet, half for a report
	for {
		for p.s.frames.pop(&it) {
			p.mu.Lock()
			if p.stream == nil { // the end
				p.mu.Unlock()
				return
			}
			out, why := p.stream.packet(b[:0], it.number, it.payload)
			var report []byte
			if why == "" && p.stream.reportDue() {
				report = p.stream.report(b[maxPacket:maxPacket], time.Now())
			}
			p.mu.Unlock()
			if why != "" {
				p.s.unsent(why)
				continue
			}
			p.s.sent.Add(1) // before it goes, so that whoever receives it finds it counted
			p.put(out)
			if report != nil {
				p.put(report)
			}
		}
		select {
		case <-p.s.frames.ready:
		case <-p.s.stopping:
			return
		}
	}
}

func (p *player) put(b []byte) {
	if _, err := p.conn.Write(b); err != nil {
		p.s.drop("write")
	}
}

// close says goodbye, and returns after pion's last goroutine.
func (p *player) close() error {
	p.mu.Lock()
	d := p.dtls
	p.stream, p.sender = nil, nil
	p.mu.Unlock()
	var err error
	if d != nil {
		err = d.Close()
	}
	p.meet()
	if port := p.s.e.opts.Port; port != nil {
		port.playing.Add(-1)
	}
	return errors.Join(err, p.agent.GracefulClose())
}

// onlyDTLS is an ICE connection of which only DTLS is read (RFC 7983).
type onlyDTLS struct{ *ice.Conn }

// ReadFrom implements net.PacketConn.
func (c onlyDTLS) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, err := c.Read(b)
		if err != nil || n > 0 && b[0] >= 20 && b[0] <= 63 {
			return n, c.RemoteAddr(), err
		}
	}
}

// WriteTo implements net.PacketConn; there is one way to go.
func (c onlyDTLS) WriteTo(b []byte, _ net.Addr) (int, error) { return c.Write(b) }
