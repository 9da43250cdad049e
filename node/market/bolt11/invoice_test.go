package bolt11

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"time"

	"salon/ledger"
)

// The examples of BOLT 11, all signed with one key.
const (
	example = "03e7156ae33b0a208d0744199163177e909e80176e55d97a2f221ede0f934dd9ad"
	hash    = "0001020304050607080900010203040506070809000102030405060708090102"
	cake    = "3925b6f67e2c340036ed12093dd44e0368df1b6ea26c53dbe4811f58fd5db8c1"

	gift   = "lnbc1pvjluezpp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqdpl2pkx2ctnv5sxxmmwwd5kgetjypeh2ursdae8g6twvus8g6rfwvs8qun0dfjkxaq8rkx3yf5tcsyz3d73gafnh3cax9rn449d9p5uxz9ezhhypd0elx87sjle52x86fux2ypatgddc6k63n7erqz25le42c4u4ecky03ylcqca784w"
	coffee = "lnbc2500u1pvjluezpp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqdq5xysxxatsyp3k7enxv4jsxqzpuaztrnwngzn3kdzw5hydlzf03qdgm2hdq27cqv3agm2awhz5se903vruatfhq77w3ls4evs3ch9zw97j25emudupq63nyw24cg27h2rspfj9srp"
	list   = "lnbc20m1pvjluezpp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqhp58yjmdan79s6qqdhdzgynm4zwqd5d7xmw5fk98klysy043l2ahrqscc6gd6ql3jrc5yzme8v4ntcewwz5cnw92tz0pc8qcuufvq7khhr8wpald05e92xw006sq94mg8v2ndf4sefvf9sygkshp5zfem29trqq2yxxz7"
)

func TestExamples(t *testing.T) {
	for name, v := range map[string]struct {
		invoice string
		amount  ledger.Amount
		purpose string
		expiry  time.Duration
	}{
		"any amount":     {gift, 0, strings.Repeat("00", 32), time.Hour},
		"a cup":          {coffee, 250_000_000, strings.Repeat("00", 32), time.Minute},
		"a list":         {list, 2_000_000_000, cake, time.Hour},
		"capital letter": {strings.ToUpper(list), 2_000_000_000, cake, time.Hour},
	} {
		inv, err := Parse(v.invoice)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if inv.Network != "bc" || inv.Amount != v.amount || hex.EncodeToString(inv.Hash[:]) != hash || hex.EncodeToString(inv.Purpose[:]) != v.purpose ||
			hex.EncodeToString(inv.Payee[:]) != example || inv.Time.Unix() != 1496314658 || inv.Expires.Sub(inv.Time) != v.expiry {
			t.Errorf("%s: %+v", name, inv)
		}
	}
}

// Attack: an invoice of which something was changed. The checksum finds it; who makes a new one signs with another key.
func TestChangedInvoices(t *testing.T) {
	for i := range list {
		for _, c := range []byte("qp1A ") {
			if list[i] == c {
				continue
			}
			if inv, err := Parse(list[:i] + string(c) + list[i+1:]); !errors.Is(err, ErrInvoice) {
				t.Errorf("byte %d is %q: %+v, %v", i, c, inv, err)
			}
		}
	}
	for i := range list {
		if _, err := Parse(list[:i]); !errors.Is(err, ErrInvoice) {
			t.Errorf("%d bytes: %v", i, err)
		}
	}
}

func TestAmounts(t *testing.T) {
	for prefix, want := range map[string]ledger.Amount{
		"lnbc": 0, "lnbc1": 100_000_000_000, "lnbc20m": 2_000_000_000, "lnsb2500u": 250_000_000, "lntbs7n": 700, "lnbcrt10p": 1, "lnbc25000000000p": 2_500_000_000,
	} {
		if _, a, err := readPrefix(prefix); err != nil || a != want {
			t.Errorf("%s: %d, %v", prefix, a, err)
		}
	}
	for _, prefix := range []string{"", "ln", "bc1", "ln5u", "lnbc0u", "lnbc01m", "lnbc1p", "lnbc15p", "lnbc1x", "lnbc1mm", "lnbc-1m",
		"lnbc900000", "lnbc99999999999999999999999999", "lnbc99999999999999999999p"} {
		if network, a, err := readPrefix(prefix); err == nil {
			t.Errorf("%s: %s, %d", prefix, network, a)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{gift, coffee, list, "lnbc1", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		inv, err := Parse(s)
		if err == nil && (inv.Amount < 0 || inv.Amount > ledger.MaxAmount || inv.Expires.Before(inv.Time)) {
			t.Errorf("%q: %+v", s, inv)
		}
	})
}
