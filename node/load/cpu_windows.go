package load

import (
	"syscall"
	"time"
)

// OwnTimes are the CPU times that this process has used, in user mode and in the kernel.
func OwnTimes() (inUser, inKernel time.Duration) {
	self, err := syscall.GetCurrentProcess()
	if err != nil {
		panic(err) // it is a constant
	}
	var began, ended, kernel, user syscall.Filetime
	if err := syscall.GetProcessTimes(self, &began, &ended, &kernel, &user); err != nil {
		panic(err)
	}
	return span(user), span(kernel)
}

// span is a Filetime that is no date: units of 100 ns.
func span(t syscall.Filetime) time.Duration {
	return 100 * time.Duration(int64(t.HighDateTime)<<32|int64(t.LowDateTime))
}
