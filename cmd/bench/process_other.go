//go:build !linux

package main

import (
	"errors"
	"time"
)

var errOnlyLinux = errors.New("what another process uses is read from Linux's kernel only")

func cpuOf(int) (time.Duration, error) { return 0, errOnlyLinux }

func memoryOf(int) (all, own float64, err error) { return 0, 0, errOnlyLinux }

func residentOf(int) (float64, error) { return 0, errOnlyLinux }
