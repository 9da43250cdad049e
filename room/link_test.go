package room

import (
	"encoding/base64"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

func link(t testing.TB) Link {
	return Link{Room: charter(t).Room, Host: key(1).Public(), Device: key(101).Public(), Addrs: [][]byte{{4, 127, 0, 0, 1}}}
}

func TestLink(t *testing.T) {
	l := link(t)
	// version 1, then {1: room, 2: host, 3: device, 4: [address]}
	want := "salon:" + base64.RawURLEncoding.EncodeToString(unhex(t, fmt.Sprintf("01 a4 01 50 %x 02 5820 %x 03 5820 %x 04 81 45 047f000001",
		[16]byte(l.Room), [32]byte(l.Host), [32]byte(l.Device))))
	if got := l.String(); got != want {
		t.Errorf("String() = %s, want %s", got, want)
	}
	for _, s := range []string{want, "  " + want + "\r\n"} {
		if got, err := ParseLink(s); err != nil || !reflect.DeepEqual(got, l) {
			t.Errorf("ParseLink(%q) = %+v, %v", s, got, err)
		}
	}
	if strings.Trim(want, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_:") != "" {
		t.Errorf("%s wants quoting", want)
	}
	// With an invitation it is of version 2: {1: room, 2: host, 3: device, 5: secret}
	invites := Link{Room: l.Room, Host: l.Host, Device: l.Device, Secret: [32]byte{7}}
	want = "salon:" + base64.RawURLEncoding.EncodeToString(unhex(t, fmt.Sprintf("02 a4 01 50 %x 02 5820 %x 03 5820 %x 05 5820 07%062x",
		[16]byte(l.Room), [32]byte(l.Host), [32]byte(l.Device), 0)))
	if got := invites.String(); got != want {
		t.Errorf("String() = %s, want %s", got, want)
	}
	if got, err := ParseLink(want); err != nil || !reflect.DeepEqual(got, invites) {
		t.Errorf("ParseLink(%q) = %+v, %v", want, got, err)
	}
	// What cannot be taken back is left out.
	l.Addrs = [][]byte{{}, make([]byte, maxEntry+1)}
	for range MaxLinkAddrs + 3 {
		l.Addrs = append(l.Addrs, make([]byte, maxEntry))
	}
	if got, err := ParseLink(l.String()); err != nil || len(got.Addrs) != MaxLinkAddrs {
		t.Errorf("with many addresses: %d, %v", len(got.Addrs), err)
	}
}

func TestLinkRefused(t *testing.T) {
	good := link(t).String()
	nobody := link(t)
	nobody.Host = Person{}
	for name, s := range map[string]string{
		"empty":                           "",
		"another scheme":                  "https://example.org",
		"no content":                      "salon:",
		"padding":                         good + "=",
		"broken over lines":               good[:40] + "\n" + good[40:],
		"cut off":                         good[:len(good)-3],
		"another version":                 "salon:Aw" + good[8:],
		"version 2 without an invitation": "salon:Ag" + good[8:],
		"spare bits":                      good[:len(good)-1] + string(good[len(good)-1]+1),
		"nobody":                          nobody.String(),
		"longer than allowed":             "salon:" + strings.Repeat("A", maxLink),
	} {
		if got, err := ParseLink(s); !errors.Is(err, ErrLink) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func FuzzLink(f *testing.F) {
	f.Add(link(f).String())
	invites := link(f)
	invites.Secret = [32]byte{7}
	f.Add(invites.String())
	f.Add("salon:")
	f.Fuzz(func(t *testing.T, s string) {
		l, err := ParseLink(s)
		if err != nil {
			return
		}
		if got := l.String(); got != strings.TrimSpace(s) {
			t.Errorf("%q writes back as %q", s, got)
		}
	})
}
