package ledger

import "testing"

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
