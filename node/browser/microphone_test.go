package browser

import (
	"testing"

	"github.com/chromedp/cdproto/browser"
)

// What keeps a microphone from being heard is said, and what to do about it; what is mended is taken up.
func TestMicrophoneTrouble(t *testing.T) {
	for _, row := range []struct {
		name  string
		setup setup
		after string // JavaScript that makes the trouble, once the microphone is on
		want  string // data-problem
		says  []string
		mend  func(p *person)
	}{
		{
			name:  "denied",
			setup: setup{microphone: "voice", permission: browser.PermissionSettingDenied},
			want:  "denied", says: []string{"blocks the microphone", "allow the microphone"},
			mend: func(p *person) { p.permit(allowed) }, // nobody has to click
		},
		{
			name: "missing",
			want: "none", says: []string{"No microphone found", "Plug one in"},
		},
		{
			name:  "silent",
			setup: setup{microphone: "silence"},
			want:  "silent", says: []string{"hear nothing from your microphone", "mute switch"},
		},
		{
			name:  "unplugged",
			setup: setup{microphone: "voice"},
			// Chromium's false devices cannot be pulled out; this is what it tells the page when a real one is.
			after: `ear.microphones.at(-1).stop(), ear.microphones.at(-1).dispatchEvent(new Event("ended"))`,
			want:  "unplugged", says: []string{"was unplugged", "Nobody hears you now"},
			mend: func(p *person) {
				script[bool](p, `navigator.mediaDevices.dispatchEvent(new Event("devicechange"))`)
			},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			switch row.setup.microphone {
			case "voice":
				row.setup.microphone = microphone(t, breathless(voice(t, anasVoice)))
			case "silence":
				row.setup.microphone = microphone(t, make([]float32, 5*rate))
			}
			p := alone(t, "Ana", row.setup)
			p.open(p.node.Page)
			p.startsRoom("Microphones", "talk")
			if row.after != "" {
				p.until("have a microphone", `ear.microphones.length > 0`)
				p.sees(`seat[data-speaking]`)
				script[bool](p, row.after)
			}
			p.sees(`mic-problem[data-problem="` + row.want + `"]`)
			if text := p.reads("mic-problem"); !contains(text, row.says...) {
				t.Errorf("the page says %q", text)
			}
			if row.mend == nil {
				return
			}
			row.mend(p)
			p.seesNo("mic-problem")
			p.sees(`seat[data-speaking]`)
		})
	}
}
