package ledger

import (
	"crypto/ed25519"
	"testing"
	"time"
)

func BenchmarkAppend(b *testing.B) {
	s := openStore(b, options(b.TempDir(), 1))
	for b.Loop() {
		if _, err := s.Append(noon, func(*Books) ([]Draft, error) { return []Draft{railKey(1)}, nil }); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendParallel(b *testing.B) {
	s := openStore(b, options(b.TempDir(), 1))
	b.SetParallelism(32)
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			if _, err := s.Append(noon, func(*Books) ([]Draft, error) { return []Draft{railKey(1)}, nil }); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkParseRecord(b *testing.B) {
	x := newNode(b, 1)
	x.must(railKey(1).Body)
	for b.Loop() {
		if _, err := parseRecord(x.index.records[1]); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDecide is all of an append but the disk.
func BenchmarkDecide(b *testing.B) {
	x := newNode(b, 1)
	s := &Store{key: x.key}
	for b.Loop() {
		r := &request{now: x.now, decide: func(*Books) ([]Draft, error) { return []Draft{railKey(1)}, nil }}
		if _, err := s.decide(newDraft(x.index, 1), r); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkVerify is a ledger walked on every core, beside the bare cost of its signatures on every core.
func BenchmarkVerify(b *testing.B) {
	const entries = 10_000
	s := openStore(b, options(b.TempDir(), 1))
	for n := 0; n < entries; n += 1000 {
		drafts := make([]Draft, 1000)
		for i := range drafts {
			drafts[i] = railKey(n + i)
		}
		if _, err := s.Append(noon, func(*Books) ([]Draft, error) { return drafts, nil }); err != nil {
			b.Fatal(err)
		}
	}
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		b.Fatal(err)
	}
	message := make([]byte, 300)
	sig := ed25519.Sign(private, message)
	var ours, bare time.Duration
	for b.Loop() {
		began := time.Now()
		if _, err := s.Verify(); err != nil {
			b.Fatal(err)
		}
		ours += time.Since(began)
		began = time.Now()
		inParallel(entries, func(int) {
			if !ed25519.Verify(public, message, sig) {
				b.Error("not verified")
			}
		})
		bare += time.Since(began)
	}
	b.ReportMetric(float64(ours)/float64(bare), "times-its-signatures")
}
