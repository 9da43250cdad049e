package integration

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"salon/node"
)

// wantRefusal waits for a command to refuse with this exit code and words.
func (p *process) wantRefusal(code int, words ...string) {
	p.t.Helper()
	p.wantExit(code, patience)
	for _, w := range words {
		if !strings.Contains(p.err(), w) {
			p.t.Errorf("salon %s says %q, which lacks %q", strings.Join(p.cmd.Args[1:], " "), p.err(), w)
		}
	}
	for _, ours := range []string{"panic", "goroutine", "runtime error"} {
		if strings.Contains(p.err(), ours) {
			p.t.Errorf("that is not for a person: %s", p.err())
		}
	}
}

// TestInterruptLeavesPolitely: Ctrl-C ends a node within two seconds with exit code 0, whatever it is doing.
func TestInterruptLeavesPolitely(t *testing.T) {
	salon(t)
	t.Parallel()
	idle, hosting, visiting := up(t, overBoth...), up(t, overBoth...), up(t, overBoth...)
	room, err := hosting.api().StartRoom(t.Context(), "Until Ctrl-C", "talk", "en")
	if err != nil {
		t.Fatal(err)
	}
	joined, _, err := visiting.api().Join(t.Context(), room.Link)
	if err != nil || joined.Phase != node.Live {
		t.Fatalf("join: %v, phase %s", err, joined.Phase)
	}
	// A listener that records, too: its file must be whole.
	record := filepath.Join(t.TempDir(), "cut.ogg")
	listener := start(t, t.TempDir(), append([]string{"listen", room.Link, "--record", record}, overBoth...)...)
	if err := hosting.api().Watch(t.Context(), room.ID.String(), func(v node.RoomView) bool { return v.Listeners < 2 }); err != nil {
		t.Fatal(err)
	}
	for _, who := range []struct {
		name string
		p    *process
	}{{"a node with nothing to do", idle}, {"a listener that records", listener}, {"a guest", visiting}, {"a host", hosting}} {
		code, took := who.p.interrupt()
		t.Logf("%s ended %s after SIGINT", who.name, took.Round(time.Millisecond))
		if code != 0 || took > 2*time.Second {
			t.Errorf("%s ended with code %d after %s, want 0 within 2s\n%s", who.name, code, took, who.p.err())
		}
	}
	if b, err := os.ReadFile(record); err != nil || !strings.HasPrefix(string(b), "OggS") {
		t.Errorf("the recording: %v", err)
	}
	if !strings.Contains(listener.out(), "frames expected") {
		t.Errorf("the listener said no figures: %q", listener.out())
	}
}

