package main

import "time"

// ownCPU is the CPU time that this process has used, in user mode and in the kernel.
func ownCPU() time.Duration {
	user, system := ownTimes()
	return user + system
}
