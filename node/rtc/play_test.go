package rtc

import (
	"fmt"
	"strings"
	"testing"
)

func TestCounting(t *testing.T) {
	for _, tt := range []struct {
		name    string
		numbers []uint64
		want    string // places in time, or why not
	}{
		{"in order", []uint64{7, 8, 9}, "0! 1 2"},
		{"a lost frame is a lost packet", []uint64{7, 9, 10}, "0! 2 3"},
		{"reordered keeps its place", []uint64{7, 9, 8, 10}, "0! 2 1 3"},
		{"twice is once", []uint64{7, 8, 8, 7, 9}, "0! 1 duplicate duplicate 2"},
		{"before the first", []uint64{7, 6, 8}, "0! late 1"},
		{"a long gap is a new start", []uint64{7, 8, 1000, 1001}, "0! 1 2! 3"},
		{"nothing comes from before a new start", []uint64{7, 8, 1000, 999, 8, 1001}, "0! 1 2! late late 3"},
		{"far too late", []uint64{100, 101, 150, 200, 101}, "0! 1 50 100 late"},
		{"numbers are clocks", []uint64{1 << 62, 1<<62 + 1}, "0! 1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := counting{seq: 65535, timestamp: 1<<32 - 1}
			var got []string
			for _, n := range tt.numbers {
				h, why := c.next(n)
				if why != "" {
					got = append(got, why)
					continue
				}
				place := h.SequenceNumber - 65535
				if h.Timestamp-(1<<32-1) != uint32(place)*frameSamples {
					t.Errorf("frame %d: sequence says %d, time %d", n, place, h.Timestamp)
				}
				mark := ""
				if h.Marker {
					mark = "!"
				}
				got = append(got, fmt.Sprint(place, mark))
			}
			if got := strings.Join(got, " "); got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
}

func TestQueueDropsOldest(t *testing.T) {
	q := newQueue(3)
	drops := 0
	for i := range uint64(5) {
		if q.push(i, []byte{byte(i)}) {
			drops++
		}
	}
	var got []uint64
	for it := (item{}); q.pop(&it); {
		if len(it.payload) != 1 || it.payload[0] != byte(it.number) {
			t.Errorf("frame %d holds %x", it.number, it.payload)
		}
		got = append(got, it.number)
	}
	if drops != 2 || fmt.Sprint(got) != "[2 3 4]" {
		t.Errorf("%d dropped, left %v", drops, got)
	}
	if n := testing.AllocsPerRun(100, func() {
		var it item
		_ = q.push(1, []byte{1, 2, 3})
		_ = q.pop(&it)
		_ = q.push(2, it.payload[:0])
		_ = q.pop(&it)
	}); n > 2 {
		t.Errorf("%v allocations", n)
	}
}
