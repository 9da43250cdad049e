package node

import (
	"errors"
	"testing"
	"time"

	"salon/room"
)

func TestAnnounceEveryIsWithinWhatOthersTake(t *testing.T) {
	for every, good := range map[time.Duration]bool{
		0: true, time.Second / 2: true, 10 * time.Second: true, 24 * time.Second: true,
		-time.Second: false, 1: false, 499 * time.Millisecond: false, 24*time.Second + 1: false, time.Hour: false,
	} {
		o := Options{Home: t.TempDir(), AnnounceEvery: every}
		switch err := o.setDefaults(); {
		case !good:
			if !errors.Is(err, ErrOption) {
				t.Errorf("%v: %v", every, err)
			}
		case err != nil:
			t.Errorf("%v: %v", every, err)
		default:
			// As a host makes it, it is taken.
			at := noon
			raw, err := room.SignAnnouncement(testIdentity(t, 1), room.Announcement{
				Room: roomOf(testIdentity(t, 1), 1), Nonce: [16]byte{1}, Host: testIdentity(t, 1).Author().Person, HostName: "Ana", Title: "Kitchen", Language: "en",
				Version: 1, Time: at.UnixMilli(), Expires: at.Add(o.AnnounceEvery * 5 / 2).UnixMilli(),
			})
			if err != nil {
				t.Fatalf("%v: %v", every, err)
			}
			take(t, newDirectory(), raw, at, true, nil)
		}
	}
}

func TestRelaysLimitsMakeSense(t *testing.T) {
	for _, c := range []struct {
		relay Relay
		good  bool
	}{
		{Relay{}, true}, {Relay{Bandwidth: talkCost}, true}, {Relay{Bandwidth: talkCost - 1}, false}, {Relay{Bandwidth: -1}, false}, {Relay{Listeners: -1}, false},
		{Relay{Rooms: maxRooms}, true}, {Relay{Rooms: maxRooms + 1}, false},
	} {
		o := Options{Home: t.TempDir(), Relay: &c.relay}
		if err := o.setDefaults(); (err == nil) != c.good || err != nil && !errors.Is(err, ErrOption) {
			t.Errorf("%+v: %v", c.relay, err)
		}
	}
}
