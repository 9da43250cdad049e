//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package ledger

import (
	"os"
	"syscall"
)

func syncDirectory(d *os.File) error { return d.Sync() }

// letGo gives up a database's lock and closes it. Closing is not enough while it is still mapped into memory.
func letGo(f *os.File) {
	_ = syscall.Flock(int(f.Fd()), syscall.LOCK_UN)
	_ = f.Close()
}
