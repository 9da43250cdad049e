package room

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"salon/ledger/doc"
)

func announcement(t testing.TB) Announcement {
	t.Helper()
	c := charter(t)
	return Announcement{
		Room: c.Room, Nonce: c.Nonce, Host: c.Host, HostName: "Ana", Title: c.Title, Language: c.Language,
		Tags: []string{"night"}, Mode: Concert, Listeners: 300, Speakers: 2,
		Entries: [][]byte{{4, 127, 0, 0, 1}}, Version: 5,
		Time: noon.UnixMilli(), Expires: noon.UnixMilli() + 25_000,
	}
}

func TestAnnouncementBytes(t *testing.T) {
	a := announcement(t)
	a.Ended, a.Successors, a.Access, a.Price = true, []Person{{2}}, ByTicket, "5.00 EUR"
	want := unhex(t, fmt.Sprintf("b2 01 50 %x 02 50 07000000000000000000000000000000 03 5820 %x "+
		"04 63 416e61 05 6c 4576656e696e672074616c6b 06 62 656e 07 81 65 6e69676874 08 01 09 02 0a 19 012c 0b 02 "+
		"0c 81 45 047f000001 0d 05 0e 1b 000001a3185c5000 0f 1b 000001a3185cb1a8 10 f5 14 81 5820 02"+strings.Repeat("00", 31)+" 15 68 352e303020455552",
		[16]byte(a.Room), [32]byte(a.Host)))
	if got := ok(doc.Marshal(announcementWire(a))); !bytes.Equal(got, want) {
		t.Errorf("announcement\n%x, want\n%x", got, want)
	}
	raw, err := SignAnnouncement(ana(t), a)
	if err != nil {
		t.Fatal(err)
	}
	got, author, err := ParseAnnouncement(raw)
	if err != nil || author != ana(t).Author() || fmt.Sprint(*got) != fmt.Sprint(a) {
		t.Errorf("ParseAnnouncement = %+v, %v, %v", got, author, err)
	}
	flipEveryByte(t, raw, func(b []byte) error {
		if _, _, err := ParseAnnouncement(b); err != nil {
			return err
		}
		return VerifyAnnouncement(b, noon)
	})
}

func TestAnnouncementRefused(t *testing.T) {
	many := func(n int, s string) (tags []string) {
		for i := range n {
			tags = append(tags, s+string(rune('a'+i)))
		}
		return tags
	}
	for _, c := range []struct {
		name   string
		change func(*Announcement)
		want   error
	}{
		{"somebody else's room", func(a *Announcement) { a.Room[3]++ }, ErrRoomID},
		{"another nonce", func(a *Announcement) { a.Nonce[3]++ }, ErrRoomID},
		{"another host", func(a *Announcement) { a.Host = key(2).Public(); a.Room = NewID(a.Host, a.Nonce) }, ErrNotHost},
		{"born dead", func(a *Announcement) { a.Expires = a.Time }, ErrLifetime},
		{"a long life", func(a *Announcement) { a.Expires = a.Time + MaxLifetime.Milliseconds() + 1 }, ErrLifetime},
		{"a life that overflows", func(a *Announcement) { a.Time, a.Expires = -1<<63, 1<<63-1 }, ErrField},
		{"a mode of the future", func(a *Announcement) { a.Mode = modes }, ErrField},
		{"an access of the future", func(a *Announcement) { a.Access = accesses }, ErrField},
		{"no version", func(a *Announcement) { a.Version = 0 }, ErrField},
		{"a crowded stage", func(a *Announcement) { a.Speakers = MaxSeats + 1 }, ErrField},
		{"many tags", func(a *Announcement) { a.Tags = many(MaxTags+1, "t") }, ErrField},
		{"a tag twice", func(a *Announcement) { a.Tags = []string{"x", "x"} }, ErrField},
		{"an empty tag", func(a *Announcement) { a.Tags = []string{""} }, ErrField},
		{"a long tag", func(a *Announcement) { a.Tags = []string{strings.Repeat("x", maxTag+1)} }, doc.ErrTextLong},
		{"many entries", func(a *Announcement) { a.Entries = make([][]byte, MaxEntries+1) }, ErrField},
		{"an empty entry", func(a *Announcement) { a.Entries = [][]byte{{}} }, ErrField},
		{"a long entry", func(a *Announcement) { a.Entries = [][]byte{make([]byte, maxEntry+1)} }, ErrField},
		{"a bad language", func(a *Announcement) { a.Language = "EN" }, ErrField},
		{"no title", func(a *Announcement) { a.Title = "" }, ErrField},
		{"a title with a bidi control", func(a *Announcement) { a.Title = "a\u202eb" }, doc.ErrText},
		{"a price of an open room", func(a *Announcement) { a.Price = "5.00 EUR" }, ErrField},
		{"a price in words", func(a *Announcement) { a.Access, a.Price = ByTicket, "five EUR" }, ErrField},
		{"a price without a number", func(a *Announcement) { a.Access, a.Price = ByTicket, ". EUR" }, ErrField},
		{"a price of nothing", func(a *Announcement) { a.Access, a.Price = ByTicket, "5" }, ErrField},
		{"a price with more to read", func(a *Announcement) { a.Access, a.Price = ByTicket, "5 EUR or so" }, ErrField},
		{"a long price", func(a *Announcement) { a.Access, a.Price = ByTicket, strings.Repeat("9", maxPrice)+" EUR" }, ErrField},
		{"no name", func(a *Announcement) { a.HostName = "" }, ErrField},
		{"a name with space around", func(a *Announcement) { a.HostName = "Ana " }, doc.ErrText},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := announcement(t)
			c.change(&a)
			if _, err := SignAnnouncement(ana(t), a); !errors.Is(err, c.want) {
				t.Errorf("signed: %v, want %v", err, c.want)
			}
			if _, _, err := ParseAnnouncement(ok(ana(t).Sign(kindAnnouncement, announcementWire(a)))); !errors.Is(err, c.want) {
				t.Errorf("parsed: %v, want %v", err, c.want)
			}
		})
	}
	if _, _, err := ParseAnnouncement(make([]byte, MaxAnnouncement+1)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a large one: %v", err)
	}
}

