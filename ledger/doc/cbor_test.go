package doc

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

type sample struct {
	N    uint64   `cbor:"1,keyasint"`
	Text string   `cbor:"2,keyasint,omitempty"`
	Key  [4]byte  `cbor:"3,keyasint,omitzero"`
	List [][]byte `cbor:"4,keyasint,omitempty"`
}

func TestCBOR(t *testing.T) {
	// Vectors by hand from RFC 8949.
	for _, c := range []struct {
		name, bytes string
		want        sample
	}{
		{"only what must be", "a1 01 00", sample{}},
		{"one byte integer", "a1 01 17", sample{N: 23}},
		{"two byte integer", "a1 01 1818", sample{N: 24}},
		{"everything", "a4 01 01 02 6161 03 44 01020304 04 82 4105 40", sample{1, "a", [4]byte{1, 2, 3, 4}, [][]byte{{5}, {}}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := unhex(t, c.bytes)
			got, err := Marshal(c.want)
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("Marshal = %x, %v, want %x", got, err, want)
			}
			var v sample
			if err := Unmarshal(want, &v); err != nil {
				t.Fatal(err)
			}
			if again, _ := Marshal(v); !bytes.Equal(again, want) {
				t.Errorf("%+v encodes as %x", v, again)
			}
		})
	}
}

func TestCBORStrict(t *testing.T) {
	for name, s := range map[string]string{
		"nothing":                      "",
		"bytes after the end":          "a1 01 00 00",
		"cut off":                      "a1 01",
		"longer integer than needed":   "a1 01 1817",
		"longer key than needed":       "a1 1801 00",
		"longer map head than needed":  "b801 01 00",
		"key twice":                    "a2 01 00 01 00",
		"unknown key":                  "a2 01 00 05 00",
		"text key":                     "a2 01 00 616e 00",
		"keys out of order":            "a2 02 6161 01 00",
		"missing key":                  "a0",
		"null for zero":                "a1 01 f6",
		"undefined for zero":           "a1 01 f7",
		"null for a list":              "a2 01 00 04 f6",
		"null as an element":           "a2 01 00 04 81 f6",
		"an empty optional field":      "a2 01 00 02 60",
		"a zero optional array":        "a2 01 00 03 44 00000000",
		"array too short":              "a2 01 00 03 43 010203",
		"array too long":               "a2 01 00 03 45 0102030405",
		"array of integers for bytes":  "a2 01 00 03 84 01020304",
		"float for an integer":         "a1 01 f93c00",
		"negative for unsigned":        "a1 01 20",
		"text that is not UTF-8":       "a2 01 00 02 61 ff",
		"bytes for text":               "a2 01 00 02 41 61",
		"indefinite map":               "bf 01 00 ff",
		"indefinite text":              "a2 01 00 02 7f 6161 ff",
		"tag":                          "a1 01 c1 00",
		"self-described tag":           "d9d9f7 a1 01 00",
		"too deep":                     "a2 01 00 04 81 81 81 81 81 81 81 81 81 00",
		"an array longer than allowed": "a2 01 00 04 99 0401" + strings.Repeat("40", 1025),
		"a length that is not there":   "a2 01 00 04 9b 7fffffffffffffff 40",
		"null for the whole":           "f6",
	} {
		t.Run(name, func(t *testing.T) {
			var v sample
			if err := Unmarshal(unhex(t, s), &v); !errors.Is(err, ErrEncoding) {
				t.Errorf("decoded to %+v, %v", v, err)
			}
		})
	}
	if err := Unmarshal(make([]byte, MaxDocument+1), &sample{}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a huge document: %v", err)
	}
}

func FuzzUnmarshal(f *testing.F) {
	f.Add(unhex(f, "a1 01 00"))
	f.Add(unhex(f, "a4 01 01 02 6161 03 44 01020304 04 82 4105 40"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var v sample
		if Unmarshal(b, &v) != nil {
			return
		}
		if again, err := Marshal(v); err != nil || !bytes.Equal(again, b) {
			t.Errorf("%x encodes back to %x, %v", b, again, err)
		}
	})
}
