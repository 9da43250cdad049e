//go:build unix

package load

import (
	"syscall"
	"time"
)

// OwnTimes are the CPU times that this process has used, in user mode and in the kernel.
func OwnTimes() (user, system time.Duration) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // only wrong arguments are errors
	}
	return time.Duration(u.Utime.Nano()), time.Duration(u.Stime.Nano())
}
