package lndtest

import (
	"os"
	"slices"
	"sync"
)

// A File is one that outlives the rail that uses it.
type File struct {
	mu   sync.Mutex // guards the field below
	data []byte
}

// Read returns what was written last.
func (f *File) Read() ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.data == nil {
		return nil, os.ErrNotExist
	}
	return slices.Clone(f.data), nil
}

// Write replaces it.
func (f *File) Write(b []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.data = slices.Clone(b)
	return nil
}
