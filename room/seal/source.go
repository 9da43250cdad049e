package seal

import (
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
)

// A Source is who seals: a device, and the number that it chose at random when it began to. The room says both beside the KID.
type Source struct {
	Device [32]byte // its public key
	Start  [16]byte
}

// sourceDomain begins what a source's key is derived with: domain, 0, device (32 bytes), start (16).
const sourceDomain = "salon/source/1"

// base is a source's own key, of a room key: by HKDF (RFC 5869) with SHA-256 and no salt. It is the base key of SFrame.
//
// A KID is not enough to tell sources apart: who leads the room gives out its incarnations, and in a split two devices of one
// person may give out the same. Two sources of one KID would share key and nonces, with which whoever carries their frames could
// read what they differ in, and forge.
func (s Source) base(room [32]byte) []byte {
	info := append([]byte(sourceDomain), 0)
	info = append(append(info, s.Device[:]...), s.Start[:]...)
	key, err := hkdf.Key(sha256.New, room[:], nil, string(info), len(room))
	if err != nil {
		panic(fmt.Sprintf("seal: key of a source: %v", err)) // of lengths of our own: a bug
	}
	return key
}
