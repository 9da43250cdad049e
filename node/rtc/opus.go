package rtc

const (
	samplesPerMS = 48                // RTP's clock for Opus, whatever the microphone's (RFC 7587 section 4.1)
	frameSamples = 20 * samplesPerMS // a room's frame
	maxPayload   = 1276              // bytes of a frame: a TOC and the longest Opus frame (RFC 6716 section 3.2.1)
	maxPacket    = 1500              // bytes of an RTP packet that we read
	maxOpus      = 120 * samplesPerMS
	maxParts     = 48 // Opus frames of one packet: 120 ms of 2.5 ms each
)

// An opusPacket is a packet taken apart (RFC 6716 section 3.2).
type opusPacket struct {
	toc    byte // configuration and channels; the low two bits are 0
	each   int  // samples of each part
	n      int
	parts  [maxParts][]byte // the first n, aliasing the packet
	packet []byte
}

func (o *opusPacket) samples() int { return o.n * o.each }

// parse takes b apart, and is false for what the RFC calls malformed (its rules R1 to R7).
func (o *opusPacket) parse(b []byte) bool {
	if len(b) == 0 {
		return false
	}
	o.packet, o.toc, o.each = b, b[0]&^3, opusFrameSamples(b[0])
	code, b := b[0]&3, b[1:]
	switch code {
	case 0:
		o.n = 1
		o.parts[0] = b
	case 1:
		if len(b)%2 != 0 {
			return false
		}
		o.n = 2
		o.parts[0], o.parts[1] = b[:len(b)/2], b[len(b)/2:]
	case 2:
		size, n := opusLength(b)
		if n == 0 || size > len(b)-n {
			return false
		}
		o.n = 2
		o.parts[0], o.parts[1] = b[n:n+size], b[n+size:]
	case 3:
		if !o.parseMany(b) {
			return false
		}
	}
	for _, p := range o.parts[:o.n] {
		if len(p) > maxPayload-1 {
			return false
		}
	}
	return o.samples() <= maxOpus
}

// parseMany reads a code 3 packet after its TOC: a count, perhaps padding, perhaps lengths, parts.
func (o *opusPacket) parseMany(b []byte) bool {
	if len(b) == 0 {
		return false
	}
	variable, padded := b[0]&0x80 != 0, b[0]&0x40 != 0
	o.n = int(b[0] & 0x3f)
	b = b[1:]
	if o.n == 0 || o.n > maxParts {
		return false
	}
	if padded {
		padding := 0
		for more := true; more; {
			if len(b) == 0 {
				return false
			}
			if more = b[0] == 255; more {
				padding += 254
			} else {
				padding += int(b[0])
			}
			b = b[1:]
		}
		if padding > len(b) {
			return false
		}
		b = b[:len(b)-padding]
	}
	if !variable {
		if len(b)%o.n != 0 {
			return false
		}
		size := len(b) / o.n
		for i := range o.n {
			o.parts[i] = b[i*size : (i+1)*size]
		}
		return true
	}
	var sizes [maxParts]int
	total := 0
	for i := range o.n - 1 {
		size, n := opusLength(b)
		if n == 0 {
			return false
		}
		sizes[i] = size
		total += size
		b = b[n:]
	}
	if total > len(b) {
		return false
	}
	sizes[o.n-1] = len(b) - total
	for i := range o.n {
		o.parts[i], b = b[:sizes[i]], b[sizes[i]:]
	}
	return true
}

// opusLength reads a length of one or two bytes; n is 0 if there is none.
func opusLength(b []byte) (size, n int) {
	switch {
	case len(b) > 0 && b[0] < 252:
		return int(b[0]), 1
	case len(b) > 1:
		return int(b[1])*4 + int(b[0]), 2
	}
	return 0, 0
}

func appendOpusLength(b []byte, size int) []byte {
	if size < 252 {
		return append(b, byte(size))
	}
	low := 252 + size&3
	return append(b, byte(low), byte((size-low)/4))
}

// appendOpus makes one packet of parts that share a TOC.
func appendOpus(b []byte, toc byte, parts [][]byte) []byte {
	if len(parts) == 1 {
		return append(append(b, toc), parts[0]...)
	}
	b = append(b, toc|3, 0x80|byte(len(parts)))
	for _, p := range parts[:len(parts)-1] {
		b = appendOpusLength(b, len(p))
	}
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

// opusFrameSamples is how long each part of a packet with this TOC is, at 48 kHz.
func opusFrameSamples(toc byte) int {
	config := toc >> 3
	switch {
	case config < 12: // SILK
		return [...]int{10, 20, 40, 60}[config&3] * samplesPerMS
	case config < 16: // hybrid
		return [...]int{10, 20}[config&1] * samplesPerMS
	default: // CELT
		return 120 << (config & 3)
	}
}

// opusGap is a packet of 20 ms that was never coded: a TOC in the manner of the last one, and nothing else, which every
// decoder conceals.
func opusGap(toc byte) byte {
	config := toc >> 3
	switch {
	case config < 12:
		config = config&^3 | 1
	case config < 16:
		config |= 1
	default:
		config |= 3
	}
	return config<<3 | toc&4
}
