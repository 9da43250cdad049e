package browser

import (
	_ "embed"
	"testing"
)

//go:embed testdata/playout.js
var playoutScript string

// What the page plays from a WebSocket goes on through jitter and drifting clocks, is fresh again after a page was held up,
// and neither clicks nor leaves out what could be heard.
func TestPlayout(t *testing.T) {
	p := alone(t, "Ana", setup{})
	p.open(p.node.Origin())
	script[bool](p, `(() => {`+playoutScript+`; return true; })()`)
	for _, row := range []struct {
		name, how string
		silences  int     // breaks after the beginning
		longest   float64 // ms
	}{
		{"as it should be", `{seconds: 60}`, 0, 0},
		{"jitter of 20 ms", `{seconds: 60, late: (i) => (i * 7919) % 21}`, 0, 0},
		{"from now on 30 ms later", `{seconds: 60, late: (i) => (i > 1000 ? 30 : 0)}`, 0, 0},
		{"a clock that is fast", `{seconds: 300, ppm: 200}`, 0, 0},
		{"a clock that is slow", `{seconds: 300, ppm: -200}`, 0, 0},
		{"a page held up for a tenth of a second", `{seconds: 60, late: (i) => (i >= 1000 && i < 1005 ? (1005 - i) * 20 : 0)}`, 1, 120},
		{"a loudspeaker held up for a tenth of a second", `{seconds: 60, deaf: 107}`, 0, 0},
		{"a loudspeaker held up for a fifth of a second", `{seconds: 60, deaf: 207}`, 0, 0},
		{"a loudspeaker held up, and something else on each side", `{seconds: 60, deaf: 107, right: 330}`, 0, 0},
		{"a page held up for three seconds", `{seconds: 60, late: (i) => (i >= 1000 && i < 1150 ? (1150 - i) * 20 : 0)}`, 1, 3050},
	} {
		t.Run(row.name, func(t *testing.T) {
			type playedOut struct {
				Silences                                []float64
				Step, Steepest, Apart, Behind, Faintest float64
			}
			seen := script[playedOut](p, `playOut(`+row.how+`)`)
			if len(seen.Silences) == 0 || seen.Silences[0] > 100 {
				t.Fatalf("it begins after %v ms", seen.Silences)
			}
			breaks := seen.Silences[1:]
			if len(breaks) != row.silences {
				t.Errorf("silences of %v ms, want %d", breaks, row.silences)
			}
			for _, ms := range breaks {
				if ms > row.longest {
					t.Errorf("silences of %v ms, want none over %v", breaks, row.longest)
				}
			}
			if seen.Behind < 10 || seen.Behind > 120 {
				t.Errorf("in the end %.0f ms are kept", seen.Behind)
			}
			if row.silences == 0 && seen.Faintest < 0.9 {
				t.Errorf("it is %.2f as loud for a moment", seen.Faintest)
			}
			if seen.Step > 1.05*seen.Steepest || seen.Apart != 0 {
				t.Errorf("a step of %.3f in a tone whose steepest is %.3f, %.3f between the channels", seen.Step, seen.Steepest, seen.Apart)
			}
		})
	}
}

// The node sends a packet of one byte for a frame that is missing, and counts on the browser to conceal it.
func TestBrowserConcealsGaps(t *testing.T) {
	p := alone(t, "Ana", setup{})
	p.open(p.node.Origin())
	for _, toc := range []int{0x78, 0xf8, 0x48} { // hybrid, as the page codes speech; CELT, as it codes music; SILK
		type heard struct {
			Frames int
			Error  string
		}
		got := script[heard](p, `(async (toc) => {
			const heard = { frames: 0, error: "" };
			const decoder = new AudioDecoder({
				output: (data) => (heard.frames += data.numberOfFrames),
				error: (error) => (heard.error = String(error)),
			});
			decoder.configure({ codec: "opus", sampleRate: 48000, numberOfChannels: 1 });
			for (let i = 0; i < 10; i++) {
				const data = i % 3 === 1 ? Uint8Array.of(toc) : Uint8Array.of(toc, 1, 2, 3, 4, 5, 6, 7);
				decoder.decode(new EncodedAudioChunk({ type: "key", timestamp: 20_000 * i, data }));
			}
			await decoder.flush().catch((error) => (heard.error ||= String(error)));
			return heard;
		})(`+asJSON(toc)+`)`)
		if got.Frames != 10*960 || got.Error != "" {
			t.Errorf("of 10 packets like %#x, 3 of them gaps, it makes %d samples, %s", toc, got.Frames, got.Error)
		}
	}
}
