package node

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"salon/ledger/doc"
	"salon/room"
)

func openHome(t *testing.T, dir string, now time.Time) *Home {
	t.Helper()
	h, err := OpenHome(dir, now)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestHomeIsTheSamePersonAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "home")
	h := openHome(t, dir, noon)
	who, cert := h.Identity().Author(), h.Identity().Cert()
	if c, err := doc.OpenCert(cert, noon); err != nil || c.Person != who.Person || c.Device != who.Device || who.Person == who.Device {
		t.Fatalf("%+v, %v", c, err)
	}
	key, err := h.Secret()
	if err != nil || len(key) < 32 {
		t.Fatalf("secret of %d characters, %v", len(key), err)
	}
	if _, err := h.SetName("Ana"); err != nil {
		t.Fatal(err)
	}
	if before, err := h.Port(), h.SetPort(40123); before != 0 || err != nil {
		t.Fatalf("port %d, %v", before, err)
	}
	if err := h.SetAPI("http://127.0.0.1:7766"); err != nil {
		t.Fatal(err)
	}
	h.Close()
	h = openHome(t, dir, noon.Add(time.Hour))
	defer h.Close()
	if h.Identity().Author() != who || !bytes.Equal(h.Identity().Cert(), cert) {
		t.Error("another person, or another certificate without need")
	}
	if again, err := h.Secret(); err != nil || again != key {
		t.Errorf("another secret, %v", err)
	}
	if h.Name() != "Ana" || h.Port() != 40123 {
		t.Errorf("name %q, port %d", h.Name(), h.Port())
	}
	for _, damaged := range []string{"", "x", "-1", "0", "65536"} {
		if err := writeFile(h.path("port"), []byte(damaged)); err != nil || h.Port() != 0 {
			t.Errorf("%q is taken for port %d, %v", damaged, h.Port(), err)
		}
	}
	if u, k, err := RunningAPI(dir); err != nil || u != "http://127.0.0.1:7766" || k != key {
		t.Errorf("%q, %v", u, err)
	}
	if runtime.GOOS == "windows" {
		return
	}
	if err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		i, err := d.Info()
		if err != nil {
			return err
		}
		if want := map[bool]fs.FileMode{true: 0o700, false: 0o600}[d.IsDir()]; i.Mode().Perm() != want {
			t.Errorf("%s has mode %o", path, i.Mode().Perm())
		}
		if strings.Count(filepath.Base(path), ".") > 1 {
			t.Errorf("%s was left behind", path)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// A damaged key is who the person is: it is never replaced, and the person is told what to do.
func TestHomeWithADamagedKeyIsRefused(t *testing.T) {
	for _, file := range []string{"person.key", "device.key"} {
		for name, content := range map[string]string{
			"empty": "", "cut off": "00ff", "too long": strings.Repeat("00", 33), "not hex": strings.Repeat("zz", 32),
		} {
			t.Run(file+" "+name, func(t *testing.T) {
				dir := t.TempDir()
				openHome(t, dir, noon).Close()
				path := filepath.Join(dir, file)
				if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
				for range 2 { // the refusal gives the lock back
					_, err := OpenHome(dir, noon)
					if err == nil || errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "backup") {
						t.Errorf("%v", err)
					}
				}
				if b, err := os.ReadFile(path); err != nil || string(b) != content {
					t.Errorf("the file is now %q, %v", b, err)
				}
			})
		}
	}
}

