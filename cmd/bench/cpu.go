package main

import (
	"time"

	"salon/node/load"
)

// ownCPU is the CPU time that this process has used, in user mode and in the kernel.
func ownCPU() time.Duration {
	user, system := load.OwnTimes()
	return user + system
}
