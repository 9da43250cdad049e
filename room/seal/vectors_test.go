package seal

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"
)

type hexBytes []byte

func (h *hexBytes) UnmarshalText(b []byte) error {
	*h = make([]byte, hex.DecodedLen(len(b)))
	_, err := hex.Decode(*h, b)
	return err
}

type vectors struct {
	Header []struct {
		KID     uint64   `json:"kid"`
		CTR     uint64   `json:"ctr"`
		Encoded hexBytes `json:"encoded"`
	} `json:"header"`
	CTRHMAC []struct {
		Suite Suite    `json:"cipher_suite"`
		Key   hexBytes `json:"key"`
		Nonce hexBytes `json:"nonce"`
		AAD   hexBytes `json:"aad"`
		PT    hexBytes `json:"pt"`
		CT    hexBytes `json:"ct"`
	} `json:"aes_ctr_hmac"`
	SFrame []struct {
		Suite     Suite    `json:"cipher_suite"`
		KID       uint64   `json:"kid"`
		CTR       uint64   `json:"ctr"`
		BaseKey   hexBytes `json:"base_key"`
		KeyLabel  hexBytes `json:"sframe_key_label"`
		SaltLabel hexBytes `json:"sframe_salt_label"`
		Key       hexBytes `json:"sframe_key"`
		Salt      hexBytes `json:"sframe_salt"`
		Metadata  hexBytes `json:"metadata"`
		Nonce     hexBytes `json:"nonce"`
		AAD       hexBytes `json:"aad"`
		PT        hexBytes `json:"pt"`
		CT        hexBytes `json:"ct"`
	} `json:"sframe"`
}

func readVectors(t *testing.T) vectors {
	t.Helper()
	b, err := os.ReadFile("testdata/rfc9605.json")
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func equal(t *testing.T, what string, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		t.Errorf("%s:\n got %x\nwant %x", what, got, want)
	}
}

func TestRFC9605Headers(t *testing.T) {
	all := readVectors(t).Header
	if len(all) != 289 {
		t.Fatalf("%d header vectors, want the RFC's 289", len(all))
	}
	for _, v := range all {
		equal(t, "header", AppendHeader(nil, v.KID, v.CTR), v.Encoded)
		kid, ctr, n, err := ParseHeader(append(bytes.Clone(v.Encoded), 0xaa))
		if err != nil || kid != v.KID || ctr != v.CTR || n != len(v.Encoded) {
			t.Errorf("%x: KID %x CTR %x length %d, %v", v.Encoded, kid, ctr, n, err)
		}
	}
}

func TestRFC9605CTRHMAC(t *testing.T) {
	all := readVectors(t).CTRHMAC
	if len(all) != 3 {
		t.Fatalf("%d vectors, want 3", len(all))
	}
	for _, v := range all {
		sz, err := v.Suite.sizes()
		if err != nil {
			t.Fatal(err)
		}
		c, err := newCTRHMAC(v.Key, sz.tag)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "sealed", c.Seal(nil, v.Nonce, v.PT, v.AAD), v.CT)
		pt, err := c.Open(nil, v.Nonce, v.CT, v.AAD)
		if err != nil {
			t.Error(err)
		}
		equal(t, "opened", pt, v.PT)
	}
}

func TestRFC9605EverySuite(t *testing.T) {
	seen := map[Suite]bool{}
	for _, v := range readVectors(t).SFrame {
		seen[v.Suite] = true
		equal(t, "key label", []byte(label("key", v.Suite, v.KID)), v.KeyLabel)
		equal(t, "salt label", []byte(label("salt", v.Suite, v.KID)), v.SaltLabel)
		key, salt, err := derive(v.Suite, v.KID, v.BaseKey)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "key", key, v.Key)
		equal(t, "salt", salt, v.Salt)
		k, err := NewKey(v.Suite, v.KID, v.BaseKey)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "sealed", k.Seal(nil, v.CTR, v.Metadata, v.PT), v.CT)
		equal(t, "nonce", k.nonce[:], v.Nonce)
		equal(t, "additional data", k.aad, v.AAD)
		pt, err := k.Open(nil, v.Metadata, v.CT)
		if err != nil {
			t.Error(err)
		}
		equal(t, "opened", pt, v.PT)
	}
	for s := AES128CTRHMACSHA256Tag80; s <= AES256GCMSHA512; s++ {
		if !seen[s] {
			t.Errorf("no vector for suite %d", s)
		}
	}
}
