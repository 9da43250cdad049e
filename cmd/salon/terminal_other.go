//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package main

import "os"

// silence cannot: the passphrase comes from a file or a pipe.
func silence(*os.File) (restore func(), err error) { return nil, errNoTerminal }