func TestHomeRenewsItsCertificate(t *testing.T) {
	other := t.TempDir()
	openHome(t, other, noon).Close()
	strangers, err := os.ReadFile(filepath.Join(other, "device.cert"))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		after  time.Duration
		change func(path string) error
		same   bool
	}{
		"fresh":                        {time.Hour, nil, true},
		"a day before it must":         {certLife - certRenew - 24*time.Hour, nil, true},
		"near its end":                 {certLife - certRenew + time.Hour, nil, false},
		"long after":                   {2 * certLife, nil, false},
		"damaged":                      {0, func(p string) error { return os.WriteFile(p, []byte("x"), 0o600) }, false},
		"gone":                         {0, os.Remove, false},
		"somebody else's":              {0, func(p string) error { return os.WriteFile(p, strangers, 0o600) }, false},
		"empty, as after a full disk":  {0, func(p string) error { return os.Truncate(p, 0) }, false},
		"from a clock that was ahead":  {-48 * time.Hour, nil, false},
		"a little behind is the same":  {-30 * time.Minute, nil, true},
		"of another device of hers":    {0, func(p string) error { return os.Remove(filepath.Join(filepath.Dir(p), "device.key")) }, false},
		"of another person, same box":  {0, func(p string) error { return os.Remove(filepath.Join(filepath.Dir(p), "person.key")) }, false},
		"written by a newer version ?": {0, func(p string) error { return os.WriteFile(p, append(strangers, 1), 0o600) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			h := openHome(t, dir, noon)
			before := h.Identity().Cert()
			h.Close()
			if c.change != nil {
				if err := c.change(filepath.Join(dir, "device.cert")); err != nil {
					t.Fatal(err)
				}
			}
			now := noon.Add(c.after + time.Second) // signatures are deterministic
			for range 2 {
				h = openHome(t, dir, now)
				cert, err := doc.OpenCert(h.Identity().Cert(), now)
				if err != nil || cert.Person != h.Identity().Author().Person || cert.Device != h.Identity().Author().Device {
					t.Fatalf("%+v, %v", cert, err)
				}
				if bytes.Equal(h.Identity().Cert(), before) != c.same {
					t.Errorf("the same certificate: %t, want %t", !c.same, c.same)
				}
				before, c.same = h.Identity().Cert(), true
				h.Close()
			}
		})
	}
}

func TestHomeIsOneNodes(t *testing.T) {
	dir := t.TempDir()
	h := openHome(t, dir, noon)
	if _, err := OpenHome(dir, noon); !errors.Is(err, ErrInUse) {
		t.Errorf("second open: %v", err)
	}
	h.Close()
	openHome(t, dir, noon).Close()
}

func TestHomeThatCannotBe(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenHome(file, noon); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("a file as home: %v", err)
	}
}

func TestName(t *testing.T) {
	h := openHome(t, t.TempDir(), noon)
	defer h.Close()
	for _, c := range []struct{ name, want string }{
		{"Ana", "Ana"}, {"  Ana \n", "Ana"}, {"سارا", "سارا"}, {strings.Repeat("س", 32), strings.Repeat("س", 32)},
		{"a\u202eb", "ab"}, {"", ""}, {" ", ""}, {"\u202e", ""}, {strings.Repeat("a", room.MaxName+1), ""}, {"a\x00b", ""}, {"\xff", ""},
		{strings.Repeat("س", room.MaxName), ""}, // 80 bytes: no room would take it
	} {
		before := h.Name()
		got, err := h.SetName(c.name)
		if c.want == "" {
			if err == nil || h.Name() != before {
				t.Errorf("SetName(%q) = %q, %v; name %q", c.name, got, err, h.Name())
			}
		} else if err != nil || got != c.want || h.Name() != c.want {
			t.Errorf("SetName(%q) = %q, %v; name %q", c.name, got, err, h.Name())
		}
	}
}

// A file that was edited by hand names nobody in a way that rooms would refuse.
func TestNameEditedByHand(t *testing.T) {
	h := openHome(t, t.TempDir(), noon)
	defer h.Close()
	for content, want := range map[string]string{
		`{"name":"Ana"}`:   "Ana",
		`{"name":" Ana "}`: "Ana",
		`{"name":"` + strings.Repeat("a", 1000) + `"}`: "",
		`{"name":"a\u202eb"}`:                          "ab",
		`{"name":5}`:                                   "",
		`{`:                                            "",
		`{"name":"Ana","of another version":[1,2,3,4,{}]}`: "Ana",
	} {
		if err := os.WriteFile(h.path("settings.json"), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := h.Name(); got != want {
			t.Errorf("%s: name %q, want %q", content, got, want)
		}
	}
}

func TestSecretThatIsTooShortIsReplaced(t *testing.T) {
	h := openHome(t, t.TempDir(), noon)
	defer h.Close()
	if err := os.WriteFile(h.path(keyFile), []byte("short\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := h.Secret(); err != nil || len(s) < 32 {
		t.Errorf("%q, %v", s, err)
	}
}
