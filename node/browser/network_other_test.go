//go:build !linux

package browser

import (
	"context"
	"os/exec"
	"testing"
)

const secondRole = "second"

func own() []string          { return nil }
func ownNetworks() bool      { return false }
func layCable() (end func()) { return func() {} }
func beSecond()              {}
func dieWithUs(*exec.Cmd)    {}

func inOwnNetwork(context.Context, ...string) *exec.Cmd { return nil } // there are none

func offline(t testing.TB) computer {
	t.Helper()
	t.Skip("a computer without a network takes Linux' network namespaces")
	return computer{}
}

func plugIn(testing.TB, computer)                   {}
func tunnel(testing.TB, computer, computer, string) {}
