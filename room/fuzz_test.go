package room

import (
	"bytes"
	"testing"

	"salon/ledger/doc"
)

// A fuzzer cannot sign, so each target takes the input twice: as a whole document from a stranger, and as a body that
// a hostile person with a valid key has signed. What opens must encode back to the same bytes.

// body is bytes that encode as themselves.
type body []byte

func (b body) MarshalCBOR() ([]byte, error) { return b, nil }

func check(t *testing.T, kind string, id *doc.Identity, input []byte, open func(raw []byte) (any, error)) {
	if _, err := open(input); err == nil && len(input) < 100 {
		t.Errorf("a document without room for a signature: %x", input)
	}
	raw, err := id.Sign(kind, body(input))
	if err != nil {
		return // not CBOR at all
	}
	wire, err := open(raw)
	if err != nil {
		return
	}
	if again, err := doc.Marshal(wire); err != nil || !bytes.Equal(again, input) {
		t.Errorf("%x encodes back to %x, %v", input, again, err)
	}
}

func FuzzAnnouncement(f *testing.F) {
	id := ana(f)
	f.Add(ok(doc.Marshal(announcementWire(announcement(f)))))
	f.Add(ok(SignAnnouncement(id, announcement(f))))
	f.Fuzz(func(t *testing.T, b []byte) {
		check(t, kindAnnouncement, id, b, func(raw []byte) (any, error) {
			a, _, err := ParseAnnouncement(raw)
			if err != nil {
				return nil, err
			}
			_ = a.CheckTime(noon)
			_ = a.Until(noon)
			return announcementWire(*a), VerifyAnnouncement(raw, noon)
		})
	})
}

func FuzzCharter(f *testing.F) {
	id := ana(f)
	f.Add(ok(doc.Marshal(wireCharter(charter(f)))))
	f.Add(ok(SignCharter(id, charter(f))))
	f.Fuzz(func(t *testing.T, b []byte) {
		check(t, kindCharter, id, b, func(raw []byte) (any, error) {
			c, err := OpenCharter(raw, noon)
			return wireCharter(c), err
		})
	})
}

// FuzzCommand also hands what opens to the rule book.
func FuzzCommand(f *testing.F) {
	id := ana(f)
	c := charter(f)
	for _, cmd := range []Command{
		{Room: c.Room, Kind: Mute, Time: noon.UnixMilli(), Nonce: 1 << 60},
		{Room: c.Room, Kind: RaiseHand, Name: "Bo"},
		{Room: c.Room, Kind: Remove, To: key(2).Public()},
		{Room: c.Room, Kind: Publish, Program: true},
	} {
		f.Add(ok(doc.Marshal(commandWire(cmd))))
		f.Add(ok(SignCommand(id, cmd)))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		check(t, kindCommand, id, b, func(raw []byte) (any, error) {
			cmd, by, err := OpenCommand(raw, noon)
			if err != nil {
				return nil, err
			}
			s, _ := Open(c, id.Author(), "Ana", [32]byte{42}, noon)
			if ev, err := s.Decide(by, cmd, noon); err == nil {
				if _, err := s.Apply(ev); err != nil {
					t.Errorf("%+v was decided, then refused: %v", ev, err)
				}
				if err := s.check(); err != nil {
					t.Error(err)
				}
			}
			return commandWire(cmd), nil
		})
	})
}

// FuzzEvent also applies what opens.
func FuzzEvent(f *testing.F) {
	id := ana(f)
	c := charter(f)
	s, first := Open(c, id.Author(), "Ana", [32]byte{42}, noon)
	publish := ok(s.Decide(id.Author(), Command{Room: c.Room, Kind: Publish}, noon))
	for _, ev := range []Event{first, publish} {
		f.Add(ok(doc.Marshal(wireEvent(ev))))
		f.Add(ok(SignEvent(id, ev)))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		check(t, kindEvent, id, b, func(raw []byte) (any, error) {
			ev, _, err := OpenEvent(raw, noon)
			if err != nil {
				return nil, err
			}
			for _, s := range []*State{NewState(c), s.Clone()} {
				if _, err := s.Apply(ev); err == nil {
					if err := s.check(); err != nil {
						t.Errorf("%+v breaks the room: %v", ev, err)
					}
				}
			}
			return wireEvent(ev), nil
		})
	})
}

func FuzzSnapshot(f *testing.F) {
	id := ana(f)
	for _, s := range []*State{opened(f), busy(f)} {
		f.Add(ok(s.Bytes()))
		f.Add(ok(SignSnapshot(id, s)))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		check(t, kindSnapshot, id, b, func(raw []byte) (any, error) {
			s, _, err := OpenSnapshot(raw, noon)
			if err != nil {
				return nil, err
			}
			return wireSnapshot(s), nil
		})
	})
}
