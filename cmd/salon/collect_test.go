package main

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"
)

func TestGarbageShare(t *testing.T) {
	for _, tt := range []struct {
		inUse uint64
		want  int
	}{{0, 50}, {1 << 20, 50}, {4 << 20, 50}, {8 << 20, 25}, {10 << 20, 20}, {1 << 40, 20}} {
		if got := garbageShare(tt.inUse); got != tt.want {
			t.Errorf("beside %d bytes %d %%, want %d", tt.inUse, got, tt.want)
		}
	}
}

// What is in use decides, after each collection, in both directions.
func TestCollectBySize(t *testing.T) {
	t.Setenv("GOGC", "")
	before := debug.SetGCPercent(100)
	defer func() { debug.SetGCPercent(before) }()
	small := make([]*[8]byte, 0, 1000) // what is this small shares its memory with others
	for range 500 {
		small = append(small, new([8]byte))
	}
	collectBySize()
	for range 500 {
		small = append(small, new([8]byte))
	}
	defer runtime.KeepAlive(small)
	share := func() int {
		s := []metrics.Sample{{Name: "/gc/gogc:percent"}}
		metrics.Read(s)
		return int(s[0].Value.Uint64())
	}
	await := func(what string, ok func(int) bool) {
		for end := time.Now().Add(20 * time.Second); ; runtime.Gosched() {
			runtime.GC()
			got := share()
			if ok(got) {
				return
			}
			if time.Now().After(end) {
				t.Fatalf("%s the share is %d %%", what, got)
			}
		}
	}
	if got := share(); got != garbageMost {
		t.Fatalf("it begins with %d %%", got)
	}
	large := make([]*[1 << 20]byte, 64)
	for i := range large {
		large[i] = new([1 << 20]byte)
	}
	await("with 64 MB in use", func(n int) bool { return n == garbageLeast })
	runtime.KeepAlive(large)
	await("with little in use", func(n int) bool {
		want := garbageShare(inUse()) // other tests may have left something
		return n-want <= 1 && want-n <= 1
	})
}
