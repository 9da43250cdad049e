//go:build unix

package main

import (
	"syscall"
	"time"
)

// ownTimes are the CPU times that this process has used, in user mode and in the kernel.
func ownTimes() (user, system time.Duration) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // only wrong arguments are errors
	}
	return time.Duration(u.Utime.Nano()), time.Duration(u.Stime.Nano())
}
