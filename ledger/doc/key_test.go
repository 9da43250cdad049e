package doc

import (
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// seed returns a key for tests: the same number, the same key.
func seed(n byte) PrivateKey { return PrivateKeyFromSeed([32]byte{n}) }

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestKeyOfRFC8032(t *testing.T) {
	s := [32]byte(unhex(t, "9d61b19deffd5a60ba844af492ec2cc4 4449c5697b326919703bac031cae7f60"))
	want := PublicKey(unhex(t, "d75a980182b10ab7d54bfed3c964073a 0ee172f3daa62325af021a68f707511a"))
	k := PrivateKeyFromSeed(s)
	if k.Public() != want || k.Seed() != s {
		t.Errorf("key of %x is %x", k.Seed(), k.Public())
	}
	sig := k.Sign("salon/x/1", []byte("msg"))
	if !ed25519.Verify(want[:], []byte("salon/x/1\x00msg"), sig[:]) {
		t.Error("Sign does not sign domain, zero byte, message")
	}
	if !want.Verify("salon/x/1", []byte("msg"), sig) || want.Verify("salon/y/1", []byte("msg"), sig) {
		t.Error("Verify does not follow the domain")
	}
	if (PublicKey{}).Verify("salon/x/1", []byte("msg"), sig) {
		t.Error("the zero key verified something")
	}
}

func TestPublicKeyText(t *testing.T) {
	// 0x00 0x44 0x32 ... in groups of five bits: 00000 00001 00010 00011 001...
	var k PublicKey
	copy(k[:], unhex(t, "0044 3214 c7"))
	const want = "abcdefgh"
	if got := k.String(); got != want+strings.Repeat("a", 44) || k.Short() != want[:6] {
		t.Errorf("String() = %q", got)
	}
	for _, s := range []string{k.String(), strings.ToUpper(k.String()), " " + k.String() + "\n"} {
		if got, err := ParsePublicKey(s); err != nil || got != k {
			t.Errorf("ParsePublicKey(%q) = %v, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "abc", k.String() + "a", k.String()[:51], k.String()[:51] + "b",
		k.String()[:51] + "1", k.String()[:50] + "\na", strings.Repeat("=", 52)} {
		if got, err := ParsePublicKey(s); err == nil {
			t.Errorf("ParsePublicKey(%q) = %v, want an error", s, got)
		}
	}
	b, err := json.Marshal(k)
	var back PublicKey
	if err != nil || json.Unmarshal(b, &back) != nil || back != k {
		t.Errorf("JSON %s, %v", b, err)
	}
	if json.Unmarshal([]byte(`"abc"`), &back) == nil {
		t.Error("a short key came out of JSON")
	}
}

func TestPrivateKeyStaysHidden(t *testing.T) {
	k := NewPrivateKey()
	s := k.Seed()
	for _, shown := range []string{fmt.Sprint(k), fmt.Sprintf("%v %+v %#v %s", k, k, k, k), k.LogValue().String()} {
		if !strings.Contains(shown, k.Public().Short()) || strings.Contains(shown, hex.EncodeToString(s[:4])) ||
			strings.Contains(shown, fmt.Sprint(s[:4])[1:]) {
			t.Errorf("a private key prints as %q", shown)
		}
	}
	if b, err := json.Marshal(map[string]any{"k": k}); err != nil || string(b) != `{"k":{}}` {
		t.Errorf("a private key is %s in JSON", b)
	}
	if (PrivateKey{}).String() != "no private key" || !(PrivateKey{}).IsZero() {
		t.Error("the zero key is not told apart")
	}
	if NewPrivateKey().Seed() == s {
		t.Error("two new keys are the same")
	}
}
