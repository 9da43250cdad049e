package main

import (
	"errors"
	"strconv"

	"salon/node"
)

// A volunteerFlag is a flag: whether others get the rooms that one hears from here, and for how much upload.
type volunteerFlag struct {
	choice *node.Volunteering // nil: as it was
}

func (v *volunteerFlag) Set(s string) error {
	switch s {
	case "on":
		v.choice = &node.Volunteering{On: true}
		return nil
	case "off":
		v.choice = &node.Volunteering{}
		return nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		return errors.New("it is on, off, or so many kbit/s")
	}
	v.choice = &node.Volunteering{On: true, KBPS: n}
	return nil
}

// String is empty for what was before, which the help then does not show as a default.
func (v *volunteerFlag) String() string {
	switch {
	case v.choice == nil:
		return ""
	case !v.choice.On:
		return "off"
	case v.choice.KBPS == 0:
		return "on"
	}
	return strconv.Itoa(v.choice.KBPS)
}

// Type is what the help shows.
func (v *volunteerFlag) Type() string { return "kbit/s" }
