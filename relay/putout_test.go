package relay

import (
	"bytes"
	"testing"
	"time"

	"salon/ledger/doc"
)

// A PutOut holds by the words of several people whom one vouches for, and by nothing else.
func TestPutOutIsChecked(t *testing.T) {
	auth := speak(Program, kidA, keyA, 100, AuthBatch).auths[0]
	forged := auth.Clone()
	forged.Hashes[1][0] ^= 1
	packet := (&Packet{Auths: []Auth{*forged}}).Append(nil)
	leader := listener(t, 9)
	says := func(n byte, at time.Time) Evidence {
		e, err := Evidence{Against: []byte("eve"), Packet: packet}.Sign(listener(t, n), theRoom, at)
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	vouched := func(room [16]byte, words ...Evidence) PutOut {
		o, err := PutOut{Peer: []byte("eve"), Words: words}.Vouched(leader, room)
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	// Another person's key on a device that has spoken.
	person, device := doc.PrivateKeyFromSeed(fill32(77)), doc.PrivateKeyFromSeed(fill32(101))
	cert, err := doc.SignCert(person, doc.Cert{Person: person.Public(), Device: device.Public(), NotBefore: noon.Unix() - 3600, NotAfter: noon.Unix() + 36000})
	if err != nil {
		t.Fatal(err)
	}
	double, err := doc.NewIdentity(device, cert)
	if err != nil {
		t.Fatal(err)
	}
	twice, err := Evidence{Against: []byte("eve"), Packet: packet}.Sign(double, theRoom, noon)
	if err != nil {
		t.Fatal(err)
	}
	one, two, three := says(1, noon.Add(-OutMost+time.Minute)), says(2, noon.Add(time.Second)), says(3, noon)
	with := func(o PutOut, change func(o *PutOut)) PutOut {
		change(&o)
		return o
	}
	for _, c := range []struct {
		name string
		out  PutOut
		want int
	}{
		{"two", vouched(theRoom, one, two), 2},
		{"three", vouched(theRoom, one, two, three), 3},
		{"one", vouched(theRoom, one), 0},
		{"two words of one person", vouched(theRoom, one, says(1, noon)), 0},
		{"two people with one device", vouched(theRoom, one, twice), 0},
		{"one who spoke long ago", vouched(theRoom, one, says(2, noon.Add(-2*OutMost))), 0},
		{"nobody vouches", PutOut{Peer: []byte("eve"), Words: []Evidence{one, two}}, 0},
		{"vouched for in another room", vouched(fill(0x53), one, two), 0},
		{"vouched for others", with(vouched(theRoom, one, two), func(o *PutOut) { o.Words = []Evidence{one, three} }), 0},
		{"vouched for fewer", with(vouched(theRoom, one, two), func(o *PutOut) { o.Words = []Evidence{one, two, three} }), 0},
		{"against another", with(vouched(theRoom, one, two), func(o *PutOut) { o.Peer = []byte("ann") }), 0},
	} {
		words, by, err := c.out.Open(theRoom, keysOf(kidA, keyA), noon)
		if len(words) != c.want || (err == nil) != (c.want > 0) {
			t.Errorf("%s: %d words, %v", c.name, len(words), err)
			continue
		}
		for i, w := range words {
			if w.By != listener(t, byte(i+1)).Author() || w.By != w.Evidence.Author() || w.At.After(noon) {
				t.Errorf("%s: word %d is %+v", c.name, i, w)
			}
		}
		if err == nil && by != leader.Author() {
			t.Errorf("%s: vouched for by %v", c.name, by)
		}
	}
	good := vouched(theRoom, one, two)
	for i := range good.Vouch {
		bad := good
		bad.Vouch = bytes.Clone(good.Vouch)
		bad.Vouch[i] ^= 0x20
		if _, _, err := bad.Open(theRoom, keysOf(kidA, keyA), noon); err == nil {
			t.Errorf("byte %d of the vouch does not count", i)
		}
	}
	if (Evidence{Word: []byte("nobody")}).Author() != (doc.Author{}) {
		t.Error("somebody signed nothing")
	}
}
