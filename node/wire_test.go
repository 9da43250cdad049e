package node

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
)

func TestReadMessage(t *testing.T) {
	long := strings.Repeat("ab", 300)
	for _, c := range []struct {
		name, bytes string
		max         int
		want        string
		err         error
	}{
		{"nothing in it", "00", 10, "", nil},
		{"one byte", "01 2a", 10, "2a", nil},
		{"as long as allowed", "03 010203", 3, "010203", nil},
		{"a length of two bytes", "ac02 " + long, 300, long, nil},
		{"what follows is not touched", "01 2a 01 2b", 10, "2a", nil},
		{"one byte longer than allowed", "04 01020304", 3, "", errTooLong},
		{"longer than there is memory", "ffffffffffffffffff01", 1 << 20, "", errTooLong},
		{"the end", "", 10, "", io.EOF},
		{"half a length", "ac", 300, "", io.ErrUnexpectedEOF},
		{"no byte of it", "03", 10, "", io.ErrUnexpectedEOF},
		{"cut off", "03 0102", 10, "", io.ErrUnexpectedEOF},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := unhex(t, c.bytes)
			for how, r := range map[string]io.Reader{"at once": bytes.NewReader(in), "byte by byte": iotest.OneByteReader(bytes.NewReader(in))} {
				got, err := readMessage(bufio.NewReader(r), nil, c.max)
				if !errors.Is(err, c.err) || !bytes.Equal(got, unhex(t, c.want)) {
					t.Errorf("%s: %x, %v; want %s, %v", how, got, err, c.want, c.err)
				}
			}
		})
	}
	if _, err := readMessage(bufio.NewReader(bytes.NewReader(unhex(t, "ffffffffffffffffff7f"))), nil, 10); err == nil {
		t.Error("a length of more than 64 bits was read")
	}
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A peer that announces much and sends little costs little.
func TestReadMessageAllocatesWhatArrives(t *testing.T) {
	lie := appendMessage(nil, make([]byte, maxDirectory))[:20]
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 100 {
		if _, err := readMessage(bufio.NewReaderSize(bytes.NewReader(lie), 16), nil, maxDirectory); err == nil {
			t.Fatal("a message that was cut off was read")
		}
	}
	runtime.ReadMemStats(&after)
	if n := (after.TotalAlloc - before.TotalAlloc) / 100; n > 64<<10 {
		t.Errorf("%d bytes allocated for a message of which 17 came", n)
	}
}

func TestMessagesFollowEachOtherInOneBuffer(t *testing.T) {
	var wire []byte
	want := [][]byte{make([]byte, 40<<10), {1}, {}, []byte(strings.Repeat("x", 300))}
	for _, m := range want {
		wire = appendMessage(wire, m)
	}
	r := bufio.NewReader(bytes.NewReader(wire))
	var buf []byte
	var err error
	for i, m := range want {
		if buf, err = readMessage(r, buf, maxControl); err != nil || !bytes.Equal(buf, m) {
			t.Fatalf("message %d: %d bytes, %v", i, len(buf), err)
		}
	}
	if _, err := readMessage(r, buf, maxControl); !errors.Is(err, io.EOF) {
		t.Errorf("after the last: %v", err)
	}
}

func FuzzReadMessage(f *testing.F) {
	f.Add([]byte("\x03abc\x00"), 3)
	f.Add([]byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), 1<<20)
	f.Add([]byte("\x80\x80\x00"), 5)
	f.Fuzz(func(t *testing.T, b []byte, max int) {
		max &= 1<<20 - 1
		r := bufio.NewReaderSize(bytes.NewReader(b), 16)
		var buf []byte
		for {
			var err error
			if buf, err = readMessage(r, buf, max); err != nil {
				return
			}
			if len(buf) > max || len(buf) > len(b) {
				t.Fatalf("%d bytes of %d, at most %d allowed", len(buf), len(b), max)
			}
			again, err := readMessage(bufio.NewReader(bytes.NewReader(appendMessage(nil, buf))), nil, max)
			if err != nil || !bytes.Equal(again, buf) {
				t.Fatalf("written and read again: %v", err)
			}
		}
	})
}
