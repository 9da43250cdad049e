package node

import (
	"strings"
	"sync"
	"testing"
)

// besides are the tests that run beside others.
var besides sync.Map

// beside has a test run beside others, after those that want the machine for themselves: nodes mostly wait for each other.
// It may be called again and again. A part of a test stays with its test.
func beside(t *testing.T) {
	if _, already := besides.LoadOrStore(t, true); !already && !strings.Contains(t.Name(), "/") {
		t.Parallel()
	}
}
