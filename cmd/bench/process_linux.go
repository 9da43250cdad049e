package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// cpuOf is the CPU time that a process has used. It asks the process's own clock: /proc/PID/stat counts in 10 ms, as
// much as an idle node may use in two seconds.
func cpuOf(pid int) (time.Duration, error) {
	const allThreads = 2                 // CPUCLOCK_SCHED of linux/posix-timers_types.h
	clock := int32(^pid)<<3 | allThreads // what clock_getcpuclockid(3) returns
	var t unix.Timespec
	if err := unix.ClockGettime(clock, &t); err != nil {
		return 0, fmt.Errorf("CPU clock of process %d: %w", pid, err)
	}
	return time.Duration(t.Nano()), nil
}

// memoryOf is the memory that a process holds, in MB: all of it, and without what it shares with its file, which the
// system can drop at any time.
func memoryOf(pid int) (all, own float64, err error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0, err
	}
	for line := range strings.Lines(string(b)) {
		name, rest, _ := strings.Cut(line, ":")
		f := strings.Fields(rest)
		if len(f) != 2 || f[1] != "kB" {
			continue
		}
		kB, err := strconv.ParseFloat(f[0], 64)
		if err != nil {
			return 0, 0, err
		}
		switch name {
		case "VmRSS":
			all = kB / 1024
		case "RssAnon":
			own = kB / 1024
		}
	}
	return all, own, nil
}

// residentOf is the memory that a process holds by itself, in kB.
func residentOf(pid int) (float64, error) {
	_, own, err := memoryOf(pid)
	return own * 1024, err
}
