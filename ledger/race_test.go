//go:build race

package ledger

// raced: the race detector watches, and everything takes ten times as long. "make test" runs this package without it too.
const raced = true