func TestSecondNodeOnAHome(t *testing.T) {
	salon(t)
	t.Parallel()
	first := up(t, overBoth...)
	start(t, first.home, append([]string{"up", "--no-open"}, overBoth...)...).wantRefusal(1, "runs already", first.home)
	// The first is none the worse.
	if _, err := first.api().Status(t.Context()); err != nil {
		t.Error(err)
	}
	if code, _ := first.interrupt(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	again := start(t, first.home, append([]string{"up", "--no-open", "--web", "127.0.0.1:0"}, overBoth...)...)
	again.line("Stop with Ctrl-C.")
	again.interrupt()
}

// TestWhoIAm: the ID is made once and stays, asked of the home or of the node that runs on it.
func TestWhoIAm(t *testing.T) {
	salon(t)
	t.Parallel()
	home := t.TempDir()
	id := func(args ...string) string {
		p := start(t, home, append([]string{"id"}, args...)...)
		p.wantExit(0, patience)
		lines := strings.Split(p.out(), "\n")
		words := strings.Fields(lines[len(lines)-1])
		if len(words) == 0 || len(words[len(words)-1]) != 52 {
			t.Fatalf("the last line of id is %q", lines[len(lines)-1])
		}
		return words[len(words)-1]
	}
	alone := id("--name", "Ana")
	p := start(t, home, append([]string{"up", "--no-open", "--web", "127.0.0.1:0"}, overBoth...)...)
	p.line("Stop with Ctrl-C.")
	if running := id(); running != alone {
		t.Errorf("id is %s alone and %s while the node runs", alone, running)
	}
	s, err := p.api().Status(t.Context())
	if err != nil || s.Name != "Ana" || s.Person.String() != alone {
		t.Errorf("status %+v, %v", s, err)
	}
	if other := start(t, t.TempDir(), "id"); other.wait(patience) != 0 || strings.HasSuffix(other.out(), alone) {
		t.Error("two homes are one person")
	}
	for args, want := range map[string]map[string]string{
		"id":      {"name": "Ana", "person": alone, "device": s.Device.String()},
		"open":    {"url": p.line("Page:  ")},
		"version": {"version": s.Version},
	} {
		asked := start(t, home, args, "--json")
		asked.wantExit(0, patience)
		var got map[string]string
		if err := json.Unmarshal([]byte(asked.out()), &got); err != nil || !maps.Equal(got, want) {
			t.Errorf("%s --json prints %s, want %v: %v", args, asked.out(), want, err)
		}
	}
	open := start(t, home, "open")
	open.wantExit(0, patience)
	if !strings.HasPrefix(open.out(), "http://127.0.0.1:") {
		t.Errorf("open prints %q", open.out())
	}
	start(t, t.TempDir(), "open").wantRefusal(1, "no salon runs", "salon up")
	version := start(t, t.TempDir(), "version")
	version.wantExit(0, patience)
	if !strings.HasPrefix(version.out(), "salon ") {
		t.Errorf("version prints %q", version.out())
	}
}

// TestWrongUsage: a command line that cannot be meant ends with exit code 2 and says why.
func TestWrongUsage(t *testing.T) {
	salon(t)
	t.Parallel()
	for _, c := range []struct {
		name string
		args []string
		says string
	}{
		{"a command that is not one", []string{"hsot"}, "hsot"},
		{"a flag that is not one", []string{"up", "--loud"}, "--loud"},
		{"up with an argument", []string{"up", "now"}, "now"},
		{"a page for everybody", []string{"up", "--web", "0.0.0.0:7766"}, "loopback"},
		{"a page without a port", []string{"up", "--web", "127.0.0.1"}, "HOST:PORT"},
		{"a listen address that is none", []string{"up", "--no-open", "--listen", "127.0.0.1:4773"}, "multiaddr"},
		{"an announced address that is none", []string{"up", "--no-open", "--announce", "example"}, "multiaddr"},
		{"a peer that is none", []string{"rooms", "--peer", "192.0.2.7:4773"}, "not a peer"},
		{"a peer by a damaged link", []string{"rooms", "--peer", "salon:AaQB"}, "damaged"},
		{"a name of nothing", []string{"up", "--no-open", "--name", " "}, "name"},
		{"a name for id of nothing", []string{"id", "--name", "\t"}, "name"},
		{"a name without end", []string{"host", "--title", "T", "--name", strings.Repeat("a", 41)}, "40"},
		{"host without a title", []string{"host"}, "--title"},
		{"host in a mode that is none", []string{"host", "--title", "T", "--mode", "loud"}, "talk or concert"},
		{"a loop of nothing", []string{"host", "--title", "T", "--loop"}, "--play"},
		{"a time that is none", []string{"host", "--title", "T", "--for", "soon"}, "soon"},
		{"a title that is too long", []string{"host", "--title", strings.Repeat("t", 1000)}, "title"},
		{"a title of nothing visible", []string{"host", "--title", "\u200b"}, "title"},
		{"a language that is none", []string{"host", "--title", "T", "--language", "loud and clear"}, "language"},
		{"listen to nothing", []string{"listen"}, "room or share link"},
		{"listen to two rooms", []string{"listen", "a", "b"}, "not 2"},
		{"a record of no known kind", []string{"listen", "a", "--record", "heard.mp3"}, ".wav"},
		{"speak without words", []string{"speak", "a"}, "--play"},
		{"speak to nobody", []string{"speak", "--play", voiceA}, "room or share link"},
		{"wait for less than nothing", []string{"rooms", "--wait", "-3s"}, "90s"},
		{"a relay for nobody", []string{"relay"}, "--host"},
		{"a relay for somebody unknown", []string{"relay", "--host", "Nobody I know"}, "no person's ID"},
		{"a relay for less than nothing", []string{"relay", "--open", "--rooms", "-1"}, "rooms -1"},
		{"a relay that is no address", []string{"host", "--title", "T", "--relay", "192.0.2.7"}, "not a peer"},
		{"children fewer than none", []string{"up", "--no-open", "--max-children", "-1"}, "children -1"},
		{"a share of nothing", []string{"host", "--title", "T", "--share", "Bo=10%"}, "--access ticket"},
		{"shares of more than all", []string{"host", "--title", "T", "--access", "ticket", "--price", "5 EUR", "--seats", "1", "--share", "Bo=99%"}, "100 %"},
		{"a share of somebody unknown", []string{"host", "--title", "T", "--access", "ticket", "--price", "5 EUR", "--seats", "1", "--share", "Nobody I know=10%"}, "--share Nobody I know"},
		{"a payout by a way that is none", []string{"ledger", "payout", "--rail", "pigeon"}, "iou, hand or lightning"},
		{"a ledger export in no format", []string{"ledger", "export"}, "--csv or --json"},
		{"a ledger that is to be burnt", []string{"ledger", "burn"}, "burn"},
		{"keys without a passphrase", []string{"keys", "export", "keys.safe"}, "--passphrase-file"},
		{"a room for less than nothing", []string{"host", "--title", "T", "--for", "-5s"}, "90s"},
	} {
		t.Run(c.name, func(t *testing.T) {
			args := c.args
			if !strings.Contains(strings.Join(args, " "), "--listen") {
				args = append(args, overBoth...)
			}
			p := start(t, t.TempDir(), args...)
			p.wantRefusal(2, c.says)
			if p.out() != "" {
				t.Errorf("it wrote to standard output: %s", p.out())
			}
		})
	}
}

// TestFilesThatCannotBePlayed: the error names the file and what is wrong, before anybody sees a room.
func TestFilesThatCannotBePlayed(t *testing.T) {
	salon(t)
	t.Parallel()
	dir := t.TempDir()
	write := func(name string, b []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	whole := wav(make([]float32, sampleRate/2))
	opus, err := os.ReadFile(voiceC)
	if err != nil {
		t.Fatal(err)
	}
	id3 := append([]byte("ID3\x04\x00\x00\x00\x00\x00\x23TSSE\x00\x00\x00\x0f\x00\x00\x03Lavf59.27.100"), make([]byte, 400)...)
	for _, c := range []struct{ name, path, says string }{
		{"missing", filepath.Join(dir, "nowhere.wav"), "no such file"},
		{"a folder", dir, "folder"},
		{"mp3", write("song.mp3", append(id3, "\xff\xfb\x90\x64"...)), "WAV"},
		{"mp3 by another name", write("song.wav", []byte("\xff\xfb\x90\x64\x00\x0f\xf0\x00\x00")), "WAV"},
		{"empty", write("empty.wav", nil), "empty"},
		{"cut in its header", write("cut.wav", whole[:30]), ""},
		{"cut after its header", write("silent.wav", whole[:44]), "no sound"},
		{"Opus cut in its header", write("cut.opus", opus[:20]), ""},
		{"Opus cut after its header", write("header.opus", opus[:60]), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, args := range [][]string{{"host", "--title", "T"}, {"host", "--title", "T", "--mode", "concert"}, {"speak", "anywhere"}} {
				p := start(t, t.TempDir(), append(append(args, "--play", c.path), overBoth...)...)
				if code := p.wait(patience); code != 1 && code != 2 {
					t.Errorf("%v: exit code %d, want 1 or 2", args, code)
				}
				if !strings.Contains(p.err(), c.path) || !strings.Contains(p.err(), c.says) {
					t.Errorf("%v says %q: it should name %s and say %q", args, p.err(), c.path, c.says)
				}
				if p.out() != "" {
					t.Errorf("%v opened a room first: %s", args, p.out())
				}
			}
		})
	}
	t.Run("cut in its sound", func(t *testing.T) {
		// What a crash left of a recording is played.
		start(t, t.TempDir(), append([]string{"host", "--title", "T", "--play", write("half.wav", whole[:len(whole)/2])}, overBoth...)...).wantExit(0, patience)
	})
}

// TestRoomsThatCannotBeJoined: an ambiguous prefix lists who could be meant; a damaged link and an unknown room say so.
func TestRoomsThatCannotBeJoined(t *testing.T) {
	salon(t)
	t.Parallel()
	ana := up(t, append([]string{"--name", "Ana"}, overBoth...)...)
	var ids, links []string
	for _, title := range []string{"Kitchen at noon", "Kitchen at night"} {
		r, err := ana.api().StartRoom(t.Context(), title, "talk", "en")
		if err != nil {
			t.Fatal(err)
		}
		ids, links = append(ids, r.ID.String()), append(links, r.Link)
	}
	bo := up(t, append([]string{"--peer", ana.addr()}, overBoth...)...)
	sees(t, bo, "Kitchen at noon", true, patience)
	sees(t, bo, "Kitchen at night", true, patience)

	start(t, bo.home, "listen", "kitchen").wantRefusal(1, "2 rooms", ids[0][:10], ids[1][:10], "Kitchen at noon", "Kitchen at night", "Ana")
	start(t, bo.home, "speak", "kitchen", "--play", voiceC).wantRefusal(1, ids[0][:10], ids[1][:10])
	// A longer prefix, in any case of letters, or one of the ID, is one room's.
	for _, ref := range []string{"KITCHEN AT NI", ids[1], ids[1][:8], links[1], " " + links[1] + "\n"} {
		start(t, bo.home, "listen", ref, "--for", "100ms").wantExit(0, patience)
	}

	// What is wrong usage of a new node is wrong usage of one that runs.
	start(t, bo.home, "rooms", "--name", " ").wantRefusal(2, "name")
	start(t, bo.home, "rooms", "--peer", "192.0.2.7:4773").wantRefusal(2, "not a peer")

	link := links[0]
	middle := len(link) / 2
	other := "A"
	if link[middle] == 'A' {
		other = "B"
	}
	for name, damaged := range map[string]string{
		"cut off":        link[:len(link)-5],
		"only its name":  "salon:",
		"a letter wrong": link[:10] + "!" + link[11:],
		"something else": "salon:bm90aGluZw",
	} {
		t.Run(name, func(t *testing.T) {
			start(t, bo.home, "listen", damaged).wantRefusal(2, "damaged")
			start(t, t.TempDir(), append([]string{"listen", damaged}, overBoth...)...).wantRefusal(2, "damaged")
		})
	}
	// One that still reads as a link leads nowhere, and must end in a refusal too.
	changed := start(t, bo.home, "listen", link[:middle]+other+link[middle+1:], "--for", "2s")
	changed.wantRefusal(1)

	// A room that has ended is told from one that nobody knows.
	if err := ana.api().Act(t.Context(), ids[0], "end", ""); err != nil {
		t.Fatal(err)
	}
	start(t, bo.home, "listen", links[0]).wantRefusal(1, "ended")
	sees(t, bo, "Kitchen at noon", false, patience)
}

// TestDemo: salon demo runs to its end, in words and as objects.
func TestDemo(t *testing.T) {
	t.Parallel()
	p := start(t, t.TempDir(), append([]string{"demo", "--json"}, overBoth...)...)
	p.wantExit(0, 2*time.Minute)
	measured, over := false, false
	for _, l := range strings.Split(p.out(), "\n") {
		var s struct {
			Step, Text   string
			Done, Failed bool
			Heard        *float64
		}
		if err := json.Unmarshal([]byte(l), &s); err != nil || s.Text == "" {
			t.Fatalf("%q: %v", l, err)
		}
		if s.Heard != nil {
			measured = true
			if *s.Heard < 0.99 {
				t.Errorf("the demo heard %.4f: %s", *s.Heard, s.Text)
			}
		}
		over = s.Done && !s.Failed
	}
	if !measured || !over {
		t.Errorf("the demo did not measure or did not end well:\n%s", p.out())
	}
}
