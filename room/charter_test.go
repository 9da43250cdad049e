package room

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"salon/ledger/doc"
)

func charter(t testing.TB) Charter {
	t.Helper()
	c, err := NewCharter(key(1).Public(), "Evening talk", "en", Talk, noon, [16]byte{7})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestNewCharter(t *testing.T) {
	host := key(1).Public()
	c, err := NewCharter(host, "  Evening \n talk ", " PT-br ", Concert, noon, [16]byte{7})
	want := Charter{Room: NewID(host, [16]byte{7}), Nonce: [16]byte{7}, Host: host, Title: "Evening talk",
		Language: "pt-br", Mode: Concert, Access: Anyone, Created: noon.UnixMilli(), Version: 1}
	if err != nil || !reflect.DeepEqual(c, want) {
		t.Errorf("NewCharter = %+v, %v", c, err)
	}
	if c, err := NewCharter(host, "x", "", Talk, noon, [16]byte{}); err != nil || c.Language != Undetermined {
		t.Errorf("without a language: %+v, %v", c, err)
	}
	for _, c := range []struct {
		name, title, language string
		mode                  Mode
		host                  Person
		now                   time.Time
		want                  error
	}{
		{"an empty title", " ", "en", Talk, host, noon, ErrField},
		{"a long title", strings.Repeat("x", MaxTitle+1), "en", Talk, host, noon, doc.ErrTextLong},
		{"a title of many bytes", strings.Repeat("😀", 41), "en", Talk, host, noon, doc.ErrTextLong},
		{"a control character", "a\x00", "en", Talk, host, noon, doc.ErrText},
		{"a language that is none", "x", "English, mostly", Talk, host, noon, ErrField},
		{"an unknown mode", "x", "en", 9, host, noon, ErrField},
		{"no host", "x", "en", Talk, Person{}, noon, ErrRoomID},
		{"a time before 1970", "x", "en", Talk, host, time.UnixMilli(-1), ErrField},
	} {
		if _, err := NewCharter(c.host, c.title, c.language, c.mode, c.now, [16]byte{}); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

func TestCharterBytes(t *testing.T) {
	c := charter(t)
	// {1: room, 2: nonce, 3: host, 4: title, 5: "en", 8: 1800000000000, 9: 1}; talk and open are 0 and left out
	want := unhex(t, fmt.Sprintf("a7 01 50 %x 02 50 07000000000000000000000000000000 03 5820 %x "+
		"04 6c 4576656e696e672074616c6b 05 62 656e 08 1b 000001a3185c5000 09 01", [16]byte(c.Room), [32]byte(c.Host)))
	if got := ok(doc.Marshal(wireCharter(c))); !bytes.Equal(got, want) {
		t.Errorf("charter\n%x, want\n%x", got, want)
	}
	var w charterWire
	if err := doc.Unmarshal(want, &w); err != nil || !reflect.DeepEqual(w.charter(), c) {
		t.Errorf("decoded %+v, %v", w, err)
	}
}

// The parts of a charter that few have.
func TestCharterBytesOfWhatIsRare(t *testing.T) {
	c := charter(t)
	plain := ok(doc.Marshal(wireCharter(c)))
	c.CoHosts, c.Starts, c.RecordAsks, c.Lane, c.Renewed = []Successor{{Person{2}, "Bo", 3}}, 7, true, 5, 9
	want := append(bytes.Clone(plain), unhex(t, "0a 81 83 5820 02"+strings.Repeat("00", 31)+" 62 426f 03 0b 07 0c f5 0d 05 0e 09")...)
	want[0] += 5 // entries
	if got := ok(doc.Marshal(wireCharter(c))); !bytes.Equal(got, want) {
		t.Errorf("charter\n%x, want\n%x", got, want)
	}
	var w charterWire
	if err := doc.Unmarshal(want, &w); err != nil || !reflect.DeepEqual(w.charter(), c) {
		t.Errorf("decoded %+v, %v", w, err)
	}
}

func TestCharterSigned(t *testing.T) {
	c := charter(t)
	raw, err := SignCharter(ana(t), c)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := OpenCharter(raw, noon); err != nil || !reflect.DeepEqual(got, c) {
		t.Errorf("OpenCharter = %+v, %v", got, err)
	}
	flipEveryByte(t, raw, func(b []byte) error { _, err := OpenCharter(b, noon); return err })

	if _, err := SignCharter(bo(t), c); !errors.Is(err, ErrNotHost) {
		t.Errorf("bo signed ana's charter: %v", err)
	}
	forged := ok(bo(t).Sign(kindCharter, wireCharter(c)))
	if _, err := OpenCharter(forged, noon); !errors.Is(err, ErrNotHost) {
		t.Errorf("opened ana's charter signed by bo: %v", err)
	}
	for name, f := range map[string]func(*Charter){
		"another room": func(c *Charter) { c.Room[0]++ },
		"a raw title":  func(c *Charter) { c.Title = " x" },
		"no version":   func(c *Charter) { c.Version = 0 },
		"access":       func(c *Charter) { c.Access = accesses },
		"time":         func(c *Charter) { c.Created = maxTime + 1 },
	} {
		bad := c
		f(&bad)
		if _, err := SignCharter(ana(t), bad); err == nil {
			t.Errorf("signed with %s", name)
		}
		if _, err := OpenCharter(ok(ana(t).Sign(kindCharter, wireCharter(bad))), noon); err == nil {
			t.Errorf("opened with %s", name)
		}
	}
}
