//go:build !windows

package ledger

import "os"

func syncDirectory(d *os.File) error { return d.Sync() }
