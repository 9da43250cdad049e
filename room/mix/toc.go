package mix

import "time"

// The first byte of an Opus packet, its TOC (RFC 6716 section 3.1), says how it was coded and how long it is. What is
// here looks at bytes only, so that a relay-only build can ask without libopus.

// PacketDuration is the length of an Opus packet in time, 0 for bytes that are not one.
func PacketDuration(packet []byte) time.Duration {
	frames := packetFrames(packet)
	d := time.Duration(frames) * frameDuration(packet)
	if d > 120*time.Millisecond {
		return 0
	}
	return d
}

func packetFrames(packet []byte) int {
	if len(packet) == 0 {
		return 0
	}
	switch packet[0] & 3 {
	case 0:
		return 1
	case 1, 2:
		return 2
	}
	if len(packet) < 2 {
		return 0
	}
	return int(packet[1] & 0x3f)
}

func frameDuration(packet []byte) time.Duration {
	if len(packet) == 0 {
		return 0
	}
	switch config := packet[0] >> 3; {
	case config < 12: // SILK
		return []time.Duration{10, 20, 40, 60}[config&3] * time.Millisecond
	case config < 16: // hybrid
		return []time.Duration{10, 20}[config&1] * time.Millisecond
	default: // CELT
		return []time.Duration{2500, 5000, 10000, 20000}[config&3] * time.Microsecond
	}
}

// IsCELT tells whether the packet is coded as music is, without SILK.
func IsCELT(packet []byte) bool { return len(packet) > 0 && packet[0] >= 16<<3 }

// IsStereo tells whether the packet carries two channels.
func IsStereo(packet []byte) bool { return len(packet) > 0 && packet[0]&4 != 0 }

// IsSingle tells whether the packet is one frame of 20 ms, the only kind that a room carries.
func IsSingle(packet []byte) bool {
	return len(packet) > 0 && packet[0]&3 == 0 && frameDuration(packet) == FrameDuration
}

// Gap is the packet that stands for a frame that was never coded (DTX) or is gone: the TOC of like and nothing else,
// which every decoder conceals. Without a TOC to follow it says SILK, wideband, mono.
func Gap(like []byte) []byte {
	if !IsSingle(like) {
		return []byte{9 << 3}
	}
	return []byte{like[0] &^ 3}
}

// HasFEC tells whether a packet carries a copy of the frame before it (RFC 6716 section 4.2.4: the LBRR flag, which
// follows the VAD flags at the head of the SILK layer).
func HasFEC(packet []byte) bool {
	if !IsSingle(packet) || IsCELT(packet) || len(packet) < 2 {
		return false
	}
	const mid, side = 1 << 6, 1 << 4
	return packet[1]&mid != 0 || IsStereo(packet) && packet[1]&side != 0
}
