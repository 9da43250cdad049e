package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// How much garbage may gather, beside what is in use, until it is collected: half as much in a small node, and in a large one
// a fifth. Go's own way is as much again, which is a lot of memory where a thousand listen, for whom next to no garbage is made:
// 1.3 kB a second each, measured. A collection takes 50 us a listener, so that one every ten seconds costs 5 us a second of the
// 90 that a listener may take.
const (
	garbageMost  = 50 // per cent
	garbageLeast = 20
	garbageSmall = 2 << 20 // bytes; between the two limits this much
)

// garbageShare is how much garbage may gather beside so many bytes, per cent of them.
func garbageShare(used uint64) int {
	return int(min(max(100*garbageSmall/max(used, 1), garbageLeast), garbageMost))
}

// collectBySize keeps to garbageShare, unless GOGC says otherwise.
func collectBySize() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbageMost)
		(&collections{share: garbageMost}).await()
	}
}

// collections is told of each collection, by being garbage.
type collections struct {
	share int
	_     [2]uintptr // below 16 bytes it would share its memory with others, and end with the last of them
}

func (c *collections) await() {
	runtime.SetFinalizer(&collections{share: c.share}, (*collections).happened)
}

// happened is called after a collection. To set the share stops everything for a moment, and so is not done for a per cent more or
// less, but to get to the end of its range.
func (c *collections) happened() {
	share := garbageShare(inUse())
	if end := share == garbageLeast || share == garbageMost; end && share != c.share || max(share-c.share, c.share-share) > 1 {
		c.share = share
		debug.SetGCPercent(share)
	}
	c.await()
}

// inUse is how many bytes the last collection found in use, as Go reckons for the next.
func inUse() (all uint64) {
	s := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/scan/stack:bytes"}}
	metrics.Read(s)
	for _, x := range s {
		if x.Value.Kind() == metrics.KindUint64 {
			all += x.Value.Uint64()
		}
	}
	return all
}