func TestAnnouncementTime(t *testing.T) {
	a := announcement(t)
	for _, c := range []struct {
		name string
		at   time.Duration
		want error
	}{
		{"at once", 0, nil},
		{"at its end", 25 * time.Second, nil},
		{"by a clock that is a little fast", 30 * time.Second, nil},
		{"after 30 s", 30*time.Second + time.Millisecond, ErrStale},
		{"by a slow clock", -doc.Skew, nil},
		{"from the future", -doc.Skew - time.Millisecond, ErrFuture},
	} {
		if err := a.CheckTime(noon.Add(c.at)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	if got := a.Until(noon.Add(-time.Minute)); !got.Equal(noon.Add(-35 * time.Second)) {
		t.Errorf("a slow clock keeps it until %v", got)
	}
	if got := a.Until(noon.Add(20 * time.Second)); !got.Equal(noon.Add(30 * time.Second)) {
		t.Errorf("a late reader keeps it until %v", got)
	}
}

// However long its texts and its certificate, a valid announcement fits; tags go first and one entry stays.
func TestAnnouncementAlwaysFits(t *testing.T) {
	a := announcement(t)
	a.Title, a.HostName, a.Language = strings.Repeat("ش", MaxTitle), strings.Repeat("😀", 16), "abc-defghijk-lmn"
	a.Listeners, a.Speakers, a.Version, a.Ended = 1<<32-1, MaxSeats, 1<<64-1, true
	a.Tags = []string{strings.Repeat("😀", 8), strings.Repeat("é", 16)}
	a.Access, a.Price = ByTicket, strings.Repeat("9", maxPrice-4)+" EUR"
	for i := range MaxEntries {
		a.Entries = append(a.Entries[:i:i], bytes.Repeat([]byte{byte(i)}, maxEntry))
	}
	raw, err := SignAnnouncement(identity(t, 1, 101, strings.Repeat("😀", 32)), a)
	if err != nil {
		t.Fatal(err)
	}
	got, _, err := ParseAnnouncement(raw)
	if err != nil || len(got.Tags) != 0 || len(got.Entries) == 0 || !bytes.Equal(got.Entries[0], a.Entries[0]) {
		t.Errorf("%d bytes: %+v, %v", len(raw), got, err)
	}
	if len(a.Tags) != 2 || len(a.Entries) != MaxEntries {
		t.Error("the caller's announcement was changed")
	}
}
