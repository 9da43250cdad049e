//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package ledger

import "os"

// syncDirectory has nothing to do: Windows syncs no directories, and renames are in NTFS's journal.
func syncDirectory(*os.File) error { return nil }

func letGo(f *os.File) { _ = f.Close() }
