package browser

import (
	"slices"
	"testing"
)

// soundAim is how soon after a click on a room it should be heard, in ms.
const soundAim = 400

// BenchmarkClickToSound is the time from a click on a room of the list to its first sound in the browser, by the browser's
// clock. Each round clicks twice: in a page that was just opened, where the browser starts its sound for the first time,
// and again in the same page.
func BenchmarkClickToSound(b *testing.B) {
	ana, bo := meet(b, microphone(b, breathless(voice(b, anasVoice))), "")
	ana.startsRoom("A stopwatch", "talk")
	ana.sees(`seat[data-speaking]`)
	var first, again []float64
	for b.Loop() {
		bo.open("about:blank")
		bo.open(bo.node.Origin())
		for _, times := range []*[]float64{&first, &again} {
			bo.clicks("listen")
			bo.until("first sound", `ear.firstSound > 0`)
			*times = append(*times, script[float64](bo, `ear.firstSound - ear.clicked`))
			bo.clicks("leave")
			bo.sees("room-card")
		}
	}
	b.ReportMetric(0, "ns/op") // the rounds themselves mean nothing
	for name, times := range map[string][]float64{"new-page": first, "again": again} {
		slices.Sort(times)
		p50 := times[len(times)/2]
		b.ReportMetric(p50, name+"-p50-ms")
		b.ReportMetric(p50/soundAim, name+"-x-aim")
	}
}
